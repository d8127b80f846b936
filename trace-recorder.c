// SPDX-License-Identifier: GPL-2.0
/*
 * trace-recorder.c - move one stream of trace pages from a source to a sink
 *
 * Theory of operation
 *
 * Between source and sink lie, in the order of the stream, a pipe and a piece of memory ("held"):
 *
 *	source --splice--> pipe --splice--> sink		pages are moved, not copied
 *	source --read----> held --write---> sink		where splice is refused
 *	recorder_insert -> held
 *	recorder_switch -> lead, which waits for bytes of the new source and then goes before them
 *
 * A round of recorder_pump() first empties the pipe, then what is held, and reads again only when
 * both are empty. So what is inserted always comes behind what was read before and before what is
 * read later, whichever way the bytes go.
 *
 * Splice is refused with EINVAL by some files, as source or as sink. The first refusal turns the
 * recorder to copying for the rest of its life; what is in the pipe then is taken into memory,
 * before what is held there already.
 *
 * The pipe is as large as one chunk and not larger: it is always emptied before the next read, and
 * a user's pipe pages are limited (pipe-user-pages-soft). If it cannot be widened, splices are
 * short.
 *
 * A datagram sink (UDP) takes pages one by one out of memory: nothing is spliced, and there is no
 * lead, as marks need a stream.
 *
 * Invariants: bytes leave in the order in which they came; what was read and not written is kept
 * over errors and counted by recorder_pending(). A read asks for whole pages: tracefs refuses less
 * (see tests/facts/fact_tracefs_splice.c), and yields no part of a page.
 *
 * Back-pressure: when the sink is full we stop reading, and the ring buffer overwrites itself: the
 * traced machine is never slowed down. Descriptors that block would break this, and a blocking
 * splice into a virtio port whose host does not read can hang a guest. Both ends are O_NONBLOCK.
 */
#include "trace-recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK_DEFAULT = 64 << 10, CHUNK_MAX = 64 << 20 };

struct recorder {
	int source, sink; /* borrowed */
	uint64_t sink_room;
	int pipe[2]; /* owned; -1 where nothing is spliced from the beginning */
	size_t page_size, chunk;
	size_t piped;  /* bytes in the pipe */
	uint8_t *held; /* owned; .held[off..len) follows the pipe */
	size_t held_off, held_len, held_room;
	uint8_t *lead; /* owned; goes before the next bytes from the source */
	size_t lead_off, lead_len, lead_room;
	bool leading; /* they have come: the lead is pending, before the pipe and what is held */
	bool discard, datagram, seq;
	struct rec_stats stats;
};

/* Mark pages */

void rec_mark_put(uint8_t *page, size_t page_size, const struct rec_mark *m)
{
	struct wcur w = wcur_make(page, page_size, true);

	wcur_mem(&w, REC_MARK_MAGIC, REC_MARK_MAGIC_LEN);
	wcur_u64(&w, m->stream_id);
	wcur_u32(&w, m->kind);
	wcur_u32(&w, m->cpu);
	wcur_u32(&w, m->buffer);
	wcur_zero(&w, w.left);
}

bool rec_mark_get(const uint8_t *page, size_t len, struct rec_mark *m)
{
	struct rcur c = rcur_make(page, len, true);
	const uint8_t *magic = rcur_take(&c, REC_MARK_MAGIC_LEN);

	if (!magic || memcmp(magic, REC_MARK_MAGIC, REC_MARK_MAGIC_LEN))
		return false;
	m->stream_id = rcur_u64(&c);
	m->kind = rcur_u32(&c);
	m->cpu = rcur_u32(&c);
	m->buffer = rcur_u32(&c);
	return !c.bad && (m->kind == REC_MARK_START || m->kind == REC_MARK_BUFFER);
}

/* Life */

static int open_pipe(struct recorder *r, struct err *e)
{
	if (pipe2(r->pipe, O_NONBLOCK | O_CLOEXEC)) {
		r->pipe[0] = r->pipe[1] = -1;
		return err_set(e, errno, "cannot make a pipe to splice trace pages through");
	}
	/* Not granted: splices are as short as the pipe is. */
	(void)!fcntl(r->pipe[1], F_SETPIPE_SZ, (int)r->chunk);
	return 0;
}

struct recorder *recorder_new(const struct recorder_opts *o, struct err *e)
{
	size_t chunk = o->chunk ? o->chunk : CHUNK_DEFAULT;
	struct recorder *r;

	if (!o->page_size || (o->page_size & (o->page_size - 1)) || o->page_size > CHUNK_MAX ||
	    chunk > CHUNK_MAX) {
		err_say(e, EINVAL, "cannot move pages of %u bytes in chunks of %zu", o->page_size,
			chunk);
		return NULL;
	}
	r = calloc(1, sizeof(*r));
	if (!r) {
		err_set(e, ENOMEM, "cannot make a recorder");
		return NULL;
	}
	r->source = o->source;
	r->sink = o->discard ? -1 : o->sink;
	r->sink_room = o->sink_room;
	r->discard = o->discard;
	r->datagram = o->datagram;
	r->seq = o->seq;
	r->stats.copying = o->discard || o->datagram;
	r->page_size = o->page_size;
	r->chunk = chunk < r->page_size ? r->page_size : chunk - chunk % r->page_size;
	r->pipe[0] = r->pipe[1] = -1;
	if (!r->stats.copying && open_pipe(r, e)) {
		recorder_free(r);
		return NULL;
	}
	return r;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(r->pipe); i++)
		if (r->pipe[i] >= 0)
			close(r->pipe[i]);
	free(r->held);
	free(r->lead);
	free(r);
}

/* What is held in memory */

/* Room for @n bytes behind what is held; moves it to the front. */
static int hold_room(struct recorder *r, size_t n, struct err *e)
{
	size_t len = r->held_len - r->held_off;
	uint8_t *held;

	if (r->held_off && len)
		memmove(r->held, r->held + r->held_off, len);
	r->held_off = 0;
	r->held_len = len;
	if (n <= r->held_room - len)
		return 0;
	held = n < SIZE_MAX / 2 - len ? realloc(r->held, len + n) : NULL;
	if (!held)
		return err_set(e, ENOMEM, "cannot keep %zu bytes of trace", len + n);
	r->held = held;
	r->held_room = len + n;
	return 0;
}

int recorder_insert(struct recorder *r, const void *bytes, size_t n, struct err *e)
{
	int ret = hold_room(r, n, e);

	if (!ret && n)
		memcpy(r->held + r->held_len, bytes, n);
	r->held_len += ret ? 0 : n;
	return ret;
}

/* Take what is in the pipe into memory, before what is held there. */
static int unpipe(struct recorder *r, struct err *e)
{
	size_t held = r->held_len - r->held_off, got = 0;
	uint8_t *all = malloc(r->piped + held);
	ssize_t n = 1;

	if (!all)
		return err_set(e, ENOMEM, "cannot keep %zu bytes of trace", r->piped + held);
	while (got < r->piped && n > 0) {
		n = read(r->pipe[0], all + got, r->piped - got);
		if (n > 0)
			got += (size_t)n;
	}
	if (held)
		memcpy(all + got, r->held + r->held_off, held);
	free(r->held);
	r->held = all;
	r->held_room = r->piped + held;
	r->held_off = 0;
	r->held_len = got + held;
	held = r->piped - got;
	r->piped = 0;
	return held ? err_set(e, n ? errno : EIO, "cannot read %zu bytes of trace from our pipe",
			      held)
		    : 0;
}

int recorder_copy(struct recorder *r, struct err *e)
{
	r->stats.copying = true;
	return r->piped ? unpipe(r, e) : 0;
}

/* Towards the sink */

/*
 * One page as one datagram. What passes by itself is a full sink: no room in a queue on the way,
 * and a network that is away for a moment. A datagram is sent whole or not at all.
 */
static ssize_t give_datagram(struct recorder *r)
{
	uint8_t seq[8];
	struct wcur w = wcur_make(seq, sizeof(seq), true);
	struct iovec iov[] = { { r->held + r->held_off, r->page_size }, { seq, sizeof(seq) } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = r->seq ? 2 : 1 };
	ssize_t n;

	if (r->held_len - r->held_off < r->page_size)
		return -EMSGSIZE; /* a source that cuts pages: tracefs does not */
	wcur_u64(&w, r->stats.bytes_out);
	do
		n = sendmsg(r->sink, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return (ssize_t)r->page_size;
	if (errno == ENOBUFS || errno == ENETUNREACH || errno == EHOSTUNREACH || errno == ENETDOWN)
		return -EAGAIN;
	return -errno;
}

/* Give the sink the lead, else what is in the pipe, else what is held: bytes taken or -errno. */
static ssize_t give(struct recorder *r)
{
	ssize_t n;

	if (r->sink_room && r->stats.bytes_out + recorder_pending(r) > r->sink_room)
		return -EFBIG;
	if (r->datagram)
		return give_datagram(r);
	do
		if (r->leading)
			n = write(r->sink, r->lead + r->lead_off, r->lead_len - r->lead_off);
		else if (r->piped)
			n = splice(r->pipe[0], NULL, r->sink, NULL, r->piped,
				   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		else
			n = write(r->sink, r->held + r->held_off, r->held_len - r->held_off);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? n
		 : -EIO; /* a sink that takes nothing and says nothing would be asked for ever */
}

static void gave(struct recorder *r, size_t n)
{
	r->stats.bytes_out += n;
	if (r->leading) {
		r->lead_off += n;
		r->leading = r->lead_off < r->lead_len;
		r->lead_len = r->leading ? r->lead_len : 0;
		return;
	}
	if (r->piped) {
		r->piped -= n;
		return;
	}
	r->held_off += n;
	if (r->held_off == r->held_len)
		r->held_off = r->held_len = 0;
}

static int say_sink(const struct recorder *r, int code, struct err *e)
{
	if (r->datagram && code == ECONNREFUSED)
		return err_say(e, code,
			       "nobody takes trace pages at the other end of the UDP port");
	return err_set(e, code, "cannot write trace data");
}

/* 0 when nothing is pending any more, REC_BLOCKED, or an error. */
static int drain(struct recorder *r, struct err *e)
{
	if (r->discard) {
		r->held_off = r->held_len = r->lead_len = 0;
		r->leading = false;
	}
	while (recorder_pending(r)) {
		ssize_t n = give(r);
		int ret;

		if (n > 0) {
			gave(r, (size_t)n);
			continue;
		}
		if (n == -EAGAIN) {
			r->stats.blocked++;
			return REC_BLOCKED;
		}
		/* EINVAL from a splice: the sink refuses it. */
		ret = n == -EINVAL && r->piped ? recorder_copy(r, e) : say_sink(r, (int)-n, e);
		if (ret) {
			r->stats.sink_failed = true;
			return ret;
		}
	}
	return 0;
}

/* From the source; pipe and held are empty. */

/* Read pages until @want bytes are held or there are no more now: bytes, 0 at the end, -errno. */
static ssize_t fill_by_read(struct recorder *r, size_t want)
{
	ssize_t n = hold_room(r, want, NULL);

	if (n)
		return n;
	do {
		n = read(r->source, r->held + r->held_len, want - r->held_len);
		if (n > 0)
			r->held_len += (size_t)n;
	} while ((n > 0 && want - r->held_len >= r->page_size) || (n < 0 && errno == EINTR));
	/* An error or an end behind some bytes comes again at the next read. */
	return r->held_len ? (ssize_t)r->held_len : n ? -errno : 0;
}

static ssize_t fill_by_splice(struct recorder *r, size_t want)
{
	ssize_t n;

	do
		n = splice(r->source, NULL, r->pipe[1], NULL, want,
			   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		r->piped = (size_t)n;
	return n < 0 ? -errno : n;
}

static ssize_t fill(struct recorder *r, size_t want)
{
	ssize_t n = -EINVAL;

	if (!r->stats.copying)
		n = fill_by_splice(r, want);
	if (n == -EINVAL) {
		r->stats.copying = true; /* refused: nothing is in the pipe */
		n = fill_by_read(r, want);
	}
	if (n > 0) {
		r->stats.bytes_in += (uint64_t)n;
		r->leading = r->lead_len != 0;
	}
	return n;
}

int recorder_pump(struct recorder *r, uint64_t budget, struct err *e)
{
	uint64_t moved = 0;

	for (;;) {
		size_t want = r->chunk;
		ssize_t n = drain(r, e);

		if (n)
			return (int)n;
		if (moved >= budget)
			return REC_BUDGET;
		if (budget - moved < want)
			want = align_up(budget - moved, r->page_size);
		n = fill(r, want);
		if (n == -EAGAIN)
			return REC_IDLE;
		if (!n)
			return REC_END;
		if (n < 0) {
			r->stats.sink_failed = false;
			return err_set(e, (int)-n, "cannot read trace data");
		}
		moved += (uint64_t)n;
	}
}

/* Small questions */

int recorder_switch(struct recorder *r, int source, const void *lead, size_t n, struct err *e)
{
	if (r->leading)
		return err_say(e, EBUSY,
			       "cannot change the source of a stream that waits for its sink");
	if (n > r->lead_room) {
		uint8_t *room = realloc(r->lead, n);

		if (!room)
			return err_set(e, ENOMEM, "cannot keep %zu bytes of trace", n);
		r->lead = room;
		r->lead_room = n;
	}
	if (n)
		memcpy(r->lead, lead, n);
	r->lead_off = 0;
	r->lead_len = n;
	r->source = source;
	return 0;
}

uint64_t recorder_pending(const struct recorder *r)
{
	return (r->leading ? r->lead_len - r->lead_off : 0) + r->piped +
	       (r->held_len - r->held_off);
}

const struct rec_stats *recorder_stats(const struct recorder *r)
{
	return &r->stats;
}
