/* SPDX-License-Identifier: GPL-2.0 */
/* procmap.h - which files are mapped where in a process: the PROCMAPS option of a trace.dat */
#ifndef TRACING_PROCMAP_H
#define TRACING_PROCMAP_H

#include <sys/types.h>
#include "base/io.h"

/*
 * /proc/@pid/maps as the option has it, NUL behind it: "PID COUNT NAME\n", then each mapping with a
 * name as "START END NAME\n", numbers in hex. Replaces what is in @to, unless it fails. @proc NULL
 * = /proc. -ENOENT or -ESRCH: there is no such process; -ENODATA: it has nothing mapped any more.
 */
int procmap_read(const char *proc, pid_t pid, struct buf *to, struct err *e);

struct procmap_watch;

/*
 * Keep the map of a child of ours as it is when it ends. From the start of the thread that does it,
 * the child is traced (ptrace(2)) and must not be by others. NULL on error.
 */
struct procmap_watch *procmap_watch(pid_t child, struct err *e);

/* Wait for the end of the child and hand out its map, owned by the caller; frees. NULL is fine. */
void procmap_end(struct procmap_watch *w, struct buf *to);

#endif
