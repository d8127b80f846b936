// SPDX-License-Identifier: GPL-2.0
/*
 * remote-time.c - what is known of a guest's clock, and which method is believed
 *
 * Theory of operation
 *
 * A clock has a bound (timesync/bound.h), which only the order of messages feeds: it is what all
 * else is judged by. The method "probe" is the lines through it (timesync/fit.h).
 *
 *   ptp_kvm  has a second bound, with the same messages and its own pairs in it. A pair that lies
 *            outside of the first one ends the method for this guest
 *   kvm      is compared with the best answer of each CPU after each round. Numbers that are wrong
 *            once may be a change of which is known too late; twice in a row, or at the end, and
 *            the method ends for this guest
 *
 * A released agent tells results and no exchanges ("ptp"). But it had each of them between two
 * messages of ours, which is as good as an answer: for the bound, for the error of the results
 * (remote-time-ptp.c), and for what kvm is judged by.
 *
 * A clock that all CPUs of a guest have in common has one bound: each answer and each page counts
 * for all of them.
 */
#include "recording/remote-time.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recording/remote-time_local.h"
#include "timesync/now.h"

enum {
	DRIFT_PPB = 500000,
	BOUND_PIECES = 4096,
	PTP_POINTS_MAX = 4096, /* of a CPU */
	CONFIRM = 3,
	SUSPICIONS = 2,
};

/* Or as many ticks. Of a short recording, too, there is to be a limit near both of its ends. */
#define BOUND_WINDOW (100 * NSEC_PER_MSEC)

static const struct ts_bound_how how = {
	.drift_ppb = DRIFT_PPB, .window = BOUND_WINDOW, .pieces = BOUND_PIECES, .confirm = CONFIRM
};

static int make_clocks(struct remote_time *t, struct err *e)
{
	int ret = 0;

	t->n = t->o.ptp || ts_now_is_per_cpu(t->o.clock) ? t->o.cpus : 1;
	t->clocks = calloc(t->n, sizeof(*t->clocks));
	if (!t->clocks)
		return err_set(e, ENOMEM, "no memory for the clocks of %u CPUs", t->n);
	for (uint32_t i = 0; !ret && i < t->n; i++) {
		t->clocks[i].apic = UINT32_MAX;
		ret = ts_bound_new(&how, &t->clocks[i].order, e);
	}
	return ret;
}

struct remote_time *remote_time_new(const struct remote_time_opts *o, struct err *e)
{
	struct remote_time *t = calloc(1, sizeof(*t));

	if (!t) {
		err_set(e, ENOMEM, "no memory for time sync");
		return NULL;
	}
	t->o = *o;
	t->wants_pair = true;
	if (!make_clocks(t, e) &&
	    (!o->ptp || !ts_points_new(TS_MEASURED, o->cpus, PTP_POINTS_MAX, &t->found, e)))
		return t;
	remote_time_free(t);
	return NULL;
}

void remote_time_free(struct remote_time *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; t->clocks && i < t->n; i++) {
		ts_bound_free(t->clocks[i].order);
		ts_bound_free(t->clocks[i].paired);
	}
	free(t->clocks);
	ts_points_free(t->found);
	ts_kvm_track_free(t->kvm);
	tfs_close(t->top);
	free(t);
}

uint32_t remote_time_clocks(const struct remote_time *t)
{
	return t->n;
}

/* Messages */

static void from_guest(struct remote_clock_of *c, uint64_t guest, uint64_t host)
{
	ts_bound_from_guest(c->order, guest, host);
	if (c->paired)
		ts_bound_from_guest(c->paired, guest, host);
}

static void to_guest(struct remote_clock_of *c, uint64_t host, uint64_t guest)
{
	ts_bound_to_guest(c->order, host, guest);
	if (c->paired)
		ts_bound_to_guest(c->paired, host, guest);
}

static void take(struct remote_time *t, struct remote_clock_of *c, const struct ts_exchange *x)
{
	struct ts_exchange_result r;

	if (!ts_exchange_read(x, &r)) {
		t->refused++;
		return;
	}
	if (!c->best.error || r.error < c->best.error)
		c->best = r;
	to_guest(c, x->host_send, x->guest_recv);
	from_guest(c, x->guest_send, x->host_recv);
}

void remote_time_exchange(struct remote_time *t, uint32_t i, const struct ts_exchange *x)
{
	t->samples++;
	take(t, &t->clocks[i], x);
}

void remote_time_lost(struct remote_time *t)
{
	t->lost++;
}

void remote_time_sample(struct remote_time *t, uint32_t cpu, const struct tdat_shift_sample *s,
			uint64_t before, uint64_t after)
{
	const struct ts_exchange x = { before, s->time, s->time, after };
	struct remote_clock_of *c = &t->clocks[cpu];

	t->samples++;
	ts_points_add(t->found, cpu, s); /* it counts what does not fit */
	if (before && after)
		take(t, c, &x);
	else if (before)
		to_guest(c, before, s->time);
	else if (after)
		from_guest(c, s->time, after);
}

void remote_time_failed(struct remote_time *t, const struct err *why)
{
	t->why = *why;
}

void remote_time_apic(struct remote_time *t, uint32_t i, uint32_t id)
{
	t->clocks[i].apic = id;
}

void remote_time_page(struct remote_time *t, uint32_t cpu, uint64_t guest, uint64_t host)
{
	t->pages++;
	from_guest(&t->clocks[cpu < t->n ? cpu : 0], guest, host);
}

void remote_time_ordered(struct remote_time *t, uint32_t cpu, uint64_t host, uint64_t guest)
{
	struct remote_clock_of *c = &t->clocks[cpu < t->n ? cpu : 0];

	if (!ts_bound_count(c->order)->steps)
		to_guest(c, host, guest);
}

/* ptp_kvm */

bool remote_time_wants_pair(const struct remote_time *t)
{
	return t->wants_pair;
}

/* From now on @c has a second bound; the first pair came before most of what will be known. */
static bool has_second(struct remote_clock_of *c)
{
	return c->paired || !ts_bound_new(&how, &c->paired, NULL);
}

void remote_time_pair(struct remote_time *t, uint32_t i, const struct ts_pair *p,
		      const struct ts_both *asked, const struct ts_both *came)
{
	struct remote_clock_of *c = &t->clocks[i];
	uint64_t at, half;
	int64_t lo, hi;

	if (!p->host) {
		t->wants_pair = t->pairs; /* one that had some may have them again */
		return;
	}
	if (!ts_pair_limits(p, asked, came, &at, &lo, &hi))
		return;
	half = ((uint64_t)hi - (uint64_t)lo + 1) / 2;
	switch (ts_bound_judge(c->order, at, lo + (int64_t)half, half)) {
	case TS_TOO_LOW:
	case TS_TOO_HIGH:
		t->pair_refuted = true;
		t->wants_pair = false;
		return;
	default:
		break;
	}
	if (!has_second(c))
		return;
	t->pairs++;
	ts_bound_to_guest(c->paired, at, at - (uint64_t)lo);
	ts_bound_from_guest(c->paired, at - (uint64_t)hi, at);
}

/* kvm */

static struct ts_kvm_watch *watch_events(struct remote_time *t)
{
	char name[96];

	snprintf(name, sizeof(name), "trace-cmd-kvm-%d-%d", (int)getpid(), (int)t->o.qemu);
	t->top = tfs_open(NULL, NULL);
	return t->top ? ts_kvm_watch_new(t->top, name, t->o.qemu, NULL) : NULL;
}

static void end_kvm(struct remote_time *t, const struct err *why)
{
	ts_kvm_track_free(t->kvm);
	t->kvm = NULL;
	t->no_kvm = *why;
}

/* Why there is no need to try; an instance for its events costs some ms. */
static int can_kvm(const struct remote_time *t, struct err *e)
{
	struct ts_kvm_vms vms;
	int ret;

	if (!remote_time_is_tsc(t))
		return err_say(e, EOPNOTSUPP, "only with -C x86-tsc");
	if (!t->o.qemu)
		return err_say(e, ESRCH, "its QEMU is not known");
	ret = ts_kvm_read(t->o.debugfs, t->o.qemu, &vms, e);
	if (!ret)
		ts_kvm_free(&vms);
	return ret;
}

/* After the first round: which vCPU is which CPU is known only then. */
static void begin_kvm(struct remote_time *t)
{
	AUTO_FREE uint32_t *apic = calloc(t->n, sizeof(*apic));
	struct ts_kvm_track_opts o = {
		.root = t->o.debugfs, .pid = t->o.qemu, .cpus = t->n, .apic = apic
	};

	if (can_kvm(t, &t->no_kvm))
		return;
	if (!apic) {
		err_set(&t->no_kvm, ENOMEM, "no memory for %u CPUs", t->n);
		return;
	}
	for (uint32_t i = 0; i < t->n; i++)
		apic[i] = t->clocks[i].apic;
	o.events = watch_events(t);
	o.host = ts_now(t->o.clock);
	ts_kvm_track_new(&o, &t->kvm, &t->no_kvm);
}

/* Does KVM say another offset than the best answer of a CPU allows? */
static bool is_contradicted(const struct remote_time *t, uint32_t *cpu)
{
	uint64_t now = ts_now(t->o.clock);

	for (uint32_t i = 0; i < t->n; i++) {
		const struct ts_exchange_result *best = &t->clocks[i].best;
		uint64_t host = best->guest + (uint64_t)best->offset;
		int64_t offset = ts_kvm_track_offset(t->kvm, i, host);

		*cpu = i;
		if (best->error && (offset < best->lo || offset > best->hi))
			return true;
		if (t->found &&
		    ts_bound_judge(t->clocks[i].order, now, ts_kvm_track_offset(t->kvm, i, now),
				   0) == TS_TOO_HIGH)
			return true;
	}
	return false;
}

static void judge_kvm(struct remote_time *t)
{
	struct err e = { 0 };
	uint32_t cpu;

	if (!is_contradicted(t, &cpu)) {
		t->suspicions = 0;
		err_clear(&t->suspect);
		return;
	}
	err_say(&t->suspect, ERANGE, "its TSC offset of CPU %u contradicts the guest's answers",
		cpu);
	if (++t->suspicions < SUSPICIONS && t->rounds)
		return;
	e = t->suspect;
	end_kvm(t, &e);
	t->kvm_refuted = true;
}

void remote_time_both_begin(struct remote_time *t, uint64_t now)
{
	t->both.from = now;
}

void remote_time_both_end(struct remote_time *t, uint64_t now)
{
	t->both.to = now;
}

void remote_time_round(struct remote_time *t)
{
	struct err e = { 0 };

	if (!t->rounds)
		begin_kvm(t);
	else if (t->kvm && ts_kvm_track_look(t->kvm, ts_now(t->o.clock), &e) && e.code != ESRCH)
		end_kvm(t, &e);
	if (t->kvm)
		judge_kvm(t);
	t->rounds++;
	for (uint32_t i = 0; i < t->n; i++)
		t->clocks[i].best = (struct ts_exchange_result){ 0 };
}
