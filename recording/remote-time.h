/* SPDX-License-Identifier: GPL-2.0 */
/*
 * remote-time.h - what is known of a guest's clock, by all methods, and which of them is believed
 *
 * "probe" is always there: exchanges, and pages that arrive, bound the offset from both sides. A
 * better method ("kvm", "ptp_kvm") counts as long as it stays within that bound. Of a released
 * agent there is "ptp" in the place of "probe": its results are taken, and the same bound says how
 * good they are. No I/O but debugfs' files and events.
 */
#ifndef RECORDING_REMOTE_TIME_H
#define RECORDING_REMOTE_TIME_H

#include <sys/types.h>
#include "timesync/bound.h"
#include "timesync/pair.h"
#include "tracedat/shift.h"

struct remote_time;

struct remote_time_opts {
	const char *clock;   /* of both sides, borrowed */
	uint32_t cpus;	     /* of the guest */
	pid_t qemu;	     /* its process here; 0: not known, then there is no "kvm" */
	bool ptp;	     /* a released agent: what it found, instead of answers */
	const char *guest;   /* its name, for texts and the instance of events; borrowed */
	const char *debugfs; /* where it is mounted, borrowed */
};

struct remote_time *remote_time_new(const struct remote_time_opts *o, struct err *e);
void remote_time_free(struct remote_time *t); /* NULL is fine */

/* How many clocks the guest has: one for each CPU, or one for all of them. */
uint32_t remote_time_clocks(const struct remote_time *t);

/* The answer of clock @i to a question. */
void remote_time_exchange(struct remote_time *t, uint32_t i, const struct ts_exchange *x);
void remote_time_lost(struct remote_time *t); /* there was none */
/*
 * The released agent's result of one CPU, and why there will be no more. The host's time was
 * between
 * @before and @after then, by the order of messages; 0: not known.
 */
void remote_time_sample(struct remote_time *t, uint32_t cpu, const struct tdat_shift_sample *s,
			uint64_t before, uint64_t after);
void remote_time_failed(struct remote_time *t, const struct err *why);

void remote_time_apic(struct remote_time *t, uint32_t i, uint32_t id); /* UINT32_MAX: not known */

/* Is a pair of ptp_kvm worth asking for? Its answer; .host 0: the guest has none. */
bool remote_time_wants_pair(const struct remote_time *t);
void remote_time_pair(struct remote_time *t, uint32_t i, const struct ts_pair *p,
		      const struct ts_both *asked, const struct ts_both *came);

/* A page of the guest's CPU @cpu with an event of its time @guest was here at @host. */
void remote_time_page(struct remote_time *t, uint32_t cpu, uint64_t guest, uint64_t host);
/*
 * An event of its time @guest there is one that an order of @host made possible. Not taken once the
 * guest's clock has stepped: nobody knows on which side of that it was.
 */
void remote_time_ordered(struct remote_time *t, uint32_t cpu, uint64_t host, uint64_t guest);

/*
 * By the host's clock: from now on this machine records, too; from now on no more. The error that
 * is told is that of the time between.
 */
void remote_time_both_begin(struct remote_time *t, uint64_t now);
void remote_time_both_end(struct remote_time *t, uint64_t now);

/* A round of questions is through: other methods are compared with what they say. */
void remote_time_round(struct remote_time *t);

/* How ticks become ns in texts: ns = (ticks * mult) >> shift; mult 0: they are ns. */
struct remote_time_unit {
	uint32_t mult, shift;
};

/*
 * The option TIME_SHIFT and the records @also, if each CPU was heard of, and the text of
 * LINK_CLOCK, always.
 */
int remote_time_put(const struct remote_time *t, uint64_t peer, const struct remote_time_unit *u,
		    const struct buf *also, struct buf *to, struct err *e);

/* What the user should know: a method that was contradicted, violations. "" = nothing. */
const char *remote_time_warning(struct remote_time *t);

#endif
