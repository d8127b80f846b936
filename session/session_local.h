/* SPDX-License-Identifier: GPL-2.0 */
/* session_local.h - what session.c and drain.c share */
#ifndef SESSION_SESSION_LOCAL_H
#define SESSION_SESSION_LOCAL_H

#include "session/session.h"

struct session {
	struct session_env env;
	struct session_owner owner;
	char domain[GUESTS_NAME_MAX + 1];
	enum session_state state;
	enum session_why why; /* valid when .cut */
	bool cut;	      /* ended other than by CLOSE */
	bool tail;	      /* metadata come once more */
	bool tail_lost;	      /* the disk did not take them */
	bool lent;	      /* the channels are with us */
	struct timer timer;   /* hello, ready, tail: silence; draining: the next look */
	struct msg_ext ext;   /* as granted; .peer is below */
	char peer[MSG_MAX_PEER];
	struct store *store;
	uint64_t meta_bytes;
	struct chan **chans;	 /* owned array of borrowed channels */
	int parts[MSG_MAX_CPUS]; /* of the store */
	uint32_t cpus, page_size;
	uint8_t *page;		      /* owned, NULL: the owner does not ask for pages */
	uint64_t told[MSG_MAX_CPUS];  /* bytes of a CPU when the owner was told last */
	uint64_t kept;		      /* trace bytes on the disk */
	uint64_t tokens, refilled_ns; /* of the rate */
	uint64_t drain_start, drain_until, quiet_ns;
	bool disk_told; /* the log has the disk's refusal */
	struct totals totals;
	struct job job;
	struct store_result made;
	struct err err;
};

/* session.c */
void session_go(struct session *s, enum session_state next); /* the only writer of s->state */
void session_give_back(struct session *s); /* the channels; their counts stay readable for now */

/* drain.c */
void drain_begin(struct session *s, uint64_t quiet_ns); /* recording -> draining */
void drain_look(struct session *s);			/* is it over? */
void session_close(struct session *s); /* tells the owner, who may free it: the last thing to do */

#endif
