// SPDX-License-Identifier: GPL-2.0
/*
 * test_missed.c - the flag "events were lost before", set in pages of machines that are not known
 */
#include "tests/unit/tracedat/fixture.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tracedat/page.h"

static const uint32_t lost_bit = 1U << 31, stored_bit = 1U << 30;

/* A page with @ticks events, flags and a lost count. */
static void make_page(const struct fx_machine *m, unsigned int ticks, uint32_t flags, uint64_t lost,
		      struct buf *to)
{
	struct fx_page p;

	to->len = 0;
	fx_page_begin(&p, m, 1000);
	for (unsigned int i = 0; i < ticks; i++)
		fx_tick(&p, i ? 10 : 0, i);
	fx_page_end(&p, flags, lost, to);
}

static unsigned int events(const struct page_layout *l, const uint8_t *page)
{
	struct page_record rec;
	struct page_walk w;
	unsigned int n = 0;

	page_walk_begin(&w, l, page);
	while (page_walk_next(&w, &rec))
		n++;
	return w.broken ? 9999 : n;
}

static void test_machine(const struct fx_machine *m)
{
	struct page_layout l = fx_layout(m);
	struct buf b = { 0 };

	/* Lengths of one byte, of two, and with a low byte that is small. */
	for (unsigned int ticks = 1; ticks < 200; ticks++) {
		make_page(m, ticks, 0, 0, &b);
		assert_int_equal(page_lost(&l, b.data), 0);
		assert_true(page_set_missed(b.data, m->page_size));
		assert_int_equal(page_lost(&l, b.data), PAGE_LOST_UNKNOWN);
		assert_int_equal(events(&l, b.data), ticks);
		assert_false(page_set_missed(b.data, m->page_size));
	}
	for (unsigned int ticks = 1; ticks < 200; ticks++) {
		make_page(m, ticks, lost_bit | stored_bit, 17, &b);
		assert_false(page_set_missed(b.data, m->page_size));
		assert_int_equal(page_lost(&l, b.data), 17);
		make_page(m, ticks, lost_bit, 0, &b);
		assert_false(page_set_missed(b.data, m->page_size));
		assert_int_equal(events(&l, b.data), ticks);
	}
	make_page(m, 0, 0, 0, &b);
	assert_false(page_set_missed(b.data, m->page_size));
	assert_int_equal(events(&l, b.data), 0);
	buf_free(&b);
}

static void test_all(void **state)
{
	const struct fx_machine *const all[] = { &fx_le64, &fx_be64, &fx_le32, &fx_be32,
						 &fx_sub8k };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		test_machine(all[i]);
}

/* Whatever comes: nothing but 4 bytes of the header may change, and nothing outside. */
static void test_junk(void **state)
{
	uint8_t page[1024], was[1024];

	(void)state;
	for (unsigned int seed = 0; seed < 1000; seed++) {
		for (size_t i = 0; i < sizeof(page); i++)
			page[i] = was[i] = (uint8_t)(seed * 31 + i * 7 * (seed % 13));
		page_set_missed(page, sizeof(page));
		assert_memory_equal(page, was, 8);
		assert_memory_equal(page + 16, was + 16, sizeof(page) - 16);
	}
	assert_false(page_set_missed(page, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_all),
					    cmocka_unit_test(test_junk) };

	return cmocka_run_group_tests_name("missed", tests, NULL, NULL);
}
