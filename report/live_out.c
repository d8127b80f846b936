// SPDX-License-Identifier: GPL-2.0
/*
 * live_out.c - text to a terminal or pipe that may stand still
 *
 * Theory of operation
 *
 * A pager that shows its first page reads nothing more, and a write(2) to it would wait for ever,
 * with tracing set up and Ctrl-C waiting in a signalfd. So poll(2) goes before each write, and no
 * write is longer than what a pipe that is ready takes at once (PIPE_BUF).
 */
#include "report/live_out.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

enum { LOOK_MS = 100 };

static bool must_end(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t pending;

	if (sigpending(&pending))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (sigismember(&pending, ends[i]) == 1)
			return true;
	return false;
}

/* False: the end was called for. */
static bool wait_for_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (poll(&p, 1, LOOK_MS) <= 0)
		if (must_end())
			return false;
	return true;
}

static ssize_t put(void *cookie, const char *text, size_t n)
{
	int fd = *(int *)cookie;
	size_t done = 0;

	while (done < n) {
		ssize_t put;

		if (!wait_for_room(fd)) {
			errno = EINTR;
			return 0;
		}
		put = write(fd, text + done, min_u64(n - done, PIPE_BUF));
		if (put < 0 && errno != EINTR && errno != EAGAIN)
			return 0;
		if (put > 0)
			done += (size_t)put;
	}
	return (ssize_t)n;
}

static int done(void *cookie)
{
	free(cookie);
	return 0;
}

FILE *live_out_new(int fd, struct err *e)
{
	int *cookie = malloc(sizeof(*cookie));
	FILE *to = cookie ? fopencookie(cookie, "w",
					(cookie_io_functions_t){ .write = put, .close = done })
			  : NULL;

	if (!to) {
		free(cookie);
		err_set(e, ENOMEM, "no memory for the output");
		return NULL;
	}
	*cookie = fd;
	return to;
}
