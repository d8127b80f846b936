// SPDX-License-Identifier: GPL-2.0
/*
 * test_status.c - what stat says about a fake tracefs, and what reset makes of one
 */
#include <errno.h>
#include <fcntl.h>

#include "tests/unit/tracing/fake.h"
#include "tracing/holders.h"
#include "tracing/picks.h"
#include "tracing/procmap.h"
#include "tracing/reset.h"
#include "tracing/status.h"
#include "tracing/walltime.h"

enum { MAX_SET = 6 };

static const struct said {
	const char *name;
	const char *set[MAX_SET][2]; /* files and what they say, besides the fake's own */
	const char *text;	     /* "..." stands for anything */
	bool options;
} saids[] = {
	{ "the default",
	  { { "set_event_pid", "" } },
	  "\nEvents:\n All disabled\n\nTracing is enabled\n\n" },
	{ "off, all events, a tracer",
	  { { "tracing_on", "0\n" },
	    { "events/enable", "1\n" },
	    { "current_tracer", "function\n" },
	    { "set_event_pid", "" } },
	  "\nTracer: function\n\nEvents:\n All enabled\n\nTracing is disabled\n\n" },
	{ "a system, an event",
	  { { "events/enable", "X\n" },
	    { "events/irq/enable", "1\n" },
	    { "events/sched/enable", "X\n" },
	    { "events/sched/sched_waking/enable", "1\n" },
	    { "set_event_pid", "" } },
	  "\nEvents:\n Individual systems:\n   irq\n Individual events:\n    sched\n"
	  "        sched_waking\n\nTracing is enabled\n\n" },
	{ "switches that only triggers hold",
	  { { "events/enable", "X\n" },
	    { "events/sched/enable", "0*\n" },
	    { "set_event_pid", "" } },
	  "\nEvents:\n  (none enabled)\n\nTracing is enabled\n\n" },
	{ "filter and triggers",
	  { { "events/irq/irq_handler/filter", "irq == 3\n" },
	    { "events/sched/sched_switch/trigger", "# help\nstacktrace\ntraceoff:count=1\n" },
	    { "set_event_pid", "" } },
	  "\nEvents:\n All disabled\n\nFilters:\n  irq:irq_handler \"irq == 3\"\n"
	  "\nTriggers:\n  sched:sched_switch \"stacktrace\ntraceoff:count=1\"\n"
	  "\nTracing is enabled\n\n" },
	{ "functions, clock, mask, pids",
	  { { "set_ftrace_filter", "vfs_read\nvfs_write\n" },
	    { "trace_clock", "local [mono]\n" },
	    { "tracing_cpumask", "1\n" },
	    { "set_event_pid", "7\n8\n" } },
	  "\nEvents:\n All disabled\n\nFunction Filter:\n   vfs_read\n   vfs_write\n"
	  "\nClock: mono\n\nCPU mask: 1\n\nFiltered event PIDs:\n7\n8\n\nTracing is enabled\n\n" },
	{ "one size",
	  { { "buffer_size_kb", "100\n" },
	    { "buffer_total_size_kb", "200\n" },
	    { "set_event_pid", "" } },
	  "\nEvents:\n All disabled\n\nBuffer size in kilobytes (per cpu):\n   100\n"
	  "\nBuffer total size in kilobytes:\n   200\n\nTracing is enabled\n\n" },
	{ "a size for each CPU",
	  { { "buffer_size_kb", "X\n" }, { "set_event_pid", "" } },
	  "\nEvents:\n All disabled\n\nCPU 0 buffer size (kb): 1408\nCPU 2 buffer size (kb): 2000\n"
	  "\nTracing is enabled\n\n" },
	{ "dynamic events, latency, errors, an instance",
	  { { "kprobe_events", "p:kprobes/a b\n" },
	    { "tracing_max_latency", "12\n" },
	    { "error_log", "[ 1.0] error\n  ^\n" },
	    { "instances/in/tracing_on", "1\n" },
	    { "set_event_pid", "" } },
	  "\nEvents:\n All disabled\n\nMax Latency: 12\n\nKprobe events:\n   p:kprobes/a b\n"
	  "\nTracing is enabled\n\n\nError log:\n[ 1.0] error\n  ^\n\nInstances:\n in\n" },
	{ "options", { { "set_event_pid", "" } }, "...\nOptions:\n...   nosym-addr\n...", true },
};

/* Does @text match @want, in which "..." stands for anything? */
static bool is_like(const char *text, const char *want)
{
	const char *dots = strstr(want, "...");
	size_t len = dots ? (size_t)(dots - want) : strlen(want);

	if (strncmp(text, want, len) != 0)
		return false;
	if (!dots)
		return !text[len];
	for (text += len;; text++)
		if (is_like(text, dots + 3))
			return true;
		else if (!*text)
			return false;
}

static void test_said(void **state)
{
	const struct said *row = *state;
	struct buf text = { 0 };
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;

	fake_make(&t);
	tree_file(&t, "tracing_cpumask", "7\n");
	for (size_t i = 0; i < MAX_SET && row->set[i][0]; i++)
		tree_file(&t, row->set[i][0], row->set[i][1]);
	top = tfs_open(t.top, &e);
	assert_int_equal(tracing_status(top, row->options, &text, &e), 0);
	if (!is_like((char *)text.data, row->text))
		print_error("says '%s', not '%s'\n", (char *)text.data, row->text);
	assert_true(is_like((char *)text.data, row->text));
	buf_free(&text);
	tfs_close(top);
	tree_remove(&t);
}

/* Without these there is nothing to say; without others there is. */
static void test_missing(void **state)
{
	static const struct {
		const char *file;
		int code;
	} rows[] = { { "events/enable", -ENOENT },
		     { "tracing_on", -ENOENT },
		     { "set_ftrace_filter", 0 },
		     { "current_tracer", 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf text = { 0 };
		struct err e = { 0 };
		struct tree t;
		struct tracefs *top;

		fake_make(&t);
		top = tfs_open(t.top, &e);
		assert_int_equal(unlink(tree_at(&t, "%s", rows[i].file)), 0);
		assert_int_equal(tracing_status(top, false, &text, &e), rows[i].code);
		buf_free(&text);
		tfs_close(top);
		tree_remove(&t);
	}
}

/* What each of these says before, and after a reset. */
static const char *const reset_files[][3] = {
	{ "tracing_on", "0\n", "1" },
	{ "current_tracer", "function\n", "nop" },
	{ "trace_clock", "local [mono]\n", "local" },
	{ "tracing_cpumask", "1\n", "7" },
	{ "buffer_size_kb", "20\n", "300" },
	{ "events/enable", "X\n", "0" },
	{ "set_event_pid", "3\n", "" },
	{ "set_event_notrace_pid", "4\n", "" },
	{ "set_ftrace_pid", "5\n", "" },
	{ "set_ftrace_filter", "vfs_read\n", "" },
	{ "set_ftrace_notrace", "vfs_write\n", "" },
	{ "set_graph_function", "do_fork\n", "" },
	{ "max_graph_depth", "2\n", "0" },
	{ "tracing_max_latency", "2\n", "0" },
	{ "kprobe_events", "p:kprobes/a b\n", "" },
	{ "error_log", "wrong\n", "" },
	{ "options/func_stack_trace", "1\n", "0" },
	{ "options/stacktrace", "1\n", "0" },
	{ "options/function-trace", "0\n", "1" },
	{ "options/overwrite", "0\n", "1" },
	{ "options/unheard-of", "1\n", "1" },
	{ "events/irq/filter", "irq == 3\n", "0" },
	{ "events/sched/sched_switch/trigger", "stacktrace:unlimited\n",
	  "stacktrace:unlimited\n!stacktrace" },
	{ "events/sched/sched_waking/trigger", "hist:keys=pid:size=2048 [active]\n",
	  "hist:keys=pid:size=2048 [active]\n!hist:keys=pid:size=2048" },
	{ "trace", "old\n", "" },
	{ "saved_cmdlines_size", "300\n", "300" },
};

static void test_reset(void **state)
{
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;

	(void)state;
	fake_make(&t);
	for (size_t i = 0; i < ARRAY_SIZE(reset_files); i++)
		tree_file(&t, reset_files[i][0], reset_files[i][1]);
	top = tfs_open(t.top, &e);
	assert_int_equal(tracing_reset(top, 300, &e), 0);
	assert_string_equal(e.what, "");
	for (size_t i = 0; i < ARRAY_SIZE(reset_files); i++)
		fake_expect(&t, reset_files[i][0], reset_files[i][2]);
	tfs_close(top);
	tree_remove(&t);
}

/* A file that cannot be written is the error, and all the others are done. */
static void test_reset_goes_on(void **state)
{
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;

	(void)state;
	fake_make(&t);
	assert_int_equal(unlink(tree_at(&t, "max_graph_depth")), 0);
	tree_dir(&t, "max_graph_depth", 0755); /* EISDIR */
	tree_file(&t, "trace_clock", "local [mono]\n");
	top = tfs_open(t.top, &e);
	assert_int_equal(tracing_reset(top, 0, &e), -EISDIR);
	assert_non_null(strstr(e.what, "max_graph_depth"));
	fake_expect(&t, "trace_clock", "local");
	fake_expect(&t, "buffer_size_kb", "7 (expanded: 1408)");
	tfs_close(top);
	tree_remove(&t);
}

static void test_ftrace_enabled(void **state)
{
	struct err e = { 0 };
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_file(&t, "enabled", "0\n");
	assert_int_equal(reset_ftrace_enabled(tree_at(&t, "enabled"), &e), 0);
	fake_expect(&t, "enabled", "1");
	assert_int_equal(reset_ftrace_enabled(tree_at(&t, "nosuch"), &e), 0);
	tree_remove(&t);
}

static const struct pick_row {
	const char *name;
	const char *words[8]; /* -B NAME, -a, -t, -b, -d */
	const char *want;     /* " name:kb[d]" of each */
	int code;
} pick_rows[] = {
	{ "nothing is the top one", { NULL }, " :0", 0 },
	{ "-b of the top one", { "-b", NULL }, " :1", 0 },
	{ "-B alone", { "-B", "x" }, " x:0", 0 },
	{ "-B and the top one", { "-B", "x", "-b", "-t" }, " :0 x:1", 0 },
	{ "-t -b -B", { "-t", "-b", "-B", "x", "-d" }, " :1 x:0d", 0 },
	{ "-a is not the top one", { "-a", "-b" }, " x:1 y:1", 0 },
	{ "-B before -a keeps its own", { "-B", "y", "-b", "-a", "-d" }, " y:1 x:0d", 0 },
	{ "the same twice is once", { "-B", "y", "-B", "x", "-B", "y", "-b" }, " x:0 y:1", 0 },
	{ "no such", { "-B", "z" }, NULL, -ENOENT },
};

static int pick_words(struct picks *p, const struct pick_row *row, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(row->words) && row->words[i]; i++) {
		switch (row->words[i][1]) {
		case 'B':
			ret = picks_name(p, row->words[++i], e);
			break;
		case 'a':
			picks_all(p);
			break;
		case 't':
			picks_top(p);
			break;
		case 'b':
			picks_rule(p)->size_kb = 1;
			break;
		default:
			picks_rule(p)->remove = true;
		}
	}
	return ret;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pick *)a)->name, ((const struct pick *)b)->name);
}

static void test_picks(void **state)
{
	const struct pick_row *row = *state;
	struct picks p = { 0 };
	struct buf got = { 0 };
	struct err e = { 0 };
	struct tree t;
	struct tracefs *top;

	tree_make(&t);
	tree_dir(&t, "instances", 0755);
	tree_dir(&t, "instances/x", 0755);
	tree_dir(&t, "instances/y", 0755);
	top = tfs_open(t.top, &e);
	assert_int_equal(pick_words(&p, row, &e), 0);
	assert_int_equal(picks_open(&p, top, &e), row->code);
	if (row->code)
		assert_non_null(strstr(e.what, "'z'"));
	/* The directory's order is not ours. */
	if (row->want && !strcmp(row->words[0] ? row->words[0] : "", "-a"))
		qsort(p.pick, p.n, sizeof(*p.pick), by_name);
	for (size_t i = 0; i < p.n; i++)
		buf_addf(&got, " %s:%d%s", p.pick[i].name, (int)p.pick[i].rule.size_kb,
			 p.pick[i].rule.remove ? "d" : "");
	assert_int_equal(buf_text(&got), 0);
	if (row->want)
		assert_string_equal((char *)got.data, row->want);
	buf_free(&got);
	picks_free(&p);
	tfs_close(top);
	tree_remove(&t);
}

static void test_holders(void **state)
{
	struct err e = { 0 }, other = { 0 };
	struct tree t;
	struct tracefs *top;
	char link[512], who[128];

	(void)state;
	fake_make(&t);
	top = tfs_open(t.top, &e);
	tree_file(&t, "proc/77/comm", "reader\n");
	tree_dir(&t, "proc/77/fd", 0755);
	snprintf(link, sizeof(link), "%s", tree_at(&t, "proc/77/fd/4"));
	assert_int_equal(symlink(tree_at(&t, "instances/x/trace_pipe"), link), 0);
	err_set(&e, EBUSY, "cannot");
	hint_holders(top, tree_at(&t, "proc"), &e);
	assert_string_equal(e.hint, ""); /* that is another buffer's, and the tracer is nop */
	snprintf(link, sizeof(link), "%s", tree_at(&t, "proc/77/fd/5"));
	assert_int_equal(symlink(tree_at(&t, "per_cpu/cpu0/trace_pipe_raw"), link), 0);
	assert_int_equal(hint_holders(top, tree_at(&t, "proc"), &e), -EBUSY);
	assert_string_equal(e.hint,
			    "end process 77 (reader), which has per_cpu/cpu0/trace_pipe_raw open");
	assert_true(holders_reader(top, tree_at(&t, "proc"), who, sizeof(who)));
	assert_string_equal(who, "process 77 (reader) has per_cpu/cpu0/trace_pipe_raw open");
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(tree_at(&t, "per_cpu/cpu0/trace"), link), 0); /* takes nothing */
	assert_false(holders_reader(top, tree_at(&t, "proc"), who, sizeof(who)));
	err_set(&e, EBUSY, "cannot");
	tree_file(&t, "current_tracer", "wakeup\n");
	hint_holders(top, tree_at(&t, "events"), &e);
	assert_non_null(strstr(e.hint, "wakeup"));
	err_set(&other, EPERM, "cannot");
	hint_holders(top, tree_at(&t, "proc"), &other);
	assert_string_equal(other.hint, "");
	tfs_close(top);
	tree_remove(&t);
}

#define MARK_LINE(time)                                                                  \
	"# tracer: nop\n   <...>-12 [000] ..... " time ": tracing_mark_write: wall-1.\n" \
	" x-1 [001] ..... 9.000000: tracing_mark_write: wall-2.\n"

static const struct wall {
	const char *name, *text;
	uint64_t us; /* 0 = there is none */
} walls[] = {
	{ "seconds", MARK_LINE("  12.345678"), 12345678 },
	{ "leading zeros", MARK_LINE("1.000008"), 1000008 },
	{ "no dot, so no time", MARK_LINE("12345678"), 0 },
	{ "not microseconds", MARK_LINE("12.345"), 0 },
	{ "no mark", "x-1 [001] ..... 9.000000: tracing_mark_write: wall-2.\n", 0 },
	{ "nothing", "", 0 },
	{ "the mark where no time is", "wall-1.\n: tracing_mark_write: ", 0 },
};

static void test_wall(void **state)
{
	const struct wall *row = *state;
	uint64_t us = 0;

	assert_int_equal(walltime_parse(row->text, "wall-1.", &us), row->us ? 0 : -ENODATA);
	assert_int_equal(us, row->us);
}

static const char maps[] = "5600-5700 r-xp 00000000 fe:00 12   /bin/my prog\n"
			   "5700-5800 rw-p 00000000 00:00 0 \n"
			   "7f00-7f10 rw-p 00000000 00:00 0    [stack]\n"
			   "broken\n";

static void test_procmap(void **state)
{
	struct buf got = { 0 };
	struct err e = { 0 };
	char link[512];
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_file(&t, "201/maps", maps);
	tree_file(&t, "202/maps", "");
	snprintf(link, sizeof(link), "%s", tree_at(&t, "201/exe"));
	assert_int_equal(symlink("/bin/my prog", link), 0);
	assert_int_equal(procmap_read(t.top, 201, &got, &e), 0);
	assert_string_equal((char *)got.data,
			    "c9 2 /bin/my prog\n5600 5700 /bin/my prog\n7f00 7f10 [stack]\n");
	assert_int_equal(got.len, strlen((char *)got.data) + 1);
	/* What cannot be read leaves what there is. */
	assert_int_equal(procmap_read(t.top, 202, &got, &e), -ENODATA);
	assert_int_equal(procmap_read(t.top, 203, &got, &e), -ENOENT);
	assert_int_equal(got.data[0], 'c');
	buf_free(&got);
	tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest singles[] = {
		cmocka_unit_test(test_missing),	       cmocka_unit_test(test_reset),
		cmocka_unit_test(test_reset_goes_on),  cmocka_unit_test(test_holders),
		cmocka_unit_test(test_ftrace_enabled), cmocka_unit_test(test_procmap),
	};
	int failed = RUN_ROWS("status: the text", saids, test_said);

	failed += RUN_ROWS("picks: which buffers", pick_rows, test_picks);
	failed += RUN_ROWS("wall time: of a mark", walls, test_wall);
	return failed + cmocka_run_group_tests_name("status and reset", singles, NULL, NULL);
}
