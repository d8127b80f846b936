// SPDX-License-Identifier: GPL-2.0
/*
 * virt-ports.c - a guest's virtio ports, by the names that this protocol and the released one use
 *
 * Theory of operation
 *
 * The error that counts is about the first name: it is the one that setup-guest gives.
 */
#include "recording/virt-ports.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "trace-msg.h"
#include "transport/virtio-port.h"

#define CPU_PORT       "trace-path-cpu%u"
#define CPU_PORT_STOCK "trace-pipe-cpu%u"

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

int virt_ports_open(const uint32_t *cpus, size_t n, int **ports, struct err *e)
{
	*ports = malloc(n * sizeof(**ports));
	if (!*ports)
		return err_set(e, ENOMEM, "no memory for %zu ports", n);
	for (size_t i = 0; i < n; i++)
		(*ports)[i] = -1;
	for (size_t i = 0; i < n; i++) {
		(*ports)[i] = open_port(cpus[i], e);
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
