// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_page.c - any bytes as a page
 *
 * The first byte picks the machine (bit 0: big endian, bit 1: 4-byte long). Properties: every
 * record lies in the page, behind the one before it; and the events of a page, put into a new page
 * with time extends, are walked as the same events.
 */
#include "base/cursor.h"
#include "tracedat/counts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DELTA_BITS = 27, NEW_PAGE = 1 << 22 };

static struct page_layout layout_of(uint8_t pick, size_t size)
{
	struct page_layout l = { .commit_off = 8, .big = pick & 1 };

	l.commit_size = pick & 2 ? 4 : 8;
	l.data_off = 8 + l.commit_size;
	l.size = (uint32_t)(size - size % 4);
	return l;
}

static void put_word(struct wcur *w, uint32_t type, uint32_t delta)
{
	wcur_u32(w, w->big ? type << DELTA_BITS | delta : delta << 5 | type);
}

/* One event, @delta units behind the one before it, whatever that is modulo 2^64. */
static void put_event(struct wcur *w, uint64_t delta, const struct page_record *rec)
{
	while (delta) {
		uint64_t step = min_u64(delta, (1ULL << 59) - 1);

		put_word(w, 30, (uint32_t)step & ((1U << DELTA_BITS) - 1));
		wcur_u32(w, (uint32_t)(step >> DELTA_BITS));
		delta -= step;
	}
	put_word(w, 0, 0);
	wcur_u32(w, rec->size + 4);
	wcur_mem(w, rec->data, rec->size);
}

static void walk_again(const struct page_layout *l, const uint8_t *page, const uint8_t *again)
{
	struct page_layout big_page = *l;
	struct page_record a, b;
	struct page_walk wa, wb;

	big_page.size = NEW_PAGE;
	page_walk_begin(&wa, l, page);
	page_walk_begin(&wb, &big_page, again);
	while (page_walk_next(&wa, &a))
		if (!page_walk_next(&wb, &b) || a.ts != b.ts || a.size != b.size ||
		    memcmp(a.data, b.data, a.size))
			abort();
	if (page_walk_next(&wb, &b) || wb.broken)
		abort();
}

static void walk(const struct page_layout *l, const uint8_t *page)
{
	static uint8_t again[NEW_PAGE];
	struct wcur w = wcur_make(again, sizeof(again), l->big), commit;
	const uint8_t *last = page + l->data_off;
	struct tdat_page_counts counts = { 0 };
	struct page_record rec;
	struct page_walk walked;
	uint64_t n = 0, ts;

	page_walk_begin(&walked, l, page);
	ts = page_timestamp(l, page);
	wcur_u64(&w, ts);
	commit = w;
	wcur_uint(&w, 0, l->commit_size);
	for (; page_walk_next(&walked, &rec); n++) {
		if (rec.data < last || rec.data + rec.size > page + l->size)
			abort();
		last = rec.data + rec.size;
		put_event(&w, rec.ts - ts, &rec);
		ts = rec.ts;
	}
	if (w.bad)
		abort();
	wcur_uint(&commit, (uint64_t)(w.p - again) - l->data_off, l->commit_size);
	walk_again(l, page, again);
	if (tdat_count_memory(page, l->size, l, &counts) != l->size || counts.events != n ||
	    counts.broken != walked.broken)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct page_layout l;
	uint8_t *page;

	if (size < 1 + 64 || size > 1 + 65536)
		return 0;
	l = layout_of(data[0], size - 1);
	page = malloc(l.size); /* exact, so that ASan sees a read behind it */
	if (!page)
		return 0;
	memcpy(page, data + 1, l.size);
	walk(&l, page);
	free(page);
	return 0;
}
