/* SPDX-License-Identifier: GPL-2.0 */
/*
 * msg.h - what the two ends of a sync conversation are given: messages in and out, and the machine
 *
 * The ends are state machines without I/O. A message is what a TIME_SYNC frame carries. What they
 * need of the machine they ask for through struct ts_ops: each call returns 0 or a negative errno,
 * which ends the conversation and is handed up.
 */
#ifndef TIMESYNC_MSG_H
#define TIMESYNC_MSG_H

#include "tracedat/shift.h"

enum { TS_PROTO_MAX = 16, TS_MARK_BYTES = 20 };

struct ts_msg {
	const char *proto; /* at most TS_PROTO_MAX characters */
	uint32_t id;
	const uint8_t *data; /* borrowed for the call */
	uint32_t len;
};

/* A mark in the sync instance's ring: what its raw marker says. */
struct ts_mark {
	uint32_t series, own, peer, count;
	uint32_t kind; /* 's' sent, 'r' received */
};

struct ts_ops {
	int (*send)(void *arg, const struct ts_msg *m);
	/* Take a timestamp now, under this name; it is asked for later, by .collect. */
	int (*mark)(void *arg, const struct ts_mark *m);
	/* Forget all marks. */
	int (*clear)(void *arg);
	/* Call ts_ptp_found(@ptp, ...) with each mark since .clear and its time. */
	int (*collect)(void *arg, void *ptp);
	/* Guest: go to this CPU. */
	int (*to_cpu)(void *arg, uint32_t cpu);
	/* Guest: the time of the trace clock now (kvm). */
	int (*stamp)(void *arg, uint64_t *time);
	/* Host: the numbers of the vCPU of the guest's CPU (kvm), as ts_kvm_read() gives them. */
	int (*tsc)(void *arg, uint32_t cpu, uint64_t *offset, uint64_t *ratio, uint32_t *fraction);
	/* Host: a sample of a CPU of the guest. */
	int (*sample)(void *arg, uint32_t cpu, const struct tdat_shift_sample *s);
};

/* What both ends of an algorithm know. */
struct ts_end {
	const struct ts_ops *ops;
	void *arg;
	uint32_t own, peer; /* ids of the ends, for marks */
	uint32_t cpu;	    /* of the guest, being sampled */
};

/* The raw marker's payload: five native ints. -EPROTO where @len is too short. */
void ts_mark_put(const struct ts_mark *m, uint8_t to[TS_MARK_BYTES]);
int ts_mark_read(const uint8_t *data, size_t len, struct ts_mark *m);

/* Fields of both byte orders: the protocol has some of each. */
#define TS_NATIVE_BIG (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

#endif
