/* SPDX-License-Identifier: GPL-2.0 */
/* unix.h - unix stream sockets: what QEMU's socket chardevs connect to */
#ifndef TRANSPORT_UNIX_H
#define TRANSPORT_UNIX_H

#include "base/err.h"

/*
 * Listen on @path, mode 0660 whatever the umask, with the group of the directory that it is in. A
 * socket file that is there is replaced: the caller holds the directory's lock, so nobody listens
 * on it any more. Other files stay, -EEXIST. Returns the descriptor (O_NONBLOCK | O_CLOEXEC), owned
 * by the caller, or a negative errno.
 */
int unix_listen(const char *path, struct err *e);

#endif
