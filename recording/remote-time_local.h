/* SPDX-License-Identifier: GPL-2.0 */
/* remote-time_local.h - what the files recording/remote-time*.c share */
#ifndef RECORDING_REMOTE_TIME_LOCAL_H
#define RECORDING_REMOTE_TIME_LOCAL_H

#include "recording/remote-time.h"
#include "timesync/fit.h"
#include "timesync/kvm-track.h"

enum { REMOTE_WARNING_MAX = 320 };

/* One clock of the guest. */
struct remote_clock_of {
	struct ts_bound *order;	 /* owned: by the order of messages alone */
	struct ts_bound *paired; /* owned: with the pairs of ptp_kvm; NULL: there were none */
	struct ts_exchange_result best; /* of this round; .error 0: none */
	uint32_t apic;
};

struct remote_time {
	struct remote_time_opts o;
	struct remote_clock_of *clocks; /* owned */
	uint32_t n;
	uint64_t samples, lost, refused, pages, rounds;
	struct ts_span both; /* when this machine records, too; .to 0: to the end */

	struct ts_points *found; /* owned: by "ptp"; NULL: the method is not that */
	struct err why;		 /* .code: it has failed */

	bool wants_pair, pair_refuted;
	uint64_t pairs;

	struct tracefs *top;	  /* owned: the events' */
	struct ts_kvm_track *kvm; /* owned, NULL: not used */
	struct err no_kvm;	  /* why not */
	bool kvm_refuted;
	unsigned int suspicions; /* rounds in a row that contradicted it */
	struct err suspect;

	char warning[REMOTE_WARNING_MAX];
};

/* What the bounds say of the points that "ptp" found: remote-time-ptp.c */
struct remote_ptp_verdict {
	uint64_t error; /* units; UINT64_MAX: of one or more it is not known */
	uint64_t wrong; /* how many lie outside */
	uint64_t off;	/* by how much, at least; units */
};

struct remote_ptp_verdict remote_time_judge_ptp(const struct remote_time *t);

/* That which KVM knows of. */
static inline bool remote_time_is_tsc(const struct remote_time *t)
{
	return !strcmp(t->o.clock, "x86-tsc");
}

#endif
