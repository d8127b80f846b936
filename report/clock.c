// SPDX-License-Identifier: GPL-2.0
/*
 * clock.c - timestamps: from the file's to the report's
 *
 * Theory of operation
 *
 * The options of a head are read once into a struct report_clock; a timestamp then costs a few
 * branches. Sums wrap as the file's do: a corrupt offset gives a silly time and no error.
 *
 * Formulas and payloads: the format reference (Documentation/trace-cmd.dat.5), options DATE,
 * OFFSET, TSC2NSEC and TIME_SHIFT.
 */
#include "report/clock.h"

#include <errno.h>

#include "base/cursor.h"

enum { SHIFT_INTERPOLATE = 1, SHIFT_MAX_CPUS = 65536 };

/* Stock 3.1.6 prints the times of "boot" as a plain number, as it does for counters and cycles. */
static const char *const ns_clocks[] = { "local", "global",   "uptime", "perf",
					 "mono",  "mono_raw", "tai",	"tsc2nsec" };

bool clock_is_ns(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ns_clocks); i++)
		if (!strcmp(name, ns_clocks[i]))
			return true;
	return false;
}

/* Text with a number in any base, as DATE and OFFSET have it; 0 where it is none. */
static uint64_t option_number(struct view v)
{
	char text[40];
	size_t n = v.len < sizeof(text) ? v.len : sizeof(text) - 1;

	memcpy(text, v.p, n);
	text[n] = '\0';
	return text[0] == '-' ? (uint64_t)strtoll(text, NULL, 0) : strtoull(text, NULL, 0);
}

static int by_time(const void *a, const void *b)
{
	uint64_t x = ((const struct shift_sample *)a)->time;
	uint64_t y = ((const struct shift_sample *)b)->time;

	return x < y ? -1 : x > y;
}

/* The samples of one CPU; their fractions follow behind the last CPU. */
static int read_samples(struct shift_cpu *cpu, struct rcur *r)
{
	uint32_t n = rcur_u32(r);

	if (r->bad || n > r->left / 24)
		return -EPROTO;
	cpu->samples = calloc((size_t)n + 1, sizeof(*cpu->samples));
	if (!cpu->samples)
		return -ENOMEM;
	cpu->n = n;
	for (uint32_t i = 0; i < n; i++)
		cpu->samples[i].time = rcur_u64(r);
	for (uint32_t i = 0; i < n; i++)
		cpu->samples[i].offset = (int64_t)rcur_u64(r);
	for (uint32_t i = 0; i < n; i++)
		cpu->samples[i].scaling = rcur_u64(r);
	return 0;
}

/* Sort by time and drop samples of equal time. */
static void tidy_samples(struct shift_cpu *cpu)
{
	size_t kept = 0;

	if (!cpu->n)
		return;
	qsort(cpu->samples, cpu->n, sizeof(*cpu->samples), by_time);
	for (size_t i = 0; i < cpu->n; i++)
		if (!i || cpu->samples[i].time != cpu->samples[kept - 1].time)
			cpu->samples[kept++] = cpu->samples[i];
	cpu->n = kept;
}

static int read_shift(struct report_clock *c, struct rcur r)
{
	uint32_t flags, n;
	int rc;

	rcur_take(&r, 8); /* the peer's trace id */
	flags = rcur_u32(&r);
	n = rcur_u32(&r);
	if (r.bad || n > SHIFT_MAX_CPUS || n > r.left / 4)
		return -EPROTO;
	c->shifts = calloc((size_t)n + 1, sizeof(*c->shifts));
	if (!c->shifts)
		return -ENOMEM;
	c->interpolate = flags & SHIFT_INTERPOLATE;
	for (c->nshifts = 0; c->nshifts < n; c->nshifts++) {
		rc = read_samples(&c->shifts[c->nshifts], &r);
		if (rc) {
			c->nshifts++;
			return rc;
		}
	}
	for (uint32_t i = 0; i < n && r.left; i++) /* files of 2.9 end before the fractions */
		for (size_t k = 0; k < c->shifts[i].n; k++)
			c->shifts[i].samples[k].fraction = rcur_u64(&r);
	for (uint32_t i = 0; i < n; i++)
		tidy_samples(&c->shifts[i]);
	return r.bad ? -EPROTO : 0;
}

static int read_option(struct report_clock *c, const struct tdat_head *head,
		       const struct tdat_option *o, const struct clock_wish *wish)
{
	struct rcur r = rcur_make(o->data.p, o->data.len, head->big);

	switch (o->id) {
	case TDAT_OPT_DATE:
		if (!wish->no_date)
			c->offset += option_number(o->data) * 1000;
		return 0;
	case TDAT_OPT_OFFSET:
		c->offset += option_number(o->data);
		return 0;
	case TDAT_OPT_TSC2NSEC:
		c->mult = rcur_u32(&r);
		c->rshift = rcur_u32(&r);
		return r.bad || c->rshift > 63 ? -EPROTO : 0;
	case TDAT_OPT_TIME_SHIFT:
		return c->shifts ? 0 : read_shift(c, r);
	}
	return 0;
}

int report_clock_init(struct report_clock *c, const struct tdat_head *head,
		      const struct clock_wish *wish, struct err *e)
{
	*c = (struct report_clock){ .raw = wish->raw, .ts_offset = wish->ts_offset };
	if (wish->hz)
		c->factor = 1e9 / (double)wish->hz;
	for (size_t i = 0; i < head->noptions; i++) {
		int rc = read_option(c, head, &head->options[i], wish);

		if (rc == -ENOMEM)
			return err_set(e, ENOMEM, "no memory for the clock's corrections");
		if (rc)
			return err_say(e, EPROTO, "option %u of the file (a clock) is damaged",
				       head->options[i].id);
	}
	return 0;
}

void report_clock_free(struct report_clock *c)
{
	for (size_t i = 0; i < c->nshifts; i++)
		free(c->shifts[i].samples);
	free(c->shifts);
	*c = (struct report_clock){ 0 };
}

/* By the user's factor, in double precision as stock does it. */
static uint64_t rated(uint64_t t, double factor)
{
	double x = (double)t * factor;

	return x < (double)UINT64_MAX ? (uint64_t)x : UINT64_MAX;
}

static uint64_t scale(uint64_t t, uint64_t mult, uint64_t rshift)
{
	return rshift > 127 ? 0 : (uint64_t)(((unsigned __int128)t * mult) >> rshift);
}

/* The pair of samples around @t: the last that begins before it, never the very last one. */
static const struct shift_sample *find_pair(const struct shift_cpu *cpu, uint64_t t)
{
	size_t lo = 0, hi = cpu->n - 1;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (cpu->samples[mid].time <= t)
			lo = mid;
		else
			hi = mid;
	}
	return &cpu->samples[lo];
}

static uint64_t shifted(const struct report_clock *c, uint32_t cpu, uint64_t t)
{
	const struct shift_cpu *s = &c->shifts[cpu];
	const struct shift_sample *min;
	int64_t off;

	if (!s->n)
		return t;
	if (s->n == 1)
		return t + (uint64_t)s->samples[0].offset;
	min = find_pair(s, t);
	off = min->offset;
	if (c->interpolate) {
		__int128 dt = (__int128)min[1].time - min->time;
		__int128 past = (int64_t)(t - min->time);
		__int128 rise = (int64_t)((uint64_t)min[1].offset - (uint64_t)min->offset);

		off = (int64_t)((uint64_t)off + (uint64_t)((past * rise + dt / 2) / dt));
	}
	return scale(t, min->scaling, min->fraction) + (uint64_t)off;
}

uint64_t report_clock_time(const struct report_clock *c, uint32_t cpu, uint64_t raw)
{
	uint64_t t = raw;

	if (c->raw)
		return t;
	t += (uint64_t)c->ts_offset;
	if (cpu < c->nshifts)
		t = shifted(c, cpu, t);
	if (c->factor)
		t = rated(t, c->factor);
	else if (c->mult)
		t = scale(t, c->mult, c->rshift);
	return t + c->offset;
}
