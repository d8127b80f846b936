// SPDX-License-Identifier: GPL-2.0
/*
 * counts.c - count events and losses in the pages of part files
 *
 * Theory of operation
 *
 * The file is read in blocks of 1 MiB, or of one page where that is larger, and each whole page is
 * walked once. Nothing is kept but the sums. A broken page counts with the events before the
 * damage, because these are what a report prints.
 */
#include "tracedat/counts.h"

#include <errno.h>
#include "base/cleanup.h"

enum { BLOCK = 1 << 20 };

static void count_page(struct page_walk *w, struct tdat_page_counts *to)
{
	struct page_record rec;
	uint64_t n = 0;

	for (; page_walk_next(w, &rec); n++) {
		if (!to->events && !n)
			to->first_ts = rec.ts;
		to->last_ts = rec.ts;
	}
	to->pages++;
	to->events += n;
	to->broken += w->broken;
	if (w->lost == PAGE_LOST_UNKNOWN)
		to->lost_unknown++;
	else
		to->lost += (uint64_t)w->lost;
}

size_t tdat_count_memory(const uint8_t *pages, size_t len, const struct page_layout *l,
			 struct tdat_page_counts *to)
{
	struct page_walk w;
	size_t at = 0;

	for (; len - at >= l->size; at += l->size) {
		page_walk_begin(&w, l, pages + at);
		count_page(&w, to);
	}
	return at;
}

int tdat_count_pages(int fd, const struct tdat_extent *x, size_t n, const struct page_layout *l,
		     struct tdat_page_counts *to, struct err *e)
{
	size_t room = l->size > BLOCK ? l->size : BLOCK - BLOCK % l->size;
	AUTO_FREE uint8_t *mem = malloc(room);

	if (!mem)
		return err_set(e, ENOMEM, "no memory to count trace pages");
	for (size_t i = 0; i < n; i++) {
		uint64_t left = x[i].len - x[i].len % l->size, off = x[i].off;

		to->tail += x[i].len % l->size;
		while (left) {
			size_t want = (size_t)min_u64(left, room);
			int rc = pread_all(fd, mem, want, off, "the part file", e);

			if (rc)
				return rc;
			tdat_count_memory(mem, want, l, to);
			left -= want;
			off += want;
		}
	}
	return 0;
}
