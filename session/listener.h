/* SPDX-License-Identifier: GPL-2.0 */
/*
 * listener.h - the server of network clients: one port, many recordings
 *
 * Each connection is one client, and one recording: its generation is found by the greeting, its
 * data come through ports of its own (chan_open_net()), its file is
 * <outdir>/<prefix>.<host>:<port>.dat, and one that is there is replaced. What it shares with the
 * server of guests is hub.h.
 */
#ifndef SESSION_LISTENER_H
#define SESSION_LISTENER_H

#include "session/hub.h"

struct listener;

struct listener_opts {
	enum net_kind kind;			/* NET_TCP or NET_VSOCK */
	uint32_t port;				/* 0 = any */
	const char *bind;			/* NULL = everywhere; borrowed */
	const struct net_prefix *allow;		/* who may connect; borrowed */
	size_t nallow;				/* 0 = everybody */
	enum wire_gen most;			/* newest generation that is spoken; 0 = WIRE_V3 */
	unsigned int max_conns, max_host_conns; /* 0 = 256, 32 */
	struct hub_opts hub;			/* .dir, .who and .name are set by the listener */
};

/*
 * A client's name becomes a file name: "<host>:<port>" where @host is acceptable (what a name
 * server said, may be NULL), else with the address. guests_name_check() holds for the result.
 * Returns @to.
 */
const char *listener_name(const struct net_addr *peer, const char *host, char *to, size_t room);

/* Ready to serve, or NULL. */
struct listener *listener_new(struct loop *l, const struct listener_opts *o, struct err *e);
void listener_free(struct listener *l); /* at any time; NULL is fine */

uint32_t listener_port(const struct listener *l);

void listener_stop(struct listener *l);			  /* as hub_stop() */
bool listener_status(struct listener *l, struct buf *to); /* as hub_status() */

#endif
