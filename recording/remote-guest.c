// SPDX-License-Identifier: GPL-2.0
/*
 * remote-guest.c - one guest that is recorded through its agent
 *
 * Theory of operation
 *
 *   asked      TRACE_REQ was sent
 *   heard      its agent, on a virtio port, said hello as one who is busy: it has the request
 *   metadata   TRACE_RESP said CPUs and channels, and the session began; SEND_DATA.. FIN_DATA
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
 * What it says: remote-guest-says.c; what becomes of that: remote-session.c.
 */
#include "recording/remote_local.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guests/vcpus.h"
#include "tracedat/link.h"
#include "wire/dialect.h"

#define HURRY (500 * NSEC_PER_MSEC)

static const struct {
	const char *name;
	unsigned int patience_s; /* 0 = any time */
} states[REMOTE_NR_STATES] = {
	[REMOTE_ASKED] = { "a word of its agent", 20 },
	[REMOTE_HEARD] = { "an answer to the request", 60 },
	/* A released agent first compares clocks for a minute, before it sends metadata. */
	[REMOTE_METADATA] = { "metadata", 120 },
	[REMOTE_CLOSING] = { "its end of the recording", 60 },
	/* Its agent has said all; QEMU may have some of the pages still. */
	[REMOTE_ENDED] = { "the last of its pages", 1 },
};

static uint64_t patience_ns(const struct remote_guest *g)
{
	return g->all->o.patience_ns ?: states[g->state].patience_s * NSEC_PER_SEC;
}

void remote_guest_go(struct remote_guest *g, enum remote_state next)
{
	g->state = next;
	loop_disarm(&g->patience);
	if (states[next].patience_s)
		loop_arm(g->all->loop, &g->patience, patience_ns(g));
	remotes_news(g->all);
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

/* A server that was killed has told the agent nothing, and the next one would take the pages. */
static void lease_over(struct watch *w, uint32_t events)
{
	struct remote_guest *g = container_of(w, struct remote_guest, lease);
	struct err e = { 0 };

	(void)events;
	if (g->vtrace)
		remote_vtrace_hush(g);
	else
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
		remote_guest_let_go(g);
		return;
	}
	err_say(&e, ETIMEDOUT, "%s did not come in %g s", states[g->state].name,
		(double)patience_ns(g) / NSEC_PER_SEC);
	if (g->state == REMOTE_ASKED)
		err_hint(&e, "is the guest paused, or its agent stopped? 'trace-cmd agent' there");
	remote_guest_fail(g, &e);
	if (g->state == REMOTE_SAVING)
		remote_guest_let_go(g); /* it will not end its channels either */
}

/* What we want */

void remote_guest_close(struct remote_guest *g)
{
	remote_sync_closing(g->sync);
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
	if (remote_guest_wants_pages(g))
		g->asked = ts_now(r->o.clock);
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
	remote_guest_close_chans(g);
	remote_guest_end_time(g);
	remote_way_end(&g->way);
	free(g->tids);
	free(g->seen);
	free(g->closed);
	free(g->totals);
}
