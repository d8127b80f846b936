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

	bool wants_pair, pair_refuted;
	uint64_t pairs;

	struct tracefs *top;	  /* owned: the events' */
	struct ts_kvm_track *kvm; /* owned, NULL: not used */
	struct err no_kvm;	  /* why not */
	bool kvm_refuted;
	unsigned int suspicions; /* rounds in a row that contradicted it */
	struct err suspect;

	struct ts_points *points; /* owned: of "ptp"; NULL: that is not the method */
	struct err no_ptp;	  /* .code: why it has ended */

	char warning[REMOTE_WARNING_MAX];
};

/* remote-time-put.c; the text of one option */
int remote_time_text(const char *text, struct buf *to, struct err *e);
int64_t remote_time_ns(int64_t ticks, const struct remote_time_unit *u);
/* Messages that came before they were sent. */
uint64_t remote_time_contradictions(const struct remote_time *t);

/* remote-time-ptp.c; as remote_time_put() */
int remote_time_put_ptp(const struct remote_time *t, uint64_t peer,
			const struct remote_time_unit *u, struct buf *to, struct err *e);
/* Points that lie outside of what the order of messages allows. */
uint64_t remote_time_wrong_points(const struct remote_time *t);

#endif
