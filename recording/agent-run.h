/* SPDX-License-Identifier: GPL-2.0 */
/*
 * agent-run.h - one request of a host to an agent, from TRACE_REQ to the end
 *
 * The recording runs in a thread; all functions here are for the loop's.
 */
#ifndef RECORDING_AGENT_RUN_H
#define RECORDING_AGENT_RUN_H

#include "base/log.h"
#include "recording/guest-link.h"
#include "tracing/plan.h"
#include "transport/net.h"

/* What the agent's own user allows. */
struct agent_limits {
	struct text_list allow; /* globs of SYSTEM:EVENT; none: all events, and tracers */
	uint64_t max_rate;	/* bytes a second, 0 = no limit */
};

struct agent_run_opts {
	struct loop *loop;
	struct log *log; /* may be NULL */
	struct guest_link *link;
	int control;	      /* the connection, borrowed; -1 = a virtio port */
	enum net_kind kind;   /* of .control */
	struct net_addr host; /* of .control */
	const struct agent_limits *limits;
	const char *version;	 /* text of ours, borrowed */
	void (*done)(void *ctx); /* all is over: agent_run_free() it */
	void *ctx;
};

struct agent_run;

/*
 * @m is TRACE_REQ. NULL: it was refused at once, and the host was told why. -errno's text in @e is
 * for the log.
 */
struct agent_run *agent_run_new(const struct agent_run_opts *o, const struct msg3 *m,
				struct err *e);

/* Another frame from the host. */
void agent_run_frame(struct agent_run *r, const struct msg3 *m);

/* End it as if the host had said CLOSE (@why NULL), or because nobody is there any more. */
void agent_run_end(struct agent_run *r, const struct err *why);

/* Waits for the recording's thread, which agent_run_end() has told to end; NULL is fine. */
void agent_run_free(struct agent_run *r);

enum { AGENT_REFUSAL_MAX = 1024 };

/* The frame NOT_SUPP with the reason in @why into @to; its size. */
size_t agent_refusal(uint8_t to[AGENT_REFUSAL_MAX], const struct err *why);

#endif
