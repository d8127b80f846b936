// SPDX-License-Identifier: GPL-2.0
/*
 * agent-sync.c - the guest's end of time sync: "probe" on the control channel, "ptp" and "kvm" on a
 * connection of their own
 *
 * Theory of operation
 *
 * "probe" is answered by whoever reads the control channel: the thread goes to the CPU that is
 * asked for, and reads the clock there. That is possible for the clocks that user space can read as
 * the tracer does; for others there are the released methods, whose timestamps are marks in a trace
 * instance (timesync/marks.h). They are conversations of many messages, driven by
 * timesync/control.c, and have a thread, a port and a connection of their own.
 */
#include "recording/agent-sync.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "timesync/control.h"
#include "timesync/marks.h"
#include "timesync/method.h"
#include "timesync/now.h"
#include "timesync/pair.h"
#include "timesync/ptp.h"

enum { WRITE_WAIT_S = 30 };

int agent_clock(const char *asked, char to[AGENT_CLOCK_MAX], struct err *e)
{
	struct tracefs *top = NULL;
	struct buf text = { 0 };
	int ret = 0;

	if (asked) {
		if (snprintf(to, AGENT_CLOCK_MAX, "%s", asked) >= AGENT_CLOCK_MAX)
			ret = err_say(e, EINVAL, "this kernel has no clock '%.64s'", asked);
		return ret;
	}
	top = tfs_open(NULL, e);
	ret = top ? tfs_read(top, "trace_clock", &text, e) : -EIO;
	if (!ret && tfs_bracketed((char *)text.data, to, AGENT_CLOCK_MAX))
		ret = err_say(e, EPROTO, "trace_clock does not say which clock is used");
	buf_free(&text);
	tfs_close(top);
	return ret;
}

const char *agent_sync_choose(const struct agent_req *req, enum net_kind network, const char *clock)
{
	struct ts_can can = { .role = network == NET_VSOCK ? TS_ROLE_GUEST : TS_ROLE_CLIENT,
			      .clock = ts_clock_bit(clock) };
	const struct ts_method *m;

	for (size_t i = 0; i < req->nprotos; i++)
		if (!strcmp(req->protos[i], AGENT_PROBE) && ts_clock_can(clock))
			return AGENT_PROBE;
	if (network == NET_NR)
		return "";
	m = ts_method_choose(&can, req->protos, req->nprotos, NULL);
	return m ? m->name : "";
}

static int go_to(uint32_t cpu)
{
	cpu_set_t set;

	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* Zeros: there is no ptp_kvm. */
static struct agent_pair pair_now(const char *clock)
{
	struct ts_pair p;
	AUTO_FD fd = ts_pair_open(TS_PAIR_CLASS, "/dev");

	if (fd < 0 || !ts_now_can(clock) || ts_pair_read(fd, clock, NULL, &p))
		return (struct agent_pair){ 0 };
	return (struct agent_pair){ p.before, p.after, p.host };
}

int agent_probe_answer(const struct agent_probe *asked, enum agent_probe_id id,
		       struct ts_clock *clock, uint64_t came, struct wcur *to, struct err *e)
{
	struct agent_probe p = *asked;
	/* One that is offline: the time of another is as good as there is. */
	bool there = !go_to(p.cpu);

	p.received = came && p.cpu == AGENT_PROBE_ANYWHERE ? came : ts_clock_now(clock);
	p.apic = there ? ts_apic_id() : AGENT_PROBE_APIC_UNKNOWN;
	if (id == AGENT_PROBE_ANSWER && p.want & AGENT_PROBE_WANT_PAIR)
		p.pair = pair_now(ts_clock_name(clock));
	p.answered = ts_clock_now(clock);
	if (!p.received || !p.answered)
		return err_say(e, ENODATA, "the clock %s cannot be read", ts_clock_name(clock));
	return agent_probe_put(to, id, &p);
}

/* A conversation of its own */

struct agent_sync {
	struct agent_sync_opts opts;
	char clock[AGENT_CLOCK_MAX];
	int listener, fd, stop; /* .stop: an eventfd */
	struct tracefs *top;
	struct ts_marks *marks;
	struct ts_guest *guest;
	pthread_t thread;
	_Atomic bool over;
	_Atomic uint64_t messages;
	struct err err;
	size_t nin;
	uint8_t in[2 * MSG3_MAX];
};

/* 0, -ECANCELED: we are told to stop, -ETIMEDOUT. */
static int wait_fd(struct agent_sync *s, int fd, short events, int ms)
{
	struct pollfd p[] = { { .fd = fd, .events = events }, { .fd = s->stop, .events = POLLIN } };
	int n = poll(p, ARRAY_SIZE(p), ms);

	if (n < 0 && errno != EINTR)
		return -errno;
	if (n > 0 && p[1].revents)
		return -ECANCELED;
	return n ? 0 : -ETIMEDOUT;
}

static int op_send(void *arg, const struct ts_msg *msg)
{
	struct agent_sync *s = arg;
	struct msg3 m = {
		.type = MSG3_TIME_SYNC, .sync.id = msg->id, .buf = msg->data, .len = msg->len
	};
	uint8_t frame[MSG3_MAX];
	struct wcur w = wcur_make(frame, sizeof(frame), true);
	size_t n, at = 0;

	snprintf(m.sync.proto, sizeof(m.sync.proto), "%s", msg->proto);
	if (msg3_encode(&w, &m))
		return -EMSGSIZE;
	n = sizeof(frame) - w.left;
	while (at < n) {
		ssize_t done = send(s->fd, frame + at, n - at, MSG_NOSIGNAL);
		int ret = 0;

		if (done > 0)
			at += (size_t)done;
		else if (errno == EAGAIN)
			ret = wait_fd(s, s->fd, POLLOUT, WRITE_WAIT_S * 1000);
		else if (errno != EINTR)
			ret = -errno;
		if (ret)
			return ret;
	}
	return 0;
}

static int op_mark(void *arg, const struct ts_mark *m)
{
	struct agent_sync *s = arg;

	return ts_marks_add(s->marks, m, &s->err);
}

static int op_clear(void *arg)
{
	struct agent_sync *s = arg;

	return ts_marks_clear(s->marks, &s->err);
}

static void found(void *arg, const struct ts_mark *m, uint64_t time)
{
	ts_ptp_found(arg, m, time);
}

static int op_collect(void *arg, void *ptp)
{
	struct agent_sync *s = arg;

	return ts_marks_collect(s->marks, found, ptp, &s->err);
}

static int op_to_cpu(void *arg, uint32_t cpu)
{
	(void)arg;
	return go_to(cpu);
}

static int op_stamp(void *arg, uint64_t *time)
{
	struct agent_sync *s = arg;

	return ts_marks_now(s->marks, time, &s->err);
}

static const struct ts_ops guest_ops = {
	.send = op_send,
	.mark = op_mark,
	.clear = op_clear,
	.collect = op_collect,
	.to_cpu = op_to_cpu,
	.stamp = op_stamp,
};

static int accept_host(struct agent_sync *s)
{
	for (;;) {
		struct net_addr who;
		int ret = wait_fd(s, s->listener, POLLIN, -1);

		if (ret)
			return ret;
		s->fd = net_accept(s->listener, &who, &s->err);
		if (s->fd >= 0 && net_addr_same(&who, &s->opts.host))
			break;
		if (s->fd < 0 && s->fd != -EAGAIN)
			return s->fd;
		cleanup_fd(&s->fd);
	}
	cleanup_fd(&s->listener);
	s->listener = -1;
	return 0;
}

/* The ids are for marks, which nobody but us reads: what counts is that they differ. */
static int prepare(struct agent_sync *s)
{
	struct ts_end end = { &guest_ops, s, (uint32_t)s->opts.own, (uint32_t)s->opts.peer, 0 };
	char name[64];

	snprintf(name, sizeof(name), "clock_synch-%u", (uint32_t)s->opts.peer);
	s->top = tfs_open(NULL, &s->err);
	s->marks = s->top ? ts_marks_new(s->top, name, s->clock, &s->err) : NULL;
	return s->marks ? ts_guest_new(s->opts.proto, &end, &s->guest, &s->err) : -EIO;
}

/* All whole frames that are there. */
static int work_off(struct agent_sync *s)
{
	for (;;) {
		struct rcur in = rcur_make(s->in, s->nin, true);
		struct msg3 m;
		struct ts_msg msg;
		int ret = msg3_decode(&in, &m, &s->err);

		if (ret)
			return ret == -EAGAIN ? 0 : ret;
		if (m.type != MSG3_TIME_SYNC)
			return err_say(&s->err, EPROTO,
				       "time sync: the host sent %s where a message of it was due",
				       msg3_name(m.type));
		msg = (struct ts_msg){ m.sync.proto, m.sync.id, m.buf, m.len };
		ret = ts_guest_input(s->guest, &msg, &s->err);
		if (ret)
			return ret;
		s->messages++;
		s->nin = in.left;
		memmove(s->in, in.p, in.left);
	}
}

/* 1: STOP, or the end of the connection. */
static int serve(struct agent_sync *s)
{
	int ret = accept_host(s);

	while (!ret) {
		ssize_t n;

		net_acknowledge_at_once(s->fd); /* else the offset is wrong by half of the wait */
		ret = wait_fd(s, s->fd, POLLIN, -1);
		if (ret)
			return ret;
		n = read(s->fd, s->in + s->nin, sizeof(s->in) - s->nin);
		if (!n || (n < 0 && errno == ECONNRESET))
			return 1;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_set(&s->err, errno, "time sync: cannot read from the host");
		s->nin += n > 0 ? (size_t)n : 0;
		ret = work_off(s);
	}
	return ret;
}

static void *sync_thread(void *arg)
{
	struct agent_sync *s = arg;
	int ret = prepare(s);

	if (!ret)
		ret = serve(s);
	if (ret == 1 || ret == -ECANCELED)
		err_clear(&s->err);
	else if (!s->err.code)
		err_set(&s->err, -ret, "time sync");
	cleanup_fd(&s->fd); /* the host need not wait for us */
	s->fd = -1;
	ts_marks_free(s->marks);
	s->marks = NULL;
	s->over = true;
	return NULL;
}

static int begin(struct agent_sync *s, uint32_t *port, struct err *e)
{
	uint32_t from = NET_DATA_PORT;
	int ret;

	s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->stop < 0)
		return err_set(e, errno, "cannot make an eventfd");
	s->listener = net_data_port(s->opts.kind, s->opts.control, &from, e);
	if (s->listener < 0)
		return s->listener;
	*port = from - 1;
	ret = pthread_create(&s->thread, NULL, sync_thread, s);
	return ret ? err_set(e, ret, "cannot start a thread for time sync") : 0;
}

static void sync_free(struct agent_sync *s)
{
	cleanup_fd(&s->listener);
	cleanup_fd(&s->fd);
	cleanup_fd(&s->stop);
	ts_guest_free(s->guest);
	tfs_close(s->top);
	free(s);
}

struct agent_sync *agent_sync_new(const struct agent_sync_opts *o, uint32_t *port, struct err *e)
{
	struct agent_sync *s = calloc(1, sizeof(*s));

	if (!s) {
		err_set(e, ENOMEM, "no memory for time sync");
		return NULL;
	}
	s->opts = *o;
	snprintf(s->clock, sizeof(s->clock), "%s", o->clock);
	s->listener = s->fd = s->stop = -1;
	if (!begin(s, port, e))
		return s;
	sync_free(s);
	return NULL;
}

void agent_sync_free(struct agent_sync *s)
{
	uint64_t one = 1;

	if (!s)
		return;
	(void)!write(s->stop, &one, sizeof(one));
	pthread_join(s->thread, NULL);
	sync_free(s);
}

bool agent_sync_over(const struct agent_sync *s)
{
	return s->over;
}

uint64_t agent_sync_messages(const struct agent_sync *s)
{
	return s->messages;
}

const struct err *agent_sync_error(const struct agent_sync *s)
{
	return &s->err;
}
