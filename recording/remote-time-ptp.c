// SPDX-License-Identifier: GPL-2.0
/*
 * remote-time-ptp.c - how good is what a released agent found by "ptp"?
 *
 * Theory of operation
 *
 * Its points are stored as they are. It does not say how good they are; but between the probe
 * before the best one and the one after it the guest cannot have had its time elsewhere, and no
 * page of it came before its events. So each point is compared with the bound that these make: the
 * larger distance to its ends is the error, and a point outside of it is a violation.
 */
#include "recording/remote-time_local.h"

static uint64_t distance(int64_t a, int64_t b)
{
	return a < b ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b;
}

static void judge_point(const struct ts_bound *b, const struct tdat_shift_sample *p,
			struct remote_ptp_verdict *to)
{
	uint64_t host = p->time + (uint64_t)p->offset;
	struct ts_range r;

	switch (ts_bound_judge(b, host, p->offset, 0)) {
	case TS_TOO_LOW:
	case TS_TOO_HIGH:
		to->wrong++;
		break;
	default:
		break;
	}
	if (!ts_bound_at(b, host, &r) || r.error == UINT64_MAX) {
		to->error = UINT64_MAX;
		return;
	}
	to->error =
		max_u64(to->error, max_u64(distance(r.lo, p->offset), distance(p->offset, r.hi)));
}

struct remote_ptp_verdict remote_time_judge_ptp(const struct remote_time *t)
{
	struct remote_ptp_verdict v = { 0 };

	for (uint32_t i = 0; t->found && i < t->n; i++) {
		size_t n;
		const struct tdat_shift_sample *p = ts_points_of(t->found, i, &n);

		for (size_t at = 0; at < n; at++)
			judge_point(t->clocks[i].order, &p[at], &v);
	}
	return v;
}
