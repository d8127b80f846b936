// SPDX-License-Identifier: GPL-2.0
/*
 * test_counts.c - counting pages of part files, and plans that the writer refuses
 */
#include "tests/unit/tracedat/fixture.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tracedat/counts.h"

static const struct count_case {
	const char *name;
	unsigned int pages, per_page;
	int64_t lost;
	unsigned int break_page; /* from 1; 0: none */
	size_t extra;		 /* bytes behind the pages */
	struct tdat_page_counts want;
} count_cases[] = {
	{ "nothing", 0, 0, 0, 0, 0, { 0 } },
	{ "one page", 1, 5, 0, 0, 0, { 1, 5, 0, 0, 0, 0, 77, 4077 } },
	{ "one page, no events", 1, 0, 0, 0, 0, { 1, 0, 0, 0, 0, 0, 0, 0 } },
	{ "lost", 3, 5, 1483, 0, 0, { 3, 15, 1483, 0, 0, 0, 77, 14077 } },
	{ "lost, unknown", 3, 5, -1, 0, 0, { 3, 15, 0, 1, 0, 0, 77, 14077 } },
	{ "a broken page", 3, 5, 0, 2, 0, { 3, 10, 0, 0, 1, 0, 77, 14077 } },
	{ "half a page behind", 2, 5, 0, 0, 2048, { 2, 10, 0, 0, 0, 2048, 77, 9077 } },
	{ "more than a block", 600, 5, 0, 0, 0, { 600, 3000, 0, 0, 0, 0, 77, 2999077 } },
};

static void expect_counts(const struct tdat_page_counts *got, const struct tdat_page_counts *want)
{
	assert_int_equal(got->pages, want->pages);
	assert_int_equal(got->events, want->events);
	assert_int_equal(got->lost, want->lost);
	assert_int_equal(got->lost_unknown, want->lost_unknown);
	assert_int_equal(got->broken, want->broken);
	assert_int_equal(got->tail, want->tail);
	assert_int_equal(got->first_ts, want->first_ts);
	assert_int_equal(got->last_ts, want->last_ts);
}

static void test_count(void **state)
{
	const struct count_case *t = *state;
	struct page_layout l = fx_layout(&fx_le64);
	struct tdat_page_counts got = { 0 };
	struct tdat_extent x = { -1, 0, 0 };
	struct buf bytes = { 0 };
	AUTO_FD fd = -1;

	fx_pages(&fx_le64, t->pages, t->per_page, 1, 77, t->lost, &bytes);
	if (t->break_page)
		memcpy(bytes.data + (t->break_page - 1) * 4096 + 8, "\xff\xff", 2);
	for (size_t i = 0; i < t->extra; i++)
		fx_mem(&bytes, "x", 1);
	fd = fx_memfile(&bytes);
	x.len = bytes.len;
	assert_int_equal(tdat_count_pages(fd, &x, 1, &l, &got, NULL), 0);
	expect_counts(&got, &t->want);
	buf_free(&bytes);
}

/* Extents add up; an extent that the file does not have is an error behind what was counted. */
static void test_extents(void **state)
{
	struct page_layout l = fx_layout(&fx_le64);
	struct tdat_extent x[] = { { -1, 4096, 4096 }, { -1, 0, 4096 }, { -1, 8192, 4096 } };
	struct tdat_page_counts got = { 0 };
	struct buf bytes = { 0 };
	struct err e = { 0 };
	AUTO_FD fd = -1;

	(void)state;
	fx_pages(&fx_le64, 2, 5, 1, 77, 0, &bytes);
	fd = fx_memfile(&bytes);
	buf_free(&bytes);
	assert_int_equal(tdat_count_pages(fd, x, 2, &l, &got, &e), 0);
	expect_counts(&got, &(struct tdat_page_counts){ 2, 10, 0, 0, 0, 0, 5077, 4077 });
	assert_int_equal(tdat_count_pages(fd, x, 3, &l, &got, &e), -ENODATA);
	assert_int_equal(got.pages, 4);
}

/* --- refused plans: nothing may be written */

static void bad_version(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	(void)b;
	plan->version = 5;
}

static void half_page(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	(void)plan;
	b->cpus[1].extents->len = 100;
}

static void wrong_order(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	(void)plan;
	b->cpus[1].cpu = 0;
}

static void other_pages(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	(void)plan;
	b->page_size = 8192;
	b->cpus[1].nextents = 0;
}

static void no_top(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	(void)plan;
	b->name = "first";
}

static void short_part(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	(void)plan;
	b->cpus[1].extents->len = 8192;
}

static void short_packed(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	short_part(plan, b);
	plan->version = 7;
	plan->compression = "zstd";
}

static void packed_v6(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	(void)b;
	plan->compression = "zstd";
}

static void unknown_method(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	(void)b;
	plan->version = 7;
	plan->compression = "lz4";
}

static void packed_in_place(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	(void)b;
	plan->version = 7;
	plan->compression = "zlib";
	plan->in_place = true;
}

static void text_and_pages(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	(void)b;
	plan->latency = "text";
	plan->latency_len = 4;
}

static void text_and_instance(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	text_and_pages(plan, b);
	b->ncpus = 0;
	plan->nbuffers = 2;
}

static int64_t fails(struct tdat_page_source *src, uint8_t *to, size_t room, struct err *e)
{
	(void)src, (void)to, (void)room;
	return err_say(e, EPROTO, "bad chunk");
}

static int64_t gives_bytes(struct tdat_page_source *src, uint8_t *to, size_t room, struct err *e)
{
	(void)src, (void)room, (void)e;
	memset(to, 0, 100);
	return 100;
}

static void source_fails(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	static struct tdat_page_source src = { fails };

	(void)plan;
	b->cpus[1].source = &src;
}

static void source_without_pages(struct tdat_file_plan *plan, struct tdat_buffer_data *b)
{
	static struct tdat_page_source src = { gives_bytes };

	plan->version = 7;
	plan->compression = "zstd";
	b->cpus[1].source = &src;
}

static const struct plan_case {
	const char *name;
	void (*hurt)(struct tdat_file_plan *plan, struct tdat_buffer_data *b);
	int want;
	const char *says;
} plan_cases[] = {
	{ "version 5", bad_version, -EINVAL, "version 5" },
	{ "half a page", half_page, -EINVAL, "whole pages" },
	{ "CPUs not in order", wrong_order, -EINVAL, "order" },
	{ "other page size in v6", other_pages, -EINVAL, "8192" },
	{ "no top buffer", no_top, -EINVAL, "top" },
	{ "part shorter than said", short_part, -ENODATA, "early" },
	{ "part shorter than said, packed", short_packed, -ENODATA, "early" },
	{ "version 6 packed", packed_v6, -EINVAL, "cannot be compressed" },
	{ "unknown compression", unknown_method, -EINVAL, "lz4" },
	{ "packed in place", packed_in_place, -EINVAL, "cannot be compressed" },
	{ "latency text and pages", text_and_pages, -EINVAL, "either" },
	{ "latency text and an instance", text_and_instance, -EINVAL, "no place" },
	{ "source fails", source_fails, -EPROTO, "bad chunk" },
	{ "source gives no pages", source_without_pages, -EINVAL, "whole pages" },
};

static void test_pick_version(void **state)
{
	static const struct {
		const char *name;
		int version;
		const char *want; /* NULL: refused */
	} rows[] = {
		{ NULL, 6, "none" },   { NULL, 7, "none" },   { "any", 6, "none" },
		{ "any", 7, "zstd" },  { "none", 6, "none" }, { "none", 7, "none" },
		{ "zlib", 7, "zlib" }, { "zlib", 6, NULL },   { "zstd", 6, NULL },
		{ "lz4", 7, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *got;
		int rc = tdat_compression_for(rows[i].name, rows[i].version, &got, NULL);

		assert_int_equal(rc, rows[i].want ? 0 : -EINVAL);
		if (rows[i].want)
			assert_string_equal(got, rows[i].want);
	}
}

static void test_pick(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_string_equal(tdat_compression_pick("any", NULL), "zstd");
	assert_string_equal(tdat_compression_pick("none", NULL), "none");
	assert_string_equal(tdat_compression_pick("zlib", NULL), "zlib");
	assert_string_equal(tdat_compression_pick("zstd", NULL), "zstd");
	assert_null(tdat_compression_pick("lz4", &e));
	assert_non_null(strstr(e.what, "lz4"));
	assert_non_null(strstr(e.hint, "zlib or zstd"));
}

static void test_plan(void **state)
{
	const struct plan_case *t = *state;
	struct fx_head_plan head_plan = { .cpus = 2, .clock = "local" };
	struct buf bytes = { 0 }, pages = { 0 };
	AUTO_FD part = -1, out = fx_memfile(NULL);
	struct tdat_extent x = { 0, 0, 4096 };
	struct tdat_cpu_data cpus[] = { { 0, NULL, 0 }, { 1, &x, 1 } };
	struct tdat_buffer_data b = { "", "local", 4096, cpus, 2 };
	struct tdat_head head;
	struct tdat_file_plan plan = { .version = 6, .head = &head, .buffers = &b, .nbuffers = 1 };
	struct err e = { 0 };

	fx_head(&fx_le64, &head_plan, &bytes);
	assert_int_equal(tdat_head_parse(&head, bytes.data, bytes.len, NULL), 0);
	fx_pages(&fx_le64, 1, 1, 1, 1, 0, &pages);
	x.fd = part = fx_memfile(&pages);
	t->hurt(&plan, &b);
	assert_int_equal(tdat_write(out, "out", &plan, &e), t->want);
	assert_non_null(strstr(e.what, t->says));
	if (t->want == -EINVAL && !cpus[1].source)
		assert_int_equal(lseek(out, 0, SEEK_END), 0);
	tdat_head_free(&head);
	buf_free(&bytes);
	buf_free(&pages);
}

#define ROW(fn, row)                                                    \
	{                                                               \
		(row).name, fn, NULL, NULL, (void *)(uintptr_t) & (row) \
	}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(count_cases) + ARRAY_SIZE(plan_cases) + 3];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(count_cases); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_count, count_cases[i]);
	for (size_t i = 0; i < ARRAY_SIZE(plan_cases); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_plan, plan_cases[i]);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_extents);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_pick);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_pick_version);
	return cmocka_run_group_tests_name("counts", tests, NULL, NULL);
}
