/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest-link.h - an agent's control channel: V3's frames, from a loop and from a second thread
 *
 * The loop's thread reads and writes the descriptor. A recording, which runs in a thread of its
 * own, hands over frames with guest_link_send() and waits where the host is slow; what the loop's
 * thread has to say (answers to probes) goes before them.
 */
#ifndef RECORDING_GUEST_LINK_H
#define RECORDING_GUEST_LINK_H

#include "base/loop.h"
#include "wire/msg3.h"

struct guest_link;

struct guest_link_owner {
	void *ctx;
	/* One frame, borrowed. */
	void (*frame)(void *ctx, const struct msg3 *m);
	/*
	 * The host is gone (e->code 0: it closed), or broke the rules. A link that seeks goes on:
	 * another host may come.
	 */
	void (*gone)(void *ctx, const struct err *e);
	/* A link that seeks: the host's end is open, again or for the first time. */
	void (*opened)(void *ctx);
	/* A link that seeks: an old server's ERROR was skipped. */
	void (*refused)(void *ctx);
	/* A link that seeks: CLOSE was skipped. */
	void (*closed)(void *ctx);
	/* A link that seeks: the port was unplugged, after .gone. Nothing comes any more. */
	void (*lost)(void *ctx);
};

struct guest_link_opts {
	int fd; /* O_NONBLOCK, borrowed: a virtio port or a socket */
	/*
	 * A virtio port, to which nobody connects: while idle all bytes but those of a TRACE_REQ
	 * are skipped, and the end of a host is not the end of the link.
	 */
	bool seek;
	uint64_t patience_ns; /* for the rest of a frame that has begun; 0 = 5 s */
	struct guest_link_owner owner;
};

struct guest_link *guest_link_new(struct loop *l, const struct guest_link_opts *o, struct err *e);
void guest_link_free(struct guest_link *k); /* NULL is fine; no thread may be in _send() */

/* A link that seeks: back to idle. What the host has not read yet stays queued. */
void guest_link_idle(struct guest_link *k);

/* Loop's thread only: before all that is queued. False: the host is away, or does not read. */
bool guest_link_urge(struct guest_link *k, const uint8_t *frame, size_t n);

/* Loop's thread only: behind all that is queued, without waiting. False: as above. */
bool guest_link_add(struct guest_link *k, const uint8_t *frame, size_t n);

/*
 * Any thread but the loop's: queue whole frames, in order, waiting while there is no room. -EPIPE
 * (or the code of guest_link_cut()) when nobody will read them any more.
 */
int guest_link_send(struct guest_link *k, const uint8_t *frame, size_t n, struct err *e);

/* From now on, until guest_link_idle(): senders fail with @why, and what is queued is dropped. */
void guest_link_cut(struct guest_link *k, const struct err *why);

/* Bytes that the host has not taken yet, and since when (now_ns() time) it takes none. */
size_t guest_link_queued(struct guest_link *k, uint64_t *since);

/*
 * From now on each read is stamped with the time of @clock (timesync/now.h; copied by reference,
 * NULL: no more); guest_link_came(): that of the last one, 0: none.
 */
void guest_link_stamp(struct guest_link *k, const char *clock);
uint64_t guest_link_came(const struct guest_link *k);

/*
 * From .frame: the next one is expected within @ns, and the time of its coming counts. The link
 * waits for it without sleeping, so that nothing has to wake up first.
 */
void guest_link_linger(struct guest_link *k, uint64_t ns);

#endif
