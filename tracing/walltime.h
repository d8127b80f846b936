/* SPDX-License-Identifier: GPL-2.0 */
/* walltime.h - how far the trace clock is from the time of day */
#ifndef TRACING_WALLTIME_H
#define TRACING_WALLTIME_H

#include "tracing/tracefs.h"

/*
 * *@offset_us = time of day - trace clock, in microseconds: the DATE option of a trace.dat.
 * Measured with a mark in an instance of its own, which is removed again; nothing of @top changes.
 * @clock: as applied_clock() says it. Errors: no instances in this kernel, or a clock that does not
 * count time.
 */
int walltime_measure(const struct tracefs *top, const char *clock, int64_t *offset_us,
		     struct err *e);

/*
 * The time in microseconds of the mark @mark in the text of a 'trace' file ("12.345678:
 * tracing_mark_ write: MARK"). -ENODATA: not there, or its time is no time ("counter").
 */
int walltime_parse(const char *text, const char *mark, uint64_t *us);

#endif
