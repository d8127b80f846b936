// SPDX-License-Identifier: GPL-2.0
/*
 * test_virtio_trace.c - orders of virtio-trace, and metadata of a machine that cannot be asked
 *
 * The copies are of a fake tracefs: whole, its events/ alone, and what is none.
 */
#include <errno.h>

#include "recording/guest-meta.h"
#include "recording/virtio-trace.h"
#include "tests/unit/tracing/fake.h"

static const struct order_row {
	const char *name, *bytes;
	bool before, want;
} order_rows[] = {
	{ "start", "1\n", false, true },
	{ "start again", "1", true, true },
	{ "stop", "0\n", true, false },
	{ "the last one counts", "0\n1\n0\n", true, false },
	{ "the last one counts, start", "0\n1\n", true, true },
	{ "a newline that comes alone", "\n", true, true },
	{ "nothing", "", true, true },
	{ "what is no order", "start 2", false, false },
};

static void test_order(void **state)
{
	const struct order_row *r = *state;

	assert_int_equal(vtrace_order(r->bytes, strlen(r->bytes), r->before), r->want);
}

/* The options that are looked at: what is in them up to their NUL, or NULL. */
static const struct meta_row {
	const char *name;
	const char *at;	   /* in the fake tracefs */
	const char *gone;  /* a file that was not copied */
	const char *clock; /* as asked for */
	int want;
	const char *clock_option, *printk;
	size_t events; /* formats, those of ftrace too */
} meta_rows[] = {
	{ "a whole copy", ".", NULL, NULL, 0, "[local]\n", "0xff : \"x\"\n", 8 },
	{ "a whole copy, and a clock", ".", NULL, "mono", 0, "[mono]\n", "0xff : \"x\"\n", 8 },
	{ "events alone", "events", NULL, NULL, 0, NULL, "", 8 },
	{ "events alone, and a clock", "events", NULL, "x86-tsc", 0, "[x86-tsc]\n", "", 8 },
	{ "no clock was copied", ".", "trace_clock", NULL, 0, NULL, "0xff : \"x\"\n", 8 },
	{ "one format was not copied", ".", "events/fs/sched_disk/format", NULL, 0, "[local]\n",
	  "0xff : \"x\"\n", 7 },
	{ "what is enabled was not copied", ".", "events/irq/irq_handler/enable", NULL, 0,
	  "[local]\n", "0xff : \"x\"\n", 8 },
	{ "a directory with other things", "per_cpu", NULL, NULL, -EINVAL },
	{ "the page header was not copied", ".", "events/header_page", NULL, -EINVAL },
	{ "there is no such thing", "nowhere", NULL, NULL, -ENOENT },
	{ "a file that is no trace.dat", "tracing_on", NULL, NULL, -EINVAL },
};

static void expect_option(const struct tdat_head *h, uint16_t id, const char *want)
{
	const struct tdat_option *o = tdat_head_option(h, id);

	assert_int_equal(!!o, !!want);
	if (want) {
		assert_int_equal(o->data.len, strlen(want) + 1);
		assert_memory_equal(o->data.p, want, o->data.len);
	}
}

static size_t count_formats(const struct tdat_head *h)
{
	struct tdat_format_iter ftrace = { 0 }, event = { 0 };
	size_t n = 0;

	while (tdat_next_ftrace_format(h, &ftrace))
		n++;
	while (tdat_next_event_format(h, &event))
		n++;
	return n;
}

static void check_head(const struct meta_row *r, const struct guest_meta *m)
{
	struct guest_meta_opts o = { .clock = r->clock, .cpus = 3, .trace_id = 0x1234 };
	struct buf bytes = { 0 };
	struct tdat_head h;
	struct err e = { 0 };
	const struct tdat_option *id;

	assert_int_equal(guest_meta_put(m, &o, &bytes, &e), 0);
	assert_int_equal(tdat_head_parse(&h, bytes.data, bytes.len, &e), 0);
	assert_int_equal(h.used, bytes.len);
	assert_int_equal(h.cpus, 3);
	assert_int_equal(h.layout.size, 4096);
	assert_int_equal(count_formats(&h), r->events);
	assert_int_equal(h.printk.len, strlen(r->printk));
	assert_memory_equal(h.printk.p, r->printk, h.printk.len);
	expect_option(&h, TDAT_OPT_TRACECLOCK, r->clock_option);
	id = tdat_head_option(&h, TDAT_OPT_TRACEID);
	assert_non_null(id);
	assert_memory_equal(id->data.p, &o.trace_id, sizeof(o.trace_id));
	tdat_head_free(&h);
	buf_free(&bytes);
}

static void test_meta(void **state)
{
	const struct meta_row *r = *state;
	struct guest_meta m;
	struct err e = { 0 };
	struct tree t;

	fake_make(&t);
	if (r->gone)
		assert_int_equal(unlink(tree_at(&t, "%s", r->gone)), 0);
	assert_int_equal(guest_meta_open(&m, tree_at(&t, "%s", r->at), &e), r->want);
	if (r->want)
		assert_non_null(strstr(e.what, r->at[0] == '.' ? t.top : r->at));
	else
		check_head(r, &m);
	guest_meta_close(&m);
	tree_remove(&t);
}

/* What a file was recorded without comes later; its own options stay. */
static void test_join(void **state)
{
	struct guest_meta m;
	struct tdat_option own = { TDAT_OPT_UNAME, { (const uint8_t *)"web1", 5 } };
	struct tdat_head file, to;
	struct err e = { 0 };
	struct tree t;

	(void)state;
	fake_make(&t);
	assert_int_equal(guest_meta_open(&m, t.top, &e), 0);
	file = (struct tdat_head){ .cpus = 7, .options = &own, .noptions = 1 };
	file.layout = m.head->layout;
	assert_int_equal(guest_meta_join(&m, &file, &to, &e), 0);
	assert_int_equal(to.cpus, 7);
	assert_int_equal(count_formats(&to), 8);
	expect_option(&to, TDAT_OPT_UNAME, "web1");
	expect_option(&to, TDAT_OPT_TRACECLOCK, NULL);
	file.layout.size *= 2;
	assert_int_equal(guest_meta_join(&m, &file, &to, &e), -EINVAL);
	guest_meta_close(&m);
	tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest join[] = { cmocka_unit_test(test_join) };
	int failed = RUN_ROWS("order", order_rows, test_order);

	failed += RUN_ROWS("metadata", meta_rows, test_meta);
	return failed + cmocka_run_group_tests_name("join", join, NULL, NULL);
}
