// SPDX-License-Identifier: GPL-2.0
/*
 * fifo.c - named pipes
 *
 * Theory of operation
 *
 * What we read from a FIFO is put down to its domain, so nobody else may have laid it there. The
 * FIFO's owner says little: libvirt gives it to QEMU's user while the guest runs. Who may have laid
 * it is said by the directory that it is in: that must belong to us or to root, and be closed to
 * group and others for writing. The directory is opened first and the FIFO from it, without
 * following links, so that what was judged is what is opened.
 *
 * open(2) of a FIFO has effects (it wakes a waiting writer), so the kind of file is looked at first
 * through O_PATH, and again on the descriptor that is used.
 */
#include "transport/fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

static int say_not_fifo(const char *path, struct err *e)
{
	err_say(e, EINVAL, "%s is not a FIFO", path);
	err_hint(e, "remove it, then: trace-cmd setup-guest DOMAIN -c CPUS");
	return -EINVAL;
}

/* The directory of @path, judged; *base = the name in it, *closed: others cannot go through it. */
static int open_dir(const char *path, const char **base, bool *closed, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	struct stat st;
	int ret;

	*base = slash ? slash + 1 : path;
	ret = path_fmt(dir, sizeof(dir), e, "%.*s", slash ? (int)(slash - path) + 1 : 1,
		       slash ? path : ".");
	if (ret)
		return ret;
	AUTO_FD fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		return err_set(e, errno, "cannot open directory %s", dir);
	if ((st.st_uid && st.st_uid != geteuid()) || (st.st_mode & 0022)) {
		err_say(e, EPERM,
			"FIFO %s is not safe: others may put files in its directory (user %u, mode %04o)",
			path, st.st_uid, st.st_mode & 07777U);
		err_hint(e, "chmod go-w %s, and it must belong to you or root", dir);
		return -EPERM;
	}
	*closed = !(st.st_mode & 0001);
	return steal_fd(&fd);
}

static int check(int dir, const char *base, bool closed, const char *path, struct err *e)
{
	struct stat st;

	if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW)) {
		int ret = err_set(e, errno, "cannot open FIFO %s", path);

		if (ret == -ENOENT)
			err_hint(e, "trace-cmd setup-guest DOMAIN -c CPUS makes it");
		return ret;
	}
	if (!S_ISFIFO(st.st_mode))
		return say_not_fifo(path, e);
	if ((st.st_mode & 0002) && !closed) {
		err_say(e, EPERM, "FIFO %s is not safe: everybody may write to it (mode %04o)",
			path, st.st_mode & 07777U);
		err_hint(e, "chmod o-w %s", path);
		return -EPERM;
	}
	return 0;
}

/* Judge @path and open it with @flags. */
static int open_judged(const char *path, int flags, struct err *e)
{
	const char *base;
	struct stat st;
	bool closed = false;
	AUTO_FD dir = open_dir(path, &base, &closed, e);
	int ret = dir < 0 ? dir : check(dir, base, closed, path, e);

	if (ret)
		return ret;
	AUTO_FD fd = openat(dir, base, flags | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "cannot open FIFO %s", path);
	if (fstat(fd, &st) || !S_ISFIFO(st.st_mode))
		return say_not_fifo(path, e);
	return steal_fd(&fd);
}

int fifo_open(const char *path, struct err *e)
{
	int fd = open_judged(path, O_RDWR, e);

	if (fd >= 0)
		fcntl(fd, F_SETPIPE_SZ, FIFO_WIDTH); /* EPERM, EBUSY: works as it is, only slower */
	return fd;
}

int fifo_open_to(const char *path, struct err *e)
{
	int fd = open_judged(path, O_WRONLY, e);

	if (fd != -ENXIO)
		return fd;
	err_say(e, ENXIO, "nobody has FIFO %s open at its other end", path);
	err_hint(e, "start the guest, with the -chardev of this FIFO");
	return -ENXIO;
}

int fifo_width(int fd)
{
	int n = fcntl(fd, F_GETPIPE_SZ);

	return n < 0 ? -errno : n;
}

int fifo_make(const char *path, mode_t mode, gid_t group, struct err *e)
{
	struct stat st;
	bool made = !mkfifo(path, 0600);

	if (!made && errno != EEXIST)
		return err_set(e, errno, "cannot make FIFO %s", path);
	if (lstat(path, &st))
		return err_set(e, errno, "cannot look at FIFO %s", path);
	if (!S_ISFIFO(st.st_mode)) {
		err_say(e, EEXIST, "%s is there and is not a FIFO", path);
		err_hint(e, "look what it is, remove it, and run this again: rm %s", path);
		return -EEXIST;
	}
	if (group != (gid_t)-1 && st.st_gid != group && lchown(path, (uid_t)-1, group))
		return err_set(e, errno, "cannot give FIFO %s to group %u", path, group);
	/* lchown() first: it may take bits of the mode away. */
	if ((made || (st.st_mode & 07777) != mode) && chmod(path, mode))
		return err_set(e, errno, "cannot set the mode of FIFO %s to %04o", path, mode);
	return made;
}
