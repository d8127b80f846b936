// SPDX-License-Identifier: GPL-2.0
/*
 * remote-ptp.c - the host's end of "ptp", the time sync of released agents
 *
 * Theory of operation
 *
 * A connection of its own to the agent's sync port, on which timesync/control.c speaks. Its times
 * are marks in a trace instance (timesync/marks.h), so that they are the trace clock's, whichever
 * that is. A round takes hundreds of messages to and fro for each CPU; an agent that says nothing
 * for a while in one is given up, and the recording goes on without.
 */
#include "recording/remote-ptp.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "recording/agent-link.h"
#include "timesync/control.h"
#include "timesync/marks.h"
#include "timesync/ptp.h"

#define SILENCE_S 10 /* of the agent, in a round */

struct remote_ptp {
	struct remote_ptp_opts o;
	struct agent_link *link;
	struct tracefs *top;
	struct ts_marks *marks;
	struct ts_host *host;
	struct timer silence;
	struct err err; /* of the ops */
};

/* What timesync asks for */

static int op_send(void *arg, const struct ts_msg *msg)
{
	struct remote_ptp *p = arg;
	struct msg3 m = {
		.type = MSG3_TIME_SYNC, .sync.id = msg->id, .buf = msg->data, .len = msg->len
	};
	struct wcur w = agent_link_room(p->link);

	snprintf(m.sync.proto, sizeof(m.sync.proto), "%s", msg->proto);
	msg3_encode(&w, &m);
	agent_link_send(p->link, &w); /* what does not go ends the link */
	return 0;
}

static int op_mark(void *arg, const struct ts_mark *m)
{
	struct remote_ptp *p = arg;

	return ts_marks_add(p->marks, m, &p->err);
}

static int op_clear(void *arg)
{
	struct remote_ptp *p = arg;

	return ts_marks_clear(p->marks, &p->err);
}

static void found(void *arg, const struct ts_mark *m, uint64_t time)
{
	ts_ptp_found(arg, m, time);
}

static int op_collect(void *arg, void *ptp)
{
	struct remote_ptp *p = arg;

	return ts_marks_collect(p->marks, found, ptp, &p->err);
}

static int op_sample(void *arg, uint32_t cpu, const struct tdat_shift_sample *s)
{
	struct remote_ptp *p = arg;
	uint64_t before, after;

	ts_host_around(p->host, s, &before, &after);
	return p->o.sample(p->o.ctx, cpu, s, before, after);
}

static const struct ts_ops host_ops = {
	.send = op_send,
	.mark = op_mark,
	.clear = op_clear,
	.collect = op_collect,
	.sample = op_sample,
};

/* The conversation */

static int got_frame(void *ctx, const struct msg3 *m, struct err *e)
{
	struct remote_ptp *p = ctx;
	struct ts_msg msg = { m->sync.proto, m->sync.id, m->buf, m->len };
	int ret;

	if (m->type != MSG3_TIME_SYNC)
		return err_say(e, EPROTO, "sent %s where time sync was due", msg3_name(m->type));
	ret = ts_host_input(p->host, &msg, e);
	if (ret < 0) {
		if (e && !e->code)
			*e = p->err;
		return e && !e->code ? err_set(e, -ret, "time sync") : ret;
	}
	if (!ret) {
		loop_arm(p->o.loop, &p->silence, SILENCE_S * NSEC_PER_SEC);
		return 0;
	}
	loop_disarm(&p->silence);
	p->o.round(p->o.ctx, NULL);
	return 0;
}

static void give_up(struct remote_ptp *p, const struct err *why)
{
	remote_ptp_stop(p);
	p->o.round(p->o.ctx, why);
}

static void link_gone(void *ctx, const struct err *e)
{
	struct err closed = { 0 };

	err_say(&closed, ECONNRESET, "the agent closed the connection");
	give_up(ctx, e->code ? e : &closed);
}

static void silence_fire(struct timer *t)
{
	struct err e = { 0 };

	err_say(&e, ETIMEDOUT, "the agent said nothing for %d s", SILENCE_S);
	give_up(container_of(t, struct remote_ptp, silence), &e);
}

void remote_ptp_round(struct remote_ptp *p)
{
	loop_arm(p->o.loop, &p->silence, SILENCE_S * NSEC_PER_SEC);
	ts_host_round(p->host);
}

void remote_ptp_stop(struct remote_ptp *p)
{
	loop_disarm(&p->silence);
	ts_host_stop(p->host);
	agent_link_cut(p->link);
}

/* Making one */

static int prepare(struct remote_ptp *p, struct err *e)
{
	struct agent_link_owner owner = { p, got_frame, link_gone };
	struct ts_end end = { &host_ops, p, (uint32_t)p->o.host, (uint32_t)p->o.guest, 0 };
	char name[32];
	int ret;

	snprintf(name, sizeof(name), "clock_synch-%u", end.peer);
	p->top = tfs_open(NULL, e);
	p->marks = p->top ? ts_marks_new(p->top, name, p->o.clock, e) : NULL;
	if (!p->marks)
		return -EIO;
	ret = ts_host_new(TS_PTP_NAME, p->o.cpus, &end, &p->host, e);
	if (ret)
		return ret;
	p->link = agent_link_new(p->o.loop, p->o.fd, &owner, e);
	return p->link ? 0 : -ENOMEM;
}

struct remote_ptp *remote_ptp_new(const struct remote_ptp_opts *o, struct err *e)
{
	struct remote_ptp *p = calloc(1, sizeof(*p));

	if (!p) {
		err_set(e, ENOMEM, "no memory for time sync");
		return NULL;
	}
	p->o = *o;
	p->silence.fire = silence_fire;
	if (!prepare(p, e))
		return p;
	p->o.fd = -1;
	remote_ptp_free(p);
	return NULL;
}

void remote_ptp_free(struct remote_ptp *p)
{
	if (!p)
		return;
	if (p->link)
		remote_ptp_stop(p);
	agent_link_free(p->link);
	cleanup_fd(&p->o.fd);
	ts_host_free(p->host);
	ts_marks_free(p->marks);
	tfs_close(p->top);
	free(p);
}
