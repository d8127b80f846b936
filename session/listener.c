// SPDX-License-Identifier: GPL-2.0
/*
 * listener.c - the server of network clients
 *
 * Theory of operation
 *
 * Who may connect is decided here, before a word is said: the list of prefixes, then how many
 * connections there are in all and from this host. There is no other proof of who a client is: the
 * protocols have none. All else is one client's: netconn.c.
 */
#include "session/listener_local.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/io.h"

enum {
	ACCEPTS = 32,	 /* in one callback */
	LOOKUPS = 16,	 /* names asked for at a time */
	PREFIX_MAX = 64, /* characters of the files' names before the client's */
	CONNS = 256,	 /* connections */
	HOST_CONNS = 32, /* of one host */
};

const char *listener_name(const struct net_addr *peer, const char *host, char *to, size_t room)
{
	char addr[NET_ADDR_TEXT];
	int rc = host ? path_fmt(to, room, NULL, "%s:%u", host, net_addr_port(peer)) : -ENOENT;

	if (rc || guests_name_check(to, NULL))
		snprintf(to, room, "%s:%u", net_addr_text(peer, addr, sizeof(addr)),
			 net_addr_port(peer));
	return to;
}

static bool is_allowed(const struct listener *l, const struct net_addr *peer)
{
	bool found = !l->o.nallow;

	for (size_t i = 0; i < l->o.nallow && !found; i++)
		found = net_prefix_has(&l->o.allow[i], peer);
	return found;
}

static unsigned int of_host(const struct listener *l, const struct net_addr *peer)
{
	unsigned int n = 0;

	for (const struct netconn *c = l->conns; c; c = c->next)
		n += net_addr_same(&c->peer, peer);
	return n;
}

static int judge(const struct listener *l, const struct net_addr *peer, struct err *e)
{
	char text[NET_ADDR_TEXT];

	net_addr_text(peer, text, sizeof(text));
	if (!is_allowed(l, peer))
		return err_say(e, EACCES, "%s is not allowed to connect (--allow)", text);
	if (l->nconns >= l->o.max_conns)
		return err_say(e, EUSERS, "there are %u already", l->nconns);
	if (of_host(l, peer) >= l->o.max_host_conns)
		return err_say(e, EUSERS, "%s has %u already", text, l->o.max_host_conns);
	return 0;
}

static void accept_ready(struct watch *w, uint32_t events)
{
	struct listener *l = container_of(w, struct listener, listen);

	(void)events;
	for (int i = 0; i < ACCEPTS; i++) {
		struct net_addr peer;
		struct err e = { 0 };
		AUTO_FD fd = net_accept(w->fd, &peer, &e);

		if (fd < 0) {
			if (!hub_shed(&l->hub, w->fd, -fd) && e.code)
				log_err(l->log, &e);
			return;
		}
		if (judge(l, &peer, &e) || netconn_new(l, fd, &peer, &e))
			hub_refused(&l->hub, &e);
		else
			(void)steal_fd(&fd); /* the connection's */
	}
}

/* What the files' names begin with: no path, and nothing hidden. */
static int check_prefix(const char *prefix, struct err *e)
{
	if (prefix && (!*prefix || strlen(prefix) > PREFIX_MAX || *prefix == '.')) {
		err_say(e, EINVAL, "the files' names cannot begin with '%s'", prefix);
		return err_hint(e, "1 to %d characters, and no dot first", PREFIX_MAX);
	}
	if (!prefix || !strchr(prefix, '/'))
		return 0;
	err_say(e, EINVAL, "'%s' is a path, not the beginning of a file name", prefix);
	return err_hint(e, "give the directory with -d");
}

static void say_ready(const struct listener *l)
{
	const char *kind = net_kind_name(l->o.kind);

	log_info(l->log, "trace-cmd %s listens on %s port %u%s%s, files go to %s", VERSION, kind,
		 listener_port(l), l->o.bind ? " of " : "", l->o.bind ? l->o.bind : "",
		 l->hub.o.outdir);
}

static int set_up(struct listener *l, const struct listener_opts *o, struct err *e)
{
	struct hub_opts ho = o->hub;
	int rc = check_prefix(o->hub.prefix, e);

	if (rc)
		return rc;
	ho.dir = "";
	ho.who = "client";
	ho.name = "listen";
	rc = hub_open(&l->hub, l->loop, &ho, e);
	if (rc)
		return rc;
	l->names = net_names_new(LOOKUPS, e);
	if (!l->names)
		return -ENOMEM;
	l->listen.fd = net_listen(o->kind, o->bind, o->port, e);
	return l->listen.fd < 0 ? l->listen.fd : loop_watch(l->loop, &l->listen, EPOLLIN, e);
}

struct listener *listener_new(struct loop *loop, const struct listener_opts *o, struct err *e)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l) {
		err_set(e, ENOMEM, "no memory for the server");
		return NULL;
	}
	l->loop = loop;
	l->log = o->hub.log;
	l->o = *o;
	l->o.most = o->most ? o->most : WIRE_V3;
	l->o.max_conns = o->max_conns ? o->max_conns : CONNS;
	l->o.max_host_conns = o->max_host_conns ? o->max_host_conns : HOST_CONNS;
	l->hub.spare = l->hub.place.dirfd = -1;
	l->listen = (struct watch){ .fd = -1, .ready = accept_ready };
	if (set_up(l, o, e)) {
		listener_free(l);
		return NULL;
	}
	hub_restore(&l->hub);
	say_ready(l);
	return l;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	while (l->conns)
		netconn_free(l->conns);
	hub_close(&l->hub);
	net_names_free(l->names);
	loop_unwatch(&l->listen);
	cleanup_fd(&l->listen.fd);
	free(l);
}

uint32_t listener_port(const struct listener *l)
{
	struct net_addr a = { .len = sizeof(a.sa) };

	return getsockname(l->listen.fd, (struct sockaddr *)&a.sa, &a.len) ? 0 : net_addr_port(&a);
}

void listener_stop(struct listener *l)
{
	loop_unwatch(&l->listen);
	hub_stop(&l->hub);
}

bool listener_status(struct listener *l, struct buf *to)
{
	return hub_status(&l->hub, to);
}
