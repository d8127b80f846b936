/* SPDX-License-Identifier: GPL-2.0 */
/*
 * session.h - one guest, or client on the network, being recorded
 *
 * Theory: see session.c. A session owns what one recording needs (its files, budgets, deadlines,
 * counts) and borrows the data channels of its domain. It is fed by its owner with the messages of
 * the control channel; readiness of channels and time come to it through the loop.
 *
 *   hello -> ready -> recording -> draining -> closed
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "base/log.h"
#include "base/loop.h"
#include "session/chan.h"
#include "session/job.h"
#include "session/store.h"
#include "wire/dialect.h"

/* What a guest may use. 0 = the default, unless it says otherwise. */
struct session_limits {
	uint32_t cpus;	     /* most CPUs, default 256 */
	uint64_t meta_bytes; /* most metadata, default 28 MiB: parsing maps them */
	uint64_t disk_bytes; /* most trace data of one recording, bytes; 0 = no limit */
	uint64_t rate;	     /* most trace bytes a second to keep; 0 = no limit */
	uint64_t hello_ns; /* time for TINIT, and between pieces of metadata; 5 s; UINT64_MAX = none
			    */
	uint64_t drain_ns; /* time for the last bytes after CLOSE, default 10 s */
	uint64_t quiet_ns; /* a peer without totals has ended when nothing came so long, 1 s */
};

void session_limits_defaults(struct session_limits *l);

enum session_state {
	SESSION_HELLO,	   /* RCONNECT was sent; TINIT is awaited */
	SESSION_READY,	   /* RINIT was sent; metadata come */
	SESSION_RECORDING, /* data flow */
	SESSION_DRAINING,  /* the end was said or seen: last bytes, then the file is put together */
	SESSION_CLOSED,
	SESSION_NR_STATES,
};

const char *session_state_name(enum session_state s);
bool session_may_go(enum session_state from, enum session_state to); /* the table, for tests */

/* Why a recording ends other than by the guest's CLOSE. */
enum session_why {
	SESSION_BEGAN_ANEW, /* a new TCONNECT: the client had been killed */
	SESSION_CUT_OFF,    /* the control channel ended: the guest died or rebooted */
	SESSION_FAULT,	    /* the guest broke the protocol */
	SESSION_TIMEOUT,    /* the guest fell silent where it must not */
	SESSION_STOPPED,    /* the server stops */
};

struct session;

struct session_result {
	const char *domain;
	const char *path;	     /* of the file, NULL when none was made */
	const struct totals *totals; /* NULL when nothing was recorded */
	enum exit_status status;
	const struct err *err; /* .code 0 = no error */
};

/* What a session tells its owner. Each may be called from inside the session's own functions. */
struct session_owner {
	void *ctx;
	/* Send @m to the guest. */
	void (*send)(void *ctx, const struct msg *m);
	/* The guest missed a deadline; @e says which. The owner answers ERROR. */
	void (*late)(void *ctx, struct session *s, const struct err *e);
	/* The channels are free: the next recording of the domain may begin. */
	void (*released)(void *ctx, struct session *s);
	/* All is done. The owner frees the session in this call or later; nobody else uses it. */
	void (*closed)(void *ctx, struct session *s, const struct session_result *r);
	/* May be NULL. Pages of @cpu came just now: the newest of them that is whole, borrowed. */
	void (*arrived)(void *ctx, uint32_t cpu, const uint8_t *page, uint32_t size);
};

/* What a session works with; all borrowed, and outlive it. */
struct session_env {
	struct loop *loop;
	struct log *log;
	struct jobs *jobs; /* where files are put together */
	const struct session_limits *limits;
	const struct store_place *place;
	const char *dir;   /* of the domains, for texts */
	const char *who;   /* "guest", or "client" on the network; for texts */
	const char *by;	   /* the command that serves, for texts */
	enum wire_gen gen; /* what is spoken on the network, with data ports; 0: virtio-serial */
};

/* A session in state hello, or NULL. @domain is a checked name, copied. */
struct session *session_new(const struct session_env *env, const struct session_owner *owner,
			    const char *domain, struct err *e);
/* At any time; what was not finished stays on the disk for restore. NULL is fine. */
void session_free(struct session *s);
/* Before it: nothing of the recording stays on the disk. */
void session_forget(struct session *s);

/*
 * One message, legal in session_expects(). @chans are the domain's channels, one for each CPU from
 * 0 on; used with TINIT, borrowed until .released. A negative errno with @e: the guest is at fault
 * (-EPROTO, -E2BIG...) or the host (-ENOSPC...); the owner answers ERROR and calls session_end().
 */
int session_msg(struct session *s, const struct msg *m, struct chan *const *chans, size_t nchans,
		struct err *e);

/* Metadata of the end (MSG_F_TAIL) that have no FINMETA yet are forgotten: others may follow. */
void session_cut_tail(struct session *s);

/*
 * End it without the guest's CLOSE. A recording drains and is saved with what came; one that did
 * not get as far as its metadata is dropped. @quiet_ns: how long nothing must come.
 */
void session_end(struct session *s, enum session_why why, uint64_t quiet_ns);

/* Draining already: be done in @ns at the latest (a next recording waits). */
void session_hurry(struct session *s, uint64_t ns);

enum msg_state session_expects(const struct session *s);
enum session_state session_state(const struct session *s);
const char *session_domain(const struct session *s);
const char *session_file(const struct session *s); /* its name, "" before there is one */
/* The peer granted extensions: it understands a CLOSE from the server. */
bool session_polite(const struct session *s);

/* For the status line. */
struct session_now {
	uint64_t bytes; /* received up to now */
	uint64_t lost;	/* thrown away up to now, bytes */
};

void session_now(const struct session *s, struct session_now *to);

#endif
