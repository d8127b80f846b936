/* SPDX-License-Identifier: GPL-2.0 */
/*
 * control.h - a sync conversation: rounds over the guest's CPUs ("none"), and "ptp" or "kvm" in
 * them
 *
 * The host says on which CPU to sample (none/PROBE), the algorithm runs once and gives one sample,
 * then the next CPU; at the end of all, none/STOP. Both ends are without I/O: messages come in
 * through *_input() and go out through struct ts_ops. Deadlines are the caller's.
 */
#ifndef TIMESYNC_CONTROL_H
#define TIMESYNC_CONTROL_H

#include "timesync/msg.h"

#define TS_KVM_NAME  "kvm"
#define TS_NONE_NAME "none"

/* Ids of "none" and "kvm". */
enum { TS_NONE_PROBE = 1, TS_NONE_STOP = 2, TS_KVM_REQUEST = 1, TS_KVM_RESPONSE = 2 };

/* Is there code for the algorithm @proto ("ptp", "kvm")? */
bool ts_control_knows(const char *proto);

struct ts_host;

/* -EINVAL: no such algorithm, or no CPUs. @ops and @arg are borrowed. The caller frees *h. */
int ts_host_new(const char *proto, uint32_t cpus, const struct ts_end *end, struct ts_host **h,
		struct err *e);
void ts_host_free(struct ts_host *h);

/* Begin a round. -EBUSY while one runs, -ESHUTDOWN after the end. */
int ts_host_round(struct ts_host *h);

/*
 * A message of the guest. 0: go on; 1: the round is through, ops->sample() was called for each CPU
 * that gave one. Negative: the conversation is over (STOP was sent), other messages: -ESHUTDOWN.
 */
int ts_host_input(struct ts_host *h, const struct ts_msg *m, struct err *e);

/* In ops->sample(), by "ptp": see ts_ptp_around(). */
void ts_host_around(const struct ts_host *h, const struct tdat_shift_sample *s, uint64_t *before,
		    uint64_t *after);

/* Say STOP, once; ends a round that runs. */
int ts_host_stop(struct ts_host *h);

struct ts_guest;

int ts_guest_new(const char *proto, const struct ts_end *end, struct ts_guest **g, struct err *e);
void ts_guest_free(struct ts_guest *g);

/* A message of the host. 0: go on; 1: STOP, or what ends the conversation as STOP does; negative:
 * failed. */
int ts_guest_input(struct ts_guest *g, const struct ts_msg *m, struct err *e);

#endif
