/* SPDX-License-Identifier: GPL-2.0 */
/* virt-ports.h - a guest's virtio ports, by the names that this protocol and the released one use
 */
#ifndef RECORDING_VIRT_PORTS_H
#define RECORDING_VIRT_PORTS_H

#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"

#define VIRT_CTL_PORT "agent-ctl-path"

/*
 * The data port of each of @cpus[0..n): trace-path-cpuN, else trace-pipe-cpuN. *ports is an owned
 * array of @n descriptors for virt_ports_close(), also after an error. Waits 2 s for ports that are
 * missing: a guest that boots gets them one by one.
 */
int virt_ports_open(const uint32_t *cpus, size_t n, int **ports, struct err *e);

/* How many CPUs, from 0 on without a gap, have a data port. */
uint32_t virt_ports_count(void);

void virt_ports_close(int *ports, size_t n); /* frees the array too; NULL is fine */

#endif
