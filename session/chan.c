// SPDX-License-Identifier: GPL-2.0
/*
 * chan.c - one data channel of a domain
 *
 * Theory of operation
 *
 * A channel is in one of four modes, each with its own way to take bytes:
 *
 *   idle   nobody records: thrown away
 *   scan   a recording begins: thrown away up to and with the mark page that has its stream id.
 *          The mark is looked for at every byte, since a killed client leaves half a page behind
 *   store  spliced to the part file, never more than the session allows, in whole pages
 *   skip   the session allows nothing now (quota), or the disk refused: thrown away and counted.
 *          Pages are followed by size, so that marks of buffers are seen and storing can go on at
 *          the edge of a page, behind a fresh mark
 *
 * A FIFO is opened for reading and writing: it has no end of stream then, and needs none, and QEMU
 * finds a reader at any time. A socket's end of stream is known and ends its part of a drain.
 * Sockets on the network, and datagrams, which have no modes but a store: chan-net.c.
 *
 * Invariant: whatever happens, bytes are taken. A guest never waits for the host's disk.
 */
#include "session/chan_local.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "trace-recorder.h"
#include "transport/fifo.h"
#include "transport/unix.h"

enum {
	ROUND = 1 << 20,   /* bytes in one callback: others are served too */
	CHUNK = 256 << 10, /* of one splice; also the memory of a channel where splice is refused */
	CUT_MAX = 64 << 20, /* bytes that are waited for at a cut: a full FIFO is 1 MiB */
};

/* Bytes taken; *end: the source has no more. A negative errno: the source is broken. */
typedef int (*pump_fn)(struct chan *c, uint64_t budget, struct err *e);

static struct recorder *make_recorder(struct chan *c)
{
	struct recorder_opts o = { .source = c->watch.fd,
				   .sink = c->use.part,
				   .sink_room = c->use.room - c->n.stored,
				   .page_size = c->use.page_size,
				   .chunk = CHUNK };
	struct err e = { 0 };
	struct recorder *r = recorder_new(&o, &e);

	if (!r)
		log_err(c->env->log, &e);
	return r;
}

static void set_mode(struct chan *c, enum chan_mode m)
{
	recorder_free(c->rec);
	c->rec = NULL;
	c->mode = m;
	c->ncarry = 0;
	if (c->watch.fd >= 0 && m == CHAN_STORE && !c->datagrams)
		c->rec = make_recorder(c);
}

/* read(2) with the results of a recorder; *got = bytes in the scratch. */
static int take(struct chan *c, size_t off, uint64_t max, size_t *got, struct err *e)
{
	ssize_t n;

	*got = 0;
	max = min_u64(max, CHAN_SCRATCH - off);
	n = read(c->watch.fd, c->env->scratch + off, max);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return REC_IDLE;
	if (n < 0)
		return err_set(e, errno, "cannot read the data channel %s", c->at.path);
	if (!n)
		return REC_END;
	*got = (size_t)n;
	return REC_BUDGET;
}

static int pump_idle(struct chan *c, uint64_t budget, struct err *e)
{
	size_t got;

	return take(c, 0, budget, &got, e);
}

/* The disk refused: what is not in the file by now never will be. */
static void disk_failed(struct chan *c, const struct err *e)
{
	c->disk_failed = true;
	set_mode(c, CHAN_SKIP);
	c->use.moved(c->use.ctx, c, e);
}

void chan_keep(struct chan *c, const uint8_t *at, size_t n)
{
	struct err e = { 0 };

	if (!n)
		return;
	c->n.received += n;
	c->phase = (c->phase + n) % c->use.page_size;
	if (n > c->use.room - c->n.stored)
		err_set(&e, EFBIG, "the region of CPU %u is full", c->at.cpu);
	if (e.code || write_all(c->use.part, at, n, "the data file", &e)) {
		c->n.disk += n;
		disk_failed(c, &e);
		return;
	}
	c->n.stored += n;
	c->use.kept(c->use.ctx, n);
}

/* Follow the pages in @n skipped bytes: which buffer do they belong to? */
static void follow_marks(struct chan *c, const uint8_t *at, size_t n)
{
	while (n) {
		size_t step = min_u64(n, c->use.page_size - c->phase);
		size_t head = c->ncarry < REC_MARK_LEN && c->phase == c->ncarry
				      ? min_u64(step, REC_MARK_LEN - c->ncarry)
				      : 0;
		struct rec_mark m;

		memcpy(c->carry + c->ncarry, at, head);
		c->ncarry += head;
		if (head && c->ncarry == REC_MARK_LEN && rec_mark_get(c->carry, REC_MARK_LEN, &m) &&
		    m.stream_id == c->use.stream_id) {
			c->switched = true;
			c->buffer = m.buffer;
		}
		c->phase = (c->phase + step) % c->use.page_size;
		if (!c->phase)
			c->ncarry = 0;
		at += step;
		n -= step;
	}
}

void chan_lose(struct chan *c, uint64_t n)
{
	c->n.received += n;
	*(c->disk_failed ? &c->n.disk : &c->n.quota) += n;
}

/* Throw away @n bytes of pages, and count them. */
static void skip_bytes(struct chan *c, const uint8_t *at, size_t n)
{
	follow_marks(c, at, n);
	chan_lose(c, n);
}

/* The first pages, which came together with the mark: what the session allows, the rest is skipped.
 */
static void first_pages(struct chan *c, const uint8_t *at, size_t n)
{
	size_t keep = min_u64(n, c->use.allow(c->use.ctx, n + c->use.page_size) / c->use.page_size *
					 c->use.page_size);

	chan_keep(c, at, keep);
	if (keep == n)
		return;
	if (c->mode != CHAN_SKIP)
		set_mode(c, CHAN_SKIP);
	skip_bytes(c, at + keep, n - keep);
}

static bool is_our_start(const struct chan *c, const uint8_t *at)
{
	struct rec_mark m;

	return rec_mark_get(at, REC_MARK_LEN, &m) && m.kind == REC_MARK_START &&
	       m.stream_id == c->use.stream_id;
}

/* The mark was found with @n bytes behind its head: the rest of its page goes, pages follow. */
static void found_mark(struct chan *c, const uint8_t *at, size_t n)
{
	uint64_t pad = c->use.page_size - REC_MARK_LEN;

	c->n.found = true;
	c->behind = pad - min_u64(pad, n);
	n -= min_u64(pad, n);
	if (c->behind)
		return;
	set_mode(c, CHAN_STORE);
	first_pages(c, at + pad, n);
}

/* Look for the mark in @n bytes of the scratch; keep what may be the beginning of one. */
static void scan_bytes(struct chan *c, size_t n)
{
	uint8_t *start = c->env->scratch, *at = start, *end = start + n;

	while ((at = memmem(at, (size_t)(end - at), REC_MARK_MAGIC, REC_MARK_MAGIC_LEN))) {
		if (end - at < REC_MARK_LEN)
			break;
		if (is_our_start(c, at)) {
			c->n.stale += (uint64_t)(at - start);
			c->ncarry = 0;
			found_mark(c, at + REC_MARK_LEN, (size_t)(end - at) - REC_MARK_LEN);
			return;
		}
		at++;
	}
	if (!at)
		at = end - min_u64(n, REC_MARK_MAGIC_LEN - 1);
	c->n.stale += (uint64_t)(at - start);
	c->ncarry = (size_t)(end - at);
	memcpy(c->carry, at, c->ncarry);
}

static int pump_scan(struct chan *c, uint64_t budget, struct err *e)
{
	size_t got, had = c->ncarry;
	int rc;

	if (c->behind) {
		rc = take(c, 0, min_u64(budget, c->behind), &got, e);
		c->behind -= got;
		if (!c->behind)
			set_mode(c, CHAN_STORE);
		return rc;
	}
	memcpy(c->env->scratch, c->carry, had);
	rc = take(c, had, budget, &got, e);
	if (got)
		scan_bytes(c, had + got);
	return rc;
}

static uint64_t to_edge(const struct chan *c)
{
	return c->phase ? c->use.page_size - c->phase : 0;
}

static int pump_skip(struct chan *c, uint64_t budget, struct err *e);

/* The rest of the page that is in the part file already: through memory, to the byte. */
static int finish_page(struct chan *c, struct err *e)
{
	size_t got;
	int rc = take(c, 0, to_edge(c), &got, e);

	chan_keep(c, c->env->scratch, got);
	return rc;
}

static int splice_pages(struct chan *c, uint64_t want, struct err *e)
{
	const struct rec_stats *st = recorder_stats(c->rec);
	uint64_t in = st->bytes_in, out = st->bytes_out;
	int rc = recorder_pump(c->rec, want, e);

	in = st->bytes_in - in;
	out = st->bytes_out - out;
	c->n.received += in;
	c->n.stored += out;
	c->phase = (c->phase + in) % c->use.page_size;
	c->use.kept(c->use.ctx, out);
	if (rc >= 0 || !st->sink_failed)
		return rc;
	c->n.disk += in - out;
	disk_failed(c, e);
	return REC_BUDGET;
}

static int pump_store(struct chan *c, uint64_t budget, struct err *e)
{
	uint64_t page = c->use.page_size;
	uint64_t want = c->rec ? c->use.allow(c->use.ctx, budget) / page * page : 0;

	if (want)
		return splice_pages(c, want, e);
	if (c->phase)
		return finish_page(c, e);
	set_mode(c, CHAN_SKIP);
	return pump_skip(c, budget, e);
}

/* At the edge of a page, and there is quota again: name the buffer, where it changed, and go on. */
static void resume(struct chan *c)
{
	struct rec_mark m = { .stream_id = c->use.stream_id, .kind = REC_MARK_BUFFER };

	set_mode(c, CHAN_STORE);
	if (!c->use.marks || !c->switched)
		return;
	c->switched = false;
	m.cpu = c->at.cpu;
	m.buffer = c->buffer;
	rec_mark_put(c->env->scratch, c->use.page_size, &m);
	chan_keep(c, c->env->scratch, c->use.page_size);
	c->n.received -= c->use.page_size; /* it is ours, not the guest's */
}

static int pump_skip(struct chan *c, uint64_t budget, struct err *e)
{
	bool again = !c->disk_failed && c->use.allow(c->use.ctx, ROUND) >= c->use.page_size;
	size_t got;
	int rc;

	if (again && !c->phase) {
		resume(c);
		return c->mode == CHAN_STORE ? pump_store(c, budget, e) : REC_BUDGET;
	}
	rc = take(c, 0, again ? to_edge(c) : budget, &got, e);
	skip_bytes(c, c->env->scratch, got);
	return rc;
}

static void hang_up(struct chan *c)
{
	loop_unwatch(&c->watch);
	cleanup_fd(&c->watch.fd);
	c->watch.fd = -1;
	recorder_free(c->rec);
	c->rec = NULL;
}

/* One round; returns what the pump said. */
static int pump(struct chan *c, uint64_t budget)
{
	static const pump_fn by_mode[CHAN_NR_MODES] = { pump_idle, pump_scan, pump_store,
							pump_skip };
	struct err e = { 0 };
	int rc;

	if (c->watch.fd < 0)
		return REC_END;
	rc = c->datagrams ? chan_pump_datagrams(c, budget) : by_mode[c->mode](c, budget, &e);
	if (rc < 0)
		log_err(c->env->log, &e);
	if (rc < 0 || rc == REC_END) {
		c->n.ended = true;
		hang_up(c);
		return REC_END;
	}
	if (rc != REC_IDLE)
		c->n.last_ns = now_ns();
	return rc;
}

static void told(struct chan *c)
{
	if (c->mode != CHAN_IDLE)
		c->use.moved(c->use.ctx, c, NULL);
}

static void chan_ready(struct watch *w, uint32_t events)
{
	struct chan *c = container_of(w, struct chan, watch);

	(void)events;
	pump(c, ROUND);
	told(c);
}

void chan_take(struct chan *c, int fd)
{
	struct err e = { 0 };

	c->watch.fd = fd;
	if (loop_watch(c->env->loop, &c->watch, EPOLLIN, &e)) {
		log_err(c->env->log, &e);
		hang_up(c);
		return;
	}
	c->n.ended = false;
	if (c->mode == CHAN_STORE)
		c->rec = make_recorder(c);
}

static void chan_accept(struct watch *w, uint32_t events)
{
	struct chan *c = container_of(w, struct chan, listen);
	AUTO_FD fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	if (c->watch.fd >= 0 && !c->lent)
		pump(c, ROUND); /* the old connection may have ended unseen */
	if (c->watch.fd >= 0) {
		log_warn(c->env->log, "%s: a second connection is refused", c->at.path);
		return;
	}
	chan_take(c, steal_fd(&fd));
}

static int open_fifo(struct chan *c, struct err *e)
{
	c->watch.fd = fifo_open(c->at.path, e);
	return c->watch.fd < 0 ? c->watch.fd : loop_watch(c->env->loop, &c->watch, EPOLLIN, e);
}

static int open_socket(struct chan *c, struct err *e)
{
	c->listen.fd = unix_listen(c->at.path, UNIX_FOR_GROUP, e);
	return c->listen.fd < 0 ? c->listen.fd : loop_watch(c->env->loop, &c->listen, EPOLLIN, e);
}

struct chan *chan_alloc(const struct chan_env *env, const struct guest_chan *at,
			void (*accepts)(struct watch *w, uint32_t events), struct err *e)
{
	struct chan *c = calloc(1, sizeof(*c));

	if (!c) {
		err_set(e, ENOMEM, "no memory for the data channel %s", at->path);
		return NULL;
	}
	c->env = env;
	c->at = *at;
	c->watch = (struct watch){ .fd = -1, .ready = chan_ready };
	c->listen = (struct watch){ .fd = -1, .ready = accepts };
	return c;
}

struct chan *chan_open(const struct chan_env *env, const struct guest_chan *at, struct err *e)
{
	struct chan *c = chan_alloc(env, at, chan_accept, e);
	struct stat st;

	if (!c)
		return NULL;
	if (at->kind == GUEST_CHAN_FIFO ? open_fifo(c, e) : open_socket(c, e)) {
		chan_close(c);
		return NULL;
	}
	if (!lstat(at->path, &st)) {
		c->dev = st.st_dev;
		c->ino = st.st_ino;
	}
	return c;
}

struct chan *chan_adopt(const struct chan_env *env, const struct guest_chan *at, int fd,
			struct err *e)
{
	struct chan *c = chan_alloc(env, at, NULL, e);

	if (!c) {
		close(fd);
		return NULL;
	}
	c->ends = at->kind == GUEST_CHAN_SOCKET;
	c->watch.fd = fd;
	if (!loop_watch(env->loop, &c->watch, EPOLLIN, e))
		return c;
	chan_close(c);
	return NULL;
}

void chan_deaf(struct chan *c)
{
	loop_unwatch(&c->listen);
	cleanup_fd(&c->listen.fd);
	c->listen.fd = -1;
}

void chan_close(struct chan *c)
{
	if (!c)
		return;
	hang_up(c);
	chan_deaf(c);
	free(c);
}

const struct guest_chan *chan_where(const struct chan *c)
{
	return &c->at;
}

bool chan_is_stale(const struct chan *c)
{
	struct stat st;

	return lstat(c->at.path, &st) || st.st_dev != c->dev || st.st_ino != c->ino;
}

void chan_begin(struct chan *c, const struct chan_use *use)
{
	c->n = (struct chan_counts){ .found = !use->marks, .lossy = c->datagrams };
	c->n.will_end = c->ends;
	c->n.ended = c->ends && c->watch.fd < 0;
	c->use = *use;
	if (!use->room)
		c->use.room = UINT64_MAX;
	c->phase = c->behind = 0;
	c->switched = false;
	c->disk_failed = false;
	c->next = 0;
	c->gap = c->told = false;
	set_mode(c, use->marks ? CHAN_SCAN : CHAN_STORE);
}

void chan_end(struct chan *c)
{
	set_mode(c, CHAN_IDLE);
}

const struct chan_counts *chan_counts(const struct chan *c)
{
	return &c->n;
}

void chan_flush(struct chan *c, uint64_t max)
{
	if (c->ends)
		return; /* it was made for this recording: what has come belongs to it */
	for (uint64_t done = 0; done < max; done += ROUND) {
		int rc = pump(c, ROUND);

		if (rc == REC_IDLE || rc == REC_END)
			return;
	}
}

void chan_cut(struct chan *c)
{
	chan_flush(c, CUT_MAX);
	c->n.ended = true;
	hang_up(c);
}

int chan_lend(struct chan *c)
{
	if (c->watch.fd < 0)
		return -ENOTCONN;
	loop_unwatch(&c->watch);
	c->lent = true;
	return c->watch.fd;
}

void chan_back(struct chan *c)
{
	struct err e = { 0 };

	if (!c->lent)
		return;
	c->lent = false;
	if (set_nonblock(c->watch.fd, &e) || loop_watch(c->env->loop, &c->watch, EPOLLIN, &e)) {
		log_err(c->env->log, &e);
		hang_up(c);
	}
}
