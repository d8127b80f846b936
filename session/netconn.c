// SPDX-License-Identifier: GPL-2.0
/*
 * netconn.c - one client on the network: greeting, generation, recording
 *
 * Theory of operation
 *
 *   accepted   greeted at once. Whoever does not get as far as a generation in time is closed
 *   greeted    its name is looked up, for the file's; nothing is read meanwhile
 *   named      the session begins, in state hello: TINIT opens the data ports, and so on: session.c
 *   over       the session ended: when the file is there, the connection is closed
 *
 * A session speaks struct msg; the link puts that into the client's words. What the oldest
 * generation (V1) has no words for is said for it here: the end of its connection is FINMETA and
 * CLOSE. A client has one recording: after a fault it is told why, as far as it understands, and
 * closed.
 *
 * The run outlives the connection while the last bytes are drained and the file is made. The data
 * ports are the run's, and closed with the drain.
 */
#include "session/listener_local.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/io.h"

#define LOOKUP_WAIT (2 * NSEC_PER_SEC)
#define QUIET_GONE  (300 * NSEC_PER_MSEC) /* nobody writes any more: what came is all */

enum { UDP_PAGE_MAX = 65507 - 8 /* bytes: a datagram, less the number behind the page */ };

/* One recording. */
struct net_run {
	struct run run;
	struct listener *listener;
	struct netconn *conn; /* NULL: gone */
	struct store_place place;
	char file[STORE_NAME_MAX];
	struct chan **chans; /* owned */
	size_t nchans;
};

/* --- the recording --- */

static void close_ports(struct net_run *r)
{
	while (r->nchans)
		chan_close(r->chans[--r->nchans]);
	free(r->chans);
	r->chans = NULL;
}

static void net_run_free(struct run *run)
{
	struct net_run *r = container_of(run, struct net_run, run);

	close_ports(r);
	if (r->conn)
		r->conn->run = NULL;
	free(r);
}

static void run_send(void *ctx, const struct msg *m)
{
	struct net_run *r = ctx;

	if (r->conn)
		link_send(r->conn->link, m);
}

static void run_late(void *ctx, struct session *session, const struct err *e)
{
	struct net_run *r = ctx;

	log_warn(r->listener->log, "client %s: %s", session_domain(session), e->what);
	if (r->conn)
		link_error(r->conn->link, e);
	session_end(session, SESSION_TIMEOUT, QUIET_GONE);
}

static void run_released(void *ctx, struct session *session)
{
	(void)session;
	close_ports(ctx);
}

static void net_run_closed(void *ctx, struct session *session, const struct session_result *res)
{
	struct net_run *r = ctx;

	(void)session;
	if (r->conn)
		link_part(r->conn->link);
	run_closed(&r->run, res);
}

/* Where the file goes: its name is this client's, and its version may be. */
static int place_file(struct net_run *r, const struct netconn *c, struct err *e)
{
	const struct hub *h = &c->listener->hub;

	r->place = h->place;
	r->place.exact = r->file;
	if (!r->place.version && c->gen != WIRE_V3)
		r->place.version = 6;
	return path_fmt(r->file, sizeof(r->file), e, "%s.%s.dat", h->place.prefix, c->name);
}

static int begin_run(struct netconn *c, struct err *e)
{
	struct session_owner owner = { NULL, run_send, run_late, run_released, net_run_closed };
	struct hub *h = &c->listener->hub;
	struct session_env env = h->env;
	struct net_run *r;
	int rc = hub_may_begin(h, e);

	if (rc)
		return rc;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, ENOMEM, "no memory for a recording");
	*r = (struct net_run){ { .link = c->link, .free = net_run_free }, c->listener, c };
	owner.ctx = r;
	env.place = &r->place;
	env.gen = c->gen;
	rc = place_file(r, c, e);
	if (!rc)
		rc = run_begin(h, &r->run, &env, &owner, c->name, e);
	if (rc)
		free(r);
	else
		c->run = r;
	return rc;
}

/* A port for each CPU, as TINIT asks. */
static int open_ports(struct netconn *c, const struct msg *m, struct err *e)
{
	enum net_kind kind = m->tinit.use_vsock ? NET_VSOCK : m->tinit.use_tcp ? NET_TCP : NET_UDP;
	uint32_t cpus = m->tinit.cpus, port = NET_DATA_PORT;
	struct listener *l = c->listener;
	struct net_run *r = c->run;

	if ((kind == NET_VSOCK) != (c->peer.sa.ss_family == AF_VSOCK))
		return err_say(e, EPROTO, "asked for data over %s, but came over %s",
			       net_kind_name(kind), net_kind_name(l->o.kind));
	if (kind == NET_UDP && m->tinit.page_size > UDP_PAGE_MAX)
		return err_say(e, EPROTO, "has pages of %u bytes, which no datagram takes: use TCP",
			       m->tinit.page_size);
	if (cpus > l->hub.o.limits.cpus)
		return 0; /* the session says it */
	r->chans = calloc(cpus, sizeof(*r->chans));
	if (!r->chans)
		return err_set(e, ENOMEM, "no memory for %u data channels", cpus);
	while (r->nchans < cpus) {
		struct chan *ch = chan_open_net(&l->hub.chan_env, kind, c->fd, &c->peer,
						(uint32_t)r->nchans, &port, e);

		if (!ch)
			return e->code ? -e->code : -ENOMEM;
		r->chans[r->nchans++] = ch;
	}
	return 0;
}

/* --- the connection: what the link asks and tells --- */

static enum msg_state conn_expects(void *ctx)
{
	struct netconn *c = ctx;

	return c->run ? session_expects(c->run->run.session) : MSG_S_CLOSING;
}

static int conn_message(void *ctx, const struct msg *m, struct err *e)
{
	struct netconn *c = ctx;
	int rc = 0;

	if (!c->run)
		return 0; /* CLOSE, said once more */
	if (m->type == MSG_TCONNECT)
		return err_say(e, EPROTO, "sent TCONNECT, which is for virtio-serial");
	if (m->type == MSG_TINIT)
		rc = open_ports(c, m, e);
	return rc ? rc : session_msg(c->run->run.session, m, c->run->chans, c->run->nchans, e);
}

static void conn_fault(void *ctx, const struct err *e)
{
	struct netconn *c = ctx;
	char text[sizeof(e->what) + 64];

	loop_disarm(&c->silence);
	log_warn(c->listener->log, "client %s: %s", c->name, err_text(e, text, sizeof(text)));
	if (c->run)
		session_end(c->run->run.session, SESSION_FAULT, QUIET_GONE);
}

/* V1: what the end of the connection says. */
static void say_the_end(struct netconn *c)
{
	static const struct msg ends[] = { { .type = MSG_FINMETA }, { .type = MSG_CLOSE } };
	struct err e = { 0 };

	if (session_state(c->run->run.session) != SESSION_READY)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(ends) && c->run; i++)
		if (session_msg(c->run->run.session, &ends[i], NULL, 0, &e))
			return; /* bad metadata: session_end() will say so */
}

static void conn_gone(void *ctx, const struct err *e)
{
	struct netconn *c = ctx;
	char text[sizeof(e->what) + 64];

	log_info(c->listener->log, "client %s: the control connection ended%s%s", c->name,
		 e->code ? ": " : "", e->code ? err_text(e, text, sizeof(text)) : "");
	if (c->run && c->gen == WIRE_V1 && !e->code)
		say_the_end(c);
	if (c->run)
		session_end(c->run->run.session, SESSION_CUT_OFF, QUIET_GONE);
	netconn_free(c);
}

static void named(void *ctx, const char *host)
{
	struct netconn *c = ctx;
	char before[sizeof(c->name)];
	struct err e = { 0 };

	net_name_free(c->lookup);
	c->lookup = NULL;
	snprintf(before, sizeof(before), "%s", c->name);
	listener_name(&c->peer, host, c->name, sizeof(c->name));
	if (strcmp(before, c->name))
		log_info(c->listener->log, "client %s is %s", before, c->name);
	if (begin_run(c, &e)) {
		conn_fault(c, &e);
		link_error(c->link, &e);
		return;
	}
	link_pause(c->link, false);
}

static void conn_greeted(void *ctx, enum wire_gen gen)
{
	struct netconn *c = ctx;
	struct err e = { 0 };

	c->gen = gen;
	loop_disarm(&c->silence);
	log_info(c->listener->log, "client %s: speaks %s", c->name, wire_gen_name(gen));
	link_pause(c->link, true);
	if (c->peer.sa.ss_family != AF_VSOCK)
		c->lookup = net_name_begin(c->listener->names, c->listener->loop, &c->peer,
					   LOOKUP_WAIT, named, c, &e);
	if (e.code)
		log_err(c->listener->log, &e);
	if (!c->lookup)
		named(c, NULL);
}

static void silence_fire(struct timer *t)
{
	struct netconn *c = container_of(t, struct netconn, silence);
	struct err e = { 0 };

	err_say(&e, ETIMEDOUT, "no whole greeting came in %.1f s",
		(double)c->listener->hub.o.limits.hello_ns / NSEC_PER_SEC);
	conn_fault(c, &e);
	link_error(c->link, &e);
}

int netconn_new(struct listener *l, int fd, const struct net_addr *peer, struct err *e)
{
	struct link_owner owner = { NULL,	conn_expects, conn_message,
				    conn_fault, conn_gone,    conn_greeted };
	uint64_t patience = l->hub.o.limits.hello_ns;
	struct netconn *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, ENOMEM, "no memory for a connection");
	owner.ctx = c;
	c->listener = l;
	c->fd = fd;
	c->peer = *peer;
	listener_name(peer, NULL, c->name, sizeof(c->name));
	c->silence.fire = silence_fire;
	c->link = link_new_net(l->loop, fd, l->o.most, &owner, patience, e);
	if (!c->link) {
		free(c);
		return -ENOMEM;
	}
	if (patience != UINT64_MAX)
		loop_arm(l->loop, &c->silence, patience);
	c->next = l->conns;
	l->conns = c;
	l->nconns++;
	log_info(l->log, "client %s: connected", c->name);
	return 0;
}

void netconn_free(struct netconn *c)
{
	struct netconn **at = &c->listener->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->listener->nconns--;
	if (c->run) {
		c->run->conn = NULL;
		c->run->run.link = NULL;
	}
	net_name_free(c->lookup);
	loop_disarm(&c->silence);
	link_free(c->link);
	free(c);
}

uint32_t netconn_port(const struct netconn *c, uint32_t cpu)
{
	return c->run && cpu < c->run->nchans ? chan_port(c->run->chans[cpu]) : 0;
}
