/* SPDX-License-Identifier: GPL-2.0 */
/*
 * clock.h - from the raw timestamp of a record to the time that is sorted by and printed
 *
 * Order of the corrections (format reference, TIME_SHIFT): the shift of a guest against its host,
 * then the rate (the user's, or the file's TSC2NSEC), then the offsets DATE and OFFSET.
 */
#ifndef REPORT_CLOCK_H
#define REPORT_CLOCK_H

#include "tracedat/shift.h"

/* What the command line wants. */
struct clock_wish {
	bool raw;	   /* no correction at all */
	bool no_date;	   /* as if the file had no DATE option */
	int64_t ts_offset; /* raw units, added first */
	uint64_t hz;	   /* the clock's ticks a second, 0 = as the file says */
};

struct report_clock {
	bool raw;
	int64_t ts_offset;
	double factor;		 /* of the user; 0 = none */
	uint32_t mult, rshift;	 /* TSC2NSEC; mult 0 = none */
	uint64_t offset;	 /* ns, DATE and OFFSET; wraps */
	struct tdat_shift shift; /* owned */
};

/* -EPROTO where an option of the head is cut. report_clock_free() is fine after an error. */
int report_clock_init(struct report_clock *c, const struct tdat_head *head,
		      const struct clock_wish *wish, struct err *e);
void report_clock_free(struct report_clock *c);

uint64_t report_clock_time(const struct report_clock *c, uint32_t cpu, uint64_t raw);

/* Whether times of the trace clock @name are nanoseconds, and so printed as seconds. */
bool clock_is_ns(const char *name);

#endif
