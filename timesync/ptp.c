// SPDX-License-Identifier: GPL-2.0
/*
 * ptp.c - both ends of the sync protocol "ptp", and its arithmetic
 *
 * Theory of operation
 *
 * Times are not taken from messages but from marks in a ring buffer, which are read back when all
 * probes are through: a time is the trace clock's own. The host's times go to the guest, which
 * calculates and sends the result.
 *
 * Each end takes the other for hostile. A probe that was answered already is late and ignored, and
 * not marked again; numbers that cannot be end the conversation. The guest's result is its word,
 * but not wholly: its host time (time + offset) must be one at which the host had a probe of it.
 */
#include "timesync/ptp.h"

#include <errno.h>

#include "base/cursor.h"

enum { BINS = 339 };

void ts_mark_put(const struct ts_mark *m, uint8_t to[TS_MARK_BYTES])
{
	struct wcur w = wcur_make(to, TS_MARK_BYTES, TS_NATIVE_BIG);

	wcur_u32(&w, m->series);
	wcur_u32(&w, m->own);
	wcur_u32(&w, m->peer);
	wcur_u32(&w, m->count);
	wcur_u32(&w, m->kind);
}

int ts_mark_read(const uint8_t *data, size_t len, struct ts_mark *m)
{
	struct rcur r = rcur_make(data, len, TS_NATIVE_BIG);

	m->series = rcur_u32(&r);
	m->own = rcur_u32(&r);
	m->peer = rcur_u32(&r);
	m->count = rcur_u32(&r);
	m->kind = rcur_u32(&r);
	return r.bad ? -EPROTO : 0;
}

/* --- Arithmetic */

static bool pair_sample(const struct ts_ptp_pair *p, struct tdat_shift_sample *s)
{
	uint64_t middle;

	if (!p->sent || !p->back || !p->host || (int64_t)(p->back - p->sent) < 0)
		return false;
	middle = p->sent + (p->back - p->sent) / 2;
	*s = (struct tdat_shift_sample){ middle, (int64_t)(p->host - middle), 1, 0 };
	return true;
}

bool ts_ptp_fastest(const struct ts_ptp_pair *p, size_t n, struct tdat_shift_sample *s)
{
	struct tdat_shift_sample one;
	uint64_t best = UINT64_MAX;

	for (size_t i = 0; i < n; i++) {
		if (!pair_sample(&p[i], &one) || p[i].back - p[i].sent >= best)
			continue;
		best = p[i].back - p[i].sent;
		*s = one;
	}
	return best != UINT64_MAX;
}

static uint64_t size_of(int64_t offset)
{
	return offset < 0 ? 0 - (uint64_t)offset : (uint64_t)offset;
}

static size_t bin_of(uint64_t size, uint64_t least, uint64_t most)
{
	unsigned __int128 at = (unsigned __int128)(size - least) * BINS;

	return (size_t)(at / ((unsigned __int128)(most - least) + 1));
}

bool ts_ptp_histogram(const struct ts_ptp_pair *p, size_t n, struct tdat_shift_sample *s)
{
	uint64_t least = UINT64_MAX, most = 0;
	struct tdat_shift_sample one;
	size_t bins[BINS] = { 0 }, fullest = 0;
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		if (!pair_sample(&p[i], &one))
			continue;
		least = min_u64(least, size_of(one.offset));
		most = max_u64(most, size_of(one.offset));
		any = true;
	}
	for (size_t i = 0; i < n; i++)
		if (pair_sample(&p[i], &one))
			bins[bin_of(size_of(one.offset), least, most)]++;
	for (size_t i = 1; i < BINS; i++)
		if (bins[i] > bins[fullest])
			fullest = i;
	for (size_t i = 0; i < n; i++)
		if (pair_sample(&p[i], &one) &&
		    bin_of(size_of(one.offset), least, most) == fullest) {
			*s = one;
			break;
		}
	return any;
}

/* --- Both ends */

static int send(struct ts_ptp *p, enum ts_ptp_id id, const uint8_t *data, size_t len)
{
	struct ts_msg m = { TS_PTP_NAME, id, data, (uint32_t)len };

	return p->end.ops->send(p->end.arg, &m);
}

static int send_u32s(struct ts_ptp *p, enum ts_ptp_id id, uint32_t a, const uint32_t *b)
{
	uint8_t bytes[8];
	struct wcur w = wcur_make(bytes, sizeof(bytes), true);

	wcur_u32(&w, a);
	if (b)
		wcur_u32(&w, *b);
	return send(p, id, bytes, sizeof(bytes) - w.left);
}

static int mark(struct ts_ptp *p, char kind)
{
	struct ts_mark m = { p->series, p->end.own, p->end.peer, p->count, (uint8_t)kind };

	return p->end.ops->mark(p->end.arg, &m);
}

void ts_ptp_found(struct ts_ptp *p, const struct ts_mark *m, uint64_t time)
{
	struct ts_ptp_pair *pair;

	if (m->series != p->series || m->own != p->end.own || m->peer != p->end.peer || !m->count ||
	    m->count > TS_PTP_PROBES)
		return;
	pair = &p->pairs[m->count - 1];
	if (m->kind == 's')
		pair->sent = time;
	else if (m->kind == 'r')
		pair->back = time;
}

static int broken(struct err *e, const struct ts_msg *m, const char *why)
{
	return err_say(e, EPROTO, "time sync: message %u of \"%s\" (%u bytes) %s", m->id, m->proto,
		       m->len, why);
}

static int begin(struct ts_ptp *p, uint32_t series, uint32_t flags)
{
	p->series = series;
	p->flags = flags;
	p->count = 0;
	memset(p->pairs, 0, sizeof(p->pairs));
	return p->end.ops->clear(p->end.arg);
}

/* --- Guest */

int ts_ptp_ask(struct ts_ptp *p, uint32_t flags)
{
	p->series++;
	p->flags = flags;
	p->state = TS_PTP_STARTING;
	return send_u32s(p, TS_PTP_START, p->series, &flags);
}

static int next_probe(struct ts_ptp *p)
{
	int rc;

	p->count++;
	rc = mark(p, 's');
	return rc ? rc : send_u32s(p, TS_PTP_PROBE, p->count, NULL);
}

static int guest_start(struct ts_ptp *p, const struct ts_msg *m, struct rcur r, struct err *e)
{
	uint32_t series = rcur_u32(&r), flags = rcur_u32(&r);
	int rc;

	if (r.bad || series != p->series || flags != p->flags)
		return broken(e, m, "does not echo START");
	rc = begin(p, series, flags);
	p->state = TS_PTP_PROBING;
	return rc ? rc : next_probe(p);
}

static int guest_probe(struct ts_ptp *p, const struct ts_msg *m, struct rcur r, struct err *e)
{
	uint32_t count = rcur_u32(&r);
	int rc;

	if (r.bad || !count || count > p->count)
		return broken(e, m, "answers a probe that was not sent");
	if (count < p->count || p->state == TS_PTP_WAITING) {
		p->late++;
		return 0;
	}
	rc = mark(p, 'r');
	if (!rc && p->count < TS_PTP_PROBES)
		return next_probe(p);
	p->state = TS_PTP_WAITING;
	return rc ? rc : send(p, TS_PTP_END, NULL, 0);
}

static int send_offset(struct ts_ptp *p)
{
	struct tdat_shift_sample s = { 0 }; /* stays so without a whole probe; a host drops it */
	uint8_t bytes[16];
	struct wcur w = wcur_make(bytes, sizeof(bytes), true);

	(void)(p->flags & TS_PTP_FASTEST ? ts_ptp_fastest : ts_ptp_histogram)(p->pairs,
									      TS_PTP_PROBES, &s);
	wcur_u64(&w, s.time);
	wcur_u64(&w, (uint64_t)s.offset);
	p->state = TS_PTP_IDLE;
	return send(p, TS_PTP_OFFSET, bytes, sizeof(bytes));
}

static int guest_times(struct ts_ptp *p, const struct ts_msg *m, struct rcur r, struct err *e)
{
	uint32_t series = rcur_u32(&r), count = rcur_u32(&r);
	int rc;

	if (r.bad || series != p->series || count > r.left / 12)
		return broken(e, m, "does not have the times of the probes");
	rc = p->end.ops->collect(p->end.arg, p);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t time = rcur_u64(&r);
		uint32_t id = rcur_u32(&r);

		if (id && id <= TS_PTP_PROBES)
			p->pairs[id - 1].host = time;
	}
	rc = send_offset(p);
	return rc ? rc : 1;
}

int ts_ptp_guest_input(struct ts_ptp *p, const struct ts_msg *m, struct err *e)
{
	struct rcur r = rcur_make(m->data, m->len, true);

	if (m->id == TS_PTP_START && p->state == TS_PTP_STARTING)
		return guest_start(p, m, r, e);
	if (m->id == TS_PTP_PROBE && p->state >= TS_PTP_PROBING)
		return guest_probe(p, m, r, e);
	if (m->id == TS_PTP_PROBES_TIMES && p->state == TS_PTP_WAITING)
		return guest_times(p, m, r, e);
	return broken(e, m, "does not belong here");
}

/* --- Host */

static int host_start(struct ts_ptp *p, const struct ts_msg *m, struct rcur r, struct err *e)
{
	uint32_t series = rcur_u32(&r), flags = rcur_u32(&r);
	int rc;

	if (r.bad)
		return broken(e, m, "is too short");
	rc = begin(p, series, flags);
	p->state = TS_PTP_PROBING;
	return rc ? rc : send_u32s(p, TS_PTP_START, series, &flags);
}

static int host_probe(struct ts_ptp *p, const struct ts_msg *m, struct rcur r, struct err *e)
{
	uint32_t count = rcur_u32(&r);
	int rc;

	if (r.bad || !count || count > TS_PTP_PROBES)
		return broken(e, m, "has a number that cannot be");
	if (count <= p->count) {
		p->late++;
		return 0;
	}
	p->count = count;
	rc = mark(p, 'r');
	return rc ? rc : send_u32s(p, TS_PTP_PROBE, count, NULL);
}

static int host_end(struct ts_ptp *p)
{
	uint8_t bytes[TS_PTP_BYTES];
	struct wcur w = wcur_make(bytes, sizeof(bytes), true);
	int rc = p->end.ops->collect(p->end.arg, p);

	if (rc)
		return rc;
	wcur_u32(&w, p->series);
	wcur_u32(&w, TS_PTP_PROBES);
	for (uint32_t i = 0; i < TS_PTP_PROBES; i++) {
		p->pairs[i].host = p->pairs[i].back;
		wcur_u64(&w, p->pairs[i].host);
		wcur_u32(&w, p->pairs[i].host ? i + 1 : 0);
	}
	wcur_zero(&w, w.left);
	p->state = TS_PTP_WAITING;
	return send(p, TS_PTP_PROBES_TIMES, bytes, sizeof(bytes));
}

/*
 * Which probe of this series did we have at @host? Rounding of the middle may make it one less.
 * TS_PTP_PROBES: none.
 */
static size_t find_probe(const struct ts_ptp *p, uint64_t host)
{
	size_t i = 0;

	while (i < TS_PTP_PROBES && !(p->pairs[i].host && host - p->pairs[i].host + 1 <= 2))
		i++;
	return i;
}

void ts_ptp_around(const struct ts_ptp *p, const struct tdat_shift_sample *s, uint64_t *before,
		   uint64_t *after)
{
	size_t i = find_probe(p, s->time + (uint64_t)s->offset);

	*before = i && i < TS_PTP_PROBES ? p->pairs[i - 1].host : 0;
	*after = i + 1 < TS_PTP_PROBES ? p->pairs[i + 1].host : 0;
}

static int host_offset(struct ts_ptp *p, const struct ts_msg *m, struct rcur r,
		       struct tdat_shift_sample *s, struct err *e)
{
	*s = (struct tdat_shift_sample){ .time = rcur_u64(&r), .scaling = 1 };
	s->offset = (int64_t)rcur_u64(&r);
	if (r.bad)
		return broken(e, m, "is too short");
	p->state = TS_PTP_IDLE;
	if (s->time && find_probe(p, s->time + (uint64_t)s->offset) == TS_PTP_PROBES)
		return err_say(e, ERANGE,
			       "time sync: the guest's offset %lld at %llu fits none of its probes",
			       (long long)s->offset, (unsigned long long)s->time);
	return 1;
}

int ts_ptp_host_input(struct ts_ptp *p, const struct ts_msg *m, struct tdat_shift_sample *s,
		      struct err *e)
{
	struct rcur r = rcur_make(m->data, m->len, true);

	if (m->id == TS_PTP_START)
		return host_start(p, m, r, e);
	if (m->id == TS_PTP_PROBE && p->state == TS_PTP_PROBING)
		return host_probe(p, m, r, e);
	if (m->id == TS_PTP_END && p->state == TS_PTP_PROBING)
		return host_end(p);
	if (m->id == TS_PTP_OFFSET && p->state == TS_PTP_WAITING)
		return host_offset(p, m, r, s, e);
	return broken(e, m, "does not belong here");
}
