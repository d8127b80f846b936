// SPDX-License-Identifier: GPL-2.0
/*
 * loop.c - one event loop: descriptors, deadlines and signals
 *
 * Theory of operation
 *
 * epoll gives a batch of events; each leads to its watch. While a batch is being worked off, the
 * loop keeps it where loop_unwatch() finds it and strikes out what belongs to the watch that goes:
 * an object may be freed in any callback. Timers are a list sorted by due time: there are a few for
 * each session. Signals come through a signalfd, so no code runs inside a signal handler.
 */
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { BATCH = 64 };

struct loop {
	int epfd;
	bool stop;
	struct timer *timers;		 /* the next to fire first */
	struct epoll_event batch[BATCH]; /* ptr NULL = struck out */
	int nbatch;
	struct watch sigwatch;
	sigset_t old_mask;
	bool masked;
	void (*got)(void *ctx, int signo);
	void *got_ctx;
};

struct loop *loop_new(struct err *e)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l) {
		err_set(e, ENOMEM, "no memory for an event loop");
		return NULL;
	}
	l->sigwatch.fd = -1;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0) {
		err_set(e, errno, "cannot make an epoll descriptor");
		free(l);
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->masked)
		sigprocmask(SIG_SETMASK, &l->old_mask, NULL);
	cleanup_fd(&l->sigwatch.fd);
	close(l->epfd);
	free(l);
}

int loop_watch(struct loop *l, struct watch *w, uint32_t events, struct err *e)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, w->fd, &ev))
		return err_set(e, errno, "cannot watch descriptor %d", w->fd);
	w->loop = l;
	return 0;
}

int loop_rewatch(struct watch *w, uint32_t events, struct err *e)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (epoll_ctl(w->loop->epfd, EPOLL_CTL_MOD, w->fd, &ev))
		return err_set(e, errno, "cannot watch descriptor %d", w->fd);
	return 0;
}

void loop_unwatch(struct watch *w)
{
	struct loop *l = w->loop;

	if (!l)
		return;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	w->loop = NULL;
	for (int i = 0; i < l->nbatch; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
}

void loop_arm(struct loop *l, struct timer *t, uint64_t in_ns)
{
	struct timer **at = &l->timers;

	loop_disarm(t);
	t->due = now_ns() + min_u64(in_ns, INT64_MAX); /* no wrapping round to the past */
	while (*at && (*at)->due <= t->due)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
	t->loop = l;
}

void loop_disarm(struct timer *t)
{
	struct timer **at;

	if (!t->loop)
		return;
	for (at = &t->loop->timers; *at != t; at = &(*at)->next)
		;
	*at = t->next;
	t->loop = NULL;
	t->next = NULL;
}

/* Milliseconds until the next timer, rounded up, at most @wait_ns. */
static int wait_ms(const struct loop *l, uint64_t wait_ns)
{
	uint64_t now = now_ns();

	if (l->timers)
		wait_ns = min_u64(wait_ns, l->timers->due > now ? l->timers->due - now : 0);
	if (wait_ns >= INT32_MAX * NSEC_PER_MSEC)
		return -1;
	return (int)((wait_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
}

/* Timers that were due when the round began; one armed meanwhile waits for the next round. */
static void fire_due(struct loop *l)
{
	uint64_t now = now_ns();

	while (l->timers && l->timers->due <= now) {
		struct timer *t = l->timers;

		loop_disarm(t);
		t->fire(t);
	}
}

int loop_once(struct loop *l, uint64_t wait_ns, struct err *e)
{
	int n = epoll_wait(l->epfd, l->batch, BATCH, wait_ms(l, wait_ns));

	if (n < 0 && errno != EINTR)
		return err_set(e, errno, "cannot wait for events");
	l->nbatch = n > 0 ? n : 0;
	for (int i = 0; i < l->nbatch; i++) {
		struct watch *w = l->batch[i].data.ptr;

		if (w)
			w->ready(w, l->batch[i].events);
	}
	l->nbatch = 0;
	fire_due(l);
	return 0;
}

int loop_run(struct loop *l, struct err *e)
{
	l->stop = false;
	while (!l->stop) {
		int ret = loop_once(l, UINT64_MAX, e);

		if (ret)
			return ret;
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}

static void signal_ready(struct watch *w, uint32_t events)
{
	struct loop *l = container_of(w, struct loop, sigwatch);
	struct signalfd_siginfo info;

	(void)events;
	while (read(w->fd, &info, sizeof(info)) == sizeof(info))
		l->got(l->got_ctx, (int)info.ssi_signo);
}

int loop_signals(struct loop *l, const int *set, void (*got)(void *ctx, int signo), void *ctx,
		 struct err *e)
{
	sigset_t mask;

	sigemptyset(&mask);
	for (; *set; set++)
		sigaddset(&mask, *set);
	if (sigprocmask(SIG_BLOCK, &mask, &l->old_mask))
		return err_set(e, errno, "cannot block signals");
	l->masked = true;
	l->got = got;
	l->got_ctx = ctx;
	l->sigwatch.ready = signal_ready;
	l->sigwatch.fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l->sigwatch.fd < 0)
		return err_set(e, errno, "cannot make a signal descriptor");
	return loop_watch(l, &l->sigwatch, EPOLLIN, e);
}
