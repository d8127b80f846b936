/* SPDX-License-Identifier: GPL-2.0 */
/*
 * instance.h - for facts of a ring buffer: an instance of the program's own, on CPU 0
 *
 * INSTANCE, its name, is defined before. Others who trace are not disturbed. What cannot be had
 * ends the program as skipped; the instance goes away with it.
 */
#ifndef TESTS_FACTS_INSTANCE_H
#define TESTS_FACTS_INSTANCE_H

#include <sched.h>

#include "fact.h"

#define RAW "per_cpu/cpu0/trace_pipe_raw"

static const char *tracefs;
static char path[256];
static int raw = -1; /* RAW, when it is open: an instance in use cannot be removed */

static const char *in_instance(const char *file)
{
	snprintf(path, sizeof(path), "%s/instances/" INSTANCE "/%s", tracefs, file);
	return path;
}

static int open_in(const char *file, int flags)
{
	int fd = open(in_instance(file), flags);

	if (fd < 0)
		SKIP("cannot open %s: %s", path, strerror(errno));
	return fd;
}

static void put(const char *file, const char *text)
{
	int fd = open_in(file, O_WRONLY | O_TRUNC);

	if (write(fd, text, strlen(text)) < 0)
		SKIP("cannot write %s: %s", path, strerror(errno));
	close(fd);
}

static void leave(void)
{
	if (raw >= 0)
		close(raw);
	rmdir(in_instance(""));
}

/* Events of about @size bytes, one each @us microseconds. */
static void mark(int count, size_t size, useconds_t us)
{
	char text[1024];
	int fd = open_in("trace_marker", O_WRONLY);

	memset(text, 'm', sizeof(text));
	while (count--) {
		if (write(fd, text, size) < 0)
			SKIP("cannot write a marker: %s", strerror(errno));
		if (us)
			usleep(us);
	}
	close(fd);
}

/* With a ring of 256 KiB a CPU, and RAW open. */
static void open_instance(void)
{
	cpu_set_t cpu0;

	if (geteuid())
		SKIP("needs root");
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
	raw = open_in(RAW, O_RDONLY | O_NONBLOCK);
}

#endif
