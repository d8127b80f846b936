// SPDX-License-Identifier: GPL-2.0
/*
 * shift.c - TIME_SHIFT: payload, and the formula that every reader applies
 *
 * Theory of operation
 *
 * A payload is read whole into an array of samples for each CPU, because the fractions of all CPUs
 * follow behind the last. Sums wrap as the file's do: a corrupt offset gives a silly time and no
 * error. The formula is here once, for those who read a file and for those who judge what they are
 * about to write.
 *
 * Note what the formula implies for a writer: without interpolation the last sample of a CPU is
 * never the first of a pair, so its values count only if a further sample stands behind it.
 */
#include "tracedat/shift.h"

#include <errno.h>

#include "base/cursor.h"

enum { SHIFT_INTERPOLATE = 1, SAMPLE_BYTES = 24, FRACTION_BYTES = 8, SHIFT_MAX_BYTES = 1 << 30 };

static int by_time(const void *a, const void *b)
{
	uint64_t x = ((const struct tdat_shift_sample *)a)->time;
	uint64_t y = ((const struct tdat_shift_sample *)b)->time;

	return x < y ? -1 : x > y;
}

/* The samples of one CPU; their fractions follow behind the last CPU. */
static int read_samples(struct tdat_shift_cpu *cpu, struct rcur *r)
{
	uint32_t n = rcur_u32(r);

	if (r->bad || n > r->left / SAMPLE_BYTES)
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
static void tidy_samples(struct tdat_shift_cpu *cpu)
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

int tdat_shift_parse(struct tdat_shift *s, struct view data, bool big)
{
	struct rcur r = rcur_make(data.p, data.len, big);
	uint32_t flags, n;
	bool fractions;
	int rc;

	*s = (struct tdat_shift){ .peer = rcur_u64(&r) };
	flags = rcur_u32(&r);
	n = rcur_u32(&r);
	if (r.bad || n > TDAT_SHIFT_MAX_CPUS || n > r.left / 4)
		return -EPROTO;
	s->cpus = calloc((size_t)n + 1, sizeof(*s->cpus));
	if (!s->cpus)
		return -ENOMEM;
	s->ncpus = n;
	s->interpolate = flags & SHIFT_INTERPOLATE;
	for (uint32_t i = 0; i < n; i++) {
		rc = read_samples(&s->cpus[i], &r);
		if (rc)
			return rc;
	}
	fractions = r.left;
	for (uint32_t i = 0; i < n && fractions; i++)
		for (size_t k = 0; k < s->cpus[i].n; k++)
			s->cpus[i].samples[k].fraction = rcur_u64(&r);
	for (uint32_t i = 0; i < n; i++)
		tidy_samples(&s->cpus[i]);
	return r.bad ? -EPROTO : 0;
}

void tdat_shift_free(struct tdat_shift *s)
{
	for (size_t i = 0; i < s->ncpus; i++)
		free(s->cpus[i].samples);
	free(s->cpus);
	*s = (struct tdat_shift){ 0 };
}

static void put_samples(struct wcur *w, const struct tdat_shift_cpu *cpu)
{
	wcur_u32(w, (uint32_t)cpu->n);
	for (size_t i = 0; i < cpu->n; i++)
		wcur_u64(w, cpu->samples[i].time);
	for (size_t i = 0; i < cpu->n; i++)
		wcur_u64(w, (uint64_t)cpu->samples[i].offset);
	for (size_t i = 0; i < cpu->n; i++)
		wcur_u64(w, cpu->samples[i].scaling);
}

/* Bytes of the payload; 0 where there are too many. */
static size_t payload_size(const struct tdat_shift *s)
{
	size_t size = 16;

	if (s->ncpus > TDAT_SHIFT_MAX_CPUS)
		return 0;
	for (size_t i = 0; i < s->ncpus; i++) {
		if (s->cpus[i].n > (SHIFT_MAX_BYTES - size) / (SAMPLE_BYTES + FRACTION_BYTES))
			return 0;
		size += 4 + s->cpus[i].n * (SAMPLE_BYTES + FRACTION_BYTES);
		if (size > SHIFT_MAX_BYTES)
			return 0;
	}
	return size;
}

int tdat_shift_put(const struct tdat_shift *s, bool big, struct buf *to, struct err *e)
{
	size_t size = payload_size(s);
	uint8_t *bytes;
	struct wcur w;
	int rc;

	if (!size)
		return err_say(e, EINVAL, "too many samples of the clocks for one file");
	bytes = malloc(size);
	if (!bytes)
		return err_set(e, ENOMEM, "no memory for the samples of the clocks");
	w = wcur_make(bytes, size, big);
	wcur_u64(&w, s->peer);
	wcur_u32(&w, s->interpolate ? SHIFT_INTERPOLATE : 0);
	wcur_u32(&w, (uint32_t)s->ncpus);
	for (size_t i = 0; i < s->ncpus; i++)
		put_samples(&w, &s->cpus[i]);
	for (size_t i = 0; i < s->ncpus; i++)
		for (size_t k = 0; k < s->cpus[i].n; k++)
			wcur_u64(&w, s->cpus[i].samples[k].fraction);
	rc = buf_add(to, bytes, size);
	free(bytes);
	return rc ? err_set(e, ENOMEM, "no memory for the samples of the clocks") : 0;
}

uint64_t tdat_scale(uint64_t t, uint64_t mult, uint64_t rshift)
{
	return rshift > 127 ? 0 : (uint64_t)(((unsigned __int128)t * mult) >> rshift);
}

/* The pair of samples around @t: the last that begins before it, never the very last one. */
static const struct tdat_shift_sample *find_pair(const struct tdat_shift_cpu *cpu, uint64_t t)
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

uint64_t tdat_shift_time(const struct tdat_shift *s, size_t cpu, uint64_t t)
{
	const struct tdat_shift_cpu *c = cpu < s->ncpus ? &s->cpus[cpu] : NULL;
	const struct tdat_shift_sample *min;
	int64_t off;

	if (!c || !c->n)
		return t;
	if (c->n == 1)
		return t + (uint64_t)c->samples[0].offset;
	min = find_pair(c, t);
	off = min->offset;
	if (s->interpolate) {
		__int128 dt = (__int128)min[1].time - min->time;
		__int128 past = (int64_t)(t - min->time);
		__int128 rise = (int64_t)((uint64_t)min[1].offset - (uint64_t)min->offset);

		off = (int64_t)((uint64_t)off + (uint64_t)((past * rise + dt / 2) / dt));
	}
	return tdat_scale(t, min->scaling, min->fraction) + (uint64_t)off;
}
