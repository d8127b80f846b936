/* SPDX-License-Identifier: GPL-2.0 */
/* listen.h - a unix socket that guests' QEMUs connect to */
#ifndef SESSION_LISTEN_H
#define SESSION_LISTEN_H

#include "base/err.h"

/*
 * Listen on @path, mode 0660, with the group of the directory that it is in. A socket file that is
 * there is replaced: the caller holds the directory's lock, so nobody listens on it any more. Other
 * files stay, -EEXIST. Returns the descriptor (non-blocking) or a negative errno.
 */
int listen_unix(const char *path, struct err *e);

#endif
