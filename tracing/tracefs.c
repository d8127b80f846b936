// SPDX-License-Identifier: GPL-2.0
/*
 * tracefs.c - the directory through which one kernel's tracing is ordered about
 *
 * Theory of operation
 *
 * A handle is an open directory; all files are opened relative to it, so that a lookup walks only
 * the path inside. The file system is found by its magic number at its usual place, at the place of
 * the time before 4.1 (debugfs mounts it there by itself), and else wherever it is mounted.
 *
 * Why not libtracefs for finding it: it does not say why mounting failed, and a guest's first
 * recording should cost three system calls here, not a parse of all mounts.
 *
 * Files of tracefs report size 0, and their opening may be refused (a kernel in lockdown): the
 * caller decides whether that is an error.
 */
#include "tracing/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define TRACEFS_PLACE	 "/sys/kernel/tracing"
#define DEBUGFS_PLACE	 "/sys/kernel/debug/tracing"
#define TRACEFS_FS_MAGIC 0x74726163 /* linux/magic.h, TRACEFS_MAGIC */
#define EVENTS		 "events"

struct tracefs {
	int fd;
	char *path;
	char *name;
	bool only_events; /* the directory is what is "events" elsewhere */
};

static bool is_tracefs(const char *path)
{
	struct statfs s;

	return !statfs(path, &s) && s.f_type == TRACEFS_FS_MAGIC;
}

static bool find_mounted(char *to, size_t room)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	struct mntent *m;
	bool found = false;

	while (mounts && !found && (m = getmntent(mounts)))
		found = !strcmp(m->mnt_type, "tracefs") &&
			!path_fmt(to, room, NULL, "%s", m->mnt_dir);
	if (mounts)
		endmntent(mounts);
	return found;
}

static int mount_it(struct err *e)
{
	if (!mount("nodev", TRACEFS_PLACE, "tracefs", 0, NULL))
		return 0;
	err_set(e, errno, "tracefs is not mounted, and it cannot be mounted at " TRACEFS_PLACE);
	if (e && (e->code == EPERM || e->code == EACCES))
		return err_hint(e, "sudo mount -t tracefs nodev " TRACEFS_PLACE);
	if (e && e->code == ENODEV)
		return err_hint(e, "a kernel built with CONFIG_FTRACE; this one has no tracefs");
	if (e && e->code == ENOENT && access("/sys/kernel", F_OK))
		return err_hint(e, "mount -t sysfs sysfs /sys");
	return err_hint(e, "a kernel built with CONFIG_FTRACE, with sysfs mounted at /sys");
}

static int find_root(char *to, size_t room, struct err *e)
{
	static const char *const usual[] = { TRACEFS_PLACE, DEBUGFS_PLACE };
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (is_tracefs(usual[i]))
			return path_fmt(to, room, e, "%s", usual[i]);
	if (find_mounted(to, room))
		return 0;
	ret = mount_it(e);
	return ret ? ret : path_fmt(to, room, e, "%s", TRACEFS_PLACE);
}

static struct tracefs *open_dir(const char *path, const char *name, struct err *e)
{
	struct tracefs *t = calloc(1, sizeof(*t));

	if (!t || !(t->path = strdup(path)) || !(t->name = strdup(name))) {
		err_set(e, ENOMEM, "no memory to open %s", path);
		if (t)
			t->fd = -1;
		tfs_close(t);
		return NULL;
	}
	t->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->fd >= 0)
		return t;
	err_set(e, errno, "cannot open %s", path);
	if (e && (e->code == EACCES || e->code == EPERM))
		err_hint(
			e,
			"run it as root, or let your group in: mount -o remount,gid=GROUP,mode=750 %s",
			path);
	tfs_close(t);
	return NULL;
}

struct tracefs *tfs_open(const char *root, struct err *e)
{
	char found[4096];

	if (!root && find_root(found, sizeof(found), e))
		return NULL;
	return open_dir(root ? root : found, "", e);
}

struct tracefs *tfs_open_copy(const char *path, struct err *e)
{
	struct tracefs *t = open_dir(path, "", e);

	if (!t)
		return NULL;
	t->only_events = !tfs_has(t, EVENTS) && tfs_has(t, "header_page");
	if (tfs_has(t, EVENTS "/header_page"))
		return t;
	err_say(e, ENOENT, "%s is no copy of a tracefs: there is no events/header_page in it",
		path);
	err_hint(e, "in the guest: cp -r " TRACEFS_PLACE "/events DIR");
	tfs_close(t);
	return NULL;
}

struct tracefs *tfs_open_instance(const struct tracefs *top, const char *name, struct err *e)
{
	char path[4096];

	if (path_fmt(path, sizeof(path), e, "%s/instances/%s", top->path, name))
		return NULL;
	return open_dir(path, name, e);
}

void tfs_close(struct tracefs *t)
{
	if (!t)
		return;
	if (t->fd >= 0)
		close(t->fd);
	free(t->path);
	free(t->name);
	free(t);
}

const char *tfs_path(const struct tracefs *t)
{
	return t->path;
}

const char *tfs_name(const struct tracefs *t)
{
	return t->name;
}

int tfs_dirfd(const struct tracefs *t)
{
	return t->fd;
}

/* What @file is called in the directory that is open. */
static const char *inside(const struct tracefs *t, const char *file)
{
	size_t n = strlen(EVENTS);

	if (!t->only_events || strncmp(file, EVENTS, n) || (file[n] && file[n] != '/'))
		return file;
	return file[n] ? file + n + 1 : ".";
}

bool tfs_has(const struct tracefs *t, const char *file)
{
	return !faccessat(t->fd, inside(t, file), F_OK, 0);
}

int tfs_file(const struct tracefs *t, const char *file, int flags, struct err *e)
{
	int fd = openat(t->fd, inside(t, file), flags | O_CLOEXEC);

	return fd >= 0 ? fd : err_set(e, errno, "cannot open %s/%s", t->path, file);
}

int tfs_read(const struct tracefs *t, const char *file, struct buf *to, struct err *e)
{
	AUTO_FD fd = tfs_file(t, file, O_RDONLY, e);
	int ret;

	if (fd < 0)
		return fd;
	to->len = 0;
	ret = read_fd_all(fd, to, TFS_MAX, file, e);
	if (ret)
		return err_prefix(e, "%s", t->path);
	return buf_text(to) ? err_set(e, ENOMEM, "no memory to read %s", file) : 0;
}

int tfs_read_line(const struct tracefs *t, const char *file, struct buf *to, struct err *e)
{
	int ret = tfs_read(t, file, to, e);

	while (!ret && to->len && to->data[to->len - 1] == '\n')
		to->data[--to->len] = '\0';
	return ret;
}

int tfs_append(const struct tracefs *t, const char *file, const char *text, struct err *e)
{
	AUTO_FD fd = tfs_file(t, file, O_WRONLY | O_APPEND, e);

	if (fd < 0)
		return fd;
	if (write(fd, text, strlen(text)) < 0)
		return err_set(e, errno, "cannot write '%s' to %s/%s", text, t->path, file);
	return 0;
}

int tfs_truncate(const struct tracefs *t, const char *file, struct err *e)
{
	AUTO_FD fd = tfs_file(t, file, O_WRONLY | O_TRUNC, e);

	return fd < 0 ? fd : 0;
}

int tfs_bracketed(const char *text, char *to, size_t room)
{
	const char *from = strchr(text, '[');
	size_t len;

	/* A file that lists nothing but the current one (old kernels) has no brackets. */
	from = from ? from + 1 : text;
	len = strcspn(from, "] \n");
	if (!len || len >= room)
		return -EINVAL;
	memmove(to, from, len); /* the caller may pass one buffer twice */
	to[len] = '\0';
	return 0;
}

int tfs_clock(const struct tracefs *t, char *to, size_t room, struct err *e)
{
	struct buf text = { 0 };
	int ret = tfs_read(t, "trace_clock", &text, e);

	if (!ret && tfs_bracketed((char *)text.data, to, room))
		ret = err_say(e, EPROTO, "%s/trace_clock does not say which clock is used",
			      tfs_path(t));
	buf_free(&text);
	return ret;
}

int names_add(struct names *to, const char *name)
{
	char **more = to->name;

	if (!(to->n & (to->n - 1))) /* full at each power of two */
		more = realloc(to->name, (to->n ? 2 * to->n : 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	to->name = more;
	more[to->n] = strdup(name);
	if (!more[to->n])
		return -ENOMEM;
	to->n++;
	return 0;
}

void names_free(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
	*l = (struct names){ 0 };
}

static int list_dir(const struct tracefs *t, const char *dir, bool dirs, struct names *to,
		    struct err *e)
{
	int fd = tfs_file(t, dir, O_RDONLY | O_DIRECTORY, e);
	AUTO_DIR d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *ent;

	if (fd < 0)
		return fd;
	if (!d) {
		close(fd);
		return err_set(e, ENOMEM, "no memory to read %s/%s", t->path, dir);
	}
	while ((ent = readdir(d)))
		if ((ent->d_type == DT_DIR) == dirs && ent->d_name[0] != '.' &&
		    names_add(to, ent->d_name))
			return err_set(e, ENOMEM, "no memory to read %s/%s", t->path, dir);
	return 0;
}

int tfs_dirs(const struct tracefs *t, const char *dir, struct names *to, struct err *e)
{
	return list_dir(t, dir, true, to, e);
}

int tfs_files(const struct tracefs *t, const char *dir, struct names *to, struct err *e)
{
	return list_dir(t, dir, false, to, e);
}
