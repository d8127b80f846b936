/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rings.h - the ring buffers of this machine on their way into a destination (private to
 * recording/)
 *
 * What record and extract share: the sources of each CPU and buffer, the pumps, what the kernel
 * counts, the metadata before and after the pages. Who switches tracing on and off is theirs.
 */
#ifndef RECORDING_RINGS_H
#define RECORDING_RINGS_H

#include "recording/dest.h"
#include "tracing/meta.h"
#include "tracing/pages.h"

enum { RINGS_MAX_BUFFERS = 64, RINGS_PATIENCE_S = 5 };

struct rings {
	/* Set by the caller. */
	struct dest *dest;	       /* borrowed */
	const struct trace_plan *plan; /* whose events' formats are stored; NULL = all; borrowed */
	const char *version;	       /* text of the VERSION option, borrowed */
	uint64_t trace_id;	       /* of the TRACEID option; 0 = a new one */
	struct pump_rate *rate;	       /* borrowed; NULL = no limit */
	size_t nbuffers;	       /* [0] is the top one */
	const char *names[RINGS_MAX_BUFFERS];	    /* borrowed */
	struct tracefs *buffers[RINGS_MAX_BUFFERS]; /* borrowed; NULL = nothing is taken of it */
	bool snapshot;				    /* the pages of the snapshot, not of the ring */
	bool busy;				    /* the pumps do not wait at the rings: pump.h */
	uint64_t keep_bytes;			    /* of each CPU's newest pages, 0 = all */
	unsigned int rt_prio; /* SCHED_FIFO priority of the pumps, 0 = as they are */
	/* Append option records that are known only at the end; may be NULL. */
	int (*more)(void *ctx, struct buf *tail, struct err *e);
	void *more_ctx;

	struct tracefs *top; /* owned */
	struct page_layout layout;
	struct cpu_list cpus;
	bool opened, dest_open;
	struct buf head;     /* owned: begun */
	int idle[2];	     /* owned: a pipe where nothing comes, for what is not taken */
	int *sources;	     /* owned: [cpu index * nbuffers + buffer] */
	struct pump **pumps; /* owned: one for each CPU, NULL = not started */
	struct pump_result *pumped;
	struct cpu_stats *before;   /* owned: as .sources */
	char reader[TOTALS_READER]; /* who reads there, too, in words; "" = nobody was seen */
};

/* The root directory, the CPUs, the size of pages. In every case rings_close() when done. */
int rings_open(struct rings *r, struct err *e);
void rings_close(struct rings *r);
/* Before that where an instance is to be removed, which must not be open. */
void rings_close_sources(struct rings *r);

int rings_open_dest(struct rings *r, struct err *e);
/* Nothing was recorded: what the destination has made goes away. */
void rings_abandon_dest(struct rings *r);
int rings_open_sources(struct rings *r, struct err *e);
/* dest_ops.begin, where there is one. */
int rings_begin_dest(struct rings *r, struct err *e);
/* A thread for each CPU, which looks at least every @interval_ns; or the sources go to a
 * destination that reads them itself (dest_ops.sources). */
int rings_start(struct rings *r, uint64_t interval_ns, struct err *e);
/* What takes long of the metadata, once. rings_send_head() does it where it was not done. */
int rings_collect_head(struct rings *r, struct err *e);
/* The metadata as they are now: pages may flow already. */
int rings_send_head(struct rings *r, struct err *e);

uint64_t rings_moved(const struct rings *r); /* bytes given to the destination up to now */
uint64_t rings_lost(struct rings *r);	     /* events that the rings lost since they were opened */
bool rings_all_failed(const struct rings *r); /* there are pumps, and none works any more */

/* Nothing is written any more: the pumps take what is left, and end. */
void rings_join(struct rings *r, uint64_t patience_ns);
/*
 * After rings_join(): what was taken, what was lost, the end of the destination. @from_start: the
 * kernel's counters count from rings_open_sources() on; else what they said then is ours as well.
 */
int rings_finish(struct rings *r, struct totals *t, bool from_start, struct err *e);

/* Store the text `trace` of a latency tracer in @t, with the metadata: a file only, -EOPNOTSUPP. */
int rings_store_text(struct rings *r, const struct tracefs *t, struct err *e);

#endif
