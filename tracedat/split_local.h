/* SPDX-License-Identifier: GPL-2.0 */
/* split_local.h - one CPU that is being split, as its two passes see it */
#ifndef TRACEDAT_SPLIT_LOCAL_H
#define TRACEDAT_SPLIT_LOCAL_H

#include "tracedat/merge.h"
#include "tracedat/split.h"
#include "tracedat/writer.h"

#define SPLIT_REST \
	UINT64_MAX /* struct split_range: up to the end, and what is behind the last event */

/* Events of a CPU by number, in the order of the file: [from, to). */
struct split_range {
	uint64_t from, to;
};

/* The second pass: the pages of one CPU's range. */
struct split_copy {
	struct tdat_page_source source; /* what the writer reads */
	const struct tdat_split_plan *plan;
	const char *path; /* borrowed */
	struct page_layout layout;
	struct tdat_pages *pages; /* owned */
	struct split_range range;

	const uint8_t *page; /* the current one, NULL: none */
	struct page_walk walk;
	struct page_record rec; /* the next event, while .have */
	bool have, first;	/* .first: it is the first of its page */
	uint64_t at;		/* its number; of the page's first while the page has none left */
	int64_t lost;		/* before it */
	bool ended;
};

int split_copy_open(struct split_copy *c, struct tdat_file *f, size_t buffer, size_t cpu_index,
		    const struct tdat_split_plan *plan, struct err *e);
void split_copy_close(struct split_copy *c); /* a zeroed one is fine */

#endif
