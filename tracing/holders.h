/* SPDX-License-Identifier: GPL-2.0 */
/* holders.h - who reads the trace, when the kernel says that it is busy */
#ifndef TRACING_HOLDERS_H
#define TRACING_HOLDERS_H

#include "tracing/tracefs.h"

/*
 * Where @e is EBUSY and has no hint: name a process that has a file of @t open, or the tracer that
 * runs. @proc NULL = /proc. Always returns -e->code; @e NULL is fine (-EBUSY).
 */
int hint_holders(const struct tracefs *t, const char *proc, struct err *e);

/*
 * Does another process read away what comes into @t? Then it is named in @to: "process 77 (cat) has
 * trace_pipe open". @proc NULL = /proc.
 */
bool holders_reader(const struct tracefs *t, const char *proc, char *to, size_t room);

#endif
