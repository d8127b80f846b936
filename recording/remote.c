// SPDX-License-Identifier: GPL-2.0
/*
 * remote.c - guests that are recorded together with this machine
 *
 * Theory of operation
 *
 * A thread with a loop and a hub (session/hub.h) serves all guests; each is a state machine around
 * a session: remote-guest.c. The recording's thread gives orders through an eventfd, and hears
 * through another one that there is news. What both touch is under one lock.
 *
 *   remotes_reach()  before anything is done here: a guest that cannot be reached costs nothing
 *   remotes_ask()    before the thread runs
 *   asking           until all guests record, or one does not: then all is undone
 *   running
 *   ending           until all files are saved
 *
 * The rate of the TSC is measured from the request to the end, for all files the same: a reader
 * merges them only if a tick is as long in one as in the other.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guests/layout.h"
#include "recording/remote_local.h"
#include "tracedat/head.h"

static void poke(int fd)
{
	uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one)); /* an eventfd takes a 1 always */
}

static void drain(int fd)
{
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
}

/* The thread */

static bool all_in(const struct remotes *r, uint32_t state_bits)
{
	for (size_t i = 0; i < r->n; i++)
		if (!(state_bits & BIT(r->guests[i].state)))
			return false;
	return true;
}

static void set_phase(struct remotes *r, enum remotes_phase phase)
{
	pthread_mutex_lock(&r->lock);
	r->phase = phase;
	pthread_mutex_unlock(&r->lock);
	poke(r->told);
}

void remotes_news(struct remotes *r)
{
	uint32_t out = BIT(REMOTE_LEFT_OUT);

	if (r->phase == PHASE_ASKING && all_in(r, BIT(REMOTE_RUNNING) | BIT(REMOTE_ENDED) | out))
		set_phase(r, PHASE_RUNNING);
	else if (r->phase == PHASE_ENDING && all_in(r, BIT(REMOTE_DONE) | out))
		set_phase(r, PHASE_DONE);
}

void remotes_failed(struct remotes *r, const struct err *e)
{
	if (r->phase != PHASE_ASKING)
		return;
	pthread_mutex_lock(&r->lock);
	r->err = *e;
	pthread_mutex_unlock(&r->lock);
	set_phase(r, PHASE_FAILED);
}

void remotes_left_out(struct remotes *r, const struct remote_guest *g)
{
	if (all_in(r, BIT(REMOTE_LEFT_OUT)))
		remotes_failed(r, &g->err);
	else
		r->o.left_out(r->o.ctx, &g->err);
	remotes_news(r);
}

void remotes_note(struct remotes *r, const struct remote_guest *g, const char *text)
{
	r->o.note(r->o.ctx, g->way.name, text);
}

static void order_came(struct watch *w, uint32_t events)
{
	struct remotes *r = container_of(w, struct remotes, wake);
	enum remotes_order order;

	(void)events;
	drain(w->fd);
	pthread_mutex_lock(&r->lock);
	order = r->order;
	if (order != ORDER_QUIT)
		r->phase = PHASE_ENDING;
	pthread_mutex_unlock(&r->lock);
	if (order == ORDER_QUIT) {
		loop_stop(r->loop);
		return;
	}
	for (size_t i = 0; i < r->n; i++) {
		remote_guest_end(&r->guests[i]);
		if (order == ORDER_HURRY)
			remote_guest_hurry(&r->guests[i]);
	}
	remotes_news(r);
}

static void *remotes_thread(void *arg)
{
	struct remotes *r = arg;
	struct err e = { 0 };

	r->tid = gettid();
	if (loop_run(r->loop, &e))
		remotes_failed(r, &e);
	return NULL;
}

/* Signals are for the recording's thread. */
static int start_thread(struct remotes *r, struct err *e)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&r->thread, NULL, remotes_thread, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		return err_set(e, ret, "cannot start a thread for the guests");
	r->started = true;
	return 0;
}

static void give_order(struct remotes *r, enum remotes_order order)
{
	pthread_mutex_lock(&r->lock);
	r->order = order;
	pthread_mutex_unlock(&r->lock);
	poke(r->wake.fd);
}

/* Making one */

static void nobody_asks(void *ctx)
{
	(void)ctx;
}

static void guest_finished(void *ctx, const struct session_result *r)
{
	(void)ctx, (void)r; /* the guest has it from its session */
}

static int split_output(struct remotes *r, struct err *e)
{
	const char *slash = strrchr(r->o.output, '/');
	int ret = path_fmt(r->stem, sizeof(r->stem), e, "%s", slash ? slash + 1 : r->o.output);

	if (ret)
		return ret;
	if (!slash)
		return path_fmt(r->dir, sizeof(r->dir), e, ".");
	return path_fmt(r->dir, sizeof(r->dir), e, "%.*s",
			slash == r->o.output ? 1 : (int)(slash - r->o.output), r->o.output);
}

static int open_hub(struct remotes *r, struct err *e)
{
	struct hub_opts o = { .outdir = r->dir,
			      .version = r->o.version,
			      .who = "guest",
			      .name = "record -A",
			      .dir = r->o.dir,
			      .no_restore = true,
			      .max_sessions = (unsigned int)r->n,
			      .ctx = r,
			      .finished = guest_finished,
			      .stopped = nobody_asks };
	int ret;

	o.limits.hello_ns = UINT64_MAX; /* how long it may be silent is its state's */
	ret = hub_open(&r->hub, r->loop, &o, e);
	r->hub_open = true;
	r->hub.place.compression = r->o.compression;
	return ret;
}

static int open_fds(struct remotes *r, struct err *e)
{
	r->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->wake =
		(struct watch){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = order_came };
	if (r->told < 0 || r->wake.fd < 0)
		return err_set(e, errno, "cannot make an eventfd");
	r->loop = loop_new(e);
	return r->loop ? loop_watch(r->loop, &r->wake, EPOLLIN, e) : -ENOMEM;
}

struct remotes *remotes_new(const struct remotes_opts *o, struct err *e)
{
	struct remotes *r = calloc(1, sizeof(*r));

	if (!r) {
		err_set(e, ENOMEM, "no memory for the guests");
		return NULL;
	}
	r->o = *o;
	r->told = r->wake.fd = -1;
	pthread_mutex_init(&r->lock, NULL);
	r->guests = calloc(o->wishes->n + 1, sizeof(*r->guests));
	r->n = r->guests ? o->wishes->n : 0;
	for (size_t i = 0; i < r->n; i++)
		r->guests[i] = (struct remote_guest){ .all = r,
						      .wish = o->wishes->list[i],
						      .lease.fd = -1,
						      .way.ctl = -1,
						      .status = EXIT_FAILED };
	if (r->guests && !split_output(r, e) && !open_fds(r, e) && !open_hub(r, e))
		return r;
	remotes_free(r);
	return NULL;
}

void remotes_free(struct remotes *r)
{
	if (!r)
		return;
	if (r->started) {
		give_order(r, ORDER_QUIT);
		pthread_join(r->thread, NULL);
	}
	if (r->hub_open)
		hub_end_jobs(&r->hub); /* one may be at work with a guest's session */
	for (size_t i = 0; i < r->n; i++)
		remote_guest_free(&r->guests[i]);
	free(r->guests);
	buf_free(&r->times);
	if (r->hub_open)
		hub_close(&r->hub);
	loop_unwatch(&r->wake);
	loop_free(r->loop);
	cleanup_fd(&r->wake.fd);
	cleanup_fd(&r->told);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* Orders, and what becomes of them */

static int judge_names(const struct remotes *r, size_t n, struct err *e)
{
	const char *name = r->guests[n].way.name;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(r->guests[i].way.name, name)) {
			err_say(e, EEXIST, "two guests are called %s", name);
			return err_hint(e, "'--name OTHER' behind the second -A"), -EEXIST;
		}
	return 0;
}

static int reach_guest(struct remotes *r, size_t i, struct err *e)
{
	struct remote_guest *g = &r->guests[i];
	int ret = remote_guest_reach(g, e);

	if (g->state == REMOTE_LEFT_OUT && !all_in(r, BIT(REMOTE_LEFT_OUT))) {
		err_clear(e);
		r->o.left_out(r->o.ctx, &g->err);
		return 0;
	}
	return ret ? ret : judge_names(r, i, e);
}

int remotes_reach(struct remotes *r, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < r->n; i++)
		ret = reach_guest(r, i, e);
	return ret;
}

int remotes_ask(struct remotes *r, struct err *e)
{
	int ret = 0;

	ts_rate_begin(&r->rate);
	r->phase = PHASE_ASKING;
	for (size_t i = 0; !ret && i < r->n; i++)
		if (r->guests[i].state != REMOTE_LEFT_OUT)
			ret = remote_guest_ask(&r->guests[i], e);
	return ret ? ret : start_thread(r, e);
}

struct buf *remotes_times(struct remotes *r)
{
	return &r->times;
}

int remotes_fd(const struct remotes *r)
{
	return r->told;
}

pid_t remotes_tid(const struct remotes *r)
{
	return r->tid;
}

int remotes_look(struct remotes *r, struct err *e)
{
	enum remotes_phase phase;

	drain(r->told);
	pthread_mutex_lock(&r->lock);
	phase = r->phase;
	if (phase == PHASE_FAILED && e)
		*e = r->err;
	pthread_mutex_unlock(&r->lock);
	if (phase == PHASE_FAILED)
		return e && e->code ? -e->code : -EIO;
	return phase == PHASE_RUNNING || phase == PHASE_DONE ? 0 : -EAGAIN;
}

void remotes_end(struct remotes *r)
{
	if (r->order != ORDER_NONE)
		return; /* the thread is at work with the rate */
	if (!strcmp(r->o.clock, "x86-tsc") && !ts_rate_end(&r->rate, &r->mult, &r->shift))
		r->mult = 0;
	give_order(r, ORDER_END);
}

void remotes_hurry(struct remotes *r)
{
	give_order(r, ORDER_HURRY);
}

int remotes_put_rate(const struct remotes *r, struct buf *to, struct err *e)
{
	return r->mult ? ts_rate_put(r->mult, r->shift, to, e) : 0;
}

/* GUEST: name, trace id, and the host's thread of each vCPU. */
static int put_guest(const struct remote_guest *g, struct buf *to, struct err *e)
{
	struct buf b = { 0 };
	int ret = buf_add(&b, g->way.name, strlen(g->way.name) + 1) ?:
			  buf_add(&b, &g->trace_id, sizeof(g->trace_id)) ?:
			  buf_add(&b, &g->cpus, sizeof(g->cpus));

	for (uint32_t i = 0; !ret && i < g->cpus; i++)
		ret = buf_add(&b, &i, sizeof(i)) ?: buf_add(&b, &g->tids[i], sizeof(g->tids[i]));
	if (ret)
		err_set(e, ENOMEM, "no memory for the guests");
	else
		ret = tdat_put_option(to, TDAT_OPT_GUEST, b.data, (uint32_t)b.len, e);
	buf_free(&b);
	return ret;
}

int remotes_put(struct remotes *r, struct buf *to, struct err *e)
{
	int ret = remotes_put_rate(r, to, e);

	for (size_t i = 0; !ret && i < r->n; i++)
		if (r->guests[i].state != REMOTE_LEFT_OUT)
			ret = put_guest(&r->guests[i], to, e);
	return ret;
}

size_t remotes_count(const struct remotes *r)
{
	return r->n;
}

void remotes_result(const struct remotes *r, size_t i, struct remote_result *to)
{
	const struct remote_guest *g = &r->guests[i];

	*to = (struct remote_result){ .name = g->way.name,
				      .path = g->path[0] ? g->path : NULL,
				      .status = g->status,
				      .totals = g->totals && g->totals->cpus ? g->totals : NULL,
				      .err = &g->err };
}
