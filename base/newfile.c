// SPDX-License-Identifier: GPL-2.0
/*
 * newfile.c - write beside the old file, then put the new one in its place
 *
 * Theory of operation
 *
 * The file is made in the directory of its target, so that a rename can put it there; without a
 * name if the file system knows that (O_TMPFILE), so that a kill leaves nothing. It gets a
 * temporary name only for the rename, as a link cannot replace.
 *
 * Invariant: at every moment .path is the old file, whole, or the new one, whole and on the disk.
 */
#include "base/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

int newfile_target(const char *path, char **to, struct err *e)
{
	struct stat st;

	*to = realpath(path, NULL);
	if (!*to && errno == ENOENT)
		*to = strdup(path);
	if (!*to)
		return err_set(e, errno, "cannot write %s", path);
	if (stat(*to, &st) || S_ISREG(st.st_mode))
		return 0;
	err_say(e, EINVAL, "-o %s: that is no file, and it would be replaced", path);
	err_hint(e, "name a file that is not there, or one to overwrite");
	return -EINVAL;
}

/* "." or "/" or what stands before the last slash. */
static int directory_of(const char *path, char *to, size_t room, struct err *e)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return path_fmt(to, room, e, ".");
	return path_fmt(to, room, e, "%.*s", slash > path ? (int)(slash - path) : 1, path);
}

static int open_new(struct newfile *n, struct err *e)
{
	char dir[PATH_MAX];
	int rc = directory_of(n->path, dir, sizeof(dir), e);

	if (rc)
		return rc;
	n->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	if (n->fd >= 0)
		return 0;
	n->fd = open(n->tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (n->fd < 0)
		return err_set(e, errno, "cannot write %s", n->path);
	n->named = true;
	return 0;
}

int newfile_begin(struct newfile *n, const char *path, struct err *e)
{
	char tmp[PATH_MAX];
	int rc;

	*n = (struct newfile){ .fd = -1 };
	rc = newfile_target(path, &n->path, e);
	if (!rc)
		rc = path_fmt(tmp, sizeof(tmp), e, "%s.%d.tmp", n->path, getpid());
	if (!rc) {
		n->tmp = strdup(tmp);
		rc = n->tmp ? open_new(n, e) : err_set(e, ENOMEM, "no memory for a path");
	}
	if (rc)
		newfile_end(n);
	return rc;
}

static int give_name(struct newfile *n, struct err *e)
{
	char self[64];

	if (n->named)
		return 0;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", n->fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, n->tmp, AT_SYMLINK_FOLLOW))
		return err_set(e, errno, "cannot make %s", n->tmp);
	n->named = true;
	return 0;
}

int newfile_publish(struct newfile *n, struct err *e)
{
	char dir[PATH_MAX];
	AUTO_FD dirfd = -1;
	struct stat st;
	int rc;

	if (!stat(n->path, &st) && fchmod(n->fd, st.st_mode & 07777))
		return err_set(e, errno, "cannot set the mode of %s", n->path);
	if (fsync(n->fd))
		return err_set(e, errno, "cannot write %s", n->path);
	rc = give_name(n, e);
	if (!rc && rename(n->tmp, n->path))
		rc = err_set(e, errno, "cannot rename %s to %s", n->tmp, n->path);
	if (rc)
		return rc;
	n->named = false;
	if (!directory_of(n->path, dir, sizeof(dir), NULL))
		dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd >= 0)
		fsync(dirfd); /* refused by some: the name is then as durable as they make it */
	return 0;
}

void newfile_end(struct newfile *n)
{
	if (n->named && n->tmp)
		unlink(n->tmp);
	cleanup_fd(&n->fd);
	free(n->path);
	free(n->tmp);
	*n = (struct newfile){ .fd = -1 };
}
