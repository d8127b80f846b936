// SPDX-License-Identifier: GPL-2.0
/*
 * vtrace_agent.c - an agent of virtio-trace written from its description alone, for a guest
 *
 * A thread a CPU, on it, takes a page from trace_pipe_raw with a blocking splice, through a pipe,
 * to its port. They run while the last order on agent-ctl-path was 1. Nothing of trace-cmd is used,
 * so that the host's side is tested against somebody else's idea of an agent.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PORTS "/dev/virtio-ports/"
#define RINGS "/sys/kernel/tracing/per_cpu/cpu"

enum { CPUS_MAX = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int started;

static int open_cpu(const char *before, int cpu, const char *behind, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s%d%s", before, cpu, behind);
	fd = open(path, flags);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void *run(void *arg)
{
	int cpu = (int)(long)arg, page = (int)sysconf(_SC_PAGESIZE), way[2];
	int ring = open_cpu(RINGS, cpu, "/trace_pipe_raw", O_RDONLY);
	int port = open_cpu(PORTS "trace-path-cpu", cpu, "", O_WRONLY);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || pipe(way))
		err(1, "CPU %d", cpu);
	for (;;) {
		ssize_t n, left;

		pthread_mutex_lock(&lock);
		while (!started)
			pthread_cond_wait(&changed, &lock);
		pthread_mutex_unlock(&lock);
		left = splice(ring, NULL, way[1], NULL, (size_t)page, SPLICE_F_MOVE);
		if (left <= 0)
			sched_yield();
		while (left > 0) {
			n = splice(way[0], NULL, port, NULL, (size_t)left, SPLICE_F_MOVE);
			if (n < 0)
				err(1, "CPU %d: port", cpu);
			left -= n;
		}
	}
	return NULL;
}

int main(void)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), ctl = open(PORTS "agent-ctl-path", O_RDONLY);
	pthread_t thread;
	char order[64];

	if (ctl < 0)
		err(1, "agent-ctl-path");
	for (long cpu = 0; cpu < cpus && cpu < CPUS_MAX; cpu++)
		if (pthread_create(&thread, NULL, run, (void *)cpu))
			errx(1, "no thread");
	for (;;) {
		struct pollfd p = { .fd = ctl, .events = POLLIN };
		ssize_t n = poll(&p, 1, -1) == 1 ? read(ctl, order, sizeof(order) - 1) : 0;

		if (n <= 0)
			continue;
		order[n] = '\0';
		pthread_mutex_lock(&lock);
		started = atoi(order) == 1;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	}
}
