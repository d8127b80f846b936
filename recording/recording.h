/* SPDX-License-Identifier: GPL-2.0 */
/*
 * recording.h - one recording of this machine, from the plan to the loss table
 *
 * Theory: see recording.c.
 */
#ifndef RECORDING_RECORDING_H
#define RECORDING_RECORDING_H

#include "recording/dest.h"
#include "recording/remote.h"
#include "tracing/plan.h"

struct recording_opts {
	const struct trace_plan *plan; /* borrowed */
	struct dest *dest;	       /* borrowed; not open yet */
	char *const *command;	       /* NULL-terminated, or NULL: until a signal */
	const char *user;	       /* --user */
	uint64_t interval_ns;	       /* how often each CPU is looked at, at least */
	const char *version;	       /* text of the VERSION option */
	bool busy;		       /* --poll: never wait at the rings, see pump.h */
	bool status;		       /* a status line each second on stderr */
	struct remotes *remotes;       /* guests to be recorded too, NULL = none; borrowed */
	unsigned int
		rt_prio;     /* -r: SCHED_FIFO priority of the recording threads, 0 = as they are */
	uint64_t keep_bytes; /* -m: of each CPU's newest pages, 0 = all */
	bool date;	     /* --date: store the distance of the clock to the time of day */
	int64_t ts_offset;   /* --ts-offset: what readers add to all times, 0 = nothing */
	bool proc_map;	     /* --proc-map: store the address maps of what is traced */
	uint64_t trace_id;   /* of the TRACEID option; 0 = a new one */
	struct pump_rate *rate; /* how fast the rings are read at most; NULL = no limit */
	/* The caller has the signals in hand, and only .dest says when it ends. */
	bool until_dest;
	pid_t hide; /* one more thread that is not to be traced, 0 = none */
	bool keep;  /* -k: leave the tracing set up, with tracing_on 0 */
};

struct recording_result {
	struct totals totals; /* by CPU number */
	int command_status;   /* as wait(2) gives it; 0 without a command */
	bool ended_by_host;   /* the other end asked for the end */
	bool text;	      /* a latency tracer: its text was stored, there are no totals */
};

/*
 * 0: recorded; the table says whether it is whole. Negative errno: nothing usable was made. In
 * every case what was changed in tracefs is put back.
 */
int recording_run(const struct recording_opts *o, struct recording_result *to, struct err *e);

#endif
