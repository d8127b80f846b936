/* SPDX-License-Identifier: GPL-2.0 */
/*
 * points.h - what is known of a guest's clocks: points (guest time, host time) for each of its CPUs
 *
 * Two kinds: steps (known by arithmetic: a point's values hold from it to the next one) and
 * measured points (between two of them the offset is interpolated). Times are u64 in units of the
 * trace clock, ns or ticks, and wrap; offset = host - guest. What is kept is bounded.
 */
#ifndef TIMESYNC_POINTS_H
#define TIMESYNC_POINTS_H

#include "tracedat/shift.h"

enum ts_kind { TS_STEPS, TS_MEASURED };

struct ts_points;

/*
 * @max points are kept for a CPU (at least 2). -EINVAL: @cpus is 0 or above TDAT_SHIFT_MAX_CPUS, or
 * @max too small or absurd (above 1 << 20); -ENOMEM. The caller frees *p.
 */
int ts_points_new(enum ts_kind kind, size_t cpus, size_t max, struct ts_points **p, struct err *e);
void ts_points_free(struct ts_points *p);

/*
 * Add a point; its guest time is .time. A point that says nothing new (the same values as the one
 * before; on the line of its neighbours) takes no room. When there is no more room, the point that
 * changes the result least goes, see ts_points_worst().
 *
 * -EINVAL: no such CPU, scaling 0, fraction above 127. Guest time not behind the last point:
 * measured: -ERANGE, and nothing is added. Steps: the guest's clock went back, so the points
 * from that time on give way; ts_points_count() says how many did.
 */
int ts_points_add(struct ts_points *p, size_t cpu, const struct tdat_shift_sample *s);

struct ts_points_count {
	uint64_t merged;   /* said nothing new */
	uint64_t thinned;  /* gave way because there was no room */
	uint64_t overlaid; /* gave way because the guest's clock went back */
	uint64_t refused;  /* -EINVAL and -ERANGE */
};

const struct ts_points_count *ts_points_count(const struct ts_points *p);

/* The most by which a host time of @cpu can be off because points gave way for want of room. */
uint64_t ts_points_worst(const struct ts_points *p, size_t cpu);

/* The points of a CPU, ascending; borrowed until the next ts_points_add(). */
const struct tdat_shift_sample *ts_points_of(const struct ts_points *p, size_t cpu, size_t *n);

/* Host's time of the guest's @t, with the formula of every reader of the file. */
uint64_t ts_points_host(const struct ts_points *p, size_t cpu, uint64_t t);

/*
 * How much faster the host's clock runs than the guest's, in parts in 1e9: the slope of the
 * offsets (least squares). False with fewer than two points, or when their scalings differ.
 */
bool ts_points_drift(const struct ts_points *p, size_t cpu, int64_t *ppb);

/* Which CPUs have no point? The number of them, *first is the lowest. */
size_t ts_points_missing(const struct ts_points *p, size_t *first);

/*
 * Append the payload of a TIME_SHIFT option, in this machine's byte order, such that each reader
 * gets what ts_points_host() gives; to a unit, where a long stretch is written in parts. -ENODATA
 * when a CPU has no point (stock writes no option then).
 */
int ts_points_encode(const struct ts_points *p, uint64_t peer, struct buf *to, struct err *e);

/*
 * Does a CPU's clock run at another rate by its hardware? The stock trace-cmd multiplies such times
 * in 64 bits, which overflow for any but the smallest: only our own report is right then.
 */
bool ts_points_scaled(const struct ts_points *p);

/*
 * The point of a clock that the hardware scales: guest = ((host * @ratio) >> @fraction) + @tsc. The
 * inverse as a sample has an error below one tick at @guest. @ratio 0 or 1: not scaled.
 * -ERANGE: no sample can say it (the guest's clock has less than 1/65536 of the host's rate).
 */
int ts_point_of_tsc(uint64_t guest, uint64_t tsc, uint64_t ratio, uint32_t fraction,
		    struct tdat_shift_sample *to);

/* The other way: the guest's time at the host's time @host; for the place of a step. */
uint64_t ts_guest_of_tsc(uint64_t host, uint64_t tsc, uint64_t ratio, uint32_t fraction);

#endif
