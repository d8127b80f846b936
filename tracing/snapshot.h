/* SPDX-License-Identifier: GPL-2.0 */
/* snapshot.h - the second ring buffer, in which the kernel freezes what the first one has */
#ifndef TRACING_SNAPSHOT_H
#define TRACING_SNAPSHOT_H

#include <stdio.h>
#include "tracing/tracefs.h"

enum snapshot_action { SNAPSHOT_FREE, SNAPSHOT_TAKE, SNAPSHOT_RESET }; /* as the kernel numbers */
enum { SNAPSHOT_ALL_CPUS = -1 };

/* Act on the snapshot of @t (any buffer), or of one CPU of it. -ENOTSUP: the kernel has none. */
int snapshot_do(const struct tracefs *t, int cpu, enum snapshot_action what, struct err *e);

/*
 * May the ring buffer of @t have changed places with a snapshot? Then the kernel's counters, which
 * go with a buffer, say nothing of what was read meanwhile. False where no snapshot has memory.
 */
bool snapshot_exists(const struct tracefs *t);

/* Copy its text to @to, piece by piece: it can be large. */
int snapshot_print(const struct tracefs *t, int cpu, FILE *to, struct err *e);

#endif
