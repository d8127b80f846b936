// SPDX-License-Identifier: GPL-2.0
/*
 * remote-session.c - what a guest sends, on its way into a file
 *
 * Theory of operation
 *
 * To the session the guest is a V3 client: the agent's frames are put into the words of struct msg.
 * The session is told that a tail was agreed on, whatever the agent knows of that, because the last
 * words are ours: how the guest's clock is to be read.
 *
 * An error before the guest runs is the recording's. After that it is this guest's: what came is
 * saved, and its channels go back at once, since the guest may come again.
 */
#include "recording/remote_local.h"

#include <errno.h>

#include "base/cleanup.h"
#include "tracedat/link.h"

#define QUIET (300 * NSEC_PER_MSEC)

void remote_guest_close_chans(struct remote_guest *g)
{
	while (g->nchans)
		chan_close(g->chans[--g->nchans]);
	free(g->chans);
	g->chans = NULL;
}

void remote_guest_hang_up(struct remote_guest *g)
{
	if (g->sync)
		remote_sync_stop(g->sync);
	loop_unwatch(&g->lease);
	if (g->link)
		agent_link_cut(g->link); /* it may be what called us */
}

void remote_guest_let_go(struct remote_guest *g)
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
	remote_guest_close_chans(ctx);
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
	if (remote_is_starting(g)) {
		remote_guest_go(g, REMOTE_DONE);
		remotes_failed(g->all, &e);
	} else if (g->state == REMOTE_FIRST || g->state == REMOTE_RUNNING) {
		remote_guest_let_go(g);
		remote_guest_go(g, REMOTE_ENDED);
		loop_disarm(&g->patience);
	} else {
		remote_guest_save(g);
	}
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
