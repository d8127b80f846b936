/* SPDX-License-Identifier: GPL-2.0 */
/*
 * print.h - one event, one line: byte for byte as stock's report has it
 */
#ifndef REPORT_PRINT_H
#define REPORT_PRINT_H

#include <stdio.h>
#include <traceevent/event-parse.h>

#include "base/err.h"

/* Whose event it is. */
struct print_source {
	struct tep_handle *tep;
	const char *prefix; /* "foo: ", blanks of that width, or "" */
	bool ns;	    /* times are nanoseconds; else they are printed as a plain number */
	bool rated;	    /* the user gave the clock's rate: differences are never rounded */
};

struct print_style {
	bool raw;	/* fields, not the print format */
	bool latency;	/* CPU, irq and preempt flags in one column */
	bool full_time; /* nanoseconds, not rounded to microseconds */
	bool raw_time;	/* the plain number of the file */
	bool diff;	/* the time since the line before */
};

struct printer; /* opaque */

struct printer *printer_new(FILE *to, const struct print_style *style, struct err *e);
void printer_free(struct printer *p); /* NULL is fine; @to stays open */

/*
 * One line. @tail, if not NULL, is appended to it. @rec->missed_events says what was lost before
 * it: 0, a count, or negative for an unknown number. Errors of @to stay in @to: see ferror(3).
 */
void printer_event(struct printer *p, const struct print_source *src, struct tep_record *rec,
		   const char *tail);

#endif
