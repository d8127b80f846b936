// SPDX-License-Identifier: GPL-2.0
/*
 * test_pages.c - files page by page, and metadata of either version as a head of version 6
 */
#include "tests/unit/tracedat/fixture.c"

#include "tests/unit/base/rows.h"
#include "tracedat/reader.h"

static const struct pages_case {
	struct fx_file file;
	const char *method; /* NULL: not compressed */
} rows[] = {
	{ { "v6", &fx_le64, 6, 2, 3, 9, -1, 7, 0, 0, "local" }, NULL },
	{ { "v7", &fx_le64, 7, 2, 3, 9, -1, 7, 0, 0, "local" }, NULL },
	{ { "v7 zstd", &fx_le64, 7, 2, 25, 9, -1, 7, 0, 0, "local" }, "zstd" },
	{ { "v7 zlib", &fx_le64, 7, 2, 25, 9, -1, 7, 0, 0, "local" }, "zlib" },
	{ { "v6 instances", &fx_le64, 6, 2, 3, 9, 1, 0, 2, 0, "mono" }, NULL },
	{ { "v7 instances", &fx_le64, 7, 2, 12, 9, 1, 0, 2, 0, "mono" }, "zstd" },
	{ { "v6 be64", &fx_be64, 6, 2, 3, 9, -1, 7, 0, 0, "tai" }, NULL },
	{ { "v7 be64", &fx_be64, 7, 2, 3, 9, -1, 7, 0, 0, "tai" }, "zlib" },
	{ { "v6 le32", &fx_le32, 6, 2, 3, 9, -1, 7, 0, 0, "tai" }, NULL },
	{ { "v7 be32", &fx_be32, 7, 2, 3, 9, -1, 7, 0, 0, "tai" }, "zstd" },
};

static void expect_pages(const struct fx_file *t, struct tdat_file *f, size_t buffer, size_t i)
{
	uint32_t cpu = tdat_buffer(f, buffer)->cpus[i].cpu;
	unsigned int n = (int)cpu == t->empty_cpu ? 0 : t->pages;
	struct tdat_pages *p = tdat_pages_new(f, buffer, i, NULL);
	struct buf want = { 0 };
	const uint8_t *page;

	assert_non_null(p);
	fx_pages(t->m, n, t->per_page, fx_first_seq((unsigned int)buffer, cpu),
		 fx_first_ts((unsigned int)buffer, cpu), t->lost, &want);
	for (unsigned int k = 0; k < n; k++) {
		assert_int_equal(tdat_pages_next(p, &page, NULL), 1);
		assert_memory_equal(page, want.data + k * t->m->page_size, t->m->page_size);
	}
	assert_int_equal(tdat_pages_next(p, &page, NULL), 0);
	assert_int_equal(tdat_pages_next(p, &page, NULL), 0);
	tdat_pages_free(p);
	buf_free(&want);
}

static void test_pages(void **state)
{
	const struct pages_case *t = *state;
	struct buf bytes = { 0 };
	struct tdat_file *f;
	char path[64];
	AUTO_FD fd = -1;

	fx_make(&t->file, t->method, &bytes);
	fd = fx_memfile(&bytes);
	f = tdat_open(fx_path(fd, path), NULL);
	assert_non_null(f);
	for (size_t b = 0; b < tdat_nbuffers(f); b++)
		for (size_t i = 0; i < tdat_buffer(f, b)->ncpus; i++)
			expect_pages(&t->file, f, b, i);
	assert_null(tdat_pages_new(f, 99, 0, NULL));
	assert_null(tdat_pages_new(f, 0, 99, NULL));
	tdat_close(f);
	buf_free(&bytes);
}

/* The head that went in is the head that comes out. */
static void test_flatten(void **state)
{
	const struct pages_case *t = *state;
	struct fx_head_plan plan = { .cpus = t->file.cpus, .clock = t->file.clock };
	struct buf bytes = { 0 }, want = { 0 }, got = { 0 };
	int version;

	fx_make(&t->file, t->method, &bytes);
	fx_head(t->file.m, &plan, &want);
	fx_mem(&got, "before", 6);
	assert_int_equal(tdat_head_flatten(bytes.data, bytes.len, &got, &version, NULL), 0);
	assert_int_equal(version, t->file.version);
	if (t->file.instances && t->file.version == 6) {
		struct tdat_head head;

		assert_int_equal(tdat_head_parse(&head, got.data + 6, got.len - 6, NULL), 0);
		assert_int_equal(head.noptions, 2 + t->file.instances);
		tdat_head_free(&head);
	} else {
		assert_int_equal(got.len - 6, want.len);
		assert_memory_equal(got.data, "before", 6);
		assert_memory_equal(got.data + 6, want.data, want.len);
	}
	buf_free(&bytes);
	buf_free(&want);
	buf_free(&got);
}

/* Cut and bent metadata are an error with a text, and never read outside. */
static void test_flatten_damaged(void **state)
{
	const struct pages_case *t = *state;
	struct buf bytes = { 0 }, got = { 0 }, head = { 0 };
	AUTO_FREE uint8_t *copy = NULL;
	int version;

	fx_make(&t->file, t->method, &bytes);
	assert_int_equal(tdat_head_flatten(bytes.data, bytes.len, &head, &version, NULL), 0);
	copy = malloc(bytes.len); /* of its own size: a sanitizer sees what is read behind it */
	for (size_t n = 0; n < bytes.len; n += n < 700 ? 1 : 511) {
		struct err e = { 0 };
		uint8_t *cut = malloc(n ? n : 1);

		memcpy(cut, bytes.data, n);
		if (tdat_head_flatten(cut, n, &got, &version, &e) < 0)
			assert_true(e.what[0]);
		else if (t->file.version == 7) /* the cut is behind the last options */
			assert_true(got.len == head.len && !memcmp(got.data, head.data, head.len));
		got.len = 0;
		free(cut);
		memcpy(copy, bytes.data, bytes.len);
		copy[n] ^= 0x80;
		if (tdat_head_flatten(copy, bytes.len, &got, &version, &e) < 0)
			assert_true(e.what[0]);
		got.len = 0;
	}
	buf_free(&bytes);
	buf_free(&got);
	buf_free(&head);
}

int main(void)
{
	int failed = RUN_ROWS("pages", rows, test_pages);

	failed += RUN_ROWS("flatten", rows, test_flatten);
	failed += RUN_ROWS("flatten damaged", rows, test_flatten_damaged);
	return failed;
}
