// SPDX-License-Identifier: GPL-2.0
/*
 * test_page.c - the walk over the records of a page, in four machine layouts
 *
 * Each case is a list of records and the list of (time, size) that must come out; where the bytes
 * are well formed, libtraceevent's kbuffer walks the same page and must agree.
 */
#include "tests/unit/tracedat/fixture.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <kbuffer.h>

enum kind { END, SHORT, LONG, PAD_REST, PAD, EXTEND, STAMP, RAW };

struct step {
	enum kind kind;
	uint32_t delta;
	uint32_t arg; /* payload bytes; PAD: L; EXTEND, STAMP: second word; RAW: the whole word */
};

struct want {
	uint64_t ts;
	uint32_t size;
};

enum { OWN_ONLY = 1 }; /* kbuffer is not asked: the bytes are damaged */

static const struct page_case {
	const char *name;
	uint64_t ts;
	struct step steps[8];
	struct want want[8];
	bool broken;
	int flags;
} cases[] = {
	{ "empty page", 5, { { END } }, { { 0 } }, false, 0 },
	{ "all record types",
	  1000,
	  { { SHORT, 5, 4 }, { PAD, 7, 4 }, { SHORT, 3, 8 }, { EXTEND, 2, 1 }, { LONG, 4, 12 } },
	  { { 1005, 4 }, { 1015, 8 }, { 134218749, 12 } },
	  false,
	  0 },
	{ "padding with delta 1 counts",
	  100,
	  { { SHORT, 5, 4 }, { PAD, 1, 8 }, { SHORT, 3, 4 } },
	  { { 105, 4 }, { 109, 4 } },
	  false,
	  0 },
	{ "padding to the end",
	  100,
	  { { SHORT, 5, 4 }, { PAD_REST, 0, 0 }, { SHORT, 3, 4 } },
	  { { 105, 4 } },
	  false,
	  0 },
	{ "absolute stamp",
	  5,
	  { { SHORT, 1, 4 }, { STAMP, 77, 9 }, { SHORT, 2, 4 } },
	  { { 6, 4 }, { (9ULL << 27) + 79, 4 } },
	  false,
	  0 },
	{ "absolute stamp takes the top bits",
	  0xab00000000000005ULL,
	  { { STAMP, 0x4d, 0x09000000 }, { SHORT, 2, 4 } },
	  { { 0xa80000000000004fULL + (0x09000000ULL << 27), 4 } },
	  false,
	  0 },
	{ "absolute stamp takes the top bits of the running time",
	  0x07fffffffffffff0ULL,
	  { { EXTEND, 0, 1 }, { SHORT, 1, 4 }, { STAMP, 7, 1 }, { SHORT, 2, 4 } },
	  { { 0x07fffffffffffff1ULL + (1 << 27), 4 }, { 0x0800000000000009ULL + (1 << 27), 4 } },
	  false,
	  0 },
	{ "absolute stamp may go back",
	  0x1000,
	  { { SHORT, 1, 4 }, { STAMP, 7, 0 }, { SHORT, 2, 4 } },
	  { { 0x1001, 4 }, { 9, 4 } },
	  false,
	  0 },
	{ "biggest extend",
	  1,
	  { { EXTEND, 0x7ffffff, 0xffffffff }, { SHORT, 1, 112 } },
	  { { 1 + ((0xffffffffULL << 27) + 0x7ffffff) + 1, 112 } },
	  false,
	  0 },
	{ "long record longer than a short one can be",
	  1,
	  { { LONG, 1, 400 }, { SHORT, 1, 4 } },
	  { { 2, 400 }, { 3, 4 } },
	  false,
	  0 },
	{ "discarded first record",
	  50,
	  { { PAD, 9, 4 }, { SHORT, 1, 4 } },
	  { { 60, 4 } },
	  false,
	  0 },
	{ "only an extend", 50, { { EXTEND, 9, 4 } }, { { 0 } }, false, 0 },
	{ "short record cut", 7, { { SHORT, 1, 4 }, { RAW, 2, 9 } }, { { 8, 4 } }, true, OWN_ONLY },
	{ "long record without its length", 7, { { RAW, 2, 0 } }, { { 0 } }, true, OWN_ONLY },
	{ "extend without its second word", 7, { { RAW, 2, 30 } }, { { 0 } }, true, OWN_ONLY },
	{ "padding without its length", 7, { { RAW, 2, 29 } }, { { 0 } }, true, OWN_ONLY },
	{ "padding longer than the page",
	  7,
	  { { SHORT, 1, 4 }, { PAD, 1, 4096 } },
	  { { 8, 4 } },
	  true,
	  OWN_ONLY },
	{ "padding of length 0 (would not move)",
	  7,
	  { { PAD, 1, 0 }, { SHORT, 1, 4 } },
	  { { 0 } },
	  true,
	  OWN_ONLY },
};

static const struct fx_machine *const machines[] = { &fx_le64, &fx_be64, &fx_le32, &fx_be32 };

static void put_step(struct fx_page *p, const struct step *s)
{
	static const uint8_t zeros[512];

	switch (s->kind) {
	case SHORT:
		fx_record(p, s->delta, zeros, s->arg);
		break;
	case LONG:
		fx_long_record(p, s->delta, zeros, s->arg);
		break;
	case PAD_REST:
		fx_word(p, 29, 0);
		break;
	case PAD:
		fx_word(p, 29, s->delta);
		fx_uint(p->m, &p->bytes, s->arg, 4);
		fx_mem(&p->bytes, zeros, s->arg >= 4 && s->arg < 512 ? s->arg - 4 : 0);
		break;
	case EXTEND:
	case STAMP:
		fx_word(p, s->kind == EXTEND ? 30 : 31, s->delta);
		fx_uint(p->m, &p->bytes, s->arg, 4);
		break;
	case RAW:
		fx_word(p, s->arg, s->delta);
		break;
	case END:
		break;
	}
}

static void make_page(const struct page_case *t, const struct fx_machine *m, struct buf *to)
{
	struct fx_page p;

	fx_page_begin(&p, m, t->ts);
	for (size_t i = 0; i < ARRAY_SIZE(t->steps) && t->steps[i].kind; i++)
		put_step(&p, &t->steps[i]);
	fx_page_end(&p, 0, 0, to);
}

static void judge(const struct page_case *t, const struct fx_machine *m, struct buf *page)
{
	struct kbuffer *k = kbuffer_alloc(m->long_size == 8 ? KBUFFER_LSIZE_8 : KBUFFER_LSIZE_4,
					  m->big ? KBUFFER_ENDIAN_BIG : KBUFFER_ENDIAN_LITTLE);
	unsigned long long ts = 0;
	size_t n = 0;

	assert_int_equal(kbuffer_load_subbuffer(k, page->data), 0);
	for (void *d = kbuffer_read_event(k, &ts); d; d = kbuffer_next_event(k, &ts), n++) {
		assert_true(n < ARRAY_SIZE(t->want));
		assert_int_equal(ts, t->want[n].ts);
		assert_int_equal(kbuffer_event_size(k), t->want[n].size);
	}
	assert_true(n == ARRAY_SIZE(t->want) || !t->want[n].size);
	kbuffer_free(k);
}

static void walk(const struct page_case *t, const struct fx_machine *m)
{
	struct page_layout l = fx_layout(m);
	struct buf page = { 0 };
	struct page_record rec;
	struct page_walk w;
	size_t n = 0;

	make_page(t, m, &page);
	page_walk_begin(&w, &l, page.data);
	for (; page_walk_next(&w, &rec); n++) {
		assert_true(n < ARRAY_SIZE(t->want));
		assert_int_equal(rec.ts, t->want[n].ts);
		assert_int_equal(rec.size, t->want[n].size);
		assert_true(rec.data >= page.data + l.data_off);
		assert_true(rec.data + rec.size <= page.data + l.size);
	}
	assert_true(n == ARRAY_SIZE(t->want) || !t->want[n].size);
	assert_int_equal(w.broken, t->broken);
	assert_false(page_walk_next(&w, &rec));
	assert_int_equal(page_timestamp(&l, page.data), t->ts);
	if (!(t->flags & OWN_ONLY))
		judge(t, m, &page);
	buf_free(&page);
}

static void test_walk(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		walk(*state, machines[i]);
}

static const struct lost_case {
	const char *name;
	uint32_t flags;
	uint64_t stored;
	size_t fill; /* bytes of data; 0: as many as fit */
	int64_t want;
} lost_cases[] = {
	{ "nothing lost", 0, 0, 100, 0 },
	{ "bit 30 alone says nothing", BIT(30), 7, 100, 0 },
	{ "lost and counted", BIT(31) | BIT(30), 1483, 100, 1483 },
	{ "lost, not counted", BIT(31), 0, 100, PAGE_LOST_UNKNOWN },
	{ "no room for the count", BIT(31), 0, 0, PAGE_LOST_UNKNOWN },
	{ "counted as more than can be", BIT(31) | BIT(30), ~0ULL, 100, PAGE_LOST_UNKNOWN },
};

static void test_lost(void **state)
{
	const struct lost_case *t = *state;

	for (size_t i = 0; i < 2; i++) { /* the machines with 8 bytes of long */
		const struct fx_machine *m = machines[i];
		struct page_layout l = fx_layout(m);
		size_t fill = t->fill ? t->fill : l.size - l.data_off - 8;
		AUTO_FREE uint8_t *zeros = calloc(1, fill);
		struct buf page = { 0 };
		struct page_walk w;
		struct fx_page p;

		fx_page_begin(&p, m, 1);
		fx_long_record(&p, 0, zeros, fill);
		fx_page_end(&p, t->flags, t->stored, &page);
		assert_int_equal(page_lost(&l, page.data), t->want);
		assert_int_equal(page_valid(&l, page.data), fill + 8);
		page_walk_begin(&w, &l, page.data);
		assert_int_equal(w.lost, t->want);
		buf_free(&page);
	}
}

/* A count announced where the page has no room for it must not be read behind the page. */
static void test_lost_behind_page(void **state)
{
	struct page_layout l = fx_layout(&fx_le64);
	AUTO_FREE uint8_t *page = calloc(1, l.size); /* ASan judges */
	struct page_walk w;

	(void)state;
	memcpy(page + 8, "\xec\x0f\x00\xc0\xff\xff\xff\xff", 8); /* 4076 of 4080 bytes */
	assert_int_equal(page_lost(&l, page), PAGE_LOST_UNKNOWN);
	memcpy(page + 8, "\xff\xff\xff\xc7\xff\xff\xff\xff", 8); /* far more than a page */
	assert_int_equal(page_lost(&l, page), PAGE_LOST_UNKNOWN);
	page_walk_begin(&w, &l, page);
	assert_true(w.broken);
	assert_false(page_walk_next(&w, &(struct page_record){ 0 }));
}

#define TS   "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
#define COM  "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
#define OVER "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
#define DATA "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n"

static const struct layout_case {
	const char *name, *text;
	int want;
	struct page_layout layout;
	const char *says;
} layout_cases[] = {
	{ "64-bit", TS COM OVER DATA, 0, { 4096, 16, 8, 8, false }, NULL },
	{ "no newline at the end",
	  TS COM "\tfield: char data;\toffset:16;\tsize:4080;",
	  0,
	  { 4096, 16, 8, 8, false },
	  NULL },
	{ "32-bit",
	  TS "\tfield: local_t commit;\toffset:8;\tsize:4;\tsigned:1;\n"
	     "\tfield: char data;\toffset:12;\tsize:4084;\tsigned:1;\n",
	  0,
	  { 4096, 12, 8, 4, false },
	  NULL },
	{ "sub-buffers of 64 KiB",
	  TS COM "\tfield: char data;\toffset:16;\tsize:65520;\tsigned:1;\n",
	  0,
	  { 65536, 16, 8, 8, false },
	  NULL },
	{ "no text", "", -EINVAL, { 0 }, "timestamp" },
	{ "no data", TS COM OVER, -EINVAL, { 0 }, "'data'" },
	{ "no size", TS "\tfield: local_t commit;\toffset:8;\n" DATA, -EINVAL, { 0 }, "line 2" },
	{ "size of letters",
	  TS COM "\tfield: char data;\toffset:16;\tsize:big;\n",
	  -EINVAL,
	  { 0 },
	  "line 3" },
	{ "huge data",
	  TS COM "\tfield: char data;\toffset:16;\tsize:4294967280;\n",
	  -EINVAL,
	  { 0 },
	  "" },
	{ "data before commit",
	  TS COM "\tfield: char data;\toffset:8;\tsize:4080;\n",
	  -EINVAL,
	  { 0 },
	  "commit" },
	{ "commit of 2 bytes",
	  TS "\tfield: local_t commit;\toffset:8;\tsize:2;\n" DATA,
	  -EINVAL,
	  { 0 },
	  "commit" },
	{ "no room for records",
	  TS COM "\tfield: char data;\toffset:16;\tsize:0;\n",
	  -EINVAL,
	  { 0 },
	  "data" },
};

static void test_layout(void **state)
{
	const struct layout_case *t = *state;
	struct page_layout l = { 0 };
	struct err e = { 0 };

	assert_int_equal(page_layout_parse(&l, t->text, strlen(t->text), false, &e), t->want);
	if (t->want) {
		assert_non_null(strstr(e.what, t->says));
		return;
	}
	assert_int_equal(l.size, t->layout.size);
	assert_int_equal(l.data_off, t->layout.data_off);
	assert_int_equal(l.commit_off, t->layout.commit_off);
	assert_int_equal(l.commit_size, t->layout.commit_size);
}

#define ROW(fn, row)                                                    \
	{                                                               \
		(row).name, fn, NULL, NULL, (void *)(uintptr_t) & (row) \
	}

int main(void)
{
	struct CMUnitTest
		tests[ARRAY_SIZE(cases) + ARRAY_SIZE(lost_cases) + ARRAY_SIZE(layout_cases) + 1];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_walk, cases[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lost_cases); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_lost, lost_cases[i]);
	for (size_t i = 0; i < ARRAY_SIZE(layout_cases); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_layout, layout_cases[i]);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_lost_behind_page);
	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
