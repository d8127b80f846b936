/* SPDX-License-Identifier: GPL-2.0 */
/* local.h - the same as peer.h with the roots of the file system given: for tests, which lay trees
 */
#ifndef GUESTS_LOCAL_H
#define GUESTS_LOCAL_H

#include "guests/peer.h"

struct guest_roots {
	const char *proc; /* "/proc" */
	const char *run;  /* "/run/libvirt/qemu": libvirt's <domain>.pid files */
};

/* The name of process @pid as guest_peer_of() finds it: command line, pid file, "pid-<pid>". */
int guest_name_of_pid(const struct guest_roots *roots, pid_t pid, char *name, size_t size,
		      struct err *e);

int guest_procs_in(const struct guest_roots *roots, struct guest_proc **procs, size_t *n,
		   struct err *e);

#endif
