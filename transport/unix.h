/* SPDX-License-Identifier: GPL-2.0 */
/* unix.h - unix stream sockets: what QEMU's socket chardevs connect to, and commands of this host
 */
#ifndef TRANSPORT_UNIX_H
#define TRANSPORT_UNIX_H

#include <sys/types.h>
#include "base/err.h"

enum { UNIX_FOR_GROUP = 0660, UNIX_FOR_OWNER = 0600 };

/*
 * Listen on @path, with this mode whatever the umask, and the group of the directory that it is in.
 * A socket file that is there is replaced: the caller holds the directory's lock, so nobody listens
 * on it any more. Other files stay, -EEXIST. Returns the descriptor (O_NONBLOCK | O_CLOEXEC), owned
 * by the caller, or a negative errno.
 */
int unix_listen(const char *path, mode_t mode, struct err *e);

/*
 * Connect to @path. The descriptor (blocking, O_CLOEXEC; owned by the caller) waits at most
 * @wait_ns in connect(2) and in each read and write: -EAGAIN then.
 */
int unix_connect(const char *path, uint64_t wait_ns, struct err *e);

#endif
