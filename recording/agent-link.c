// SPDX-License-Identifier: GPL-2.0
/*
 * agent-link.c - one conversation with a guest's agent
 *
 * Theory of operation
 *
 * One buffer of the largest frame each way is all that a guest can make us keep. On a virtio port
 * the agent may have said hello while nobody listened: it is looked for wherever a frame may begin.
 *
 * The end is told from a timer of no delay, so that the owner may free the link there.
 */
#include "recording/agent-link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "transport/net.h"

enum { OUT_MAX = 2 * MSG3_MAX };

struct agent_link {
	struct loop *loop;
	struct agent_link_owner owner;
	struct watch watch;
	struct timer end;
	struct err why;
	bool over;
	size_t nin, nout;
	uint8_t in[MSG3_MAX], out[OUT_MAX];
};

static void give_up(struct agent_link *k, const struct err *e)
{
	if (k->over)
		return;
	k->over = true;
	if (e)
		k->why = *e;
	loop_unwatch(&k->watch);
	loop_arm(k->loop, &k->end, 0);
}

static void end_fire(struct timer *t)
{
	struct agent_link *k = container_of(t, struct agent_link, end);

	k->owner.gone(k->owner.ctx, &k->why);
}

/* One that closes without having read all resets the connection: it has closed it all the same. */
static bool means_closed(int code)
{
	return code == ECONNRESET || code == EPIPE;
}

static void flush(struct agent_link *k)
{
	struct err e = { 0 };
	ssize_t n = k->over || !k->nout ? 0 : write(k->watch.fd, k->out, k->nout);

	if (n < 0 && means_closed(errno))
		return; /* what it said before is read first, and then the end */
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		err_set(&e, errno, "cannot write to the agent");
		give_up(k, &e);
		return;
	}
	if (n > 0) {
		k->nout -= (size_t)n;
		memmove(k->out, k->out + n, k->nout);
	}
	if (!k->over && loop_rewatch(&k->watch, EPOLLIN | (k->nout ? EPOLLOUT : 0), &e))
		give_up(k, &e);
}

struct wcur agent_link_room(struct agent_link *k)
{
	return wcur_make(k->out + k->nout, sizeof(k->out) - k->nout, true);
}

void agent_link_send(struct agent_link *k, const struct wcur *w)
{
	struct err e = { 0 };

	if (k->over)
		return;
	if (w->bad) {
		err_say(&e, ENOBUFS, "the agent does not read what it is sent");
		give_up(k, &e);
		return;
	}
	k->nout = sizeof(k->out) - w->left;
	flush(k);
}

void agent_link_say(struct agent_link *k, enum msg3_type type)
{
	const struct msg3 m = { .type = type };
	struct wcur w = agent_link_room(k);

	msg3_encode(&w, &m);
	agent_link_send(k, &w);
}

/* 1: one frame, or a hello, was taken; 0: more bytes are needed. */
static int take_one(struct agent_link *k, struct err *e)
{
	struct rcur in = rcur_make(k->in, k->nin, true);
	struct agent_hello h;
	struct msg3 m;
	int ret = agent_hello_get(&in, &h, e);

	if (!ret)
		k->owner.hello(k->owner.ctx, &h);
	if (ret == -ENOMSG) {
		ret = msg3_decode(&in, &m, e);
		if (!ret)
			ret = k->owner.frame(k->owner.ctx, &m, e);
	}
	if (ret)
		return ret == -EAGAIN ? 0 : ret;
	k->nin = in.left;
	memmove(k->in, in.p, in.left);
	return 1;
}

static void link_ready(struct watch *w, uint32_t events)
{
	struct agent_link *k = container_of(w, struct agent_link, watch);
	struct err e = { 0 };
	ssize_t n;
	int ret = 1;

	if (events & EPOLLOUT)
		flush(k);
	if (k->over)
		return;
	n = read(w->fd, k->in + k->nin, sizeof(k->in) - k->nin);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (n < 0 && !means_closed(errno))
			err_set(&e, errno, "cannot read from the agent");
		give_up(k, &e);
		return;
	}
	net_acknowledge_at_once(w->fd);
	k->nin += (size_t)n;
	while (ret > 0 && !k->over)
		ret = take_one(k, &e);
	if (ret < 0)
		give_up(k, &e);
}

struct agent_link *agent_link_new(struct loop *l, int fd, const struct agent_link_owner *owner,
				  struct err *e)
{
	struct agent_link *k = calloc(1, sizeof(*k));

	if (!k) {
		err_set(e, ENOMEM, "no memory for a guest");
		return NULL;
	}
	k->loop = l;
	k->owner = *owner;
	k->end.fire = end_fire;
	k->watch = (struct watch){ .fd = fd, .ready = link_ready };
	if (loop_watch(l, &k->watch, EPOLLIN, e)) {
		free(k);
		return NULL;
	}
	return k;
}

void agent_link_cut(struct agent_link *k)
{
	k->over = true;
	loop_disarm(&k->end);
	loop_unwatch(&k->watch);
}

void agent_link_free(struct agent_link *k)
{
	if (!k)
		return;
	agent_link_cut(k);
	free(k);
}
