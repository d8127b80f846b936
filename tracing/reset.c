// SPDX-License-Identifier: GPL-2.0
/*
 * reset.c - tracing as it is after boot: nothing runs, nothing is filtered
 *
 * Theory of operation
 *
 * A table of files with what they say after boot, in the order in which they are written: first
 * what makes the buffer quiet, then rules and filters, at the end tracing_on, which is 1 after boot
 * (and records nothing as no event is on). A row is written as an undo would do it
 * (tracing/undo.c), so a file that says the right thing already is left alone; a change of the
 * clock, for one, takes long.
 *
 * Of the options only those are rows whose default has always been the same; what a kernel has
 * besides is left as it is. The stock trace-cmd leaves all options; one such as func_stack_trace or
 * stacktrace that stays behind would slow down whoever traces next.
 *
 * Filters are taken away a system at a time, in one write; triggers have no such file, and each
 * event's is read. Instances are not followed: each is reset by its own call.
 */
#include "tracing/reset.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tracing/holders.h"
#include "tracing/pages.h"
#include "tracing/undo.h"

/* What stops first. */
static const char *const quiet[][2] = {
	{ "tracing_on", "0" },
	{ "current_tracer", "nop" },
};

static const char *const files[][2] = {
	{ "events/enable", "0" },
	{ "set_event_pid", "" },
	{ "set_event_notrace_pid", "" },
	{ "set_ftrace_pid", "" },
	{ "set_ftrace_notrace_pid", "" },
	{ "set_ftrace_filter", "" },
	{ "set_ftrace_notrace", "" },
	{ "set_graph_function", "" },
	{ "set_graph_notrace", "" },
	{ "max_graph_depth", "0" },
	{ "tracing_max_latency", "0" },
	{ "options/annotate", "1" },
	{ "options/bin", "0" },
	{ "options/block", "0" },
	{ "options/context-info", "1" },
	{ "options/disable_on_free", "0" },
	{ "options/display-graph", "0" },
	{ "options/event-fork", "0" },
	{ "options/fields", "0" },
	{ "options/func_stack_trace", "0" },
	{ "options/func-no-repeats", "0" },
	{ "options/function-fork", "0" },
	{ "options/function-trace", "1" },
	{ "options/hex", "0" },
	{ "options/irq-info", "1" },
	{ "options/latency-format", "0" },
	{ "options/markers", "1" },
	{ "options/overwrite", "1" },
	{ "options/pause-on-trace", "0" },
	{ "options/print-parent", "1" },
	{ "options/printk-msg-only", "0" },
	{ "options/raw", "0" },
	{ "options/record-cmd", "1" },
	{ "options/record-tgid", "0" },
	{ "options/stacktrace", "0" },
	{ "options/sym-addr", "0" },
	{ "options/sym-offset", "0" },
	{ "options/sym-userobj", "0" },
	{ "options/userstacktrace", "0" },
	{ "options/verbose", "0" },
	{ "trace_clock", "local" },
	{ "error_log", "" },
	{ "kprobe_events", "" },
	{ "uprobe_events", "" },
	{ "synthetic_events", "" },
};

/* The first error counts. A file that is not there, or that may not be touched, is none. */
static void keep_first(struct err *first, const struct err *one)
{
	if (!first->code && one->code != ENOENT && one->code != EPERM && one->code != EACCES)
		*first = *one;
}

static void put(const struct tracefs *t, const char *file, const char *text, struct err *first)
{
	struct err one = { 0 };

	if (undo_to(t, file, text, &one)) {
		hint_holders(t, NULL, &one);
		keep_first(first, &one);
	}
}

static void put_rows(const struct tracefs *t, const char *const (*rows)[2], size_t n,
		     struct err *first)
{
	for (size_t i = 0; i < n; i++)
		put(t, rows[i][0], rows[i][1], first);
}

static void put_in(const struct tracefs *t, const char *dir, const char *name, const char *text,
		   struct err *first)
{
	char file[1024];

	if (!path_fmt(file, sizeof(file), first->code ? NULL : first, "%s/%s", dir, name))
		put(t, file, text, first);
}

static void reset_system(const struct tracefs *t, const char *system, struct err *first)
{
	struct names events = { 0 };
	struct err one = { 0 };
	char dir[512];

	if (path_fmt(dir, sizeof(dir), &one, "events/%s", system) ||
	    tfs_dirs(t, dir, &events, &one))
		keep_first(first, &one);
	put_in(t, dir, "filter", "0", first);
	for (size_t i = 0; i < events.n; i++) {
		char event[1024];

		if (!path_fmt(event, sizeof(event), NULL, "%s/%s", dir, events.name[i]))
			put_in(t, event, "trigger", "", first);
	}
	names_free(&events);
}

static void reset_rules(const struct tracefs *t, struct err *first)
{
	struct names systems = { 0 };
	struct err one = { 0 };

	if (tfs_dirs(t, "events", &systems, &one))
		keep_first(first, &one);
	for (size_t i = 0; i < systems.n; i++)
		reset_system(t, systems.name[i], first);
	names_free(&systems);
}

/* "vfs_read:traceoff": commands of functions stay when the list is emptied. */
static void reset_function_commands(const struct tracefs *t, struct err *first)
{
	struct buf text = { 0 };
	struct err one = { 0 };
	char *line, *rest;

	if (tfs_read(t, "set_ftrace_filter", &text, &one))
		keep_first(first, &one);
	for (rest = (char *)text.data; !one.code && (line = strsep(&rest, "\n"));) {
		char off[512];

		if (line[0] == '#' || !strchr(line, ':'))
			continue;
		if (!path_fmt(off, sizeof(off), &one, "!%.*s\n",
			      (int)(strstr(line, ":unlimited") ? strstr(line, ":unlimited") - line
							       : (ptrdiff_t)strlen(line)),
			      line))
			tfs_append(t, "set_ftrace_filter", off, &one);
		if (one.code)
			keep_first(first, &one);
	}
	buf_free(&text);
}

static void reset_cpumask(const struct tracefs *t, struct err *first)
{
	struct buf all = { 0 };
	struct err one = { 0 };

	if (pages_mask(t, &all, &one))
		keep_first(first, &one);
	else
		put(t, "tracing_cpumask", (char *)all.data, first);
	buf_free(&all);
}

static void resize(const struct tracefs *t, uint64_t kb, struct err *first)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)kb);
	put(t, "buffer_size_kb", text, first);
}

int tracing_reset(const struct tracefs *t, uint64_t size_kb, struct err *e)
{
	struct err first = { 0 }, one = { 0 };

	put_rows(t, quiet, ARRAY_SIZE(quiet), &first);
	reset_function_commands(t, &first);
	reset_rules(t, &first);
	put_rows(t, files, ARRAY_SIZE(files), &first);
	reset_cpumask(t, &first);
	if (size_kb)
		resize(t, size_kb, &first);
	if (tfs_truncate(t, "trace", &one))
		keep_first(&first, &one);
	put(t, "tracing_on", "1", &first);
	if (first.code && e)
		*e = first;
	return -first.code;
}

int reset_ftrace_enabled(const char *file, struct err *e)
{
	struct buf now = { 0 };
	bool off;

	if (!file)
		file = FTRACE_ENABLED;
	off = !read_file(file, &now, 64, NULL) && now.len && now.data[0] == '0';
	buf_free(&now);
	return off ? write_file(file, "1", e) : 0;
}

int reset_remove(const struct tracefs *top, const struct tracefs *t, struct err *e)
{
	char path[512];
	int ret = path_fmt(path, sizeof(path), e, "instances/%s", tfs_name(t));

	if (ret || !unlinkat(tfs_dirfd(top), path, AT_REMOVEDIR) || errno == ENOENT)
		return ret;
	err_set(e, errno, "cannot remove the buffer '%s'", tfs_name(t));
	return hint_holders(t, NULL, e);
}
