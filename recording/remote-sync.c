// SPDX-License-Identifier: GPL-2.0
/*
 * remote-sync.c - a guest's clock in the host's time: rounds, and the method "probe"
 *
 * Theory of operation
 *
 * A round asks each CPU of the guest some times, one question after the other: many at the
 * beginning and at the end, a few in the rounds between them. Of the answers of a CPU the one that
 * took least becomes a point (timesync/points.h): half of what it took is its error. A question
 * that is not answered in time is counted; after some in a row the round ends, so that a guest that
 * is stopped costs seconds and not minutes.
 *
 * A released agent knows "ptp" only, which is remote-ptp.c's: then a round is its conversation, and
 * the points are what the agent found.
 *
 * Whatever the answers say is also bounds of the offset (timesync/bound.h): no guest has an answer
 * before the question. One that contradicts what is known is a violation of causality, and said.
 */
#include "recording/remote-sync.h"

#include <errno.h>
#include <inttypes.h>

#include "recording/remote-ptp.h"
#include "timesync/bound.h"
#include "timesync/now.h"
#include "timesync/points.h"
#include "timesync/ptp.h"
#include "tracedat/link.h"

enum {
	MANY = 16,
	FEW = 4,
	POINTS_MAX = 4096, /* of a CPU */
	LOST_MAX = 3,	   /* in a row, then the round is over */
	DRIFT_PPB = 500000,
	BOUND_PIECES = 64,
	TEXT_MAX = 320,
};

#define BOUND_WINDOW NSEC_PER_SEC /* or as many ticks */

enum round { ROUND_NONE, ROUND_FIRST, ROUND_BETWEEN, ROUND_LAST };

struct remote_sync {
	struct remote_sync_opts o;
	struct remote_ptp *ptp; /* NULL: the method is "probe" */
	struct err why;		/* .code: ptp has failed */
	struct ts_points *points;
	struct ts_bound **bounds; /* owned, one a CPU */
	enum round round;
	bool want_last, over;
	uint32_t cpu, nasked, lost_in_row; /* of the round */
	struct agent_probe asked;
	uint64_t sent; /* when, by the clock */
	struct ts_exchange got[MANY];
	size_t ngot;
	struct timer late, next;
	uint64_t samples, lost, refused, worst;
};

static uint32_t per_cpu(const struct remote_sync *s)
{
	return s->round == ROUND_BETWEEN ? FEW : MANY;
}

static void ask(struct remote_sync *s)
{
	struct wcur w = agent_link_room(s->o.link);

	s->asked = (struct agent_probe){ .seq = s->asked.seq + 1, .cpu = s->cpu };
	s->nasked++;
	agent_probe_put(&w, AGENT_PROBE_ASK, &s->asked);
	loop_arm(s->o.loop, &s->late, s->o.wait_ns ? s->o.wait_ns : NSEC_PER_SEC);
	s->sent = ts_now(s->o.clock);
	agent_link_send(s->o.link, &w);
}

static void end_round(struct remote_sync *s);

static void begin_round(struct remote_sync *s, enum round round)
{
	s->round = round;
	s->cpu = s->nasked = s->lost_in_row = 0;
	s->ngot = 0;
	loop_disarm(&s->next);
	if (!s->ptp)
		ask(s);
	else if (!s->why.code)
		remote_ptp_round(s->ptp);
	else
		end_round(s);
}

static void end_round(struct remote_sync *s)
{
	enum round was = s->round;

	s->round = ROUND_NONE;
	loop_disarm(&s->late);
	if (s->want_last) {
		s->want_last = false;
		begin_round(s, ROUND_LAST);
		return;
	}
	if (was != ROUND_LAST && s->o.interval_ns && !s->over)
		loop_arm(s->o.loop, &s->next, s->o.interval_ns);
	if (was == ROUND_LAST && s->ptp)
		remote_ptp_stop(s->ptp);
	if (was != ROUND_BETWEEN)
		s->o.done(s->o.ctx); /* may free */
}

/* The best of the answers of a CPU becomes a point. */
static void end_cpu(struct remote_sync *s)
{
	struct ts_exchange_result r;
	size_t refused = 0;

	if (s->ngot && ts_exchange_best(s->got, s->ngot, &r, &refused)) {
		struct tdat_shift_sample p = { r.guest, r.offset, 1, 0 };

		if (!ts_points_add(s->points, s->cpu, &p))
			s->worst = max_u64(s->worst, r.error);
	}
	s->refused += refused;
	s->ngot = 0;
	s->nasked = 0;
	s->cpu++;
}

static void go_on(struct remote_sync *s)
{
	if (s->nasked == per_cpu(s))
		end_cpu(s);
	if (s->cpu == s->o.cpus)
		end_round(s);
	else
		ask(s);
}

static void late_fire(struct timer *t)
{
	struct remote_sync *s = container_of(t, struct remote_sync, late);

	s->lost++;
	if (++s->lost_in_row < LOST_MAX) {
		go_on(s);
		return;
	}
	end_cpu(s);
	end_round(s);
}

static void next_fire(struct timer *t)
{
	begin_round(container_of(t, struct remote_sync, next), ROUND_BETWEEN);
}

/* Of remote-ptp.c */

static int ptp_sample(void *ctx, uint32_t cpu, const struct tdat_shift_sample *p)
{
	struct remote_sync *s = ctx;

	s->samples++;
	ts_points_add(s->points, cpu, p); /* it counts what does not fit */
	return 0;
}

static void ptp_round(void *ctx, const struct err *why)
{
	struct remote_sync *s = ctx;

	if (why) {
		s->why = *why;
		s->over = true;
		loop_disarm(&s->next);
	}
	if (s->round != ROUND_NONE)
		end_round(s);
}

/* Of the agent's control channel */

static void learn(struct remote_sync *s, const struct ts_exchange *x)
{
	struct ts_bound *b = s->bounds[s->cpu];

	ts_bound_to_guest(b, x->host_send, x->guest_recv);
	ts_bound_from_guest(b, x->guest_send, x->host_recv);
}

int remote_sync_frame(struct remote_sync *s, const struct msg3 *m, struct err *e)
{
	uint64_t now = ts_now(s->o.clock);
	struct agent_probe p;
	int ret;

	if (s->ptp || strcmp(m->sync.proto, AGENT_PROBE))
		return err_say(e, EPROTO, "sent time sync by the method '%s', not " AGENT_PROBE,
			       m->sync.proto);
	ret = agent_probe_get(m, &p, e);
	if (ret)
		return ret;
	if (m->sync.id != AGENT_PROBE_ANSWER)
		return err_say(e, EPROTO, "asked for our time, which is not its part");
	if (s->round == ROUND_NONE || p.seq != s->asked.seq || p.cpu != s->asked.cpu)
		return 0; /* late: it was counted as lost */
	s->got[s->ngot] = (struct ts_exchange){ s->sent, p.received, p.answered, now };
	learn(s, &s->got[s->ngot++]);
	s->samples++;
	s->lost_in_row = 0;
	loop_disarm(&s->late);
	go_on(s);
	return 0;
}

void remote_sync_first(struct remote_sync *s)
{
	begin_round(s, ROUND_FIRST);
}

void remote_sync_last(struct remote_sync *s)
{
	s->over = true;
	loop_disarm(&s->next);
	if (s->round == ROUND_NONE)
		begin_round(s, ROUND_LAST);
	else
		s->want_last = true;
}

void remote_sync_stop(struct remote_sync *s)
{
	s->over = true;
	s->want_last = false;
	s->round = ROUND_NONE;
	loop_disarm(&s->late);
	loop_disarm(&s->next);
	if (s->ptp)
		remote_ptp_stop(s->ptp);
}

/* Making one */

static int make_ptp(struct remote_sync *s, struct err *e)
{
	struct remote_ptp_opts o = { .loop = s->o.loop,
				     .fd = s->o.ptp,
				     .clock = s->o.clock,
				     .cpus = s->o.cpus,
				     .host = s->o.host,
				     .guest = s->o.guest,
				     .sample = ptp_sample,
				     .round = ptp_round,
				     .ctx = s };

	s->ptp = remote_ptp_new(&o, e);
	return s->ptp ? 0 : -EIO;
}

static int make_bounds(struct remote_sync *s, struct err *e)
{
	struct ts_bound_how how = { .drift_ppb = DRIFT_PPB,
				    .window = BOUND_WINDOW,
				    .pieces = BOUND_PIECES };
	int ret = 0;

	s->bounds = calloc(s->o.cpus, sizeof(*s->bounds));
	if (!s->bounds)
		return err_set(e, ENOMEM, "no memory for the clocks of %u CPUs", s->o.cpus);
	for (uint32_t i = 0; !ret && i < s->o.cpus; i++)
		ret = ts_bound_new(&how, &s->bounds[i], e);
	return ret;
}

struct remote_sync *remote_sync_new(const struct remote_sync_opts *o, struct err *e)
{
	struct remote_sync *s = calloc(1, sizeof(*s));

	if (!s) {
		err_set(e, ENOMEM, "no memory for time sync");
		return NULL;
	}
	s->o = *o;
	s->late.fire = late_fire;
	s->next.fire = next_fire;
	if (!ts_points_new(TS_MEASURED, o->cpus, POINTS_MAX, &s->points, e) &&
	    !(o->ptp < 0 ? make_bounds(s, e) : make_ptp(s, e)))
		return s;
	remote_sync_free(s);
	return NULL;
}

void remote_sync_free(struct remote_sync *s)
{
	if (!s)
		return;
	loop_disarm(&s->late);
	loop_disarm(&s->next);
	remote_ptp_free(s->ptp);
	for (uint32_t i = 0; s->bounds && i < s->o.cpus; i++)
		ts_bound_free(s->bounds[i]);
	free(s->bounds);
	ts_points_free(s->points);
	free(s);
}

/* What is stored */

static int64_t to_ns(int64_t ticks, const struct remote_sync_unit *u)
{
	uint64_t size = ticks < 0 ? -(uint64_t)ticks : (uint64_t)ticks;

	if (!u->mult)
		return ticks;
	size = tdat_scale(size, u->mult, u->shift);
	return ticks < 0 ? -(int64_t)size : (int64_t)size;
}

static uint64_t violations(const struct remote_sync *s)
{
	uint64_t n = s->refused;

	for (uint32_t i = 0; s->bounds && i < s->o.cpus; i++)
		n += ts_bound_count(s->bounds[i])->contradictions;
	return n;
}

static int put_text(const char *text, struct buf *to, struct err *e)
{
	return tdat_put_option(to, TDAT_OPT_CPUSTAT, text, (uint32_t)strlen(text) + 1, e);
}

static int put_ptp(const struct remote_sync *s, const struct remote_sync_unit *u, struct buf *to,
		   struct err *e)
{
	size_t n;
	const struct tdat_shift_sample *p = ts_points_of(s->points, 0, &n);
	char text[TEXT_MAX], failed[160] = "";
	int64_t drift = 0;

	ts_points_drift(s->points, 0, &drift);
	if (s->why.code)
		snprintf(failed, sizeof(failed), "; not compared at the end: %.120s", s->why.what);
	snprintf(text, sizeof(text),
		 LINK_CLOCK "method " TS_PTP_NAME "; offset %" PRId64 " ns; drift %" PRId64
			    " ppb; error not known; %" PRIu64 " samples%s\n",
		 to_ns(p[n - 1].offset, u), drift, s->samples, failed);
	return put_text(text, to, e);
}

static int put_measured(const struct remote_sync *s, const struct remote_sync_unit *u,
			struct buf *to, struct err *e)
{
	size_t n;
	const struct tdat_shift_sample *p = ts_points_of(s->points, 0, &n);
	char text[TEXT_MAX], lost[48] = "";
	int64_t drift = 0;

	ts_points_drift(s->points, 0, &drift);
	if (s->lost)
		snprintf(lost, sizeof(lost), " (%" PRIu64 " lost)", s->lost);
	snprintf(text, sizeof(text),
		 LINK_CLOCK "method " AGENT_PROBE "; offset %" PRId64 " ns; drift %" PRId64
			    " ppb; error at most %" PRId64 " ns; %" PRIu64
			    " samples%s; causality violations %" PRIu64 "\n",
		 to_ns(p[n - 1].offset, u), drift, to_ns((int64_t)s->worst, u), s->samples, lost,
		 violations(s));
	return put_text(text, to, e);
}

static int put_missing(const struct remote_sync *s, size_t missing, size_t first, struct buf *to,
		       struct err *e)
{
	const char *method = s->ptp ? TS_PTP_NAME : AGENT_PROBE;
	char text[TEXT_MAX];

	if (s->why.code)
		snprintf(text, sizeof(text), LINK_CLOCK "method none; %s failed: %.240s\n", method,
			 s->why.what);
	else
		snprintf(text, sizeof(text),
			 LINK_CLOCK
			 "method none; %s failed: no answer from %zu CPUs, the first is CPU %zu; "
			 "%" PRIu64 " samples, %" PRIu64 " lost\n",
			 method, missing, first, s->samples, s->lost);
	return put_text(text, to, e);
}

int remote_sync_put(const struct remote_sync *s, uint64_t peer, const struct remote_sync_unit *u,
		    struct buf *to, struct err *e)
{
	struct buf shift = { 0 };
	size_t first, missing = ts_points_missing(s->points, &first);
	int ret;

	if (missing)
		return put_missing(s, missing, first, to, e);
	ret = ts_points_encode(s->points, peer, &shift, e);
	if (!ret)
		ret = tdat_put_option(to, TDAT_OPT_TIME_SHIFT, shift.data, (uint32_t)shift.len, e);
	buf_free(&shift);
	if (ret)
		return ret;
	return s->ptp ? put_ptp(s, u, to, e) : put_measured(s, u, to, e);
}
