// SPDX-License-Identifier: GPL-2.0
/*
 * test_regions.c - the sparse data file, and how its holes go, also when that was cut at any step
 *
 * Four CPUs, of which CPU 1 has nothing; each page is filled with a letter. The file must end as
 * the head room and the letters in order, whichever steps were done before.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "session/regions.h"

enum { PAGE = 4096, CPUS = 4, HEAD = 3 * PAGE };

static const char *const pages[CPUS] = { "ab", "", "c", "def" };

static struct region_plan make_file(int *fd)
{
	struct region_plan p = { .version = 7, .head = HEAD };
	struct err e = { 0 };
	char page[PAGE], path[] = "/var/tmp/test-regions.XXXXXX";

	*fd = mkstemp(path);
	assert_true(*fd >= 0);
	unlink(path);
	assert_int_equal(regions_make(*fd, CPUS, &p.regions, &e), 0);
	for (uint32_t cpu = 0; cpu < CPUS; cpu++)
		for (const char *l = pages[cpu]; *l; l++, p.len[cpu] += PAGE) {
			memset(page, *l, PAGE);
			assert_int_equal(pwrite_all(*fd, page, PAGE,
						    regions_start(&p.regions, cpu) + p.len[cpu],
						    path, &e),
					 0);
		}
	return p;
}

static void test_geometry_is_read_back(void **state)
{
	struct regions r = { 0 };
	struct err e = { 0 };
	struct region_plan p;
	uint64_t len;
	int fd;

	(void)state;
	p = make_file(&fd);
	assert_int_equal(regions_read(fd, &r, &e), 0);
	assert_int_equal(r.cpus, CPUS);
	assert_int_equal(r.size, p.regions.size);
	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		assert_int_equal(regions_used(fd, &r, cpu, &len, &e), 0);
		assert_int_equal(len, p.len[cpu]);
	}
	close(fd);
}

static void test_plan_round_trip(void **state)
{
	struct region_plan p, q;
	uint8_t bytes[REGION_PLAN_MAX];
	struct err e = { 0 };
	size_t n;
	int fd;

	(void)state;
	p = make_file(&fd);
	n = region_plan_put(&p, bytes, sizeof(bytes));
	assert_int_equal(region_plan_get(&q, bytes, n, &e), 0);
	assert_memory_equal(&p, &q, sizeof(p));
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(region_plan_get(&q, bytes, cut, &e), -EPROTO);
	close(fd);
}

static void test_note_of_another_file_is_refused(void **state)
{
	struct regions r;
	struct err e = { 0 };
	int fd;

	(void)state;
	make_file(&fd);
	assert_int_equal(pwrite_all(fd, "x", 1, 3, "", &e), 0);
	assert_int_equal(regions_read(fd, &r, &e), -EPROTO);
	close(fd);
}

/* The holes by hand, in the order in which they go. */
static void take_out_first(int fd, const struct region_plan *p, size_t steps)
{
	const struct regions *r = &p->regions;
	const struct {
		uint64_t from, to;
	} holes[] = {
		{ regions_start(r, 2) + PAGE, regions_start(r, 3) },
		{ regions_start(r, 0) + 2 * PAGE, regions_start(r, 2) },
		{ HEAD, regions_start(r, 0) },
	};

	for (size_t i = 0; i < steps; i++)
		assert_int_equal(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, (off_t)holes[i].from,
					   (off_t)(holes[i].to - holes[i].from)),
				 0);
}

static void test_collapse_from_any_step(void **state)
{
	for (size_t steps = 0; steps <= 3; steps++) {
		struct err e = { 0 };
		struct region_plan p;
		char got[6];
		struct stat s;
		int fd, rc;

		(void)state;
		p = make_file(&fd);
		if (steps)
			take_out_first(fd, &p, steps);
		assert_int_equal(regions_begun(fd, &p), steps > 0);
		rc = regions_collapse(fd, &p, &e);
		if (rc == -EOPNOTSUPP) {
			print_message(
				"skipped: the file system of /var/tmp cannot take holes out\n");
			close(fd);
			skip();
		}
		assert_int_equal(rc, 0);
		assert_int_equal(regions_collapse(fd, &p, &e), 0); /* once more changes nothing */
		assert_int_equal(fstat(fd, &s), 0);
		assert_int_equal(s.st_size, HEAD + 6 * PAGE);
		for (size_t i = 0; i < sizeof(got); i++)
			assert_int_equal(pread(fd, &got[i], 1, (off_t)(HEAD + (i + 1) * PAGE - 1)),
					 1);
		assert_memory_equal(got, "abcdef", 6);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_geometry_is_read_back),
		cmocka_unit_test(test_plan_round_trip),
		cmocka_unit_test(test_note_of_another_file_is_refused),
		cmocka_unit_test(test_collapse_from_any_step),
	};

	return cmocka_run_group_tests_name("regions", tests, NULL, NULL);
}
