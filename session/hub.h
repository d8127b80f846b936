/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hub.h - what every server of recordings needs, wherever they come from
 *
 * The output directory, the recordings that run or are being saved, what a killed server left, the
 * refusals, the end, the status line. The server of guests (server.h) and that of the network
 * (listener.h) put their sockets around it.
 */
#ifndef SESSION_HUB_H
#define SESSION_HUB_H

#include "session/link.h"
#include "session/session.h"

struct hub_opts {
	const char *outdir;	   /* borrowed, as all here */
	const char *prefix;	   /* of the files' names, NULL = "trace" */
	int version;		   /* of the files: 6 or 7; 0: as each client's */
	const char *compression;   /* as of tdat_compression_for(); NULL: none */
	const char *who;	   /* "guest" or "client", for texts */
	const char *name;	   /* of the command, "virt-server" or "listen" */
	const char *dir;	   /* of the domains, for texts */
	bool once;		   /* stop after the first recording */
	bool no_restore;	   /* leave orphans in outdir alone */
	unsigned int max_sessions; /* 0 = 64 */
	struct session_limits limits;
	struct log *log; /* may be NULL */
	void *ctx;
	/* A recording has ended; also those that left no file (r->path NULL). */
	void (*finished)(void *ctx, const struct session_result *r);
	/* hub_stop() is done, or .once came true: everything is saved. */
	void (*stopped)(void *ctx);
};

struct hub;

/* One recording: a member of what its server knows of it. */
struct run {
	struct hub *hub;
	struct session *session;
	struct link *link; /* the connection that it hears from; NULL: gone, or it has turned
			      to the next recording */
	void (*free)(struct run *r); /* called by run_free(), at its end */
	struct run *next;
	uint64_t shown_bytes, shown_ns; /* of the status line */
};

struct hub {
	struct loop *loop;
	struct hub_opts o;
	struct log *log;
	struct jobs *jobs;
	struct session_env env;
	struct store_place place;
	struct chan_env chan_env;
	struct timer stop;
	int spare; /* a descriptor to let go when there are no others */
	struct run *runs;
	struct orphan *orphans; /* being restored */
	unsigned int nruns;
	unsigned int held;   /* see hub_hold() */
	uint64_t refused_ns; /* when a refused connection was last logged */
	unsigned int nrefused;
	bool stopping, stopped;
};

/* Zero @h and open it; hub_close() in any case. Orphans are left to hub_restore(). */
int hub_open(struct hub *h, struct loop *l, const struct hub_opts *o, struct err *e);
void hub_close(struct hub *h);
/* Before it, where runs are freed by hand: wait for the file that is being made, begin no more. */
void hub_end_jobs(struct hub *h);

/* Restore, beside the loop, what a killed server left, unless the options forbid it. */
void hub_restore(struct hub *h);

/* Finish all recordings, then call .stopped. A second time: at once; restore has what is left. */
void hub_stop(struct hub *h);

/*
 * "web1 1.2 MiB/s 34.5 MiB, web2 ..." for the status line; rates since the last call. False: nobody
 * records.
 */
bool hub_status(struct hub *h, struct buf *to);

/* .stopped waits until each hold is let go; a second hub_stop() does not. */
void hub_hold(struct hub *h);
void hub_let_go(struct hub *h);

/* May one more begin now? -ESHUTDOWN, -EUSERS. */
int hub_may_begin(const struct hub *h, struct err *e);

/*
 * A session of @domain in @r, whose .link and .free are set; it is owned by the hub from now on.
 * @env: h->env, or a copy of it with what is different.
 */
int run_begin(struct hub *h, struct run *r, const struct session_env *env,
	      const struct session_owner *owner, const char *domain, struct err *e);
/* Ends it at once, what was not finished stays for restore; calls r->free(). */
void run_free(struct run *r);
/* For session_owner.closed: report, free, stop where it was the last. */
void run_closed(struct run *r, const struct session_result *res);

/* Log that a connection was refused: a line a second at most, however many knock. */
void hub_refused(struct hub *h, const struct err *e);
/* No descriptor is left (accept said @code): take a connection and end it. False: it is another
 * reason. */
bool hub_shed(struct hub *h, int listen_fd, int code);

#endif
