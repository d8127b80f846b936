// SPDX-License-Identifier: GPL-2.0
/*
 * test_latency.c - files with the text of a latency tracer instead of pages
 */
#include "tests/unit/tracedat/fixture.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tracedat/check.h"
#include "tracedat/reader.h"

static void say(void *ctx, const char *line)
{
	(void)ctx;
	print_message("  check: %s\n", line);
}

static void test_latency_v6(void **state)
{
	struct fx_head_plan plan = { .cpus = 1 };
	struct buf bytes = { 0 };
	struct view text;
	struct tdat_file *f;
	AUTO_FD fd = -1;
	char path[64];

	(void)state;
	fx_head(&fx_le64, &plan, &bytes);
	fx_text(&bytes, "latency  ");
	fx_mem(&bytes, "# tracer: wakeup\n", 17);
	fd = fx_memfile(&bytes);
	f = tdat_open(fx_path(fd, path), NULL);
	assert_non_null(f);
	assert_true(tdat_latency_text(f, &text));
	assert_int_equal(text.len, 17);
	assert_memory_equal(text.p, "# tracer: wakeup\n", 17);
	assert_int_equal(tdat_nbuffers(f), 0);
	tdat_close(f);
	assert_int_equal(tdat_check(path, say, NULL, NULL), 0);
	buf_free(&bytes);
}

static void put_section(const struct fx_machine *m, struct buf *to, uint16_t id, uint16_t flags,
			const struct buf *body)
{
	fx_uint(m, to, id, 2);
	fx_uint(m, to, flags, 2);
	fx_uint(m, to, 0xffffffff, 4);
	fx_uint(m, to, body->len, 8);
	fx_mem(to, body->data, body->len);
}

/* A version 7 file with latency text, packed or not, laid out by hand. */
static void make_latency_v7(const struct fx_machine *m, bool packed, const char *text,
			    struct buf *to)
{
	struct buf head = { 0 }, body = { 0 }, options = { 0 };
	struct repack r = { .m = m, .method = "zstd", .pages_per_chunk = 1, .to = &body };
	uint64_t headers_at, text_at;

	fx_head(m, &(struct fx_head_plan){ .cpus = 1 }, &head);
	fx_mem(to, head.data, 0x12);
	to->data[10] = '7';
	fx_text(to, packed ? "zstd" : "none");
	fx_text(to, "");
	fx_uint(m, to, 0, 8);
	headers_at = to->len;
	fx_mem(&body, head.data + 0x12,
	       head.len - 0x12); /* what is behind the headers is ignored */
	put_section(m, to, TDAT_OPT_HEADER_INFO, 0, &body);
	body.len = 0;
	if (packed)
		put_chunks(&r, (const uint8_t *)text, strlen(text));
	else
		fx_mem(&body, text, strlen(text));
	text_at = to->len;
	put_section(m, to, TDAT_OPT_BUFFER_TEXT, packed, &body);
	put_at(&(struct repack){ .m = m, .to = to }, 0x18, to->len, 8);
	body.len = 0;
	fx_uint(m, &body, headers_at, 8);
	fx_option(m, &options, TDAT_OPT_HEADER_INFO, body.data, 8);
	fx_option(m, &options, TDAT_OPT_CPUCOUNT, "\1\0\0", 4);
	body.len = 0;
	fx_uint(m, &body, text_at, 8);
	fx_mem(&body, "\0global", 8); /* name, clock */
	fx_option(m, &options, TDAT_OPT_BUFFER_TEXT, body.data, body.len);
	fx_option(m, &options, TDAT_OPT_DONE, "\0\0\0\0\0\0\0", 8);
	put_section(m, to, 0, 0, &options);
	buf_free(&head);
	buf_free(&body);
	buf_free(&options);
}

static void test_latency_v7(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		AUTO_FREE char *text = calloc(1, 10001); /* three chunks */
		struct buf bytes = { 0 };
		struct view got;
		struct tdat_file *f;
		AUTO_FD fd = -1;
		char path[64];

		memset(text, 'x', 10000);
		make_latency_v7(&fx_le64, packed, text, &bytes);
		fd = fx_memfile(&bytes);
		f = tdat_open(fx_path(fd, path), NULL);
		assert_non_null(f);
		assert_true(tdat_latency_text(f, &got));
		assert_int_equal(got.len, 10000);
		assert_memory_equal(got.p, text, 10000);
		tdat_close(f);
		assert_int_equal(tdat_check(path, say, NULL, NULL), 0);
		buf_free(&bytes);
	}
	(void)state;
}

static const struct write_case {
	int version;
	const char *compression, *clock, *option; /* .option: the clock in the head */
	bool buffer, big;
} write_cases[] = {
	{ 6, NULL, "local", NULL, true, false },   { 6, "none", NULL, "mono", false, true },
	{ 7, NULL, "global", "mono", true, true }, { 7, "zstd", "global", NULL, true, false },
	{ 7, "zlib", NULL, NULL, false, false },
};

static void expect_text(const char *path, const char *want, size_t len)
{
	struct tdat_file *f;
	struct err e = { 0 };
	struct view got;

	f = tdat_open(path, &e);
	if (!f)
		fail_msg("%s", e.what);
	assert_true(tdat_latency_text(f, &got));
	assert_int_equal(got.len, len);
	assert_memory_equal(got.p, want, len);
	if (tdat_version(f) == 6)
		assert_null(tdat_head_option(tdat_head(f), TDAT_OPT_TRACECLOCK));
	tdat_close(f);
	assert_int_equal(tdat_check(path, say, NULL, NULL), 0);
}

static void expect_stock(const char *path, const char *want)
{
	struct buf out = { 0 };
	char cmd[128];
	FILE *p;

	snprintf(cmd, sizeof(cmd), "/usr/bin/trace-cmd report -i %s 2>/dev/null", path);
	p = popen(cmd, "r");
	if (!p || read_fd_all(fileno(p), &out, 1 << 20, "the stock trace-cmd", NULL) ||
	    buf_text(&out))
		abort();
	assert_int_equal(pclose(p), 0);
	assert_non_null(strstr((char *)out.data, want));
	buf_free(&out);
}

/* 0, 1, and many chunks of text. */
static void test_write(void **state)
{
	static const size_t sizes[] = { 0, 17, 100001 };
	AUTO_FREE char *text = calloc(1, 100002);

	(void)state;
	for (size_t i = 0; i < 100001; i++)
		text[i] = i % 60 ? (char)('a' + i % 23) : '\n';
	for (size_t i = 0; i < ARRAY_SIZE(write_cases) * ARRAY_SIZE(sizes); i++) {
		const struct write_case *t = &write_cases[i / ARRAY_SIZE(sizes)];
		struct fx_head_plan plan = { .cpus = 2, .clock = t->option };
		struct tdat_buffer_data top = { .name = "", .clock = t->clock };
		size_t len = sizes[i % ARRAY_SIZE(sizes)];
		struct buf bytes = { 0 };
		struct tdat_head head;
		AUTO_FD fd = fx_memfile(NULL);
		char path[64];

		fx_head(t->big ? &fx_be64 : &fx_le64, &plan, &bytes);
		assert_int_equal(tdat_head_parse(&head, bytes.data, bytes.len, NULL), 0);
		assert_int_equal(tdat_write(fd, "out",
					    &(struct tdat_file_plan){ .version = t->version,
								      .compression = t->compression,
								      .latency = text,
								      .latency_len = len,
								      .head = &head,
								      .buffers = &top,
								      .nbuffers = t->buffer },
					    NULL),
				 0);
		expect_text(fx_path(fd, path), text, len);
		if (!access("/usr/bin/trace-cmd", X_OK) && len == 17 &&
		    (!t->compression || strcmp(t->compression, "zlib")))
			expect_stock(path, "bcdefghijklmnopq\n");
		tdat_head_free(&head);
		buf_free(&bytes);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_latency_v6),
		cmocka_unit_test(test_latency_v7),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
