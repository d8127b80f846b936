/* SPDX-License-Identifier: GPL-2.0 */
/* chan_local.h - what chan.c and chan-net.c share */
#ifndef SESSION_CHAN_LOCAL_H
#define SESSION_CHAN_LOCAL_H

#include <sys/types.h>
#include "session/chan.h"
#include "trace-recorder.h"

enum chan_mode { CHAN_IDLE, CHAN_SCAN, CHAN_STORE, CHAN_SKIP, CHAN_NR_MODES };

struct chan {
	const struct chan_env *env;
	struct guest_chan at;
	struct watch watch;  /* the FIFO or the connection; fd -1 = no connection */
	struct watch listen; /* socket only */
	bool lent;	     /* somebody else reads .watch.fd, and nobody here */
	dev_t dev;
	ino_t ino; /* of the file at .path, to see whether it was made anew */
	enum chan_mode mode;
	struct recorder *rec; /* store: FIFO to part */
	struct chan_use use;  /* valid while mode != CHAN_IDLE */
	struct chan_counts n;
	bool ends;	/* it was adopted, a socket: its end will be seen */
	uint64_t phase; /* bytes of the current page that were taken, < page_size */
	bool disk_failed;
	uint8_t carry[REC_MARK_LEN]; /* scan: what may begin a mark; skip: the page's first bytes */
	size_t ncarry;
	uint64_t behind; /* scan: bytes up to the end of the mark page still to come */
	bool switched;	 /* skip: a mark went by, so the part file must be told .buffer */
	uint32_t buffer; /* skip: which buffer's pages come, if .switched */
	/* On the network: chan-net.c */
	uint32_t port;	       /* 0: not on the network */
	struct net_addr peer;  /* whose bytes these are; UDP: with the port, once something came */
	bool datagrams, bound; /* bound: the port of the peer is known */
	uint64_t next;	       /* what the next datagram should say that was sent before it */
	uint32_t dropped;      /* datagrams that the socket dropped, as counted up to now */
	bool gap;	       /* pages are missing before the next one */
	bool told;	       /* the log has a datagram that is no page */
};

/* --- chan.c --- */

/* A channel without a descriptor yet. NULL on error. */
struct chan *chan_alloc(const struct chan_env *env, const struct guest_chan *at,
			void (*accepts)(struct watch *w, uint32_t events), struct err *e);
void chan_take(struct chan *c, int fd); /* @fd (owned) is the source from now on */
void chan_deaf(struct chan *c);		/* nobody can connect any more */

/* Keep @n bytes that came through memory, as the disk allows. */
void chan_keep(struct chan *c, const uint8_t *at, size_t n);
void chan_lose(struct chan *c, uint64_t n); /* count @n bytes that are thrown away */

/* --- chan-net.c --- */

int chan_pump_datagrams(struct chan *c, uint64_t budget); /* enum rec_result */

#endif
