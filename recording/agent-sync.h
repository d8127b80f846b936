/* SPDX-License-Identifier: GPL-2.0 */
/*
 * agent-sync.h - the guest's end of time sync: "probe" on the control channel, "ptp" and "kvm" on a
 * connection of their own
 */
#ifndef RECORDING_AGENT_SYNC_H
#define RECORDING_AGENT_SYNC_H

#include "timesync/clock.h"
#include "transport/net.h"
#include "wire/agent-msg.h"

enum { AGENT_CLOCK_MAX = 32 };

/* The clock that a recording will have: @asked (of -C), or what this kernel's buffer has now. */
int agent_clock(const char *asked, char to[AGENT_CLOCK_MAX], struct err *e);

/*
 * The method, of those that the host knows: "" where none can be used. @network: what is the
 * control channel? NET_NR: a virtio port, on which only "probe" is possible.
 */
const char *agent_sync_choose(const struct agent_req *req, enum net_kind network,
			      const char *clock);

/*
 * Answer the question @asked of "probe" (@id AGENT_PROBE_ANSWER), or CLOSE as if it were one
 * (AGENT_PROBE_TOLD), into @to. @came: when it was read, by a clock that all CPUs share; 0: not
 * known, take the time now. -ENODATA: the clock cannot be read; -ENOSPC.
 */
int agent_probe_answer(const struct agent_probe *asked, enum agent_probe_id id,
		       struct ts_clock *clock, uint64_t came, struct wcur *to, struct err *e);

/* --- a conversation of its own --- */

struct agent_sync_opts {
	enum net_kind kind;
	int control;	      /* borrowed: listen where it was reached */
	struct net_addr host; /* whom to let in */
	const char *proto;    /* "ptp" or "kvm"; static */
	const char *clock;    /* copied */
	uint64_t own, peer;   /* trace ids */
};

struct agent_sync;

/* Listen (*port), and serve in a thread. NULL on error. */
struct agent_sync *agent_sync_new(const struct agent_sync_opts *o, uint32_t *port, struct err *e);
/* Ends the thread, whatever it does, and takes its instance away. NULL is fine. */
void agent_sync_free(struct agent_sync *s);

bool agent_sync_over(const struct agent_sync *s); /* STOP came, or it failed */
uint64_t agent_sync_messages(const struct agent_sync *s);
/* After agent_sync_over(): why, .code 0 after STOP. */
const struct err *agent_sync_error(const struct agent_sync *s);

#endif
