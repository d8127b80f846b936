/* SPDX-License-Identifier: GPL-2.0 */
/*
 * server.h - many guests, one loop: sockets, domains, connections and their recordings
 *
 * The directory's layout is in guests/layout.h. The server locks <dir>/.virt-server.lock, listens
 * on the shared socket and on one in each domain's directory, follows directories that come and go,
 * and runs at most one recording per domain at a time.
 */
#ifndef SESSION_SERVER_H
#define SESSION_SERVER_H

#include "session/session.h"

struct server;

struct server_opts {
	const char *dir; /* borrowed, as all here */
	const char *outdir;
	const char *prefix; /* of the files' names, NULL = "trace" */
	int version;	    /* of the files: 6 or 7 */
	bool once;	    /* stop after the first recording */
	bool no_restore;    /* leave orphans in outdir alone */
	unsigned int max_sessions, max_conns, max_domain_conns; /* 0 = 64, 256, 16 */
	struct session_limits limits;
	struct log *log; /* may be NULL */
	void *ctx;
	/* A recording has ended; also those that left no file (r->path NULL). */
	void (*finished)(void *ctx, const struct session_result *r);
	/* server_stop() is done, or .once came true: everything is saved. */
	void (*stopped)(void *ctx);
};

/*
 * Ready to serve, or NULL. -EBUSY: another server has @dir; -EPERM: @dir is not safe. Orphans of a
 * killed server in @outdir are restored beside the loop.
 */
struct server *server_new(struct loop *l, const struct server_opts *o, struct err *e);
void server_free(struct server *s); /* at any time; NULL is fine */

/* Finish all recordings, then call .stopped. A second time: at once; restore has what is left. */
void server_stop(struct server *s);

/*
 * "web1 1.2 MiB/s 34.5 MiB, web2 ..." for the status line; rates since the last call. False: nobody
 * records.
 */
bool server_status(struct server *s, struct buf *to);

#endif
