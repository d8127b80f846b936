// SPDX-License-Identifier: GPL-2.0
/*
 * test_convert.c - any version and compression to any other; and every way to damage a file
 */
#include "tests/unit/tracedat/fixture.c"

#include "tests/unit/base/rows.h"
#include "tracedat/check.h"
#include "tracedat/convert.h"

static const struct fx_file kinds[] = {
	{ "v6", &fx_le64, 6, 2, 12, 9, -1, 7, 0, 0, "local" },
	{ "v7", &fx_le64, 7, 2, 12, 9, 1, 7, 0, 0, "mono" },
	{ "zstd", &fx_le64, 7, 2, 12, 9, -1, 7, 2, 3, "tai", .compression = "zstd" },
	{ "zlib", &fx_le64, 7, 2, 12, 9, 0, -1, 1, 0, "tai", .compression = "zlib" },
	{ "v6, instances", &fx_le64, 6, 2, 5, 9, -1, 7, 2, 3, "local" },
	{ "v6, be64", &fx_be64, 6, 2, 12, 9, -1, 7, 1, 0, "local" },
	{ "v6, le32", &fx_le32, 6, 2, 12, 9, -1, 7, 1, 0, "local" },
	{ "zstd, be32", &fx_be32, 7, 2, 12, 9, 1, 7, 1, 0, "local", .compression = "zstd" },
	{ "v7, 8 KiB pages", &fx_sub8k, 7, 2, 12, 450, 1, 17, 1, 0, "tai" },
	{ "v7, no data", &fx_le64, 7, 1, 1, 1, 0, 0, 0, 0, "tai" },
};

static const struct tdat_convert targets[] = {
	{ .version = 6 },
	{ .version = 7, .compression = "none" },
	{ .version = 7, .compression = "zstd" },
	{ .version = 7, .compression = "zlib" },
};

static int convert(int from, const struct tdat_convert *how, int *to, struct err *e)
{
	struct tdat_convert c = *how;
	struct tdat_file *f;
	char path[64];
	int rc;

	*to = fx_memfile(NULL);
	f = tdat_open(fx_path(from, path), e);
	rc = f ? tdat_convert(f, *to, "out", &c, e) : -EIO;
	tdat_close(f);
	return rc ? rc : (int)c.problems;
}

static void contents(int fd, struct buf *to)
{
	to->len = 0;
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(read_fd_all(fd, to, 1 << 26, "file", NULL), 0);
}

static void say(void *ctx, const char *line)
{
	(void)ctx;
	print_message("  %s\n", line);
}

/* Converted and converted back, a file is the same to the byte; in between it is whole. */
static void test_round(void **state)
{
	const struct fx_file *t = *state;
	struct tdat_convert back = { .version = t->version, .compression = t->compression };
	struct buf want = { 0 }, got = { 0 };
	AUTO_FD fd = -1;
	char path[64];

	fx_make(t, NULL, &want);
	fd = fx_memfile(&want);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		AUTO_FD there = -1, again = -1;
		struct err e = { 0 };

		if (convert(fd, &targets[i], &there, &e))
			fail_msg("%s", e.what);
		assert_int_equal(tdat_check(fx_path(there, path), say, NULL, NULL), 0);
		if (convert(there, &back, &again, &e))
			fail_msg("%s", e.what);
		contents(again, &got);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.data, want.data, want.len);
	}
	buf_free(&want);
	buf_free(&got);
}

/* --- options and sections that nobody here knows */

static void write_odd(int fd, bool extras)
{
	static const struct tdat_extra more[] = {
		{ TDAT_OPT_BTF_FILE, { (const uint8_t *)"types", 5 } },
		{ TDAT_OPT_MODULES, { (const uint8_t *)"fat 77824 0", 11 } },
	};
	struct fx_head_plan plan = { .cpus = 1, .clock = "local" };
	struct tdat_buffer_data top = { "", "local", 4096 };
	struct buf bytes = { 0 }, options = { 0 };
	struct tdat_file_plan file = { .version = 7, .buffers = &top, .nbuffers = 1 };
	struct tdat_head head;

	fx_option(&fx_le64, &options, 4242, "what is this", 12);
	fx_option(&fx_le64, &options, TDAT_OPT_TRACEID, "12345678", 8);
	fx_option(&fx_le64, &options, TDAT_OPT_CPUSTAT, "CPU: 0\n", 8);
	fx_option(&fx_le64, &options, TDAT_OPT_CPUSTAT, "CPU: 1\n", 8);
	fx_head(&fx_le64, &plan, &bytes);
	file.head = &head;
	file.extras = more;
	file.nextras = extras ? ARRAY_SIZE(more) : 0;
	assert_int_equal(tdat_head_parse(&head, bytes.data, bytes.len, NULL), 0);
	assert_int_equal(tdat_head_add_options(&head, options.data, options.len, NULL), 0);
	assert_int_equal(tdat_write(fd, "odd", &file, NULL), 0);
	tdat_head_free(&head);
	buf_free(&bytes);
	buf_free(&options);
}

static void test_options(void **state)
{
	struct buf want = { 0 }, got = { 0 }, flat = { 0 }, file = { 0 };
	int version;

	(void)state;
	for (int extras = 0; extras < 2; extras++) {
		AUTO_FD fd = fx_memfile(NULL);

		write_odd(fd, extras);
		contents(fd, &file);
		want.len = 0;
		assert_int_equal(tdat_head_flatten(file.data, file.len, &want, &version, NULL), 0);
		assert_non_null(memmem(want.data, want.len, "what is this", 12));
		for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
			AUTO_FD there = -1, again = -1;

			assert_int_equal(convert(fd, &targets[i], &there, NULL), 0);
			contents(there, &got);
			flat.len = 0;
			assert_int_equal(
				tdat_head_flatten(got.data, got.len, &flat, &version, NULL), 0);
			assert_int_equal(flat.len, want.len);
			assert_memory_equal(flat.data, want.data, want.len);
			assert_int_equal(convert(there, &targets[1], &again, NULL), 0);
			contents(again, &got);
			if (extras && targets[i].version == 6) /* no place for the sections */
				continue;
			assert_int_equal(got.len, file.len);
			assert_memory_equal(got.data, file.data, file.len);
		}
	}
	buf_free(&want);
	buf_free(&got);
	buf_free(&flat);
	buf_free(&file);
}

static void test_latency(void **state)
{
	struct fx_head_plan plan = { .cpus = 2 };
	struct tdat_buffer_data top = { "", "global", 4096 };
	struct buf bytes = { 0 }, want = { 0 }, got = { 0 };
	struct tdat_file_plan file = { .version = 7, .compression = "zstd", .buffers = &top };
	AUTO_FD fd = fx_memfile(NULL);
	struct tdat_head head;

	(void)state;
	fx_head(&fx_be64, &plan, &bytes);
	assert_int_equal(tdat_head_parse(&head, bytes.data, bytes.len, NULL), 0);
	file.nbuffers = 1;
	file.head = &head;
	file.latency = (const char *)bytes.data; /* any bytes */
	file.latency_len = bytes.len;
	assert_int_equal(tdat_write(fd, "latency", &file, NULL), 0);
	contents(fd, &want);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		AUTO_FD there = -1, again = -1;
		struct tdat_file *f;
		struct view text;
		char path[64];

		assert_int_equal(convert(fd, &targets[i], &there, NULL), 0);
		f = tdat_open(fx_path(there, path), NULL);
		assert_non_null(f);
		assert_true(tdat_latency_text(f, &text));
		assert_int_equal(text.len, bytes.len);
		assert_memory_equal(text.p, bytes.data, bytes.len);
		tdat_close(f);
		assert_int_equal(convert(there, &targets[2], &again, NULL), 0);
		contents(again, &got);
		if (targets[i].version == 6) /* has no place for the clock */
			continue;
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.data, want.data, want.len);
	}
	tdat_head_free(&head);
	buf_free(&bytes);
	buf_free(&want);
	buf_free(&got);
}

/* --- damage: an error that says where, or what is whole */

static const struct fx_machine small = { "small", false, 8, 128, 0 };

static const struct fx_file victims[] = {
	{ "v6", &small, 6, 2, 2, 4, -1, 0, 1, 0, "local" },
	{ "v7", &small, 7, 2, 2, 4, -1, 0, 1, 0, "local" },
	{ "zstd", &small, 7, 2, 12, 4, -1, 0, 1, 0, "local", .compression = "zstd" },
	{ "zlib", &small, 7, 2, 12, 4, -1, 0, 1, 0, "local", .compression = "zlib" },
};

static size_t count_events(struct tdat_file *f)
{
	struct tdat_event ev;
	size_t n = 0;
	int rc;

	for (size_t b = 0; b < tdat_nbuffers(f); b++) {
		for (size_t i = 0; i < tdat_buffer(f, b)->ncpus; i++) {
			struct tdat_cursor *c = tdat_cursor_new(f, b, i, NULL);

			while ((rc = tdat_cursor_next(c, &ev, NULL)) != 0)
				n += rc > 0;
			tdat_cursor_free(c);
		}
	}
	return n;
}

/* Every error must say where. */
static void expect_where(const struct err *e, size_t at)
{
	if (!strstr(e->what, "offset"))
		fail_msg("damage at %#zx: '%s'", at, e->what);
}

static void try_damaged(const struct buf *bytes, size_t at)
{
	static const struct tdat_convert force = { .version = 7, .force = true };
	AUTO_FD fd = fx_memfile(bytes), one = -1, two = -1;
	struct err e = { 0 };
	struct tdat_file *f;
	size_t whole, left = 0;
	char path[64];
	int rc;

	f = tdat_open(fx_path(fd, path), &e);
	if (!f) {
		expect_where(&e, at);
		return;
	}
	whole = count_events(f);
	tdat_close(f);
	rc = convert(fd, &targets[2], &one, &e);
	if (rc && rc != -EINVAL) /* -EINVAL: it can be read, and not be written */
		expect_where(&e, at);
	if (convert(fd, &force, &two, NULL) < 0)
		return;
	f = tdat_open(fx_path(two, path), &e);
	if (!f)
		fail_msg("damage at %#zx, forced: %s", at, e.what);
	left = count_events(f);
	tdat_close(f);
	if (left > whole || (!rc && left != whole))
		fail_msg("damage at %#zx: %zu events, of %zu", at, left, whole);
}

static void test_cut(void **state)
{
	const struct fx_file *t = *state;
	struct buf bytes = { 0 };

	fx_make(t, NULL, &bytes);
	while (bytes.len > 1) {
		bytes.len--;
		try_damaged(&bytes, bytes.len);
	}
	buf_free(&bytes);
}

/* Each byte in turn, so each length, count and offset; as a small, a large and a zero value. */
static void test_flip(void **state)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };
	const struct fx_file *t = *state;
	struct buf bytes = { 0 };

	fx_make(t, NULL, &bytes);
	for (size_t at = 0; at < bytes.len; at++) {
		uint8_t was = bytes.data[at];

		for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
			bytes.data[at] = was ^ masks[i];
			try_damaged(&bytes, at);
		}
		bytes.data[at] = 0;
		try_damaged(&bytes, at);
		bytes.data[at] = was;
	}
	buf_free(&bytes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_latency),
	};
	int failed = RUN_ROWS("round trip", kinds, test_round);

	failed += cmocka_run_group_tests_name("convert", tests, NULL, NULL);
	failed += RUN_ROWS("cut", victims, test_cut);
	failed += RUN_ROWS("flip", victims, test_flip);
	return failed;
}
