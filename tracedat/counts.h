/* SPDX-License-Identifier: GPL-2.0 */
/* counts.h - how much is in a part file: one fast pass over its pages */
#ifndef TRACEDAT_COUNTS_H
#define TRACEDAT_COUNTS_H

#include "tracedat/writer.h"

struct tdat_page_counts {
	uint64_t pages;	       /* whole ones, broken ones too */
	uint64_t events;       /* data records; of a broken page those before the damage */
	uint64_t lost;	       /* events that the pages say were lost, where they know the number */
	uint64_t lost_unknown; /* pages that say that an unknown number was lost before them */
	uint64_t broken;       /* pages with a record or a length that does not fit */
	uint64_t tail;	       /* bytes behind the last whole page of each extent */
	uint64_t first_ts;     /* of the first and of the last event, units of the trace clock; */
	uint64_t last_ts;      /* 0 without events */
};

/*
 * Add what is in the extents of @fd (their own .fd is not looked at), in their order, to @to, which
 * starts as {0}: so CPUs or parts can be summed up; first_ts is kept when there were events before.
 * -ENODATA when the file ends within an extent: @to then has what came before.
 */
int tdat_count_pages(int fd, const struct tdat_extent *x, size_t n, const struct page_layout *l,
		     struct tdat_page_counts *to, struct err *e);

/* The same for pages in memory; returns the bytes taken, a multiple of the page size. */
size_t tdat_count_memory(const uint8_t *pages, size_t len, const struct page_layout *l,
			 struct tdat_page_counts *to);

#endif
