// SPDX-License-Identifier: GPL-2.0
/*
 * points.c - points of a guest's clocks, kept few
 *
 * Theory of operation
 *
 * A CPU's points are an array in order of guest time, with one spare place behind its end for the
 * mark of the end (below). A new point goes behind the last. Then each point but the first is worth
 * something: its cost, how much the result would change somewhere if it were not there. Points of
 * cost 0 go at once. When the array is full the cheapest goes. .slack of a point is how far the
 * stretch that begins with it may be off already; it is part of the cost, so that a slow bend is
 * not lost in many small steps.
 *
 * Steps. Readers take the values of the first point of a pair, so the last point of all would
 * never count: a mark is put behind it, one unit later with the same values. A reader of a lone
 * point takes its offset and not its scaling: a lone point that scales gets the mark, too.
 *
 * Stock calculates in 64 bits. Interpolation overflows there when the stretch between two points,
 * multiplied with the rise of the offset, does (an hour with 50 ppm): such a stretch is written in
 * parts, with room for times some stretches behind the last point. A scaling that is exact
 * overflows with any time; there nothing helps.
 *
 * Where the clock of a guest goes back (it writes its TSC; it was migrated) some guest times exist
 * twice and a table by guest time can only say one: the later life of the clock has it.
 */
#include "timesync/points.h"

#include <errno.h>

enum {
	MAX_POINTS = 1 << 20,
	MIN_POINTS = 2,
	MAX_FRACTION = 127,
	PRODUCT_BITS = 58,
	MAX_PARTS = 1 << 12
};

struct line {
	struct tdat_shift_sample *at; /* owned, room for .max + 2 */
	uint64_t *slack;	      /* owned, likewise */
	size_t n;
	uint64_t worst;
};

struct ts_points {
	enum ts_kind kind;
	size_t cpus, max;
	struct line *lines;
	struct ts_points_count count;
};

int ts_points_new(enum ts_kind kind, size_t cpus, size_t max, struct ts_points **to, struct err *e)
{
	struct ts_points *p;

	if (!cpus || cpus > TDAT_SHIFT_MAX_CPUS)
		return err_say(e, EINVAL, "no clocks can be kept for %zu CPUs", cpus);
	if (max < MIN_POINTS || max > MAX_POINTS)
		return err_say(e, EINVAL, "%zu points of a clock cannot be kept", max);
	p = calloc(1, sizeof(*p));
	if (p)
		p->lines = calloc(cpus, sizeof(*p->lines));
	if (!p || !p->lines) {
		free(p);
		return err_set(e, ENOMEM, "no memory for the points of the clocks");
	}
	p->kind = kind;
	p->cpus = cpus;
	p->max = max;
	*to = p;
	return 0;
}

void ts_points_free(struct ts_points *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->cpus; i++) {
		free(p->lines[i].at);
		free(p->lines[i].slack);
	}
	free(p->lines);
	free(p);
}

static bool same_rate(const struct tdat_shift_sample *a, const struct tdat_shift_sample *b)
{
	return a->scaling == b->scaling && a->fraction == b->fraction;
}

static uint64_t distance(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

static uint64_t add_capped(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* How far @mid stands off the line of the two; only its nearest neighbours are looked at. */
static uint64_t off_line(const struct tdat_shift_sample *left, const struct tdat_shift_sample *mid,
			 const struct tdat_shift_sample *right)
{
	struct tdat_shift_sample pair[2] = { *left, *right };
	struct tdat_shift_cpu cpu = { pair, 2 };
	struct tdat_shift s = { .interpolate = true, .cpus = &cpu, .ncpus = 1 };
	uint64_t there = tdat_shift_time(&s, 0, mid->time);

	there -= tdat_scale(mid->time, left->scaling, left->fraction);
	return distance((int64_t)there, mid->offset);
}

/* What would change without point @i; UINT64_MAX where it must stay. */
static uint64_t change_without(const struct ts_points *p, const struct line *l, size_t i)
{
	const struct tdat_shift_sample *s = &l->at[i];

	if (!same_rate(s, s - 1))
		return UINT64_MAX;
	if (p->kind == TS_STEPS)
		return distance(s->offset, s[-1].offset);
	if (i + 1 == l->n || !same_rate(s, s + 1))
		return UINT64_MAX;
	return off_line(s - 1, s, s + 1);
}

static void take_out(struct line *l, size_t i, uint64_t change)
{
	uint64_t slack = add_capped(max_u64(l->slack[i - 1], l->slack[i]), change);

	l->slack[i - 1] = slack;
	l->worst = max_u64(l->worst, slack);
	memmove(&l->at[i], &l->at[i + 1], (l->n - i - 1) * sizeof(*l->at));
	memmove(&l->slack[i], &l->slack[i + 1], (l->n - i - 1) * sizeof(*l->slack));
	l->n--;
}

/* The point that costs least goes. The first and, of measured ones, the last stay. */
static void thin(struct ts_points *p, struct line *l)
{
	size_t end = p->kind == TS_STEPS ? l->n : l->n - 1, best = 1;
	uint64_t least = UINT64_MAX;

	for (size_t i = 1; i < end; i++) {
		uint64_t cost =
			add_capped(max_u64(l->slack[i - 1], l->slack[i]), change_without(p, l, i));

		if (cost < least) {
			least = cost;
			best = i;
		}
	}
	take_out(l, best, change_without(p, l, best));
	p->count.thinned++;
}

/* The point that the newest one made needless, or the newest itself. */
static void merge_newest(struct ts_points *p, struct line *l)
{
	size_t i = p->kind == TS_STEPS ? l->n - 1 : l->n - 2;

	if (l->n < 2 || !i || change_without(p, l, i))
		return;
	take_out(l, i, 0);
	p->count.merged++;
}

static int make_room(struct ts_points *p, struct line *l)
{
	size_t room = p->max + 2; /* one more than kept, and the mark of the end */

	if (l->at)
		return 0;
	l->at = calloc(room, sizeof(*l->at));
	l->slack = calloc(room, sizeof(*l->slack));
	if (l->at && l->slack)
		return 0;
	free(l->at);
	free(l->slack);
	l->at = NULL;
	l->slack = NULL;
	return -ENOMEM;
}

/* The end as readers need it; written behind the points, so that they can be read in place. */
static size_t with_end(const struct ts_points *p, const struct line *l)
{
	const struct tdat_shift_sample *last = &l->at[l->n - 1];
	bool scales = last->scaling != 1 || last->fraction;

	if (l->n > 1 ? p->kind == TS_MEASURED : !scales)
		return l->n;
	l->at[l->n] = *last;
	l->at[l->n].time++;
	return l->n + 1;
}

static int refuse(struct ts_points *p, int code)
{
	p->count.refused++;
	return -code;
}

int ts_points_add(struct ts_points *p, size_t cpu, const struct tdat_shift_sample *s)
{
	struct line *l;

	/* The last time of all has no unit behind it for the mark of the end. */
	if (cpu >= p->cpus || !s->scaling || s->fraction > MAX_FRACTION || s->time == UINT64_MAX)
		return refuse(p, EINVAL);
	l = &p->lines[cpu];
	if (l->n && s->time <= l->at[l->n - 1].time && p->kind == TS_MEASURED)
		return refuse(p, ERANGE);
	if (make_room(p, l))
		return -ENOMEM;
	while (l->n && l->at[l->n - 1].time >= s->time) {
		l->n--;
		p->count.overlaid++;
	}
	l->at[l->n] = *s;
	l->slack[l->n++] = 0;
	merge_newest(p, l);
	if (l->n > p->max)
		thin(p, l);
	return 0;
}

const struct ts_points_count *ts_points_count(const struct ts_points *p)
{
	return &p->count;
}

uint64_t ts_points_worst(const struct ts_points *p, size_t cpu)
{
	return cpu < p->cpus ? p->lines[cpu].worst : 0;
}

const struct tdat_shift_sample *ts_points_of(const struct ts_points *p, size_t cpu, size_t *n)
{
	*n = cpu < p->cpus ? p->lines[cpu].n : 0;
	return *n ? p->lines[cpu].at : NULL;
}

uint64_t ts_points_host(const struct ts_points *p, size_t cpu, uint64_t t)
{
	struct tdat_shift_cpu c = { 0 };
	struct tdat_shift s = { .interpolate = p->kind == TS_MEASURED, .cpus = &c, .ncpus = 1 };

	if (cpu >= p->cpus || !p->lines[cpu].n)
		return t;
	c.samples = p->lines[cpu].at;
	c.n = with_end(p, &p->lines[cpu]);
	return tdat_shift_time(&s, 0, t);
}

bool ts_points_drift(const struct ts_points *p, size_t cpu, int64_t *ppb)
{
	const struct line *l = cpu < p->cpus ? &p->lines[cpu] : NULL;
	double x = 0, y = 0, xx = 0, xy = 0, n, slope;

	if (!l || l->n < 2)
		return false;
	for (size_t i = 0; i < l->n; i++) {
		double dx = (double)(l->at[i].time - l->at[0].time);
		double dy =
			(double)(int64_t)((uint64_t)l->at[i].offset - (uint64_t)l->at[0].offset);

		if (!same_rate(&l->at[i], &l->at[0]))
			return false;
		x += dx;
		y += dy;
		xx += dx * dx;
		xy += dx * dy;
	}
	n = (double)l->n;
	slope = (n * xy - x * y) / (n * xx - x * x) * 1e9;
	if (!(slope > -9e18 && slope < 9e18))
		return false;
	*ppb = (int64_t)(slope < 0 ? slope - 0.5 : slope + 0.5);
	return true;
}

size_t ts_points_missing(const struct ts_points *p, size_t *first)
{
	size_t missing = 0;

	for (size_t i = p->cpus; i-- > 0;) {
		if (p->lines[i].n)
			continue;
		missing++;
		*first = i;
	}
	return missing;
}

bool ts_points_scaled(const struct ts_points *p)
{
	for (size_t i = 0; i < p->cpus; i++)
		for (size_t k = 0; k < p->lines[i].n; k++)
			if (p->lines[i].at[k].scaling != 1 || p->lines[i].at[k].fraction)
				return true;
	return false;
}

/* In how many parts the stretch between two points is written, see the head. */
static size_t parts_of(const struct ts_points *p, const struct tdat_shift_sample *s)
{
	unsigned __int128 product =
		(unsigned __int128)(s[1].time - s[0].time) * distance(s[0].offset, s[1].offset);
	size_t parts = 1;

	if (p->kind == TS_STEPS)
		return 1;
	while (parts < MAX_PARTS && product / (parts * parts) >> PRODUCT_BITS)
		parts *= 2;
	return parts;
}

/* The stretch from @s on, without its end. */
static size_t put_stretch(const struct tdat_shift_sample *s, size_t parts,
			  struct tdat_shift_sample *to)
{
	__int128 rise = (int64_t)((uint64_t)s[1].offset - (uint64_t)s[0].offset);
	unsigned __int128 span = s[1].time - s[0].time;

	for (size_t i = 0; i < parts; i++) {
		uint64_t past = (uint64_t)(span * i / parts);

		to[i] = s[0];
		to[i].time += past;
		to[i].offset = (int64_t)((uint64_t)s[0].offset +
					 (uint64_t)(rise * (__int128)past / (__int128)span));
	}
	return parts;
}

/* The points of @l as they are written; @to owns them. */
static int copy_line(const struct ts_points *p, const struct line *l, struct tdat_shift_cpu *to)
{
	size_t n = with_end(p, l), room = n;

	for (size_t i = 0; i + 1 < n; i++)
		room += parts_of(p, &l->at[i]) - 1;
	to->samples = calloc(room, sizeof(*to->samples));
	if (!to->samples)
		return -ENOMEM;
	for (size_t i = 0; i + 1 < n; i++)
		to->n += put_stretch(&l->at[i], parts_of(p, &l->at[i]), &to->samples[to->n]);
	to->samples[to->n++] = l->at[n - 1];
	return 0;
}

int ts_points_encode(const struct ts_points *p, uint64_t peer, struct buf *to, struct err *e)
{
	struct tdat_shift s = { .peer = peer, .interpolate = p->kind == TS_MEASURED };
	size_t first = 0;
	int rc = 0;

	if (ts_points_missing(p, &first))
		return err_say(e, ENODATA, "nothing is known of the clock of the guest's CPU %zu",
			       first);
	s.cpus = calloc(p->cpus, sizeof(*s.cpus));
	if (!s.cpus)
		return err_set(e, ENOMEM, "no memory for the points of the clocks");
	for (; !rc && s.ncpus < p->cpus; s.ncpus++)
		rc = copy_line(p, &p->lines[s.ncpus], &s.cpus[s.ncpus]);
	if (rc)
		rc = err_set(e, ENOMEM, "no memory for the points of the clocks");
	else
		rc = tdat_shift_put(&s, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__, to, e);
	tdat_shift_free(&s);
	return rc;
}

static bool unscaled(uint64_t ratio, uint32_t fraction)
{
	return ratio < 2 || fraction > 63 || ratio == 1ULL << fraction;
}

/*
 * host = ((guest - tsc) << fraction) / ratio. The factor 2^fraction / ratio becomes scaling /
 * 2^shift with the most bits that leave the product of a u64 time below 128 bits, which is any
 * u64 scaling; tsc is multiplied by the same rounded factor, so that only guest - tsc counts.
 */
int ts_point_of_tsc(uint64_t guest, uint64_t tsc, uint64_t ratio, uint32_t fraction,
		    struct tdat_shift_sample *to)
{
	uint32_t shift = 47;
	unsigned __int128 scaling;
	__int128 product;

	*to = (struct tdat_shift_sample){ .time = guest, .scaling = 1 };
	if (unscaled(ratio, fraction)) {
		to->offset = (int64_t)(0 - tsc);
		return 0;
	}
	scaling = ((unsigned __int128)1 << (fraction + shift)) / ratio;
	for (; scaling < (1ULL << 62) && fraction + shift < MAX_FRACTION - 1; shift++)
		scaling = ((unsigned __int128)1 << (fraction + shift + 1)) / ratio;
	if (scaling > UINT64_MAX)
		return -ERANGE;
	product = (__int128)(int64_t)tsc * (__int128)scaling;
	to->scaling = (uint64_t)scaling;
	to->fraction = shift;
	to->offset = -(int64_t)(product >> shift);
	return 0;
}

uint64_t ts_guest_of_tsc(uint64_t host, uint64_t tsc, uint64_t ratio, uint32_t fraction)
{
	return (unscaled(ratio, fraction) ? host : tdat_scale(host, ratio, fraction)) + tsc;
}
