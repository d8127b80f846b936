/* SPDX-License-Identifier: GPL-2.0 */
/*
 * input.h - one trace.dat that is being reported: its file, formats, clock, filter and lanes
 */
#ifndef REPORT_INPUT_H
#define REPORT_INPUT_H

#include "report/clock.h"
#include "report/filter.h"
#include "tracedat/merge.h"
#include "report/print.h"
#include "report/record.h"
#include "report/tep.h"

/* One CPU of one buffer. */
struct input_lane {
	struct lane lane;
	struct input *in;	    /* borrowed */
	struct tdat_cursor *cursor; /* owned */
	size_t buffer;
	uint64_t off;	    /* where the CPU's data begin in the file */
	uint32_t page_size; /* bytes */
};

struct input {
	const char *path;    /* borrowed */
	const char *machine; /* borrowed: "host", a guest's name; NULL = goes by its file's name */
	struct tdat_file *file;
	struct report_tep tep;
	struct report_clock clock;
	struct filter *filter;
	struct record_guard *guard;
	struct input_lane *lanes; /* owned */
	size_t nlanes;
	struct print_source *sources; /* owned; one a buffer; .prefix is set by the planner */
	uint64_t refused;	      /* records that point outside of themselves */
	uint64_t events, lost, gaps;  /* read; lost before them; places where the number is unknown
				       */
};

struct input_setup {
	const char *path;
	struct report_tep_setup tep;
	struct clock_wish clock;
};

/* Open the file and set up all but the lanes. The result is to be freed also after an error. */
int input_open(struct input *in, const struct input_setup *how, struct err *e);
void input_close(struct input *in); /* a zeroed one is fine */

/*
 * Make a lane for each CPU that has data and is in @cpus. *rank is the rank of the first and is
 * moved on: the top buffer's CPUs first, then the others in the order of the file.
 */
int input_add_lanes(struct input *in, const struct cpu_set *cpus, uint32_t *rank, struct err *e);

/* The lane that merge_next() gave. */
struct input_lane *input_lane_of(struct lane *l);

/* Its event as a record for libtraceevent; false when it is damaged (and counted). */
bool input_record(struct input_lane *l, const struct tdat_event *ev, struct tep_record *rec);

/* The machine's name, else the file's without its folders. */
const char *input_name(const struct input *in);

#endif
