/* SPDX-License-Identifier: GPL-2.0 */
/*
 * page.h - one ftrace sub-buffer ("page"): its header, its records, what was lost before it
 *
 * Format: the layout comes from the traced kernel's
 * events/header_page, the record types from events/header_event. All bytes are hostile: a record
 * that overruns the page ends the walk with .broken set.
 */
#ifndef TRACEDAT_PAGE_H
#define TRACEDAT_PAGE_H

#include "base/err.h"

/* How the traced machine lays out a sub-buffer. */
struct page_layout {
	uint32_t size;	      /* bytes of the whole sub-buffer: data_off + data size */
	uint32_t data_off;    /* where records begin: 16 on 64-bit kernels */
	uint32_t commit_off;  /* 8 */
	uint32_t commit_size; /* 4 or 8: the kernel's sizeof(long) */
	bool big;	      /* byte order of the traced machine */
};

/* Parse the text of tracefs events/header_page. -EINVAL with the line that is wrong. */
int page_layout_parse(struct page_layout *to, const char *text, size_t len, bool big,
		      struct err *e);

enum { PAGE_LOST_UNKNOWN = -1 };

struct page_record {
	uint64_t ts;	     /* in units of the trace clock */
	const uint8_t *data; /* payload, borrowed from the page */
	uint32_t size;	     /* payload bytes, padding to 4 included */
};

/* A walk over one page. */
struct page_walk {
	const struct page_layout *layout; /* borrowed */
	const uint8_t *page;		  /* borrowed, layout->size bytes */
	uint32_t at, end; /* offsets in the page of the next record and of the end */
	uint64_t ts;	  /* running time */
	int64_t lost;	  /* events lost before this page: 0, a count, or PAGE_LOST_UNKNOWN */
	bool broken;	  /* a record overran the page, or commit was larger than the page */
};

/* Begin a walk; @page has at least layout->size bytes. */
void page_walk_begin(struct page_walk *w, const struct page_layout *layout, const uint8_t *page);

/* The next data record; false at the end of the page (or when .broken). */
bool page_walk_next(struct page_walk *w, struct page_record *rec);

/* Timestamp, valid bytes, and lost count of a page's header only, without a walk. */
uint64_t page_timestamp(const struct page_layout *layout, const uint8_t *page);
uint32_t page_valid(const struct page_layout *layout, const uint8_t *page);
int64_t page_lost(const struct page_layout *layout, const uint8_t *page);

/*
 * Say in a page of @size bytes, of a machine that is not known yet, that an unknown number of
 * events was lost before it. False: it says so already, or it is empty.
 */
bool page_set_missed(uint8_t *page, uint32_t size);

/* What is lost in all when @a and then @b were: either may be PAGE_LOST_UNKNOWN, and so is the sum.
 */
static inline int64_t page_lost_sum(int64_t a, int64_t b)
{
	return a == PAGE_LOST_UNKNOWN || b == PAGE_LOST_UNKNOWN || a > INT64_MAX - b
		       ? PAGE_LOST_UNKNOWN
		       : a + b;
}

#endif
