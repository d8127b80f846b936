// SPDX-License-Identifier: GPL-2.0
/*
 * remote-time-ptp.c - what is stored of the clock of a guest whose agent knows "ptp" only
 *
 * Theory of operation
 *
 * The points are what the agent found, and stored as they are. It does not say how good they are;
 * but between the probe before and the one after the best one the guest cannot have had its time
 * elsewhere, and no page of it came before its events. So each point is compared with the bound
 * that these make: the larger distance to its ends is the error, and a point outside of it is
 * counted as a violation.
 */
#include <errno.h>
#include <inttypes.h>

#include "recording/remote-time_local.h"
#include "timesync/ptp.h"
#include "tracedat/head.h"
#include "tracedat/link.h"

enum { TEXT_MAX = 400 };

/* What the bounds say of the points. */
struct judged {
	uint64_t error; /* UINT64_MAX: of one or more it is not known */
	uint64_t wrong; /* lie outside */
};

static uint64_t distance(int64_t a, int64_t b)
{
	return a < b ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b;
}

static void judge_point(const struct ts_bound *b, const struct tdat_shift_sample *p,
			struct judged *to)
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

static struct judged judge(const struct remote_time *t)
{
	struct judged j = { 0 };

	for (uint32_t i = 0; i < t->n; i++) {
		size_t n;
		const struct tdat_shift_sample *p = ts_points_of(t->points, i, &n);

		for (size_t at = 0; at < n; at++)
			judge_point(t->clocks[i].order, &p[at], &j);
	}
	return j;
}

uint64_t remote_time_wrong_points(const struct remote_time *t)
{
	return t->points ? judge(t).wrong : 0;
}

static int put_points(const struct remote_time *t, uint64_t peer, struct buf *to, struct err *e)
{
	struct buf shift = { 0 };
	int ret = ts_points_encode(t->points, peer, &shift, e);

	if (!ret)
		ret = tdat_put_option(to, TDAT_OPT_TIME_SHIFT, shift.data, (uint32_t)shift.len, e);
	buf_free(&shift);
	return ret;
}

static int put_verdict(const struct remote_time *t, const struct remote_time_unit *u,
		       struct buf *to, struct err *e)
{
	const struct judged j = judge(t);
	char text[TEXT_MAX], error[48] = "not known", pages[48] = "", wrong[64] = "",
			     over[160] = "";
	size_t n;
	const struct tdat_shift_sample *p = ts_points_of(t->points, 0, &n);
	uint64_t violations = remote_time_contradictions(t) + j.wrong;
	int64_t drift = 0;

	ts_points_drift(t->points, 0, &drift);
	if (j.error != UINT64_MAX) {
		snprintf(error, sizeof(error), "at most %" PRId64 " ns",
			 remote_time_ns((int64_t)j.error, u) + (u->mult ? 1 : 0));
		snprintf(wrong, sizeof(wrong), "; causality violations %" PRIu64, violations);
	}
	if (violations)
		snprintf(wrong, sizeof(wrong), "; causality violations %" PRIu64, violations);
	if (t->pages)
		snprintf(pages, sizeof(pages), ", %" PRIu64 " pages", t->pages);
	if (t->no_ptp.code)
		snprintf(over, sizeof(over), "; not compared at the end: %.120s", t->no_ptp.what);
	snprintf(text, sizeof(text),
		 LINK_CLOCK "method " TS_PTP_NAME "; offset %" PRId64 " ns; drift %" PRId64
			    " ppb; error %s; %" PRIu64 " samples%s%s%s\n",
		 remote_time_ns(p[n - 1].offset, u), drift, error, t->samples, pages, wrong, over);
	return remote_time_text(text, to, e);
}

static int put_missing(const struct remote_time *t, size_t missing, size_t first, struct buf *to,
		       struct err *e)
{
	char text[TEXT_MAX];

	if (t->no_ptp.code)
		snprintf(text, sizeof(text),
			 LINK_CLOCK "method none; " TS_PTP_NAME " failed: %.240s\n",
			 t->no_ptp.what);
	else
		snprintf(text, sizeof(text),
			 LINK_CLOCK
			 "method none; " TS_PTP_NAME
			 " failed: no answer from %zu CPUs, the first is CPU %zu; %" PRIu64
			 " samples\n",
			 missing, first, t->samples);
	return remote_time_text(text, to, e);
}

int remote_time_put_ptp(const struct remote_time *t, uint64_t peer,
			const struct remote_time_unit *u, struct buf *to, struct err *e)
{
	size_t first, missing = ts_points_missing(t->points, &first);
	int ret;

	if (missing)
		return put_missing(t, missing, first, to, e);
	ret = put_points(t, peer, to, e);
	return ret ? ret : put_verdict(t, u, to, e);
}
