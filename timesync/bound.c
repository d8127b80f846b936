// SPDX-License-Identifier: GPL-2.0
/*
 * bound.c - the running bound of an offset
 *
 * Theory of operation
 *
 * A limit is an offset and the host's time when it was learned; with distance in time (either way)
 * it widens by the drift. For each window of time the tightest limit of each side is kept: a piece.
 * In it the drift does not count: clocks mostly run better than they may, and an early limit that
 * is tight says more of the line (timesync/fit.h) than a late one that is loose.
 * What holds at a time is the tightest of all pieces of the same life of the clock, widened; the
 * newest piece is made with what its predecessors said, so that the check of a message costs
 * nothing.
 *
 * A limit that lies outside of what holds is a contradiction. One alone is a guest's nonsense (or a
 * stray timestamp) and is not taken. When several in a row, with none between that fits on that
 * side, say so, the clock has stepped: a new life begins with the weakest of them.
 *
 * Pieces are bounded: when there is no room, windows are doubled and neighbours put together. If
 * each piece is a life of its own, the oldest is forgotten, and counted.
 */
#include "timesync/bound.h"

#include <errno.h>

enum { MIN_PIECES = 2, MAX_PIECES = 1 << 20, CONFIRM = 3 };

enum side { UPPER, LOWER, NR_SIDES };

struct piece {
	uint64_t begin, end; /* host: the first and the last message */
	uint64_t guest;	     /* of the first message */
	uint32_t life;
	struct ts_bound_limit side[NR_SIDES];
};

/* Contradictions in a row. */
struct doubt {
	uint32_t n;
	uint64_t first, guest; /* times of the first */
	struct ts_bound_limit weakest;
};

struct ts_bound {
	struct ts_bound_how how;
	struct piece *pieces; /* owned; .how.pieces + 1 of them */
	size_t n;
	struct ts_bound_limit now[NR_SIDES]; /* of this life, all pieces */
	struct doubt doubt[NR_SIDES];
	struct ts_bound_count count;
};

int ts_bound_new(const struct ts_bound_how *how, struct ts_bound **to, struct err *e)
{
	struct ts_bound *b;

	if (how->pieces < MIN_PIECES || how->pieces > MAX_PIECES || how->drift_ppb > 1000000000)
		return err_say(e, EINVAL, "a clock's bound of %u pieces, drift %llu ppb",
			       how->pieces, (unsigned long long)how->drift_ppb);
	b = calloc(1, sizeof(*b));
	if (b)
		b->pieces = calloc((size_t)how->pieces + 1, sizeof(*b->pieces));
	if (!b || !b->pieces) {
		free(b);
		return err_set(e, ENOMEM, "no memory for the bound of a clock");
	}
	b->how = *how;
	if (!b->how.confirm)
		b->how.confirm = CONFIRM;
	b->count.confirm = b->how.confirm;
	*to = b;
	return 0;
}

void ts_bound_free(struct ts_bound *b)
{
	if (!b)
		return;
	free(b->pieces);
	free(b);
}

static int64_t cap(__int128 v)
{
	return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	int64_t d = (int64_t)(a - b);

	return d < 0 ? 0 - (uint64_t)d : (uint64_t)d;
}

/* The offset of @l at @host: widened by the drift, rounded outward. */
static int64_t widened(const struct ts_bound *b, const struct ts_bound_limit *l, enum side side,
		       uint64_t host)
{
	unsigned __int128 span = (unsigned __int128)apart(host, l->at) * b->how.drift_ppb;
	__int128 drift = (__int128)((span + 999999999) / 1000000000);

	return cap((__int128)l->offset + (side == UPPER ? drift : -drift));
}

static bool tighter(enum side side, int64_t a, int64_t b)
{
	return side == UPPER ? a < b : a > b;
}

/* Take @l in place of @of where it says more at its time. */
static void tighten(const struct ts_bound *b, struct ts_bound_limit *of, enum side side,
		    const struct ts_bound_limit *l)
{
	if (!of->known || !tighter(side, widened(b, of, side, l->at), l->offset))
		*of = *l;
}

/* The same within a piece, see the head. */
static void keep(struct ts_bound_limit *of, enum side side, const struct ts_bound_limit *l)
{
	if (!of->known || !tighter(side, of->offset, l->offset))
		*of = *l;
}

static void join(struct piece *p, const struct piece *next)
{
	p->end = next->end;
	for (int s = 0; s < NR_SIDES; s++)
		if (next->side[s].known)
			keep(&p->side[s], s, &next->side[s]);
}

/* Windows are doubled: neighbours of the same life become one, two by two. */
static void halve(struct ts_bound *b)
{
	size_t n = 0;

	b->how.window = b->how.window > UINT64_MAX / 2 ? UINT64_MAX : b->how.window * 2;
	for (size_t i = 0; i < b->n; i++) {
		struct piece *p = &b->pieces[n++];

		*p = b->pieces[i];
		if (i + 1 < b->n && b->pieces[i + 1].life == p->life)
			join(p, &b->pieces[++i]);
	}
	b->n = n;
}

static void make_room(struct ts_bound *b)
{
	size_t before = b->n;

	if (b->n < b->how.pieces)
		return;
	halve(b);
	if (b->n < before)
		return;
	memmove(b->pieces, b->pieces + 1, (b->n - 1) * sizeof(*b->pieces));
	b->n--;
	b->count.forgotten++;
}

static struct piece *new_piece(struct ts_bound *b, uint64_t host, uint64_t guest, uint32_t life)
{
	make_room(b);
	b->pieces[b->n] =
		(struct piece){ .begin = host, .end = host, .guest = guest, .life = life };
	return &b->pieces[b->n++];
}

/* The piece in which the message of @l belongs. One that is late belongs to the last. */
static struct piece *piece_for(struct ts_bound *b, const struct ts_bound_limit *l)
{
	uint64_t host = l->at, guest = host - (uint64_t)l->offset;
	struct piece *p;

	if (!b->n)
		return new_piece(b, host, guest, 0);
	p = &b->pieces[b->n - 1];
	if ((int64_t)(host - p->begin) > 0 && b->how.window && host - p->begin >= b->how.window)
		return new_piece(b, host, guest, p->life);
	if ((int64_t)(host - p->end) > 0)
		p->end = host;
	return p;
}

static void take(struct ts_bound *b, enum side side, const struct ts_bound_limit *l)
{
	struct piece *p = piece_for(b, l);

	keep(&p->side[side], side, l);
	tighten(b, &b->now[side], side, l);
}

/* Does @l leave nothing between the two sides? */
static bool contradicts(const struct ts_bound *b, enum side side, const struct ts_bound_limit *l)
{
	enum side other = side == UPPER ? LOWER : UPPER;

	if (!b->now[other].known)
		return false;
	return tighter(side, l->offset, widened(b, &b->now[other], other, l->at));
}

/* What fitted from @host on, on the other side, was of the new life, and says nothing there. */
static void end_life(struct ts_bound *b, uint64_t host)
{
	struct piece *last = &b->pieces[b->n - 1];

	while (b->n > 1 && last[-1].life == last->life && (int64_t)(last->begin - host) >= 0) {
		b->n--;
		last--;
	}
	if ((int64_t)(last->end - host) > 0)
		last->end = (int64_t)(host - last->begin) > 0 ? host : last->begin;
}

/* A new life of the clock, known by the weakest of the limits that contradicted. */
static void step(struct ts_bound *b, enum side side)
{
	struct doubt d = b->doubt[side];
	uint32_t life = b->pieces[b->n - 1].life;

	end_life(b, d.first);
	memset(b->now, 0, sizeof(b->now));
	memset(b->doubt, 0, sizeof(b->doubt));
	new_piece(b, d.first, d.guest, life + 1);
	take(b, side, &d.weakest);
	b->count.steps++;
}

static enum ts_fit add(struct ts_bound *b, enum side side, const struct ts_bound_limit *l)
{
	struct doubt *d = &b->doubt[side];

	b->count.messages++;
	if (!contradicts(b, side, l)) {
		d->n = 0;
		take(b, side, l);
		return TS_FITS;
	}
	b->count.contradictions++;
	if (!d->n++) {
		d->first = l->at;
		d->guest = l->at - (uint64_t)l->offset;
		d->weakest = *l;
	} else if (tighter(side, d->weakest.offset, l->offset)) {
		d->weakest = *l;
	}
	if (d->n < b->how.confirm)
		return TS_CONTRADICTS;
	step(b, side);
	return TS_STEPPED;
}

enum ts_fit ts_bound_from_guest(struct ts_bound *b, uint64_t guest, uint64_t host)
{
	struct ts_bound_limit l = { true, (int64_t)(host - guest), host };

	return add(b, UPPER, &l);
}

enum ts_fit ts_bound_to_guest(struct ts_bound *b, uint64_t host, uint64_t guest)
{
	struct ts_bound_limit l = { true, (int64_t)(host - guest), host };

	return add(b, LOWER, &l);
}

/* The last piece that begins at or before @host, else the first. */
static size_t piece_at(const struct ts_bound *b, uint64_t host)
{
	size_t i = b->n - 1;

	while (i && (int64_t)(host - b->pieces[i].begin) < 0)
		i--;
	return i;
}

bool ts_bound_at(const struct ts_bound *b, uint64_t host, struct ts_range *r)
{
	int64_t best[NR_SIDES] = { INT64_MAX, INT64_MIN };
	uint32_t life;

	*r = (struct ts_range){ .lo = INT64_MIN, .hi = INT64_MAX, .error = UINT64_MAX };
	if (!b->n)
		return false;
	life = b->pieces[piece_at(b, host)].life;
	for (size_t i = b->n; i-- > 0;) {
		const struct piece *p = &b->pieces[i];

		if (p->life != life)
			continue;
		r->to = r->to ? r->to : p->end;
		r->from = p->begin;
		for (int s = 0; s < NR_SIDES; s++) {
			int64_t v = p->side[s].known ? widened(b, &p->side[s], s, host) : best[s];

			best[s] = tighter(s, v, best[s]) ? v : best[s];
		}
	}
	r->hi = best[UPPER];
	r->lo = best[LOWER];
	if (r->hi != INT64_MAX && r->lo != INT64_MIN && r->hi >= r->lo)
		r->error = ((uint64_t)r->hi - (uint64_t)r->lo + 1) / 2;
	return true;
}

enum ts_judge ts_bound_judge(const struct ts_bound *b, uint64_t host, int64_t offset,
			     uint64_t error)
{
	struct ts_range r;

	if (!ts_bound_at(b, host, &r) || (r.lo == INT64_MIN && r.hi == INT64_MAX))
		return TS_UNJUDGED;
	if ((__int128)offset + error < r.lo)
		return TS_TOO_LOW;
	return (__int128)offset - error > r.hi ? TS_TOO_HIGH : TS_INSIDE;
}

size_t ts_bound_pieces(const struct ts_bound *b)
{
	return b->n;
}

void ts_bound_piece(const struct ts_bound *b, size_t i, struct ts_bound_piece *to)
{
	const struct piece *p = &b->pieces[i];

	*to = (struct ts_bound_piece){ .begin = p->begin,
				       .end = p->end,
				       .life = p->life,
				       .guest = p->guest,
				       .upper = p->side[UPPER],
				       .lower = p->side[LOWER] };
}

uint64_t ts_bound_drift(const struct ts_bound *b)
{
	return b->how.drift_ppb;
}

const struct ts_bound_count *ts_bound_count(const struct ts_bound *b)
{
	return &b->count;
}

bool ts_exchange_read(const struct ts_exchange *x, struct ts_exchange_result *r)
{
	int64_t host = (int64_t)(x->host_recv - x->host_send);
	int64_t guest = (int64_t)(x->guest_send - x->guest_recv);

	if (host < 0 || guest < 0 || guest > host)
		return false;
	r->lo = (int64_t)(x->host_send - x->guest_recv);
	r->hi = (int64_t)((uint64_t)r->lo + (uint64_t)(host - guest));
	r->error = (uint64_t)(host - guest + 1) / 2;
	r->offset = (int64_t)((uint64_t)r->lo + (uint64_t)(host - guest) / 2);
	r->guest = x->guest_recv + (uint64_t)guest / 2;
	return r->hi >= r->lo;
}

bool ts_exchange_best(const struct ts_exchange *x, size_t n, struct ts_exchange_result *r,
		      size_t *refused)
{
	struct ts_exchange_result one;
	bool any = false;

	*refused = 0;
	for (size_t i = 0; i < n; i++) {
		if (!ts_exchange_read(&x[i], &one)) {
			(*refused)++;
			continue;
		}
		if (!any || one.error < r->error)
			*r = one;
		any = true;
	}
	return any;
}
