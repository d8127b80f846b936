// SPDX-License-Identifier: GPL-2.0
/*
 * holders.c - who reads the trace, when the kernel says that it is busy
 *
 * Theory of operation
 *
 * The tracer, the clock and the size of a buffer cannot be changed, and an instance cannot be
 * removed, while somebody has trace_pipe, trace_pipe_raw or the like open. The kernel says EBUSY
 * and not who it is; the links in /proc/PID/fd do. Processes that are not ours to see, or that end
 * meanwhile, are passed over: it is only a hint.
 *
 * Whoever has trace_pipe or trace_pipe_raw open takes events away from all others that read there.
 */
#include "tracing/holders.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

struct holder {
	long pid;
	char file[256], name[64];
};

/* Is @link a file of the buffer at @top itself, not of an instance below it? */
static bool is_inside(const char *link, const char *top)
{
	size_t len = strlen(top);

	return !strncmp(link, top, len) && link[len] == '/' &&
	       strncmp(link + len, "/instances/", strlen("/instances/")) != 0 &&
	       strstr(link + len, "/trace_marker") == NULL;
}

/* @name: only files that have this in their names; "" = all */
static bool look_at(const char *proc, long pid, const char *top, const char *name,
		    struct holder *to)
{
	char dir[128], link[512];
	const struct dirent *ent;

	if (path_fmt(dir, sizeof(dir), NULL, "%s/%ld/fd", proc, pid))
		return false;
	AUTO_DIR d = opendir(dir);

	while (d && (ent = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), ent->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		if (!is_inside(link, top) || !strstr(link + strlen(top), name))
			continue;
		to->pid = pid;
		snprintf(to->file, sizeof(to->file), "%.250s", link + strlen(top) + 1);
		return true;
	}
	return false;
}

static void read_name(const char *proc, struct holder *h)
{
	struct buf text = { 0 };
	char path[128];

	snprintf(h->name, sizeof(h->name), "?");
	if (!path_fmt(path, sizeof(path), NULL, "%s/%ld/comm", proc, h->pid) &&
	    !read_file(path, &text, 256, NULL) && !buf_text(&text))
		snprintf(h->name, sizeof(h->name), "%.*s", (int)strcspn((char *)text.data, "\n"),
			 (char *)text.data);
	buf_free(&text);
}

static bool find_holder(const char *proc, const char *top, const char *name, struct holder *to)
{
	AUTO_DIR d = opendir(proc);
	const struct dirent *ent;

	while (d && (ent = readdir(d))) {
		uint64_t pid;

		if (parse_u64(ent->d_name, 1, INT32_MAX, &pid, "pid", NULL) ||
		    (pid_t)pid == getpid() || !look_at(proc, (long)pid, top, name, to))
			continue;
		read_name(proc, to);
		return true;
	}
	return false;
}

int hint_holders(const struct tracefs *t, const char *proc, struct err *e)
{
	struct holder h = { 0 };
	struct buf tracer = { 0 };

	if (!e)
		return -EBUSY;
	if (e->code != EBUSY || e->hint[0])
		return -e->code;
	if (find_holder(proc ? proc : "/proc", tfs_path(t), "", &h))
		err_hint(e, "end process %ld (%s), which has %s open", h.pid, h.name, h.file);
	else if (!tfs_read_line(t, "current_tracer", &tracer, NULL) &&
		 strcmp((char *)tracer.data, "nop") != 0)
		err_hint(e, "'trace-cmd reset': the tracer %s runs there", (char *)tracer.data);
	buf_free(&tracer);
	return -e->code;
}

bool holders_reader(const struct tracefs *t, const char *proc, char *to, size_t room)
{
	struct holder h = { 0 };

	if (!find_holder(proc ? proc : "/proc", tfs_path(t), "/trace_pipe", &h))
		return false;
	snprintf(to, room, "process %ld (%s) has %s open", h.pid, h.name, h.file);
	return true;
}
