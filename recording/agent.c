// SPDX-License-Identifier: GPL-2.0
/*
 * agent.c - records this machine for hosts that ask for it, one recording after another
 *
 * Theory of operation
 *
 * Idle, there is a listener, or the control port of virtio-serial. A TRACE_REQ begins a run
 * (agent-run.c); at its end a connection is closed, and a port is idle again. Over virtio nobody
 * can see that an agent is there, so it says hello: when the host's end opens, from time to time,
 * when a recording begins or has ended, and when it ends itself. One that records says so, too: a
 * guest that was migrated meanwhile records for nobody, and the server over there tells it CLOSE. A
 * server of the time before agents answers that with errors; it gets no more of them until somebody
 * else holds the host's end.
 *
 * A second connection while one is served is answered with the reason and closed.
 */
#include "recording/agent.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "tracing/pages.h"
#include "wire/agent-msg.h"

#define REQUEST_WAIT (10 * NSEC_PER_SEC) /* for a connection's TRACE_REQ */
#define HELLO_WAIT   (AGENT_HELLO_S * NSEC_PER_SEC)

struct agent {
	struct loop *loop;
	struct agent_opts opts;
	struct watch listener; /* owned fd */
	int fd;		       /* owned connection; -1 = none */
	struct net_addr host;
	struct guest_link *link;
	struct agent_run *run;
	struct timer hello, request, drop;
	bool old_server, stopping;
	uint32_t cpus;
};

static bool is_virtio(const struct agent *a)
{
	return a->opts.kind == NET_NR;
}

/* Hello */

static void put_hello(struct agent *a, bool leaving)
{
	struct agent_hello h = {
		.busy = a->run, .leaving = leaving, .cpus = a->cpus, .version = a->opts.version
	};
	uint8_t frame[256];
	struct wcur w = wcur_make(frame, sizeof(frame), true);

	/* One that is not read does no good, and many would fill the port. */
	if (!a->old_server && !guest_link_queued(a->link, NULL) && !agent_hello_put(&w, &h))
		guest_link_urge(a->link, frame, sizeof(frame) - w.left);
}

static void say_hello(struct agent *a)
{
	loop_disarm(&a->hello);
	if (a->old_server || a->stopping)
		return;
	put_hello(a, false);
	loop_arm(a->loop, &a->hello, HELLO_WAIT);
}

static void hello_fire(struct timer *t)
{
	say_hello(container_of(t, struct agent, hello));
}

static void link_opened(void *ctx)
{
	struct agent *a = ctx;

	log_info(a->opts.log, "the host's end of the control port is open");
	a->old_server = false;
	say_hello(a);
}

static void link_refused(void *ctx)
{
	struct agent *a = ctx;

	if (!a->old_server)
		log_warn(
			a->opts.log,
			"the host's virt-server does not know agents: it takes record --virt only");
	a->old_server = true;
}

/* virt-server took the port back from a host, and wants to know whether it can lend it again. */
static void link_closed(void *ctx)
{
	say_hello(ctx);
}

static void link_lost(void *ctx)
{
	struct agent *a = ctx;

	if (!a->run)
		loop_stop(a->loop);
	a->stopping = true; /* with the end of its recording, which has been cut */
}

/* The end of a recording, or of a connection without one */

static void drop_connection(struct agent *a)
{
	loop_disarm(&a->request);
	loop_disarm(&a->drop);
	guest_link_free(a->link);
	a->link = NULL;
	cleanup_fd(&a->fd);
	a->fd = -1;
}

static void drop_fire(struct timer *t)
{
	drop_connection(container_of(t, struct agent, drop));
}

static void drop_soon(struct agent *a)
{
	loop_disarm(&a->request);
	loop_arm(a->loop, &a->drop, 0); /* the link is calling us */
}

static void run_done(void *ctx)
{
	struct agent *a = ctx;

	agent_run_free(a->run);
	a->run = NULL;
	if (a->stopping)
		loop_stop(a->loop);
	if (!is_virtio(a)) {
		drop_connection(a);
		return;
	}
	say_hello(a);
	guest_link_idle(a->link);
}

/* From the control channel */

static void begin_run(struct agent *a, const struct msg3 *m)
{
	struct agent_run_opts o = { .loop = a->loop,
				    .log = a->opts.log,
				    .link = a->link,
				    .control = a->fd,
				    .kind = a->opts.kind,
				    .host = a->host,
				    .limits = &a->opts.limits,
				    .version = a->opts.version,
				    .done = run_done,
				    .ctx = a };
	struct err e = { 0 };

	loop_disarm(&a->request);
	loop_disarm(&a->hello);
	a->run = agent_run_new(&o, m, &e);
	if (a->run && is_virtio(a))
		say_hello(a);
	if (a->run)
		return;
	err_prefix(&e, "a request was refused");
	log_err(a->opts.log, &e);
	if (is_virtio(a))
		loop_arm(a->loop, &a->hello, 0); /* and idle again: see link_frame() */
	else
		drop_soon(a);
}

static void link_frame(void *ctx, const struct msg3 *m)
{
	struct agent *a = ctx;
	uint8_t frame[AGENT_REFUSAL_MAX];
	struct err e = { 0 };

	if (a->run) {
		agent_run_frame(a->run, m);
		return;
	}
	if (a->drop.loop || a->stopping)
		return;
	if (m->type == MSG3_TRACE_REQ) {
		begin_run(a, m);
		if (!a->run && is_virtio(a))
			guest_link_idle(a->link);
		return;
	}
	err_say(&e, EPROTO, "an agent expects TRACE_REQ first, not %s", msg3_name(m->type));
	guest_link_urge(a->link, frame, agent_refusal(frame, &e));
	drop_soon(a);
}

static void link_gone(void *ctx, const struct err *e)
{
	struct agent *a = ctx;
	struct err why = *e;

	if (!why.code)
		err_say(&why, EPIPE, "the host has gone");
	if (a->run)
		agent_run_end(a->run, &why);
	else if (is_virtio(a))
		guest_link_idle(a->link);
	else
		drop_soon(a);
	loop_disarm(&a->hello);
}

static const struct guest_link_owner owner_of_link = {
	.frame = link_frame,
	.gone = link_gone,
	.opened = link_opened,
	.refused = link_refused,
	.closed = link_closed,
	.lost = link_lost,
};

static int open_link(struct agent *a, int fd, struct err *e)
{
	struct guest_link_opts o = { .fd = fd, .seek = is_virtio(a), .owner = owner_of_link };

	o.owner.ctx = a;
	a->link = guest_link_new(a->loop, &o, e);
	return a->link ? 0 : -ENOMEM;
}

/* Connections */

static void request_late(struct timer *t)
{
	struct agent *a = container_of(t, struct agent, request);

	log_info(a->opts.log, "a connection without a request is closed");
	drop_connection(a);
}

/* 0: it may be served. */
static int judge_host(const struct agent *a, const struct net_addr *who, struct err *e)
{
	char text[NET_ADDR_TEXT];

	net_addr_text(who, text, sizeof(text));
	if (a->opts.kind == NET_TCP && !net_addr_is(who, a->opts.client))
		return err_say(e, EACCES, "%s may not connect, only %s", text, a->opts.client);
	if (a->fd >= 0 && a->run)
		return err_say(e, EBUSY, AGENT_BUSY "it records for another host");
	if (a->fd >= 0)
		return err_say(e, EBUSY, AGENT_BUSY "another host is connected");
	return a->stopping ? err_say(e, ESHUTDOWN, "the agent is being ended") : 0;
}

static void on_connection(struct watch *w, uint32_t events)
{
	struct agent *a = container_of(w, struct agent, listener);
	uint8_t frame[AGENT_REFUSAL_MAX];
	struct net_addr who;
	struct err e = { 0 };
	AUTO_FD fd = net_accept(w->fd, &who, &e);

	(void)events;
	if (fd < 0) {
		if (fd != -EAGAIN)
			log_err(a->opts.log, &e);
		return;
	}
	if (judge_host(a, &who, &e)) {
		log_info(a->opts.log, "a connection is refused: %s", e.what);
		if (e.code != EACCES) /* a stranger learns nothing */
			(void)!write(fd, frame, agent_refusal(frame, &e));
		return;
	}
	a->host = who;
	if (open_link(a, fd, &e)) {
		log_err(a->opts.log, &e);
		return;
	}
	a->fd = steal_fd(&fd);
	loop_arm(a->loop, &a->request, REQUEST_WAIT);
}

static int listen_on(struct agent *a, struct err *e)
{
	a->listener = (struct watch){ .fd = net_listen(a->opts.kind, NULL, a->opts.port, e),
				      .ready = on_connection };
	if (a->listener.fd < 0)
		return a->listener.fd;
	return loop_watch(a->loop, &a->listener, EPOLLIN, e);
}

static int count_cpus(struct agent *a, struct err *e)
{
	struct cpu_list cpus = { 0 };
	int ret = pages_online("/sys/devices/system/cpu/present", &cpus, e);

	a->cpus = cpu_list_count(&cpus);
	cpu_list_free(&cpus);
	return ret;
}

struct agent *agent_new(struct loop *l, const struct agent_opts *o, struct err *e)
{
	struct agent *a = calloc(1, sizeof(*a));
	int ret;

	if (!a) {
		err_set(e, ENOMEM, "no memory for an agent");
		return NULL;
	}
	a->loop = l;
	a->opts = *o;
	a->fd = a->listener.fd = -1;
	a->hello.fire = hello_fire;
	a->request.fire = request_late;
	a->drop.fire = drop_fire;
	ret = count_cpus(a, e);
	if (!ret)
		ret = is_virtio(a) ? open_link(a, o->ctl, e) : listen_on(a, e);
	if (!ret)
		return a;
	agent_free(a);
	return NULL;
}

uint32_t agent_port(const struct agent *a)
{
	struct net_addr own = { .len = sizeof(own.sa) };

	if (a->listener.fd < 0 || getsockname(a->listener.fd, (struct sockaddr *)&own.sa, &own.len))
		return 0;
	return net_addr_port(&own);
}

void agent_stop(struct agent *a)
{
	struct err e = { 0 };

	if (!a->run) {
		loop_stop(a->loop);
		return;
	}
	if (a->stopping)
		err_say(&e, EINTR, "the agent was ended");
	agent_run_end(a->run, a->stopping ? &e : NULL);
	a->stopping = true;
}

void agent_free(struct agent *a)
{
	struct err e = { 0 };

	if (!a)
		return;
	if (a->run) {
		err_say(&e, EINTR, "the agent was ended");
		agent_run_end(a->run, &e);
	}
	agent_run_free(a->run);
	a->run = NULL;
	loop_disarm(&a->hello);
	if (a->link && is_virtio(a))
		put_hello(a, true);
	if (a->link)
		drop_connection(a);
	loop_unwatch(&a->listener);
	cleanup_fd(&a->listener.fd);
	free(a);
}
