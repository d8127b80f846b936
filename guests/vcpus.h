/* SPDX-License-Identifier: GPL-2.0 */
/* vcpus.h - which threads of this host are a guest's vCPUs */
#ifndef GUESTS_VCPUS_H
#define GUESTS_VCPUS_H

#include <sys/types.h>
#include "base/base.h"

/* Of the running QEMU of this guest; 0: there is none. */
pid_t guest_pid(const char *name);
pid_t guest_pid_of_cid(uint32_t cid); /* of its vsock */

/*
 * The thread ids of vCPUs 0..@n-1 of the QEMU process @pid; -1: not known, as with @pid 0. Where
 * one thread runs them all it is that of each.
 */
void guest_vcpu_threads(pid_t pid, int32_t *tid, uint32_t n);

#endif
