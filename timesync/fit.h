/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fit.h - straight lines through what bounds an offset (timesync/bound.h)
 *
 * Between two steps a clock runs at one rate for long, so the limits of many messages say more
 * together than the best of them alone: each line between all of them may be the truth, and how far
 * these lie apart is the error. Where no line goes through, the rate has changed, and another line
 * begins.
 */
#ifndef TIMESYNC_FIT_H
#define TIMESYNC_FIT_H

#include "timesync/bound.h"
#include "timesync/points.h"

/* What is known of a clock from @from to @to (host's times; the same: a moment). */
struct ts_line {
	uint64_t from, to;
	int64_t offset_from, offset_to; /* host - guest, the middle of what can be */
	uint64_t error;			/* of both, and so of all between them */
	bool stepped;			/* the clock stepped before it, and at once */
};

/* Host's times, both included. */
struct ts_span {
	uint64_t from, to;
};

struct ts_lines {
	struct ts_line *list; /* owned, ascending */
	size_t n;
	uint64_t error;	  /* the largest in the span that counts; UINT64_MAX where .n is 0 */
	uint64_t unknown; /* pieces of a life of the clock that is not bounded on both sides */
};

/*
 * -ENOMEM. No lines where nothing is bounded on both sides. ts_lines_free() in any case. @counts:
 * the time of which .error is told, NULL = always; lines are farthest from the truth at their ends.
 * Where no line is in it, .error is that of all.
 */
int ts_lines_make(const struct ts_bound *b, const struct ts_span *counts, struct ts_lines *to,
		  struct err *e);
void ts_lines_free(struct ts_lines *l);

/*
 * Their ends as measured points of @cpu. A line that begins before the guest's time of the one
 * before it (the guest's clock went back) is left out.
 */
int ts_lines_points(const struct ts_lines *l, size_t cpu, struct ts_points *to);

/*
 * How much faster the host's clock runs, in parts in 1e9: along the lines, without what is between
 * them. Good to +-*off.
 */
int64_t ts_lines_drift(const struct ts_lines *l, uint64_t *off);

#endif
