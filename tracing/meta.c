// SPDX-License-Identifier: GPL-2.0
/*
 * meta.c - this machine's metadata for a trace.dat
 *
 * Theory of operation
 *
 * The blocks are read from tracefs and proc in the order in which a version 6 file has them and are
 * appended to one growing buffer; a text is read into a second buffer that is used again. Which
 * events' formats are stored is what stock trace-cmd stores: those that the patterns of -e mean, in
 * the order of the patterns, and always those of the system ftrace.
 *
 * /proc/kallsyms is the largest part (5 to 10 MB, made line by line by the kernel) and is therefore
 * read here, while tracing runs, and not before.
 */
#include "tracing/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tracedat/head.h"
#include "tracing/events.h"

#define KALLSYMS     "/proc/kallsyms"
#define KALLSYMS_MAX (256 * 1024 * 1024)

static struct view view_of(const struct buf *b)
{
	return (struct view){ b->data, b->len };
}

static int put_headers(const struct tracefs *t, struct buf *head, struct err *e)
{
	struct buf page = { 0 }, event = { 0 };
	int ret = tfs_read(t, "events/header_page", &page, e);

	if (!ret)
		ret = tfs_read(t, "events/header_event", &event, e);
	if (!ret)
		ret = tdat_put_headers(head, view_of(&page), view_of(&event), e);
	buf_free(&page);
	buf_free(&event);
	return ret;
}

static int put_format(const struct tracefs *t, const char *system, const char *event,
		      struct buf *text, struct buf *head, struct err *e)
{
	char file[1024];
	int ret = path_fmt(file, sizeof(file), e, "events/%s/%s/format", system, event);

	if (!ret)
		ret = tfs_read(t, file, text, e);
	return ret ? ret : tdat_put_text64(head, view_of(text), e);
}

static int put_ftrace_formats(const struct tracefs *t, struct buf *head, struct err *e)
{
	struct names events = { 0 };
	struct buf text = { 0 };
	uint32_t count = 0;
	size_t at = head->len;
	int ret = tdat_put_u32(head, 0, e);

	if (!ret && tfs_has(t, "events/ftrace"))
		ret = tfs_dirs(t, "events/ftrace", &events, e);
	for (size_t i = 0; !ret && i < events.n; i++, count++)
		ret = put_format(t, "ftrace", events.name[i], &text, head, e);
	if (!ret)
		memcpy(head->data + at, &count, sizeof(count));
	names_free(&events);
	buf_free(&text);
	return ret;
}

/* The events whose formats are stored: see struct meta_opts. */
static int wanted_events(const struct tracefs *t, const struct trace_plan *plan,
			 struct event_refs *to, struct err *e)
{
	bool all = !plan || plan->all_formats;
	int ret = 0;

	for (size_t b = 0; !all && !ret && b < plan->nbuffers; b++) {
		for (size_t i = 0; !ret && i < plan->buffers[b].nevents; i++) {
			struct err missing = { 0 };

			ret = events_find(t, plan->buffers[b].events[i].pattern, to, &missing);
			if (ret == -ENOENT) /* -i, or its module is gone by now */
				ret = 0;
			else if (ret && e)
				*e = missing;
		}
	}
	if (all && !ret)
		ret = events_find(t, "all", to, e);
	return ret ? ret : events_expand(t, to, e);
}

/* One system: its name, and those of @refs that are in it; @done marks them. */
static int put_system(const struct tracefs *t, const struct event_refs *refs, size_t first,
		      bool *done, struct buf *head, struct err *e)
{
	const char *system = refs->ref[first].system;
	struct buf text = { 0 };
	uint32_t count = 0;
	size_t at;
	int ret = buf_add(head, system, strlen(system) + 1) ? err_set(e, ENOMEM, "no memory") : 0;

	at = head->len;
	if (!ret)
		ret = tdat_put_u32(head, 0, e);
	for (size_t i = first; !ret && i < refs->n; i++) {
		if (done[i] || strcmp(refs->ref[i].system, system))
			continue;
		ret = put_format(t, system, refs->ref[i].event, &text, head, e);
		done[i] = true;
		count++;
	}
	if (!ret)
		memcpy(head->data + at, &count, sizeof(count));
	buf_free(&text);
	return ret;
}

static int put_systems(const struct tracefs *t, const struct meta_opts *o, struct buf *head,
		       struct err *e)
{
	struct event_refs refs = { 0 };
	AUTO_FREE bool *done = NULL;
	uint32_t count = 0;
	size_t at = head->len;
	int ret = tdat_put_u32(head, 0, e);

	if (!ret)
		ret = o->copy ? events_copied(t, &refs, e) : wanted_events(t, o->plan, &refs, e);
	done = calloc(refs.n + 1, sizeof(*done));
	if (!ret && !done)
		ret = err_set(e, ENOMEM, "no memory for %zu events", refs.n);
	for (size_t i = 0; !ret && i < refs.n; i++) {
		if (done[i])
			continue;
		ret = put_system(t, &refs, i, done, head, e);
		count++;
	}
	if (!ret)
		memcpy(head->data + at, &count, sizeof(count));
	event_refs_free(&refs);
	return ret;
}

/* Read straight behind its length, because a second copy of it would be felt. */
static int put_kallsyms(const char *path, struct buf *head, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t at = head->len;
	uint32_t len;
	int ret = tdat_put_u32(head, 0, e);

	if (ret || fd < 0) /* no such file: a kernel without symbols */
		return ret;
	ret = read_fd_all(fd, head, KALLSYMS_MAX, path, e);
	if (ret)
		return ret;
	len = (uint32_t)(head->len - at - sizeof(len));
	memcpy(head->data + at, &len, sizeof(len));
	return 0;
}

static int put_printk(const struct tracefs *t, struct buf *head, struct err *e)
{
	struct buf text = { 0 };
	int ret = tfs_has(t, "printk_formats") ? tfs_read(t, "printk_formats", &text, e) : 0;

	if (!ret)
		ret = tdat_put_text32(head, view_of(&text), e);
	buf_free(&text);
	return ret;
}

int meta_cmdlines(const struct tracefs *t, struct buf *head, struct err *e)
{
	struct buf text = { 0 };
	int ret = tfs_has(t, "saved_cmdlines") ? tfs_read(t, "saved_cmdlines", &text, e) : 0;

	if (!ret)
		ret = tdat_put_text64(head, view_of(&text), e);
	buf_free(&text);
	return ret;
}

int meta_collect(const struct tracefs *t, const struct meta_opts *o, struct buf *head,
		 struct err *e)
{
	int ret = tdat_put_start(head, (uint32_t)sysconf(_SC_PAGESIZE), e);

	if (!ret)
		ret = put_headers(t, head, e);
	if (!ret)
		ret = put_ftrace_formats(t, head, e);
	if (!ret)
		ret = put_systems(t, o, head, e);
	if (!ret)
		ret = put_kallsyms(o->kallsyms ? o->kallsyms : KALLSYMS, head, e);
	if (!ret)
		ret = put_printk(t, head, e);
	if (!ret && !o->cmdlines_later)
		ret = meta_cmdlines(t, head, e);
	return ret;
}

static int put_text(struct buf *head, uint16_t id, const char *text, struct err *e)
{
	return tdat_put_option(head, id, text, (uint32_t)strlen(text) + 1, e);
}

static int put_clock(const struct tracefs *t, struct buf *head, struct err *e)
{
	struct buf text = { 0 };
	int ret = tfs_read(t, "trace_clock", &text, e);

	if (!ret)
		ret = tdat_put_option(head, TDAT_OPT_TRACECLOCK, text.data, (uint32_t)text.len + 1,
				      e);
	buf_free(&text);
	return ret;
}

static int put_uname(struct buf *head, struct err *e)
{
	struct utsname u;
	char text[sizeof(u)];

	if (uname(&u))
		return err_set(e, errno, "uname");
	snprintf(text, sizeof(text), "%s %s %s %s", u.sysname, u.nodename, u.release, u.machine);
	return put_text(head, TDAT_OPT_UNAME, text, e);
}

static int put_buffer(struct buf *head, const char *name, struct err *e)
{
	struct buf data = { 0 };
	const uint64_t later = 0; /* the offset: the writer of the file knows it */
	int ret = buf_add(&data, &later, sizeof(later));

	if (!ret)
		ret = buf_add(&data, name, strlen(name) + 1);
	ret = ret ? err_set(e, ENOMEM, "no memory for an option")
		  : tdat_put_option(head, TDAT_OPT_BUFFER, data.data, (uint32_t)data.len, e);
	buf_free(&data);
	return ret;
}

int meta_options(const struct tracefs *t, const struct meta_option_opts *o, struct buf *head,
		 struct err *e)
{
	int ret = tdat_put_u32(head, o->cpus, e);

	if (!ret)
		ret = tdat_put_options_begin(head, e);
	if (!ret && !o->latency)
		ret = put_clock(t, head, e);
	if (!ret)
		ret = put_uname(head, e);
	if (!ret && o->version)
		ret = put_text(head, TDAT_OPT_VERSION, o->version, e);
	for (size_t i = 0; !ret && i < o->nhooks; i++)
		ret = put_text(head, TDAT_OPT_HOOK, o->hooks[i], e);
	if (!ret && o->trace_id)
		ret = tdat_put_option(head, TDAT_OPT_TRACEID, &o->trace_id, sizeof(o->trace_id), e);
	for (size_t i = 0; !ret && i < o->ncpustat; i++)
		ret = tdat_put_option(head, TDAT_OPT_CPUSTAT, o->cpustat[i].data,
				      (uint32_t)o->cpustat[i].len, e);
	for (size_t i = 0; !ret && i < o->nbuffers; i++)
		ret = put_buffer(head, o->buffers[i], e);
	return ret ? ret : tdat_put_options_end(head, e);
}

const char *meta_version(char *to, size_t room)
{
	struct utsname u;

	if (uname(&u))
		snprintf(to, room, "trace-cmd %s", VERSION);
	else
		snprintf(to, room, "trace-cmd %s %s %.40s %.20s", VERSION, u.sysname, u.release,
			 u.machine);
	return to;
}

uint64_t meta_trace_id(void)
{
	uint64_t id = 0;

	/* A guest that has just booted may have no entropy yet: it must not wait for it. */
	if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != sizeof(id) || !id)
		id = now_ns() * 0x9e3779b97f4a7c15ULL + (uint64_t)getpid();
	return id ? id : 1;
}

static int read_stats(const struct tracefs *t, uint32_t cpu, struct buf *to, struct err *e)
{
	char file[64];
	int ret = path_fmt(file, sizeof(file), e, "per_cpu/cpu%u/stats", cpu);

	return ret ? ret : tfs_read(t, file, to, e);
}

int meta_cpustat(const struct tracefs *t, uint32_t cpu, struct buf *to, struct err *e)
{
	struct buf text = { 0 };
	int ret = read_stats(t, cpu, &text, e);

	if (!ret && (buf_addf(to, "CPU: %u\n", cpu) || buf_add(to, text.data, text.len + 1)))
		ret = err_set(e, ENOMEM, "no memory for the statistics of CPU %u", cpu);
	buf_free(&text);
	return ret;
}

int cpu_stats_read(const struct tracefs *t, uint32_t cpu, struct cpu_stats *to, struct err *e)
{
	static const struct {
		const char *name;
		size_t off;
	} fields[] = {
		{ "entries", offsetof(struct cpu_stats, entries) },
		{ "overrun", offsetof(struct cpu_stats, overrun) },
		{ "commit overrun", offsetof(struct cpu_stats, commit_overrun) },
		{ "bytes", offsetof(struct cpu_stats, bytes) },
		{ "dropped events", offsetof(struct cpu_stats, dropped) },
		{ "read events", offsetof(struct cpu_stats, read) },
	};
	struct buf text = { 0 };
	char *line, *rest;
	int ret = read_stats(t, cpu, &text, e);

	*to = (struct cpu_stats){ 0 };
	for (rest = (char *)text.data; !ret && (line = strsep(&rest, "\n"));) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
			if (!strcmp(line, fields[i].name))
				*(uint64_t *)(void *)((char *)to + fields[i].off) =
					strtoull(colon + 1, NULL, 10);
	}
	buf_free(&text);
	return ret;
}
