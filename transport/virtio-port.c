// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-port.c - the guest's end of a virtio-serial channel
 *
 * Theory of operation
 *
 * The host names each port, and the name is all that the two sides agree on: the number in
 * /dev/vport1p2 depends on the order of devices. With udev there is a link /dev/virtio-ports/NAME.
 * Without it (initramfs, containers) the kernel's own list is read, one directory a port in
 * /sys/class/virtio-ports with the file "name". A link that is there but leads nowhere is stale,
 * and the list is asked after all.
 *
 * What is missing is worth more than "No such file": the driver, every port, or only this one. Each
 * has its own cure on the host or here, so the error says which it is.
 */
#include "transport/virtio-port.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { PORTS_MAX = 4096 }; /* far over what a guest has; bounds the list */

static const struct vport_roots real_roots = { 0 };

static const char *dev_of(const struct vport_roots *r)
{
	return r->dev ? r->dev : "/dev";
}

static const char *sys_of(const struct vport_roots *r)
{
	return r->sys ? r->sys : "/sys";
}

static int name_check(const char *name, struct err *e)
{
	if (!*name || *name == '.' || strlen(name) > VPORT_NAME_MAX || strchr(name, '/'))
		return err_say(e, EINVAL, "'%.80s' cannot be the name of a virtio port", name);
	return 0;
}

/* The file "name" of the kernel's port @port, one line; false: it has none (a console). */
static bool read_name(int dirfd, const char *port, char *name)
{
	char path[VPORT_PATH_MAX];
	struct buf b = { 0 };
	bool ok = false;

	if (!path_fmt(path, sizeof(path), NULL, "%s/name", port) &&
	    !read_file_at(dirfd, path, &b, 4096, NULL) && !buf_text(&b)) {
		char *text = (char *)b.data;

		text[strcspn(text, "\n")] = '\0';
		ok = *text && strlen(text) <= VPORT_NAME_MAX;
		if (ok)
			snprintf(name, VPORT_NAME_MAX + 1, "%s", text);
	}
	buf_free(&b);
	return ok;
}

/* "cpu2" before "cpu10": digits compare as numbers. */
static int by_name(const void *a, const void *b)
{
	return strverscmp(((const struct vport *)a)->name, ((const struct vport *)b)->name);
}

static int list_add(struct vport **list, size_t *n, const struct vport *p, struct err *e)
{
	struct vport *more = realloc(*list, (*n + 1) * sizeof(*more));

	if (!more)
		return err_set(e, ENOMEM, "no memory for the list of virtio ports");
	*list = more;
	more[(*n)++] = *p;
	return 0;
}

int vport_list_in(const struct vport_roots *roots, struct vport **ports, size_t *n, struct err *e)
{
	AUTO_FREE struct vport *list = NULL;
	char dir[VPORT_PATH_MAX];
	struct dirent *ent;
	size_t got = 0;
	int ret = path_fmt(dir, sizeof(dir), e, "%s/class/virtio-ports", sys_of(roots));

	*ports = NULL;
	*n = 0;
	if (ret)
		return ret;
	AUTO_DIR d = opendir(dir);

	if (!d)
		return errno == ENOENT ? 0 : err_set(e, errno, "cannot look into %s", dir);
	while (got < PORTS_MAX && (ent = readdir(d))) {
		struct vport p;

		if (*ent->d_name == '.' || !read_name(dirfd(d), ent->d_name, p.name) ||
		    path_fmt(p.path, sizeof(p.path), NULL, "%s/%s", dev_of(roots), ent->d_name))
			continue;
		ret = list_add(&list, &got, &p, e);
		if (ret)
			return ret;
	}
	if (got)
		qsort(list, got, sizeof(*list), by_name);
	*n = got;
	*ports = steal_ptr(list);
	return 0;
}

/* The options that give QEMU this port, cut to what a hint holds. */
static void hint_device(const char *name, struct err *e)
{
	err_hint(
		e,
		"on the host: trace-cmd setup-guest DOMAIN -c CPUS --qemu (or --libvirt) prints what to add, here -device virtserialport,chardev=ID,name=%s; then restart the guest",
		name);
}

static int say_missing(const struct vport_roots *roots, const char *name, size_t ports,
		       struct err *e)
{
	char dir[VPORT_PATH_MAX];

	if (path_fmt(dir, sizeof(dir), e, "%s/class/virtio-ports", sys_of(roots)))
		return -ENAMETOOLONG;
	if (access(dir, F_OK)) {
		err_say(e, ENOENT,
			"no virtio port '%s': the driver virtio_console is not here (no %s)", name,
			dir);
		err_hint(
			e,
			"modprobe virtio_console; or build the guest's kernel with CONFIG_VIRTIO_CONSOLE");
	} else if (!ports) {
		err_say(e, ENOENT,
			"no virtio port '%s': this guest has no named virtio port at all", name);
		hint_device(name, e);
	} else {
		err_say(e, ENOENT, "no virtio port '%s' among the %zu that this guest has", name,
			ports);
		hint_device(name, e);
	}
	return -ENOENT;
}

/* By the kernel's list. */
static int find_in_sys(const struct vport_roots *roots, const char *name, char *path, size_t size,
		       struct err *e)
{
	AUTO_FREE struct vport *ports = NULL;
	struct stat st;
	size_t n;
	int ret = vport_list_in(roots, &ports, &n, e);

	if (ret)
		return ret;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(ports[i].name, name))
			continue;
		if (stat(ports[i].path, &st)) {
			err_say(e, ENODEV,
				"virtio port '%s' is there, but its device node %s is not", name,
				ports[i].path);
			err_hint(
				e,
				"mount -t devtmpfs devtmpfs /dev, or mknod it as %s/class/virtio-ports says",
				sys_of(roots));
			return -ENODEV;
		}
		return path_fmt(path, size, e, "%s", ports[i].path);
	}
	return say_missing(roots, name, n, e);
}

int vport_find_in(const struct vport_roots *roots, const char *name, char *path, size_t size,
		  struct err *e)
{
	struct stat st;
	int ret = name_check(name, e);

	if (!ret)
		ret = path_fmt(path, size, e, "%s/virtio-ports/%s", dev_of(roots), name);
	if (ret || !stat(path, &st))
		return ret;
	return find_in_sys(roots, name, path, size, e);
}

int vport_find(const char *name, char *path, size_t size, struct err *e)
{
	return vport_find_in(&real_roots, name, path, size, e);
}

static int say_open(const char *name, const char *path, int code, struct err *e)
{
	err_set(e, code, "cannot open virtio port '%s' (%s)", name, path);
	if (code == EBUSY)
		err_hint(
			e,
			"another program has it open, perhaps a trace-cmd record --virt that still runs: fuser %s",
			path);
	else if (code == EACCES || code == EPERM)
		err_hint(e, "run as root, or let a udev rule give %s to your group", path);
	else if (code == ENXIO || code == ENODEV)
		err_hint(
			e,
			"the host took the port away while it was opened; see trace-cmd setup-guest --check");
	return -code;
}

int vport_open_in(const struct vport_roots *roots, const char *name, int flags, struct err *e)
{
	char path[VPORT_PATH_MAX];
	int ret = vport_find_in(roots, name, path, sizeof(path), e);

	if (ret)
		return ret;
	ret = open(path, flags | O_NONBLOCK | O_CLOEXEC);
	return ret < 0 ? say_open(name, path, errno, e) : ret;
}

int vport_open(const char *name, int flags, struct err *e)
{
	return vport_open_in(&real_roots, name, flags, e);
}

int vport_list(struct vport **ports, size_t *n, struct err *e)
{
	return vport_list_in(&real_roots, ports, n, e);
}

/* poll(2) says POLLHUP as it does when the host's end is closed; a read of no bytes tells them
 * apart. */
int vport_plugged(int fd, struct err *e)
{
	char none;

	if (read(fd, &none, 0) >= 0 || errno != ENODEV)
		return 0;
	err_say(e, ENODEV, "the virtio port was unplugged");
	err_hint(e, "start it again when the port is there");
	return -ENODEV;
}

bool vport_host_gone(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLHUP);
}
