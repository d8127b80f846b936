// SPDX-License-Identifier: GPL-2.0
/*
 * remote-sync.c - questions to a guest: what time is it?
 *
 * Theory of operation
 *
 * A round asks each clock of the guest some times, one question after the other: many at the
 * beginning and at the end, since the more there are the faster is the fastest of them; a few in
 * the rounds between them. A round has a time to keep, in which a clock whose answers come slowly
 * gets fewer questions, at least one. What is made of the answers
 * is remote-time.c's.
 *
 * A released agent knows "ptp" only, which is remote-ptp.c's: then a round is its conversation.
 *
 * A question that is not answered in time is counted; after some in a row the round ends, so that a
 * guest that is stopped costs seconds and not minutes. The next round begins with the next clock.
 * CLOSE is answered as if it were a question; TRACE_REQ is not, see remote-guest-time.c.
 * An answer that comes later is learnt from all the same: those of a guest that stood still come at
 * once when it goes on, and so it is known where its clock stepped.
 */
#include "recording/remote-sync.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "recording/remote-ptp.h"
#include "timesync/clock.h"
#include "timesync/now.h"

enum {
	MANY = 16, /* of a clock in the first and the last round, at least; up to: */
	MOST = 4000,
	FEW = 8,
	LOST_MAX = 3,  /* in a row, then the round is over */
	OPEN_MAX = 64, /* questions whose answer may come late */
};

/* A round of all clocks: takes no longer; and what it may take for more than MANY. */
#define ROUND_TIME (700 * NSEC_PER_MSEC)
#define GOOD_TIME  (400 * NSEC_PER_MSEC)

enum round { ROUND_NONE, ROUND_FIRST, ROUND_BETWEEN, ROUND_LAST };

struct remote_sync {
	struct remote_sync_opts o;
	struct remote_ptp *ptp; /* NULL: the method is "probe" */
	bool failed;		/* ptp has */
	struct ts_clock *clock; /* owned; NULL with ptp */
	uint32_t clocks;
	enum round round;
	bool want_last, over;
	uint32_t first, through;		 /* clocks of the round: where it began, how many */
	uint32_t nasked, nanswered, lost_in_row; /* nasked and nanswered: of this clock */
	uint64_t begun;				 /* now_ns() */
	struct agent_probe asked;
	struct ts_both asked_at; /* where a pair was asked for */
	uint64_t sent;		 /* when, by the clock */
	uint64_t closing;	 /* when CLOSE was sent, by the clock; 0: it was not */
	struct open_question {
		uint32_t seq, clock; /* seq 0: it was answered */
		uint64_t sent;
	} open[OPEN_MAX];
	struct timer late, next;
};

static uint32_t clock_now(const struct remote_sync *s)
{
	return (s->first + s->through) % s->clocks;
}

static void ask(struct remote_sync *s)
{
	struct wcur w = agent_link_room(s->o.link);
	bool pair = !s->nasked && ts_now_can(s->o.clock) && remote_time_wants_pair(s->o.time);

	s->asked =
		(struct agent_probe){ .seq = s->asked.seq + 1,
				      .cpu = s->clocks == 1 ? AGENT_PROBE_ANYWHERE : clock_now(s),
				      .want = AGENT_PROBE_WANT_TOLD |
					      (pair ? AGENT_PROBE_WANT_PAIR : 0) };
	s->nasked++;
	agent_probe_put(&w, AGENT_PROBE_ASK, &s->asked);
	loop_arm(s->o.loop, &s->late, s->o.wait_ns ? s->o.wait_ns : NSEC_PER_SEC);
	if (pair)
		ts_both_now(s->o.clock, &s->asked_at);
	s->sent = ts_clock_now(s->clock);
	s->open[s->asked.seq % OPEN_MAX] =
		(struct open_question){ s->asked.seq, clock_now(s), s->sent };
	agent_link_send(s->o.link, &w);
}

static void end_round(struct remote_sync *s);

static void begin_round(struct remote_sync *s, enum round round)
{
	s->round = round;
	s->through = s->nasked = s->nanswered = s->lost_in_row = 0;
	s->begun = now_ns();
	loop_disarm(&s->next);
	if (!s->ptp)
		ask(s);
	else if (!s->failed)
		remote_ptp_round(s->ptp);
	else
		end_round(s);
}

static void end_round(struct remote_sync *s)
{
	enum round was = s->round;

	s->round = ROUND_NONE;
	loop_disarm(&s->late);
	remote_time_round(s->o.time);
	if (was == ROUND_FIRST && s->clock)
		remote_time_both_begin(s->o.time, ts_clock_now(s->clock));
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

/* Has the clock had its share of @all? */
static bool is_over(const struct remote_sync *s, uint64_t all)
{
	return now_ns() - s->begun > all / s->clocks * (s->through + 1);
}

/* Has the clock been asked enough, or as long as it may take? */
static bool is_through(const struct remote_sync *s)
{
	if (s->nanswered && is_over(s, ROUND_TIME))
		return true;
	if (s->round == ROUND_BETWEEN)
		return s->nasked >= FEW;
	return s->nasked >= MOST || (s->nasked >= MANY && is_over(s, GOOD_TIME));
}

static void go_on(struct remote_sync *s)
{
	if (is_through(s)) {
		s->through++;
		s->nasked = s->nanswered = 0;
	}
	if (s->through == s->clocks)
		end_round(s);
	else
		ask(s);
}

static void late_fire(struct timer *t)
{
	struct remote_sync *s = container_of(t, struct remote_sync, late);

	remote_time_lost(s->o.time);
	if (++s->lost_in_row < LOST_MAX) {
		go_on(s);
		return;
	}
	s->first = (clock_now(s) + 1) % s->clocks;
	end_round(s);
}

static void next_fire(struct timer *t)
{
	begin_round(container_of(t, struct remote_sync, next), ROUND_BETWEEN);
}

/* Of remote-ptp.c */

static int ptp_sample(void *ctx, uint32_t cpu, const struct tdat_shift_sample *p, uint64_t before,
		      uint64_t after)
{
	struct remote_sync *s = ctx;

	remote_time_sample(s->o.time, cpu, p, before, after);
	return 0;
}

static void ptp_round(void *ctx, const struct err *why)
{
	struct remote_sync *s = ctx;

	if (why) {
		remote_time_failed(s->o.time, why);
		s->failed = s->over = true;
		loop_disarm(&s->next);
	}
	if (s->round != ROUND_NONE)
		end_round(s);
}

/* Of the agent's control channel */

static void learn(struct remote_sync *s, const struct agent_probe *p, uint64_t now)
{
	const struct ts_exchange x = { s->sent, p->received, p->answered, now };
	const struct ts_pair pair = { p->pair.before, p->pair.after, p->pair.host };
	struct ts_both came;
	uint32_t clock = clock_now(s);

	if (!s->sent || !now) { /* a mark was not found again */
		remote_time_lost(s->o.time);
		return;
	}
	remote_time_exchange(s->o.time, clock, &x);
	remote_time_apic(s->o.time, clock, p->apic);
	if (!(s->asked.want & AGENT_PROBE_WANT_PAIR))
		return;
	ts_both_now(s->o.clock, &came);
	remote_time_pair(s->o.time, clock, &pair, &s->asked_at, &came);
}

/* It was counted as lost. */
static void learn_late(struct remote_sync *s, const struct agent_probe *p, uint64_t now)
{
	struct open_question *q = &s->open[p->seq % OPEN_MAX];
	const struct ts_exchange x = { q->sent, p->received, p->answered, now };

	if (q->seq == p->seq && p->seq)
		remote_time_exchange(s->o.time, q->clock, &x);
	q->seq = 0;
}

/* It had CLOSE, and says when: once. */
static void learn_told(struct remote_sync *s, const struct agent_probe *p, uint64_t now)
{
	const struct ts_exchange x = { s->closing, p->received, p->answered, now };
	uint32_t clock = s->clocks == 1 ? 0 : p->cpu;

	if (s->closing && now && clock < s->clocks)
		remote_time_exchange(s->o.time, clock, &x);
	s->closing = 0;
}

int remote_sync_frame(struct remote_sync *s, const struct msg3 *m, struct err *e)
{
	uint64_t now = s->ptp ? 0 : ts_clock_now(s->clock);
	struct agent_probe p;
	int ret;

	if (s->ptp || strcmp(m->sync.proto, AGENT_PROBE))
		return err_say(e, EPROTO, "sent time sync by the method '%s', not " AGENT_PROBE,
			       m->sync.proto);
	ret = agent_probe_get(m, &p, e);
	if (ret)
		return ret;
	if (m->sync.id == AGENT_PROBE_TOLD) {
		learn_told(s, &p, now);
		return 0;
	}
	if (m->sync.id != AGENT_PROBE_ANSWER)
		return err_say(e, EPROTO, "asked for our time, which is not its part");
	if (s->round == ROUND_NONE || p.seq != s->asked.seq || p.cpu != s->asked.cpu) {
		learn_late(s, &p, now);
		return 0;
	}
	s->open[p.seq % OPEN_MAX].seq = 0;
	learn(s, &p, now);
	s->nanswered++;
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
	if (s->clock)
		remote_time_both_end(s->o.time, ts_clock_now(s->clock));
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

void remote_sync_closing(struct remote_sync *s)
{
	if (s && s->clock)
		s->closing = ts_clock_now(s->clock);
}

/* Making one */

static int make_clock(struct remote_sync *s, struct err *e)
{
	char name[64];

	snprintf(name, sizeof(name), "trace-cmd-clock-%d-%016" PRIx64, (int)getpid(), s->o.guest);
	s->clock = ts_clock_open(s->o.clock, name, e);
	return s->clock ? 0 : -EIO;
}

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
	s->clocks = remote_time_clocks(o->time);
	if (!(o->ptp < 0 ? make_clock(s, e) : make_ptp(s, e)))
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
	ts_clock_close(s->clock);
	free(s);
}
