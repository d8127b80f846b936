/* SPDX-License-Identifier: GPL-2.0 */
/*
 * extract.h - what is in the ring buffers of this machine now, without tracing anything
 */
#ifndef RECORDING_EXTRACT_H
#define RECORDING_EXTRACT_H

#include "recording/dest.h"
#include "tracing/plan.h"

struct extract_opts {
	/* Buffers by name (.buffers from [1] on), -O and a latency tracer (-p) of the top one. */
	const struct trace_plan *plan; /* borrowed */
	struct dest *dest;	       /* borrowed; not open yet */
	const char *version;	       /* text of the VERSION option */
	bool all;		       /* all instances that there are, besides those of the plan */
	bool top;		       /* the top buffer too; with no instance it always is */
	bool snapshot;		       /* the snapshots of the buffers, not the buffers */
	bool date;		       /* store the distance of the clock to the time of day */
	int64_t ts_offset; /* store this as what readers add to all times, 0 = nothing */
};

struct extract_result {
	struct totals totals; /* by CPU number; nothing when .text */
	bool text;	      /* a latency tracer: its text was stored */
};

/*
 * Take the pages out of the kernel: they are not there any more afterwards, and its counters are 0.
 * Tracing stands still meanwhile, and then goes on if it was on. 0: the file is there; negative
 * errno: it is not. Signals that would end us wait until the end.
 */
int extract_run(const struct extract_opts *o, struct extract_result *to, struct err *e);

#endif
