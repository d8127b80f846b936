// SPDX-License-Identifier: GPL-2.0
/*
 * undo.c - a journal of what the kernel's tracing files said before we wrote to them
 *
 * Theory of operation
 *
 * An entry is a file and the text that puts it back. What a file says is seldom what must be
 * written: trace_clock lists all clocks, filter says "none", set_event_pid is emptied by opening it
 * with O_TRUNC and filled line by line. So each file has a kind, found by its name, and a kind
 * knows how to bring what was read into the form that is written ("normal form"). Comparing is done
 * on normal forms, before a write and before an undo, so that nothing is written for nothing: a
 * change of the clock, for one, empties the ring buffer.
 *
 * Invariant: an entry is made before the write that it undoes. When the write failed and the file
 * still says what it said, the entry is dropped again: a file that refuses to be written must not
 * make the undo fail.
 *
 * Entries are undone last to first. Therefore an event's own switch comes before the switch of its
 * system, and an instance is removed after all that was set inside.
 */
#include "tracing/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum kind {
	KIND_VALUE,
	KIND_CLOCK,
	KIND_SIZE,
	KIND_SWITCH,
	KIND_LIST,
	KIND_PIDS,
	KIND_FILTER,
	KIND_TRIGGER
};

static const struct {
	const char *name;
	enum kind kind;
} kinds[] = {
	{ "trace_clock", KIND_CLOCK },	     { "buffer_size_kb", KIND_SIZE },
	{ "enable", KIND_SWITCH },	     { "set_event", KIND_LIST },
	{ "set_event_pid", KIND_PIDS },	     { "set_event_notrace_pid", KIND_PIDS },
	{ "set_ftrace_pid", KIND_PIDS },     { "set_ftrace_notrace_pid", KIND_PIDS },
	{ "set_ftrace_filter", KIND_LIST },  { "set_ftrace_notrace", KIND_LIST },
	{ "set_graph_function", KIND_LIST }, { "set_graph_notrace", KIND_LIST },
	{ "filter", KIND_FILTER },	     { "trigger", KIND_TRIGGER },
};

struct entry {
	const struct tracefs *t; /* borrowed */
	char *file;		 /* owned; NULL: the instance .old was made */
	char *old;		 /* owned: what to write, in normal form */
	enum kind kind;
};

struct undo {
	struct entry *entries;
	size_t n, room;
	struct tracefs **instances; /* owned handles */
	size_t ninstances;
};

struct undo *undo_new(struct err *e)
{
	struct undo *u = calloc(1, sizeof(*u));

	if (!u)
		err_set(e, ENOMEM, "no memory for the journal");
	return u;
}

static void entry_free(struct entry *en)
{
	free(en->file);
	free(en->old);
}

void undo_free(struct undo *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->n; i++)
		entry_free(&u->entries[i]);
	for (size_t i = 0; i < u->ninstances; i++)
		tfs_close(u->instances[i]);
	free(u->entries);
	free(u->instances);
	free(u);
}

/*
 * Does a file that reads as @now need no write of @to? A filter may hold an error, and a pid list
 * that reads as empty may filter everything out (its last process has ended): only a write tells.
 */
static bool is_same(enum kind kind, const char *now, const char *to)
{
	return kind != KIND_FILTER && kind != KIND_TRIGGER && kind != KIND_PIDS && !strcmp(now, to);
}

static enum kind kind_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;

	/* options/... are switches with any name; events/X/enable is the only other "enable". */
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && strncmp(file, "options/", 8); i++)
		if (!strcmp(base, kinds[i].name))
			return kinds[i].kind;
	return KIND_VALUE;
}

/* What a list says behind a line, and refuses when it is written. */
static void cut_end(char *line, const char *end)
{
	size_t len = strlen(line), tail = strlen(end);

	if (len >= tail && !strcmp(line + len - tail, end))
		line[len - tail] = '\0';
}

/* One line of a list as it can be written, or NULL when the line only explains. */
static char *list_line(char *line)
{
	line += strspn(line, " \t");
	if (!line[0] || line[0] == '#' || !strcmp(line, "no pid"))
		return NULL;
	cut_end(line, " [active]"); /* of a histogram */
	cut_end(line, " [paused]");
	cut_end(line, ":unlimited");
	return line;
}

/* In place: the lines that count, each without its newline but the ones between. */
static void normal_list(char *text)
{
	char *to = text;

	for (char *line = text, *next; line; line = next) {
		char *end = strchr(line, '\n'), *keep;
		size_t len;

		next = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		keep = list_line(line);
		len = keep ? strlen(keep) : 0;
		if (!len)
			continue;
		if (to != text)
			*to++ = '\n';
		memmove(to, keep, len);
		to += len;
	}
	*to = '\0';
}

/* "7 (expanded: 1408)": what the ring would have as soon as it is used, which is soon. */
static void normal_size(char *text)
{
	char *expanded = strstr(text, "(expanded: ");

	if (expanded) {
		expanded += strlen("(expanded: ");
		memmove(text, expanded, strlen(expanded) + 1);
	}
	text[strcspn(text, ") \n")] = '\0';
}

/* "none", a system's explanation, or the error of an earlier attempt: no filter. */
static void normal_filter(char *text)
{
	size_t line = strcspn(text, "\n");
	bool more = text[line] && text[line + 1];

	text[line] = '\0';
	if (more || !line || text[0] == '#' || !strcmp(text, "none"))
		memcpy(text, "0", 2);
}

static void normal_form(enum kind kind, char *text)
{
	switch (kind) {
	case KIND_CLOCK:
		tfs_bracketed(text, text, strlen(text) + 1);
		break;
	case KIND_SIZE:
		normal_size(text);
		break;
	case KIND_LIST:
	case KIND_PIDS:
	case KIND_TRIGGER:
		normal_list(text);
		break;
	case KIND_SWITCH:
		text[strcspn(text, "*\n")] =
			'\0'; /* "1*": a trigger holds it, that is no setting */
		break;
	case KIND_FILTER:
		normal_filter(text);
		break;
	default:
		text[strcspn(text, "\n")] = '\0';
	}
}

/* "sched:sched_switch": does its switch say "0*", kept ready by a trigger but not on? */
static bool is_idle_event(const struct tracefs *t, const char *line)
{
	const char *colon = strchr(line, ':');
	struct buf now = { 0 };
	char file[512];
	bool idle;

	if (!colon || path_fmt(file, sizeof(file), NULL, "events/%.*s/%s/enable",
			       (int)(colon - line), line, colon + 1))
		return false;
	idle = !tfs_read(t, file, &now, NULL) && now.len && now.data[0] == '0';
	buf_free(&now);
	return idle;
}

/* In place. set_event lists them too, and writing them there would switch them on. */
static void drop_idle_events(const struct tracefs *t, char *text)
{
	char *to = text, *rest = text, *line;

	while (text[0] && (line = strsep(&rest, "\n"))) {
		size_t len = strlen(line);

		if (is_idle_event(t, line))
			continue;
		if (to != text)
			*to++ = '\n';
		memmove(to, line, len);
		to += len;
	}
	*to = '\0';
}

/* What @file says now, in normal form; the caller frees. NULL on error. */
static char *read_normal(const struct tracefs *t, const char *file, enum kind kind, struct err *e)
{
	struct buf now = { 0 };

	if (tfs_read(t, file, &now, e)) {
		buf_free(&now);
		return NULL;
	}
	/* Room for "0" at least. */
	if ((now.len < 2 && buf_add(&now, "\0\0", 2)) || !now.data) {
		buf_free(&now);
		err_set(e, ENOMEM, "no memory to read %s", file);
		return NULL;
	}
	normal_form(kind, (char *)now.data);
	if (!strcmp(file, "set_event"))
		drop_idle_events(t, (char *)now.data);
	return (char *)now.data;
}

static int write_fd(int fd, const char *text, size_t len, const struct tracefs *t, const char *file,
		    struct err *e)
{
	if (write(fd, text, len) >= 0)
		return 0;
	return err_set(e, errno, "cannot write '%.*s' to %s/%s",
		       (int)(len && text[len - 1] == '\n' ? len - 1 : len), text, tfs_path(t),
		       file);
}

/* Line by line, each with its newline: what echo(1) would do, which every file accepts. */
static int write_lines(const struct tracefs *t, const char *file, int flags, const char *text,
		       struct err *e)
{
	AUTO_FREE char *copy = NULL;
	AUTO_FD fd = tfs_file(t, file, O_WRONLY | flags, e);
	char *line, *rest;
	int ret = 0;

	if (fd < 0)
		return fd;
	if (asprintf(&copy, "%s", text) < 0)
		return err_set(e, ENOMEM, "no memory to write %s", file);
	for (rest = copy; !ret && (line = strsep(&rest, "\n"));) {
		AUTO_FREE char *whole = NULL;
		int len = line[0] ? asprintf(&whole, "%s\n", line) : 0;

		if (len < 0)
			return err_set(e, ENOMEM, "no memory to write %s", file);
		if (len)
			ret = write_fd(fd, whole, (size_t)len, t, file, e);
	}
	/* A list of functions takes effect when its file is closed. */
	if (close(steal_fd(&fd)) && !ret)
		ret = err_set(e, errno, "cannot write '%s' to %s/%s", text, tfs_path(t), file);
	return ret;
}

static int write_kind(const struct tracefs *t, const char *file, enum kind kind, const char *text,
		      struct err *e)
{
	/* O_TRUNC takes all triggers away, also those that others have set. */
	return write_lines(t, file, kind == KIND_TRIGGER ? O_APPEND : O_TRUNC, text, e);
}

static struct entry *find_entry(struct undo *u, const struct tracefs *t, const char *file)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->entries[i].t == t && u->entries[i].file && !strcmp(u->entries[i].file, file))
			return &u->entries[i];
	return NULL;
}

/* Takes over @old. */
static int add_entry(struct undo *u, const struct tracefs *t, const char *file, char *old,
		     struct err *e)
{
	struct entry en = { .t = t, .file = file ? strdup(file) : NULL, .old = old };

	if (u->n == u->room) {
		size_t room = u->room ? 2 * u->room : 32;
		struct entry *more = realloc(u->entries, room * sizeof(*more));

		if (more) {
			u->entries = more;
			u->room = room;
		}
	}
	if (u->n == u->room || (file && !en.file) || !old) {
		entry_free(&en);
		return err_set(e, ENOMEM, "no memory for the journal");
	}
	if (file)
		en.kind = kind_of(file);
	u->entries[u->n++] = en;
	return 0;
}

/* buffer_size_kb says "X" when the CPUs differ: then each CPU has its own entry. */
static int remember_cpu_sizes(struct undo *u, const struct tracefs *t, struct err *e)
{
	struct names cpus = { 0 };
	int ret = tfs_dirs(t, "per_cpu", &cpus, e);

	for (size_t i = 0; !ret && i < cpus.n; i++) {
		char file[128];

		ret = path_fmt(file, sizeof(file), e, "per_cpu/%s/buffer_size_kb", cpus.name[i]);
		if (!ret)
			ret = undo_remember(u, t, file, e);
	}
	names_free(&cpus);
	return ret;
}

/* Takes over @now. */
static int remember(struct undo *u, const struct tracefs *t, const char *file, char *now,
		    struct err *e)
{
	enum kind kind = kind_of(file);

	if (find_entry(u, t, file)) {
		free(now);
		return 0;
	}
	if (!strcmp(now, "X") && kind == KIND_SIZE && !strncmp(file, "buffer", 6)) {
		free(now);
		return remember_cpu_sizes(u, t, e);
	}
	/* Some of a system's events are on: set_event, remembered before, has them one by one. */
	if ((now[0] == 'X' || now[0] == '?') && !now[1] && kind == KIND_SWITCH)
		now[0] = '0';
	return add_entry(u, t, file, now, e);
}

int undo_remember(struct undo *u, const struct tracefs *t, const char *file, struct err *e)
{
	char *now = read_normal(t, file, kind_of(file), e);

	return now ? remember(u, t, file, now, e) : e ? -e->code : -EIO;
}

/* The last entry is of no use when the write did not change anything. */
static void forget_unchanged(struct undo *u, const struct tracefs *t, const char *file)
{
	struct entry *last = u->n ? &u->entries[u->n - 1] : NULL;
	struct err ignored = { 0 };
	AUTO_FREE char *now = read_normal(t, file, kind_of(file), &ignored);

	if (!last || !last->file || last->t != t || strcmp(last->file, file))
		return;
	if (!now || strcmp(now, last->old))
		return;
	/* A filter's error text reads as "none", but stays until "0" is written. */
	if (last->kind == KIND_FILTER)
		return;
	entry_free(last);
	u->n--;
}

int undo_write(struct undo *u, const struct tracefs *t, const char *file, const char *text,
	       struct err *e)
{
	enum kind kind = kind_of(file);
	struct err local = { 0 };
	char *now = read_normal(t, file, kind, e ? e : &local);
	bool same = now && is_same(kind, now, text);
	size_t had = u->n;
	int ret;

	if (!now)
		return -(e ? e->code : local.code);
	if (same) {
		free(now);
		return 0;
	}
	ret = remember(u, t, file, now, e);
	if (ret)
		return ret;
	ret = write_kind(t, file, kind, text, e);
	if (ret && u->n > had)
		forget_unchanged(u, t, file);
	return ret;
}

struct tracefs *undo_instance(struct undo *u, const struct tracefs *top, const char *name,
			      struct err *e)
{
	struct tracefs **more = realloc(u->instances, (u->ninstances + 1) * sizeof(*more));
	char path[512];
	bool made;

	if (!more) {
		err_set(e, ENOMEM, "no memory for the buffer '%s'", name);
		return NULL;
	}
	u->instances = more;
	if (path_fmt(path, sizeof(path), e, "instances/%s", name))
		return NULL;
	made = !mkdirat(tfs_dirfd(top), path, 0750);
	if (!made && errno != EEXIST) {
		err_set(e, errno, "cannot make the buffer '%s' (%s/%s)", name, tfs_path(top), path);
		return NULL;
	}
	if (made && add_entry(u, top, NULL, strdup(path), e)) {
		unlinkat(tfs_dirfd(top), path, AT_REMOVEDIR);
		return NULL;
	}
	more[u->ninstances] = tfs_open_instance(top, name, e);
	return more[u->ninstances] ? more[u->ninstances++] : NULL;
}

/* Is @line one of the lines of @text? */
static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at += len)
		if ((at == text || at[-1] == '\n') && (!at[len] || at[len] == '\n'))
			return true;
	return false;
}

/* Take away the triggers that are there now and were not before. */
static int undo_triggers(const struct entry *en, char *now, struct err *e)
{
	char *line, *rest = now;
	int ret = 0;

	while (!ret && (line = strsep(&rest, "\n"))) {
		AUTO_FREE char *off = NULL;

		if (!line[0] || has_line(en->old, line))
			continue;
		if (asprintf(&off, "!%s", line) < 0)
			return err_set(e, ENOMEM, "no memory to write %s", en->file);
		ret = write_lines(en->t, en->file, O_APPEND, off, e);
	}
	return ret;
}

static int undo_instance_made(const struct entry *en, struct err *e)
{
	if (!unlinkat(tfs_dirfd(en->t), en->old, AT_REMOVEDIR) || errno == ENOENT)
		return 0;
	return err_set(e, errno, "cannot remove the buffer %s/%s", tfs_path(en->t), en->old);
}

static int undo_entry(const struct entry *en, struct err *e)
{
	AUTO_FREE char *now = NULL;

	if (!en->file)
		return undo_instance_made(en, e);
	now = read_normal(en->t, en->file, en->kind, e);
	if (!now)
		return e->code == ENOENT ? 0 : -e->code; /* its event or module went away */
	if (en->kind == KIND_TRIGGER)
		return undo_triggers(en, now, e);
	if (is_same(en->kind, now, en->old))
		return 0;
	return write_kind(en->t, en->file, en->kind, en->old, e);
}

int undo_to(const struct tracefs *t, const char *file, const char *text, struct err *e)
{
	AUTO_FREE char *name = strdup(file), *old = strdup(text);
	struct entry en = { .t = t, .file = name, .old = old, .kind = kind_of(file) };
	struct err local = { 0 };

	if (!name || !old)
		return err_set(e, ENOMEM, "no memory to write %s", file);
	return undo_entry(&en, e ? e : &local);
}

int undo_all(struct undo *u, struct err *e)
{
	int ret = 0;

	while (u->n) {
		struct entry *en = &u->entries[--u->n];
		struct err one = { 0 };

		/* An instance cannot be removed while files in it are open; the handle is a
		 * directory. */
		if (undo_entry(en, &one) && !ret) {
			ret = -one.code;
			if (e) {
				*e = one;
				err_prefix(e, "cannot put the tracing settings back");
			}
		}
		entry_free(en);
	}
	for (size_t i = 0; i < u->ninstances; i++)
		tfs_close(u->instances[i]);
	u->ninstances = 0;
	return ret;
}
