/* SPDX-License-Identifier: GPL-2.0 */
/* server_local.h - what server.c, domain.c and conn.c share */
#ifndef SESSION_SERVER_LOCAL_H
#define SESSION_SERVER_LOCAL_H

#include "session/link.h"
#include "session/server.h"

/* One recording: binds a session to its domain and, while that lives, to its connection. */
struct run {
	struct server *server;
	struct domain *domain; /* NULL: the channels were given back */
	struct conn *conn;     /* NULL: gone, or it has turned to the next recording */
	struct session *session;
	struct run *next;
	uint64_t shown_bytes, shown_ns; /* of the status line */
};

/* One control connection. */
struct conn {
	struct server *server;
	struct domain *domain;
	struct link *link;
	struct run *run; /* the one that its messages are for */
	bool waiting;	 /* TCONNECT came; the domain's last recording still drains */
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
	struct run *run; /* holds the channels */
	unsigned int nconns;
	struct domain *next;
};

struct server {
	struct loop *loop;
	struct server_opts o;
	struct log *log;
	struct jobs *jobs;
	struct session_env env;
	struct store_place place;
	struct chan_env chan_env;
	struct watch listen, inotify;
	struct timer rescan, stop;
	int lock, spare; /* spare: a descriptor to let go when there are no others */
	struct domain *domains;
	struct conn *conns;
	struct run *runs;
	struct orphan *orphans; /* being restored */
	unsigned int nconns, nruns;
	uint64_t refused_ns; /* when a refused connection was last logged */
	unsigned int nrefused;
	bool stopping, stopped;
};

/* domain.c */
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
void run_free(struct run *r);

/* server.c */
void server_look_stopped(struct server *s);

#endif
