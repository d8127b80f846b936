// SPDX-License-Identifier: GPL-2.0
/*
 * test_clock.c - timestamps through the corrections of a file and of the command line
 *
 * The expected values of TIME_SHIFT are computed by hand from the formula of the format reference.
 */
#include "tests/unit/base/rows.h"

#include <errno.h>

#include "base/cursor.h"
#include "report/clock.h"

enum { ROOM = 512, MAX_OPTIONS = 3 };

/* An option's payload under construction, little endian. */
struct payload {
	uint8_t bytes[ROOM];
	size_t len;
};

typedef void (*make_option)(struct wcur *w);

static void tsc2nsec(struct wcur *w)
{
	wcur_u32(w, 3);
	wcur_u32(w, 1);
	wcur_u64(w, 777);
}

static void tsc2nsec_wide(struct wcur *w)
{
	wcur_u32(w, 1U << 31);
	wcur_u32(w, 32);
	wcur_u64(w, 0);
}

static void shift_begin(struct wcur *w, uint32_t flags, uint32_t cpus)
{
	wcur_u64(w, 1234);
	wcur_u32(w, flags);
	wcur_u32(w, cpus);
}

static void samples(struct wcur *w, uint32_t n, const uint64_t (*of)[3])
{
	wcur_u32(w, n);
	for (int column = 0; column < 3; column++)
		for (uint32_t i = 0; i < n; i++)
			wcur_u64(w, of[i][column]);
}

static const uint64_t two[][3] = { { 1000, 100, 1 }, { 2000, 300, 1 } };
static const uint64_t unsorted[][3] = { { 2000, 300, 1 }, { 1000, 100, 1 }, { 2000, 300, 1 } };
static const uint64_t scaled[][3] = { { 1000, 0, 3 }, { 2000, 0, 5 } };

/* CPU 0: one sample, CPU 1: none, CPU 2: two. */
static void shift_three(struct wcur *w)
{
	shift_begin(w, 0, 3);
	samples(w, 1, two);
	samples(w, 0, NULL);
	samples(w, 2, two);
	for (int i = 0; i < 3; i++)
		wcur_u64(w, 0);
}

static void shift_interpolated(struct wcur *w)
{
	shift_begin(w, 1, 1);
	samples(w, 2, two);
	wcur_u64(w, 0);
	wcur_u64(w, 0);
}

static void shift_unsorted(struct wcur *w)
{
	shift_begin(w, 1, 1);
	samples(w, 3, unsorted);
	for (int i = 0; i < 3; i++)
		wcur_u64(w, 0);
}

static void shift_scaled(struct wcur *w)
{
	shift_begin(w, 0, 1);
	samples(w, 2, scaled);
	wcur_u64(w, 1);
	wcur_u64(w, 2);
}

static void shift_no_fractions(struct wcur *w)
{
	shift_begin(w, 0, 1);
	samples(w, 2, two);
}

static void shift_cut(struct wcur *w)
{
	shift_begin(w, 0, 1);
	wcur_u32(w, 2);
	wcur_u64(w, 1);
}

static void shift_lies(struct wcur *w)
{
	shift_begin(w, 0, 4000000000U);
	samples(w, 2, two);
}

static void shift_samples_lie(struct wcur *w)
{
	shift_begin(w, 0, 1);
	wcur_u32(w, UINT32_MAX);
}

static void too_short(struct wcur *w)
{
	wcur_u32(w, 1);
}

static void text_date(struct wcur *w)
{
	wcur_text(w, "0x10");
}

static void text_offset(struct wcur *w)
{
	wcur_text(w, "500");
}

static void text_offset_huge(struct wcur *w)
{
	wcur_text(w, "99999999999999999999");
}

static void text_offset_back(struct wcur *w)
{
	wcur_text(w, "-500");
}

static const struct clock_case {
	const char *name;
	struct {
		uint16_t id;
		make_option make;
	} options[MAX_OPTIONS];
	struct clock_wish wish;
	uint32_t cpu;
	uint64_t raw, want;
	int rc;
} cases[] = {
	{ "no options", { { 0 } }, { 0 }, 0, 5000, 5000, 0 },
	{ "DATE is in microseconds", { { TDAT_OPT_DATE, text_date } }, { 0 }, 0, 5, 16005, 0 },
	{ "DATE, not wanted", { { TDAT_OPT_DATE, text_date } }, { .no_date = true }, 0, 5, 5, 0 },
	{ "OFFSET", { { TDAT_OPT_OFFSET, text_offset } }, { 0 }, 0, 5, 505, 0 },
	{ "OFFSET, negative", { { TDAT_OPT_OFFSET, text_offset_back } }, { 0 }, 0, 700, 200, 0 },
	{ "OFFSET, more than it can be, as stock reads it",
	  { { TDAT_OPT_OFFSET, text_offset_huge } },
	  { 0 },
	  0,
	  5,
	  5 + (uint64_t)INT64_MAX,
	  0 },
	{ "OFFSET and no_date",
	  { { TDAT_OPT_OFFSET, text_offset } },
	  { .no_date = true },
	  0,
	  5,
	  505,
	  0 },
	{ "DATE and OFFSET",
	  { { TDAT_OPT_DATE, text_date }, { TDAT_OPT_OFFSET, text_offset } },
	  { 0 },
	  0,
	  5,
	  16505,
	  0 },
	{ "TSC2NSEC adds no offset", { { TDAT_OPT_TSC2NSEC, tsc2nsec } }, { 0 }, 0, 101, 151, 0 },
	{ "TSC2NSEC, wide product",
	  { { TDAT_OPT_TSC2NSEC, tsc2nsec_wide } },
	  { 0 },
	  0,
	  UINT64_MAX,
	  UINT64_MAX / 2,
	  0 },
	{ "TSC2NSEC, then OFFSET",
	  { { TDAT_OPT_OFFSET, text_offset }, { TDAT_OPT_TSC2NSEC, tsc2nsec } },
	  { 0 },
	  0,
	  100,
	  650,
	  0 },
	{ "TSC2NSEC, cut", { { TDAT_OPT_TSC2NSEC, too_short } }, { 0 }, 0, 0, 0, -EPROTO },
	{ "the user's rate", { { 0 } }, { .hz = 2000000000 }, 0, 1001, 500, 0 },
	{ "the user's rate is not above TSC2NSEC's, but instead",
	  { { TDAT_OPT_TSC2NSEC, tsc2nsec } },
	  { .hz = 500000000 },
	  0,
	  100,
	  200,
	  0 },
	{ "the user's rate, overflow", { { 0 } }, { .hz = 1 }, 0, UINT64_MAX, UINT64_MAX, 0 },
	{ "the user's offset is in ticks",
	  { { 0 } },
	  { .hz = 500000000, .ts_offset = 5 },
	  0,
	  1,
	  12,
	  0 },
	{ "the user's offset, negative", { { 0 } }, { .ts_offset = -7 }, 0, 10, 3, 0 },
	{ "raw",
	  { { TDAT_OPT_DATE, text_date }, { TDAT_OPT_TSC2NSEC, tsc2nsec } },
	  { .raw = true, .hz = 5, .ts_offset = 5 },
	  0,
	  77,
	  77,
	  0 },
	{ "shift, one sample", { { TDAT_OPT_TIME_SHIFT, shift_three } }, { 0 }, 0, 5000, 5100, 0 },
	{ "shift, no sample", { { TDAT_OPT_TIME_SHIFT, shift_three } }, { 0 }, 1, 5000, 5000, 0 },
	{ "shift, another CPU", { { TDAT_OPT_TIME_SHIFT, shift_three } }, { 0 }, 3, 5000, 5000, 0 },
	{ "shift, between two", { { TDAT_OPT_TIME_SHIFT, shift_three } }, { 0 }, 2, 1500, 1600, 0 },
	{ "shift, behind two", { { TDAT_OPT_TIME_SHIFT, shift_three } }, { 0 }, 2, 9000, 9100, 0 },
	{ "shift, before two", { { TDAT_OPT_TIME_SHIFT, shift_three } }, { 0 }, 2, 10, 110, 0 },
	{ "shift, interpolated",
	  { { TDAT_OPT_TIME_SHIFT, shift_interpolated } },
	  { 0 },
	  0,
	  1500,
	  1700,
	  0 },
	{ "shift, interpolated, rounded",
	  { { TDAT_OPT_TIME_SHIFT, shift_interpolated } },
	  { 0 },
	  0,
	  1003,
	  1104,
	  0 },
	{ "shift, extrapolated",
	  { { TDAT_OPT_TIME_SHIFT, shift_interpolated } },
	  { 0 },
	  0,
	  3000,
	  3500,
	  0 },
	{ "shift, unsorted and double",
	  { { TDAT_OPT_TIME_SHIFT, shift_unsorted } },
	  { 0 },
	  0,
	  1500,
	  1700,
	  0 },
	{ "shift, scaled", { { TDAT_OPT_TIME_SHIFT, shift_scaled } }, { 0 }, 0, 1500, 2250, 0 },
	{ "shift, without fractions",
	  { { TDAT_OPT_TIME_SHIFT, shift_no_fractions } },
	  { 0 },
	  0,
	  1500,
	  1600,
	  0 },
	{ "shift, then TSC2NSEC, then OFFSET",
	  { { TDAT_OPT_OFFSET, text_offset },
	    { TDAT_OPT_TSC2NSEC, tsc2nsec },
	    { TDAT_OPT_TIME_SHIFT, shift_three } },
	  { 0 },
	  0,
	  900,
	  2000,
	  0 },
	{ "shift, cut", { { TDAT_OPT_TIME_SHIFT, shift_cut } }, { 0 }, 0, 0, 0, -EPROTO },
	{ "shift, number of CPUs lies",
	  { { TDAT_OPT_TIME_SHIFT, shift_lies } },
	  { 0 },
	  0,
	  0,
	  0,
	  -EPROTO },
	{ "shift, number of samples lies",
	  { { TDAT_OPT_TIME_SHIFT, shift_samples_lie } },
	  { 0 },
	  0,
	  0,
	  0,
	  -EPROTO },
	{ "shift, nothing in it", { { TDAT_OPT_TIME_SHIFT, too_short } }, { 0 }, 0, 0, 0, -EPROTO },
};

static void test_clock(void **state)
{
	const struct clock_case *t = *state;
	struct tdat_option options[MAX_OPTIONS];
	struct payload payloads[MAX_OPTIONS];
	struct tdat_head head = { .options = options };
	struct report_clock clock;
	struct err e = { 0 };

	for (int i = 0; i < MAX_OPTIONS && t->options[i].make; i++) {
		struct wcur w = wcur_make(payloads[i].bytes, ROOM, false);

		t->options[i].make(&w);
		assert_false(w.bad);
		options[i] = (struct tdat_option){ t->options[i].id,
						   { payloads[i].bytes, ROOM - w.left } };
		head.noptions++;
	}
	assert_int_equal(report_clock_init(&clock, &head, &t->wish, &e), t->rc);
	if (!t->rc)
		assert_true(report_clock_time(&clock, t->cpu, t->raw) == t->want);
	else
		assert_non_null(strstr(e.what, "is damaged"));
	report_clock_free(&clock);
}

static const struct name_case {
	const char *name;
	bool ns;
} names[] = {
	{ "local", true },   { "global", true },   { "mono", true },	 { "mono_raw", true },
	{ "tai", true },     { "tsc2nsec", true }, { "uptime", true },	 { "perf", true },
	{ "boot", false },   { "x86-tsc", false }, { "counter", false }, { "", false },
	{ "locals", false },
};

static void test_name(void **state)
{
	const struct name_case *t = *state;

	assert_int_equal(clock_is_ns(t->name), t->ns);
}

int main(void)
{
	int failed = RUN_ROWS("clock", cases, test_clock);

	return failed + RUN_ROWS("clock names", names, test_name);
}
