/* SPDX-License-Identifier: GPL-2.0 */
/* daemon.h - a command that goes on in the background */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include <sys/types.h>
#include "base/err.h"

/*
 * Fork, before anything is opened: epoll with a signalfd belongs to the process that made it.
 * 0: this is the child, away from the terminal but for stderr; daemon_ready() when it serves.
 * 1: this is the parent, and the child, *pid, serves. -ECHILD: the child has ended before that and
 * has said why itself. Another negative errno: nothing was started.
 */
int daemon_fork(int *ready_fd, pid_t *pid, struct err *e);

/* The parent may go, and stderr with it. */
int daemon_ready(int ready_fd, struct err *e);

#endif
