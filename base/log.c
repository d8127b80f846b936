// SPDX-License-Identifier: GPL-2.0
/*
 * log.c - what a long-running command says about its work
 *
 * Theory of operation
 *
 * A line is formatted whole, cleaned of control characters, and written with one write(), so lines
 * of several processes that share a log do not mix. A log that cannot be written is not an error.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

struct log {
	int fd;
	bool owned; /* close @fd at the end */
	enum log_level level;
};

struct log *log_open(const char *path, enum log_level level, struct err *e)
{
	AUTO_FREE struct log *l = calloc(1, sizeof(*l));

	if (!l) {
		err_set(e, ENOMEM, "no memory for the log");
		return NULL;
	}
	l->level = level;
	l->fd = STDERR_FILENO;
	if (path) {
		l->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
		l->owned = true;
	}
	if (l->fd < 0) {
		err_set(e, errno, "cannot open the log file %s", path);
		return NULL;
	}
	return steal_ptr(l);
}

void log_close(struct log *l)
{
	if (l && l->owned)
		close(l->fd);
	free(l);
}

static size_t put_time(char *to, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	n = strftime(to, size, "%Y-%m-%d %H:%M:%S", &tm);
	return n + (size_t)snprintf(to + n, size - n, ".%03ld ", now.tv_nsec / 1000000);
}

void log_line(struct log *l, enum log_level level, const char *fmt, ...)
{
	static const char *const mark[] = { "error: ", "warning: ", "", "" };
	char text[1200], line[2048];
	ssize_t done;
	va_list ap;
	size_t n;

	if (!l || level > l->level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = put_time(line, sizeof(line));
	n += (size_t)snprintf(line + n, sizeof(line) - n, "%s", mark[level]);
	n += clean_text(line + n, sizeof(line) - n, text, "");
	line[n++] = '\n';
	done = write(l->fd, line, n);
	(void)done;
}

void log_err(struct log *l, const struct err *e)
{
	char line[sizeof(e->what) + 80];

	log_error(l, "%s", err_text(e, line, sizeof(line)));
	if (e->hint[0])
		log_error(l, "  try: %s", e->hint);
}
