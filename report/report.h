/* SPDX-License-Identifier: GPL-2.0 */
/*
 * report.h - a whole report: many files in, text out
 *
 * The command fills a struct report_plan from its options; report_run() opens the files, merges
 * their events and prints them, or prints what was asked for instead of events.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "report/graph.h"
#include "report/input.h"

/* What is printed instead of events. The order is the precedence: the lowest wins. */
enum report_instead {
	INSTEAD_ENDIAN = BIT(0),
	INSTEAD_CPUS = BIT(1),
	INSTEAD_FUNCTIONS = BIT(2),
	INSTEAD_PRINTK = BIT(3),
	INSTEAD_CHECK = BIT(4),
	INSTEAD_NAMES = BIT(5),
	INSTEAD_FORMATS = BIT(6),
	INSTEAD_VERSION = BIT(7),
	INSTEAD_UNAME = BIT(8),
	INSTEAD_STAT = BIT(9),
};

enum { ALL_FILES = -1 };

struct report_file {
	const char *path;
	int64_t ts_offset; /* raw units */
	uint64_t hz;	   /* ticks a second of its clock; 0 = as the file says */
};

/* A text that was given for one file, for one machine, or for all. */
struct report_text {
	const char *text;
	int file;	     /* index, or ALL_FILES */
	const char *machine; /* --guest before it; NULL = any */
	bool exclude;
};

struct report_texts {
	struct report_text *list; /* owned */
	size_t n;
};

/* Names of machines: a guest's, or REPORT_HOST. */
#define REPORT_HOST "host"

struct report_machines {
	const char **list; /* owned array of borrowed texts */
	size_t n;
};

struct report_plan {
	struct report_file *files; /* owned */
	size_t nfiles;
	struct report_texts filters, raw_events, plain_events;
	struct cpu_set cpus;
	struct print_style style;
	struct report_tep_setup tep;
	struct graph_options graph;
	const char *format_regex; /* with INSTEAD_FORMATS: only these events */
	uint64_t hz;		  /* of the files to come */
	unsigned int instead;	  /* enum report_instead */
	unsigned int hide_flags;
	bool no_date, align, check_times, test_filters, wakeup, first, last, quiet;
	bool alone; /* do not look for the files of the guests that the one file names */
	bool vcpus; /* --names: say which vCPU a host's thread is */
	struct report_machines machines; /* --guest: show only these */
};

int report_plan_file(struct report_plan *p, const char *path, struct err *e);
/* A filter, or an expression for events, which is for all files but behind --guest. */
int report_plan_filter(struct report_plan *p, const char *text, bool exclude, struct err *e);
int report_plan_events(struct report_plan *p, struct report_texts *to, const char *text,
		       struct err *e);
int report_plan_machine(struct report_plan *p, const char *name, struct err *e);
void report_plan_free(struct report_plan *p);

struct report_result {
	uint64_t printed;	  /* events */
	uint64_t damaged;	  /* places of the files that could not be read */
	struct err first;	  /* the first of them */
	unsigned int bad_formats; /* formats that could not be parsed */
	unsigned int backwards;	  /* times that went backwards, with check_times */
};

/*
 * Print to @to; warnings of check_times to @warn. 0 also where files are damaged: @res says so.
 * Negative errno: nothing, or not all, was printed.
 */
int report_run(const struct report_plan *p, FILE *to, FILE *warn, struct report_result *res,
	       struct err *e);

#endif
