// SPDX-License-Identifier: GPL-2.0
/*
 * pump.c - one thread a CPU that keeps moving its pages
 *
 * Theory of operation
 *
 * A thread turns in one loop: move what there is, then poll(2) until there is more, until the sink
 * takes more, until somebody calls, or until the interval is over. The ring buffer wakes a poller
 * when it is half full (buffer_percent), so a busy CPU is read in large chunks; the interval keeps
 * what a crash of this machine can take with it small.
 *
 * The guest is never slowed down: while a sink is full nothing is read, and the ring buffer goes on
 * overwriting itself; the kernel counts what is lost. At the end a sink that takes nothing has
 * .patience to change its mind; what then still waits is counted as stuck.
 *
 * With .busy nobody is waited for but a full sink: a splice that finds no full page is tried again
 * at once. read(2) would take what there is of a page each time and make a page of it, so where
 * pages are copied there is a pause.
 *
 * Datagrams are paced: what a stream holds up, a network drops. 32 KiB in a millisecond are more
 * than a network of 100 Mbit takes from one CPU, and what comes faster is counted by the kernel.
 *
 * With .keep the file is a window: whenever it has grown too long, its newer half is copied to
 * where it began, and writing goes on from there. The file is shared with other CPUs, which have
 * places of their own in it, so nothing can be cut out of it.
 *
 * A source whose CPU goes offline simply has nothing more: its pages stay readable. A CPU that was
 * never online has no ring yet: poll(2) of its file says POLLERR at once and read(2) ENODEV, until
 * it comes.
 */
#include "recording/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"

/*
 * A receiver of datagrams has room for some 100 KiB unless its administrator gave it more, and
 * nobody can be asked: so many bytes are sent, then there is a pause. It is also how long a full
 * queue on the way, which has no poll(2), is left alone.
 */
#define DATAGRAM_BURST (32U << 10)
static const struct timespec datagram_wait = { 0, NSEC_PER_MSEC };

enum {
	BURST = 4 << 20,  /* bytes that a buffer moves before the next one has its turn */
	RATE_SLICES = 20, /* a limit's second is used up in so many pieces */
};

#define BUSY_PAUSE NSEC_PER_MSEC /* of a busy pump that copies */

struct pump {
	struct pump_opts opts;
	int *sources;	/* owned */
	size_t current; /* the buffer that the recorder reads from */
	struct recorder *rec;
	uint8_t *mark; /* owned page */
	bool blocked;
	pthread_t thread;
	pid_t tid;
	sem_t begun; /* .tid is there */
	int wake;    /* eventfd: pump_finish() was called */
	_Atomic bool finishing;
	_Atomic bool failed;
	_Atomic uint64_t patience_ns;
	_Atomic uint64_t moved;
	off_t base; /* where the pages begin in the sink, with .keep */
	uint64_t trimmed;
	struct err err;
};

/* A mark page for the current buffer, in p->mark. */
static const uint8_t *make_mark(struct pump *p, enum rec_mark_kind kind)
{
	struct rec_mark mark = { p->opts.stream_id, kind, p->opts.cpu, (uint32_t)p->current };

	rec_mark_put(p->mark, p->opts.page_size, &mark);
	return p->mark;
}

/* Until pump_finish(), or for @ns. */
static void wait_called(const struct pump *p, uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC) };
	struct pollfd fd = { .fd = p->wake, .events = POLLIN };

	ppoll(&fd, 1, &ts, NULL);
}

/* On to the next buffer; its mark is written when pages of it come. */
static int next_buffer(struct pump *p)
{
	p->current = (p->current + 1) % p->opts.nsources;
	return recorder_switch(p->rec, p->sources[p->current], make_mark(p, REC_MARK_BUFFER),
			       p->opts.page_size, &p->err);
}

/* Bytes that may be taken now; 0: wait *ns. */
static uint64_t allowance(const struct pump *p, uint64_t *ns)
{
	const struct pump_rate *rate = p->opts.rate;
	uint64_t now = now_ns(), ready = rate && !p->finishing ? rate->ready : 0;

	if (ready > now) {
		*ns = ready - now;
		return 0;
	}
	if (rate && !p->finishing)
		return max_u64(min_u64(rate->per_second / RATE_SLICES, BURST), p->opts.page_size);
	return p->opts.datagram ? DATAGRAM_BURST : BURST;
}

/* @n bytes were taken: what comes next waits until they are a second's share. */
static void charge(const struct pump *p, uint64_t n)
{
	struct pump_rate *rate = p->opts.rate;
	uint64_t now = now_ns(), was, next;

	if (!rate || !n)
		return;
	was = rate->ready;
	do
		next = max_u64(was, now) + n * NSEC_PER_SEC / rate->per_second;
	while (!atomic_compare_exchange_weak(&rate->ready, &was, next));
}

/* recorder_pump(); a CPU without a ring has nothing. */
static int move_some(struct pump *p)
{
	uint64_t wait_ns = 0, before = recorder_stats(p->rec)->bytes_in;
	uint64_t budget = allowance(p, &wait_ns);
	int ret;

	if (!budget) {
		wait_called(p, wait_ns);
		return REC_BUDGET;
	}
	ret = recorder_pump(p->rec, budget, &p->err);
	charge(p, recorder_stats(p->rec)->bytes_in - before);

	if (ret == REC_BUDGET && p->opts.datagram)
		ppoll(NULL, 0, &datagram_wait, NULL);

	if (ret != -ENODEV || recorder_stats(p->rec)->sink_failed)
		return ret;
	err_clear(&p->err);
	return REC_IDLE;
}

/* All buffers in turn, from the current one, until none has anything: as recorder_pump(). */
static int move_pages(struct pump *p)
{
	for (size_t idle = 0;;) {
		uint64_t before = recorder_stats(p->rec)->bytes_in;
		int ret = move_some(p);

		if (ret < 0 || ret == REC_BLOCKED || p->opts.nsources == 1)
			return ret;
		idle = recorder_stats(p->rec)->bytes_in == before ? idle + 1 : 0;
		if (idle == p->opts.nsources)
			return REC_IDLE;
		ret = next_buffer(p);
		if (ret)
			return ret;
	}
}

static int trim_failed(struct pump *p)
{
	return err_set(&p->err, errno, "CPU %u: cannot cut off old pages", p->opts.cpu);
}

/* The older half of the window goes, in whole pages. */
static int trim(struct pump *p)
{
	off_t end = p->opts.keep ? lseek(p->opts.sink, 0, SEEK_CUR) : 0;
	uint64_t size, cut, rest;
	int ret;

	if (end < 0)
		return trim_failed(p);
	if (!p->opts.keep || end - p->base <= (off_t)p->opts.keep)
		return 0;
	size = (uint64_t)(end - p->base);
	cut = align_up(size - p->opts.keep / 2, p->opts.page_size);
	if (cut >= size)
		return 0;
	rest = size - cut;
	ret = copy_range(p->opts.sink, (uint64_t)p->base + cut, p->opts.sink, (uint64_t)p->base,
			 rest, &p->err);
	if (ret)
		return ret;
	if (lseek(p->opts.sink, p->base + (off_t)rest, SEEK_SET) < 0)
		return trim_failed(p);
	/* What cannot be freed is overwritten later. */
	fallocate(p->opts.sink, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, p->base + (off_t)rest,
		  (off_t)cut);
	p->trimmed += cut;
	return 0;
}

/* What to poll for: the call to finish, and the sink if it is full, else the sources. */
static nfds_t fill_poll(const struct pump *p, struct pollfd *fds, size_t room)
{
	nfds_t n = 0;

	if (!p->finishing)
		fds[n++] = (struct pollfd){ .fd = p->wake, .events = POLLIN };
	for (size_t s = 0; !p->blocked && !p->finishing && s < p->opts.nsources && n < room; s++)
		fds[n++] = (struct pollfd){ .fd = p->sources[s], .events = POLLIN };
	if (p->blocked && !p->opts.datagram) /* the last one: wait_for_work() looks there */
		fds[n++] = (struct pollfd){ .fd = p->opts.sink, .events = POLLOUT };
	return n;
}

/* A source has pages, or we are called: else only rings that are not there have answered. */
static bool has_news(const struct pollfd *fds, nfds_t n)
{
	while (n--)
		if (fds[n].revents & POLLIN)
			return true;
	return false;
}

/* False when the sink is full and its other end is gone: it will never take more. */
static bool wait_for_work(struct pump *p, uint64_t ns)
{
	struct pollfd fds[128];
	struct timespec ts = { (time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC) };
	nfds_t n = fill_poll(p, fds, ARRAY_SIZE(fds));

	if (p->opts.busy && !p->blocked) {
		if (recorder_stats(p->rec)->copying)
			wait_called(p, BUSY_PAUSE);
		return true;
	}
	if (p->blocked && p->opts.datagram) {
		ppoll(fds, n, &datagram_wait, NULL); /* the call to finish, or time */
		return true;
	}
	/* None: the call to finish came just now. */
	if (!n || ppoll(fds, n, &ts, NULL) <= 0)
		return true;
	if (!p->blocked) {
		if (!has_news(fds, n))
			ppoll(fds, 1, &ts, NULL); /* the call to finish; without it, the time */
		return true;
	}
	if (fds[n - 1].revents & POLLOUT || !(fds[n - 1].revents & (POLLHUP | POLLERR)))
		return true;
	err_say(&p->err, EPIPE, "CPU %u: the other end of the channel is closed", p->opts.cpu);
	return false;
}

/*
 * The last turns: tracing is off. A splice may withhold the page that was being written, so what is
 * left is copied.
 */
static void move_rest(struct pump *p)
{
	uint64_t seen = 0, give_up = 0;

	while (!recorder_copy(p->rec, &p->err)) {
		int ret = move_pages(p);

		p->blocked = ret == REC_BLOCKED;
		p->moved = recorder_stats(p->rec)->bytes_out;
		if (trim(p) || ret < 0 || ret == REC_IDLE || ret == REC_END)
			return;
		if (p->moved != seen || !give_up)
			give_up = now_ns() + p->patience_ns;
		seen = p->moved;
		if (ret == REC_BLOCKED && now_ns() >= give_up) {
			err_say(&p->err, ETIMEDOUT, "CPU %u: the other end takes no more pages",
				p->opts.cpu);
			return;
		}
		if (ret == REC_BLOCKED && !wait_for_work(p, 50 * NSEC_PER_MSEC))
			return;
	}
}

static void *pump_thread(void *arg)
{
	struct pump *p = arg;

	p->tid = gettid();
	sem_post(&p->begun);
	while (!p->finishing) {
		int ret = move_pages(p);

		p->blocked = ret == REC_BLOCKED;
		p->moved = recorder_stats(p->rec)->bytes_out;
		if (trim(p) || ret < 0 ||
		    (ret != REC_BUDGET && !wait_for_work(p, p->opts.interval_ns))) {
			p->failed = true;
			return NULL;
		}
	}
	move_rest(p);
	return NULL;
}

static void pump_free(struct pump *p)
{
	sem_destroy(&p->begun);
	recorder_free(p->rec);
	free(p->sources);
	free(p->mark);
	cleanup_fd(&p->wake);
	free(p);
}

static int pump_init(struct pump *p, const struct pump_opts *o, struct err *e)
{
	struct recorder_opts ro = { .source = o->sources[0],
				    .sink = o->sink,
				    .sink_room = o->sink_room,
				    .page_size = o->page_size,
				    .datagram = o->datagram,
				    .seq = o->seq };

	p->opts = *o;
	p->base = o->keep ? lseek(o->sink, 0, SEEK_CUR) : 0;
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->sources = calloc(o->nsources, sizeof(*p->sources));
	p->mark = malloc(o->page_size);
	if (p->wake < 0 || !p->sources || !p->mark)
		return err_set(e, ENOMEM, "cannot prepare CPU %u", o->cpu);
	memcpy(p->sources, o->sources, o->nsources * sizeof(*p->sources));
	p->rec = recorder_new(&ro, e);
	if (!p->rec)
		return -ENOMEM;
	return o->start_mark
		       ? recorder_insert(p->rec, make_mark(p, REC_MARK_START), o->page_size, e)
		       : 0;
}

struct pump *pump_start(const struct pump_opts *o, struct err *e)
{
	struct pump *p = calloc(1, sizeof(*p));
	int ret;

	if (!p) {
		err_set(e, ENOMEM, "no memory for CPU %u", o->cpu);
		return NULL;
	}
	p->wake = -1;
	sem_init(&p->begun, 0, 0);
	ret = pump_init(p, o, e);
	if (!ret) {
		ret = pthread_create(&p->thread, NULL, pump_thread, p);
		if (ret)
			err_set(e, ret, "cannot start a thread for CPU %u", o->cpu);
	}
	if (ret) {
		pump_free(p);
		return NULL;
	}
	while (sem_wait(&p->begun))
		;
	return p;
}

void pump_finish(struct pump *p, uint64_t patience_ns)
{
	uint64_t one = 1;

	p->patience_ns = patience_ns;
	p->finishing = true;
	(void)!write(p->wake, &one, sizeof(one)); /* an eventfd takes a first 1 always */
}

void pump_join(struct pump *p, struct pump_result *to)
{
	uint64_t overhead = p->opts.start_mark ? p->opts.page_size : 0;
	const struct rec_stats *s;

	pthread_join(p->thread, NULL);
	s = recorder_stats(p->rec);
	*to = (struct pump_result){ .sent = s->bytes_out > overhead ? s->bytes_out - overhead : 0,
				    .trimmed = p->trimmed,
				    .stuck = recorder_pending(p->rec),
				    .err = p->err,
				    .copying = s->copying };
	to->sent -= p->trimmed;
	pump_free(p);
}

int pump_set_prio(const struct pump *p, unsigned int prio, struct err *e)
{
	struct sched_param param = { .sched_priority = (int)prio };

	if (!prio || !sched_setscheduler(p->tid, SCHED_FIFO, &param))
		return 0;
	err_set(e, errno, "-r %u: cannot make the thread of CPU %u a real-time one", prio,
		p->opts.cpu);
	if (e && e->code == EPERM)
		err_hint(e, "run it as root, or without -r");
	return e ? -e->code : -EIO;
}

pid_t pump_tid(const struct pump *p)
{
	return p->tid;
}

uint64_t pump_moved(const struct pump *p)
{
	return p->moved;
}

bool pump_failed(const struct pump *p)
{
	return p->failed;
}
