// SPDX-License-Identifier: GPL-2.0
/*
 * test_file.c - what the writer writes, the reader and the checker read; and damaged files
 */
#include "tests/unit/tracedat/fixture.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tracedat/check.h"
#include "tracedat/reader.h"

#define LOCAL "local"

static const struct whole_case {
	struct fx_file file;
	const char *method; /* NULL: not compressed */
} whole_cases[] = {
	{ { "v6, 1 CPU", &fx_le64, 6, 1, 3, 100, -1, 0, 0, 0, LOCAL, false, false }, NULL },
	{ { "v7, 1 CPU", &fx_le64, 7, 1, 3, 100, -1, 0, 0, 0, LOCAL, false, false }, NULL },
	{ { "v6, 2 CPUs, lost", &fx_le64, 6, 2, 3, 50, -1, 17, 0, 0, "mono", false, false }, NULL },
	{ { "v7, 2 CPUs, lost", &fx_le64, 7, 2, 3, 50, -1, 17, 0, 0, "mono", false, false }, NULL },
	{ { "v6, lost, unknown", &fx_le64, 6, 2, 2, 9, -1, -1, 0, 0, LOCAL, false, false }, NULL },
	{ { "v7, lost, unknown", &fx_le64, 7, 2, 2, 9, -1, -1, 0, 0, LOCAL, false, false }, NULL },
	{ { "v6, 64 CPUs", &fx_le64, 6, 64, 2, 5, 1, 0, 0, 0, LOCAL, false, false }, NULL },
	{ { "v7, 64 CPUs", &fx_le64, 7, 64, 2, 5, 1, 0, 0, 0, LOCAL, false, false }, NULL },
	{ { "v6, no data", &fx_le64, 6, 1, 1, 1, 0, 0, 0, 0, LOCAL, false, false }, NULL },
	{ { "v7, no data", &fx_le64, 7, 1, 1, 1, 0, 0, 0, 0, LOCAL, false, false }, NULL },
	{ { "v6, instances", &fx_le64, 6, 2, 2, 5, -1, 0, 2, 3, "tai", false, true }, NULL },
	{ { "v7, instances", &fx_le64, 7, 2, 2, 5, -1, 0, 2, 3, "tai", false, true }, NULL },
	{ { "v6, wire head", &fx_le64, 6, 2, 2, 5, -1, 0, 0, 0, NULL, true, false }, NULL },
	{ { "v7, wire head", &fx_le64, 7, 2, 2, 5, -1, 0, 0, 0, NULL, true, false }, NULL },
	{ { "v6, be64", &fx_be64, 6, 2, 3, 50, 1, 17, 1, 0, "tai", false, false }, NULL },
	{ { "v7, be64", &fx_be64, 7, 2, 3, 50, 1, 17, 1, 0, "tai", false, false }, NULL },
	{ { "v6, le32", &fx_le32, 6, 2, 3, 50, 1, 17, 1, 0, "tai", false, false }, NULL },
	{ { "v7, le32", &fx_le32, 7, 2, 3, 50, 1, 17, 1, 0, "tai", false, false }, NULL },
	{ { "v6, be32", &fx_be32, 6, 2, 3, 50, 1, -1, 1, 0, "tai", false, false }, NULL },
	{ { "v7, be32", &fx_be32, 7, 2, 3, 50, 1, -1, 1, 0, "tai", false, false }, NULL },
	{ { "v6, 8 KiB pages", &fx_sub8k, 6, 2, 3, 450, 1, 17, 1, 0, "tai" }, NULL },
	{ { "v7, 8 KiB pages", &fx_sub8k, 7, 2, 3, 450, 1, 17, 1, 0, "tai" }, NULL },
	{ { "zstd", &fx_le64, 7, 3, 25, 50, 1, 17, 1, 0, "tai", false, false }, "zstd" },
	{ { "zlib", &fx_le64, 7, 3, 25, 50, 1, 17, 1, 0, "tai", false, false }, "zlib" },
	{ { "zstd, be32", &fx_be32, 7, 3, 25, 50, 1, 17, 1, 0, "tai", false, false }, "zstd" },
	{ { "zlib, no data", &fx_be64, 7, 1, 1, 1, 0, 0, 0, 0, "tai", false, false }, "zlib" },
	{ { "source, v6", &fx_le64, 6, 3, 25, 50, 1, 17, 1, 0, "tai", .source = true }, NULL },
	{ { "source, v7", &fx_le64, 7, 3, 25, 50, 1, 17, 1, 0, "tai", .source = true }, NULL },
	{ { "source, v6, much", &fx_be64, 6, 2, 150, 50, -1, 17, 1, 2, "tai", .source = true },
	  NULL },
	{ { "source, no data", &fx_le64, 7, 1, 1, 1, 0, 0, 0, 0, "tai", .source = true }, NULL },
	{ { "write zstd", &fx_le64, 7, 3, 25, 50, 1, 17, 2, 3, "tai", .compression = "zstd" },
	  NULL },
	{ { "write zlib", &fx_le64, 7, 3, 20, 50, 1, -1, 2, 3, "tai", .compression = "zlib" },
	  NULL },
	{ { "write none", &fx_le64, 7, 3, 20, 50, 1, -1, 2, 3, "tai", .compression = "none" },
	  NULL },
	{ { "write none, v6", &fx_le64, 6, 1, 2, 5, -1, 0, 0, 0, "tai", .compression = "none" },
	  NULL },
	{ { "zstd, be64", &fx_be64, 7, 3, 21, 50, 1, 17, 1, 0, "tai", .compression = "zstd" },
	  NULL },
	{ { "zlib, le32", &fx_le32, 7, 3, 21, 50, 1, 17, 1, 0, "tai", .compression = "zlib" },
	  NULL },
	{ { "zstd, be32", &fx_be32, 7, 3, 9, 50, 1, 17, 1, 0, "tai", .compression = "zstd" },
	  NULL },
	{ { "zstd, 8 KiB pages", &fx_sub8k, 7, 2, 12, 450, 1, 17, 1, 0, "tai",
	    .compression = "zstd" },
	  NULL },
	{ { "zstd, wire head", &fx_le64, 7, 2, 2, 5, -1, 0, 0, 0, NULL, true,
	    .compression = "zstd" },
	  NULL },
	{ { "zstd, no data", &fx_le64, 7, 2, 1, 1, 0, 0, 0, 0, "tai", .compression = "zstd" },
	  NULL },
	{ { "zstd, source", &fx_be32, 7, 2, 31, 50, -1, 17, 1, 0, "tai", .compression = "zstd",
	    .source = true },
	  NULL },
	{ { "zlib, source", &fx_le64, 7, 2, 30, 50, 0, 17, 1, 0, "tai", .compression = "zlib",
	    .source = true },
	  NULL },
};

static void say(void *ctx, const char *line)
{
	(void)ctx;
	print_message("  check: %s\n", line);
}

static int64_t lost_before(const struct fx_file *t, unsigned int k)
{
	return k == t->per_page && t->lost ? t->lost : 0;
}

static void expect_cpu(const struct fx_file *t, struct tdat_file *f, size_t buffer, size_t i)
{
	uint32_t cpu = tdat_buffer(f, buffer)->cpus[i].cpu;
	bool empty = (int)cpu == t->empty_cpu || cpu >= fx_buffer_cpus(t, (unsigned int)buffer);
	struct tdat_cursor *c = tdat_cursor_new(f, buffer, i, NULL);
	struct tdat_event ev;

	assert_non_null(c);
	for (unsigned int k = 0; k < t->pages * t->per_page && !empty; k++) {
		assert_int_equal(tdat_cursor_next(c, &ev, NULL), 1);
		assert_int_equal(ev.cpu, cpu);
		assert_int_equal(ev.size, FX_TICK_SIZE);
		assert_int_equal(fx_seq(t->m, ev.data),
				 fx_first_seq((unsigned int)buffer, cpu) + k);
		assert_int_equal(ev.ts,
				 fx_first_ts((unsigned int)buffer, cpu) + (uint64_t)FX_STEP * k);
		assert_int_equal(ev.lost, lost_before(t, k));
	}
	assert_int_equal(tdat_cursor_next(c, &ev, NULL), 0);
	assert_int_equal(tdat_cursor_next(c, &ev, NULL), 0);
	tdat_cursor_free(c);
}

static void expect_head(const struct fx_file *t, const struct tdat_file *f)
{
	static const char *const names[] = { "", "first", "second" };
	const struct tdat_head *h = tdat_head(f);
	struct tdat_format_iter it = { 0 };

	assert_int_equal(tdat_version(f), t->version);
	assert_int_equal(h->big, t->m->big);
	assert_int_equal(h->long_size, t->m->long_size);
	assert_int_equal(h->cpus, fx_buffer_cpus(t, t->instances));
	assert_true(tdat_next_event_format(h, &it));
	assert_string_equal(it.system, "fixture");
	assert_memory_equal(it.text.p, "name: tick\n", 11);
	assert_false(tdat_next_event_format(h, &it));
	assert_false(it.bad);
	assert_int_equal(h->kallsyms.len, 32);
	assert_int_equal(h->cmdlines.len, 10);
	assert_int_equal(!tdat_head_option(h, TDAT_OPT_UNAME), t->wire_head);
	assert_int_equal(tdat_nbuffers(f), t->instances + 1);
	for (size_t i = 0; i < tdat_nbuffers(f); i++) {
		assert_string_equal(tdat_buffer(f, i)->name, names[i]);
		assert_string_equal(tdat_buffer(f, i)->clock, t->clock ? t->clock : "local");
		assert_int_equal(tdat_buffer(f, i)->page_size, t->m->page_size);
	}
}

static void test_whole(void **state)
{
	const struct whole_case *t = *state;
	struct buf bytes = { 0 };
	struct err e = { 0 };
	struct tdat_file *f;
	const char *method;
	char path[64];
	AUTO_FD fd = -1;

	fx_make(&t->file, t->method, &bytes);
	fd = fx_memfile(&bytes);
	f = tdat_open(fx_path(fd, path), &e);
	if (!f)
		fail_msg("%s", e.what);
	expect_head(&t->file, f);
	method = t->method ? t->method : t->file.compression;
	assert_string_equal(tdat_compression(f), method ? method : "none");
	for (size_t b = 0; b < tdat_nbuffers(f); b++)
		for (size_t i = 0; i < tdat_buffer(f, b)->ncpus; i++)
			expect_cpu(&t->file, f, b, i);
	tdat_close(f);
	assert_int_equal(tdat_check(path, say, NULL, &e), 0);
	buf_free(&bytes);
}

/* Any cut is found by the checker, and costs a reader nothing but what is missing. */
static void test_cut(void **state)
{
	const struct whole_case *t = *state;
	struct buf bytes = { 0 };
	char path[64];
	AUTO_FD fd = -1;

	fx_make(&t->file, t->method, &bytes);
	fd = fx_memfile(&bytes);
	fx_path(fd, path);
	for (size_t n = bytes.len - 1; n<bytes.len; n -= n> 3000 ? 997 : 13) {
		struct err e = { 0 };

		assert_int_equal(ftruncate(fd, (off_t)n), 0);
		assert_int_equal(tdat_check(path, NULL, NULL, &e), -EPROTO);
		assert_true(e.what[0]);
	}
	buf_free(&bytes);
}

static const struct whole_case cut_cases[] = {
	{ { "v6 cut", &fx_le64, 6, 2, 2, 9, -1, 0, 1, 0, LOCAL, false, false }, NULL },
	{ { "v7 cut", &fx_le64, 7, 2, 2, 9, -1, 0, 1, 0, LOCAL, false, false }, NULL },
	{ { "zstd cut", &fx_le64, 7, 2, 12, 9, -1, 0, 1, 0, LOCAL, false, false }, "zstd" },
	{ { "zlib cut", &fx_be64, 7, 2, 12, 9, -1, 0, 1, 0, LOCAL, .compression = "zlib" }, NULL },
};

/* --- damage at one place */

static uint64_t get_le(const struct buf *b, size_t at, size_t size)
{
	struct rcur c = rcur_make(b->data + at, size, false);

	return rcur_uint(&c, size);
}

static void set_le(struct buf *b, size_t at, uint64_t v, size_t size)
{
	struct wcur w = wcur_make(b->data + at, size, false);

	wcur_uint(&w, v, size);
}

/* Offset of the first BUFFER option's payload in a v7 file of ours. */
static size_t v7_buffer_option(const struct buf *b)
{
	size_t first = get_le(b, 0x18, 8), section = first + 16 + get_le(b, first + 8, 8);

	return section + 16 + get_le(b, section + 8, 8) + 16 + 6;
}

static size_t v7_table(const struct buf *b) /* of the entries; name "", clock "local" */
{
	return v7_buffer_option(b) + 8 + 1 + 6 + 4 + 4;
}

static size_t v6_table(const struct buf *b)
{
	return (size_t)((uint8_t *)memmem(b->data, b->len, "flyrecord", 10) - b->data) + 10;
}

static void hurt_magic(struct buf *b)
{
	b->data[3] = 'x';
}

static void hurt_version(struct buf *b)
{
	b->data[10] = '8';
}

static void hurt_order(struct buf *b)
{
	b->data[12] = 2;
}

static void hurt_page_size(struct buf *b)
{
	set_le(b, 14, 4095, 4);
}

static void hurt_header_page(struct buf *b)
{
	memset(memmem(b->data, b->len, "timestamp", 9), 'x', 9);
}

static void hurt_method(struct buf *b)
{
	b->data[0x12] = 'x';
}

static void loop_chain(struct buf *b)
{
	size_t first = get_le(b, 0x18, 8);

	set_le(b, first + 16 + get_le(b, first + 8, 8) - 8, first, 8);
}

static void chain_outside(struct buf *b)
{
	set_le(b, 0x18, b->len + 1, 8);
}

static void chain_nowhere(struct buf *b)
{
	set_le(b, 0x18, 0, 8);
}

static void section_of_another_kind(struct buf *b)
{
	set_le(b, 0x20, 17, 2);
}

static void section_too_long(struct buf *b)
{
	set_le(b, 0x28, ~0ULL, 8);
}

static void twice_one_cpu(struct buf *b)
{
	set_le(b, v7_table(b) + 20, 0, 4);
}

static void high_cpu(struct buf *b)
{
	set_le(b, v7_table(b), 0xffffffff, 4);
}

static void many_cpus(struct buf *b)
{
	set_le(b, v7_table(b) - 4, 0xffffffff, 4);
}

static void tiny_pages(struct buf *b)
{
	set_le(b, v7_table(b) - 8, 8, 4);
}

static void data_outside(struct buf *b)
{
	set_le(b, v7_table(b) + 4, ~0ULL - 4095, 8);
}

static void v6_unaligned(struct buf *b)
{
	set_le(b, v6_table(b), get_le(b, v6_table(b), 8) + 4, 8);
}

static void v6_data_tag(struct buf *b)
{
	b->data[v6_table(b) - 10] = 'x';
}

static void v6_many_cpus(struct buf *b)
{
	uint8_t *options = memmem(b->data, b->len, "options  ", 10);

	set_le(b, (size_t)(options - b->data) - 4, 0xffffffff, 4);
}

static void second_page_commit(struct buf *b)
{
	set_le(b, get_le(b, v6_table(b), 8) + 4096 + 8, 5000, 4);
}

static void second_page_record(struct buf *b)
{
	set_le(b, get_le(b, v6_table(b), 8) + 4096 + 16 + 16 * 4, 0, 8);
}

static void second_page_time(struct buf *b)
{
	set_le(b, get_le(b, v6_table(b), 8) + 4096, 5, 8);
}

static void instance_offset(struct buf *b)
{
	uint8_t *name = memmem(b->data, b->len, "first", 6);

	set_le(b, (size_t)(name - b->data) - 8, 0, 8);
}

enum { V6, V7, BASES };

static const struct whole_case bases[BASES] = {
	[V6] = { { "v6", &fx_le64, 6, 2, 3, 9, -1, 0, 1, 0, LOCAL, false, false }, NULL },
	[V7] = { { "v7", &fx_le64, 7, 2, 3, 9, -1, 0, 1, 0, LOCAL, false, false }, NULL },
};

static const struct hurt_case {
	const char *name;
	int base;
	void (*hurt)(struct buf *b);
	int open;	  /* what tdat_open() fails with; 0: it opens, the checker says it */
	const char *says; /* in the error, or in a line of the checker */
} hurt_cases[] = {
	{ "magic", V6, hurt_magic, EPROTO, "no trace.dat" },
	{ "version 8", V7, hurt_version, ENOTSUP, "version 8" },
	{ "byte order", V6, hurt_order, EPROTO, "byte order" },
	{ "page size", V7, hurt_page_size, EPROTO, "power of two" },
	{ "header_page", V6, hurt_header_page, EPROTO, "timestamp" },
	{ "compression method", V7, hurt_method, ENOTSUP, "zstd" },
	{ "chain of options loops", V7, loop_chain, EPROTO, "loops" },
	{ "first options outside", V7, chain_outside, ENODATA, "behind the end" },
	{ "no options", V7, chain_nowhere, ENODATA, "not finished" },
	{ "section of another kind", V7, section_of_another_kind, EPROTO, "section 16 expected" },
	{ "section too long", V7, section_too_long, ENODATA, "ends behind" },
	{ "a CPU twice", V7, twice_one_cpu, EPROTO, "CPU 0" },
	{ "a CPU number too high", V7, high_cpu, EPROTO, "CPU 4294967295" },
	{ "more CPUs than bytes", V7, many_cpus, EPROTO, "cut" },
	{ "pages without room", V7, tiny_pages, EPROTO, "8 bytes" },
	{ "data outside of the file", V7, data_outside, 0, "missing" },
	{ "not aligned", V6, v6_unaligned, 0, "not aligned" },
	{ "data tag", V6, v6_data_tag, EPROTO, "neither" },
	{ "CPU count too high", V6, v6_many_cpus, EPROTO, "number of CPUs" },
	{ "commit of a page", V6, second_page_commit, 0, "page at offset" },
	{ "record of a page", V6, second_page_record, 0, "page at offset" },
	{ "time of a page", V6, second_page_time, 0, "goes back" },
	{ "instance without data", V6, instance_offset, EPROTO, "data of a buffer expected" },
};

static void find_line(void *ctx, const char *line)
{
	const char **says = ctx;

	if (*says && strstr(line, *says))
		*says = NULL;
}

static void test_hurt(void **state)
{
	const struct hurt_case *t = *state;
	const char *says = t->says;
	struct buf bytes = { 0 };
	struct err e = { 0 };
	struct tdat_file *f;
	AUTO_FD fd = -1;
	char path[64];

	fx_make(&bases[t->base].file, bases[t->base].method, &bytes);
	t->hurt(&bytes);
	fd = fx_memfile(&bytes);
	buf_free(&bytes);
	f = tdat_open(fx_path(fd, path), &e);
	assert_int_equal(!f, !!t->open);
	tdat_close(f);
	if (t->open) {
		assert_int_equal(e.code, t->open);
		assert_non_null(strstr(e.what, t->says));
		return;
	}
	assert_int_equal(tdat_check(path, find_line, &says, &e), -EPROTO);
	assert_null(says); /* the line was there */
}

static size_t count_events(const char *path, size_t *errors)
{
	struct tdat_file *f = tdat_open(path, NULL);
	struct tdat_event ev;
	size_t n = 0;
	int rc;

	assert_non_null(f);
	for (size_t b = 0; b < tdat_nbuffers(f); b++) {
		for (size_t i = 0; i < tdat_buffer(f, b)->ncpus; i++) {
			struct tdat_cursor *c = tdat_cursor_new(f, b, i, NULL);

			while ((rc = tdat_cursor_next(c, &ev, NULL)) != 0)
				*(rc > 0 ? &n : errors) += 1;
			tdat_cursor_free(c);
		}
	}
	tdat_close(f);
	return n;
}

/* One damaged page or chunk costs what was in it. */
static void test_damage_is_local(void **state)
{
	static const struct fx_file packed = { "zstd", &fx_le64, 7, 2, 25, 9, -1, 0, 0, 0, LOCAL };
	struct buf bytes = { 0 };
	size_t errors = 0, at;
	char path[64];
	int fd;

	(void)state;
	fx_make(&bases[V6].file, NULL, &bytes);
	second_page_commit(&bytes);
	fd = fx_memfile(&bytes);
	assert_int_equal(count_events(fx_path(fd, path), &errors), (4 * 3 - 1) * 9);
	assert_int_equal(errors, 1);
	close(fd);
	buf_free(&bytes);

	fx_make(&packed, "zstd", &bytes);
	at = bytes.len - bytes.len % 4096; /* CPU 1 is the last data; the file ends behind them */
	while (memcmp(bytes.data + at, "\3\0\0\0", 4))
		at -= 4096;
	bytes.data[at + 12] ^= 0xff; /* the first frame's magic */
	fd = fx_memfile(&bytes);
	errors = 0;
	assert_int_equal(count_events(fx_path(fd, path), &errors), (2 * 25 - 10) * 9);
	assert_int_equal(errors, 1);
	close(fd);
	buf_free(&bytes);
}

static void test_no_file(void **state)
{
	static const struct {
		const char *path;
		int code;
	} rows[] = {
		{ "/nonexistent/trace.dat", ENOENT },
		{ "/", EINVAL },
		{ "/dev/null", EINVAL },
		{ "/proc/self/status", ENODATA }, /* a file of size 0 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = { 0 };

		assert_null(tdat_open(rows[i].path, &e));
		assert_int_equal(e.code, rows[i].code);
		assert_non_null(strstr(e.what, rows[i].path));
	}
}

#define ROW(fn, t_name, row)                                        \
	{                                                           \
		t_name, fn, NULL, NULL, (void *)(uintptr_t) & (row) \
	}

int main(void)
{
	struct CMUnitTest
		tests[ARRAY_SIZE(whole_cases) + ARRAY_SIZE(cut_cases) + ARRAY_SIZE(hurt_cases) + 2];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(whole_cases); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_whole, whole_cases[i].file.name,
						    whole_cases[i]);
	for (size_t i = 0; i < ARRAY_SIZE(cut_cases); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_cut, cut_cases[i].file.name, cut_cases[i]);
	for (size_t i = 0; i < ARRAY_SIZE(hurt_cases); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_hurt, hurt_cases[i].name, hurt_cases[i]);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_damage_is_local);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_no_file);
	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
