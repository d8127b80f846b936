// SPDX-License-Identifier: GPL-2.0
/*
 * test_shift.c - the payload of TIME_SHIFT byte for byte, both ways
 *
 * The formula is tested where it is used, in tests/unit/report/test_clock.c.
 */
#include "tests/unit/base/rows.h"

#include <errno.h>

#include "tracedat/shift.h"

static struct tdat_shift_sample cpu0[] = { { 0x1122, -2, 1, 0 }, { 0x3344, 5, 3, 32 } };
static struct tdat_shift_sample cpu1[] = { { 1, 2, 1, 0 }, { 2, 3, 1, 48 } };
static struct tdat_shift_cpu two_cpus[] = { { cpu0, 2 }, { cpu1, 2 } };

/* Written down by hand after the format reference: 16 + 2 * (4 + 3 * 16) + 2 * 16 bytes. */
static const uint8_t sample[152] = {
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* peer */
	1,    0,    0,	  0,	2,    0,    0,	  0,	/* flags, CPUs */
	2,    0,    0,	  0,				/* CPU 0 */
	0x22, 0x11, 0,	  0,	0,    0,    0,	  0,	0x44, 0x33, 0, 0, 0, 0, 0, 0, 0xfe, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 5,	  0,	0,    0,    0, 0, 0, 0, 1, 0, 0,    0,
	0,    0,    0,	  0,	3,    0,    0,	  0,	0,    0,    0, 0, 2, 0, 0, 0, /* CPU 1 */
	1,    0,    0,	  0,	0,    0,    0,	  0,	2,    0,    0, 0, 0, 0, 0, 0, 2,    0,
	0,    0,    0,	  0,	0,    0,    3,	  0,	0,    0,    0, 0, 0, 0, 1, 0, 0,    0,
	0,    0,    0,	  0,	1,    0,    0,	  0,	0,    0,    0, 0, 0, 0, 0, 0, 0,    0,
	0,    0,    32,	  0,	0,    0,    0,	  0,	0,    0,    0, 0, 0, 0, 0, 0, 0,    0,
	48,   0,    0,	  0,	0,    0,    0,	  0,
};

static const struct tdat_shift shift = { 0x1122334455667788, true, two_cpus, 2 };

static void test_bytes(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(tdat_shift_put(&shift, false, &b, NULL), 0);
	assert_int_equal(b.len, sizeof(sample));
	assert_memory_equal(b.data, sample, sizeof(sample));
	buf_free(&b);
}

static void assert_same(const struct tdat_shift *a, const struct tdat_shift *b)
{
	assert_true(a->peer == b->peer && a->interpolate == b->interpolate);
	assert_int_equal(a->ncpus, b->ncpus);
	for (size_t i = 0; i < a->ncpus; i++) {
		assert_int_equal(a->cpus[i].n, b->cpus[i].n);
		assert_memory_equal(a->cpus[i].samples, b->cpus[i].samples,
				    a->cpus[i].n * sizeof(*a->cpus[i].samples));
	}
}

static void test_both_orders(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct buf b = { 0 };
		struct tdat_shift s;

		assert_int_equal(tdat_shift_put(&shift, big, &b, NULL), 0);
		assert_int_equal(tdat_shift_parse(&s, (struct view){ b.data, b.len }, big), 0);
		assert_same(&s, &shift);
		tdat_shift_free(&s);
		buf_free(&b);
	}
}

/* Each shorter payload is refused, but for the one of 2.9 without fractions. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(sample); n++) {
		struct tdat_shift s;
		int rc = tdat_shift_parse(&s, (struct view){ sample, n }, false);

		assert_int_equal(rc, n == sizeof(sample) - 32 ? 0 : -EPROTO);
		tdat_shift_free(&s);
	}
}

static void test_too_many(void **state)
{
	struct tdat_shift_cpu huge = { cpu0, SIZE_MAX / 8 };
	struct tdat_shift s = { .cpus = &huge, .ncpus = 1 };
	struct buf b = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tdat_shift_put(&s, false, &b, &e), -EINVAL);
	s.ncpus = TDAT_SHIFT_MAX_CPUS + 1;
	assert_int_equal(tdat_shift_put(&s, false, &b, &e), -EINVAL);
	assert_int_equal(b.len, 0);
}

static void test_scale(void **state)
{
	(void)state;
	assert_true(tdat_scale(UINT64_MAX, UINT64_MAX, 64) == UINT64_MAX - 1);
	assert_true(tdat_scale(5, 3, 1) == 7);
	assert_true(tdat_scale(UINT64_MAX, UINT64_MAX, 127) == 1);
	assert_true(tdat_scale(UINT64_MAX, UINT64_MAX, 128) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes), cmocka_unit_test(test_both_orders),
		cmocka_unit_test(test_cut),   cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
