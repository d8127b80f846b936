/* SPDX-License-Identifier: GPL-2.0 */
/*
 * totals.h - what a recording holds, and what it lost: per CPU and by cause
 *
 * Nothing is lost in silence: each page that the guest read from its ring is in the file or counted
 * in one of the causes here; events that the ring dropped are counted as the kernel tells them.
 */
#ifndef SESSION_TOTALS_H
#define SESSION_TOTALS_H

#include "base/io.h"
#include "trace-msg.h"

enum { TOTALS_READER = 400 };

struct cpu_totals {
	uint64_t events; /* in the file, or read from the ring, by whoever it was */
	uint64_t bytes;	 /* in the file */
	uint64_t ring;	 /* events that the guest's ring buffer dropped or overwrote */
	uint64_t transport, quota, disk; /* pages */
	uint64_t marked; /* pages before which the host noted a loss; it counts as transport */
	uint64_t other;	 /* events that another reader of the ring took, who is not to be there */
	bool gaps;	 /* the ring lost events and did not say how many */
	/* A snapshot may have changed places with the ring: what was read meanwhile is not known.
	 */
	bool unsure;
};

struct totals {
	uint32_t cpus, page_size;   /* page_size in bytes */
	bool told;		    /* the peer sent its totals: transport losses are known */
	bool late;		    /* its bytes did not all come before the deadline */
	char reader[TOTALS_READER]; /* who reads the ring, too, in words; "" = nobody is known */
	struct cpu_totals cpu[MSG_MAX_CPUS];
};

/* Whether anything was lost. */
bool totals_lost(const struct totals *t);
void totals_sum(const struct totals *t, struct cpu_totals *sum);

/*
 * Bytes to pages, a part of a page counts as one. page_size 0 gives 0.
 */
uint64_t totals_pages(const struct totals *t, uint64_t bytes);

/* The table: a line for each CPU that has anything, and the sum. 0 or -ENOMEM. */
int totals_print(const struct totals *t, struct buf *to);

/* The same into @to. */
int totals_write(const struct totals *t, FILE *to, struct err *e);

/* One line for a log: "1234 events, 1.5 MiB; lost: 3 events in the ring, 2 pages on the way". */
const char *totals_line(const struct totals *t, char *to, size_t room);

#endif
