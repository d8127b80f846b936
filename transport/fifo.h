/* SPDX-License-Identifier: GPL-2.0 */
/* fifo.h - named pipes: what QEMU's pipe chardevs open (path.in and path.out) */
#ifndef TRANSPORT_FIFO_H
#define TRANSPORT_FIFO_H

#include <sys/types.h>
#include "base/err.h"

enum {
	FIFO_WIDTH = 1 << 20
}; /* bytes; the most that a process without CAP_SYS_RESOURCE may ask for */

/*
 * Open @path for reading, O_RDWR | O_NONBLOCK | O_CLOEXEC: with a writer of our own the FIFO has no
 * end, so QEMU may come and go. Its buffer is widened to FIFO_WIDTH; refused, it stays as it is.
 * Returns the descriptor, owned by the caller. -EINVAL: not a FIFO (a symlink is not one); -EPERM:
 * its directory is open to others, or everybody may write to it.
 */
int fifo_open(const char *path, struct err *e);

/* The same for writing, into what QEMU reads: -ENXIO when no QEMU has it open. */
int fifo_open_to(const char *path, struct err *e);

/* The bytes that @fd's buffer holds at most; negative errno. */
int fifo_width(int fd);

/*
 * Make @path with @mode (the umask has no say) and @group ((gid_t)-1 = as it comes). One that is
 * there is kept, and gets @mode and @group. 1: made; 0: was there; -EEXIST: another kind of file
 * is.
 */
int fifo_make(const char *path, mode_t mode, gid_t group, struct err *e);

#endif
