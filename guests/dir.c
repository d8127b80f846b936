// SPDX-License-Identifier: GPL-2.0
/*
 * dir.c - is this directory ours, or did somebody else lay it there for us to fall into?
 *
 * Theory of operation
 *
 * The default directory is below /tmp, where every user of the host may make a directory first. So
 * the directory must belong to us or to root, and nobody else may write to it. A check of the last
 * part alone is not enough: who may rename a parent can put another directory in its place later.
 * So each parent must belong to us or to root, and one that others may write to must be sticky (in
 * a sticky directory only the owner of an entry may rename it). A parent that is a symlink must
 * belong to us or to root too, and the parents of what it leads to are judged the same way.
 *
 * Checks by path and uses by path are apart in time. That is safe here: once all parents pass,
 * nobody but us and root is able to change what the path leads to.
 */
#include "guests/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { DIR_MODE = 0755 };

const char *guests_dir(const char *option)
{
	const char *env = getenv(GUESTS_DIR_ENV);

	if (option)
		return option;
	return env && *env ? env : GUESTS_DIR_DEFAULT;
}

static bool trusted(uid_t uid)
{
	return !uid || uid == geteuid();
}

/* One parent: @path is it (from the root on), not the directory itself. */
static int parent_check(const char *path, const char *whole, struct err *e)
{
	struct stat st;

	if (lstat(path, &st))
		return err_set(e, errno, "cannot look at %s", path);
	if (!trusted(st.st_uid)) {
		err_say(e, EPERM,
			"directory %s is not safe: its parent %s belongs to user %u, who could put another directory in its place",
			whole, path, st.st_uid);
		err_hint(e, "choose another directory with --dir DIR or %s", GUESTS_DIR_ENV);
		return -EPERM;
	}
	if (!S_ISLNK(st.st_mode) && (st.st_mode & 0002) && !(st.st_mode & S_ISVTX)) {
		err_say(e, EPERM,
			"directory %s is not safe: everybody may write to its parent %s (mode %04o), which is not sticky",
			whole, path, st.st_mode & 07777U);
		err_hint(e, "chmod o-w %s", path);
		return -EPERM;
	}
	return 0;
}

/* All parents of @path, "/" first. @path is absolute. */
static int parents_check(const char *path, const char *whole, struct err *e)
{
	char part[PATH_MAX];
	int ret = parent_check("/", whole, e);

	for (const char *slash = path + 1; !ret && (slash = strchr(slash, '/')); slash++) {
		if (slash[1] == '/' || !slash[1])
			continue;
		ret = path_fmt(part, sizeof(part), e, "%.*s", (int)(slash - path), path);
		if (!ret)
			ret = parent_check(part, whole, e);
	}
	return ret;
}

/* @path made absolute, without slashes at its end. */
static int absolute(const char *path, char *to, size_t size, struct err *e)
{
	AUTO_FREE char *cwd = *path == '/' ? NULL : getcwd(NULL, 0);
	size_t len;
	int ret;

	if (!*path)
		return err_say(e, EINVAL, "the name of the directory is empty");
	if (*path != '/' && !cwd)
		return err_set(e, errno, "cannot tell the current directory");
	ret = path_fmt(to, size, e, "%s%s%s", cwd ? cwd : "", cwd ? "/" : "", path);
	if (ret)
		return ret;
	for (len = strlen(to); len > 1 && to[len - 1] == '/'; len--)
		to[len - 1] = '\0';
	return 0;
}

/* The parents as @path names them, then the parents that it really has (symlinks followed). */
static int above_check(const char *path, const char *whole, struct err *e)
{
	AUTO_FREE char *real = NULL;
	char parent[PATH_MAX];
	int ret = parents_check(path, whole, e);

	if (ret)
		return ret;
	ret = path_fmt(parent, sizeof(parent), e, "%.*s/.", (int)(strrchr(path, '/') - path), path);
	if (ret)
		return ret;
	real = realpath(parent, NULL);
	if (!real)
		return err_set(e, errno, "cannot follow %s", parent);
	ret = path_fmt(parent, sizeof(parent), e, "%s/x", real);
	return ret ? ret : parents_check(parent, whole, e);
}

static int mode_check(const char *path, const struct stat *st, bool group_ok, struct err *e)
{
	if (st->st_mode & 0002) {
		err_say(e, EPERM, "directory %s is not safe: everybody may write to it (mode %04o)",
			path, st->st_mode & 07777U);
		err_hint(e, "chmod o-w %s, after a look at who made what in it", path);
		return -EPERM;
	}
	if ((st->st_mode & 0020) && !group_ok) {
		err_say(e, EPERM, "directory %s is not safe: group %u may write to it (mode %04o)",
			path, st->st_gid, st->st_mode & 07777U);
		err_hint(e, "chmod g-w %s", path);
		return -EPERM;
	}
	return 0;
}

int guests_dir_check(const char *path, bool group_ok, struct err *e)
{
	char full[PATH_MAX];
	struct stat st;
	int ret = absolute(path, full, sizeof(full), e);

	if (ret)
		return ret;
	if (lstat(full, &st)) {
		ret = err_set(e, errno, "cannot look at directory %s", path);
		if (ret == -ENOENT)
			err_hint(e, "trace-cmd setup-guest DOMAIN -c CPUS makes it");
		return ret;
	}
	if (S_ISLNK(st.st_mode)) {
		err_say(e, EPERM, "directory %s is not safe: it is a symbolic link", path);
		err_hint(e, "rm %s, or name the directory it leads to with --dir", path);
		return -EPERM;
	}
	if (!S_ISDIR(st.st_mode))
		return err_say(e, EPERM, "%s is not a directory", path);
	if (!trusted(st.st_uid)) {
		err_say(e, EPERM,
			"directory %s is not safe: it belongs to user %u, not to you (%u) or root",
			path, st.st_uid, geteuid());
		err_hint(e, "choose another one with --dir DIR or %s, or as root: chown %u %s",
			 GUESTS_DIR_ENV, geteuid(), path);
		return -EPERM;
	}
	ret = mode_check(path, &st, group_ok, e);
	return ret ? ret : above_check(full, path, e);
}

/* mkdir without the umask's say: guests run as another user and must get through. */
static int make_one(const char *path, struct err *e)
{
	if (mkdir(path, DIR_MODE)) {
		if (errno == EEXIST)
			return 0;
		return err_set(e, errno, "cannot make the directory %s", path);
	}
	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fchmod(fd, DIR_MODE))
		return err_set(e, errno, "cannot set the mode of the directory %s", path);
	return 0;
}

int guests_dir_make(const char *path, struct err *e)
{
	char full[PATH_MAX];
	int ret = absolute(path, full, sizeof(full), e);

	if (ret)
		return ret;
	for (char *slash = full; !ret && (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		/* Judged before we go on: a directory that was laid for us gets nothing of ours. */
		ret = make_one(full, e);
		if (!ret)
			ret = parent_check(full, path, e);
		*slash = '/';
	}
	if (!ret)
		ret = make_one(full, e);
	return ret ? ret : guests_dir_check(path, false, e);
}
