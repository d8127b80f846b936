/* SPDX-License-Identifier: GPL-2.0 */
/*
 * extras.h - what a recording stores besides the trace, when it is asked to: --date,
 * --ts-offset, --proc-map, --tsc2nsec
 */
#ifndef RECORDING_EXTRAS_H
#define RECORDING_EXTRAS_H

#include "tracing/plan.h"
#include "tracing/tracefs.h"

struct extras;

struct extras_opts {
	bool date;
	int64_t ts_offset; /* --ts-offset, 0 = none */
	bool tsc2nsec;
	const struct trace_plan *maps; /* --proc-map: of the processes in it; NULL: of none */
	pid_t child;		       /* --proc-map: and of the command that waits; 0 = none */
	const char *clock;	       /* of the top buffer: applied_clock() */
};

/* What they say together; @text: of a latency tracer, with no events. -EINVAL: a usage error. */
int extras_check(bool date, int64_t ts_offset, bool text, struct err *e);

/* Before tracing is on. @o is borrowed. NULL on error. */
struct extras *extras_begin(const struct extras_opts *o, const struct tracefs *top, struct err *e);

/* When the command is about to be reaped: waits for its end. NULL is fine. */
void extras_command_ended(struct extras *x);

/*
 * Of these records those that put off all times: known from the beginning, and the same in each
 * file of a recording, so that its times remain comparable. NULL is fine.
 */
int extras_put_times(const struct extras *x, struct buf *to, struct err *e);

/* Append their option records (tracedat/head.h) to @to. */
int extras_put(struct extras *x, struct buf *to, struct err *e);

/* A command that still runs is killed. NULL is fine. */
void extras_free(struct extras *x);

#endif
