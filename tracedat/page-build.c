// SPDX-License-Identifier: GPL-2.0
/*
 * page-build.c - build ring-buffer pages
 *
 * Theory of operation
 *
 * The page's timestamp is that of its first event, whose record then has no time. Each further
 * record carries the time since the one before it, behind an extend where 27 bits do not hold that.
 * An absolute stamp says where the time goes back; its 59 bits get the upper 5 from the time before
 * it, so it is for times that agree in these.
 *
 * A count of lost events lies behind the records, so its place is kept free from the beginning.
 *
 * Invariants: what page_walk_next() gives of such a page is what was added, and the page has no
 * record that an honest kernel could not have written.
 */
#include "tracedat/page-build.h"

#include "base/cursor.h"
#include "tracedat/page-format.h"

enum { LONG_HEAD = 8, SHORT_HEAD = 4, TIME_SIZE = 8 };

static bool is_short(uint32_t size)
{
	return size && size <= SHORT_HEAD * REC_SHORT_MAX;
}

/* Whether the machine's long holds the count. */
static bool fits_long(const struct page_layout *l, int64_t lost)
{
	return lost > 0 && (l->commit_size == 8 || lost <= INT32_MAX);
}

void page_build_begin(struct page_build *b, const struct page_layout *layout, uint8_t *page,
		      int64_t lost)
{
	*b = (struct page_build){ .layout = layout, .page = page, .lost = lost, .empty = true };
	b->at = layout->data_off;
	b->end = layout->size - (fits_long(layout, lost) ? layout->commit_size : 0);
}

/* The next 4 bytes. */
static void put_word(struct page_build *b, uint32_t v)
{
	struct wcur w;

	if (b->page) {
		w = wcur_make(b->page + b->at, sizeof(v), b->layout->big);
		wcur_u32(&w, v);
	}
	b->at += sizeof(v);
}

static void put_head(struct page_build *b, uint32_t type, uint32_t delta)
{
	put_word(b,
		 b->layout->big ? type << DELTA_BITS | delta : delta << (32 - DELTA_BITS) | type);
}

/* What must stand before a record: type 0 = nothing. False: no record can say this time. */
static bool time_record(const struct page_build *b, uint64_t ts, uint32_t *type, uint64_t *value)
{
	*type = 0;
	*value = ts - b->ts;
	if (ts >= b->ts && *value <= DELTA_MAX)
		return true;
	if (ts >= b->ts) {
		*type = REC_TIME_EXTEND;
		return *value >> STAMP_BITS == 0;
	}
	*type = REC_TIME_STAMP;
	*value = ts & ~TOP_BITS;
	return (ts & TOP_BITS) == (b->ts & TOP_BITS);
}

bool page_build_add(struct page_build *b, uint64_t ts, const uint8_t *data, uint32_t size)
{
	uint32_t head = is_short(size) ? SHORT_HEAD : LONG_HEAD, type = 0;
	uint64_t value = 0, need = (uint64_t)head + size;

	if (!b->empty && !time_record(b, ts, &type, &value))
		return false;
	if (type)
		need += TIME_SIZE;
	if (size % 4 || need > b->end - b->at) {
		/* A count that leaves no place for the only event gives way. */
		if (!b->empty || size % 4 || need > b->layout->size - b->at)
			return false;
		b->end = b->layout->size;
	}
	if (b->empty)
		b->first_ts = ts;
	if (type) {
		put_head(b, type, (uint32_t)(value & DELTA_MAX));
		put_word(b, (uint32_t)(value >> DELTA_BITS));
		value = 0;
	}
	put_head(b, is_short(size) ? size / 4 : REC_LONG, (uint32_t)value);
	if (!is_short(size))
		put_word(b, size + 4);
	if (b->page && size)
		memcpy(b->page + b->at, data, size);
	b->at += size;
	b->ts = ts;
	b->empty = false;
	return true;
}

static void put_commit(const struct page_layout *l, uint8_t *page, uint64_t commit)
{
	struct wcur w = wcur_make(page + l->commit_off, l->commit_size, l->big);

	wcur_uint(&w, commit, l->commit_size);
}

void page_set_lost(const struct page_layout *layout, uint8_t *page, int64_t lost)
{
	uint32_t valid = page_valid(layout, page), at = layout->data_off + valid;
	bool stored = fits_long(layout, lost) && valid <= layout->size - layout->data_off &&
		      layout->size - at >= layout->commit_size;
	uint64_t commit = valid;
	struct wcur w;

	/* As the kernel's signed word: bit 31 is that of all bits above. */
	if (lost)
		commit |= ~0ULL << 32 | COMMIT_LOST | (stored ? COMMIT_STORED : 0);
	put_commit(layout, page, commit);
	if (!stored)
		return;
	w = wcur_make(page + at, layout->commit_size, layout->big);
	wcur_uint(&w, (uint64_t)lost, layout->commit_size);
}

void page_build_end(struct page_build *b)
{
	const struct page_layout *l = b->layout;
	struct wcur w;

	if (!b->page)
		return;
	w = wcur_make(b->page, l->data_off, l->big);
	wcur_u64(&w, b->first_ts);
	wcur_zero(&w, l->data_off - sizeof(uint64_t));
	memset(b->page + b->at, 0, l->size - b->at);
	put_commit(l, b->page, b->at - l->data_off);
	page_set_lost(l, b->page, b->lost);
}
