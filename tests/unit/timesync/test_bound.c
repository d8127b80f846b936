// SPDX-License-Identifier: GPL-2.0
/* test_bound.c - the running bound of an offset: order of messages, steps, nonsense; exchanges */
#include "tests/unit/base/rows.h"

#include <errno.h>

#include "timesync/bound.h"

enum { MAX_MESSAGES = 9 };

static struct ts_bound *make(uint64_t ppb, uint64_t window, uint32_t pieces)
{
	struct ts_bound_how how = { ppb, window, pieces, 3 };
	struct ts_bound *b;

	assert_int_equal(ts_bound_new(&how, &b, NULL), 0);
	return b;
}

struct message {
	char way; /* '>' from the guest to the host, '<' to the guest, 0: none */
	uint64_t guest, host;
	enum ts_fit fit;
};

/* The true offset is 1000 unless the name says otherwise. */
static const struct bound_case {
	const char *name;
	uint64_t ppb;
	struct message m[MAX_MESSAGES];
	uint64_t at;
	int64_t lo, hi;
	uint64_t error, contradictions, steps;
} cases[] = {
	{ "one side", 0, { { '>', 500, 1530 } }, 1530, INT64_MIN, 1030, UINT64_MAX, 0, 0 },
	{ "other side", 0, { { '<', 520, 1500 } }, 1530, 980, INT64_MAX, UINT64_MAX, 0, 0 },
	{ "both sides", 0, { { '>', 500, 1530 }, { '<', 620, 1600 } }, 1600, 980, 1030, 25, 0, 0 },
	{ "the tightest stays",
	  0,
	  { { '>', 500, 1530 },
	    { '<', 620, 1600 },
	    { '>', 700, 1705 },
	    { '>', 800, 1900 },
	    { '<', 1003, 2000 } },
	  2000,
	  997,
	  1005,
	  4,
	  0,
	  0 },
	{ "drift widens",
	  1000000, /* 1 in 1000 */
	  { { '>', 500, 1500 }, { '<', 500, 1500 } },
	  11500,
	  990,
	  1010,
	  10,
	  0,
	  0 },
	{ "drift widens backwards, too",
	  1000000,
	  { { '>', 99000, 100000 }, { '<', 99000, 100000 } },
	  50000,
	  950,
	  1050,
	  50,
	  0,
	  0 },
	{ "drift is no contradiction",
	  1000000,
	  { { '>', 500, 1500 }, { '<', 500, 1500 }, { '>', 10505, 11500 } },
	  11500,
	  990,
	  995,
	  3,
	  0,
	  0 },
	{ "one absurd time is not taken",
	  0,
	  { { '>', 500, 1530 },
	    { '<', 620, 1600 },
	    { '>', 1ULL << 60, 1700, TS_CONTRADICTS },
	    { '>', 800, 1810 } },
	  1810,
	  980,
	  1010,
	  15,
	  1,
	  0 },
	{ "absurd times with good ones between",
	  0,
	  { { '>', 500, 1530 },
	    { '<', 620, 1600 },
	    { '>', 5000, 1700, TS_CONTRADICTS },
	    { '>', 5000, 1700, TS_CONTRADICTS },
	    { '>', 800, 1830 },
	    { '>', 5000, 1850, TS_CONTRADICTS } },
	  1850,
	  980,
	  1030,
	  25,
	  3,
	  0 },
	{ "three in a row are a step; the weakest counts",
	  0,
	  { { '>', 500, 1530 },
	    { '<', 620, 1600 },
	    { '>', 5000, 1700, TS_CONTRADICTS },
	    { '>', 5090, 1800, TS_CONTRADICTS },
	    { '<', 5220, 1850 },
	    { '>', 5200, 1905, TS_STEPPED } },
	  1905,
	  INT64_MIN,
	  -3290,
	  UINT64_MAX,
	  3,
	  1 },
	{ "a step to the other side",
	  0,
	  { { '>', 500, 1530 },
	    { '<', 620, 1600 },
	    { '<', 100, 1700, TS_CONTRADICTS },
	    { '<', 200, 1800, TS_CONTRADICTS },
	    { '<', 300, 1900, TS_STEPPED },
	    { '>', 350, 2000 } },
	  2000,
	  1600,
	  1650,
	  25,
	  3,
	  1 },
	{ "before the step the old bound holds",
	  0,
	  { { '>', 500, 1530 },
	    { '<', 620, 1600 },
	    { '<', 100, 1700, TS_CONTRADICTS },
	    { '<', 200, 1800, TS_CONTRADICTS },
	    { '<', 300, 1900, TS_STEPPED } },
	  1650,
	  980,
	  1030,
	  25,
	  3,
	  1 },
	{ "times wrap",
	  0,
	  { { '>', UINT64_MAX - 10, 30 }, { '<', UINT64_MAX, 30 }, { '>', 5, 40 } },
	  40,
	  31,
	  35,
	  2,
	  0,
	  0 },
};

static enum ts_fit say(struct ts_bound *b, const struct message *m)
{
	return m->way == '>' ? ts_bound_from_guest(b, m->guest, m->host)
			     : ts_bound_to_guest(b, m->host, m->guest);
}

static void test_bound(void **state)
{
	const struct bound_case *t = *state;
	struct ts_bound *b = make(t->ppb, 0, 8);
	struct ts_range r;

	assert_false(ts_bound_at(b, 1, &r));
	for (int i = 0; i < MAX_MESSAGES && t->m[i].way; i++)
		assert_int_equal(say(b, &t->m[i]), t->m[i].fit);
	assert_true(ts_bound_at(b, t->at, &r));
	assert_true(r.lo == t->lo && r.hi == t->hi);
	assert_true(r.error == t->error);
	assert_int_equal(ts_bound_count(b)->contradictions, t->contradictions);
	assert_int_equal(ts_bound_count(b)->steps, t->steps);
	ts_bound_free(b);
}

static const struct judge_case {
	const char *name;
	int64_t offset;
	uint64_t error;
	enum ts_judge judge;
} judges[] = {
	{ "inside", 1000, 0, TS_INSIDE },
	{ "lowest", 980, 0, TS_INSIDE },
	{ "highest", 1030, 0, TS_INSIDE },
	{ "below", 979, 0, TS_TOO_LOW },
	{ "below, but not sure", 979, 1, TS_INSIDE },
	{ "above", 1031, 0, TS_TOO_HIGH },
	{ "above, but not sure", 1041, 11, TS_INSIDE },
	{ "far below", INT64_MIN, 5, TS_TOO_LOW },
	{ "far above", INT64_MAX, 5, TS_TOO_HIGH },
	{ "no idea", INT64_MAX, UINT64_MAX, TS_INSIDE },
};

static void test_judge(void **state)
{
	const struct judge_case *t = *state;
	struct ts_bound *b = make(0, 0, 4);

	assert_int_equal(ts_bound_judge(b, 1, t->offset, t->error), TS_UNJUDGED);
	ts_bound_from_guest(b, 500, 1530);
	ts_bound_to_guest(b, 1600, 620);
	assert_int_equal(ts_bound_judge(b, 1600, t->offset, t->error), t->judge);
	ts_bound_free(b);
}

/* A drifting clock over a long time with few pieces: the truth is always inside. */
static void test_pieces(void **state)
{
	struct ts_bound *b = make(100000, 1000, 8);
	struct ts_range r;

	(void)state;
	for (uint64_t h = 10000; h < 1000000; h += 100) {
		uint64_t guest = h - 5000 + h / 10000; /* offset 5000 - h / 10000 */

		assert_int_equal(ts_bound_from_guest(b, guest - 7, h), TS_FITS);
		assert_int_equal(ts_bound_to_guest(b, h, guest + 9), TS_FITS);
	}
	for (uint64_t h = 10000; h < 1000000; h += 5000) {
		int64_t truth = 5000 - (int64_t)(h / 10000);

		assert_true(ts_bound_at(b, h, &r));
		assert_true(r.lo <= truth && truth <= r.hi);
		/* 16 wide, and 12.8 a side for the drift over a window of 128000. */
		assert_in_range(r.error, 5, 22);
	}
	assert_int_equal(ts_bound_count(b)->contradictions, 0);
	assert_int_equal(ts_bound_count(b)->forgotten, 0);
	ts_bound_free(b);
}

/* More steps than there is room for: the newest are kept, the others counted. */
static void test_forgotten(void **state)
{
	struct ts_bound *b = make(0, 0, 4);
	struct ts_range r;

	(void)state;
	for (uint64_t life = 1; life <= 10; life++)
		for (uint64_t i = 0; i < 5; i++) {
			uint64_t host = life * 100000 + i * 100, guest = host + life * 10000;

			ts_bound_from_guest(b, guest - 5, host);
			ts_bound_to_guest(b, host, guest + 5);
		}
	assert_int_equal(ts_bound_count(b)->steps, 9);
	assert_int_equal(ts_bound_count(b)->forgotten, 6);
	assert_true(ts_bound_at(b, 900300, &r));
	assert_true(r.lo == -90005 && r.hi == -89995);
	ts_bound_free(b);
}

static void test_new(void **state)
{
	struct ts_bound_how few = { 0, 0, 1, 0 }, wild = { 1000000001, 0, 4, 0 };
	struct ts_bound *b;

	(void)state;
	assert_int_equal(ts_bound_new(&few, &b, NULL), -EINVAL);
	assert_int_equal(ts_bound_new(&wild, &b, NULL), -EINVAL);
}

static const struct exchange_case {
	const char *name;
	struct ts_exchange x;
	bool ok;
	struct ts_exchange_result want;
} exchanges[] = {
	{ "even", { 1000, 110, 120, 1030 }, true, { 115, 900, 890, 910, 10 } },
	{ "uneven", { 1000, 110, 110, 1025 }, true, { 110, 902, 890, 915, 13 } },
	{ "no time at all", { 1000, 100, 130, 1030 }, true, { 115, 900, 900, 900, 0 } },
	{ "wraps", { UINT64_MAX - 9, 5, 15, 20 }, true, { 10, -5, -15, 5, 10 } },
	{ "the guest's end before its beginning", { 1000, 120, 110, 1030 }, false, { 0 } },
	{ "the host's end before its beginning", { 1030, 110, 120, 1000 }, false, { 0 } },
	{ "the guest took longer than all", { 1000, 110, 141, 1030 }, false, { 0 } },
	{ "absurd", { 1000, 110, 1ULL << 62, 1030 }, false, { 0 } },
};

static void test_exchange(void **state)
{
	const struct exchange_case *t = *state;
	struct ts_exchange_result r = { 0 };

	assert_int_equal(ts_exchange_read(&t->x, &r), t->ok);
	if (t->ok)
		assert_memory_equal(&r, &t->want, sizeof(r));
}

static void test_best(void **state)
{
	struct ts_exchange x[] = { { 1000, 110, 120, 1030 },
				   { 2000, 1120, 1110, 2001 },
				   { 3000, 2105, 2110, 3009 },
				   { 4000, 3110, 3120, 4030 } };
	struct ts_exchange_result r;
	size_t refused;

	(void)state;
	assert_true(ts_exchange_best(x, 4, &r, &refused));
	assert_int_equal(refused, 1);
	assert_int_equal(r.error, 2);
	assert_int_equal(r.guest, 2107);
	assert_false(ts_exchange_best(&x[1], 1, &r, &refused));
	assert_false(ts_exchange_best(x, 0, &r, &refused));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_best),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += RUN_ROWS("bound", cases, test_bound);
	failed += RUN_ROWS("judge", judges, test_judge);
	return failed + RUN_ROWS("exchange", exchanges, test_exchange);
}
