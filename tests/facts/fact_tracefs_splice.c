// SPDX-License-Identifier: GPL-2.0
/*
 * fact_tracefs_splice.c - a CPU's trace_pipe_raw, non-blocking: EAGAIN when empty, for splice and
 * for read; a splice moves whole pages, many at once, and takes no length below a page; the page
 * that is being written comes too, by splice or by read. Uses an instance of its own; others are
 * not disturbed.
 */
#define INSTANCE "fact-splice"
#include "instance.h"

static long page;

/* Events of about 1 KiB. */
static void mark_kib(int count)
{
	mark(count, 900, 0);
}

static ssize_t pull(int pipe_in, size_t n)
{
	errno = 0;
	return splice(raw, NULL, pipe_in, NULL, n, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

/* Empty the pipe; how many bytes it had. */
static ssize_t drop(int fd)
{
	char bytes[4096];
	ssize_t n, sum = 0;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		sum += n;
	errno = 0;
	return sum;
}

static void check_read(void)
{
	char *bytes = malloc((size_t)page);
	ssize_t n;

	mark_kib(1);
	n = read(raw, bytes, (size_t)page);
	FACT(n == page, "a read of the page that is being written gives %zd bytes", n);
	FACT(read(raw, bytes, (size_t)page) < 0 && errno == EAGAIN,
	     "read is not EAGAIN when empty");
	free(bytes);
}

int main(void)
{
	int p[2];
	ssize_t n, parts = 0;

	page = sysconf(_SC_PAGESIZE);
	open_instance();
	if (pipe2(p, O_NONBLOCK))
		SKIP("cannot make a pipe: %s", strerror(errno));

	n = pull(p[1], 16 * (size_t)page);
	FACT(n < 0 && errno == EAGAIN, "splice from an empty buffer gives %zd, not EAGAIN", n);
	mark_kib(40);
	n = pull(p[1], (size_t)page - 1);
	FACT(n < 0 && errno == EINVAL, "a splice of less than a page gives %zd, not EINVAL", n);
	n = pull(p[1], 2 * (size_t)page + 100);
	FACT(n == 2 * page, "a splice of 2 pages and 100 bytes gives %zd bytes", n);
	FACT(drop(p[0]) == n, "the pipe has other than the %zd bytes of the splice", n);
	n = pull(p[1], 16 * (size_t)page);
	FACT(n > page && n % page == 0, "a large splice gives %zd bytes", n);
	FACT(drop(p[0]) == n, "the pipe has other than the %zd bytes of the splice", n);
	while ((n = pull(p[1], 16 * (size_t)page)) > 0) {
		FACT(n % page == 0, "a splice gives %zd bytes, no whole pages", n);
		parts += drop(p[0]);
	}
	FACT(errno == EAGAIN, "the end of the buffer is not EAGAIN");
	mark_kib(1);
	n = pull(p[1], 16 * (size_t)page);
	FACT(n == page, "a non-blocking splice of the page that is being written gives %zd", n);
	drop(p[0]);
	check_read();
	HOLDS("trace_pipe_raw gives whole pages, the one being written too, and EAGAIN when empty");
}
