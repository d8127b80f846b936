// SPDX-License-Identifier: GPL-2.0
/*
 * remote-guest.c - one guest that is recorded through its agent
 *
 * Theory of operation
 *
 *   asked      TRACE_REQ was sent; an agent on a virtio port says hello, as one who is busy
 *   heard      TRACE_RESP says CPUs and channels, and the session begins
 *   metadata   SEND_DATA.. FIN_DATA
 *   first      it records; its clock is compared with ours, and then it counts as running
 *   running    pages flow; the clocks are compared now and then
 *   ended      the agent said CLOSE_RESP before we said CLOSE, or is gone: what came waits to be
 *              saved with the rest, since the rate of the TSC is known only then. The channels go
 *              back: the guest may come again, and be recorded for somebody else
 *   last       our recording is over: the clocks are compared once more
 *   closing    CLOSE was sent; the agent's last metadata come, and CLOSE_RESP
 *   saving     the session drains the channels and puts the file together
 *   done
 *   left out   it is recorded for somebody else, and nothing is queued
 *
 * To the session the guest is a V3 client: the agent's frames are put into the words of struct msg.
 * The session is told that a tail was agreed on, whatever the agent knows of that, because the last
 * words are ours: how the guest's clock is to be read.
 *
 * An error before it runs is the recording's. After that it is this guest's: what came is saved.
 */
#include "recording/remote_local.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guests/vcpus.h"
#include "tracedat/link.h"
#include "wire/dialect.h"

#define QUIET (300 * NSEC_PER_MSEC)
#define HURRY (500 * NSEC_PER_MSEC)

static const struct {
	const char *name;
	unsigned int patience_s; /* 0 = any time */
} states[REMOTE_NR_STATES] = {
	[REMOTE_ASKED] = { "a word of its agent", 15 },
	[REMOTE_HEARD] = { "an answer to the request", 60 },
	/* A released agent first compares clocks for a minute, before it sends metadata. */
	[REMOTE_METADATA] = { "metadata", 120 },
	[REMOTE_CLOSING] = { "its end of the recording", 60 },
	/* Its agent has said all; QEMU may have some of the pages still. */
	[REMOTE_ENDED] = { "the last of its pages", 1 },
};

void remote_guest_go(struct remote_guest *g, enum remote_state next)
{
	g->state = next;
	loop_disarm(&g->patience);
	if (states[next].patience_s)
		loop_arm(g->all->loop, &g->patience, states[next].patience_s * NSEC_PER_SEC);
	remotes_news(g->all);
}

/* The end */

static void close_channels(struct remote_guest *g)
{
	while (g->nchans)
		chan_close(g->chans[--g->nchans]);
	free(g->chans);
	g->chans = NULL;
}

/* Nothing is said or heard any more. */
void remote_guest_hang_up(struct remote_guest *g)
{
	if (g->sync)
		remote_sync_stop(g->sync);
	loop_unwatch(&g->lease);
	if (g->link)
		agent_link_cut(g->link); /* it may be what called us */
}

/* The guest has left: what is in the channels is taken now, and they go back. */
static void let_go(struct remote_guest *g)
{
	loop_disarm(&g->patience);
	for (size_t i = 0; i < g->nchans; i++)
		chan_cut(g->chans[i]);
	remote_way_end(&g->way);
}

int remote_guest_say(struct remote_guest *g, enum msg_type type, const uint8_t *at, size_t n,
		     struct err *e)
{
	struct msg m = { .type = type };

	if (type == MSG_SENDMETA) {
		m.meta.data = at;
		m.meta.len = (uint32_t)n;
	}
	return session_msg(g->run.session, &m, g->chans, g->nchans, e);
}

/* Our words at the end of the guest's file. An agent's that were not finished go. */
static int send_tail(struct remote_guest *g, struct err *e)
{
	struct buf tail = { 0 };
	int ret = remote_guest_put_time(g, &tail, e);

	for (size_t at = 0; !ret && at < tail.len; at += MSG_META_MAX)
		ret = remote_guest_say(g, MSG_SENDMETA, tail.data + at,
				       min_u64(tail.len - at, MSG_META_MAX), e);
	if (!ret)
		ret = remote_guest_say(g, MSG_FINMETA, NULL, 0, e);
	buf_free(&tail);
	return ret;
}

/* All is said: the session has the rest to do. */
void remote_guest_save(struct remote_guest *g)
{
	struct err e = { 0 };
	int ret;

	remote_guest_hang_up(g);
	remote_guest_go(g, REMOTE_SAVING);
	if (g->metadata_tail)
		session_cut_tail(g->run.session);
	remote_guest_warn(g);
	ret = send_tail(g, &e);
	if (!ret && g->closed)
		ret = session_msg(g->run.session, g->closed, g->chans, g->nchans, &e);
	if (ret && !g->err.code)
		g->err = e;
	if (ret || !g->closed)
		session_end(g->run.session, ret ? SESSION_FAULT : SESSION_CUT_OFF, QUIET);
}

/* The session is over (session_owner.closed). */
static void session_closed(void *ctx, struct session *s, const struct session_result *res)
{
	struct remote_guest *g = ctx;

	(void)s;
	g->status = res->status;
	if (res->path)
		snprintf(g->path, sizeof(g->path), "%s", res->path);
	if (res->totals && g->totals)
		*g->totals = *res->totals;
	if (g->vtrace)
		remote_vtrace_saved(g);
	if (res->err->code && !g->err.code)
		g->err = *res->err;
	if (g->err.code && g->status == EXIT_WHOLE)
		g->status = EXIT_LOSSES;
	run_closed(&g->run, res);
	remote_way_end(&g->way);
	remote_guest_go(g, REMOTE_DONE);
}

static void run_gone(struct run *r)
{
	r->session = NULL;
}

static void session_released(void *ctx, struct session *s)
{
	(void)s;
	close_channels(ctx);
}

static void session_send(void *ctx, const struct msg *m)
{
	(void)ctx, (void)m; /* RINIT, and what was stored: no agent asks for that */
}

static void session_arrived(void *ctx, uint32_t cpu, const uint8_t *page, uint32_t size)
{
	(void)size; /* that of the layout */
	remote_guest_page(ctx, cpu, page);
}

/* This guest's part is over before its time. */
void remote_guest_fail(struct remote_guest *g, const struct err *why)
{
	struct err e = *why;

	err_prefix(&e, "guest %s", g->way.name);
	if (g->state >= REMOTE_SAVING || g->state == REMOTE_ENDED)
		return;
	if (!g->err.code)
		g->err = e;
	remote_guest_hang_up(g);
	if (!remote_guest_is_recording(g)) {
		remote_guest_go(g, REMOTE_DONE);
		remotes_failed(g->all, &e);
	} else if (g->state == REMOTE_FIRST || g->state == REMOTE_RUNNING) {
		let_go(g);
		remote_guest_go(g, REMOTE_ENDED);
		loop_disarm(&g->patience);
	} else {
		remote_guest_save(g);
	}
}

/* It is somebody else's; @why names it. */
void remote_guest_leave_out(struct remote_guest *g, const struct err *why)
{
	remote_guest_hang_up(g);
	g->err = *why;
	g->state = REMOTE_LEFT_OUT;
	loop_disarm(&g->patience);
	remote_way_end(&g->way);
}

static void session_late(void *ctx, struct session *s, const struct err *e)
{
	(void)s;
	remote_guest_fail(ctx, e);
}

int remote_guest_session(struct remote_guest *g, struct err *e)
{
	struct session_owner owner = {
		g, session_send, session_late, session_released, session_closed, NULL
	};
	struct hub *h = &g->all->hub;
	struct session_env env = h->env;
	AUTO_FREE char *name = link_guest_path(g->all->stem, g->way.name);
	int ret;

	g->place = h->place;
	g->place.exact = g->file;
	env.place = &g->place;
	env.gen = WIRE_V3;
	if (remote_guest_wants_pages(g))
		owner.arrived = session_arrived;
	g->run = (struct run){ .free = run_gone };
	ret = name ? path_fmt(g->file, sizeof(g->file), e, "%s", name)
		   : err_set(e, ENOMEM, "no memory for a recording");
	return ret ? ret : run_begin(h, &g->run, &env, &owner, g->way.name, e);
}

/* A server that was killed has told the agent nothing, and the next one would take the pages. */
static void lease_over(struct watch *w, uint32_t events)
{
	struct remote_guest *g = container_of(w, struct remote_guest, lease);
	struct err e = { 0 };

	(void)events;
	agent_link_say(g->link, MSG3_CLOSE);
	err_say(&e, ECONNRESET,
		"virt-server has taken its channels back: the guest or the server ended");
	remote_guest_fail(g, &e);
}

static void patience_over(struct timer *t)
{
	struct remote_guest *g = container_of(t, struct remote_guest, patience);
	struct err e = { 0 };

	if (g->state == REMOTE_ENDED) {
		let_go(g);
		return;
	}
	err_say(&e, ETIMEDOUT, "%s did not come in %u s", states[g->state].name,
		states[g->state].patience_s);
	if (g->state == REMOTE_ASKED)
		err_hint(&e, "is the guest paused, or its agent stopped? 'trace-cmd agent' there");
	remote_guest_fail(g, &e);
}

/* What we want */

void remote_guest_close(struct remote_guest *g)
{
	agent_link_say(g->link, MSG3_CLOSE);
	remote_guest_go(g, REMOTE_CLOSING);
}

void remote_guest_end(struct remote_guest *g)
{
	switch (g->state) {
	case REMOTE_ENDED:
		remote_guest_save(g);
		break;
	case REMOTE_FIRST:
	case REMOTE_RUNNING:
		if (g->vtrace) {
			remote_vtrace_end(g);
			break;
		}
		if (!g->sync) {
			remote_guest_close(g);
			break;
		}
		remote_guest_go(g, REMOTE_LAST);
		remote_sync_last(g->sync);
		break;
	default:
		break;
	}
}

void remote_guest_hurry(struct remote_guest *g)
{
	struct err e = { 0 };

	err_say(&e, EINTR, "its last words were not waited for");
	remote_guest_fail(g, &e);
	if (g->run.session)
		session_hurry(g->run.session, HURRY);
}

/* Before the thread runs */

static int send_request(struct remote_guest *g, struct err *e)
{
	const struct remotes *r = g->all;
	AUTO_FREE struct agent_req *req = calloc(1, sizeof(*req));
	struct wcur w = agent_link_room(g->link);

	if (!req)
		return err_set(e, ENOMEM, "no memory for a request");
	if (g->wish->args.n > AGENT_MAX_ARGS)
		return err_say(e, E2BIG, "there are more than %d words behind its -A",
			       AGENT_MAX_ARGS);
	req->fifos = g->way.leased;
	req->trace_id = r->o.trace_id;
	req->argc = g->wish->args.n;
	for (size_t i = 0; i < req->argc; i++)
		req->argv[i] = g->wish->args.name[i];
	remote_offer_methods(g, req);
	req->ext = (struct msg_ext){ .present = true,
				     .features = MSG_F_ALL,
				     .stream_id = r->o.trace_id,
				     .peer = r->o.peer };
	if (agent_req_put(&w, req))
		return err_say(e, E2BIG, "the words behind its -A do not fit into a message");
	agent_link_send(g->link, &w);
	return 0;
}

int remote_guest_reach(struct remote_guest *g, struct err *e)
{
	int ret;

	g->patience.fire = patience_over;
	g->lease = (struct watch){ .fd = -1, .ready = lease_over };
	g->totals = calloc(1, sizeof(*g->totals));
	if (!g->totals)
		return err_set(e, ENOMEM, "no memory for guest %s", g->wish->at);
	if (g->wish->virtio_trace)
		ret = remote_vtrace_reach(g, e);
	else
		ret = remote_reach(g->all->o.dir, g->wish, &g->way, e);
	if (!ret && g->way.leased && !g->vtrace)
		remote_guest_note_version(g, g->way.lease.version);
	if (ret && !strstr(e->what, g->wish->at)) /* virt-server's words may have it */
		err_prefix(e, "guest %s", g->wish->at);
	if (ret == -EBUSY)
		remote_guest_leave_out(g, e);
	return ret;
}

int remote_guest_ask(struct remote_guest *g, struct err *e)
{
	struct agent_link_owner owner = remote_guest_ears(g);
	struct remotes *r = g->all;
	int ret;

	if (g->wish->virtio_trace) {
		ret = remote_vtrace_ask(g, e);
		return ret ? err_prefix(e, "guest %s", g->wish->at) : 0;
	}
	ret = remote_connect(g->wish, &g->way, e);

	if (!ret)
		g->qemu = remote_qemu(g->wish, &g->way);
	if (!ret && g->way.leased) {
		g->lease.fd = g->way.lease.fd;
		ret = loop_watch(r->loop, &g->lease, EPOLLIN, e);
	}
	g->link = ret ? NULL : agent_link_new(r->loop, g->way.ctl, &owner, e);
	ret = g->link ? send_request(g, e) : -EIO;
	if (ret) {
		err_prefix(e, "guest %s", g->wish->at);
		return ret;
	}
	remote_guest_go(g, g->way.leased ? REMOTE_ASKED : REMOTE_HEARD);
	return 0;
}

void remote_guest_free(struct remote_guest *g)
{
	loop_disarm(&g->patience);
	remote_vtrace_free(g);
	if (g->link)
		agent_link_say(g->link, MSG3_CLOSE);
	remote_guest_hang_up(g);
	agent_link_free(g->link);
	if (g->run.session) {
		session_forget(g->run.session);
		run_free(&g->run);
	}
	close_channels(g);
	remote_guest_end_time(g);
	remote_way_end(&g->way);
	free(g->tids);
	free(g->closed);
	free(g->totals);
}
