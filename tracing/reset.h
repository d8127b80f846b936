/* SPDX-License-Identifier: GPL-2.0 */
/*
 * reset.h - tracing as it is after boot: nothing runs, nothing is filtered
 *
 * For what no journal remembers: what 'start' has left, or a recorder that was killed.
 */
#ifndef TRACING_RESET_H
#define TRACING_RESET_H

#include "tracing/tracefs.h"

#define FTRACE_ENABLED "/proc/sys/kernel/ftrace_enabled"

/*
 * Reset one buffer. @size_kb: then its size for each CPU in KiB, 0 = stays. Goes on after an error
 * and returns the first one. Files that this kernel does not have, or lets nobody write (functions
 * in a locked-down kernel), are left out. Of the root directory: dynamic events (kprobes, uprobes,
 * synthetic ones) go as well.
 */
int tracing_reset(const struct tracefs *t, uint64_t size_kb, struct err *e);

/* Function tracing as a whole, which -D switches off. @file NULL = FTRACE_ENABLED. */
int reset_ftrace_enabled(const char *file, struct err *e);

/* Remove an instance; its handle @t stays open. -EBUSY: somebody has a file in it open. */
int reset_remove(const struct tracefs *top, const struct tracefs *t, struct err *e);

#endif
