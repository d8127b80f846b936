/* SPDX-License-Identifier: GPL-2.0 */
/*
 * net-link.h - the control connection to a listener: how it begins, whatever the listener's age
 *
 * The newest generation first, and down to what the listener answers; some of the old ones want a
 * new connection for that, so the connection is made and kept here.
 */
#ifndef RECORDING_NET_LINK_H
#define RECORDING_NET_LINK_H

#include "recording/client.h"
#include "transport/net.h"

struct net_link;

struct net_link_opts {
	bool vsock;	  /* else TCP */
	const char *host; /* as net_connect() takes it; copied */
	uint32_t port;
	enum wire_gen most, least; /* .least = .most: that one or none */
	uint64_t wait_ns;	   /* how long an answer may take, 0 = 5 s */
	const char *peer;	   /* our version text, borrowed */
};

struct net_link *net_link_new(const struct net_link_opts *o, struct err *e); /* NULL on error */
void net_link_free(struct net_link *l); /* closes the connection; NULL is fine */

/* Is there a listener? A connection, on which nothing is said yet. */
int net_link_connect(struct net_link *l, struct err *e);

/*
 * The greeting, TINIT and RINIT. The extension is asked for with wish->features in V3 only, where
 * listeners that do not know it take no offence; not at all where there are none. wish->ext does
 * not count. A connection that the listener has closed while nothing was said is made anew.
 */
int net_link_begin(struct net_link *l, const struct client_wish *wish, struct client_terms *terms,
		   struct err *e);

struct client *net_link_client(struct net_link *l); /* owned by the link */

#endif
