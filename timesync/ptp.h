/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ptp.h - the sync protocol "ptp": probes to and fro, driven by the guest, echoed by the host
 *
 *   guest START -> host START -> 339 x (guest PROBE -> host PROBE) -> guest END
 *   -> host PROBES -> guest OFFSET
 *
 * Byte for byte that of the released tool, with which each end is compatible.
 */
#ifndef TIMESYNC_PTP_H
#define TIMESYNC_PTP_H

#include "timesync/msg.h"

#define TS_PTP_NAME "ptp"

enum {
	TS_PTP_PROBES = 339, /* of one sample */
	TS_PTP_SLOTS = 678,  /* of the message with their times */
	TS_PTP_BYTES = 8 + TS_PTP_SLOTS * 12,
};

enum ts_ptp_id {
	TS_PTP_START = 1,	 /* be32 series, be32 flags */
	TS_PTP_PROBE = 2,	 /* be32 count, from 1 */
	TS_PTP_PROBES_TIMES = 3, /* be32 series, be32 count, slots {be64 time, be32 count} */
	TS_PTP_OFFSET = 4,	 /* be64 time of the guest, be64 offset */
	TS_PTP_END = 5,
};

/* Flags of START. */
enum { TS_PTP_FASTEST = BIT(0), TS_PTP_MARKERS = BIT(1) };

/* Times of one probe; 0: not known. */
struct ts_ptp_pair {
	uint64_t sent, back; /* guest */
	uint64_t host;
};

enum ts_ptp_state {
	TS_PTP_IDLE,
	TS_PTP_STARTING, /* guest: waits for START */
	TS_PTP_PROBING,
	TS_PTP_WAITING, /* guest: for PROBES; host: for OFFSET */
};

struct ts_ptp {
	struct ts_end end;
	enum ts_ptp_state state;
	uint32_t series, flags, count;
	struct ts_ptp_pair pairs[TS_PTP_PROBES];
	uint64_t late; /* probes that came twice or too late: ignored */
};

/* For .collect of the ops: a mark and its time. Marks of others are ignored. */
void ts_ptp_found(struct ts_ptp *p, const struct ts_mark *m, uint64_t time);

/* Guest: begin a sample. */
int ts_ptp_ask(struct ts_ptp *p, uint32_t flags);

/*
 * A message came in. 0: go on; 1: the sample is made (guest: and sent). -EPROTO: the peer broke the
 * rules; -ERANGE: the host's check, the guest's offset fits none of its probes. In the host
 * @s->time 0 means that the guest could not make a sample. Deadlines are the caller's.
 */
int ts_ptp_guest_input(struct ts_ptp *p, const struct ts_msg *m, struct err *e);
int ts_ptp_host_input(struct ts_ptp *p, const struct ts_msg *m, struct tdat_shift_sample *s,
		      struct err *e);

/*
 * Host: of a sample that was made just now: the host's times of the probe before that of @s and of
 * the one after. The guest had its time @s->time between these two, by the mere order of messages,
 * whatever its clock. 0: not known.
 */
void ts_ptp_around(const struct ts_ptp *p, const struct tdat_shift_sample *s, uint64_t *before,
		   uint64_t *after);

/*
 * The sample of @n probes: time is the middle between sent and back, offset = host - middle. Of the
 * fastest probe; or any of the fullest bin of a histogram of |offset|. False: no probe is whole.
 */
bool ts_ptp_fastest(const struct ts_ptp_pair *p, size_t n, struct tdat_shift_sample *s);
bool ts_ptp_histogram(const struct ts_ptp_pair *p, size_t n, struct tdat_shift_sample *s);

#endif
