// SPDX-License-Identifier: GPL-2.0
/*
 * test_apply.c - a plan on a fake tracefs: what is written, in which order, and that all of it is
 * put back, also after a start that failed half way
 */
#include <errno.h>
#include <sys/inotify.h>

#include "tests/unit/tracing/fake.h"
#include "tracing/apply.h"
#include "tracing/events.h"
#include "tracing/pages.h"
#include "tracing/undo.h"

enum { MAX_FILES = 8 };

static const struct good {
	const char *name;
	const char *words[FAKE_WORDS];
	const char *files[MAX_FILES][2]; /* what they say after trace_apply() */
} goods[] = {
	{ "a system is one switch",
	  { "-e", "sched" },
	  { { "events/sched/enable", "1" },
	    { "events/sched/sched_switch/enable", "0" },
	    { "tracing_on", "0" } } },
	{ "one event of a system",
	  { "-e", "sched:sched_switch" },
	  { { "events/sched/sched_switch/enable", "1" }, { "events/sched/enable", "0" } } },
	{ "an event by its name",
	  { "-e", "irq_handler" },
	  { { "events/irq/irq_handler/enable", "1" }, { "events/irq/enable", "0" } } },
	{ "a glob means systems and events",
	  { "-e", "sched*" },
	  { { "events/sched/enable", "1" },
	    { "events/sched/sched_switch/enable", "0" },
	    { "events/fs/sched_disk/enable", "1" },
	    { "events/fs/enable", "0" } } },
	{ "a glob in a system",
	  { "-e", "sched:*wa*" },
	  { { "events/sched/sched_waking/enable", "1" },
	    { "events/sched/sched_stat_wait/enable", "1" },
	    { "events/sched/sched_switch/enable", "0" } } },
	{ "sys:* is the system's switch",
	  { "-e", "sched:*" },
	  { { "events/sched/enable", "1" }, { "events/sched/sched_switch/enable", "0" } } },
	{ "a glob over all systems",
	  { "-e", "*:sys_*" },
	  { { "events/syscalls/sys_enter_read/enable", "1" }, { "events/irq/enable", "0" } } },
	{ "all is one switch",
	  { "-e", "all" },
	  { { "events/enable", "1" }, { "events/sched/enable", "0" } } },
	{ "system less one event",
	  { "-e", "sched", "-v", "-e", "sched_switch" },
	  { { "events/sched/enable", "1" }, { "events/sched/sched_switch/enable", "0" } } },
	{ "filter of an event",
	  { "-e", "sched_switch", "-f", "prev_pid > 0" },
	  { { "events/sched/sched_switch/filter", "prev_pid > 0" },
	    { "events/sched/filter", "### global filter ###\n# Use this" } } },
	{ "filter of a system",
	  { "-e", "irq", "-f", "irq==1" },
	  { { "events/irq/filter", "irq==1" }, { "events/irq/irq_handler/filter", "none" } } },
	{ "clock, size, mask, options",
	  { "-e", "irq", "-C", "mono", "-b", "512", "-M", "1", "-O", "sym-addr", "-O",
	    "nooverwrite", "-T" },
	  { { "trace_clock", "mono" },
	    { "buffer_size_kb", "512" },
	    { "tracing_cpumask", "1" },
	    { "options/sym-addr", "1" },
	    { "options/overwrite", "0" },
	    { "options/stacktrace", "1" } } },
	{ "all CPUs: up to the highest that has a ring",
	  { "-e", "irq", "-M", "-1" },
	  { { "tracing_cpumask", "7" } } },
	{ "pids and their children",
	  { "-e", "irq", "-P", "12,34", "-c" },
	  { { "set_event_pid", "12\n34" }, { "options/event-fork", "1" } } },
	{ "pids of others are taken away", { "-e", "irq" }, { { "set_event_pid", "" } } },
	{ "functions",
	  { "-p", "function", "-l", "do_fork", "-l", "vfs_*", "-n", "do_exit", "-P", "5" },
	  { { "current_tracer", "function" },
	    { "set_ftrace_filter", "do_fork\nvfs_*" },
	    { "set_ftrace_notrace", "do_exit" },
	    { "set_ftrace_pid", "5" } } },
	{ "functions by expression",
	  { "-p", "function", "-l", "^do_" },
	  { { "set_ftrace_filter", "do_fork\ndo_exit" } } },
	{ "functions of a module",
	  { "-p", "function", "--module", "fuse" },
	  { { "set_ftrace_filter", ":mod:fuse" } } },
	{ "graph",
	  { "-p", "function_graph", "-g", "vfs_read", "-d", "2" },
	  { { "set_graph_function", "vfs_read" }, { "max_graph_depth", "2" } } },
	{ "no functions, many names",
	  { "-e", "irq", "--no-functions", "--cmdlines-size", "500" },
	  { { "options/function-trace", "0" }, { "saved_cmdlines_size", "500" } } },
	{ "a missing event may be missing",
	  { "-i", "-e", "nosuch", "-e", "irq" },
	  { { "events/irq/enable", "1" } } },
	{ "a buffer that is there",
	  { "-e", "irq", "-B", "in", "-e", "sched", "-C", "global" },
	  { { "events/irq/enable", "1" },
	    { "events/sched/enable", "0" },
	    { "instances/in/events/sched/enable", "1" },
	    { "instances/in/events/irq/enable", "0" },
	    { "instances/in/trace_clock", "global" },
	    { "trace_clock", "[local] global counter mono x86-tsc" } } },
};

static void test_good(void **state)
{
	const struct good *row = *state;
	struct trace_plan *p = plan_new(NULL);
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;
	struct applied *a;
	char *before, self[24];

	fake_make(&t);
	fake_fill(&t, "instances/in/");
	top = tfs_open(t.top, &e);
	assert_non_null(top);
	before = fake_snapshot(&t);
	assert_int_equal(fake_plan(p, row->words, &e), 0);
	a = trace_apply(p, top, &e);
	assert_string_equal(e.what, "");
	assert_non_null(a);
	for (size_t i = 0; i < MAX_FILES && row->files[i][0]; i++)
		fake_expect(&t, row->files[i][0], row->files[i][1]);
	fake_expect(&t, "tracing_on", "0");
	assert_int_equal(trace_on(a, &e), 0);
	fake_expect(&t, "tracing_on", "1");
	if (p->buffers[0].nevents) { /* its own events are not wanted */
		snprintf(self, sizeof(self), "%d", getpid());
		fake_expect(&t, "set_event_notrace_pid", self);
	}
	assert_int_equal(trace_off(a, &e), 0);
	assert_int_equal(trace_undo(a, &e), 0);
	fake_same(fake_snapshot(&t), before);
	assert_int_equal(trace_undo(a, &e), 0); /* nothing is left to do */
	applied_free(a);
	tfs_close(top);
	plan_free(p);
	tree_remove(&t);
}

/* set: what is not named stays. The fake has pid 77 and tracing on. */
static const struct good adds[] = {
	{ "an event",
	  { "--add", "-e", "irq" },
	  { { "events/irq/enable", "1" },
	    { "set_event", "sched:sched_waking" },
	    { "set_event_pid", "77" },
	    { "current_tracer", "function" },
	    { "events/irq/irq_handler/filter", "irq == 3" },
	    { "tracing_on", "1" } } },
	{ "a pid, without an event",
	  { "--add", "-P", "12" },
	  { { "set_event_pid", "12" }, { "set_event", "sched:sched_waking" } } },
	{ "nothing but a clock",
	  { "--add", "-C", "mono" },
	  { { "trace_clock", "mono" }, { "tracing_on", "1" }, { "set_event_pid", "77" } } },
	{ "a buffer that goes",
	  { "--add", "-v", "-B", "in" },
	  { { "instances/in/note", "(gone)" }, { "set_event_pid", "77" } } },
};

static void test_add(void **state)
{
	const struct good *row = *state;
	struct trace_plan *p = plan_new(NULL);
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;
	struct applied *a;

	fake_make(&t);
	tree_dir(&t, "instances/in", 0755); /* empty, as only the kernel removes full ones */
	tree_file(&t, "set_event", "sched:sched_waking\n");
	tree_file(&t, "events/sched/sched_waking/enable", "1\n");
	tree_file(&t, "events/irq/irq_handler/filter", "irq == 3\n");
	tree_file(&t, "current_tracer", "function\n");
	top = tfs_open(t.top, &e);
	assert_int_equal(fake_plan(p, row->words, &e), 0);
	assert_int_equal(plan_check(p, false, &e), 0);
	a = trace_apply(p, top, &e);
	assert_string_equal(e.what, "");
	assert_non_null(a);
	trace_keep(a);
	applied_free(a);
	for (size_t i = 0; i < MAX_FILES && row->files[i][0]; i++)
		fake_expect(&t, row->files[i][0], row->files[i][1]);
	assert_int_equal(!access(tree_at(&t, "instances/in"), F_OK), !p->removed.n);
	tfs_close(top);
	plan_free(p);
	tree_remove(&t);
}

static const struct bad {
	const char *name;
	const char *words[FAKE_WORDS];
	const char *gone; /* this file is not there */
	int code;
	const char *what, *hint;
} bads[] = {
	{ "no such event", { "-C", "mono", "-e", "shced" }, NULL, ENOENT, "'shced'", "-e sched;" },
	{ "no such event in a system",
	  { "-e", "irq", "-e", "sched:sched_swich" },
	  NULL,
	  ENOENT,
	  "'sched:sched_swich'",
	  "-e sched:sched_switch;" },
	{ "glob that matches nothing", { "-e", "zz*" }, NULL, ENOENT, "'zz*'", "list -e" },
	{ "no such clock", { "-e", "irq", "-C", "monoo" }, NULL, EINVAL, "'monoo'", "-C mono;" },
	{ "half a clock's name", { "-e", "irq", "-C", "x86" }, NULL, EINVAL, "'x86'", "list -C" },
	{ "no such option",
	  { "-e", "sched", "-f", "a==1", "-O", "sym-adr" },
	  NULL,
	  EINVAL,
	  "'sym-adr'",
	  "list -o" },
	{ "no such expression of functions",
	  { "-C", "mono", "-p", "function", "-l", "^zz" },
	  NULL,
	  ENOENT,
	  "'^zz'",
	  "list -f" },
	{ "a stack for all functions",
	  { "-p", "function", "--func-stack" },
	  NULL,
	  EINVAL,
	  "-l",
	  "-l" },
	{ "no function filter file",
	  { "-e", "irq", "-C", "mono", "-p", "function", "-l", "x" },
	  "set_ftrace_filter",
	  ENOENT,
	  "set_ftrace_filter",
	  "" },
	{ "no switch of tracing", { "-e", "irq" }, "tracing_on", ENOENT, "tracing_on", "" },
	{ "no tracer file", { "-e", "irq" }, "current_tracer", ENOENT, "current_tracer", "" },
	{ "no filter file",
	  { "-e", "sched", "-f", "x", "-e", "irq_handler", "-f", "y", "-C", "mono" },
	  "events/irq/irq_handler/filter",
	  ENOENT,
	  "irq_handler/filter",
	  "" },
	{ "no way to follow children",
	  { "-C", "mono", "-b", "64", "-e", "irq", "-P", "1", "-c" },
	  "options/event-fork",
	  ENOTSUP,
	  "event-fork",
	  "4.7" },
	{ "the second buffer fails",
	  { "-e", "sched", "-C", "mono", "-B", "in", "-e", "irq", "-C", "nosuch" },
	  NULL,
	  EINVAL,
	  "buffer in: ",
	  "list -C" },
};

static void test_bad(void **state)
{
	const struct bad *row = *state;
	struct trace_plan *p = plan_new(NULL);
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;
	char *before;

	fake_make(&t);
	fake_fill(&t, "instances/in/");
	if (row->gone)
		assert_int_equal(unlink(tree_at(&t, "%s", row->gone)), 0);
	top = tfs_open(t.top, &e);
	before = fake_snapshot(&t);
	assert_int_equal(fake_plan(p, row->words, &e), 0);
	assert_null(trace_apply(p, top, &e));
	assert_int_equal(e.code, row->code);
	if (!strstr(e.what, row->what) || !strstr(e.hint, row->hint))
		print_error("says '%s', hint '%s'\n", e.what, e.hint);
	assert_non_null(strstr(e.what, row->what));
	assert_non_null(strstr(e.hint, row->hint));
	fake_same(fake_snapshot(&t), before);
	tfs_close(top);
	plan_free(p);
	tree_remove(&t);
}

/* The files that are written, each with the first one that must not come before it. */
static void test_order(void **state)
{
	static const char *const files[] = { "tracing_on",
					     "trace_clock",
					     "buffer_size_kb",
					     "options/sym-addr",
					     "events/irq/irq_handler/filter",
					     "set_event_pid",
					     "events/irq/irq_handler/enable",
					     "current_tracer" };
	const char *words[FAKE_WORDS] = { "-e",	  "irq_handler", "-f", "a",	  "-C",
					  "mono", "-b",		 "64", "-O",	  "sym-addr",
					  "-P",	  "3",		 "-p", "function" };
	struct trace_plan *p = plan_new(NULL);
	char events[4096] __attribute__((aligned(8)));
	int fd = inotify_init1(IN_NONBLOCK), wd[ARRAY_SIZE(files)];
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;
	struct applied *a;
	size_t next = 0;
	ssize_t len;

	(void)state;
	fake_make(&t);
	top = tfs_open(t.top, &e);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		wd[i] = inotify_add_watch(fd, tree_at(&t, "%s", files[i]), IN_MODIFY);
	assert_int_equal(fake_plan(p, words, &e), 0);
	a = trace_apply(p, top, &e);
	assert_non_null(a);
	len = read(fd, events, sizeof(events));
	assert_true(len > 0);
	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *ev = (const void *)(events + at);

		if (next && ev->wd == wd[next - 1]) { /* truncated, then written */
			at += (ssize_t)(sizeof(*ev) + ev->len);
			continue;
		}
		assert_true(next < ARRAY_SIZE(files));
		assert_int_equal(ev->wd, wd[next]);
		next++;
		at += (ssize_t)(sizeof(*ev) + ev->len);
	}
	assert_int_equal(next, ARRAY_SIZE(files));
	close(fd);
	applied_free(a);
	tfs_close(top);
	plan_free(p);
	tree_remove(&t);
}

/* A file that says the right thing is not opened for writing. */
static void test_no_needless_write(void **state)
{
	static const char *const files[] = { "current_tracer", "trace_clock", "buffer_size_kb",
					     "options/overwrite", "tracing_cpumask" };
	const char *words[FAKE_WORDS] = { "-e",	  "irq", "-C",	      "local", "-b",
					  "1408", "-O",	 "overwrite", "-M",    "3" };
	struct trace_plan *p = plan_new(NULL);
	int fd = inotify_init1(IN_NONBLOCK);
	char events[4096];
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;

	(void)state;
	fake_make(&t);
	top = tfs_open(t.top, &e);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		inotify_add_watch(fd, tree_at(&t, "%s", files[i]), IN_MODIFY | IN_CLOSE_WRITE);
	assert_int_equal(fake_plan(p, words, &e), 0);
	applied_free(trace_apply(p, top, &e));
	assert_int_equal(e.code, 0);
	assert_int_equal(read(fd, events, sizeof(events)), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
	tfs_close(top);
	plan_free(p);
	tree_remove(&t);
}

static void test_only_pid(void **state)
{
	const char *words[FAKE_WORDS] = { "-e", "irq", "-P", "12", "-F",
					  "-c", "-B",  "in", "-e", "sched" };
	struct trace_plan *p = plan_new(NULL);
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;
	struct applied *a;

	(void)state;
	fake_make(&t);
	fake_fill(&t, "instances/in/");
	top = tfs_open(t.top, &e);
	assert_int_equal(fake_plan(p, words, &e), 0);
	a = trace_apply(p, top, &e);
	assert_non_null(a);
	assert_int_equal(applied_nbuffers(a), 2);
	assert_string_equal(applied_clock(a, 1), "local");
	assert_int_equal(trace_only_pid(a, 99, &e), 0);
	fake_expect(&t, "set_event_pid", "12\n99");
	fake_expect(&t, "instances/in/set_event_pid", "99");
	fake_expect(&t, "instances/in/options/event-fork", "1");
	applied_free(a);
	fake_expect(&t, "set_event_pid", "77");
	fake_expect(&t, "instances/in/set_event_pid", "77");
	tfs_close(top);
	plan_free(p);
	tree_remove(&t);
}

/* -k: what was set stays set. */
static void test_keep(void **state)
{
	const char *words[FAKE_WORDS] = { "-e", "irq", "-C", "mono" };
	struct trace_plan *p = plan_new(NULL);
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;
	struct applied *a;

	(void)state;
	fake_make(&t);
	top = tfs_open(t.top, &e);
	assert_int_equal(fake_plan(p, words, &e), 0);
	a = trace_apply(p, top, &e);
	assert_non_null(a);
	trace_keep(a);
	assert_int_equal(trace_undo(a, &e), 0);
	applied_free(a);
	fake_expect(&t, "events/irq/enable", "1");
	fake_expect(&t, "trace_clock", "mono");
	fake_expect(&t, "tracing_on", "0");
	tfs_close(top);
	plan_free(p);
	tree_remove(&t);
}

/* An instance that was not there comes and goes; one that was there stays. */
static void test_instances(void **state)
{
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;
	struct undo *u = undo_new(&e);

	(void)state;
	fake_make(&t);
	tree_dir(&t, "instances/old", 0755);
	top = tfs_open(t.top, &e);
	assert_non_null(undo_instance(u, top, "old", &e));
	assert_string_equal(tfs_name(undo_instance(u, top, "new", &e)), "new");
	assert_int_equal(access(tree_at(&t, "instances/new"), F_OK), 0);
	assert_int_equal(undo_all(u, &e), 0);
	assert_int_equal(access(tree_at(&t, "instances/new"), F_OK), -1);
	assert_int_equal(access(tree_at(&t, "instances/old"), F_OK), 0);
	undo_free(u);
	tfs_close(top);
	tree_remove(&t);
}

/* The rings of the CPUs differ: buffer_size_kb says X, and each CPU gets its own back. */
static void test_cpu_sizes(void **state)
{
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;
	struct undo *u = undo_new(&e);

	(void)state;
	fake_make(&t);
	tree_file(&t, "buffer_size_kb", "X\n");
	top = tfs_open(t.top, &e);
	assert_int_equal(undo_write(u, top, "buffer_size_kb", "64", &e), 0);
	fake_expect(&t, "buffer_size_kb", "64");
	tree_file(&t, "per_cpu/cpu0/buffer_size_kb", "64\n"); /* what the kernel would do */
	tree_file(&t, "per_cpu/cpu2/buffer_size_kb", "64\n");
	assert_int_equal(undo_all(u, &e), 0);
	fake_expect(&t, "per_cpu/cpu0/buffer_size_kb", "1408");
	fake_expect(&t, "per_cpu/cpu2/buffer_size_kb", "2000");
	undo_free(u);
	tfs_close(top);
	tree_remove(&t);
}

/* The first value counts; a file that is gone by then is no error; a trigger is taken away. */
static void test_journal(void **state)
{
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;
	struct undo *u = undo_new(&e);

	(void)state;
	fake_make(&t);
	top = tfs_open(t.top, &e);
	assert_int_equal(undo_write(u, top, "options/sym-addr", "1", &e), 0);
	assert_int_equal(undo_write(u, top, "options/sym-addr", "2", &e), 0);
	assert_int_equal(undo_write(u, top, "options/overwrite", "0", &e), 0);
	assert_int_equal(undo_write(u, top, "events/irq/irq_handler/trigger", "traceoff", &e), 0);
	assert_int_equal(undo_write(u, top, "nosuch", "0", &e), -ENOENT);
	assert_int_equal(unlink(tree_at(&t, "options/overwrite")), 0);
	assert_int_equal(undo_all(u, &e), 0);
	fake_expect(&t, "options/sym-addr", "0");
	fake_expect(&t, "events/irq/irq_handler/trigger",
		    "# Available triggers:\n# traceon\ntraceoff\n!traceoff");
	undo_free(u);
	tfs_close(top);
	tree_remove(&t);
}

/* One that cannot be put back does not keep the others from it. */
static void test_undo_goes_on(void **state)
{
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;
	struct undo *u = undo_new(&e);

	(void)state;
	fake_make(&t);
	top = tfs_open(t.top, &e);
	assert_int_equal(undo_write(u, top, "options/sym-addr", "1", &e), 0);
	assert_int_equal(undo_write(u, top, "options/overwrite", "0", &e), 0);
	assert_int_equal(unlink(tree_at(&t, "options/overwrite")), 0);
	tree_dir(&t, "options/overwrite", 0755);
	assert_int_equal(undo_all(u, &e), -EISDIR);
	assert_non_null(strstr(e.what, "options/overwrite"));
	fake_expect(&t, "options/sym-addr", "0");
	undo_free(u);
	tfs_close(top);
	tree_remove(&t);
}

static const struct found {
	const char *name, *pattern, *want;
} founds[] = {
	{ "system", "sched", " sched:" },
	{ "slash for colon", "sched/sched_switch", " sched:sched_switch" },
	{ "nothing behind the colon", "sched:", " sched:" },
	{ "event", "sched_disk", " fs:sched_disk" },
	{ "all", "all", " :" },
	{ "star", "*", " :" },
	{ "systems", "s*:", NULL }, /* in the directory's order */
	{ "events of any system", "*:*read", " syscalls:sys_enter_read" },
	{ "no prefix", "sche", "none" },
	{ "no directory trick", "sched:.", "none" },
};

static void test_found(void **state)
{
	const struct found *row = *state;
	struct event_refs refs = { 0 };
	struct buf got = { 0 };
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;
	int ret;

	fake_make(&t);
	top = tfs_open(t.top, &e);
	ret = events_find(top, row->pattern, &refs, &e);
	for (size_t i = 0; i < refs.n; i++)
		buf_addf(&got, " %s:%s", refs.ref[i].system ? refs.ref[i].system : "",
			 refs.ref[i].event ? refs.ref[i].event : "");
	if (ret == -ENOENT)
		buf_addf(&got, "none");
	assert_int_equal(buf_text(&got), 0);
	if (row->want) {
		assert_string_equal((char *)got.data, row->want);
	} else {
		assert_int_equal(refs.n, 2);
		assert_non_null(strstr((char *)got.data, " sched:"));
		assert_non_null(strstr((char *)got.data, " syscalls:"));
	}
	buf_free(&got);
	event_refs_free(&refs);
	tfs_close(top);
	tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest singles[] = {
		cmocka_unit_test(test_order),	  cmocka_unit_test(test_no_needless_write),
		cmocka_unit_test(test_only_pid),  cmocka_unit_test(test_keep),
		cmocka_unit_test(test_instances), cmocka_unit_test(test_cpu_sizes),
		cmocka_unit_test(test_journal),	  cmocka_unit_test(test_undo_goes_on),
	};
	int failed = RUN_ROWS("apply: patterns", founds, test_found);

	failed += RUN_ROWS("apply: written and put back", goods, test_good);
	failed += RUN_ROWS("apply: added to what there is", adds, test_add);
	failed += RUN_ROWS("apply: a failed start leaves nothing", bads, test_bad);
	return failed + cmocka_run_group_tests_name("apply: journal", singles, NULL, NULL);
}
