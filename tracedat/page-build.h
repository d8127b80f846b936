/* SPDX-License-Identifier: GPL-2.0 */
/*
 * page-build.h - events become ring-buffer pages, in the layout of the traced machine
 *
 * The opposite of page.h, for what takes events out of pages and must give pages again. The records
 * are those of the kernel: short ones up to 112 bytes, long ones above, an extend before a gap that
 * the 27 bits of a record do not hold, and an absolute stamp where the time goes back.
 */
#ifndef TRACEDAT_PAGE_BUILD_H
#define TRACEDAT_PAGE_BUILD_H

#include "tracedat/page.h"

struct page_build {
	const struct page_layout *layout; /* borrowed */
	uint8_t *page;			  /* borrowed, layout->size bytes; NULL: only count */
	uint32_t at, end;  /* offsets of the next record, and of the end of the room */
	uint64_t ts;	   /* of the last record */
	uint64_t first_ts; /* of the page */
	int64_t lost;	   /* as in struct page_walk */
	bool empty;
};

/*
 * Begin a page at @page, or without one: then nothing is written, and page_build_add() says what
 * would fit. @lost is what was lost before it: 0, a count, or PAGE_LOST_UNKNOWN.
 */
void page_build_begin(struct page_build *b, const struct page_layout *layout, uint8_t *page,
		      int64_t lost);

/*
 * Add an event: @size bytes (a multiple of 4) of payload, @ts in units of the trace clock. False:
 * it does not fit into this page, which is as before; an empty page that refuses is too small for
 * it. A gap of 2^59 units or more, forward or back, also needs a new page.
 */
bool page_build_add(struct page_build *b, uint64_t ts, const uint8_t *data, uint32_t size);

/* Write the page's header, and zeros behind the records. */
void page_build_end(struct page_build *b);

/*
 * Change what a page says was lost before it; its records stay. A count that has no place behind
 * them, or that the machine's long does not hold, becomes PAGE_LOST_UNKNOWN.
 */
void page_set_lost(const struct page_layout *layout, uint8_t *page, int64_t lost);

#endif
