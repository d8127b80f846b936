// SPDX-License-Identifier: GPL-2.0
/* test_points.c - points of a guest's clocks: steps, lines, scaling, what is kept and what is
 * written */
#include "tests/unit/base/rows.h"

#include <errno.h>
#include <time.h>

#include "timesync/points.h"

enum { MAX_SAMPLES = 6, MAX_ASKED = 7 };

static struct ts_points *make(enum ts_kind kind, size_t cpus, size_t max)
{
	struct ts_points *p;

	assert_int_equal(ts_points_new(kind, cpus, max, &p, NULL), 0);
	return p;
}

static int put(struct ts_points *p, size_t cpu, uint64_t time, int64_t offset)
{
	struct tdat_shift_sample s = { time, offset, 1, 0 };

	return ts_points_add(p, cpu, &s);
}

/* What a reader of the written option gets. */
static uint64_t read_back(const struct ts_points *p, size_t cpu, uint64_t t)
{
	struct buf b = { 0 };
	struct tdat_shift s;
	uint64_t host;

	assert_int_equal(ts_points_encode(p, 1, &b, NULL), 0);
	assert_int_equal(tdat_shift_parse(&s, (struct view){ b.data, b.len }, false), 0);
	host = tdat_shift_time(&s, cpu, t);
	tdat_shift_free(&s);
	buf_free(&b);
	return host;
}

static const struct points_case {
	const char *name;
	enum ts_kind kind;
	struct {
		uint64_t time;
		int64_t offset;
		int rc;
	} add[MAX_SAMPLES];
	size_t kept;
	struct {
		uint64_t guest, host;
	} ask[MAX_ASKED];
} cases[] = {
	{ "one step", TS_STEPS, { { 100, 5 } }, 1, { { 1, 6 }, { 100, 105 }, { 999, 1004 } } },
	{ "one step, offset 0", TS_STEPS, { { 100, 0 } }, 1, { { 1, 1 }, { 999, 999 } } },
	{ "the last step counts",
	  TS_STEPS,
	  { { 100, 5 }, { 200, 50 } },
	  2,
	  { { 1, 6 }, { 199, 204 }, { 200, 250 }, { 201, 251 }, { 9999, 10049 } } },
	{ "three steps",
	  TS_STEPS,
	  { { 100, 5 }, { 200, 50 }, { 300, -7 } },
	  3,
	  { { 150, 155 }, { 250, 300 }, { 299, 349 }, { 300, 293 }, { 400, 393 } } },
	{ "the same again is no step",
	  TS_STEPS,
	  { { 100, 5 }, { 200, 5 }, { 300, 5 }, { 400, 6 } },
	  2,
	  { { 350, 355 }, { 399, 404 }, { 400, 406 } } },
	{ "guest's clock set back",
	  TS_STEPS,
	  { { 1000, 5 }, { 2000, 6 }, { 10, 3000 } },
	  1,
	  { { 10, 3010 }, { 1500, 4500 } } },
	{ "guest's clock set back a little",
	  TS_STEPS,
	  { { 1000, 5 }, { 2000, 6 }, { 1500, 700 } },
	  2,
	  { { 1499, 1504 }, { 1500, 2200 }, { 2500, 3200 } } },
	{ "sums wrap",
	  TS_STEPS,
	  { { 10, -100 }, { 1ULL << 63, INT64_MIN } },
	  2,
	  { { 20, (uint64_t)-80 }, { 1ULL << 63, 0 }, { (1ULL << 63) + 7, 7 } } },
	{ "one measured", TS_MEASURED, { { 100, 5 } }, 1, { { 1, 6 }, { 999, 1004 } } },
	{ "two measured",
	  TS_MEASURED,
	  { { 1000, 100 }, { 2000, 300 } },
	  2,
	  { { 1000, 1100 }, { 1500, 1700 }, { 2000, 2300 }, { 3000, 3500 } } },
	{ "on the line",
	  TS_MEASURED,
	  { { 1000, 100 }, { 2000, 300 }, { 3000, 500 }, { 4000, 700 } },
	  2,
	  { { 1500, 1700 }, { 2500, 2900 }, { 4000, 4700 } } },
	{ "a bend stays",
	  TS_MEASURED,
	  { { 1000, 100 }, { 2000, 300 }, { 3000, 400 } },
	  3,
	  { { 1500, 1700 }, { 2500, 2850 }, { 3000, 3400 } } },
	{ "measured times go up",
	  TS_MEASURED,
	  { { 1000, 100 }, { 1000, 101, -ERANGE }, { 500, 1, -ERANGE }, { 2000, 300 } },
	  2,
	  { { 1500, 1700 } } },
	{ "the end of time", TS_STEPS, { { 5, 5 }, { UINT64_MAX, 1, -EINVAL } }, 1, { { 7, 12 } } },
};

static void test_points(void **state)
{
	const struct points_case *t = *state;
	struct ts_points *p = make(t->kind, 1, 8);
	size_t n;

	for (int i = 0; i < MAX_SAMPLES && t->add[i].time; i++)
		assert_int_equal(put(p, 0, t->add[i].time, t->add[i].offset), t->add[i].rc);
	ts_points_of(p, 0, &n);
	assert_int_equal(n, t->kept);
	for (int i = 0; i < MAX_ASKED && t->ask[i].guest; i++) {
		assert_true(ts_points_host(p, 0, t->ask[i].guest) == t->ask[i].host);
		assert_true(read_back(p, 0, t->ask[i].guest) == t->ask[i].host);
	}
	assert_int_equal(ts_points_worst(p, 0), 0);
	ts_points_free(p);
}

static void test_refused(void **state)
{
	struct tdat_shift_sample none = { 5, 5, 0, 0 }, far = { 5, 5, 1, 128 };
	struct ts_points *p = make(TS_STEPS, 2, 4);
	struct buf b = { 0 };
	struct err e = { 0 };
	size_t first;

	(void)state;
	assert_int_equal(ts_points_add(p, 0, &none), -EINVAL);
	assert_int_equal(ts_points_add(p, 0, &far), -EINVAL);
	assert_int_equal(put(p, 2, 1, 1), -EINVAL);
	assert_int_equal(ts_points_count(p)->refused, 3);
	assert_int_equal(put(p, 0, 1, 1), 0);
	assert_int_equal(ts_points_missing(p, &first), 1);
	assert_int_equal(first, 1);
	assert_int_equal(ts_points_encode(p, 1, &b, &e), -ENODATA);
	assert_non_null(strstr(e.what, "CPU 1"));
	assert_int_equal(b.len, 0);
	assert_true(ts_points_host(p, 1, 77) == 77);
	ts_points_free(p);
	assert_int_equal(ts_points_new(TS_STEPS, 0, 4, &p, NULL), -EINVAL);
	assert_int_equal(ts_points_new(TS_STEPS, 65537, 4, &p, NULL), -EINVAL);
	assert_int_equal(ts_points_new(TS_STEPS, 1, 1, &p, NULL), -EINVAL);
}

/* 2 CPUs with 2 samples each have 152 bytes. */
static void test_size(void **state)
{
	struct ts_points *p = make(TS_MEASURED, 2, 4);
	struct buf b = { 0 };

	(void)state;
	for (size_t cpu = 0; cpu < 2; cpu++) {
		put(p, cpu, 100, 7);
		put(p, cpu, 200, 8);
	}
	assert_int_equal(ts_points_encode(p, 1, &b, NULL), 0);
	assert_int_equal(b.len, 152);
	assert_int_equal(b.data[8], 1);
	buf_free(&b);
	ts_points_free(p);
}

/* Far more steps than places: the large ones stay, and the rest is no farther off than it says. */
static void test_thin_steps(void **state)
{
	struct ts_points *p = make(TS_STEPS, 1, 8);
	uint64_t worst = 0;
	size_t n;

	(void)state;
	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(put(p, 0, i * 1000, (int64_t)(i / 25 * 1000000 + i % 3)), 0);
	ts_points_of(p, 0, &n);
	assert_int_equal(n, 8);
	for (uint64_t i = 1; i <= 100; i++) {
		uint64_t want = i * 1000 + 10 + i / 25 * 1000000 + i % 3;
		uint64_t got = ts_points_host(p, 0, i * 1000 + 10);

		worst = max_u64(worst, got > want ? got - want : want - got);
	}
	assert_in_range(worst, 1, 100);
	assert_true(worst <= ts_points_worst(p, 0));
	assert_in_range(ts_points_worst(p, 0), 1, 300);
	assert_int_equal(ts_points_count(p)->thinned + ts_points_count(p)->merged, 92);
	ts_points_free(p);
}

/* A slow bend is not lost in small steps. */
static void test_thin_bend(void **state)
{
	struct ts_points *p = make(TS_MEASURED, 1, 16);
	uint64_t worst = 0;
	size_t n;

	(void)state;
	for (uint64_t i = 1; i <= 1000; i++)
		assert_int_equal(put(p, 0, i * 1000, (int64_t)(i * i / 10)), 0);
	ts_points_of(p, 0, &n);
	assert_int_equal(n, 16);
	for (uint64_t i = 1; i <= 1000; i++) {
		uint64_t want = i * 1000 + i * i / 10, got = ts_points_host(p, 0, i * 1000);

		worst = max_u64(worst, got > want ? got - want : want - got);
	}
	assert_true(worst <= ts_points_worst(p, 0));
	/* The best 15 pieces have an error of 56; a single line of 25000. */
	assert_in_range(worst, 1, 400);
	ts_points_free(p);
}

static const struct drift_case {
	const char *name;
	int64_t rise; /* a sample, in time units; samples are 1e9 apart */
	int64_t ppb;
} drifts[] = {
	{ "none", 0, 0 },
	{ "1 ppm fast", 1000, 1000 },
	{ "50 ppm slow", -50000, -50000 },
	{ "twice as fast", 1000000000, 1000000000 },
};

static void test_drift(void **state)
{
	const struct drift_case *t = *state;
	struct ts_points *p = make(TS_MEASURED, 1, 64);
	const int64_t noise[] = { 3, -3, 0, -2, 2 };
	int64_t ppb;

	assert_false(ts_points_drift(p, 0, &ppb));
	for (int64_t i = 0; i < 20; i++)
		put(p, 0, 0x7000000000000000 + (uint64_t)i * 1000000000,
		    -5000000000 + i * t->rise + noise[i % 5]);
	assert_true(ts_points_drift(p, 0, &ppb));
	assert_true(ppb >= t->ppb - 1 && ppb <= t->ppb + 1);
	ts_points_free(p);
}

static const struct tsc_case {
	const char *name;
	uint64_t tsc, ratio;
	uint32_t fraction;
} tscs[] = {
	{ "not scaled", (uint64_t)-16890949608014, 1, 0 },
	{ "not scaled, ahead", 5000000, 1, 0 },
	{ "ratio of 1, Intel", (uint64_t)-77, 1ULL << 48, 48 },
	{ "slower guest, AMD", (uint64_t)-12996840249014, 3307124817, 32 },
	{ "slower guest, Intel", (uint64_t)-12996840249014, 216736972036000, 48 },
	{ "faster guest, Intel", (uint64_t)-25000000000000, 3ULL << 47, 48 },
	{ "faster guest, ahead", 25996840249014, 3ULL << 47, 48 },
	{ "a thousandth", 0, (1ULL << 48) / 1000, 48 },
	{ "a thousandfold", 0, 1000ULL << 32, 32 },
};

/* There and back: from the host's TSC to the guest's as the hardware does it, and by the sample. */
static void test_tsc(void **state)
{
	const struct tsc_case *t = *state;
	const uint64_t begin = 16890949608014, spans[] = { 0, 1, 1000, 2596120000, 1ULL << 45 };
	struct ts_points *p = make(TS_STEPS, 1, 4);
	struct tdat_shift_sample s;
	uint64_t slack = t->ratio > 1 ? 2 + ((1ULL << t->fraction) / t->ratio) : 0;

	assert_int_equal(ts_point_of_tsc(ts_guest_of_tsc(begin, t->tsc, t->ratio, t->fraction),
					 t->tsc, t->ratio, t->fraction, &s),
			 0);
	assert_int_equal(ts_points_add(p, 0, &s), 0);
	assert_int_equal(ts_points_scaled(p), t->ratio > 1 && t->ratio != 1ULL << t->fraction);
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		uint64_t host = begin + spans[i];
		uint64_t guest = ts_guest_of_tsc(host, t->tsc, t->ratio, t->fraction);
		int64_t off = (int64_t)(ts_points_host(p, 0, guest) - host);

		assert_true(off <= (int64_t)slack && off >= -(int64_t)slack);
		assert_true(read_back(p, 0, guest) == ts_points_host(p, 0, guest));
	}
	ts_points_free(p);
}

static void test_tsc_range(void **state)
{
	struct tdat_shift_sample s;

	(void)state;
	assert_int_equal(ts_point_of_tsc(1, 0, 2, 48, &s), -ERANGE);
	assert_int_equal(ts_point_of_tsc(1, 0, UINT64_MAX, 1, &s), 0);
}

/* 32 vCPUs cost microseconds. The limit is generous: machines are busy, sanitizers slow. */
static void test_speed(void **state)
{
	struct ts_points *p = make(TS_STEPS, 32, 64);
	struct tdat_shift_sample s;
	uint64_t best = UINT64_MAX, sum = 0, begin;

	(void)state;
	for (int run = 0; run < 20; run++) {
		begin = now_ns();
		for (uint64_t cpu = 0; cpu < 32; cpu++) {
			uint64_t tsc = 0 - 16890949608014 - cpu;

			ts_point_of_tsc(1 + (uint64_t)run, tsc, 3307124817, 32, &s);
			ts_points_add(p, cpu, &s);
			sum += ts_points_host(p, cpu, 12345);
		}
		best = min_u64(best, now_ns() - begin);
	}
	print_message("32 vCPUs: %llu ns (%llu)\n", (unsigned long long)best,
		      (unsigned long long)sum);
	assert_in_range(best, 0, 500000);
	ts_points_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_size),
		cmocka_unit_test(test_thin_steps), cmocka_unit_test(test_thin_bend),
		cmocka_unit_test(test_tsc_range),  cmocka_unit_test(test_speed),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += RUN_ROWS("points", cases, test_points);
	failed += RUN_ROWS("drift", drifts, test_drift);
	return failed + RUN_ROWS("TSC", tscs, test_tsc);
}
