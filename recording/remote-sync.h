/* SPDX-License-Identifier: GPL-2.0 */
/*
 * remote-sync.h - a guest's clock in the host's time, while both are recorded
 *
 * Theory: see remote-sync.c. Lives in a loop; has no thread.
 */
#ifndef RECORDING_REMOTE_SYNC_H
#define RECORDING_REMOTE_SYNC_H

#include "base/io.h"
#include "base/loop.h"
#include "recording/agent-link.h"
#include "recording/remote-time.h"

struct remote_sync;

struct remote_sync_opts {
	struct loop *loop;
	struct agent_link *link;
	int ptp; /* -1: the method "probe" over .link. Else "ptp" on this connection to the agent's
		    sync port, owned from a success on */
	uint64_t host, guest;	  /* trace ids, for "ptp" */
	uint32_t cpus;		  /* of the guest, for "ptp" */
	struct remote_time *time; /* borrowed: what the answers say goes there */
	const char *clock;	  /* of both sides, borrowed */
	uint64_t interval_ns;	  /* between rounds, 0 = none but the first and the last */
	uint64_t wait_ns;	  /* for an answer, 0 = 1 s */
	/* The round that was asked for is through, however it went. */
	void (*done)(void *ctx);
	void *ctx;
};

/* NULL on error. */
struct remote_sync *remote_sync_new(const struct remote_sync_opts *o, struct err *e);
void remote_sync_free(struct remote_sync *s); /* NULL is fine */

void remote_sync_first(struct remote_sync *s); /* then .done; from then on rounds by themselves */
void remote_sync_last(struct remote_sync *s);  /* then .done, and no more */
void remote_sync_stop(struct remote_sync *s);  /* the guest is gone */
/* CLOSE goes out now: when the guest had it is an answer, too. NULL is fine. */
void remote_sync_closing(struct remote_sync *s);

/* A TIME_SYNC frame of the agent. */
int remote_sync_frame(struct remote_sync *s, const struct msg3 *m, struct err *e);

#endif
