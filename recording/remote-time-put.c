// SPDX-License-Identifier: GPL-2.0
/*
 * remote-time-put.c - what is stored of a guest's clock: how it is read, and what is said of that
 *
 * Theory of operation
 *
 * The best method that was not contradicted, for this guest: kvm, whose points are steps and exact;
 * ptp_kvm and probe, whose lines become points, with the error that they have at their ends; ptp,
 * whose points are what the agent found, with the largest error of all (remote-time-ptp.c). The
 * text is for the head of a report.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "recording/remote-time_local.h"
#include "timesync/ptp.h"
#include "tracedat/head.h"
#include "tracedat/link.h"
#include "wire/agent-msg.h"

enum { POINTS_MAX = 16384, TEXT_MAX = 480 };

#define ERROR_UNKNOWN UINT64_MAX

/* What is said of one method. */
struct verdict {
	const char *method;
	struct ts_points *points; /* owned, NULL: nothing is known */
	uint64_t error;		  /* units of the clock */
	int64_t drift;		  /* ppb */
	uint64_t drift_off;	  /* to which it is good; UINT64_MAX: not known */
	int64_t offset;		  /* the last */
	uint64_t probes;	  /* the error of the probes alone */
	uint64_t steps;
};

static int64_t to_ns(int64_t ticks, const struct remote_time_unit *u)
{
	uint64_t size = ticks < 0 ? -(uint64_t)ticks : (uint64_t)ticks;

	if (!u->mult)
		return ticks;
	size = tdat_scale(size, u->mult, u->shift);
	return ticks < 0 ? -(int64_t)size : (int64_t)size;
}

static uint64_t violations(const struct remote_time *t)
{
	uint64_t n = t->refused + remote_time_judge_ptp(t).wrong;

	for (uint32_t i = 0; i < t->n; i++) {
		const struct ts_bound_count *c = ts_bound_count(t->clocks[i].order);

		n += c->contradictions - c->steps * c->confirm;
	}
	return n;
}

static uint64_t steps(const struct remote_time *t)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < t->n; i++)
		n = max_u64(n, ts_bound_count(t->clocks[i].order)->steps);
	return n;
}

/* The lines of clock @i as points of the CPUs that have it. -ENODATA: there is no line. */
static int add_lines(const struct remote_time *t, uint32_t i, bool paired, struct verdict *v,
		     struct err *e)
{
	const struct remote_clock_of *c = &t->clocks[i];
	uint32_t end = t->n == 1 ? t->o.cpus : i + 1;
	struct ts_lines l;
	const struct ts_span both = { t->both.from, t->both.to ?: t->both.from + INT64_MAX };
	int ret = ts_lines_make(paired && c->paired ? c->paired : c->order,
				t->both.from ? &both : NULL, &l, e);

	if (!ret && !l.n)
		ret = err_say(e, ENODATA, "nothing is known of CPU %u", i);
	for (uint32_t cpu = i; !ret && cpu < end; cpu++)
		ret = ts_lines_points(&l, cpu, v->points);
	if (!ret) {
		v->error = max_u64(v->error, l.error);
		if (!i) {
			v->drift = ts_lines_drift(&l, &v->drift_off);
			v->drift_off = min_u64(v->drift_off, ts_bound_drift(c->order));
			v->offset = l.list[l.n - 1].offset_to;
		}
	}
	ts_lines_free(&l);
	return ret;
}

static int by_lines(const struct remote_time *t, bool paired, struct verdict *v, struct err *e)
{
	int ret = ts_points_new(TS_MEASURED, t->o.cpus, POINTS_MAX, &v->points, e);

	v->method = paired ? TS_PAIR_NAME : AGENT_PROBE;
	v->error = 0;
	for (uint32_t i = 0; !ret && i < t->n; i++)
		ret = add_lines(t, i, paired, v, e);
	if (ret) {
		ts_points_free(v->points);
		v->points = NULL;
	}
	return ret;
}

/* What a released agent found. How far off its drift may be is not known. */
static int by_ptp(const struct remote_time *t, struct verdict *v, struct err *e)
{
	size_t first, n, missing = ts_points_missing(t->found, &first);
	const struct tdat_shift_sample *p = ts_points_of(t->found, 0, &n);

	if (t->why.code && missing)
		return err_say(e, ENODATA, "%s", t->why.what);
	if (missing)
		return err_say(e, ENODATA, "no answer from %zu CPUs, the first is CPU %zu", missing,
			       first);
	v->method = TS_PTP_NAME;
	v->error = remote_time_judge_ptp(t).error;
	v->drift_off = UINT64_MAX;
	v->offset = p[n - 1].offset;
	ts_points_drift(t->found, 0, &v->drift);
	return 0;
}

static bool uses_kvm(const struct remote_time *t)
{
	return t->kvm && !t->suspicions;
}

static const struct ts_points *points_of(const struct remote_time *t, const struct verdict *v)
{
	if (uses_kvm(t))
		return ts_kvm_track_points(t->kvm);
	return t->found ? t->found : v->points;
}

/* Its points are those of the track; what the probes say of them is their error alone. */
static void by_kvm(const struct remote_time *t, struct verdict *v)
{
	size_t n;
	const struct tdat_shift_sample *p = ts_points_of(ts_kvm_track_points(t->kvm), 0, &n);

	v->method = "kvm";
	v->probes = v->error;
	v->error = 1;
	v->steps = ts_kvm_track_count(t->kvm)->steps + ts_kvm_track_count(t->kvm)->untold;
	if (n)
		v->offset =
			(int64_t)(ts_points_host(ts_kvm_track_points(t->kvm), 0, p[n - 1].time) -
				  p[n - 1].time);
	v->drift = 0;
	v->drift_off = 0;
}

/* 0; -ENODATA: the guest did not answer. */
static int choose(const struct remote_time *t, struct verdict *v, struct err *e)
{
	bool paired = t->pairs && !t->pair_refuted;
	int ret = t->found ? by_ptp(t, v, e) : by_lines(t, false, v, e);

	v->steps = t->found ? 0 : steps(t);
	if (ret == -ENODATA && uses_kvm(t)) {
		err_clear(e);
		ret = 0;
	}
	if (ret)
		return ret;
	v->probes = v->error;
	if (uses_kvm(t)) {
		by_kvm(t, v);
	} else if (paired) {
		ts_points_free(v->points);
		ret = by_lines(t, true, v, e);
	}
	return ret;
}

/* Text */

static int put_text(const char *text, struct buf *to, struct err *e)
{
	return tdat_put_option(to, TDAT_OPT_CPUSTAT, text, (uint32_t)strlen(text) + 1, e);
}

static const struct err *no_kvm(const struct remote_time *t)
{
	return t->no_kvm.code ? &t->no_kvm : &t->suspect;
}

static bool kvm_is_of_interest(const struct remote_time *t)
{
	return remote_time_is_tsc(t) && no_kvm(t)->code;
}

static int add_error(const struct remote_time *t, const struct verdict *v,
		     const struct remote_time_unit *u, struct buf *text)
{
	uint64_t off = remote_time_judge_ptp(t).off;
	int ret;

	if (v->error == ERROR_UNKNOWN && off)
		return buf_addf(text, "; error at least %" PRId64 " ns", to_ns((int64_t)off, u));
	if (v->error == ERROR_UNKNOWN)
		return buf_addf(text, "; error not known");
	ret = buf_addf(text, "; error at most %" PRId64 " ns",
		       to_ns((int64_t)v->error, u) + (u->mult ? 1 : 0));
	if (!ret && v->probes != ERROR_UNKNOWN && v->probes > v->error)
		ret = buf_addf(text, " (%s: %" PRId64 ")", t->found ? TS_PTP_NAME : AGENT_PROBE,
			       to_ns((int64_t)v->probes, u));
	return ret;
}

static int add_counts(const struct remote_time *t, const struct verdict *v, struct buf *text)
{
	int ret = buf_addf(text, "; %" PRIu64 " samples", t->samples);

	if (!ret && t->pages)
		ret = buf_addf(text, ", %" PRIu64 " pages", t->pages);
	if (!ret && t->lost)
		ret = buf_addf(text, " (%" PRIu64 " lost)", t->lost);
	if (!ret && v->steps)
		ret = buf_addf(text, "; steps %" PRIu64, v->steps);
	return ret ?: buf_addf(text, "; causality violations %" PRIu64, violations(t));
}

/* Why it is not a better method, or not all of the time. */
static int add_reasons(const struct remote_time *t, struct buf *text)
{
	int ret = 0;

	if (kvm_is_of_interest(t))
		ret = buf_addf(text, "; no kvm: %.160s", no_kvm(t)->what);
	if (!ret && t->pair_refuted)
		ret = buf_addf(text, "; no " TS_PAIR_NAME ": contradicts the guest's answers");
	if (!ret && t->why.code)
		ret = buf_addf(text, "; not compared at the end: %.120s", t->why.what);
	return ret;
}

static int put_verdict(const struct remote_time *t, const struct verdict *v,
		       const struct remote_time_unit *u, struct buf *to, struct err *e)
{
	struct buf text = { 0 };
	int ret = buf_addf(&text, LINK_CLOCK "method %s; offset %" PRId64 " ns; drift %" PRId64,
			   v->method, to_ns(v->offset, u), v->drift);

	if (!ret && v->drift_off != UINT64_MAX)
		ret = buf_addf(&text, " +-%" PRIu64, v->drift_off);
	ret = ret ?: buf_addf(&text, " ppb");
	ret = ret ?: add_error(t, v, u, &text);
	ret = ret ?: add_counts(t, v, &text);
	ret = ret ?: add_reasons(t, &text);
	ret = ret ?: buf_add(&text, "\n", 1);
	ret = ret ?: buf_text(&text);
	ret = ret ? err_set(e, ENOMEM, "no memory for time sync")
		  : put_text((char *)text.data, to, e);
	buf_free(&text);
	return ret;
}

static int put_none(const struct remote_time *t, const struct err *why, struct buf *to,
		    struct err *e)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text),
		 LINK_CLOCK "method none; %s failed: %.240s; %" PRIu64 " samples, %" PRIu64
			    " lost\n",
		 t->found ? TS_PTP_NAME : AGENT_PROBE, why->what, t->samples, t->lost);
	return put_text(text, to, e);
}

int remote_time_put(const struct remote_time *t, uint64_t peer, const struct remote_time_unit *u,
		    const struct buf *also, struct buf *to, struct err *e)
{
	struct buf shift = { 0 };
	struct verdict v = { 0 };
	struct err why = { 0 };
	int ret = choose(t, &v, &why);

	if (ret == -ENODATA)
		return put_none(t, &why, to, e);
	if (ret)
		return *e = why, ret;
	ret = ts_points_encode(points_of(t, &v), peer, &shift, e);
	if (!ret)
		ret = tdat_put_option(to, TDAT_OPT_TIME_SHIFT, shift.data, (uint32_t)shift.len, e);
	if (!ret && buf_add(to, also->data, also->len))
		ret = err_set(e, ENOMEM, "no memory for time sync");
	if (!ret)
		ret = put_verdict(t, &v, u, to, e);
	ts_points_free(v.points);
	buf_free(&shift);
	return ret;
}

static void add_warning(struct remote_time *t, const char *text)
{
	size_t n = strlen(t->warning);

	snprintf(t->warning + n, sizeof(t->warning) - n, "%s%s", n ? "; " : "", text);
}

const char *remote_time_warning(struct remote_time *t)
{
	char text[REMOTE_WARNING_MAX];
	uint64_t n = violations(t);

	t->warning[0] = '\0';
	if (t->kvm_refuted || (t->kvm && t->suspicions)) {
		snprintf(text, sizeof(text), "its clock is measured, since KVM is wrong: %.160s",
			 no_kvm(t)->what);
		add_warning(t, text);
	}
	if (t->pair_refuted)
		add_warning(t, "its clock is measured, since its ptp_kvm contradicts its answers");
	if (remote_time_judge_ptp(t).off)
		add_warning(t, "its clock is not where " TS_PTP_NAME
			       " says: messages would have come before they were sent");
	if (n) {
		snprintf(text, sizeof(text), "%" PRIu64 " of its times violate causality", n);
		add_warning(t, text);
	}
	return t->warning;
}
