/* SPDX-License-Identifier: GPL-2.0 */
/* extras.h - what a recording stores besides the trace, when it is asked to: --date, --proc-map */
#ifndef RECORDING_EXTRAS_H
#define RECORDING_EXTRAS_H

#include "recording/recording.h"
#include "tracing/tracefs.h"

struct extras;

/*
 * Before tracing is on. @o is borrowed; @child: the command that waits, 0 = none; @clock as
 * applied_clock(). NULL on error.
 */
struct extras *extras_begin(const struct recording_opts *o, const struct tracefs *top, pid_t child,
			    const char *clock, struct err *e);

/* When the command is about to be reaped: waits for its end. NULL is fine. */
void extras_command_ended(struct extras *x);

/* Append their option records (tracedat/head.h) to @to. */
int extras_put(struct extras *x, struct buf *to, struct err *e);

/* A command that still runs is killed. NULL is fine. */
void extras_free(struct extras *x);

#endif
