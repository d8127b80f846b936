// SPDX-License-Identifier: GPL-2.0
/* test_plan.c - options to a plan: the order counts, and what is wrong on any kernel is refused */
#include <errno.h>

#include "tests/unit/tracing/fake.h"

/* A plan in one line, for comparing. */
static void describe_list(struct buf *to, const char *name, const struct text_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		buf_addf(to, " %s=%s", name, l->text[i]);
}

static void describe_buffer(struct buf *to, const struct plan_buffer *b)
{
	buf_addf(to, "[%s", b->name);
	for (size_t i = 0; i < b->nevents; i++)
		buf_addf(to, " %s%s%s%s%s%s", b->events[i].exclude ? "!" : "", b->events[i].pattern,
			 b->events[i].filter ? " f=" : "",
			 b->events[i].filter ? b->events[i].filter : "",
			 b->events[i].trigger ? " R=" : "",
			 b->events[i].trigger ? b->events[i].trigger : "");
	if (b->tracer)
		buf_addf(to, " p=%s", b->tracer);
	if (b->clock)
		buf_addf(to, " C=%s", b->clock);
	if (b->size_kb)
		buf_addf(to, " b=%d", (int)b->size_kb);
	if (b->cpumask)
		buf_addf(to, " M=%s", b->cpumask);
	if (b->graph_depth)
		buf_addf(to, " d=%d", (int)b->graph_depth);
	describe_list(to, "O", &b->options);
	describe_list(to, "l", &b->functions);
	describe_list(to, "n", &b->notrace);
	describe_list(to, "g", &b->graph);
	for (size_t i = 0; i < b->npids; i++)
		buf_addf(to, " P=%d", (int)b->pids[i]);
	buf_addf(to, "%s%s]", b->stacktrace ? " T" : "", b->func_stack ? " stack" : "");
}

static const struct good {
	const char *name;
	const char *words[FAKE_WORDS];
	const char *want;
} goods[] = {
	{ "nothing", { NULL }, "[]" },
	{ "one event", { "-e", "sched" }, "[ sched]" },
	{ "filter belongs to the last event",
	  { "-e", "a", "-f", "x==1", "-e", "b" },
	  "[ a f=x==1 b]" },
	{ "two filters narrow down", { "-e", "a", "-f", "x", "-f", "y" }, "[ a f=(x)&&(y)]" },
	{ "two triggers are two", { "-e", "a", "-R", "t", "-R", "u" }, "[ a R=t\nu]" },
	{ "-v turns what follows", { "-e", "a", "-v", "-e", "b", "-e", "c" }, "[ a !b !c]" },
	{ "-B takes what follows",
	  { "-e", "a", "-C", "mono", "-B", "x", "-e", "b", "-C", "local", "-b", "9", "-M", "0xf" },
	  "[ a C=mono][x b C=local b=9 M=f]" },
	{ "-B again goes back",
	  { "-B", "x", "-e", "a", "-B", "y", "-e", "b", "-B", "x", "-e", "c" },
	  "[][x a c][y b]" },
	{ "a filter after -B is for that buffer's event",
	  { "-B", "x", "-e", "a", "-f", "z" },
	  "[][x a f=z]" },
	{ "pids", { "-e", "a", "-P", "1,22,333", "-P", "4" }, "[ a P=1 P=22 P=333 P=4]" },
	{ "functions",
	  { "-p", "function", "-l", "a", "-l", "b", "-n", "c", "-g", "d", "-d", "3" },
	  "[ p=function d=3 l=a l=b n=c g=d]" },
	{ "options",
	  { "-e", "a", "-O", "sym-addr", "-O", "nooverwrite", "-T" },
	  "[ a O=sym-addr O=nooverwrite T]" },
	{ "all CPUs", { "-M", "-1" }, "[ M=-1]" },
	{ "the last clock counts", { "-C", "mono", "-C", "boot" }, "[ C=boot]" },
};

static void test_good(void **state)
{
	const struct good *row = *state;
	struct trace_plan *p = plan_new(NULL);
	struct err e = { 0 };
	struct buf got = { 0 };

	assert_int_equal(fake_plan(p, row->words, &e), 0);
	for (size_t i = 0; i < p->nbuffers; i++)
		describe_buffer(&got, &p->buffers[i]);
	assert_int_equal(buf_text(&got), 0);
	assert_string_equal((char *)got.data, row->want);
	buf_free(&got);
	plan_free(p);
}

static const struct bad {
	const char *name;
	const char *words[FAKE_WORDS];
	const char *what, *hint; /* parts of the error */
} bads[] = {
	{ "filter without event", { "-f", "x" }, "-f must come after", "-e EVENT" },
	{ "trigger without event", { "-R", "x" }, "-R must come after", "-e EVENT" },
	{ "filter after -B without event",
	  { "-e", "a", "-B", "x", "-f", "x" },
	  "-f must come",
	  "" },
	{ "-v -B with a slash", { "-v", "-B", "a/b" }, "name of a buffer", "" },
	{ "no entries", { "--cmdlines-size", "0" }, "--cmdlines-size", "" },
	{ "buffer with a slash", { "-B", "a/b" }, "name of a buffer", "" },
	{ "buffer ..", { "-B", ".." }, "name of a buffer", "" },
	{ "event that climbs", { "-e", "../x" }, "name of an event", "" },
	{ "empty event", { "-e", "" }, "empty", "" },
	{ "pid 0", { "-P", "0" }, "-P", "" },
	{ "pid list with a hole", { "-P", "1,,2" }, "-P", "" },
	{ "pid with text", { "-P", "12x" }, "-P", "" },
	{ "size 0", { "-b", "0" }, "-b", "" },
	{ "size with text", { "-b", "1M" }, "-b", "" },
	{ "mask with text", { "-M", "cpu1" }, "CPU mask", "hex" },
	{ "option that climbs", { "-O", "../tracing_on" }, "slash", "" },
	{ "two tracers", { "-p", "function", "-p", "nop" }, "already function", "-B NAME" },
};

static void test_bad(void **state)
{
	const struct bad *row = *state;
	struct trace_plan *p = plan_new(NULL);
	struct err e = { 0 };

	assert_int_equal(fake_plan(p, row->words, &e), -EINVAL);
	assert_int_equal(e.code, EINVAL);
	assert_non_null(strstr(e.what, row->what));
	assert_non_null(strstr(e.hint, row->hint));
	plan_free(p);
}

static const struct whole {
	const char *name;
	const char *words[FAKE_WORDS];
	bool command, latency;
	const char *what; /* NULL = fine */
} wholes[] = {
	{ "a buffer that goes", { "-e", "a", "-v", "-B", "x" }, false, false, NULL },
	{ "a buffer that goes, and another one",
	  { "-v", "-B", "x", "-B", "y", "-e", "a" },
	  false,
	  false,
	  NULL },
	{ "an event of a buffer that goes",
	  { "-e", "a", "-v", "-B", "x", "-e", "b" },
	  false,
	  false,
	  "-v -B removes" },
	{ "a buffer that goes and stays",
	  { "-B", "x", "-e", "a", "-v", "-B", "x" },
	  false,
	  false,
	  "-B x" },
	{ "an event", { "-e", "a" }, false, false, NULL },
	{ "a tracer alone", { "-p", "function" }, false, false, NULL },
	{ "nothing to record", { "-C", "mono" }, true, false, "nothing to record" },
	{ "-F without command", { "-e", "a", "-F" }, false, false, "-F" },
	{ "-F with command", { "-e", "a", "-F", "-c" }, true, false, NULL },
	{ "-c alone", { "-e", "a", "-c" }, true, false, "-c" },
	{ "-c with pids", { "-e", "a", "-c", "-P", "1" }, false, false, NULL },
	{ "latency tracer", { "-p", "wakeup_rt" }, false, true, NULL },
	{ "latency tracer in a buffer",
	  { "-e", "a", "-B", "x", "-p", "irqsoff" },
	  false,
	  true,
	  NULL },
};

static void test_whole(void **state)
{
	const struct whole *row = *state;
	struct trace_plan *p = plan_new(NULL);
	struct err e = { 0 };

	assert_int_equal(fake_plan(p, row->words, &e), 0);
	assert_int_equal(plan_check(p, row->command, &e), row->what ? -EINVAL : 0);
	if (row->what) {
		assert_non_null(strstr(e.what, row->what));
		assert_true(e.hint[0] != '\0');
	}
	assert_int_equal(plan_is_latency(p), row->latency);
	plan_free(p);
}

int main(void)
{
	int failed = RUN_ROWS("plan: words to buffers", goods, test_good);

	failed += RUN_ROWS("plan: refused words", bads, test_bad);
	return failed + RUN_ROWS("plan: as a whole", wholes, test_whole);
}
