/* SPDX-License-Identifier: GPL-2.0 */
/* peer.h - which guest is at the other end of a unix socket: asked of the kernel, never of the
 * guest */
#ifndef GUESTS_PEER_H
#define GUESTS_PEER_H

#include <sys/types.h>
#include "guests/layout.h"

struct guest_peer {
	pid_t pid;
	uid_t uid;
	char name[GUESTS_NAME_MAX + 1]; /* checked by guests_name_check() */
};

/*
 * SO_PEERCRED of the connected unix socket @fd, then -name (guest=NAME or NAME) in the process's
 * command line; fallback: libvirt's pid files; the last resort "pid-<pid>". -EINVAL when the name
 * there is not acceptable.
 */
int guest_peer_of(int fd, struct guest_peer *to, struct err *e);

/* The same from a command line: /proc/<pid>/cmdline's bytes (NUL-separated). For tests. 0 or
 * -ENOENT. */
int guest_name_from_cmdline(const char *bytes, size_t len, char *name, size_t size, struct err *e);

/* A running QEMU process. */
struct guest_proc {
	pid_t pid;
	char name[GUESTS_NAME_MAX + 1];
	unsigned int vcpus; /* from -smp, 1 if absent; 0 unknown */
	uint32_t cid;	    /* its vsock, 0 = none */
};

/* All QEMU processes that /proc shows; *procs is owned by the caller (free()). */
int guest_procs(struct guest_proc **procs, size_t *n, struct err *e);

#endif
