// SPDX-License-Identifier: GPL-2.0
/*
 * page.c - walk the records of one ftrace sub-buffer
 *
 * Theory of operation
 *
 * A page is a header (timestamp, commit word) and records. Each record begins with one 32-bit word:
 * 5 bits of type and 27 bits of time since the record before it. The walk keeps the running time
 * and stops at the number of valid bytes that the commit word gives. The top bits of that word say
 * that events were lost before the page; their number, where it is known, lies right behind the
 * valid bytes.
 *
 * Invariants: nothing outside of the page is read, whatever it says; each step moves forward by at
 * least four bytes, so a walk ends. Times are those of libtraceevent 1.7.1 (the library under the
 * stock report): the delta of a discarded record counts, and an absolute stamp of 59 bits takes its
 * top 5 bits from the time before it and is never corrected for a wrap.
 *
 * Speed matters: the report and the counting of what was recorded pass each event through here.
 */
#include "tracedat/page.h"

#include <endian.h>
#include "tracedat/page-format.h"

static inline uint32_t load32(const uint8_t *p, bool big)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return big ? be32toh(v) : le32toh(v);
}

static inline uint64_t load64(const uint8_t *p, bool big)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return big ? be64toh(v) : le64toh(v);
}

/* The kernel's long: 4 or 8 bytes. */
static inline uint64_t load_long(const struct page_layout *l, const uint8_t *p)
{
	return l->commit_size == 8 ? load64(p, l->big) : load32(p, l->big);
}

static inline uint32_t commit_word(const struct page_layout *l, const uint8_t *page)
{
	return (uint32_t)load_long(l, page + l->commit_off);
}

uint64_t page_timestamp(const struct page_layout *layout, const uint8_t *page)
{
	return load64(page, layout->big);
}

uint32_t page_valid(const struct page_layout *layout, const uint8_t *page)
{
	return commit_word(layout, page) & COMMIT_VALID;
}

int64_t page_lost(const struct page_layout *layout, const uint8_t *page)
{
	uint32_t commit = commit_word(layout, page), valid = commit & COMMIT_VALID;
	uint32_t room = layout->size - layout->data_off;
	int64_t lost;

	if (!(commit & COMMIT_LOST))
		return 0;
	if (!(commit & COMMIT_STORED) || valid > room || room - valid < layout->commit_size)
		return PAGE_LOST_UNKNOWN;
	lost = (int64_t)load_long(layout, page + layout->data_off + valid);
	return lost < 0 ? PAGE_LOST_UNKNOWN : lost;
}

void page_walk_begin(struct page_walk *w, const struct page_layout *layout, const uint8_t *page)
{
	uint32_t valid = page_valid(layout, page);

	*w = (struct page_walk){ .layout = layout, .page = page, .at = layout->data_off };
	w->ts = page_timestamp(layout, page);
	w->lost = page_lost(layout, page);
	w->broken = valid > layout->size - layout->data_off;
	w->end = w->at + (w->broken ? 0 : valid);
}

/* Bytes of the record at w->at, its first word included; 0 when it overruns the page. */
static inline uint32_t record_size(const struct page_walk *w, uint32_t type, uint32_t delta)
{
	uint32_t left = w->end - w->at, size;

	if (type >= REC_TIME_EXTEND) {
		size = 8;
	} else if (type != REC_LONG && type <= REC_SHORT_MAX) {
		size = 4 + 4 * type;
	} else if (type == REC_PADDING && !delta) {
		size = left;
	} else {
		if (left < 8)
			return 0;
		size = load32(w->page + w->at + 4, w->layout->big);
		if (size < 4 || size > left - 4 || size % 4)
			return 0;
		size += 4;
	}
	return size <= left ? size : 0;
}

/* The running time behind a record that is not an absolute stamp, or at one that is. */
static inline uint64_t record_time(const struct page_walk *w, uint32_t type, uint32_t delta)
{
	uint64_t wide;

	if (type < REC_TIME_EXTEND)
		return w->ts + delta;
	wide = ((uint64_t)load32(w->page + w->at + 4, w->layout->big) << DELTA_BITS) + delta;
	if (type == REC_TIME_EXTEND)
		return w->ts + wide;
	return wide | (w->ts & TOP_BITS);
}

bool page_walk_next(struct page_walk *w, struct page_record *rec)
{
	bool big = w->layout->big;

	while (w->end - w->at >= 4) {
		const uint8_t *p = w->page + w->at;
		uint32_t word = load32(p, big);
		uint32_t type = big ? word >> DELTA_BITS : word & 31;
		uint32_t delta = big ? word & DELTA_MAX : word >> 5;
		uint32_t size = record_size(w, type, delta);

		if (!size)
			break;
		w->ts = record_time(w, type, delta);
		w->at += size;
		if (type > REC_SHORT_MAX)
			continue;
		rec->ts = w->ts;
		rec->data = p + (type == REC_LONG ? 8 : 4);
		rec->size = size - (type == REC_LONG ? 8 : 4);
		return true;
	}
	if (w->at != w->end) {
		w->broken = true;
		w->at = w->end;
	}
	return false;
}
