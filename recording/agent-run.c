// SPDX-License-Identifier: GPL-2.0
/*
 * agent-run.c - one request of a host to an agent, from TRACE_REQ to the end
 *
 * Theory of operation
 *
 * What the host asks for is judged at once: its arguments, the clock, a method of time sync. What
 * takes longer is recording_run()'s, in a thread, with recording/dest-agent.c as its destination.
 * So the loop is free to answer: probes of the clock come at any time, and their answer is as good
 * as it is fast. Before and behind the recording nothing of it is left in tracefs, however it ends.
 *
 * It is over when the thread has ended, CLOSE_RESP is sent, the host has taken what was said last,
 * and time sync is through: a released host compares the clocks once more after CLOSE_RESP. A host
 * that takes nothing for long is given up.
 */
#include "recording/agent-run.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "recording/agent-args.h"
#include "recording/agent-sync.h"
#include "recording/dest-agent.h"
#include "recording/recording.h"
#include "timesync/now.h"
#include "tracing/allow.h"
#include "tracing/meta.h"
#include "wire/dialect.h"
#include "wire/ext.h"

/* A host that takes nothing: over virtio; over a network, where it may compare clocks first. */
#define STUCK	  (30 * NSEC_PER_SEC)
#define STUCK_NET (120 * NSEC_PER_SEC)
#define LOOK	  (200 * NSEC_PER_MSEC)

/* One question seldom comes alone. A host that asks for ever gets no more of the CPU than this. */
#define LINGER	   (NSEC_PER_MSEC / 4)
#define LINGER_MAX 16384

struct agent_run {
	struct agent_run_opts opts;
	struct agent_args args;
	struct pump_rate rate;
	char clock[AGENT_CLOCK_MAX];
	const char *proto;
	struct ts_clock *probed;  /* owned: the clock, for "probe"; else NULL */
	uint32_t answers;	  /* to probes */
	struct agent_probe asked; /* the last of them */
	uint64_t trace_id;
	cpu_set_t cpus; /* where this thread may run; probes move it about */
	bool cpus_known;
	struct dest *dest;
	struct agent_sync *sync; /* NULL = none */
	uint64_t sync_messages, sync_moved;
	struct watch done; /* eventfd, owned: the thread has ended */
	struct timer look;
	pthread_t thread;
	bool started, joined;
	int ret;	/* of the recording */
	struct err err; /* the thread's, until it is joined */
	struct recording_result result;
};

size_t agent_refusal(uint8_t to[AGENT_REFUSAL_MAX], const struct err *why)
{
	char text[MSG_MAX_REASON], all[sizeof(why->what) + sizeof(why->hint) + 64];
	struct msg m = { .type = MSG_ERROR, .error.reason = text };
	struct wcur w = wcur_make(to, AGENT_REFUSAL_MAX, true);
	size_t n;

	err_text(why, all, sizeof(all));
	n = strlen(all);
	if (why->hint[0])
		snprintf(all + n, sizeof(all) - n, "; try: %s", why->hint);
	snprintf(text, sizeof(text), "%.*s", (int)sizeof(text) - 1, all);
	return wire_encode(WIRE_V3, &w, &m) ? 0 : AGENT_REFUSAL_MAX - w.left;
}

static void refuse(struct guest_link *k, const struct err *why)
{
	uint8_t frame[AGENT_REFUSAL_MAX];

	guest_link_urge(k, frame, agent_refusal(frame, why));
}

/* The thread */

static int judge_events(const struct agent_run *r, struct err *e)
{
	struct tracefs *top;
	int ret;

	if (!r->opts.limits->allow.n)
		return 0;
	top = tfs_open(NULL, e);
	ret = top ? plan_allowed(r->args.plan.plan, top, &r->opts.limits->allow, e) : -EIO;
	tfs_close(top);
	return ret;
}

static void *run_thread(void *arg)
{
	struct agent_run *r = arg;
	struct recording_opts o = { .plan = r->args.plan.plan,
				    .dest = r->dest,
				    .interval_ns = r->args.interval_us * 1000,
				    .version = r->opts.version,
				    .trace_id = r->trace_id,
				    .rate = r->rate.per_second ? &r->rate : NULL,
				    .until_dest = true,
				    .hide = getpid() };
	uint64_t one = 1;

	r->ret = judge_events(r, &r->err);
	if (!r->ret)
		r->ret = recording_run(&o, &r->result, &r->err);
	(void)!write(r->done.fd, &one, sizeof(one));
	return NULL;
}

/* The end */

static void say_end(struct agent_run *r)
{
	char line[256];

	if (r->ret) {
		log_err(r->opts.log, &r->err);
		return;
	}
	if (r->err.code) /* tracefs was not put back in all */
		log_err(r->opts.log, &r->err);
	log_info(r->opts.log, "recorded: %s", totals_line(&r->result.totals, line, sizeof(line)));
}

/* Has the sync conversation moved since we looked last? */
static uint64_t last_moved(struct agent_run *r, uint64_t taken)
{
	uint64_t messages = r->sync ? agent_sync_messages(r->sync) : 0;

	if (messages != r->sync_messages)
		r->sync_moved = now_ns();
	r->sync_messages = messages;
	return max_u64(taken, r->sync_moved);
}

static bool is_stuck(struct agent_run *r)
{
	uint64_t taken, limit = r->opts.control < 0 ? STUCK : STUCK_NET;
	size_t queued = guest_link_queued(r->opts.link, &taken);
	bool waits = queued || (r->joined && r->sync && !agent_sync_over(r->sync));

	uint64_t now = now_ns(), moved = last_moved(r, waits ? taken : now);

	return moved < now && now - moved > limit;
}

/* The host has its own reason; why it was ours is told nowhere else. */
static void say_sync(const struct agent_run *r)
{
	if (r->sync && agent_sync_over(r->sync) && agent_sync_error(r->sync)->code)
		log_err(r->opts.log, agent_sync_error(r->sync));
}

static bool is_over(const struct agent_run *r)
{
	return r->joined && !guest_link_queued(r->opts.link, NULL) &&
	       (!r->sync || r->ret || agent_sync_over(r->sync));
}

static void look(struct timer *t)
{
	struct agent_run *r = container_of(t, struct agent_run, look);
	struct err e = { 0 };

	if (!is_over(r) && is_stuck(r)) {
		err_say(&e, ETIMEDOUT, "the host does not take what it is sent");
		agent_run_end(r, &e);
	}
	if (is_over(r) || (r->joined && e.code))
		r->opts.done(r->opts.ctx); /* frees it */
	else
		loop_arm(r->opts.loop, t, LOOK);
}

/* CLOSE_RESP, or why there is none. */
static void say_closed(struct agent_run *r)
{
	uint8_t frame[MSG3_MAX];
	struct wcur w = wcur_make(frame, sizeof(frame), true);

	if (!dest_agent_finished(r->dest))
		refuse(r->opts.link, &r->err);
	else if (!dest_agent_closed(r->dest, &w))
		guest_link_add(r->opts.link, frame, sizeof(frame) - w.left);
}

static void thread_ended(struct watch *w, uint32_t events)
{
	struct agent_run *r = container_of(w, struct agent_run, done);

	(void)events;
	loop_unwatch(w);
	pthread_join(r->thread, NULL);
	r->joined = true;
	say_end(r);
	say_closed(r);
	look(&r->look);
}

void agent_run_end(struct agent_run *r, const struct err *why)
{
	if (why)
		guest_link_cut(r->opts.link, why);
	dest_agent_end(r->dest, why);
}

static void answer(struct agent_run *r, enum agent_probe_id id)
{
	uint8_t frame[256];
	struct wcur w = wcur_make(frame, sizeof(frame), true);

	if (!agent_probe_answer(&r->asked, id, r->probed, guest_link_came(r->opts.link), &w, NULL))
		guest_link_urge(r->opts.link, frame, sizeof(frame) - w.left);
}

static void answer_probe(struct agent_run *r, const struct msg3 *m)
{
	struct agent_probe p;

	if (m->sync.id != AGENT_PROBE_ASK || agent_probe_get(m, &p, NULL))
		return;
	r->asked = p;
	answer(r, AGENT_PROBE_ANSWER);
	if (r->answers++ < LINGER_MAX)
		guest_link_linger(r->opts.link, LINGER);
}

static void got_close(struct agent_run *r)
{
	if (r->asked.want & AGENT_PROBE_WANT_TOLD)
		answer(r, AGENT_PROBE_TOLD);
	dest_agent_end(r->dest, NULL);
}

void agent_run_frame(struct agent_run *r, const struct msg3 *m)
{
	struct err e = { 0 };

	if (m->type == MSG3_CLOSE) {
		got_close(r);
	} else if (m->type == MSG3_TIME_SYNC && r->probed && !strcmp(m->sync.proto, AGENT_PROBE)) {
		answer_probe(r, m);
	} else if (m->type == MSG3_TRACE_REQ) {
		err_say(&e, EBUSY, AGENT_BUSY "a recording has begun on this channel");
		refuse(r->opts.link, &e);
	} else {
		log_debug(r->opts.log, "the host sent %s, which means nothing here",
			  msg3_name(m->type));
	}
}

/* The beginning */

static void log_request(const struct agent_run *r, const struct agent_req *req)
{
	struct buf line = { 0 };

	for (size_t i = 0; i < req->argc; i++)
		if (buf_addf(&line, " %s", req->argv[i]))
			break;
	if (!buf_text(&line))
		log_info(r->opts.log, "a host asks for: record%.1000s (clock %s, time sync %s)",
			 (const char *)line.data, r->clock, r->proto[0] ? r->proto : "none");
	buf_free(&line);
	if (req->ext.present && !ext_same_version(req->ext.peer))
		log_warn(r->opts.log, "the host is %s, this is trace-cmd " VERSION, req->ext.peer);
}

static int begin_sync(struct agent_run *r, const struct agent_req *req, uint32_t *port,
		      struct err *e)
{
	enum net_kind kind = r->opts.control < 0 ? NET_NR : r->opts.kind;
	struct agent_sync_opts o = { .kind = r->opts.kind,
				     .control = r->opts.control,
				     .host = r->opts.host,
				     .clock = r->clock,
				     .own = r->trace_id,
				     .peer = req->trace_id };
	const struct plan_buffer *top = &r->args.plan.plan->buffers[0];
	char name[64];
	int ret = agent_clock(top->clock, r->clock, e);

	*port = 0;
	if (ret)
		return ret;
	r->proto = o.proto = agent_sync_choose(req, kind, r->clock);
	if (!r->proto[0])
		return 0;
	if (!strcmp(r->proto, AGENT_PROBE)) {
		snprintf(name, sizeof(name), "trace-cmd-clock-%d", (int)getpid());
		r->probed = ts_clock_open(r->clock, name, e);
		if (r->probed && ts_now_can(r->clock))
			guest_link_stamp(r->opts.link, r->clock);
		return r->probed ? 0 : -EIO;
	}
	r->sync = agent_sync_new(&o, port, e);
	return r->sync ? 0 : -EIO;
}

static int make_dest(struct agent_run *r, const struct agent_req *req, uint32_t port, struct err *e)
{
	struct dest_agent_opts o = { .link = r->opts.link,
				     .control = r->opts.control,
				     .kind = r->opts.kind,
				     .host = r->opts.host,
				     .fifos = req->fifos,
				     .trace_id = r->trace_id,
				     .proto = r->proto,
				     .sync_port = port,
				     .ext = req->ext,
				     .peer = r->opts.version };

	r->dest = dest_agent_new(&o, e);
	return r->dest ? 0 : -ENOMEM;
}

static int start(struct agent_run *r, struct err *e)
{
	int ret;

	r->done = (struct watch){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				  .ready = thread_ended };
	r->look.fire = look;
	if (r->done.fd < 0)
		return err_set(e, errno, "cannot make an eventfd");
	ret = loop_watch(r->opts.loop, &r->done, EPOLLIN, e);
	if (ret)
		return ret;
	r->cpus_known = !sched_getaffinity(0, sizeof(r->cpus), &r->cpus);
	ret = pthread_create(&r->thread, NULL, run_thread, r);
	if (ret)
		return err_set(e, ret, "cannot start a thread for the recording");
	r->started = true;
	r->sync_moved = now_ns();
	loop_arm(r->opts.loop, &r->look, LOOK);
	return 0;
}

static int prepare(struct agent_run *r, const struct msg3 *m, struct err *e)
{
	AUTO_FREE struct agent_req *req = malloc(sizeof(*req));
	uint32_t port;
	int ret = req ? agent_req_get(m, req, e) : err_set(e, ENOMEM, "no memory for a request");

	if (!ret)
		ret = agent_args_parse(&r->args, req->argc, req->argv, e);
	if (!ret)
		ret = begin_sync(r, req, &port, e);
	if (!ret)
		ret = make_dest(r, req, port, e);
	if (!ret)
		log_request(r, req);
	return ret ? ret : start(r, e);
}

struct agent_run *agent_run_new(const struct agent_run_opts *o, const struct msg3 *m, struct err *e)
{
	struct agent_run *r = calloc(1, sizeof(*r));
	struct err why = { 0 };

	if (!r) {
		err_set(e, ENOMEM, "no memory for a request");
		return NULL;
	}
	r->opts = *o;
	r->done.fd = -1;
	r->proto = "";
	r->trace_id = meta_trace_id();
	r->rate.per_second = o->limits->max_rate;
	if (!prepare(r, m, &why))
		return r;
	refuse(o->link, &why);
	if (e)
		*e = why;
	agent_run_free(r);
	return NULL;
}

void agent_run_free(struct agent_run *r)
{
	if (!r)
		return;
	if (r->started && !r->joined)
		pthread_join(r->thread, NULL);
	if (r->cpus_known)
		sched_setaffinity(0, sizeof(r->cpus), &r->cpus);
	say_sync(r);
	agent_sync_free(r->sync);
	guest_link_stamp(r->opts.link, NULL);
	ts_clock_close(r->probed);
	loop_disarm(&r->look);
	loop_unwatch(&r->done);
	cleanup_fd(&r->done.fd);
	if (r->dest)
		r->dest->ops->free(r->dest);
	agent_args_free(&r->args);
	free(r);
}
