/* SPDX-License-Identifier: GPL-2.0 */
/*
 * marks.h - timestamps of the trace clock itself: marks in an instance of our own
 *
 * What .mark, .clear, .collect and .stamp of struct ts_ops need. Each end of a sync conversation
 * has one; a recording's own buffers know nothing of it.
 */
#ifndef TIMESYNC_MARKS_H
#define TIMESYNC_MARKS_H

#include "timesync/msg.h"
#include "tracing/tracefs.h"

struct ts_marks;

/* Make the instance @name of @top (borrowed) with @clock. NULL on error. */
struct ts_marks *ts_marks_new(const struct tracefs *top, const char *name, const char *clock,
			      struct err *e);
void ts_marks_free(struct ts_marks *m); /* removes the instance; NULL is fine */

int ts_marks_add(struct ts_marks *m, const struct ts_mark *mark, struct err *e);
int ts_marks_clear(struct ts_marks *m, struct err *e);

/* Each mark that was added since ts_marks_clear(), and its time; of all CPUs, in no order. */
int ts_marks_collect(struct ts_marks *m,
		     void (*found)(void *arg, const struct ts_mark *mark, uint64_t time), void *arg,
		     struct err *e);

/* The time now, by a mark. */
int ts_marks_now(struct ts_marks *m, uint64_t *time, struct err *e);

#endif
