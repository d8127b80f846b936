/* SPDX-License-Identifier: GPL-2.0 */
/* listener_local.h - what listener.c and netconn.c share */
#ifndef SESSION_LISTENER_LOCAL_H
#define SESSION_LISTENER_LOCAL_H

#include "session/listener.h"
#include "transport/net-name.h"

/* One client's control connection. */
struct netconn {
	struct listener *listener;
	int fd; /* the link's */
	struct net_addr peer;
	char name[GUESTS_NAME_MAX + 1]; /* with the address, until the name server has answered */
	struct link *link;
	struct net_name *lookup; /* NULL: not begun, or answered */
	struct timer silence;	 /* until the greeting is over */
	enum wire_gen gen;
	struct net_run *run; /* NULL: not begun, or over */
	struct netconn *next;
};

struct listener {
	struct hub hub;
	struct loop *loop; /* the hub's, as .log */
	struct log *log;
	struct listener_opts o;
	struct watch listen;
	struct net_names *names;
	struct netconn *conns;
	unsigned int nconns;
};

/* netconn.c. @fd is owned by the connection, if it is made. */
int netconn_new(struct listener *l, int fd, const struct net_addr *peer, struct err *e);
void netconn_free(struct netconn *c);
uint32_t netconn_port(const struct netconn *c, uint32_t cpu); /* of its data; 0: none now */

#endif
