/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fake.h - a tree of plain files that looks like tracefs, and plans from words
 *
 * It keeps what is written and acts on nothing, so a file that was put back says what was written
 * and not what the kernel would make of it: fake_normal() makes both equal.
 */
#ifndef TESTS_UNIT_TRACING_FAKE_H
#define TESTS_UNIT_TRACING_FAKE_H

#include "tests/unit/base/rows.h"
#include "tests/unit/transport/tree.h"
#include "tracing/plan.h"
#include "tracing/tracefs.h"

#define FAKE_PAGE                                                   \
	"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"  \
	"\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n" \
	"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"  \
	"\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n"
#define FAKE_STATS                                                                       \
	"entries: 3\noverrun: 4\ncommit overrun: 5\nbytes: 600\noldest event ts:  9.5\n" \
	"now ts:  10.5\ndropped events: 7\nread events: 8\n"

static const char *const fake_files[][2] = {
	{ "tracing_on", "1\n" },
	{ "current_tracer", "nop\n" },
	{ "available_tracers", "function_graph function nop\n" },
	{ "trace_clock", "[local] global counter mono x86-tsc\n" },
	{ "buffer_size_kb", "7 (expanded: 1408)\n" },
	{ "buffer_percent", "50\n" },
	{ "tracing_cpumask", "3\n" },
	{ "set_event", "" },
	{ "set_event_pid", "77\n" },
	{ "set_event_notrace_pid", "" },
	{ "set_ftrace_pid", "no pid\n" },
	{ "set_ftrace_filter", "#### all functions enabled ####\n" },
	{ "set_ftrace_notrace", "#### no functions disabled ####\n" },
	{ "set_graph_function", "#### all functions enabled ####\n" },
	{ "available_filter_functions", "do_fork\ndo_exit\nvfs_read\nfuse_do [fuse]\n" },
	{ "max_graph_depth", "0\n" },
	{ "trace_options", "print-parent\nnosym-addr\noverwrite\n" },
	{ "options/sym-addr", "0\n" },
	{ "options/overwrite", "1\n" },
	{ "options/stacktrace", "0\n" },
	{ "options/func_stack_trace", "0\n" },
	{ "options/event-fork", "0\n" },
	{ "options/function-fork", "0\n" },
	{ "options/function-trace", "1\n" },
	{ "saved_cmdlines_size", "128\n" },
	{ "trace", "" },
	{ "printk_formats", "0xff : \"x\"\n" },
	{ "saved_cmdlines", "1 init\n" },
	{ "events/enable", "0\n" },
	{ "events/header_page", FAKE_PAGE },
	{ "events/header_event", "# compressed entry header\n" },
	{ "per_cpu/cpu0/stats", FAKE_STATS },
	{ "per_cpu/cpu0/buffer_size_kb", "1408\n" },
	{ "per_cpu/cpu0/trace_pipe_raw", "page" },
	{ "per_cpu/cpu2/stats", FAKE_STATS },
	{ "per_cpu/cpu2/buffer_size_kb", "2000\n" },
	{ "per_cpu/cpu2/trace_pipe_raw", "" },
	{ "events/ftrace/print/format", "name: print\n" },
	{ "events/ftrace/function/format", "name: function\n" },
};

static const char *const fake_events[][2] = {
	{ "sched", "sched_switch" },	  { "sched", "sched_waking" },
	{ "sched", "sched_stat_wait" },	  { "irq", "irq_handler" },
	{ "syscalls", "sys_enter_read" }, { "fs", "sched_disk" },
};

static inline void fake_event(struct tree *t, const char *in, const char *system, const char *event)
{
	static const char *const files[][2] = { { "enable", "0\n" }, { "filter", "none\n" } };
	char name[256], format[256];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(name, sizeof(name), "%sevents/%s/%s/%s", in, system, event, files[i][0]);
		tree_file(t, name, files[i][1]);
		snprintf(name, sizeof(name), "%sevents/%s/%s", in, system, files[i][0]);
		tree_file(t, name, i ? "### global filter ###\n# Use this\n" : "0\n");
	}
	snprintf(name, sizeof(name), "%sevents/%s/%s/trigger", in, system, event);
	tree_file(t, name, "# Available triggers:\n# traceon\n");
	snprintf(name, sizeof(name), "%sevents/%s/%s/format", in, system, event);
	snprintf(format, sizeof(format), "name: %s\nID: 1\n", event);
	tree_file(t, name, format);
}

/* @in: "" or "instances/NAME/". */
static inline void fake_fill(struct tree *t, const char *in)
{
	struct buf all = { 0 };
	char name[256];

	for (size_t i = 0; i < ARRAY_SIZE(fake_files); i++) {
		snprintf(name, sizeof(name), "%s%s", in, fake_files[i][0]);
		tree_file(t, name, fake_files[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fake_events); i++) {
		fake_event(t, in, fake_events[i][0], fake_events[i][1]);
		assert_int_equal(buf_addf(&all, "%s:%s\n", fake_events[i][0], fake_events[i][1]),
				 0);
	}
	assert_int_equal(buf_text(&all), 0);
	snprintf(name, sizeof(name), "%savailable_events", in);
	tree_file(t, name, (char *)all.data);
	buf_free(&all);
}

static inline void fake_make(struct tree *t)
{
	tree_make(t);
	fake_fill(t, "");
	tree_dir(t, "instances", 0755);
}

/* The file's text without the newline at its end; the caller frees. "(gone)" when not there. */
static inline char *fake_read(struct tree *t, const char *name)
{
	struct buf text = { 0 };

	if (read_file(tree_at(t, "%s", name), &text, 1 << 20, NULL)) {
		buf_free(&text);
		return strdup("(gone)");
	}
	assert_int_equal(buf_text(&text), 0);
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	return (char *)text.data;
}

static inline void fake_expect(struct tree *t, const char *name, const char *want)
{
	char *got = fake_read(t, name);

	if (strcmp(got, want))
		print_error("%s says '%s', not '%s'\n", name, got, want);
	assert_string_equal(got, want);
	free(got);
}

/* Of one run of nftw(), which takes no argument for its callback. */
static struct buf fake_list;

static inline int fake_add_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)ftw;

	return flag == FTW_F || flag == FTW_D ? buf_addf(&fake_list, "%s\n", path) : 0;
}

static int fake_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the kernel would show for what was put back: "0" in a filter is none, and so on. */
static inline const char *fake_normal(const char *name, const char *text, char *clock, size_t room)
{
	if (strstr(name, "trace_clock") && !tfs_bracketed(text, clock, room))
		return clock;
	if (strstr(name, "buffer_size_kb") && strstr(text, "1408"))
		return "1408";
	if (strstr(name, "/filter") && (text[0] == '#' || !strcmp(text, "0")))
		return "none";
	if (strstr(name, "set_") && (text[0] == '#' || !strcmp(text, "no pid")))
		return "";
	return text;
}

/* All paths with what they say, sorted; the caller frees. */
static inline char *fake_snapshot(struct tree *t)
{
	struct buf out = { 0 };
	struct names paths = { 0 };
	char *line, *rest, clock[64];

	fake_list = (struct buf){ 0 };
	assert_int_equal(nftw(t->top, fake_add_file, 8, FTW_PHYS), 0);
	assert_int_equal(buf_text(&fake_list), 0);
	for (rest = (char *)fake_list.data; (line = strsep(&rest, "\n"));)
		if (line[0])
			assert_int_equal(names_add(&paths, line + strlen(t->top)), 0);
	qsort(paths.name, paths.n, sizeof(*paths.name), fake_compare);
	for (size_t i = 0; i < paths.n; i++) {
		const char *name = paths.name[i][0] ? paths.name[i] + 1 : ".";
		char *text = fake_read(t, name);

		assert_int_equal(buf_addf(&out, "%s=%s\n", name,
					  fake_normal(name, text, clock, sizeof(clock))),
				 0);
		free(text);
	}
	assert_int_equal(buf_text(&out), 0);
	names_free(&paths);
	buf_free(&fake_list);
	return (char *)out.data;
}

/* Takes both over. Says the first line that differs. */
static inline void fake_same(char *after, char *before)
{
	size_t at = 0;

	while (after[at] && after[at] == before[at])
		at++;
	while (at && after[at - 1] != '\n')
		at--;
	if (strcmp(after, before))
		print_error("now '%.*s', before '%.*s'\n", (int)strcspn(after + at, "\n"),
			    after + at, (int)strcspn(before + at, "\n"), before + at);
	assert_true(!strcmp(after, before));
	free(after);
	free(before);
}

enum { FAKE_WORDS = 24 };

/* What the set command does. */
static inline int fake_set_adding(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	p->adding = true;
	return 0;
}

static const struct {
	const char *option;
	int (*set)(struct trace_plan *p, const char *text, struct err *e);
	bool arg;
} fake_setters[] = {
	{ "-e", plan_add_event, true },
	{ "-f", plan_set_filter, true },
	{ "-R", plan_set_trigger, true },
	{ "-v", plan_set_exclude, false },
	{ "-B", plan_add_buffer, true },
	{ "-p", plan_set_tracer, true },
	{ "-C", plan_set_clock, true },
	{ "-b", plan_set_size, true },
	{ "-M", plan_set_cpumask, true },
	{ "-O", plan_add_option, true },
	{ "-l", plan_add_function, true },
	{ "-n", plan_add_notrace, true },
	{ "-g", plan_add_graph, true },
	{ "--module", plan_set_module, true },
	{ "-T", plan_set_stacktrace, false },
	{ "--func-stack", plan_set_func_stack, false },
	{ "-P", plan_add_pids, true },
	{ "-F", plan_set_command_only, false },
	{ "-c", plan_set_follow, false },
	{ "-i", plan_set_ignore_missing, false },
	{ "-a", plan_set_all_formats, false },
	{ "--no-filter", plan_set_no_filter, false },
	{ "-d", plan_set_graph_depth, true },
	{ "--cmdlines-size", plan_set_cmdlines, true },
	{ "--no-functions", plan_set_functions_off, false },
	{ "--add", fake_set_adding, false },
};

/* The plan that these words mean, up to the first error. */
static inline int fake_plan(struct trace_plan *p, const char *const *words, struct err *e)
{
	int ret = 0;

	for (size_t w = 0; !ret && w < FAKE_WORDS && words[w]; w++) {
		bool known = false;

		for (size_t s = 0; s < ARRAY_SIZE(fake_setters) && !known; s++) {
			known = !strcmp(fake_setters[s].option, words[w]);
			if (known)
				ret = fake_setters[s].set(
					p, fake_setters[s].arg ? words[++w] : NULL, e);
		}
		assert_true(known);
	}
	return ret;
}

#endif
