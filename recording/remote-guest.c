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
#include "tracedat/head.h"
#include "tracedat/link.h"
#include "wire/dialect.h"
#include "wire/ext.h"

#define CONNECT_WAIT (3 * NSEC_PER_SEC) /* for all data ports */
#define QUIET	     (300 * NSEC_PER_MSEC)
#define HURRY	     (500 * NSEC_PER_MSEC)

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

static bool is_before_running(const struct remote_guest *g)
{
	return g->state < REMOTE_FIRST;
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
static void hang_up(struct remote_guest *g)
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

	hang_up(g);
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
	hang_up(g);
	if (is_before_running(g)) {
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
static void leave_out(struct remote_guest *g, const struct err *why)
{
	hang_up(g);
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

/* What the agent says */

int remote_guest_session(struct remote_guest *g, struct err *e)
{
	struct session_owner owner = {
		g, session_send, session_late, session_released, session_closed, session_arrived
	};
	struct hub *h = &g->all->hub;
	struct session_env env = h->env;
	AUTO_FREE char *name = link_guest_path(g->all->stem, g->way.name);
	int ret;

	g->place = h->place;
	g->place.exact = g->file;
	env.place = &g->place;
	env.gen = WIRE_V3;
	g->run = (struct run){ .free = run_gone };
	ret = name ? path_fmt(g->file, sizeof(g->file), e, "%s", name)
		   : err_set(e, ENOMEM, "no memory for a recording");
	return ret ? ret : run_begin(h, &g->run, &env, &owner, g->way.name, e);
}

static int open_channels(struct remote_guest *g, const struct agent_resp *resp, struct err *e)
{
	uint64_t deadline = now_ns() + CONNECT_WAIT;
	bool own = !g->way.leased;

	g->chans = calloc(resp->cpus, sizeof(*g->chans));
	if (!g->chans)
		return err_set(e, ENOMEM, "no memory for %u data channels", resp->cpus);
	for (uint32_t cpu = 0; cpu < resp->cpus; cpu++) {
		struct guest_chan at = { cpu, own ? GUEST_CHAN_SOCKET : GUEST_CHAN_FIFO, "" };
		int fd = remote_data(&g->way, resp, cpu, deadline, e);

		if (fd < 0)
			return fd;
		snprintf(at.path, sizeof(at.path), "of CPU %u", cpu);
		g->chans[cpu] = chan_adopt(&g->all->hub.chan_env, &at, fd, e);
		if (!g->chans[cpu])
			return -ENOMEM;
		g->nchans++;
	}
	return 0;
}

static int send_tinit(struct remote_guest *g, const struct agent_resp *resp, struct err *e)
{
	struct msg m = { .type = MSG_TINIT };

	g->granted = resp->ext.present ? resp->ext.features : 0;
	m.tinit.cpus = resp->cpus;
	m.tinit.page_size = resp->page_size;
	m.tinit.use_tcp = true; /* a stream of bytes each */
	m.tinit.ext = (struct msg_ext){ .present = true,
					.features = g->granted | MSG_F_TAIL,
					.stream_id = g->all->o.trace_id,
					.peer = resp->ext.peer ? resp->ext.peer : "" };
	return session_msg(g->run.session, &m, g->chans, g->nchans, e);
}

static void note_version(struct remote_guest *g, const char *agent)
{
	char text[256];

	snprintf(text, sizeof(text), "its agent is %.100s, and this is trace-cmd " VERSION, agent);
	if (!ext_same_version(agent))
		remotes_note(g->all, g, text);
}

static void round_done(void *ctx);

static int got_resp(struct remote_guest *g, const struct msg3 *m, struct err *e)
{
	AUTO_FREE struct agent_resp *resp = malloc(sizeof(*resp));
	int ret = resp ? agent_resp_get(m, resp, e) : err_set(e, ENOMEM, "no memory for a guest");

	if (ret)
		return ret;
	if (g->way.leased && !resp->fifos)
		return err_say(e, EPROTO, "wants to be reached over a network for its pages");
	g->trace_id = resp->trace_id;
	g->cpus = resp->cpus;
	g->tids = calloc(g->cpus, sizeof(*g->tids));
	if (!g->tids)
		return err_set(e, ENOMEM, "no memory for %u vCPUs", g->cpus);
	guest_vcpu_threads(g->qemu, g->tids, g->cpus);
	if (resp->ext.present && !g->way.leased) /* virt-server knew it */
		note_version(g, resp->ext.peer);
	ret = open_channels(g, resp, e);
	if (!ret)
		ret = remote_guest_session(g, e);
	if (!ret)
		ret = send_tinit(g, resp, e);
	g->layout.size = resp->page_size;
	if (!ret)
		ret = remote_begin_sync(g, resp, round_done, e);
	if (!ret)
		remote_guest_go(g, REMOTE_METADATA);
	return ret;
}

static int got_data(struct remote_guest *g, const struct msg3 *m, struct err *e)
{
	if (g->state != REMOTE_METADATA)
		g->metadata_tail = true;
	else
		remote_guest_go(g, REMOTE_METADATA); /* patience begins anew */
	if (!g->layout.data_off)
		remote_guest_layout(g, m->buf, m->len);
	for (size_t at = 0; at < m->len; at += MSG_META_MAX) {
		int ret = remote_guest_say(g, MSG_SENDMETA, m->buf + at,
					   min_u64(m->len - at, MSG_META_MAX), e);

		if (ret)
			return ret;
	}
	return 0;
}

static int got_fin(struct remote_guest *g, const struct msg3 *m, struct err *e)
{
	int ret = 0;

	(void)m;
	if (g->state == REMOTE_METADATA || g->metadata_tail)
		ret = remote_guest_say(g, MSG_FINMETA, NULL, 0, e);
	g->metadata_tail = false;
	if (ret || g->state != REMOTE_METADATA)
		return ret;
	remote_guest_go(g, g->sync ? REMOTE_FIRST : REMOTE_RUNNING);
	if (g->sync)
		remote_sync_first(g->sync);
	return 0;
}

static int got_sync(struct remote_guest *g, const struct msg3 *m, struct err *e)
{
	if (!g->sync)
		return err_say(e, EPROTO, "sent TIME_SYNC, which was not agreed on");
	return remote_sync_frame(g->sync, m, e);
}

static int got_closed(struct remote_guest *g, const struct msg3 *m, struct err *e)
{
	struct msg *c = calloc(1, sizeof(*c));
	int ret;

	if (!c)
		return err_set(e, ENOMEM, "no memory for the totals");
	c->type = MSG_CLOSE;
	ret = agent_closed_get(m, &c->close.cpus, c->close.total, e);
	if (ret) {
		free(c);
		return ret;
	}
	free(g->closed);
	g->closed = c;
	if (g->state == REMOTE_CLOSING) {
		remote_guest_save(g);
		return 0;
	}
	err_say(&g->err, ECANCELED, "guest %s: the agent ended its recording before this one",
		g->way.name);
	if (g->state == REMOTE_LAST) {
		remote_guest_save(g);
		return 0;
	}
	hang_up(g);
	remote_guest_go(g, REMOTE_ENDED);
	return 0;
}

static int got_refusal(struct remote_guest *g, const struct msg3 *m, struct err *e)
{
	struct rcur body = rcur_make(m->buf, m->len, true);
	struct msg refusal = { .type = MSG_ERROR };

	msg_get_reason(&body, &refusal);
	if (g->state <= REMOTE_HEARD &&
	    !strncmp(refusal.error.reason, AGENT_BUSY, strlen(AGENT_BUSY))) {
		err_say(e, EBUSY, "guest %s: its agent says: %s", g->way.name,
			refusal.error.reason);
		leave_out(g, e);
		remotes_left_out(g->all, g);
		return 0;
	}
	if (refusal.error.reason[0])
		return err_say(e, EREMOTEIO, "its agent says: %s", refusal.error.reason);
	if (g->state > REMOTE_HEARD)
		return err_say(e, EREMOTEIO, "its agent gave up, and says no reason");
	return err_say(e, EREMOTEIO, "its agent refused the request, and says no reason");
}

#define IN(s)		 BIT(REMOTE_##s)
#define WHILE_IT_RECORDS (IN(FIRST) | IN(RUNNING) | IN(LAST) | IN(CLOSING))

static const struct {
	int (*got)(struct remote_guest *g, const struct msg3 *m, struct err *e);
	uint32_t in;
} frames[MSG3_NR] = {
	[MSG3_TRACE_RESP] = { got_resp, IN(ASKED) | IN(HEARD) },
	[MSG3_SEND_DATA] = { got_data, IN(METADATA) | WHILE_IT_RECORDS },
	[MSG3_FIN_DATA] = { got_fin, IN(METADATA) | WHILE_IT_RECORDS },
	[MSG3_TIME_SYNC] = { got_sync, IN(METADATA) | WHILE_IT_RECORDS },
	[MSG3_CLOSE_RESP] = { got_closed, WHILE_IT_RECORDS },
	[MSG3_NOT_SUPP] = { got_refusal, IN(ASKED) | IN(HEARD) | IN(METADATA) | WHILE_IT_RECORDS },
};

static int link_frame(void *ctx, const struct msg3 *m, struct err *e)
{
	struct remote_guest *g = ctx;

	if (frames[m->type].got && frames[m->type].in & BIT(g->state))
		return frames[m->type].got(g, m, e);
	return err_say(e, EPROTO, "sent %s, which does not belong here", msg3_name(m->type));
}

static void link_gone(void *ctx, const struct err *e)
{
	struct remote_guest *g = ctx;
	struct err closed = { 0 };

	err_say(&closed, ECONNRESET, "%s",
		g->state <= REMOTE_HEARD ? "its agent closed the connection instead of an answer: "
					   "it is busy, or refuses an argument"
		: is_before_running(g)	 ? "its agent closed the connection before it recorded: "
					   "it may refuse an argument, and has the reason in its log"
					 : "its agent is gone");
	remote_guest_fail(g, e->code ? e : &closed);
}

/* An idle one says so behind its answer: it is another one, that began after ours had died. */
static void link_hello(void *ctx, const struct agent_hello *h)
{
	struct remote_guest *g = ctx;
	struct err e = { 0 };

	if (h->leaving)
		err_say(&e, ECONNRESET, "its agent was ended");
	else if (!h->busy && g->state > REMOTE_HEARD)
		err_say(&e, ECONNRESET,
			"its agent began anew: it was ended, or the guest rebooted");
	else if (h->busy && g->state == REMOTE_ASKED)
		remote_guest_go(g, REMOTE_HEARD);
	if (!e.code)
		return;
	remote_guest_fail(g, &e);
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

static void say_close(struct remote_guest *g)
{
	agent_link_say(g->link, MSG3_CLOSE);
	remote_guest_go(g, REMOTE_CLOSING);
}

static void round_done(void *ctx)
{
	struct remote_guest *g = ctx;

	if (g->state == REMOTE_FIRST)
		remote_guest_go(g, REMOTE_RUNNING);
	else if (g->state == REMOTE_LAST)
		say_close(g);
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
			say_close(g);
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
		note_version(g, g->way.lease.version);
	if (ret && !strstr(e->what, g->wish->at)) /* virt-server's words may have it */
		err_prefix(e, "guest %s", g->wish->at);
	if (ret == -EBUSY)
		leave_out(g, e);
	return ret;
}

int remote_guest_ask(struct remote_guest *g, struct err *e)
{
	struct agent_link_owner owner = { g, link_frame, link_gone, link_hello };
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
	hang_up(g);
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
