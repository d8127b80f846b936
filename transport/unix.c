// SPDX-License-Identifier: GPL-2.0
/*
 * unix.c - unix sockets: those that guests' QEMUs connect to, and that of the broker
 *
 * Theory of operation
 *
 * A unix socket's address holds about 100 bytes of path; a longer one is reached through its
 * directory's descriptor in /proc. The mode is set twice: before bind(2), which makes the file with
 * the mode of the socket less the umask, so that it is never wider than wanted; and on the file, as
 * the umask may have taken too much. The umask itself is the whole process's and left alone.
 */
#include "transport/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { BACKLOG = 128 };

/* Open the directory of @path; *name = the last part of it (borrowed). */
static int open_parent(const char *path, const char **name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	int fd;

	*name = slash ? slash + 1 : path;
	if (path_fmt(dir, sizeof(dir), e, "%.*s", slash ? (int)(slash - path) + 1 : 1,
		     slash ? path : "."))
		return -ENAMETOOLONG;
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "cannot open the directory %s", dir) : fd;
}

static int remove_stale(int dir, const char *name, const char *path, struct err *e)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : err_set(e, errno, "cannot look at %s", path);
	if (!S_ISSOCK(st.st_mode)) {
		err_say(e, EEXIST, "%s is there, and it is no socket", path);
		err_hint(e, "move it away");
		return -EEXIST;
	}
	return unlinkat(dir, name, 0) ? err_set(e, errno, "cannot replace %s", path) : 0;
}

static int address(struct sockaddr_un *to, int dir, const char *name, const char *path,
		   struct err *e)
{
	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) < sizeof(to->sun_path))
		return path_fmt(to->sun_path, sizeof(to->sun_path), e, "%s", path);
	return path_fmt(to->sun_path, sizeof(to->sun_path), e, "/proc/self/fd/%d/%s", dir, name);
}

static int bind_at(int fd, int dir, const char *name, const char *path, mode_t mode, struct err *e)
{
	struct sockaddr_un sa;
	struct stat st;
	int rc = address(&sa, dir, name, path, e);

	if (rc)
		return rc;
	if (fchmod(fd, mode) || bind(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return err_set(e, errno, "cannot make the socket %s", path);
	/* QEMU often runs as another user: the group that the directory was given to may connect.
	 */
	if (!fstat(dir, &st) && fchownat(dir, name, (uid_t)-1, st.st_gid, AT_SYMLINK_NOFOLLOW))
		errno = 0; /* not ours to give away: the owner can still connect */
	if (fchmodat(dir, name, mode, 0))
		return err_set(e, errno, "cannot set the mode of the socket %s", path);
	return 0;
}

int unix_listen(const char *path, mode_t mode, struct err *e)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const char *name;
	AUTO_FD dir = open_parent(path, &name, e);
	int rc;

	if (dir < 0)
		return dir;
	if (fd < 0)
		return err_set(e, errno, "cannot make a socket for %s", path);
	rc = remove_stale(dir, name, path, e);
	if (!rc)
		rc = bind_at(fd, dir, name, path, mode, e);
	if (rc)
		return rc;
	if (listen(fd, BACKLOG))
		return err_set(e, errno, "cannot listen on %s", path);
	return steal_fd(&fd);
}

/* Waits at most @wait_ns for each step on @fd. */
static int set_patience(int fd, uint64_t wait_ns)
{
	struct timeval tv = { (time_t)(wait_ns / NSEC_PER_SEC),
			      (suseconds_t)(wait_ns % NSEC_PER_SEC / 1000) };

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) ||
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

int unix_connect(const char *path, uint64_t wait_ns, struct err *e)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa;
	const char *name;
	AUTO_FD dir = open_parent(path, &name, e);
	int rc = dir < 0 ? dir : address(&sa, dir, name, path, e);

	if (rc)
		return rc;
	if (fd < 0 || set_patience(fd, wait_ns))
		return err_set(e, errno, "cannot make a socket for %s", path);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return err_set(e, errno, "cannot connect to %s", path);
	return steal_fd(&fd);
}
