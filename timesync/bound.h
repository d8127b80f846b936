/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bound.h - what the mere order of messages says of a guest's clock
 *
 * What a guest stamped with its time G and the host had at its time H bounds offset = host - guest
 * from above, H - G; what the host stamped and the guest had later bounds it from below. No message
 * is needed for that but those that there are. Both clocks count the same unit (a scaled TSC is
 * unscaled first) and may drift by a given rate. Times are u64 and wrap.
 */
#ifndef TIMESYNC_BOUND_H
#define TIMESYNC_BOUND_H

#include "base/err.h"

struct ts_bound_how {
	uint64_t drift_ppb; /* allowed between the clocks */
	uint64_t window;    /* units: one piece covers as much; 0: all time is one piece */
	uint32_t pieces;    /* kept at most, at least 2; when full, windows are doubled */
	uint32_t confirm;   /* contradictions in a row that are a step of the clock; 0: 3 */
};

struct ts_bound;

/* -EINVAL, -ENOMEM. The caller frees *b. */
int ts_bound_new(const struct ts_bound_how *how, struct ts_bound **b, struct err *e);
void ts_bound_free(struct ts_bound *b);

enum ts_fit {
	TS_FITS,	/* taken */
	TS_CONTRADICTS, /* lies outside what is known: counted, and not taken */
	TS_STEPPED,	/* the clock must have stepped: what was known before is another piece */
};

/* @guest was stamped in the guest before the host's time @host, when its bytes were there. */
enum ts_fit ts_bound_from_guest(struct ts_bound *b, uint64_t guest, uint64_t host);
/* @host was stamped on the host before the guest's time @guest. Such a time is the guest's word. */
enum ts_fit ts_bound_to_guest(struct ts_bound *b, uint64_t host, uint64_t guest);

/* What holds at one time of the host. */
struct ts_range {
	int64_t lo, hi; /* INT64_MIN, INT64_MAX: not bounded on that side */
	uint64_t error; /* half the width, rounded up; UINT64_MAX: not bounded on both sides */
	uint64_t from,
		to; /* host times of the life of the clock (between two steps) that it is from */
};

/* @host may lie in the past. False before the first message. */
bool ts_bound_at(const struct ts_bound *b, uint64_t host, struct ts_range *r);

enum ts_judge { TS_INSIDE, TS_TOO_LOW, TS_TOO_HIGH, TS_UNJUDGED };

/* Does the @offset of another method, good to +-@error, lie inside at @host? */
enum ts_judge ts_bound_judge(const struct ts_bound *b, uint64_t host, int64_t offset,
			     uint64_t error);

/* What is kept, piece by piece, ascending: each limit is that of a message. */
struct ts_bound_limit {
	bool known;
	int64_t offset;
	uint64_t at; /* host's time of the message */
};

struct ts_bound_piece {
	uint64_t begin, end; /* host: its first and last message */
	uint32_t life;	     /* of the clock: another number, a step before it */
	uint64_t guest;	     /* the guest's time of the message with which it began */
	struct ts_bound_limit upper, lower;
};

size_t ts_bound_pieces(const struct ts_bound *b);
void ts_bound_piece(const struct ts_bound *b, size_t i, struct ts_bound_piece *to);
uint64_t ts_bound_drift(const struct ts_bound *b); /* ppb that are allowed */

struct ts_bound_count {
	uint64_t messages, contradictions, steps;
	uint64_t confirm;   /* contradictions of each step, in .contradictions */
	uint64_t forgotten; /* lives of the clock for which there was no room */
};

const struct ts_bound_count *ts_bound_count(const struct ts_bound *b);

/* A question and its answer. Spans (recv - send) may wrap and are below 2^63. */
struct ts_exchange {
	uint64_t host_send, guest_recv, guest_send, host_recv;
};

struct ts_exchange_result {
	uint64_t guest; /* the middle of the guest's two times */
	int64_t offset; /* host - guest, the middle */
	int64_t lo, hi; /* it cannot lie outside */
	uint64_t error; /* half the width, rounded up */
};

/* False for times that cannot be: an end before its beginning, an answer that took less than
 * nothing. */
bool ts_exchange_read(const struct ts_exchange *x, struct ts_exchange_result *r);

/* The one with the least error of @n wins; *refused says how many could not be. False: all. */
bool ts_exchange_best(const struct ts_exchange *x, size_t n, struct ts_exchange_result *r,
		      size_t *refused);

#endif
