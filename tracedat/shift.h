/* SPDX-License-Identifier: GPL-2.0 */
/*
 * shift.h - the TIME_SHIFT option: from a guest's times to its host's
 *
 * Payload (format reference, TIME_SHIFT): u64 trace id of the host's file, u32 flags (bit 0:
 * interpolate), u32 number of CPUs; for each CPU u32 count, then the columns u64 time, s64 offset,
 * u64 scaling; behind the last CPU, for each CPU the column u64 fraction (files of 2.9 end before).
 * Times and offsets are in units of the trace clock: ns, or ticks of the TSC.
 */
#ifndef TRACEDAT_SHIFT_H
#define TRACEDAT_SHIFT_H

#include "tracedat/head.h"

enum { TDAT_SHIFT_MAX_CPUS = 65536 };

/* From .time (guest) on: host = ((guest * .scaling) >> .fraction) + .offset */
struct tdat_shift_sample {
	uint64_t time;
	int64_t offset;
	uint64_t scaling, fraction;
};

struct tdat_shift_cpu {
	struct tdat_shift_sample *samples; /* ascending .time */
	size_t n;
};

struct tdat_shift {
	uint64_t peer; /* trace id of the host's file */
	bool interpolate;
	struct tdat_shift_cpu *cpus; /* by number of the guest's CPU */
	size_t ncpus;
};

/*
 * Read a payload; samples are sorted, the second one of equal times is dropped. -EPROTO where it is
 * cut or its counts lie, -ENOMEM. @s is to be freed in each case.
 */
int tdat_shift_parse(struct tdat_shift *s, struct view data, bool big);
void tdat_shift_free(struct tdat_shift *s); /* of tdat_shift_parse() */

/* Append the payload of @s to @to. -EINVAL: too many CPUs or samples; -ENOMEM. */
int tdat_shift_put(const struct tdat_shift *s, bool big, struct buf *to, struct err *e);

/*
 * The host's time of guest time @t on @cpu, as every reader computes it; @t where there are no
 * samples for @cpu. One sample: its offset alone. More: the pair around @t, the first pair before
 * all, the last pair behind all; the scaling and (without .interpolate) the offset of its first.
 */
uint64_t tdat_shift_time(const struct tdat_shift *s, size_t cpu, uint64_t t);

/* (@t * @mult) >> @rshift with a product of 128 bits, cut to 64; 0 where all bits are shifted out.
 */
uint64_t tdat_scale(uint64_t t, uint64_t mult, uint64_t rshift);

#endif
