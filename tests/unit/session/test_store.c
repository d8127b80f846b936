// SPDX-License-Identifier: GPL-2.0
/*
 * test_store.c - from metadata and pages to a file, by the writer itself or by restore, wherever
 * the writer was cut
 *
 * Three CPUs; CPU 1 has nothing. A writer that is killed is one whose store is closed without a
 * word; one that is killed while it takes the holes out has left its plan and made some of the
 * steps.
 */
#include "tests/unit/tracedat/fixture.c"

#include <errno.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "session/local.h"
#include "session/store.h"
#include "tracedat/check.h"
#include "tracedat/reader.h"

enum { CPUS = 3, PAGES = 5, TICKS = 20 };

enum moment { AT_END, WHILE_RECORDING, IN_A_PAGE, WITH_PLAN, AFTER_STEP_1, AFTER_STEP_2 };

static const struct row {
	const char *name;
	int version;
	enum moment killed;
	uint64_t lost_pages;
	const char *compression, *becomes; /* NULL: none */
	bool apart;			   /* the parts have a directory of their own */
} rows[] = {
	{ "version 6, not killed", 6, AT_END, 0 },
	{ "version 7, not killed", 7, AT_END, 0 },
	{ "killed while recording", 7, WHILE_RECORDING, 0 },
	{ "killed in the middle of a page", 7, IN_A_PAGE, 1 },
	{ "killed with a plan and nothing done", 7, WITH_PLAN, 0 },
	{ "version 6, killed after the first step", 6, AFTER_STEP_1, 0 },
	{ "version 7, killed after the first step", 7, AFTER_STEP_1, 0 },
	{ "version 7, killed after the last step", 7, AFTER_STEP_2, 0 },
	{ "zstd", 7, AT_END, 0, "zstd", "zstd" },
	{ "zlib", 7, AT_END, 0, "zlib", "zlib" },
	{ "none", 7, AT_END, 0, "none", "none" },
	{ "zstd, killed while recording", 7, IN_A_PAGE, 1, "zstd", "zstd" },
	{ "zstd, killed with a plan and nothing done", 7, WITH_PLAN, 0, "zstd", "zstd" },
	{ "zstd, a step without it was done", 7, AFTER_STEP_1, 0, "zstd", "none" },
	{ "parts apart, version 6", 6, AT_END, 0, .apart = true },
	{ "parts apart, version 7", 7, AT_END, 0, .apart = true },
	{ "parts apart, zstd", 7, AT_END, 0, "zstd", "zstd", .apart = true },
	{ "parts apart, killed in the middle of a page", 7, IN_A_PAGE, 1, .apart = true },
};

struct rig {
	char dir[64], parts[80];
	struct store_place place;
	struct totals totals;
	struct store_result made;
};

static void put(struct store *st, uint32_t cpu, const struct buf *pages, size_t len, struct err *e)
{
	int fd = store_part(st, cpu, e);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, pages->data, len, "part", e), 0);
}

/* A recording up to its end; the last page of CPU 2 half when @half. */
static struct store *record(struct rig *r, bool half)
{
	struct fx_head_plan plan = { .cpus = CPUS, .clock = "local" };
	struct buf head = { 0 }, pages = { 0 };
	struct err e = { 0 };
	struct store *st = store_new(&r->place, "box", &e);

	assert_non_null(st);
	fx_head(&fx_le64, &plan, &head);
	fx_pages(&fx_le64, PAGES, TICKS, 0, 1000, 0, &pages);
	assert_int_equal(store_meta(st, head.data, head.len, &e), 0);
	store_head_own(st);
	assert_int_equal(store_data(st, CPUS, &e), 0);
	put(st, 0, &pages, pages.len, &e);
	put(st, 1, &pages, 0, &e);
	put(st, 2, &pages, pages.len - (half ? 4000 : 0), &e);
	buf_free(&head);
	buf_free(&pages);
	return st;
}

/* What the writer of a file of @version had done when it was killed. */
static void begin_work(struct store *st, int version, enum moment killed)
{
	struct region_plan p = { .regions = st->regions, .version = (uint32_t)version };
	struct tdat_cpu_data cpus[CPUS] = { { .cpu = 0 }, { .cpu = 1 }, { .cpu = 2 } };
	struct tdat_extent x = { .len = PAGES * 4096 };
	struct tdat_buffer_data top = { "", "local", 4096, cpus, CPUS };
	struct tdat_file_plan plan = { .version = version, .buffers = &top, .nbuffers = 1 };
	struct store_head sh;
	struct err e = { 0 };
	uint64_t from = regions_start(&p.regions, 0) + x.len, to = regions_start(&p.regions, 2);

	p.len[0] = p.len[2] = x.len;
	cpus[0].extents = cpus[2].extents = &x;
	cpus[0].nextents = cpus[2].nextents = 1;
	assert_int_equal(store_head_open(st, &sh, &e), 0);
	plan.head = &sh.head;
	assert_int_equal(tdat_data_offset(&plan, &p.head, &e), 0);
	store_head_close(&sh);
	assert_int_equal(store_put_plan(st, &p, &e), 0);
	if (killed >= AFTER_STEP_1 &&
	    fallocate(st->data, FALLOC_FL_COLLAPSE_RANGE, (off_t)from, (off_t)(to - from))) {
		print_message("skipped: the file system of /var/tmp cannot take holes out\n");
		skip();
	}
	if (killed >= AFTER_STEP_2)
		assert_int_equal(fallocate(st->data, FALLOC_FL_COLLAPSE_RANGE, (off_t)p.head,
					   (off_t)(regions_start(&p.regions, 0) - p.head)),
				 0);
}

static struct store *killed_and_adopted(struct rig *r, const struct row *row)
{
	struct store *st = record(r, row->killed == IN_A_PAGE);
	struct err e = { 0 };
	char meta[STORE_NAME_MAX + 8];

	if (row->killed >= WITH_PLAN)
		begin_work(st, row->version, row->killed);
	snprintf(meta, sizeof(meta), "%s.meta", store_name(st));
	store_free(st);
	if (!row->compression)
		r->place.version = 6; /* the one who restores prefers another one */
	st = store_adopt(&r->place, meta, &e);
	assert_non_null(st);
	return st;
}

static uint64_t count_ticks(const char *path, const char *compression)
{
	struct err e = { 0 };
	struct tdat_file *f = tdat_open(path, &e);
	uint64_t n = 0;

	assert_non_null(f);
	assert_string_equal(tdat_compression(f), compression ? compression : "none");
	for (size_t i = 0; i < tdat_buffer(f, 0)->ncpus; i++) {
		struct tdat_cursor *c = tdat_cursor_new(f, 0, i, &e);
		struct tdat_event ev;

		assert_non_null(c);
		while (tdat_cursor_next(c, &ev, &e) == 1)
			n++;
		tdat_cursor_free(c);
	}
	tdat_close(f);
	return n;
}

/* Made: the .meta and .data go there. */
static void part(struct rig *r)
{
	snprintf(r->parts, sizeof(r->parts), "%s/parts", r->dir);
	assert_int_equal(mkdir(r->parts, 0700), 0);
	r->place.tempdir = r->parts;
	r->place.tempfd = open(r->parts, O_RDONLY | O_DIRECTORY);
}

static void remove_dir(const char *dir)
{
	char left[128];

	snprintf(left, sizeof(left), "cannot remove %s: something was left in it", dir);
	if (rmdir(dir))
		fail_msg("%s", left);
}

static void rig_begin(struct rig *r, int version, const char *compression)
{
	*r = (struct rig){ .dir = "/var/tmp/test-store.XXXXXX" };
	assert_non_null(mkdtemp(r->dir));
	r->place = (struct store_place){ .dirfd = open(r->dir, O_RDONLY | O_DIRECTORY),
					 .outdir = r->dir,
					 .prefix = "trace",
					 .version = version,
					 .compression = compression };
}

static void test_row(void **state)
{
	const struct row *row = *state;
	struct rig r;
	struct err e = { 0 };
	struct store *st;

	rig_begin(&r, row->version, row->compression);
	if (row->apart)
		part(&r);
	st = row->killed == AT_END ? record(&r, false) : killed_and_adopted(&r, row);
	if (store_assemble(st, &r.totals, row->killed != AT_END, &r.made, &e))
		fail_msg("%s", e.what);
	store_free(st);
	assert_int_equal(tdat_check(r.made.path, NULL, NULL, &e), 0);
	assert_int_equal(count_ticks(r.made.path, row->becomes),
			 (2 * PAGES - row->lost_pages) * TICKS);
	assert_int_equal(r.totals.cpu[2].transport, row->lost_pages);
	assert_int_equal(unlink(r.made.path), 0);
	close(r.place.dirfd);
	if (row->apart) {
		close(r.place.tempfd);
		remove_dir(r.parts);
	}
	remove_dir(r.dir);
}

/* What the kernel says was read, and what is in the file: CPU 0 has PAGES * TICKS events. */
static const struct reader_row {
	const char *name;
	struct cpu_totals told; /* of CPU 0 */
	const char *reader;
	uint64_t other;
	bool named; /* afterwards */
} reader_rows[] = {
	{ "nobody else reads", { .events = PAGES * TICKS } },
	{ "somebody who takes nothing", { .events = PAGES * TICKS }, "he", 0, false },
	{ "another reader", { .events = PAGES * TICKS + 7 }, "", 7 },
	{ "another reader, known", { .events = PAGES * TICKS + 7 }, "he", 7, true },
	{ "the counters began anew", { .events = 3 } },
	{ "a snapshot", { .events = PAGES * TICKS + 7, .unsure = true }, "he", 0, true },
	{ "not known", { .events = 0 } },
	{ "pages were lost", { .events = PAGES * TICKS + 7, .transport = 1 }, "he", 0, true },
};

static void test_reader(void **state)
{
	const struct reader_row *row = *state;
	struct rig r;
	struct err e = { 0 };
	struct store *st;

	rig_begin(&r, 7, NULL);
	st = record(&r, false);
	r.totals.cpus = CPUS;
	r.totals.told = true;
	r.totals.cpu[0] = row->told;
	r.totals.cpu[2].events = PAGES * TICKS;
	snprintf(r.totals.reader, sizeof(r.totals.reader), "%s", row->reader ? row->reader : "");
	if (store_assemble(st, &r.totals, false, &r.made, &e))
		fail_msg("%s", e.what);
	store_free(st);
	assert_int_equal(r.totals.cpu[0].other, row->other);
	assert_int_equal(r.totals.cpu[2].other, 0);
	assert_int_equal(r.totals.cpu[0].events, PAGES * TICKS);
	assert_int_equal(r.totals.cpu[0].bytes, PAGES * 4096);
	assert_int_equal(r.totals.reader[0] != '\0', row->named);
	assert_int_equal(unlink(r.made.path), 0);
	close(r.place.dirfd);
	remove_dir(r.dir);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows) + ARRAY_SIZE(reader_rows)];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].name,
						.test_func = test_row,
						.initial_state = (void *)(uintptr_t)&rows[i] };
	for (size_t i = 0; i < ARRAY_SIZE(reader_rows); i++)
		tests[ARRAY_SIZE(rows) + i] =
			(struct CMUnitTest){ .name = reader_rows[i].name,
					     .test_func = test_reader,
					     .initial_state = (void *)(uintptr_t)&reader_rows[i] };
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
