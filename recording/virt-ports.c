// SPDX-License-Identifier: GPL-2.0
/*
 * virt-ports.c - a guest's virtio ports, by the names that this protocol and the released one use
 *
 * Theory of operation
 *
 * The error that counts is about the first name: it is the one that setup-guest gives.
 *
 * Ports are added one after another when a guest boots or a controller is plugged in, so one that
 * is missing may be there in a moment.
 */
#include "recording/virt-ports.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "trace-msg.h"
#include "transport/virtio-port.h"

#define CPU_PORT       "trace-path-cpu%u"
#define CPU_PORT_STOCK "trace-pipe-cpu%u"

#define APPEARS_WITHIN (2 * NSEC_PER_SEC)
#define LOOK_AGAIN_NS  (20 * NSEC_PER_MSEC)

static int open_port(uint32_t cpu, struct err *e)
{
	char name[VPORT_NAME_MAX + 1];
	struct err second = { 0 };
	int fd;

	snprintf(name, sizeof(name), CPU_PORT, cpu);
	fd = vport_open(name, O_WRONLY, e);
	if (fd != -ENOENT)
		return fd;
	snprintf(name, sizeof(name), CPU_PORT_STOCK, cpu);
	fd = vport_open(name, O_WRONLY, &second);
	if (fd < 0)
		return -ENOENT;
	err_clear(e);
	return fd;
}

static int open_port_until(uint32_t cpu, uint64_t deadline, struct err *e)
{
	static const struct timespec pause = { .tv_nsec = LOOK_AGAIN_NS };
	int fd = open_port(cpu, e);

	while (fd == -ENOENT && now_ns() < deadline) {
		nanosleep(&pause, NULL);
		err_clear(e);
		fd = open_port(cpu, e);
	}
	return fd;
}

int virt_ports_open(const uint32_t *cpus, size_t n, int **ports, struct err *e)
{
	uint64_t deadline = now_ns() + APPEARS_WITHIN;

	*ports = malloc(n * sizeof(**ports));
	if (!*ports)
		return err_set(e, ENOMEM, "no memory for %zu ports", n);
	for (size_t i = 0; i < n; i++)
		(*ports)[i] = -1;
	for (size_t i = 0; i < n; i++) {
		(*ports)[i] = open_port_until(cpus[i], deadline, e);
		if ((*ports)[i] < 0)
			return (*ports)[i];
	}
	return 0;
}

static bool has_port(const char *format, uint32_t cpu)
{
	char name[VPORT_NAME_MAX + 1], path[VPORT_PATH_MAX];

	path_fmt(name, sizeof(name), NULL, format, cpu);
	return !vport_find(name, path, sizeof(path), NULL);
}

uint32_t virt_ports_count(void)
{
	uint32_t n = 0;

	while (n < MSG_MAX_CPUS && (has_port(CPU_PORT, n) || has_port(CPU_PORT_STOCK, n)))
		n++;
	return n;
}

void virt_ports_close(int *ports, size_t n)
{
	for (size_t i = 0; ports && i < n; i++)
		cleanup_fd(&ports[i]);
	free(ports);
}
