// SPDX-License-Identifier: GPL-2.0
/*
 * test_stock.c - what we write, the stock trace-cmd reads with the same events in the same
 * order; and what it writes, we read.
 *
 * The stock binary is the judge. Where it is not installed the tests say so and are skipped.
 */
#include "tests/unit/tracedat/fixture.c"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "tracedat/check.h"
#include "tracedat/reader.h"

#define STOCK "/usr/bin/trace-cmd"

static const struct fx_file files[] = {
	{ "v6, 1 CPU", &fx_le64, 6, 1, 3, 100, -1, 0, 0, 0, "local", false, false },
	{ "v7, 1 CPU", &fx_le64, 7, 1, 3, 100, -1, 0, 0, 0, "local", false, false },
	{ "v6, 2 CPUs, lost events", &fx_le64, 6, 2, 3, 50, -1, 17, 0, 0, "mono", false, false },
	{ "v7, 2 CPUs, lost events", &fx_le64, 7, 2, 3, 50, -1, 17, 0, 0, "mono", false, false },
	{ "v6, lost, unknown", &fx_le64, 6, 2, 2, 50, -1, -1, 0, 0, "local", false, false },
	{ "v7, lost, unknown", &fx_le64, 7, 2, 2, 50, -1, -1, 0, 0, "local", false, false },
	{ "v6, a CPU without data", &fx_le64, 6, 4, 2, 10, 1, 0, 0, 0, "local", false, false },
	{ "v7, a CPU without data", &fx_le64, 7, 4, 2, 10, 1, 0, 0, 0, "local", false, false },
	{ "v6, 64 CPUs", &fx_le64, 6, 64, 2, 5, 63, 0, 0, 0, "local", false, false },
	{ "v7, 64 CPUs", &fx_le64, 7, 64, 2, 5, 63, 0, 0, 0, "local", false, false },
	{ "v6, no data at all", &fx_le64, 6, 1, 1, 1, 0, 0, 0, 0, "local", false, false },
	{ "v7, no data at all", &fx_le64, 7, 1, 1, 1, 0, 0, 0, 0, "local", false, false },
	{ "v6, two instances", &fx_le64, 6, 2, 2, 5, -1, 0, 2, 0, "local", false, false },
	{ "v7, two instances", &fx_le64, 7, 2, 2, 5, -1, 0, 2, 0, "local", false, false },
	{ "v6, an instance with more CPUs", &fx_le64, 6, 1, 2, 5, -1, 0, 1, 3, "local", false,
	  false },
	{ "v7, an instance with more CPUs", &fx_le64, 7, 1, 2, 5, -1, 0, 1, 3, "local", false,
	  false },
	{ "v6, head without options", &fx_le64, 6, 2, 2, 5, -1, 0, 0, 0, NULL, true, false },
	{ "v7, head without options", &fx_le64, 7, 2, 2, 5, -1, 0, 0, 0, NULL, true, false },
	{ "v6, BUFFER option from the wire", &fx_le64, 6, 2, 2, 5, -1, 0, 1, 0, "local", false,
	  true },
	{ "v7, BUFFER option from the wire", &fx_le64, 7, 2, 2, 5, -1, 0, 1, 0, "local", false,
	  true },
	{ "v6, big endian", &fx_be64, 6, 2, 2, 5, -1, 0, 0, 0, "local", false, false },
	{ "v7, big endian", &fx_be64, 7, 2, 2, 5, -1, 0, 0, 0, "local", false, false },
	{ "v6, sub-buffers of 8 KiB", &fx_sub8k, 6, 2, 3, 450, -1, 9, 0, 0, "local" },
	{ "v7, sub-buffers of 8 KiB", &fx_sub8k, 7, 2, 3, 450, -1, 9, 0, 0, "local" },
	{ "v6, 32 bits", &fx_le32, 6, 2, 2, 5, -1, 9, 0, 0, "local", false, false },
	{ "v7, 32 bits", &fx_le32, 7, 2, 2, 5, -1, 9, 0, 0, "local", false, false },
	{ "v6, from sources", &fx_le64, 6, 3, 25, 50, 1, 0, 1, 0, "local", .source = true },
	{ "zstd", &fx_le64, 7, 3, 25, 50, 1, 0, 1, 0, "local", .compression = "zstd" },
	{ "zstd, from sources", &fx_le64, 7, 3, 20, 50, 1, 0, 1, 0, "local", .compression = "zstd",
	  .source = true },
	{ "zstd, big endian", &fx_be64, 7, 2, 12, 5, -1, 0, 1, 0, "local", .compression = "zstd" },
	{ "zstd, an instance with more CPUs", &fx_le64, 7, 1, 12, 5, -1, 0, 1, 3, "local",
	  .compression = "zstd" },
	{ "zstd, sub-buffers of 8 KiB", &fx_sub8k, 7, 2, 12, 450, -1, 9, 0, 0, "local",
	  .compression = "zstd" },
	{ "zstd, no data at all", &fx_le64, 7, 1, 1, 1, 0, 0, 0, 0, "local",
	  .compression = "zstd" },
};

/* Run the stock binary; its output in @out with a NUL. Returns the exit status. */
static int stock(const char *args, const char *path, struct buf *out)
{
	char cmd[256];
	FILE *p;

	snprintf(cmd, sizeof(cmd), STOCK " %s %s 2>&1", args, path);
	p = popen(cmd, "r");
	if (!p || read_fd_all(fileno(p), out, 1 << 26, "the stock trace-cmd", NULL) ||
	    buf_text(out))
		abort();
	return WEXITSTATUS(pclose(p));
}

static const char *find(const struct buf *out, const char *what)
{
	const char *at = strstr((const char *)out->data, what);

	if (!at)
		print_error("no '%s' in:\n%.2000s\n", what, (const char *)out->data);
	return at;
}

static const char *const buffers[] = { "ticker", "first:", "second:" };

/* The line at *@at must be this event; *@at moves behind it. */
static void check_line(const char **at, unsigned int buffer, uint32_t cpu, unsigned int k)
{
	uint64_t us = (fx_first_ts(buffer, cpu) + (uint64_t)FX_STEP * k + 500) / 1000;
	const char *line = strstr(*at, "seq="), *start = line;
	char want[64];

	assert_non_null(line);
	assert_int_equal(strtoul(line + 4, NULL, 10), fx_first_seq(buffer, cpu) + k);
	while (start > *at && start[-1] != '\n')
		start--;
	start += strspn(start, " ");
	assert_memory_equal(start, buffers[buffer], strlen(buffers[buffer]));
	snprintf(want, sizeof(want), "[%03u]     0.%06llu:", cpu, (unsigned long long)us);
	assert_non_null(strstr(start, want));
	*at = line + 4;
}

/* All ticks in the order of the report, which is by time, and nothing else. */
static void check_events(const struct fx_file *t, const char *path)
{
	struct buf out = { 0 };
	const char *at;

	assert_int_equal(stock("report -i", path, &out), 0);
	at = (const char *)out.data;
	for (unsigned int k = 0; k < t->pages * t->per_page; k++)
		for (unsigned int b = 0; b <= t->instances; b++)
			for (uint32_t cpu = 0; cpu < fx_buffer_cpus(t, b); cpu++)
				if ((int)cpu != t->empty_cpu)
					check_line(&at, b, cpu, k);
	assert_null(strstr(at, "seq="));
	if (t->lost) {
		char want[64];

		snprintf(want, sizeof(want), "CPU:0 [%d EVENTS DROPPED]", (int)t->lost);
		if (t->lost < 0)
			snprintf(want, sizeof(want), "CPU:0 [EVENTS DROPPED]");
		assert_non_null(find(&out, want));
	}
	buf_free(&out);
}

static void check_dump(const struct fx_file *t, const char *path)
{
	struct buf out = { 0 };
	char want[64];

	assert_int_equal(stock("dump --validate -i", path, &out), 0);
	assert_non_null(find(&out, "is a valid trace-cmd file"));
	buf_free(&out);
	assert_int_equal(stock("dump --summary -i", path, &out), 0);
	snprintf(want, sizeof(want), "%d", t->version);
	assert_non_null(find(&out, want));
	buf_free(&out);
}

static void need_stock(void)
{
	if (!access(STOCK, X_OK))
		return;
	print_message("skipped: no stock trace-cmd at " STOCK "\n");
	skip();
}

static void test_file(void **state)
{
	const struct fx_file *t = *state;
	struct err e = { 0 };
	char path[64];
	AUTO_FD fd = fx_memfile(NULL);

	need_stock();
	assert_int_equal(fx_write(fd, t, &e), 0);
	fx_path(fd, path);
	check_dump(t, path);
	check_events(t, path);
}

/* --- the other way: what stock makes of our file, we read */

static const struct convert_case {
	const char *name, *args, *compression;
	int version;
} converts[] = {
	{ "we read its v7 zstd", "convert --compression zstd", "zstd", 7 },
	{ "we read its v7", "convert --compression none", "none", 7 },
	{ "we read its v6", "convert --file-version 6", "none", 6 },
};

static void expect_events(const struct fx_file *t, struct tdat_file *f)
{
	size_t n = 0;

	for (size_t b = 0; b < tdat_nbuffers(f); b++) {
		for (size_t i = 0; i < tdat_buffer(f, b)->ncpus; i++) {
			uint32_t cpu = tdat_buffer(f, b)->cpus[i].cpu;
			struct tdat_cursor *c = tdat_cursor_new(f, b, i, NULL);
			struct tdat_event ev;

			for (unsigned int k = 0; tdat_cursor_next(c, &ev, NULL) == 1; k++, n++)
				assert_int_equal(fx_seq(t->m, ev.data),
						 fx_first_seq((unsigned int)b, cpu) + k);
			tdat_cursor_free(c);
		}
	}
	assert_int_equal(n, (1 + t->instances) * t->cpus * t->pages * t->per_page);
}

static void test_convert(void **state)
{
	static const struct fx_file file = { "", &fx_le64, 7, 2, 25, 30, -1, 0, 1, 0, "mono" };
	const struct convert_case *t = *state;
	char dir[] = "/tmp/tdat-XXXXXX", path[64], args[128];
	AUTO_FD fd = fx_memfile(NULL);
	struct buf out = { 0 };
	struct err e = { 0 };
	struct tdat_file *f;

	need_stock();
	assert_int_equal(fx_write(fd, &file, &e), 0);
	assert_non_null(mkdtemp(dir));
	snprintf(args, sizeof(args), "%s -o %s/out.dat -i", t->args, dir);
	assert_int_equal(stock(args, fx_path(fd, path), &out), 0);
	buf_free(&out);
	snprintf(path, sizeof(path), "%s/out.dat", dir);
	f = tdat_open(path, &e);
	assert_int_equal(tdat_check(path, NULL, NULL, NULL), 0);
	unlink(path);
	rmdir(dir);
	if (!f)
		fail_msg("%s", e.what);
	assert_int_equal(tdat_version(f), t->version);
	assert_string_equal(tdat_compression(f), t->compression);
	expect_events(&file, f);
	tdat_close(f);
}

#define ROW(fn, row)                                                    \
	{                                                               \
		(row).name, fn, NULL, NULL, (void *)(uintptr_t) & (row) \
	}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(files) + ARRAY_SIZE(converts)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_file, files[i]);
	for (size_t i = 0; i < ARRAY_SIZE(converts); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_convert, converts[i]);
	return cmocka_run_group_tests_name("stock reads ours", tests, NULL, NULL);
}
