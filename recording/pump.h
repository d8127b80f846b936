/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pump.h - one thread a CPU that keeps moving its pages from the ring buffer to where they go
 *
 * Theory: see pump.c. The pages of all buffers of a CPU share one stream to one sink; where the
 * buffer changes stands a mark page.
 */
#ifndef RECORDING_PUMP_H
#define RECORDING_PUMP_H

#include <sys/types.h>
#include "base/io.h"
#include "trace-recorder.h"

struct pump;

/*
 * A limit that all pumps of a recording share: bytes a second, taken from all rings together. What
 * comes faster stays in the rings, which overwrite themselves. At the end, when tracing is off,
 * what the rings still hold goes without limit.
 */
struct pump_rate {
	uint64_t per_second;	/* bytes */
	_Atomic uint64_t ready; /* now_ns() time from which the next bytes may be taken */
};

struct pump_opts {
	uint32_t cpu;
	uint32_t page_size;   /* bytes of a sub-buffer */
	uint64_t interval_ns; /* look at least this often, however little there is */
	/*
	 * Never wait in poll(2) at the sources, which makes the traced CPUs send wake-ups: read
	 * them again and again, on the whole time of a CPU.
	 */
	bool busy;
	const int *sources; /* trace_pipe_raw of each buffer, [0] = the top one; borrowed, copied */
	size_t nsources;
	int sink;	    /* borrowed */
	uint64_t sink_room; /* bytes that it takes at most, 0 = no limit */
	bool datagram; /* the sink is a UDP socket, .nsources 1, no marks: see trace-recorder.h */
	bool seq;
	struct pump_rate *rate; /* borrowed; NULL = no limit */
	/*
	 * > 0: of what was written to the sink, a file with a position, only the newest pages are
	 * kept: at most these bytes and at least half of them. For one source.
	 */
	uint64_t keep;
	bool start_mark;    /* begin with a mark page: the reader looks for it */
	uint64_t stream_id; /* for the marks */
};

/* What became of a pump's pages. Bytes; the first mark page is not counted as sent. */
struct pump_result {
	uint64_t sent;	  /* given to the sink, and kept */
	uint64_t trimmed; /* given to the sink, and cut off again: see .keep */
	uint64_t stuck;	  /* read, and not taken by the sink before the end */
	struct err err;	  /* .code 0, or what the sink or the source said */
	bool copying;	  /* splice was refused */
};

/* Starts the thread. NULL on error. */
struct pump *pump_start(const struct pump_opts *o, struct err *e);
pid_t pump_tid(const struct pump *p); /* of the thread, to hide it from the trace */

/* Real-time priority (SCHED_FIFO, 1 to 99) of the thread; 0 = nothing is changed. */
int pump_set_prio(const struct pump *p, unsigned int prio, struct err *e);

/*
 * Tracing is off: move what is left, then end. @patience_ns: how long a sink that takes nothing is
 * waited for. Returns at once; pump_join() waits.
 */
void pump_finish(struct pump *p, uint64_t patience_ns);

/* Wait for the end of the thread, hand out the result, free. */
void pump_join(struct pump *p, struct pump_result *to);

uint64_t pump_moved(const struct pump *p); /* bytes given to sinks up to now */
bool pump_failed(const struct pump *p);	   /* it has ended before pump_finish(): see its .err */

#endif
