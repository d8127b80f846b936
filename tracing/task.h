/* SPDX-License-Identifier: GPL-2.0 */
/*
 * task.h - the command that is recorded
 *
 * It is forked first and waits, so that its pid can be set as a filter and tracing be switched on
 * before its first instruction: task_new(), trace_only_pid(), trace_on(), task_go().
 */
#ifndef TRACING_TASK_H
#define TRACING_TASK_H

#include <sys/types.h>
#include "base/err.h"

struct task;

struct task_opts {
	char *const *argv; /* NULL-terminated, borrowed; argv[0] is looked up in PATH */
	const char *user; /* --user: a name, or a number where there is no /etc/passwd; NULL = as we
			     are */
};

struct task *task_new(const struct task_opts *o, struct err *e); /* NULL on error */
pid_t task_pid(const struct task *t);
int task_fd(const struct task *t); /* a pidfd: readable when the command has ended; borrowed */

/* Let it run. Waits for the exec: -ENOENT and the like when the command cannot be run. */
int task_go(struct task *t, struct err *e);

/* After task_fd() is readable (else it waits): *status as wait(2) gives it. May be called again. */
int task_reap(struct task *t, int *status, struct err *e);

/* One that was not let run, or has not ended, is killed and reaped. NULL is fine. */
void task_free(struct task *t);
/* The same, but what runs goes on without us. */
void task_leave(struct task *t);

/* A pidfd for a process that is not ours (-P), to see its end. Negative errno on error. */
int task_watch_pid(pid_t pid, struct err *e);

#endif
