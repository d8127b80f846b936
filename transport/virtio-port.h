/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-port.h - the guest's end of a virtio-serial channel, found by the name that the host gave
 *
 * Two places know the names: the links in /dev/virtio-ports (udev makes them) and the files
 * /sys/class/virtio-ports/vportXpY/name (the kernel makes them; enough in a bare initramfs).
 */
#ifndef TRANSPORT_VIRTIO_PORT_H
#define TRANSPORT_VIRTIO_PORT_H

#include "base/err.h"

/* The longest name of a port, without NUL: QEMU and the driver take longer ones, we do not. */
enum { VPORT_NAME_MAX = 63, VPORT_PATH_MAX = 256 };

/* Where to look; NULL members = "/dev" and "/sys". For tests, which lay fake trees. */
struct vport_roots {
	const char *dev, *sys;
};

/*
 * The device node of the port called @name into @path (at least VPORT_PATH_MAX bytes). Makes
 * nothing. -EINVAL: not a name; -ENOENT: no such port, the hint says what is missing: the driver,
 * all ports, or the -device line of this one; -ENODEV: the port is there and its node in /dev is
 * not.
 */
int vport_find(const char *name, char *path, size_t size, struct err *e);
int vport_find_in(const struct vport_roots *roots, const char *name, char *path, size_t size,
		  struct err *e);

/*
 * Find and open: @flags is O_RDWR, O_WRONLY or O_RDONLY; O_NONBLOCK | O_CLOEXEC are added. Returns
 * the descriptor, owned by the caller, or as vport_find(); -EBUSY: another program of the guest has
 * the port open (the driver allows one).
 */
int vport_open(const char *name, int flags, struct err *e);
int vport_open_in(const struct vport_roots *roots, const char *name, int flags, struct err *e);

/* True when the host's end of @fd is not open now (POLLHUP): nobody would read. */
bool vport_host_gone(int fd);

/* -ENODEV: the port of @fd was unplugged. Its descriptor is dead, even if one is plugged in again.
 */
int vport_plugged(int fd, struct err *e);

struct vport {
	char name[VPORT_NAME_MAX + 1];
	char path[VPORT_PATH_MAX]; /* the device node */
};

/*
 * All ports with a name, sorted by it ("cpu2" before "cpu10"). *ports is owned by the caller
 * (free()). No driver or no port: 0 and *n = 0.
 */
int vport_list(struct vport **ports, size_t *n, struct err *e);
int vport_list_in(const struct vport_roots *roots, struct vport **ports, size_t *n, struct err *e);

#endif
