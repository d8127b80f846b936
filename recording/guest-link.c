// SPDX-License-Identifier: GPL-2.0
/*
 * guest-link.c - an agent's control channel: V3's frames, from a loop and from a second thread
 *
 * Theory of operation
 *
 * One descriptor, non-blocking, and one bounded queue of whole frames for it. The queue is the only
 * thing that two threads share; the loop's thread alone reads and writes the descriptor, and is
 * called by an eventfd when there is something new. Each frame is one write(2), so that an agent
 * that is killed leaves no half frame behind. An urgent frame goes behind the one that is on its
 * way, and before all others.
 *
 * A virtio port has no connections. When the host's end closes, its poll says so without end, so it
 * is left alone and looked at twice a second. And it may hold anything: while nobody is served, the
 * bytes are searched for a TRACE_REQ, one by one, as is the rest of what looked like one and never
 * became whole. A port that was unplugged is found in these looks.
 */
#include "recording/guest-link.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/io.h"
#include "timesync/now.h"
#include "transport/virtio-port.h"
#include "wire/agent-msg.h"

enum {
	QUEUE = 64 << 10,
	OWN = 16 << 10, /* room in the queue that senders leave to the loop's thread */
	REQ_FIXED = 16,
	V2_ERROR_MIN = 16,
};

#define PATIENCE (5 * NSEC_PER_SEC)
#define LOOK	 (500 * NSEC_PER_MSEC)

struct guest_link {
	const char *stamp; /* borrowed; NULL: reads are not stamped */
	uint64_t came;
	uint64_t linger; /* now_ns() time until which reads do not sleep */
	struct loop *loop;
	struct guest_link_opts opts;
	struct watch watch, called;
	struct timer patience, look;
	bool idle, calling, away, dead; /* .calling: the owner has a frame; .away: the host's end of
					   the port is closed */
	size_t nin;
	uint8_t in[2 * MSG3_MAX];

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t moved;
	struct err cut;	    /* .code 0: senders are served */
	size_t nout, begun; /* .begun: bytes of the first frame that are left of it, 0 = all */
	uint64_t taken;	    /* now_ns() when the host took something, or the queue was empty */
	uint8_t out[QUEUE];
};

static void lose(struct guest_link *k, const struct err *why)
{
	struct err none = { 0 }, cut = { 0 };

	if (k->dead || k->away)
		return;
	loop_disarm(&k->patience);
	loop_unwatch(&k->watch);
	k->nin = 0;
	k->away = k->opts.seek;
	k->dead = !k->opts.seek;
	if (k->away)
		loop_arm(k->loop, &k->look, LOOK);
	err_say(&cut, EPIPE, "%s", why ? why->what : "the host has closed the connection");
	guest_link_cut(k, &cut);
	pthread_mutex_lock(&k->lock);
	k->nout = k->begun = 0;
	pthread_mutex_unlock(&k->lock);
	k->opts.owner.gone(k->opts.owner.ctx, why ? why : &none);
}

/* Output */

static void rewatch(struct guest_link *k)
{
	struct err e = { 0 };
	size_t queued = guest_link_queued(k, NULL);

	if (k->watch.loop && loop_rewatch(&k->watch, EPOLLIN | (queued ? EPOLLOUT : 0), &e))
		lose(k, &e);
}

/* One frame, or what is left of it. False: no more now. */
static bool write_frame(struct guest_link *k)
{
	struct rcur c = rcur_make(k->out, k->nout, true);
	size_t n = k->begun ? k->begun : rcur_u32(&c);
	ssize_t done;

	if (!k->nout)
		return false;
	done = write(k->watch.fd, k->out, n);
	if (done <= 0)
		return false; /* the end comes with the next read */
	k->begun = n - (size_t)done;
	k->nout -= (size_t)done;
	memmove(k->out, k->out + done, k->nout);
	k->taken = now_ns();
	return true;
}

static void flush(struct guest_link *k)
{
	if (k->away || k->dead)
		return;
	pthread_mutex_lock(&k->lock);
	while (write_frame(k))
		;
	pthread_cond_broadcast(&k->moved);
	pthread_mutex_unlock(&k->lock);
	rewatch(k);
}

static void on_called(struct watch *w, uint32_t events)
{
	uint64_t count;

	(void)events;
	if (read(w->fd, &count, sizeof(count)) > 0)
		flush(container_of(w, struct guest_link, called));
}

/* Put a frame in at @at, .begun or .nout. */
static bool put_frame(struct guest_link *k, const size_t *at, const uint8_t *frame, size_t n)
{
	bool fits;

	if (k->away || k->dead)
		return false;
	pthread_mutex_lock(&k->lock);
	fits = k->nout + n <= QUEUE;
	if (fits) {
		if (!k->nout)
			k->taken = now_ns();
		memmove(k->out + *at + n, k->out + *at, k->nout - *at);
		memcpy(k->out + *at, frame, n);
		k->nout += n;
	}
	pthread_mutex_unlock(&k->lock);
	flush(k);
	return fits;
}

bool guest_link_urge(struct guest_link *k, const uint8_t *frame, size_t n)
{
	return put_frame(k, &k->begun, frame, n);
}

bool guest_link_add(struct guest_link *k, const uint8_t *frame, size_t n)
{
	return put_frame(k, &k->nout, frame, n);
}

int guest_link_send(struct guest_link *k, const uint8_t *frame, size_t n, struct err *e)
{
	uint64_t one = 1;
	int ret = 0;

	pthread_mutex_lock(&k->lock);
	while (!k->cut.code && k->nout + n > QUEUE - OWN)
		pthread_cond_wait(&k->moved, &k->lock);
	if (k->cut.code) {
		ret = -k->cut.code;
		if (e)
			*e = k->cut;
	} else {
		if (!k->nout)
			k->taken = now_ns();
		memcpy(k->out + k->nout, frame, n);
		k->nout += n;
	}
	pthread_mutex_unlock(&k->lock);
	(void)!write(k->called.fd, &one, sizeof(one)); /* full: it is called already */
	return ret;
}

void guest_link_cut(struct guest_link *k, const struct err *why)
{
	pthread_mutex_lock(&k->lock);
	if (!k->cut.code)
		k->cut = *why;
	k->nout = k->begun; /* a host that is there must not meet half a frame */
	pthread_cond_broadcast(&k->moved);
	pthread_mutex_unlock(&k->lock);
}

size_t guest_link_queued(struct guest_link *k, uint64_t *since)
{
	size_t n;

	pthread_mutex_lock(&k->lock);
	n = k->nout;
	if (since)
		*since = k->taken;
	pthread_mutex_unlock(&k->lock);
	return n;
}

/* Input */

static void drop_input(struct guest_link *k, size_t n)
{
	k->nin -= n;
	memmove(k->in, k->in + n, k->nin);
}

/* What a TRACE_REQ can begin with, and what an old server answers to a hello. */
static bool may_be_request(const uint8_t *at, size_t n)
{
	struct rcur c = rcur_make(at, n, true);
	uint32_t size = rcur_u32(&c), cmd, fixed;

	if (c.bad)
		return true;
	cmd = rcur_u32(&c);
	if (size < MSG3_HEADER + REQ_FIXED || size > MSG3_MAX || (!c.bad && cmd != MSG3_TRACE_REQ))
		return false;
	fixed = rcur_u32(&c);
	return c.bad || (fixed >= REQ_FIXED && fixed <= size - MSG3_HEADER);
}

static bool is_v2_error(const uint8_t *at, size_t n)
{
	struct rcur c = rcur_make(at, n, true);
	uint32_t size = rcur_u32(&c), cmd = rcur_u32(&c);

	rcur_u32(&c); /* size of what is refused */
	return rcur_u32(&c) == AGENT_HELLO && !cmd && size >= V2_ERROR_MIN && size <= MSG3_MAX;
}

static bool is_close(const uint8_t *at, size_t n)
{
	struct rcur c = rcur_make(at, n, true);
	uint32_t size = rcur_u32(&c), cmd = rcur_u32(&c), fixed = rcur_u32(&c);

	return !c.bad && size == MSG3_HEADER && cmd == MSG3_CLOSE && !fixed;
}

/* Skip what is no request: what is left may be one. */
static void seek(struct guest_link *k)
{
	bool refused = false, closed = false;
	size_t at = 0;

	while (at < k->nin && !may_be_request(k->in + at, k->nin - at)) {
		refused |= is_v2_error(k->in + at, k->nin - at);
		closed |= is_close(k->in + at, k->nin - at);
		at++;
	}
	drop_input(k, at);
	if (refused)
		k->opts.owner.refused(k->opts.owner.ctx);
	if (closed)
		k->opts.owner.closed(k->opts.owner.ctx);
}

/* One frame. False: there is none now. */
static bool take_frame(struct guest_link *k)
{
	struct rcur in = rcur_make(k->in, k->nin, true);
	struct err e = { 0 };
	struct msg3 m;
	int ret;

	if (k->idle && k->opts.seek)
		seek(k);
	in.left = k->nin;
	ret = msg3_decode(&in, &m, &e);
	if (ret == -EPROTO && k->idle && k->opts.seek) {
		drop_input(k, 1);
		return k->nin;
	}
	if (ret == -EPROTO) {
		err_prefix(&e, "the host");
		k->nin = 0;
		if (!k->opts.seek)
			lose(k, &e);
		else
			k->opts.owner.gone(k->opts.owner.ctx, &e);
		return false;
	}
	if (ret)
		return false;
	k->idle = false;
	k->calling = true;
	k->opts.owner.frame(k->opts.owner.ctx, &m);
	k->calling = false;
	if (k->away || k->dead)
		return false;
	drop_input(k, k->nin - in.left);
	return k->nin;
}

static void work_off(struct guest_link *k)
{
	while (take_frame(k))
		;
	if (k->nin && !k->patience.loop && !k->away && !k->dead)
		loop_arm(k->loop, &k->patience, k->opts.patience_ns);
	else if (!k->nin)
		loop_disarm(&k->patience);
}

static void out_of_patience(struct timer *t)
{
	struct guest_link *k = container_of(t, struct guest_link, patience);
	struct err e = { 0 };

	if (k->idle && k->opts.seek) {
		drop_input(k, 1);
		work_off(k);
		return;
	}
	err_say(&e, ETIMEDOUT, "the host has sent only %zu bytes of a message", k->nin);
	k->nin = 0;
	if (k->opts.seek)
		k->opts.owner.gone(k->opts.owner.ctx, &e);
	else
		lose(k, &e);
}

static void take_in(struct guest_link *k, uint32_t events)
{
	ssize_t n = read(k->watch.fd, k->in + k->nin, sizeof(k->in) - k->nin);
	struct err e = { 0 };

	k->came = k->stamp ? ts_now(k->stamp) : 0;
	if (n > 0) {
		k->nin += (size_t)n;
		loop_disarm(&k->patience);
		work_off(k);
	} else if (!n || errno == ECONNRESET || errno == EPIPE) {
		lose(k, NULL);
	} else if (errno != EAGAIN && errno != EINTR) {
		err_set(&e, errno, "cannot read from the host");
		lose(k, &e);
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		lose(k, NULL);
	}
}

static void on_ready(struct watch *w, uint32_t events)
{
	struct guest_link *k = container_of(w, struct guest_link, watch);

	if (events & EPOLLOUT)
		flush(k);
	if (k->away || k->dead || !(events & ~EPOLLOUT))
		return;
	k->linger = 0;
	take_in(k, events);
	while (!k->away && !k->dead && now_ns() < k->linger)
		take_in(k, 0);
}

/* A port that nobody holds at the host's end: is somebody there now? */
static void look_again(struct timer *t)
{
	struct guest_link *k = container_of(t, struct guest_link, look);
	struct pollfd p = { .fd = k->watch.fd };
	struct err e = { 0 };

	if (vport_plugged(k->watch.fd, NULL)) {
		k->dead = true;
		k->opts.owner.lost(k->opts.owner.ctx);
		return;
	}
	if (poll(&p, 1, 0) < 0 || p.revents & POLLHUP ||
	    loop_watch(k->loop, &k->watch, EPOLLIN, &e)) {
		loop_arm(k->loop, t, LOOK);
		return;
	}
	k->away = false;
	k->opts.owner.opened(k->opts.owner.ctx);
}

void guest_link_idle(struct guest_link *k)
{
	pthread_mutex_lock(&k->lock);
	k->cut = (struct err){ 0 };
	pthread_mutex_unlock(&k->lock);
	k->idle = true;
	if (!k->calling)
		work_off(k);
}

static int begin(struct guest_link *k, struct err *e)
{
	k->watch = (struct watch){ .fd = k->opts.fd, .ready = on_ready };
	k->called =
		(struct watch){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = on_called };
	if (k->called.fd < 0)
		return err_set(e, errno, "cannot make an eventfd");
	if (loop_watch(k->loop, &k->called, EPOLLIN, e))
		return -EIO;
	k->away = k->opts.seek;
	if (k->away)
		loop_arm(k->loop, &k->look, 0);
	return k->away ? 0 : loop_watch(k->loop, &k->watch, EPOLLIN, e);
}

struct guest_link *guest_link_new(struct loop *l, const struct guest_link_opts *o, struct err *e)
{
	struct guest_link *k = calloc(1, sizeof(*k));

	if (!k) {
		err_set(e, ENOMEM, "no memory for the control channel");
		return NULL;
	}
	k->loop = l;
	k->opts = *o;
	k->opts.patience_ns = o->patience_ns ? o->patience_ns : PATIENCE;
	k->idle = true;
	k->patience.fire = out_of_patience;
	k->look.fire = look_again;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->moved, NULL);
	if (!begin(k, e))
		return k;
	guest_link_free(k);
	return NULL;
}

void guest_link_free(struct guest_link *k)
{
	if (!k)
		return;
	loop_disarm(&k->patience);
	loop_disarm(&k->look);
	loop_unwatch(&k->watch);
	loop_unwatch(&k->called);
	cleanup_fd(&k->called.fd);
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->moved);
	free(k);
}

void guest_link_stamp(struct guest_link *k, const char *clock)
{
	k->stamp = clock;
	k->came = 0;
}

void guest_link_linger(struct guest_link *k, uint64_t ns)
{
	k->linger = now_ns() + ns;
}

uint64_t guest_link_came(const struct guest_link *k)
{
	return k->came;
}
