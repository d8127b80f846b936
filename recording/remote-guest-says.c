// SPDX-License-Identifier: GPL-2.0
/*
 * remote-guest-says.c - what the agent of a guest says to us
 *
 * Theory of operation
 *
 * A table has each message, the states in which it belongs (remote-guest.c), and what it does
 * there. TRACE_RESP makes all that a guest needs, its channels, its session, and the comparison of
 * clocks; from then on most is handed on to these. Any other message, or one that cannot be read,
 * ends the guest's part.
 *
 * A hello comes between messages, on a virtio port alone: it tells of an agent that has ended or
 * begun anew, where no connection breaks.
 */
#include "recording/remote_local.h"

#include <errno.h>

#include "base/cleanup.h"
#include "guests/vcpus.h"
#include "wire/ext.h"

#define CONNECT_WAIT (3 * NSEC_PER_SEC) /* for all data ports */

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

void remote_guest_note_version(struct remote_guest *g, const char *agent)
{
	char text[256];

	snprintf(text, sizeof(text), "its agent is %.100s, and this is trace-cmd " VERSION, agent);
	if (!ext_same_version(agent))
		remotes_note(g->all, g, text);
}

static void round_done(void *ctx)
{
	struct remote_guest *g = ctx;

	if (g->state == REMOTE_FIRST)
		remote_guest_go(g, REMOTE_RUNNING);
	else if (g->state == REMOTE_LAST)
		remote_guest_close(g);
}

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
	g->seen = calloc(g->cpus, sizeof(*g->seen));
	if (!g->tids || !g->seen)
		return err_set(e, ENOMEM, "no memory for %u vCPUs", g->cpus);
	guest_vcpu_threads(g->qemu, g->tids, g->cpus);
	if (resp->ext.present && !g->way.leased) /* virt-server knew it */
		remote_guest_note_version(g, resp->ext.peer);
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
	remote_guest_hang_up(g);
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
		remote_guest_leave_out(g, e);
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
		: remote_is_starting(g)	 ? "its agent closed the connection before it recorded: "
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

struct agent_link_owner remote_guest_ears(struct remote_guest *g)
{
	return (struct agent_link_owner){ g, link_frame, link_gone, link_hello };
}
