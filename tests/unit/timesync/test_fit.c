// SPDX-License-Identifier: GPL-2.0
/* test_fit.c - lines through limits: tighter than any message, broken where the clock bends */
#include "tests/unit/base/rows.h"

#include "timesync/fit.h"

#define MS 1000000LL
#define S  (1000 * MS)

static uint64_t seed = 1;

/* Any number below @n, the same in each run. */
static uint64_t any(uint64_t n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % n;
}

/* A guest's clock, as it is in truth. */
static const struct clock_case {
	const char *name;
	int64_t offset;
	double rate;	       /* of the offset */
	double later;	       /* the rate from half of the time on */
	int64_t step;	       /* at half of the time */
	uint64_t seconds, way; /* of a message, at least; ns */
	size_t lines;	       /* at most */
	uint64_t error;	       /* at most */
	int64_t ppb;	       /* drift, +-ppb_off */
	int64_t ppb_off;
	bool wraps; /* the host's times, in the middle */
} cases[] = {
	{ "no drift", 5 * S, 0, 0, 0, 60, 40000, 1, 45000, 0, 1000 },
	{ "far apart, as of two machines", -(1LL << 60), 0, 0, 0, 60, 40000, 1, 45000, 0, 1000 },
	{ "times wrap", 5 * S, 0, 0, 0, 60, 40000, 1, 45000, 0, 1000, true },
	{ "20 ppm", 77, 20e-6, 20e-6, 0, 60, 40000, 1, 45000, 20000, 1000 },
	{ "a bend", 77, 0, 50e-6, 0, 60, 40000, 4, 50000, 25000, 2500 },
	{ "a step", 77, 0, 0, 3 * S, 60, 40000, 4, 80000, 0, 3000 },
	{ "a day", 5 * S, 1e-6, 1e-6, 0, 86400, 40000, 1, 41000, 1000, 10 },
	{ "a second", 5 * S, 0, 0, 0, 2, 40000, 1, 60000, 0, 60000 },
};

static int64_t truth(const struct clock_case *c, uint64_t t)
{
	uint64_t half = c->seconds * (uint64_t)S / 2;
	double v = c->rate * (double)min_u64(t, half);

	if (t >= half)
		v += (double)c->step + c->later * (double)(t - half);
	return c->offset + (int64_t)v;
}

static void exchange(const struct clock_case *c, struct ts_bound *b, uint64_t begin, uint64_t t)
{
	uint64_t to = t + c->way + any(30000), back = to + c->way + any(30000);

	ts_bound_to_guest(b, begin + t, begin + to - (uint64_t)truth(c, to));
	ts_bound_from_guest(b, begin + to - (uint64_t)truth(c, to), begin + back);
}

static void check_lines(const struct clock_case *c, const struct ts_lines *l, uint64_t begin)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct ts_line *at = &l->list[i];

		for (int k = 0; k <= 10; k++) {
			uint64_t t = at->from + (at->to - at->from) * (uint64_t)k / 10;
			double part = at->to == at->from ? 0
							 : (double)(t - at->from) /
								   (double)(at->to - at->from);
			double off = (double)(at->offset_from - truth(c, t - begin)) +
				     (double)(at->offset_to - at->offset_from) * part;

			if (off > (double)at->error + 1 || off < -(double)at->error - 1)
				fail_msg("line %zu, %d of 10: %.0f off, the error is %llu", i, k,
					 off, (unsigned long long)at->error);
		}
	}
}

static void test_lines(void **state)
{
	const struct clock_case *c = *state;
	struct ts_bound_how how = { 500000, S, 4096, 3 };
	uint64_t begin = c->wraps ? 0 - 30 * (uint64_t)S : 1ULL << 40;
	struct ts_lines l;
	struct ts_bound *b;
	int64_t ppb;
	uint64_t off;

	assert_int_equal(ts_bound_new(&how, &b, NULL), 0);
	for (uint64_t s = 0; s <= c->seconds; s++)
		for (uint64_t k = 0; k < 8; k++)
			exchange(c, b, begin, s * (uint64_t)S + k * 200000);
	assert_int_equal(ts_lines_make(b, NULL, &l, NULL), 0);
	check_lines(c, &l, begin);
	assert_in_range(l.n, 1, c->lines);
	assert_in_range(l.error, 1000, c->error);
	ppb = ts_lines_drift(&l, &off);
	if (ppb < c->ppb - c->ppb_off || ppb > c->ppb + c->ppb_off)
		fail_msg("drift %lld ppb", (long long)ppb);
	if (l.n == 1 && (ppb - c->ppb > (int64_t)off || c->ppb - ppb > (int64_t)off))
		fail_msg("drift %lld +-%llu ppb", (long long)ppb, (unsigned long long)off);
	ts_lines_free(&l);
	ts_bound_free(b);
}

/* One side alone says nothing; no message at all neither. */
static void test_unknown(void **state)
{
	struct ts_bound_how how = { 500000, S, 16, 3 };
	struct ts_lines l;
	struct ts_bound *b;
	uint64_t off;

	(void)state;
	assert_int_equal(ts_bound_new(&how, &b, NULL), 0);
	assert_int_equal(ts_lines_make(b, NULL, &l, NULL), 0);
	assert_int_equal(l.n, 0);
	assert_true(l.error == UINT64_MAX);
	assert_int_equal(ts_lines_drift(&l, &off), 0);
	assert_true(off == UINT64_MAX);
	ts_lines_free(&l);
	ts_bound_from_guest(b, 100, 200);
	assert_int_equal(ts_lines_make(b, NULL, &l, NULL), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(l.unknown, 1);
	ts_lines_free(&l);
	ts_bound_to_guest(b, 300, 240);
	assert_int_equal(ts_lines_make(b, NULL, &l, NULL), 0);
	assert_int_equal(l.n, 1);
	assert_in_range(l.error, 20, 22);
	assert_in_range(l.list[0].offset_from, 78, 82);
	ts_lines_free(&l);
	ts_bound_free(b);
}

/* A line is farthest from the truth at its ends: a span between them is told a smaller error. */
static void test_span(void **state)
{
	static const struct ts_span all = { 0, 20 * (uint64_t)S }, inner = { 4 * S, 6 * S },
				    before = { (uint64_t)-9, (uint64_t)-1 };
	struct ts_bound_how how = { 500000, S, 64, 3 };
	struct ts_lines l, part;
	struct ts_bound *b;

	(void)state;
	assert_int_equal(ts_bound_new(&how, &b, NULL), 0);
	for (uint64_t t = 0; t < 10 * (uint64_t)S; t += S) {
		ts_bound_to_guest(b, t, t + 40000);
		ts_bound_from_guest(b, t + 40000, t + 80000);
	}
	assert_int_equal(ts_lines_make(b, NULL, &l, NULL), 0);
	assert_int_equal(ts_lines_make(b, &all, &part, NULL), 0);
	assert_in_range(part.error, l.error - 1, l.error + 1);
	ts_lines_free(&part);
	assert_int_equal(ts_lines_make(b, &inner, &part, NULL), 0);
	assert_in_range(part.error, 40000, l.error - 1);
	assert_int_equal(part.list[0].error, l.list[0].error);
	ts_lines_free(&part);
	assert_int_equal(ts_lines_make(b, &before, &part, NULL), 0);
	assert_int_equal(part.error, l.list[0].error);
	ts_lines_free(&part);
	ts_lines_free(&l);
	ts_bound_free(b);
}

/* @seconds of an exchange each, and of a page, if @pages. */
static uint64_t error_with(bool pages)
{
	struct ts_bound_how how = { 500000, S, 64, 3 };
	struct ts_lines l;
	struct ts_bound *b;
	uint64_t error;

	assert_int_equal(ts_bound_new(&how, &b, NULL), 0);
	for (uint64_t t = 0; t < 10 * (uint64_t)S; t += S) {
		ts_bound_to_guest(b, t, t + 40000);
		ts_bound_from_guest(b, t + 40000, t + 80000);
		if (pages)
			ts_bound_from_guest(b, t + S / 2, t + S / 2 + 10000);
	}
	assert_int_equal(ts_lines_make(b, NULL, &l, NULL), 0);
	error = l.error;
	ts_lines_free(&l);
	ts_bound_free(b);
	return error;
}

/* Pages tell from one side only, and narrow what exchanges say. */
static void test_one_side(void **state)
{
	(void)state;
	assert_in_range(error_with(false), 39000, 41000);
	assert_in_range(error_with(true), 24000, 30000);
}

/* The points give back the line; of a clock that went back what is later does not count. */
static void test_points(void **state)
{
	struct ts_line list[] = { { 1000, 2000, 100, 200, 1, false },
				  { 3000, 3000, 250, 250, 1, false },
				  { 4000, 5000, 3800, 3900, 1, true } };
	struct ts_lines l = { list, 3, 1, 0 };
	struct ts_points *p;
	size_t n;

	(void)state;
	assert_int_equal(ts_points_new(TS_MEASURED, 1, 16, &p, NULL), 0);
	assert_int_equal(ts_lines_points(&l, 0, p), 0);
	ts_points_of(p, 0, &n);
	assert_int_equal(n, 3);
	assert_int_equal(ts_points_host(p, 0, 900), 1000);
	assert_int_equal(ts_points_host(p, 0, 1350), 1500);
	assert_int_equal(ts_points_host(p, 0, 2750), 3000);
	ts_points_free(p);
}

/* A guest that stood still for 5 s: each of its times is the host's of then, before and behind. */
static void test_pause(void **state)
{
	struct ts_bound_how how = { 500000, S, 64, 3 };
	struct ts_points *p;
	struct ts_lines l;
	struct ts_bound *b;
	uint64_t h, g;

	(void)state;
	assert_int_equal(ts_bound_new(&how, &b, NULL), 0);
	for (h = 100 * (uint64_t)S; h < 104 * (uint64_t)S; h += S) {
		ts_bound_to_guest(b, h, h + 40000);
		ts_bound_from_guest(b, h + 40000, h + 80000);
	}
	/* It stops at 104.5 of the host, and goes on at 109.5 where it was. One question waits. */
	g = 104 * (uint64_t)S + S / 2 + 1000;
	ts_bound_to_guest(b, h + S, g);
	ts_bound_from_guest(b, g + 2000, g + 5 * (uint64_t)S + 40000);
	for (h = 110 * (uint64_t)S; h < 114 * (uint64_t)S; h += S) {
		ts_bound_to_guest(b, h, h + 40000 - 5 * (uint64_t)S);
		ts_bound_from_guest(b, h + 40000 - 5 * (uint64_t)S, h + 80000);
	}
	assert_int_equal(ts_bound_count(b)->steps, 1);
	assert_int_equal(ts_lines_make(b, NULL, &l, NULL), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(ts_points_new(TS_MEASURED, 1, 16, &p, NULL), 0);
	assert_int_equal(ts_lines_points(&l, 0, p), 0);
	for (h = 100 * (uint64_t)S; h < 104 * (uint64_t)S + S / 2; h += S / 10)
		assert_in_range(ts_points_host(p, 0, h) - h + 100000, 0, 200000);
	for (g = 104 * (uint64_t)S + S / 2 + 2000; g < 108 * (uint64_t)S; g += S / 10)
		assert_in_range(ts_points_host(p, 0, g) - g - 5 * (uint64_t)S + 100000, 0, 200000);
	ts_points_free(p);
	ts_lines_free(&l);
	ts_bound_free(b);
}

/* A guest may say any time: the largest offset of all is no overflow. */
static void test_largest(void **state)
{
	const struct ts_bound_how how = { .drift_ppb = 500000, .window = 100 * MS, .pieces = 64 };
	uint64_t host = 5 * S;
	struct ts_lines l = { 0 };
	struct ts_bound *b;

	(void)state;
	assert_int_equal(ts_bound_new(&how, &b, NULL), 0);
	ts_bound_to_guest(b, host, host - (uint64_t)(INT64_MAX - 1000));
	ts_bound_from_guest(b, host - (uint64_t)(INT64_MAX - 10), host);
	host += 1000ULL * S;
	ts_bound_to_guest(b, host, host - (uint64_t)(INT64_MAX - 5));
	assert_int_equal(ts_lines_make(b, NULL, &l, NULL), 0);
	assert_true(l.n);
	ts_lines_free(&l);
	ts_bound_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown),	 cmocka_unit_test(test_span),
		cmocka_unit_test(test_one_side), cmocka_unit_test(test_points),
		cmocka_unit_test(test_pause),	 cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) + RUN_ROWS("lines", cases, test_lines);
}
