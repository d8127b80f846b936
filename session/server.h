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

#include "session/hub.h"

struct server;

struct server_opts {
	const char *dir;			  /* borrowed */
	struct hub_opts hub;			  /* .dir, .who and .name are set by the server */
	unsigned int max_conns, max_domain_conns; /* 0 = 256, 16 */
};

/*
 * Ready to serve, or NULL. -EBUSY: another server has @dir; -EPERM: @dir is not safe. Orphans of a
 * killed server in @outdir are restored beside the loop.
 */
struct server *server_new(struct loop *l, const struct server_opts *o, struct err *e);
void server_free(struct server *s); /* at any time; NULL is fine */

void server_stop(struct server *s);		      /* as hub_stop() */
bool server_status(struct server *s, struct buf *to); /* as hub_status() */

#endif
