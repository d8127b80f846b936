// SPDX-License-Identifier: GPL-2.0
/*
 * status.c - what a buffer's tracing is set to, as a text for people
 *
 * Theory of operation
 *
 * A table of parts in the order of printing. A part looks at its files and adds a paragraph, or
 * nothing where all is as after boot. The words and spaces are those of the stock trace-cmd, which
 * scripts read.
 *
 * A failure to read a file is no error (a kernel in lockdown refuses some, older ones do not have
 * others), but for events/enable and tracing_on, without which there is nothing to say.
 */
#include "tracing/status.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "tracing/pages.h"

struct status {
	const struct tracefs *t;
	bool options;
	struct buf *to;
	int failed; /* 0 or -ENOMEM, of the adding */
};

PRINTF(2, 3)
static void say(struct status *s, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0 || buf_add(s->to, text, strlen(text)))
		s->failed = -ENOMEM;
	va_end(ap);
	free(text);
}

/* A file's text without the newlines at its end, owned by the caller; NULL when it has none. */
static char *text_of(const struct status *s, const char *file)
{
	struct buf text = { 0 };

	if (!tfs_read_line(s->t, file, &text, NULL) && text.len)
		return (char *)text.data;
	buf_free(&text);
	return NULL;
}

/* Each line of @text behind @before; lines that only explain (#) are left out. */
static void say_lines(struct status *s, const char *title, const char *before, char *text)
{
	char *line, *rest = text;
	bool first = true;

	while (text && (line = strsep(&rest, "\n"))) {
		if (!line[0] || line[0] == '#')
			continue;
		if (first)
			say(s, "\n%s:\n", title);
		first = false;
		say(s, "%s%s\n", before, line);
	}
}

/* Files that are a list, with nothing in it or explanations after boot. */
struct list_file {
	const char *title, *file, *before;
};

static const struct list_file function_files[] = {
	{ "Function Filter", "set_ftrace_filter", "   " },
	{ "Function No Trace", "set_ftrace_notrace", "   " },
	{ "Function Graph Filter", "set_graph_function", "   " },
	{ "Function Graph No Trace", "set_graph_notrace", "   " },
};

static const struct list_file dynamic_files[] = {
	{ "Kprobe events", "kprobe_events", "   " },
	{ "Uprobe events", "uprobe_events", "   " },
	{ "Synthetic events", "synthetic_events", "   " },
};

static const struct list_file pid_files[] = {
	{ "Filtered event PIDs", "set_event_pid", "" },
	{ "Filtered notrace event PIDs", "set_event_notrace_pid", "" },
	{ "Filtered function tracer PIDs", "set_ftrace_pid", "" },
	{ "Filtered function tracer notrace PIDs", "set_ftrace_notrace_pid", "" },
};

static void say_list(struct status *s, const struct list_file *f)
{
	AUTO_FREE char *text = text_of(s, f->file);

	if (text && strcmp(text, "no pid") != 0)
		say_lines(s, f->title, f->before, text);
}

static int part_functions(struct status *s, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < ARRAY_SIZE(function_files); i++)
		say_list(s, &function_files[i]);
	return 0;
}

static int part_dynamic(struct status *s, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < ARRAY_SIZE(dynamic_files); i++)
		say_list(s, &dynamic_files[i]);
	return 0;
}

static int part_pids(struct status *s, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < ARRAY_SIZE(pid_files); i++)
		say_list(s, &pid_files[i]);
	return 0;
}

static int part_tracer(struct status *s, struct err *e)
{
	AUTO_FREE char *tracer = text_of(s, "current_tracer");

	(void)e;
	if (tracer && strcmp(tracer, "nop") != 0)
		say(s, "\nTracer: %s\n", tracer);
	return 0;
}

/* The first letter of a switch: '0', '1', 'X' (some are on), or '\0'. */
static char switch_of(const struct status *s, const char *dir, const char *name)
{
	char file[1024];
	char value = '\0';

	if (!path_fmt(file, sizeof(file), NULL, "%s/%s/enable", dir, name)) {
		AUTO_FREE char *text = text_of(s, file);

		value = text ? text[0] : '\0';
	}
	return value;
}

/* Those in @dir whose switch is @value, each behind @before; the title before the first one. */
static void say_switched(struct status *s, const char *dir, char value, const char *title,
			 const char *before)
{
	struct names names = { 0 };
	bool first = true;

	if (tfs_dirs(s->t, dir, &names, NULL))
		names_free(&names);
	for (size_t i = 0; i < names.n; i++) {
		if (switch_of(s, dir, names.name[i]) != value)
			continue;
		if (first)
			say(s, "%s", title);
		first = false;
		say(s, "%s%s\n", before, names.name[i]);
	}
	names_free(&names);
}

/* The events that are on in systems where not all are. */
static void say_single_events(struct status *s)
{
	struct names systems = { 0 };
	bool first = true;

	if (tfs_dirs(s->t, "events", &systems, NULL))
		names_free(&systems);
	for (size_t i = 0; i < systems.n; i++) {
		char dir[512], title[512];

		if (switch_of(s, "events", systems.name[i]) != 'X' ||
		    path_fmt(dir, sizeof(dir), NULL, "events/%s", systems.name[i]) ||
		    path_fmt(title, sizeof(title), NULL, "%s    %s\n",
			     first ? " Individual events:\n" : "", systems.name[i]))
			continue;
		first = false;
		say_switched(s, dir, '1', title, "        ");
	}
	names_free(&systems);
}

static int part_events(struct status *s, struct err *e)
{
	struct buf all = { 0 };
	int ret = tfs_read(s->t, "events/enable", &all, e);
	char value = !ret && all.len ? (char)all.data[0] : '\0';
	size_t had;

	buf_free(&all);
	if (ret)
		return ret;
	say(s, "\nEvents:\n");
	if (value == '0' || value == '1') {
		say(s, " All %s\n", value == '1' ? "enabled" : "disabled");
		return 0;
	}
	had = s->to->len;
	say_switched(s, "events", '1', " Individual systems:\n", "   ");
	say_single_events(s);
	if (s->to->len == had)
		say(s, "  (none enabled)\n");
	return 0;
}

/* The lines that are no explanation, joined; owned by the caller, NULL when there are none. */
static char *rules_of(const struct status *s, const char *system, const char *event,
		      const char *file)
{
	AUTO_FREE char *text = NULL;
	char path[1024], *line, *rest;
	struct buf rules = { 0 };

	if (path_fmt(path, sizeof(path), NULL, "events/%s/%s/%s", system, event, file))
		return NULL;
	text = text_of(s, path);
	if (!text || !strcmp(text, "none"))
		return NULL;
	for (rest = text; (line = strsep(&rest, "\n"));)
		if (line[0] && line[0] != '#' &&
		    buf_addf(&rules, "%s%s", rules.len ? "\n" : "", line))
			break;
	if (rules.len && !buf_text(&rules))
		return (char *)rules.data;
	buf_free(&rules);
	return NULL;
}

static void say_rules_of(struct status *s, const char *system, const char *file, const char **title)
{
	struct names events = { 0 };
	char dir[512];

	if (path_fmt(dir, sizeof(dir), NULL, "events/%s", system) ||
	    tfs_dirs(s->t, dir, &events, NULL))
		names_free(&events);
	for (size_t i = 0; i < events.n; i++) {
		AUTO_FREE char *rules = rules_of(s, system, events.name[i], file);

		if (!rules)
			continue;
		say(s, "%s  %s:%s \"%s\"\n", *title, system, events.name[i], rules);
		*title = "";
	}
	names_free(&events);
}

static void say_rules(struct status *s, const char *file, const char *title)
{
	struct names systems = { 0 };

	if (tfs_dirs(s->t, "events", &systems, NULL))
		names_free(&systems);
	for (size_t i = 0; i < systems.n; i++)
		say_rules_of(s, systems.name[i], file, &title);
	names_free(&systems);
}

static int part_rules(struct status *s, struct err *e)
{
	(void)e;
	say_rules(s, "filter", "\nFilters:\n");
	say_rules(s, "trigger", "\nTriggers:\n");
	return 0;
}

static void say_cpu_sizes(struct status *s)
{
	struct cpu_list cpus = { 0 };

	if (pages_cpus(s->t, &cpus, NULL))
		cpu_list_free(&cpus);
	say(s, "\n");
	for (size_t i = 0; i < cpus.n; i++) {
		AUTO_FREE char *kb = NULL;
		char file[128];

		if (!path_fmt(file, sizeof(file), NULL, "per_cpu/cpu%u/buffer_size_kb",
			      cpus.cpu[i]))
			kb = text_of(s, file);
		say(s, "CPU %u buffer size (kb): %s\n", cpus.cpu[i], kb ? kb : "?");
	}
	cpu_list_free(&cpus);
}

/* A ring that was never used is small, and says so: "7 (expanded: 1408)". */
static int part_size(struct status *s, struct err *e)
{
	AUTO_FREE char *kb = text_of(s, "buffer_size_kb");
	AUTO_FREE char *total = text_of(s, "buffer_total_size_kb");

	(void)e;
	if (!kb || strchr(kb, '('))
		return 0;
	if (kb[0] == 'X')
		say_cpu_sizes(s);
	else
		say(s, "\nBuffer size in kilobytes (per cpu):\n   %s\n", kb);
	if (total)
		say(s, "\nBuffer total size in kilobytes:\n   %s\n", total);
	return 0;
}

static int part_clock(struct status *s, struct err *e)
{
	AUTO_FREE char *text = text_of(s, "trace_clock");
	char clock[64];

	(void)e;
	if (text && !tfs_bracketed(text, clock, sizeof(clock)) && strcmp(clock, "local") != 0)
		say(s, "\nClock: %s\n", clock);
	return 0;
}

static int part_cpumask(struct status *s, struct err *e)
{
	AUTO_FREE char *mask = text_of(s, "tracing_cpumask");
	struct buf all = { 0 };

	(void)e;
	if (mask && !pages_mask(s->t, &all, NULL) && strcmp(mask, (char *)all.data) != 0)
		say(s, "\nCPU mask: %s\n", mask);
	buf_free(&all);
	return 0;
}

static int part_latency(struct status *s, struct err *e)
{
	AUTO_FREE char *max = text_of(s, "tracing_max_latency");

	(void)e;
	if (max && strcmp(max, "0") != 0)
		say(s, "\nMax Latency: %s\n", max);
	return 0;
}

static int part_options(struct status *s, struct err *e)
{
	struct names names = { 0 };

	(void)e;
	if (!s->options)
		return 0;
	if (tfs_files(s->t, "options", &names, NULL))
		names_free(&names);
	say(s, "\nOptions:\n");
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *value = NULL;
		char file[512];

		if (!path_fmt(file, sizeof(file), NULL, "options/%s", names.name[i]))
			value = text_of(s, file);
		if (value)
			say(s, "   %s%s\n", value[0] == '0' ? "no" : "", names.name[i]);
	}
	names_free(&names);
	return 0;
}

static int part_on(struct status *s, struct err *e)
{
	struct buf on = { 0 };
	int ret = tfs_read_line(s->t, "tracing_on", &on, e);

	if (!ret)
		say(s, "\nTracing is %s\n\n", on.len && on.data[0] == '0' ? "disabled" : "enabled");
	buf_free(&on);
	return ret;
}

static int part_errors(struct status *s, struct err *e)
{
	AUTO_FREE char *text = text_of(s, "error_log");

	(void)e;
	if (text)
		say(s, "\nError log:\n%s\n", text);
	return 0;
}

static int part_instances(struct status *s, struct err *e)
{
	struct names names = { 0 };

	(void)e;
	if (tfs_name(s->t)[0])
		return 0;
	if (tfs_dirs(s->t, "instances", &names, NULL))
		names_free(&names);
	for (size_t i = 0; i < names.n; i++)
		say(s, "%s %s\n", i ? "" : "\nInstances:\n", names.name[i]);
	names_free(&names);
	return 0;
}

static int (*const parts[])(struct status *s, struct err *e) = {
	part_tracer,  part_events,  part_rules,	  part_functions, part_size,
	part_clock,   part_cpumask, part_latency, part_dynamic,	  part_pids,
	part_options, part_on,	    part_errors,  part_instances,
};

int tracing_status(const struct tracefs *t, bool options, struct buf *to, struct err *e)
{
	struct status s = { .t = t, .options = options, .to = to };
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(parts); i++)
		ret = parts[i](&s, e);
	if (!ret && (s.failed || buf_text(to)))
		ret = err_set(e, ENOMEM, "no memory for the status");
	return ret;
}
