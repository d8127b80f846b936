/* SPDX-License-Identifier: GPL-2.0 */
/*
 * remote-ptp.h - the host's end of "ptp", the time sync of released agents
 *
 * Theory: see remote-ptp.c. Lives in a loop; has no thread.
 */
#ifndef RECORDING_REMOTE_PTP_H
#define RECORDING_REMOTE_PTP_H

#include "base/loop.h"
#include "tracedat/shift.h"

struct remote_ptp;

struct remote_ptp_opts {
	struct loop *loop;
	int fd;		      /* the connection to the agent's sync port, non-blocking; owned from a
				 success on */
	const char *clock;    /* of both sides, borrowed */
	uint32_t cpus;	      /* of the guest */
	uint64_t host, guest; /* trace ids */
	/*
	 * A point of a CPU's clock. By the order of messages the host's time was between @before
	 * and @after then; 0: not known. A negative errno ends the conversation.
	 */
	int (*sample)(void *ctx, uint32_t cpu, const struct tdat_shift_sample *s, uint64_t before,
		      uint64_t after);
	/*
	 * @e NULL: the round is through. Else why the conversation has ended, in a round or between
	 * two. @ctx's owner does not free here.
	 */
	void (*round)(void *ctx, const struct err *e);
	void *ctx;
};

struct remote_ptp *remote_ptp_new(const struct remote_ptp_opts *o,
				  struct err *e); /* NULL on error */
void remote_ptp_free(struct remote_ptp *p);	  /* NULL is fine */

/* Begin a round, when none runs; then .round is called. */
void remote_ptp_round(struct remote_ptp *p);
/* Say STOP; no callback comes any more. */
void remote_ptp_stop(struct remote_ptp *p);

#endif
