// SPDX-License-Identifier: GPL-2.0
/*
 * unix.c - unix stream sockets
 *
 * Theory of operation
 *
 * A socket file outlives its process, and bind(2) refuses a name that is there. So a name that is
 * taken is tried: who gets ECONNREFUSED at a socket file has found a dead one and may replace it;
 * if the connection comes about, another server lives there and we must not take its place.
 *
 * The socket gets its mode and group before it listens: until then nobody can connect, so no moment
 * is open to the wrong people, and the umask (which belongs to the whole process) is not touched.
 */
#include "transport/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { BACKLOG = 128 };

static int address(struct sockaddr_un *to, const char *path, struct err *e)
{
	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(to->sun_path)) {
		err_set(e, ENAMETOOLONG, "socket %s", path);
		err_hint(e, "a unix socket's path has at most %zu bytes: use a shorter --dir",
			 sizeof(to->sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(to->sun_path, path, strlen(path) + 1);
	return 0;
}

static int new_socket(struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? err_set(e, errno, "cannot make a unix socket") : fd;
}

/* 0: @path is free now. */
static int clear_way(const struct sockaddr_un *to, struct err *e)
{
	struct stat st;

	if (lstat(to->sun_path, &st))
		return errno == ENOENT ? 0 : err_set(e, errno, "cannot look at %s", to->sun_path);
	if (!S_ISSOCK(st.st_mode)) {
		err_say(e, EEXIST, "%s is there and is not a socket", to->sun_path);
		err_hint(e, "look what it is, and remove it: rm %s", to->sun_path);
		return -EEXIST;
	}
	AUTO_FD fd = new_socket(e);

	if (fd < 0)
		return fd;
	/* EAGAIN: its queue is full, so somebody does listen. */
	if (!connect(fd, (const struct sockaddr *)to, sizeof(*to)) || errno == EAGAIN) {
		err_say(e, EADDRINUSE, "another program listens on %s", to->sun_path);
		err_hint(e, "ss -xlp src %s shows which; a second server needs its own --dir",
			 to->sun_path);
		return -EADDRINUSE;
	}
	if (errno != ECONNREFUSED && errno != ENOENT)
		return err_set(e, errno, "cannot tell if anybody listens on %s", to->sun_path);
	if (unlink(to->sun_path) && errno != ENOENT)
		return err_set(e, errno, "cannot remove the left-over socket %s", to->sun_path);
	return 0;
}

static int allow(const char *path, const struct unix_access *a, struct err *e)
{
	if (a->group != (gid_t)-1 && lchown(path, (uid_t)-1, a->group))
		return err_set(e, errno, "cannot give %s to group %u", path, a->group);
	if (chmod(path, a->mode))
		return err_set(e, errno, "cannot set the mode of %s to %04o", path, a->mode);
	return 0;
}

int unix_listen(const char *path, const struct unix_access *access, struct err *e)
{
	struct sockaddr_un to;
	int ret = address(&to, path, e);

	if (!ret)
		ret = clear_way(&to, e);
	if (ret)
		return ret;
	AUTO_FD fd = new_socket(e);

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)))
		return err_set(e, errno, "cannot make the socket %s", path);
	ret = allow(path, access, e);
	if (!ret && listen(fd, BACKLOG))
		ret = err_set(e, errno, "cannot listen on %s", path);
	if (ret)
		unlink(path);
	return ret ? ret : steal_fd(&fd);
}

/*
 * The socket's own inode (fstat) is not the file's, so two servers cannot be told apart by number.
 * But they can by an attempt to connect, once we no longer listen.
 */
void unix_unlink(int fd, const char *path)
{
	struct sockaddr_un to;
	int ret = address(&to, path, NULL);

	if (ret)
		return;
	shutdown(fd, SHUT_RDWR);
	clear_way(&to, NULL);
}

int unix_accept(int fd, struct err *e)
{
	int got;

	do {
		got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (got < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return -EAGAIN;
	return got < 0 ? err_set(e, errno, "cannot accept a connection") : got;
}

int unix_connect(const char *path, struct err *e)
{
	struct sockaddr_un to;
	int ret = address(&to, path, e);

	if (ret)
		return ret;
	AUTO_FD fd = new_socket(e);

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return err_set(e, errno, "cannot connect to %s", path);
	return steal_fd(&fd);
}
