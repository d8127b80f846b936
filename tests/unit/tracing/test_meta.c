// SPDX-License-Identifier: GPL-2.0
/* test_meta.c - a machine's metadata, read back by tdat_head_parse(); CPUs, pages, statistics */
#include <errno.h>

#include "tests/unit/tracing/fake.h"
#include "tracedat/head.h"
#include "tracing/meta.h"
#include "tracing/pages.h"

static const char symbols[] = "0000 T start\n0000 t end\t[mod]\n";

struct world {
	struct tree t;
	struct tracefs *top;
	struct trace_plan *plan;
	struct buf head;
	struct err e;
};

static void world_begin(struct world *w, const char *const *words)
{
	*w = (struct world){ .plan = plan_new(NULL) };
	fake_make(&w->t);
	tree_file(&w->t, "kallsyms", symbols);
	w->top = tfs_open(w->t.top, &w->e);
	assert_non_null(w->top);
	assert_int_equal(fake_plan(w->plan, words, &w->e), 0);
}

static void world_end(struct world *w)
{
	buf_free(&w->head);
	tfs_close(w->top);
	plan_free(w->plan);
	tree_remove(&w->t);
}

static void collect(struct world *w, bool later, bool with_plan)
{
	char kallsyms[TREE_PATH];
	struct meta_opts o = { .plan = with_plan ? w->plan : NULL,
			       .cmdlines_later = later,
			       .kallsyms = kallsyms };

	snprintf(kallsyms, sizeof(kallsyms), "%s", tree_at(&w->t, "kallsyms"));
	assert_int_equal(meta_collect(w->top, &o, &w->head, &w->e), 0);
}

static void expect_view(struct view v, const char *want)
{
	assert_int_equal(v.len, strlen(want));
	assert_memory_equal(v.p, want, v.len);
}

static const struct formats {
	const char *name;
	const char *words[FAKE_WORDS];
	bool no_plan;
	const char *want; /* in order; NULL: all six */
} formats[] = {
	{ "one event", { "-e", "sched_switch" }, false, " sched/sched_switch" },
	{ "in the order of the patterns",
	  { "-e", "irq", "-e", "sched_switch", "-e", "sched_waking" },
	  false,
	  " irq/irq_handler sched/sched_switch sched/sched_waking" },
	{ "a system comes once",
	  { "-e", "sched_switch", "-e", "irq", "-e", "sched:sched_waking", "-e", "sched_switch" },
	  false,
	  " sched/sched_switch sched/sched_waking irq/irq_handler" },
	{ "those of further buffers too",
	  { "-e", "irq", "-B", "x", "-e", "sched_disk" },
	  false,
	  " irq/irq_handler fs/sched_disk" },
	{ "a tracer alone needs none", { "-p", "function" }, false, "" },
	{ "-a", { "-e", "irq", "-a" }, false, NULL },
	{ "-e all", { "-e", "all" }, false, NULL },
	{ "no plan", { NULL }, true, NULL },
	{ "a missing event is passed over",
	  { "-e", "nosuch", "-e", "irq" },
	  false,
	  " irq/irq_handler" },
};

static void test_formats(void **state)
{
	const struct formats *row = *state;
	struct tdat_format_iter it = { 0 };
	struct tdat_head head;
	struct buf got = { 0 };
	struct world w;
	size_t n = 0;

	world_begin(&w, row->words);
	collect(&w, false, !row->no_plan);
	assert_int_equal(tdat_head_parse(&head, w.head.data, w.head.len, &w.e), 0);
	while (tdat_next_event_format(&head, &it)) {
		size_t name = strcspn((const char *)it.text.p, "\n") - strlen("name: ");

		assert_int_equal(buf_addf(&got, " %s/%.*s", it.system, (int)name,
					  (const char *)it.text.p + strlen("name: ")),
				 0);
		n++;
	}
	assert_false(it.bad);
	assert_int_equal(buf_text(&got), 0);
	if (row->want)
		assert_string_equal((char *)got.data, row->want);
	else
		assert_int_equal(n, ARRAY_SIZE(fake_events));
	it = (struct tdat_format_iter){ 0 };
	for (n = 0; tdat_next_ftrace_format(&head, &it); n++)
		;
	assert_int_equal(n, 2);
	buf_free(&got);
	tdat_head_free(&head);
	world_end(&w);
}

static const char *const irq[FAKE_WORDS] = { "-e", "irq" };

static void test_texts(void **state)
{
	struct tdat_head head;
	struct world w;

	(void)state;
	world_begin(&w, irq);
	collect(&w, true, true);
	tree_file(&w.t, "saved_cmdlines", "1 init\n2 late\n");
	assert_int_equal(meta_cmdlines(w.top, &w.head, &w.e), 0);
	assert_int_equal(tdat_head_parse(&head, w.head.data, w.head.len, &w.e), 0);
	expect_view(head.header_page, FAKE_PAGE);
	expect_view(head.header_event, "# compressed entry header\n");
	expect_view(head.kallsyms, symbols);
	expect_view(head.printk, "0xff : \"x\"\n");
	expect_view(head.cmdlines, "1 init\n2 late\n");
	assert_int_equal(head.long_size, sizeof(long));
	assert_int_equal(head.page_size, sysconf(_SC_PAGESIZE));
	assert_true(head.no_cpus);
	tdat_head_free(&head);
	world_end(&w);
}

static void expect_option(const struct tdat_head *head, uint16_t id, const char *text)
{
	const struct tdat_option *o = tdat_head_option(head, id);

	assert_non_null(o);
	assert_int_equal(o->data.len, strlen(text) + 1);
	assert_string_equal((const char *)o->data.p, text);
}

static void test_options(void **state)
{
	static const char *const buffers[] = { "in" }, *const hooks[] = { "a,b/c,d" };
	static const char buffer[] = "\0\0\0\0\0\0\0\0in";
	struct buf stat = { 0 };
	struct meta_option_opts o = { .cpus = 3,
				      .trace_id = 0x1122334455667788,
				      .version = "1.0",
				      .hooks = hooks,
				      .nhooks = 1,
				      .buffers = buffers,
				      .nbuffers = 1,
				      .cpustat = &stat,
				      .ncpustat = 1 };
	struct tdat_head head;
	struct world w;

	(void)state;
	world_begin(&w, irq);
	collect(&w, false, true);
	assert_int_equal(meta_cpustat(w.top, 2, &stat, &w.e), 0);
	assert_int_equal(meta_options(w.top, &o, &w.head, &w.e), 0);
	assert_int_equal(tdat_head_parse(&head, w.head.data, w.head.len, &w.e), 0);
	assert_int_equal(head.used, w.head.len);
	assert_int_equal(head.cpus, 3);
	expect_option(&head, TDAT_OPT_TRACECLOCK, "[local] global counter mono x86-tsc\n");
	expect_option(&head, TDAT_OPT_VERSION, "1.0");
	expect_option(&head, TDAT_OPT_HOOK, "a,b/c,d");
	expect_option(&head, TDAT_OPT_CPUSTAT, "CPU: 2\n" FAKE_STATS);
	assert_memory_equal(tdat_head_option(&head, TDAT_OPT_TRACEID)->data.p, &o.trace_id, 8);
	assert_int_equal(tdat_head_option(&head, TDAT_OPT_BUFFER)->data.len, sizeof(buffer));
	assert_memory_equal(tdat_head_option(&head, TDAT_OPT_BUFFER)->data.p, buffer,
			    sizeof(buffer));
	assert_non_null(tdat_head_option(&head, TDAT_OPT_UNAME));
	tdat_head_free(&head);
	buf_free(&stat);
	world_end(&w);
}

/* A reader of version 6 takes TRACECLOCK for a promise that a clock follows latency text's tag. */
static void test_latency_has_no_clock(void **state)
{
	struct meta_option_opts o = { .cpus = 1, .latency = true };
	struct tdat_head head;
	struct world w;

	(void)state;
	world_begin(&w, irq);
	collect(&w, false, true);
	assert_int_equal(meta_options(w.top, &o, &w.head, &w.e), 0);
	assert_int_equal(tdat_head_parse(&head, w.head.data, w.head.len, &w.e), 0);
	assert_null(tdat_head_option(&head, TDAT_OPT_TRACECLOCK));
	assert_null(tdat_head_option(&head, TDAT_OPT_TRACEID));
	tdat_head_free(&head);
	world_end(&w);
}

/* Files that a kernel may lack leave their blocks empty. */
static void test_missing_files(void **state)
{
	static const char *const gone[] = { "kallsyms", "printk_formats", "saved_cmdlines" };
	struct tdat_head head;
	struct world w;

	(void)state;
	world_begin(&w, irq);
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		assert_int_equal(unlink(tree_at(&w.t, "%s", gone[i])), 0);
	collect(&w, false, true);
	assert_int_equal(tdat_head_parse(&head, w.head.data, w.head.len, &w.e), 0);
	assert_int_equal(head.kallsyms.len + head.printk.len + head.cmdlines.len, 0);
	tdat_head_free(&head);
	world_end(&w);
}

static void test_stats(void **state)
{
	struct cpu_stats s;
	struct world w;

	(void)state;
	world_begin(&w, irq);
	assert_int_equal(cpu_stats_read(w.top, 2, &s, &w.e), 0);
	assert_int_equal(s.entries, 3);
	assert_int_equal(s.overrun, 4);
	assert_int_equal(s.commit_overrun, 5);
	assert_int_equal(s.bytes, 600);
	assert_int_equal(s.dropped, 7);
	assert_int_equal(s.read, 8);
	assert_int_equal(cpu_stats_read(w.top, 1, &s, &w.e), -ENOENT);
	assert_non_null(strstr(w.e.what, "per_cpu/cpu1/stats"));
	world_end(&w);
}

static void test_pages(void **state)
{
	struct cpu_list cpus = { 0 };
	struct page_layout layout;
	struct world w;
	int fd;

	(void)state;
	world_begin(&w, irq);
	tree_dir(&w.t, "per_cpu/cpux", 0755);
	assert_int_equal(pages_cpus(w.top, &cpus, &w.e), 0);
	assert_int_equal(cpus.n, 2);
	assert_true(cpu_list_has(&cpus, 0) && cpu_list_has(&cpus, 2) && !cpu_list_has(&cpus, 1));
	assert_int_equal(cpu_list_count(&cpus), 3);
	assert_int_equal(pages_layout(w.top, &layout, &w.e), 0);
	assert_int_equal(layout.size, 4096);
	fd = pages_open(w.top, 0, &w.e);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDONLY);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	assert_int_equal(pages_open(w.top, 1, &w.e), -ENOENT);
	cpu_list_free(&cpus);
	world_end(&w);
}

static const struct online {
	const char *name, *text;
	int ret;
	uint32_t n, count;
} onlines[] = {
	{ "one", "0\n", 0, 1, 1 },
	{ "range", "0-3\n", 0, 4, 4 },
	{ "with a hole", "0,2-3,7\n", 0, 4, 8 },
	{ "backwards", "3-1\n", -EINVAL, 0, 0 },
	{ "words", "all\n", -EINVAL, 0, 0 },
	{ "too many", "0-99999999\n", -EINVAL, 0, 0 },
};

static void test_online(void **state)
{
	const struct online *row = *state;
	struct cpu_list cpus = { 0 };
	struct err e = { 0 };
	struct tree t;

	tree_make(&t);
	tree_file(&t, "online", row->text);
	assert_int_equal(pages_online(tree_at(&t, "online"), &cpus, &e), row->ret);
	if (!row->ret) {
		assert_int_equal(cpus.n, row->n);
		assert_int_equal(cpu_list_count(&cpus), row->count);
	}
	cpu_list_free(&cpus);
	tree_remove(&t);
}

static void test_trace_id(void **state)
{
	uint64_t a = meta_trace_id();

	(void)state;
	assert_true(a != 0);
	assert_true(a != meta_trace_id());
}

int main(void)
{
	const struct CMUnitTest singles[] = {
		cmocka_unit_test(test_texts),	      cmocka_unit_test(test_options),
		cmocka_unit_test(test_missing_files), cmocka_unit_test(test_latency_has_no_clock),
		cmocka_unit_test(test_stats),	      cmocka_unit_test(test_pages),
		cmocka_unit_test(test_trace_id),
	};
	int failed = RUN_ROWS("meta: which formats", formats, test_formats);

	failed += RUN_ROWS("pages: online CPUs", onlines, test_online);
	return failed +
	       cmocka_run_group_tests_name("meta: blocks and options", singles, NULL, NULL);
}
