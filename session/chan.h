/* SPDX-License-Identifier: GPL-2.0 */
/*
 * chan.h - one data channel: the trace pages of one CPU arrive here
 *
 * A FIFO, or a unix socket that the server listens on, of a guest: it lives as long as its domain.
 * A session borrows it while it records; at all other times what arrives is thrown away, so that no
 * guest ever blocks on a full channel and nothing stale is left for the next recording. Or a port
 * on the network, made for one recording.
 */
#ifndef SESSION_CHAN_H
#define SESSION_CHAN_H

#include "base/log.h"
#include "base/loop.h"
#include "guests/layout.h"
#include "transport/net.h"

struct chan;

enum { CHAN_SCRATCH = (256 << 10) + 4096 }; /* bytes; at least the largest page and a mark */

struct chan_env {
	struct loop *loop;
	struct log *log;
	uint8_t *scratch; /* CHAN_SCRATCH bytes, shared by all channels of the loop */
};

/* What was taken from the channel since chan_begin(), bytes. received = stored + quota + disk. */
struct chan_counts {
	uint64_t stale;	      /* before the mark: of nobody */
	uint64_t received;    /* of this recording */
	uint64_t stored;      /* in the part file */
	uint64_t quota, disk; /* thrown away for this cause */
	uint64_t last_ns;     /* now_ns() of the last byte, 0 = none yet */
	bool found;	      /* the mark was seen (always, where no marks are used) */
	bool ended;	      /* a socket's end of stream, or the channel broke */
	bool will_end;	      /* it is a connection whose end will be seen */
	/* Datagrams: */
	bool lossy;	 /* what is missing does not come any more */
	uint64_t missed; /* bytes of pages that are known to be missing */
	uint64_t marked; /* pages that say so, and did not when they came */
	uint64_t odd;	 /* datagrams that are no page, or late, or of others: dropped */
};

/* What a recording wants of a channel. */
struct chan_use {
	int part;	    /* the part file, written at its position; borrowed */
	uint64_t room;	    /* bytes that it takes at most, 0 = no limit */
	uint32_t page_size; /* bytes */
	bool marks;	    /* the stream begins behind a mark page with .stream_id */
	uint64_t stream_id;
	bool seq; /* datagrams: behind each page is a be64, as MSG_F_SEQ says */
	void *ctx;
	/* How many of @want bytes may be kept now; 0 = none. */
	uint64_t (*allow)(void *ctx, uint64_t want);
	void (*kept)(void *ctx, uint64_t bytes);
	/* Something came, or the stream ended, or the disk refused (@e, once; else NULL). */
	void (*moved)(void *ctx, struct chan *c, const struct err *e);
};

/* Open the FIFO, or listen on the socket (what a dead server left there is replaced). NULL on
 * error. */
struct chan *chan_open(const struct chan_env *env, const struct guest_chan *at, struct err *e);
void chan_close(struct chan *c); /* NULL is fine */

/*
 * A port on the network that is for @peer alone: TCP and vsock take one connection of it, whose end
 * ends the stream; UDP has a page in each datagram. The first free port from *port on, which
 * becomes that + 1; @control: the client's connection. NULL on error.
 */
struct chan *chan_open_net(const struct chan_env *env, enum net_kind kind, int control,
			   const struct net_addr *peer, uint32_t cpu, uint32_t *port,
			   struct err *e);
/*
 * @fd (owned, non-blocking) is connected already: a socket of its own, whose end is the stream's,
 * or (kind FIFO) a channel of QEMU, which has none.
 * @at->path is for texts. NULL on error, and @fd is closed.
 */
struct chan *chan_adopt(const struct chan_env *env, const struct guest_chan *at, int fd,
			struct err *e);
uint32_t chan_port(const struct chan *c); /* 0: it is not on the network */

const struct guest_chan *chan_where(const struct chan *c);
bool chan_is_stale(const struct chan *c); /* the path leads to another file by now */

void chan_begin(struct chan *c, const struct chan_use *use);
void chan_end(struct chan *c); /* back to throwing away; counts stay until the next chan_begin() */
const struct chan_counts *chan_counts(const struct chan *c);

/*
 * Give the descriptor away, borrowed, until chan_back(): nothing is read meanwhile. -ENOTCONN: it
 * is a socket to which nobody is connected.
 */
int chan_lend(struct chan *c);
void chan_back(struct chan *c);

/* Take what is there now, and let go of the descriptor: the stream has ended. */
void chan_cut(struct chan *c);

/*
 * Take all that is there now, at most @max bytes: it is of an earlier recording. Nothing of a
 * connection that was adopted, which had none.
 */
void chan_flush(struct chan *c, uint64_t max);

#endif
