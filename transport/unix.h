/* SPDX-License-Identifier: GPL-2.0 */
/* unix.h - unix stream sockets: what QEMU's socket chardevs connect to */
#ifndef TRANSPORT_UNIX_H
#define TRANSPORT_UNIX_H

#include <sys/types.h>
#include "base/err.h"

struct unix_access {
	mode_t mode; /* of the socket file, e.g. 0660; the umask has no say */
	gid_t group; /* of the socket file; (gid_t)-1 = as it comes */
};

/*
 * Listen at @path; returns the descriptor (O_NONBLOCK | O_CLOEXEC), owned by the caller, who also
 * removes the file at the end (unix_unlink()). A socket file that nobody listens on is replaced.
 * -EADDRINUSE: somebody listens there; -EEXIST: a file that is no socket is in the way;
 * -ENAMETOOLONG: over 107 bytes.
 */
int unix_listen(const char *path, const struct unix_access *access, struct err *e);

/* Remove @path if it still is the socket that @fd listens on: a successor's is left alone. */
void unix_unlink(int fd, const char *path);

/*
 * The next connection (O_NONBLOCK | O_CLOEXEC), owned by the caller. -EAGAIN: none waits, @e
 * untouched; connections that went away while they waited are skipped.
 */
int unix_accept(int fd, struct err *e);

/* A connection (O_NONBLOCK | O_CLOEXEC), owned by the caller. */
int unix_connect(const char *path, struct err *e);

#endif
