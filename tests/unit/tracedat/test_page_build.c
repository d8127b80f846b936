// SPDX-License-Identifier: GPL-2.0
/*
 * test_page_build.c - events into pages and out again, in four machine layouts
 *
 * What page_walk_next() gives of a built page must be what was added. Random events have small and
 * huge gaps, times that go back, and payloads from nothing to a page. libtraceevent's kbuffer walks
 * the same pages and must agree.
 */
#include "tests/unit/tracedat/fixture.c"

#include "tests/unit/base/rows.h"

#include <kbuffer.h>

#include "tracedat/page-build.h"

enum { EVENTS = 20000, PAYLOAD_MAX = 4096 };

static const struct machine_case {
	const char *name;
	const struct fx_machine *m;
} machines[] = {
	{ "le64", &fx_le64 }, { "be64", &fx_be64 },	    { "le32", &fx_le32 },
	{ "be32", &fx_be32 }, { "8 KiB pages", &fx_sub8k },
};

struct event {
	uint64_t ts;
	uint32_t size, seed;
};

/* The same numbers in each run: a failure can be repeated. */
static uint32_t random32(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*state >> 33);
}

static uint64_t random_gap(uint64_t *state)
{
	static const unsigned int bits[] = { 0, 4, 10, 16, 26, 27, 28, 40, 58, 59, 60 };
	uint64_t wide = (uint64_t)random32(state) << 32 | random32(state);
	unsigned int n = bits[random32(state) % ARRAY_SIZE(bits)];

	return random32(state) % 8 ? random32(state) % 5000 : wide & ((1ULL << n) - 1);
}

static struct event random_event(uint64_t *state, uint64_t last, uint32_t room)
{
	struct event ev = { .ts = last + random_gap(state), .seed = random32(state) };

	if (random32(state) % 50 == 0)
		ev.ts = last - random_gap(state);
	ev.size = random32(state) % 40 * 4;
	if (random32(state) % 30 == 0)
		ev.size = random32(state) % (room / 4 + 1) * 4;
	return ev;
}

static void payload(const struct event *ev, uint8_t *to)
{
	for (uint32_t i = 0; i < ev->size; i++)
		to[i] = (uint8_t)(ev->seed + i * 7);
}

static int64_t random_lost(uint64_t *state)
{
	uint32_t r = random32(state);

	return r % 4 == 0 ? PAGE_LOST_UNKNOWN : r % 4 == 1 ? (int64_t)(r % 100000) + 1 : 0;
}

static struct kbuffer *open_kbuffer(const struct fx_machine *m, uint8_t *page)
{
	enum kbuffer_long_size size = m->long_size == 8 ? KBUFFER_LSIZE_8 : KBUFFER_LSIZE_4;
	enum kbuffer_endian endian = m->big ? KBUFFER_ENDIAN_BIG : KBUFFER_ENDIAN_LITTLE;
	struct kbuffer *k = kbuffer_alloc(size, endian);

	assert_non_null(k);
	assert_int_equal(kbuffer_load_subbuffer(k, page), 0);
	return k;
}

static void expect_page(const struct fx_machine *m, const struct page_layout *l, uint8_t *page,
			const struct event *want, size_t n, int64_t lost)
{
	struct kbuffer *k = open_kbuffer(m, page);
	static uint8_t data[PAYLOAD_MAX * 2];
	struct page_record rec;
	struct page_walk w;

	page_walk_begin(&w, l, page);
	assert_true(w.lost == lost);
	for (size_t i = 0; i < n; i++) {
		unsigned long long ts;
		const uint8_t *p = kbuffer_read_event(k, &ts);

		assert_true(page_walk_next(&w, &rec));
		assert_true(rec.ts == want[i].ts);
		assert_int_equal(rec.size, want[i].size);
		payload(&want[i], data);
		if (rec.size)
			assert_memory_equal(rec.data, data, rec.size);
		assert_ptr_equal(p, rec.data);
		assert_true(ts == rec.ts);
		kbuffer_next_event(k, NULL);
	}
	assert_false(page_walk_next(&w, &rec));
	assert_false(w.broken);
	kbuffer_free(k);
}

/* Random events, page after page; a dry builder says the same of each. */
static void test_round_trip(void **state)
{
	const struct machine_case *t = *state;
	struct page_layout l = fx_layout(t->m);
	uint8_t *page = malloc(l.size), data[PAYLOAD_MAX * 2];
	struct event *evs = calloc(EVENTS, sizeof(*evs));
	uint64_t seed = 4711, last = 0x1234567800000000ULL;
	size_t first = 0, pages = 0;
	struct page_build b, dry;
	int64_t lost = 0;

	page_build_begin(&b, &l, page, lost);
	page_build_begin(&dry, &l, NULL, lost);
	for (size_t i = 0; i < EVENTS; i++) {
		evs[i] = random_event(&seed, last, l.size - l.data_off - 8 - l.commit_size);
		last = evs[i].ts;
		payload(&evs[i], data);
		if (page_build_add(&b, evs[i].ts, data, evs[i].size)) {
			assert_true(page_build_add(&dry, evs[i].ts, NULL, evs[i].size));
			continue;
		}
		assert_false(page_build_add(&dry, evs[i].ts, NULL, evs[i].size));
		page_build_end(&b);
		expect_page(t->m, &l, page, evs + first, i - first, lost);
		lost = random_lost(&seed);
		page_build_begin(&b, &l, page, lost);
		page_build_begin(&dry, &l, NULL, lost);
		assert_true(page_build_add(&b, evs[i].ts, data, evs[i].size));
		assert_true(page_build_add(&dry, evs[i].ts, NULL, evs[i].size));
		first = i;
		pages++;
	}
	assert_true(pages > 100);
	free(evs);
	free(page);
}

/* --- single pages */

static const struct one_case {
	const char *name;
	struct event evs[3];
	bool fits[3];
	int64_t lost, want_lost; /* want on le64 */
	uint32_t valid;		 /* bytes of records on le64 */
} one_cases[] = {
	{ "nothing", { { 0 } }, { false }, 0, 0, 0 },
	{ "nothing, but a loss", { { 0 } }, { false }, 12, 12, 0 },
	{ "short", { { 5, 4, 1 } }, { true }, 0, 0, 8 },
	{ "longest short", { { 5, 112, 1 } }, { true }, 0, 0, 116 },
	{ "shortest long", { { 5, 116, 1 } }, { true }, 0, 0, 124 },
	{ "biggest delta", { { 5, 4, 1 }, { 4 + (1 << 27), 4, 1 } }, { true, true }, 0, 0, 16 },
	{ "smallest extend", { { 5, 4, 1 }, { 5 + (1 << 27), 4, 1 } }, { true, true }, 0, 0, 24 },
	{ "biggest extend", { { 5, 4, 1 }, { 4 + (1ULL << 59), 4, 1 } }, { true, true }, 0, 0, 24 },
	{ "too big for an extend", { { 5, 4, 1 }, { 5 + (1ULL << 59), 4, 1 } }, { true }, 0, 0, 8 },
	{ "back", { { 500, 4, 1 }, { 5, 4, 1 } }, { true, true }, 0, 0, 24 },
	{ "back over the top bits", { { 1ULL << 60, 4, 1 }, { 5, 4, 1 } }, { true }, 0, 0, 8 },
	{ "a full page", { { 5, 4072, 1 } }, { true }, 0, 0, 4080 },
	{ "more than a page", { { 5, 4076, 1 } }, { false }, 0, 0, 0 },
	{ "a full page has no place for a number", { { 5, 4072, 1 } }, { true }, 9, -1, 4080 },
	{ "the place of the number is kept",
	  { { 5, 4000, 1 }, { 6, 64, 1 }, { 6, 56, 1 } },
	  { true, false, true },
	  9,
	  9,
	  4068 },
	{ "unknown needs no place",
	  { { 5, 4000, 1 }, { 6, 68, 1 } },
	  { true, true },
	  -1,
	  -1,
	  4080 },
	{ "not a multiple of four", { { 5, 6, 1 } }, { false }, 0, 0, 0 },
};

static void test_one(void **state)
{
	const struct one_case *t = *state;
	struct page_layout l = fx_layout(&fx_le64);
	uint8_t page[4096], data[PAYLOAD_MAX * 2];
	struct event in[3];
	struct page_build b;
	size_t n = 0;

	memset(page, 0xa5, sizeof(page));
	page_build_begin(&b, &l, page, t->lost);
	for (size_t i = 0; i < ARRAY_SIZE(t->evs) && t->evs[i].seed; i++) {
		payload(&t->evs[i], data);
		assert_int_equal(page_build_add(&b, t->evs[i].ts, data, t->evs[i].size),
				 t->fits[i]);
		if (t->fits[i])
			in[n++] = t->evs[i];
	}
	page_build_end(&b);
	expect_page(&fx_le64, &l, page, in, n, t->want_lost);
	assert_int_equal(page_valid(&l, page), t->valid);
	for (uint32_t at = l.data_off + t->valid + 8; at < l.size; at++)
		assert_int_equal(page[at], 0);
}

static const struct lost_case {
	const char *name;
	const struct fx_machine *m;
	int64_t lost, want;
} lost_cases[] = {
	{ "none", &fx_le64, 0, 0 },
	{ "a number", &fx_be64, 77, 77 },
	{ "unknown", &fx_le64, PAGE_LOST_UNKNOWN, PAGE_LOST_UNKNOWN },
	{ "a number, 32 bits", &fx_be32, 0x7fffffff, 0x7fffffff },
	{ "a number that 32 bits do not hold", &fx_le32, 0x80000000LL, PAGE_LOST_UNKNOWN },
	{ "a number that 64 bits hold", &fx_le64, 0x80000000LL, 0x80000000LL },
};

/* On a page that said something else before. */
static void test_set_lost(void **state)
{
	const struct lost_case *t = *state;
	struct page_layout l = fx_layout(t->m);
	struct buf bytes = { 0 };

	fx_pages(t->m, 2, 5, 1, 77, 1483, &bytes);
	page_set_lost(&l, bytes.data + l.size, t->lost);
	assert_true(page_lost(&l, bytes.data + l.size) == t->want);
	assert_int_equal(page_valid(&l, bytes.data + l.size), 5 * 16);
	buf_free(&bytes);
}

int main(void)
{
	return RUN_ROWS("page_build: round trip", machines, test_round_trip) +
	       RUN_ROWS("page_build: pages", one_cases, test_one) +
	       RUN_ROWS("page_build: lost", lost_cases, test_set_lost);
}
