// SPDX-License-Identifier: GPL-2.0
/*
 * conn.c - control connections, and the recordings that they begin
 *
 * Theory of operation
 *
 * A connection lives as long as its VM; recordings come and go on it. TCONNECT begins one. If the
 * domain's last one still has the channels (it drains, or its client was killed), the connection is
 * paused until they are free: the guest waits for RCONNECT meanwhile, and its bytes are not mixed
 * with those of the last one. A recording that was ended is finished beside the connection.
 *
 * Who may connect is decided by the directory's modes; how many may, here. A connection that says
 * nothing stays: QEMU connects when the VM starts, and the first recording may come days later.
 */
#include "session/server_local.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "guests/peer.h"
#include "wire/ext.h"

enum {
	ACCEPTS = 32, /* in one callback */
	HELLOS = 60,  /* of an agent in a minute; it has reason for a few */
};

#define QUIET_KILLED (300 * NSEC_PER_MSEC) /* nobody writes any more: what came is all */
#define HURRY	     (2 * NSEC_PER_SEC)	   /* a client waits 5 s for RCONNECT */

/* Recordings */

static struct server *server_of(struct guest_run *r)
{
	return container_of(r->run.hub, struct server, hub);
}

static void guest_run_free(struct run *run)
{
	struct guest_run *r = container_of(run, struct guest_run, run);

	if (r->conn)
		r->conn->run = NULL;
	if (r->domain)
		r->domain->run = NULL;
	free(r);
}

static void run_send(void *ctx, const struct msg *m)
{
	struct guest_run *r = ctx;

	/* To a client that waits for its next recording, words on the last one would be riddles. */
	if (r->conn && !r->conn->waiting)
		link_send(r->conn->link, m);
}

static void run_late(void *ctx, struct session *session, const struct err *e)
{
	struct guest_run *r = ctx;

	log_warn(server_of(r)->log, "guest %s: %s", r->domain->name, e->what);
	if (r->conn)
		link_error(r->conn->link, e);
	session_end(session, SESSION_TIMEOUT, QUIET_KILLED);
}

/* The channels are back: the domain may record again. */
static void run_released(void *ctx, struct session *session)
{
	struct guest_run *r = ctx;
	struct domain *d = r->domain;

	(void)session;
	if (r->conn)
		r->conn->run = NULL;
	r->conn = NULL;
	r->run.link = NULL;
	r->domain = NULL;
	d->run = NULL;
	domain_rescan(d);
	conns_wake(d);
	domain_put(d);
}

static void guest_run_closed(void *ctx, struct session *session, const struct session_result *res)
{
	struct guest_run *r = ctx;

	(void)session;
	run_closed(&r->run, res);
}

static int begin_run(struct conn *c, struct err *e)
{
	static const struct session_owner ops = { NULL, run_send, run_late, run_released,
						  guest_run_closed };
	struct session_owner owner = ops;
	struct msg hello = { .type = MSG_RCONNECT, .rconnect.text = MSG_GREETING };
	struct server *s = c->server;
	struct guest_run *r;
	int rc = hub_may_begin(&s->hub, e);

	if (rc)
		return rc;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, ENOMEM, "no memory for a recording");
	*r = (struct guest_run){ { .link = c->link, .free = guest_run_free }, c->domain, c };
	owner.ctx = r;
	rc = run_begin(&s->hub, &r->run, &s->hub.env, &owner, c->domain->name, e);
	if (rc) {
		free(r);
		return rc;
	}
	c->run = c->domain->run = r;
	link_send(c->link, &hello);
	return 0;
}

/* Connections: what the link asks and tells */

/* Another connection of the same guest records: it is not torn from it, unless it has ended. */
static bool is_taken(const struct conn *c)
{
	const struct guest_run *r = c->domain->run;

	return r && r->conn && r->conn != c && session_state(r->run.session) < SESSION_DRAINING;
}

static int got_tconnect(struct conn *c, struct err *e)
{
	struct guest_run *r = c->domain->run;

	c->agent = false; /* whoever speaks now is none */
	if (is_taken(c))
		return err_say(e, EBUSY, "%s is being recorded over another connection",
			       c->domain->name);
	if (c->domain->lease)
		return err_say(e, EBUSY, "%s is being recorded by its agent", c->domain->name);
	if (r && r->conn == c && session_state(r->run.session) < SESSION_DRAINING)
		session_end(r->run.session, SESSION_BEGAN_ANEW, QUIET_KILLED);
	r = c->domain->run; /* one without metadata is gone by now */
	if (!r)
		return begin_run(c, e);
	session_hurry(r->run.session, HURRY);
	c->waiting = true;
	link_pause(c->link, true);
	return 0;
}

void conns_wake(struct domain *d)
{
	for (struct conn *c = d->server->conns; c; c = c->next) {
		struct err e = { 0 };

		if (c->domain != d || !c->waiting || d->run)
			continue;
		c->waiting = false;
		if (begin_run(c, &e)) {
			log_err(d->server->log, &e);
			link_error(c->link, &e);
		}
		link_pause(c->link, false);
	}
}

static enum msg_state conn_expects(void *ctx)
{
	struct conn *c = ctx;

	return c->run ? session_expects(c->run->run.session) : MSG_S_IDLE;
}

static int conn_message(void *ctx, const struct msg *m, struct err *e)
{
	struct conn *c = ctx;
	struct domain *d = c->domain;

	if (m->type == MSG_TCONNECT)
		return got_tconnect(c, e);
	if (!c->run)
		return 0; /* CLOSE, said once more */
	if (m->type == MSG_TINIT)
		domain_rescan(d);
	if (m->type == MSG_FINMETA)
		link_forgive(c->link);
	return session_msg(c->run->run.session, m, d->chans, d->nchans, e);
}

static void conn_fault(void *ctx, const struct err *e)
{
	struct conn *c = ctx;
	char text[sizeof(e->what) + 64];

	log_warn(c->server->log, "guest %s: %s", c->domain->name, err_text(e, text, sizeof(text)));
	if (c->run)
		session_end(c->run->run.session, SESSION_FAULT, QUIET_KILLED);
}

/* More hellos than an agent has reason for: the log does not grow with them. */
static bool is_talkative(struct conn *c)
{
	uint64_t now = now_ns();

	if (now - c->minute_ns > 60 * NSEC_PER_SEC) {
		c->minute_ns = now;
		c->hellos = 0;
	}
	return ++c->hellos > HELLOS;
}

static void conn_agent(void *ctx, const struct agent_hello *h)
{
	struct conn *c = ctx;
	bool known = c->agent && !strcmp(c->version, h->version), much = is_talkative(c);
	enum log_level info = much ? LOG_DEBUG : LOG_INFO, warn = much ? LOG_DEBUG : LOG_WARN;

	c->agent = !h->leaving;
	c->busy = h->busy;
	c->heard_ns = now_ns();
	snprintf(c->version, sizeof(c->version), "%s", h->version);
	if (!much)
		link_forgive(c->link);
	if (h->leaving)
		log_line(c->server->log, info, "guest %s: its agent ends", c->domain->name);
	if (h->busy && !h->leaving) {
		log_line(c->server->log, warn,
			 "guest %s: its agent records for nobody here: it is told to end",
			 c->domain->name);
		link_dismiss(c->link);
	}
	if (known || h->leaving)
		return;
	log_line(c->server->log, info, "guest %s: an agent is there: %s", c->domain->name,
		 h->version);
	if (!ext_same_version(h->version))
		log_line(c->server->log, warn,
			 "guest %s: its agent is %s, this is trace-cmd " VERSION, c->domain->name,
			 h->version);
}

static void conn_gone(void *ctx, const struct err *e)
{
	struct conn *c = ctx;
	char text[sizeof(e->what) + 64];

	log_info(c->server->log, "guest %s: the control connection ended%s%s", c->domain->name,
		 e->code ? ": " : "", e->code ? err_text(e, text, sizeof(text)) : "");
	if (c->run)
		session_end(c->run->run.session, SESSION_CUT_OFF, QUIET_KILLED);
	conn_free(c);
}

void conn_free(struct conn *c)
{
	struct conn **at = &c->server->conns;
	struct domain *d = c->domain;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	broker_forget(c);
	if (c->run) {
		c->run->conn = NULL;
		c->run->run.link = NULL;
	}
	c->server->nconns--;
	d->nconns--;
	link_free(c->link);
	free(c);
	domain_put(d);
}

/* Accepting */

static int name_peer(struct server *s, int fd, struct domain **d, struct err *e)
{
	struct guest_peer peer;
	int rc;

	if (s->nconns >= s->max_conns)
		return err_say(e, EUSERS, "there are %u already", s->nconns);
	if (!*d) {
		rc = guest_peer_of(fd, &peer, e);
		if (rc)
			return rc;
		*d = domain_get(s, peer.name, e);
		if (!*d)
			return -EINVAL;
	}
	if ((*d)->nconns >= s->max_domain_conns)
		return err_say(e, EUSERS, "guest %s has %u already", (*d)->name, (*d)->nconns);
	return 0;
}

static int conn_new(struct server *s, int *fd, struct domain *d, struct err *e)
{
	struct link_owner owner = { .expects = conn_expects,
				    .message = conn_message,
				    .fault = conn_fault,
				    .gone = conn_gone,
				    .agent = conn_agent };
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, ENOMEM, "no memory for a connection");
	owner.ctx = c;
	c->server = s;
	c->domain = d;
	c->link = link_new(s->loop, *fd, &owner, s->hub.o.limits.hello_ns, e);
	if (!c->link) {
		free(c);
		return -ENOMEM;
	}
	*fd = -1;
	c->next = s->conns;
	s->conns = c;
	s->nconns++;
	d->nconns++;
	log_info(s->log, "guest %s: connected", d->name);
	return 0;
}

void conn_accept(struct server *s, int listen_fd, struct domain *d)
{
	for (int i = 0; i < ACCEPTS; i++) {
		AUTO_FD fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct domain *of = d;
		struct err e = { 0 };

		if (fd < 0) {
			hub_shed(&s->hub, listen_fd, errno);
			return;
		}
		if (name_peer(s, fd, &of, &e) || conn_new(s, &fd, of, &e))
			hub_refused(&s->hub, &e);
		if (of && !d)
			domain_put(of);
	}
}
