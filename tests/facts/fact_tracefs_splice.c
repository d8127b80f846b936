// SPDX-License-Identifier: GPL-2.0
/*
 * fact_tracefs_splice.c - a CPU's trace_pipe_raw, non-blocking: EAGAIN when empty, for splice and
 * for read; a splice moves whole pages, many at once, and takes no length below a page; the page
 * that is being written comes too, by splice or by read. Uses an instance of its own; others are
 * not disturbed.
 */
#include <sched.h>

#include "fact.h"

#define INSTANCE "instances/fact-splice"

static long page;
static int raw = -1;
static const char *tracefs;
static char path[256];

static const char *in_instance(const char *file)
{
	snprintf(path, sizeof(path), "%s/" INSTANCE "/%s", tracefs, file);
	return path;
}

static void leave(void)
{
	if (raw >= 0)
		close(raw); /* an instance in use cannot be removed */
	snprintf(path, sizeof(path), "%s/" INSTANCE, tracefs);
	rmdir(path);
}

static void put(const char *file, const char *text)
{
	int fd = open(in_instance(file), O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		SKIP("cannot write %s: %s", path, strerror(errno));
	close(fd);
}

/* Events of about 1 KiB on CPU 0. */
static void mark(int count)
{
	char text[900];
	int fd = open(in_instance("trace_marker"), O_WRONLY);

	if (fd < 0)
		SKIP("cannot open %s: %s", path, strerror(errno));
	memset(text, 'm', sizeof(text));
	for (int i = 0; i < count; i++)
		if (write(fd, text, sizeof(text)) < 0)
			SKIP("cannot write a marker: %s", strerror(errno));
	close(fd);
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

static void open_instance(void)
{
	cpu_set_t cpu0;

	CPU_ZERO(&cpu0);
	CPU_SET(0, &cpu0);
	if (sched_setaffinity(0, sizeof(cpu0), &cpu0))
		SKIP("cannot run on CPU 0: %s", strerror(errno));
	tracefs = access("/sys/kernel/tracing/instances", F_OK) ? "/sys/kernel/debug/tracing"
								: "/sys/kernel/tracing";
	leave();
	if (mkdir(path, 0755))
		SKIP("cannot make %s: %s", path, strerror(errno));
	atexit(leave);
	put("buffer_size_kb", "256");
	put("tracing_on", "1");
}

static void check_read(void)
{
	char *bytes = malloc((size_t)page);
	ssize_t n;

	mark(1);
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
	if (geteuid())
		SKIP("needs root");
	open_instance();
	raw = open(in_instance("per_cpu/cpu0/trace_pipe_raw"), O_RDONLY | O_NONBLOCK);
	if (raw < 0 || pipe2(p, O_NONBLOCK))
		SKIP("cannot open %s: %s", path, strerror(errno));

	n = pull(p[1], 16 * (size_t)page);
	FACT(n < 0 && errno == EAGAIN, "splice from an empty buffer gives %zd, not EAGAIN", n);
	mark(40);
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
	mark(1);
	n = pull(p[1], 16 * (size_t)page);
	FACT(n == page, "a non-blocking splice of the page that is being written gives %zd", n);
	drop(p[0]);
	check_read();
	HOLDS("trace_pipe_raw gives whole pages, the one being written too, and EAGAIN when empty");
}
