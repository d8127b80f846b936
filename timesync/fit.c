// SPDX-License-Identifier: GPL-2.0
/*
 * fit.c - straight lines through what bounds an offset
 *
 * Theory of operation
 *
 * offset(t) = base + value + rate * (t - t0). All pairs (value, rate) that no limit forbids are a
 * convex polygon; a limit cuts off one side of it. It begins as a rectangle: what is known at t0,
 * and all rates that clocks may have. When a limit would leave nothing, the line ends before it and
 * a new one begins.
 *
 * At each time the largest offset of the polygon is a convex function of time, the least one a
 * concave one. So between two times the truth is nearer to the line through the middles of what can
 * be there than at one of its ends: the error at the ends is that of all between them.
 *
 * Limits are loosened by a unit, so that rounding never makes two of the same value contradict.
 */
#include "timesync/fit.h"

#include <errno.h>
#include <math.h>

enum { CORNERS = 64, UNIT = 1 };

struct corner {
	double value, rate;
};

struct polygon {
	struct corner at[CORNERS];
	size_t n;
	uint64_t t0, guest; /* guest: of the first message */
	int64_t base;
	uint32_t life;
};

/* Offsets are of all 64 bits, as a guest may say any time: they wrap. */
static double rise(int64_t from, int64_t to)
{
	return (double)(int64_t)((uint64_t)to - (uint64_t)from);
}

/* How far @c is on the forbidden side of a limit; up to 0: it is allowed. */
static double beyond(const struct polygon *p, const struct corner *c,
		     const struct ts_bound_limit *l, bool upper)
{
	double dt = (double)(int64_t)(l->at - p->t0);
	double limit = rise(p->base, l->offset);
	double v = c->value + c->rate * dt;

	return upper ? v - limit - UNIT : limit - v - UNIT;
}

static struct corner between(const struct corner *a, double da, const struct corner *b, double db)
{
	double part = da / (da - db);

	return (struct corner){ a->value + (b->value - a->value) * part,
				a->rate + (b->rate - a->rate) * part };
}

static void add_corner(struct polygon *p, struct corner c)
{
	const struct corner *last = p->n ? &p->at[p->n - 1] : NULL;

	if (last && last->value == c.value && last->rate == c.rate)
		return;
	if (p->n < CORNERS)
		p->at[p->n++] = c;
}

/* False: nothing would be left, and @p stays as it is. One with too many corners is not cut. */
static bool cut(struct polygon *p, const struct ts_bound_limit *l, bool upper)
{
	struct polygon to = *p;

	if (!l->known || p->n + 2 > CORNERS)
		return true;
	to.n = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct corner *a = &p->at[i], *b = &p->at[(i + 1) % p->n];
		double da = beyond(p, a, l, upper), db = beyond(p, b, l, upper);

		if (da <= 0)
			add_corner(&to, *a);
		if ((da < 0 && db > 0) || (da > 0 && db < 0))
			add_corner(&to, between(a, da, b, db));
	}
	if (!to.n)
		return false;
	*p = to;
	return true;
}

static bool cut_piece(struct polygon *p, const struct ts_bound_piece *piece)
{
	struct polygon was = *p;

	if (cut(p, &piece->upper, true) && cut(p, &piece->lower, false))
		return true;
	*p = was;
	return false;
}

/* The rectangle at @piece. False: its offset is not bounded. */
static bool begin(const struct ts_bound *b, const struct ts_bound_piece *piece, struct polygon *p)
{
	double most = (double)ts_bound_drift(b) / 1e9, half;
	struct ts_range r;

	if (!ts_bound_at(b, piece->begin, &r) || r.error == UINT64_MAX)
		return false;
	half = (double)r.error + UNIT;
	*p = (struct polygon){ .n = 4,
			       .t0 = piece->begin,
			       .guest = piece->guest,
			       .base = r.lo + (int64_t)r.error,
			       .life = piece->life };
	p->at[0] = (struct corner){ -half, -most };
	p->at[1] = (struct corner){ half, -most };
	p->at[2] = (struct corner){ half, most };
	p->at[3] = (struct corner){ -half, most };
	cut_piece(p, piece);
	return true;
}

/* The middle of what can be at @at, and half the width of that. */
static int64_t middle(const struct polygon *p, uint64_t at, uint64_t *error)
{
	double dt = (double)(int64_t)(at - p->t0), least = INFINITY, most = -INFINITY;

	for (size_t i = 0; i < p->n; i++) {
		double v = p->at[i].value + p->at[i].rate * dt;

		least = fmin(least, v);
		most = fmax(most, v);
	}
	*error = max_u64(*error, (uint64_t)ceil((most - least) / 2));
	return (int64_t)((uint64_t)p->base + (uint64_t)llround((most + least) / 2));
}

/*
 * A clock that stepped did so at the latest where the guest had the first message after it. The
 * host may have sent that long before, to a guest that stood still.
 */
static void begin_late(const struct polygon *p, struct ts_line *l)
{
	uint64_t at = p->guest + (uint64_t)l->offset_from;

	l->stepped = true;
	if ((int64_t)(at - l->from) <= 0)
		return;
	l->from = at;
	if ((int64_t)(l->to - at) < 0)
		l->to = at;
	l->error = 0;
	l->offset_from = middle(p, l->from, &l->error);
}

/* How far the truth may be from the line at @at. */
static uint64_t off_line(const struct polygon *p, const struct ts_line *l, uint64_t at)
{
	double dt = (double)(int64_t)(at - p->t0), most = 0, line = rise(p->base, l->offset_from);

	if (l->to != l->from)
		line += rise(l->offset_from, l->offset_to) * (double)(at - l->from) /
			(double)(l->to - l->from);
	for (size_t i = 0; i < p->n; i++)
		most = fmax(most, fabs(p->at[i].value + p->at[i].rate * dt - line));
	return (uint64_t)ceil(most);
}

/* The distance to a line is convex, too: the largest in a span is at one of its ends. */
static void count_error(const struct polygon *p, const struct ts_line *l,
			const struct ts_span *span, struct ts_lines *lines)
{
	uint64_t from = l->from, to = l->to, error;

	if (span && (int64_t)(span->from - from) > 0)
		from = span->from;
	if (span && (int64_t)(span->to - to) < 0)
		to = span->to;
	if ((int64_t)(to - from) < 0)
		return;
	error = max_u64(off_line(p, l, from), off_line(p, l, to));
	lines->error = lines->error == UINT64_MAX ? error : max_u64(lines->error, error);
}

static void end(const struct polygon *p, uint64_t to, bool stepped, const struct ts_span *counts,
		struct ts_lines *lines)
{
	struct ts_line *l = &lines->list[lines->n++];

	*l = (struct ts_line){ .from = p->t0, .to = to };
	l->offset_from = middle(p, l->from, &l->error);
	if (stepped)
		begin_late(p, l);
	l->offset_to = middle(p, l->to, &l->error);
	count_error(p, l, counts, lines);
}

static bool none_counts(const struct ts_lines *l)
{
	return l->error == UINT64_MAX;
}

int ts_lines_make(const struct ts_bound *b, const struct ts_span *counts, struct ts_lines *to,
		  struct err *e)
{
	size_t n = ts_bound_pieces(b);
	struct ts_bound_piece piece;
	struct polygon p = { 0 };
	uint64_t last = 0, all = 0;
	uint32_t life = 0; /* of the last line */

	*to = (struct ts_lines){ .error = UINT64_MAX };
	to->list = calloc(n + 1, sizeof(*to->list));
	if (!to->list)
		return err_set(e, ENOMEM, "no memory for the lines of a clock");
	for (size_t i = 0; i < n; i++) {
		ts_bound_piece(b, i, &piece);
		if (p.n && (piece.life != p.life || !cut_piece(&p, &piece))) {
			end(&p, last, to->n && life != p.life, counts, to);
			life = p.life;
			p.n = 0;
		}
		if (!p.n && !begin(b, &piece, &p))
			to->unknown++;
		last = piece.end;
	}
	if (p.n)
		end(&p, last, to->n && life != p.life, counts, to);
	for (size_t i = 0; i < to->n; i++)
		all = max_u64(all, to->list[i].error);
	if (none_counts(to) && to->n)
		to->error = all;
	return 0;
}

void ts_lines_free(struct ts_lines *l)
{
	free(l->list);
	*l = (struct ts_lines){ 0 };
}

static int add_point(uint64_t host, int64_t offset, size_t cpu, struct ts_points *to)
{
	struct tdat_shift_sample s = { host - (uint64_t)offset, offset, 1, 0 };

	return ts_points_add(to, cpu, &s);
}

/* What held before a step does so until the guest's time before it. */
static int add_step(const struct ts_line *l, size_t cpu, struct ts_points *to)
{
	uint64_t guest = l->from - (uint64_t)l->offset_from - 1;

	return add_point(guest + (uint64_t)l[-1].offset_to, l[-1].offset_to, cpu, to);
}

int ts_lines_points(const struct ts_lines *l, size_t cpu, struct ts_points *to)
{
	int ret = 0;

	for (size_t i = 0; (!ret || ret == -ERANGE) && i < l->n; i++) {
		const struct ts_line *at = &l->list[i];

		if (at->stepped)
			ret = add_step(at, cpu, to);
		if (!ret || ret == -ERANGE)
			ret = add_point(at->from, at->offset_from, cpu, to);
		if ((!ret || ret == -ERANGE) && at->to != at->from)
			ret = add_point(at->to, at->offset_to, cpu, to);
	}
	return ret == -ERANGE ? 0 : ret;
}

int64_t ts_lines_drift(const struct ts_lines *l, uint64_t *off)
{
	double sum = 0, span = 0, error = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct ts_line *at = &l->list[i];

		sum += rise(at->offset_from, at->offset_to);
		span += (double)(at->to - at->from);
		error += 2 * (double)at->error;
	}
	*off = span > 0 ? (uint64_t)fmin(error / span * 1e9, 1e15) : UINT64_MAX;
	return span > 0 ? (int64_t)llround(sum / span * 1e9) : 0;
}
