/* SPDX-License-Identifier: GPL-2.0 */
/*
 * link.h - one control connection: bytes from and to a guest, as messages
 *
 * QEMU keeps one connection for the whole life of the VM, so a guest that broke the protocol is not
 * cut off (it would be, until its next boot): it gets ERROR with the reason, and then everything is
 * skipped up to the next TCONNECT. Only a link with LINK_MAX_FAULTS faults is given up.
 *
 * On a network (link_new_net()) a connection begins with the greeting of wire/hello.h, then speaks
 * one generation's dialect, and a fault is its end.
 */
#ifndef SESSION_LINK_H
#define SESSION_LINK_H

#include "base/loop.h"
#include "wire/agent-msg.h"
#include "wire/hello.h"

enum { LINK_MAX_FAULTS = 16 }; /* since the link began, or link_forgive() */

struct link;

struct link_owner {
	void *ctx;
	/* What is legal now. */
	enum msg_state (*expects)(void *ctx);
	/* One message. A negative errno with @e: it was wrong; ERROR is sent and .fault called. */
	int (*message)(void *ctx, const struct msg *m, struct err *e);
	/* The guest broke the protocol and was told; TCONNECT comes next, or nothing. */
	void (*fault)(void *ctx, const struct err *e);
	/* The connection has ended (@e->code 0), failed, or was given up. Frees the link. */
	void (*gone)(void *ctx, const struct err *e);
	/* Network only: it is known what is spoken; messages follow. */
	void (*greeted)(void *ctx, enum wire_gen gen);
	/* Guests only, may be NULL: an agent says that it is there. */
	void (*agent)(void *ctx, const struct agent_hello *h);
};

/*
 * @fd (owned, non-blocking; -1 = none: link_feed() brings the bytes, answers are dropped). A
 * message that has begun must be whole in @patience_ns; UINT64_MAX = any time. NULL on error.
 */
struct link *link_new(struct loop *l, int fd, const struct link_owner *owner, uint64_t patience_ns,
		      struct err *e);
/* A client on the network, who is greeted at once; @most: the newest generation to be spoken. */
struct link *link_new_net(struct loop *l, int fd, enum wire_gen most,
			  const struct link_owner *owner, uint64_t patience_ns, struct err *e);
void link_free(struct link *k); /* NULL is fine */

/* Queue and send. A peer that does not take its answers is given up. */
void link_send(struct link *k, const struct msg *m);

/*
 * Send ERROR with what @e says, and skip to the next TCONNECT; on a network, link_part(). Calls no
 * .fault.
 */
void link_error(struct link *k, const struct err *e);
void link_forgive(struct link *k); /* a recording went well: faults count from 0 */

/* Send what is to be sent, then end the connection, and .gone when the peer has ended it too. */
void link_part(struct link *k);

/*
 * Give the descriptor away, borrowed, for somebody else's talk with an agent: the link neither
 * reads nor writes, but .gone is still called when the peer is gone. Only a quiet link can be lent.
 * link_back() tells the agent CLOSE and skips what is left of that talk, up to the next hello or
 * TCONNECT.
 */
int link_lend(struct link *k);
void link_back(struct link *k);
bool link_is_quiet(const struct link *k); /* no message has begun, either way */
/* To an agent that hears only start and stop (virtio-trace). */
void link_say_stop(struct link *k);
void link_say_close(struct link *k); /* CLOSE to the agent, also while lent */
/* From .agent: CLOSE to one that records for nobody; what it says up to its next hello is skipped.
 */
void link_dismiss(struct link *k);

/* While paused, nothing is read and no message is given out. */
void link_pause(struct link *k, bool on);

/* As if @len bytes had come. False when the link is over. */
bool link_feed(struct link *k, const uint8_t *bytes, size_t len);

#endif
