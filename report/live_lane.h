/* SPDX-License-Identifier: GPL-2.0 */
/*
 * live_lane.h - one CPU of one buffer that is being traced, as a lane of a merge
 *
 * Pages are read when live_lane_read() is called and kept until their events were pulled; a merge
 * over such lanes ends at the horizon, and the next one goes on behind it.
 */
#ifndef REPORT_LIVE_LANE_H
#define REPORT_LIVE_LANE_H

#include "tracedat/merge.h"
#include "tracedat/page.h"

/* Pages that one call reads, and that a lane keeps at most. */
enum { LIVE_TURN = 256, LIVE_HELD = 1024 };

struct live_lane {
	/* Set by the caller: .lane.rank and .lane.group, and these. */
	struct lane lane;
	int fd; /* trace_pipe_raw, O_NONBLOCK, borrowed */
	uint32_t cpu;
	size_t buffer;
	const struct page_layout *layout; /* borrowed */
	uint64_t horizon;		  /* events later than this are not pulled yet */

	uint64_t last_ts; /* of the last event that was read; 0 = none */
	bool drained;	  /* the last call found the end of what there was */

	/* Private. */
	uint8_t **pages; /* owned, and each: [first, n) have events, the others are spare */
	size_t first, n, room;
	struct page_walk walk;
	struct page_record next;
	bool walking, has_next;
	int64_t lost;
};

/* Sets .lane.pull. The caller has zeroed the struct; live_lane_free() when done. */
void live_lane_init(struct live_lane *l);
void live_lane_free(struct live_lane *l);

/*
 * Read what is there, at most LIVE_TURN pages; what merges were given is void afterwards. The
 * number of pages, or a negative errno. A CPU that was never online has nothing.
 */
int live_lane_read(struct live_lane *l, struct err *e);

/* How many bytes from ev->data on may be read, for the event that the merge gave out last. */
size_t live_lane_readable(const struct live_lane *l);

#endif
