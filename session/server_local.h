/* SPDX-License-Identifier: GPL-2.0 */
/* server_local.h - what server.c, domain.c and conn.c share */
#ifndef SESSION_SERVER_LOCAL_H
#define SESSION_SERVER_LOCAL_H

#include "session/server.h"

/* One recording: binds a session to its domain and, while that lives, to its connection. */
struct guest_run {
	struct run run;
	struct domain *domain; /* NULL: the channels were given back */
	struct conn *conn;     /* NULL: gone, or it has turned to the next recording */
};

/* One control connection. */
struct conn {
	struct server *server;
	struct domain *domain;
	struct link *link;
	struct guest_run *run;	    /* the one that its messages are for */
	bool waiting;		    /* TCONNECT came; the domain's last recording still drains */
	bool agent, busy;	    /* an agent speaks here; it records, or was lent since */
	uint64_t heard_ns;	    /* now_ns() of its last hello */
	uint64_t minute_ns;	    /* now_ns() when .hellos began to count */
	unsigned int hellos;	    /* of this minute */
	char version[MSG_MAX_PEER]; /* of the agent */
	struct conn *next;
};

/* A guest by name. It has a directory, or only connections on the shared socket. */
struct domain {
	struct server *server;
	char name[GUESTS_NAME_MAX + 1];
	struct watch listen; /* <dir>/<name>/agent-ctl-path; fd -1: none */
	int wd;		     /* inotify; -1: none */
	bool present;	     /* has a directory that is safe */
	struct err refused;  /* why not; .code 0 = not told yet */
	struct chan **chans; /* owned */
	size_t nchans;
	struct guest_run *run; /* holds the channels */
	struct lease *lease;   /* or this one does */
	unsigned int nconns;
	struct domain *next;
};

struct server {
	struct hub hub;
	struct loop *loop; /* the hub's, as .log */
	struct log *log;
	const char *dir;
	unsigned int max_conns, max_domain_conns;
	struct watch listen, inotify;
	struct timer rescan;
	int lock;
	struct domain *domains;
	struct conn *conns;
	unsigned int nconns;
	struct watch broker;
	struct lease *leases; /* who is connected to the broker, with a lease or not yet */
};

/* domain.c */
struct domain *domain_find(struct server *s, const char *name); /* NULL: there is none */
struct domain *domain_get(struct server *s, const char *name, struct err *e); /* made if new */
void domain_put(struct domain *d);    /* freed, if nothing keeps it */
void domain_free(struct domain *d);   /* unlinks it from the server */
void domain_rescan(struct domain *d); /* channels and socket as they lie there now */
void domains_rescan(struct server *s);
void domain_lost(struct server *s, int wd); /* the directory that @wd watched is another by now */

/* conn.c */
void conn_accept(struct server *s, int listen_fd, struct domain *d); /* d NULL: the shared socket */
void conn_free(struct conn *c);
void conns_wake(struct domain *d); /* the channels are free */

/* broker.c */
int broker_open(struct server *s, struct err *e);
void broker_stop(struct server *s);  /* nothing new is lent; what is lent comes back soon */
void broker_close(struct server *s); /* now */
void broker_forget(struct conn *c);  /* its connection ends, and with it what was lent of it */

#endif
