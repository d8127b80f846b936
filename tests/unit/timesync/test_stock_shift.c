// SPDX-License-Identifier: GPL-2.0
/*
 * test_stock_shift.c - the TIME_SHIFT that we write, the stock trace-cmd applies as we do
 *
 * A file with ticks FX_STEP apart and points made here; stock prints it and must say the times that
 * ts_points_host() gives. Skipped where stock is not installed. Stock's product of time and scaling
 * has 64 bits and ours 128: they agree as long as it fits, see ts_points_scaled().
 */
#include "tests/unit/tracedat/fixture.c"

#include "tests/unit/base/rows.h"
#include "timesync/points.h"

#define STOCK "/usr/bin/trace-cmd"

enum { TICKS = 40, MAX_POINTS = 4 };

static const struct stock_case {
	const char *name;
	enum ts_kind kind;
	uint64_t begin; /* time of the first tick */
	struct tdat_shift_sample points[MAX_POINTS];
	uint64_t slack; /* of stretches that are written in parts */
} cases[] = {
	{ "one step", TS_STEPS, 1000000, { { 1, 77000, 1, 0 } } },
	{ "offset 0", TS_STEPS, 1000000, { { 1, 0, 1, 0 } } },
	{ "three steps, the last one counts",
	  TS_STEPS,
	  1000000,
	  { { 1000000, 500, 1, 0 }, { 1010000, 70000, 1, 0 }, { 1025000, 900000, 1, 0 } } },
	{ "measured",
	  TS_MEASURED,
	  1000000,
	  { { 1005000, 100, 1, 0 }, { 1013333, 777, 1, 0 }, { 1030001, 900000, 1, 0 } } },
	{ "measured, falling",
	  TS_MEASURED,
	  1000000,
	  { { 1005000, 900000, 1, 0 }, { 1013333, 777, 1, 0 }, { 1030001, -500000, 1, 0 } } },
	{ "scaled by 3/4", TS_STEPS, 1000000, { { 1, 5, 3, 2 } } },
	{ "measured, an hour of drift",
	  TS_MEASURED,
	  3ULL << 40,
	  { { 1ULL << 40, 1, 1, 0 }, { 5ULL << 40, 1 << 28, 1, 0 } },
	  1 },
	{ "measured, an hour of drift, and after it",
	  TS_MEASURED,
	  11ULL << 39,
	  { { 1ULL << 40, 1, 1, 0 }, { 5ULL << 40, 1 << 28, 1, 0 } },
	  16 },
	{ "measured, an hour of drift backwards",
	  TS_MEASURED,
	  3ULL << 40,
	  { { 1ULL << 40, 1, 1, 0 }, { 5ULL << 40, -(1 << 28), 1, 0 } },
	  1 },
	{ "scaled, all of 64 bits", TS_STEPS, 1ULL << 40, { { 1, -12345, 3ULL << 20, 21 } } },
};

static struct ts_points *make_points(const struct stock_case *t)
{
	struct ts_points *p;

	assert_int_equal(ts_points_new(t->kind, 1, 16, &p, NULL), 0);
	for (int i = 0; i < MAX_POINTS && t->points[i].time; i++)
		assert_int_equal(ts_points_add(p, 0, &t->points[i]), 0);
	return p;
}

/* A file of one CPU with one page of ticks and the option. */
static void write_file_with(int fd, const struct stock_case *t, const struct buf *option)
{
	struct fx_head_plan plan = { .cpus = 1, .clock = "local" };
	struct buf bytes = { 0 }, record = { 0 }, pages = { 0 };
	struct tdat_extent extent = { fx_memfile(NULL), 0, fx_le64.page_size };
	struct tdat_cpu_data cpu = { .cpu = 0, .extents = &extent, .nextents = 1 };
	struct tdat_buffer_data b = { "", "local", fx_le64.page_size, .cpus = &cpu, .ncpus = 1 };
	struct tdat_file_plan plan7 = { .version = 7, .buffers = &b, .nbuffers = 1 };
	struct tdat_head head;

	fx_pages(&fx_le64, 1, TICKS, 1, t->begin, 0, &pages);
	assert_int_equal(pwrite_all(extent.fd, pages.data, pages.len, 0, "pages", NULL), 0);
	fx_head(&fx_le64, &plan, &bytes);
	fx_option(&fx_le64, &record, TDAT_OPT_TIME_SHIFT, option->data, option->len);
	assert_int_equal(tdat_head_parse(&head, bytes.data, bytes.len, NULL), 0);
	assert_int_equal(tdat_head_add_options(&head, record.data, record.len, NULL), 0);
	plan7.head = &head;
	assert_int_equal(tdat_write(fd, "the test file", &plan7, NULL), 0);
	tdat_head_free(&head);
	close(extent.fd);
	buf_free(&bytes);
	buf_free(&record);
	buf_free(&pages);
}

/* The time in a line of stock: "ticker-42 [000] 3298.669101057: tick: ..."; 0: another line. */
static uint64_t time_in(const char *line)
{
	const char *at = strstr(line, "] ");
	unsigned long long sec, ns;

	return at && sscanf(at + 2, "%llu.%9llu:", &sec, &ns) == 2 ? sec * NSEC_PER_SEC + ns : 0;
}

/* The lines are in order of time. */
static void compare(const struct stock_case *t, const struct ts_points *p, const char *path)
{
	char cmd[128], line[512];
	uint64_t k = 0;
	FILE *f;

	snprintf(cmd, sizeof(cmd), STOCK " report -t %s 2>/dev/null", path);
	f = popen(cmd, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		uint64_t want = ts_points_host(p, 0, t->begin + k * FX_STEP), got = time_in(line);

		if (!got)
			continue;
		if (got - want + t->slack > 2 * t->slack)
			fail_msg("tick %llu: not at %llu, stock: %s", (unsigned long long)k,
				 (unsigned long long)want, line);
		k++;
	}
	assert_int_equal(pclose(f), 0);
	assert_int_equal(k, TICKS);
}

static void test_stock(void **state)
{
	const struct stock_case *t = *state;
	struct ts_points *p = make_points(t);
	struct buf option = { 0 };
	char path[64];
	int fd;

	if (access(STOCK, X_OK)) {
		ts_points_free(p);
		skip();
	}
	fd = fx_memfile(NULL);
	assert_int_equal(ts_points_encode(p, 1, &option, NULL), 0);
	write_file_with(fd, t, &option);
	compare(t, p, fx_path(fd, path));
	close(fd);
	buf_free(&option);
	ts_points_free(p);
}

int main(void)
{
	return RUN_ROWS("stock", cases, test_stock);
}
