/* SPDX-License-Identifier: GPL-2.0 */
/*
 * agent-link.h - one conversation with a guest's agent: V3's frames over a descriptor, in a loop
 */
#ifndef RECORDING_AGENT_LINK_H
#define RECORDING_AGENT_LINK_H

#include "base/loop.h"
#include "wire/agent-msg.h"

struct agent_link;

struct agent_link_owner {
	void *ctx;
	/* One frame, borrowed; a negative errno with @e ends the conversation. */
	int (*frame)(void *ctx, const struct msg3 *m, struct err *e);
	/* The agent is gone (@e->code 0: it closed), or broke the rules. Nothing comes after it. */
	void (*gone)(void *ctx, const struct err *e);
	/* It said hello, as agents on virtio ports do; may come from before the conversation. */
	void (*hello)(void *ctx, const struct agent_hello *h);
};

/* @fd is non-blocking and borrowed. NULL on error. */
struct agent_link *agent_link_new(struct loop *l, int fd, const struct agent_link_owner *owner,
				  struct err *e);
/* Nothing is said or heard any more; .gone is not called. Also from a callback. */
void agent_link_cut(struct agent_link *k);
void agent_link_free(struct agent_link *k); /* NULL is fine */

/* Room for the next frame; then agent_link_send(). The agent is given up when it does not read. */
struct wcur agent_link_room(struct agent_link *k);
void agent_link_send(struct agent_link *k, const struct wcur *w);

/* A frame without contents. */
void agent_link_say(struct agent_link *k, enum msg3_type type);

#endif
