/* SPDX-License-Identifier: GPL-2.0 */
/*
 * msg3.h - the released protocol's frames (V3): listen, record -N, and the agent
 *
 * Frame: be32 total size (12..8192), be32 command, be32 size of the fixed part, fixed part,
 * variable part. A longer fixed part than we know is skipped, a shorter one has zeros: that is how
 * the protocol grows. One table, MSG3_LIST, as in trace-msg.h. No I/O.
 */
#ifndef WIRE_MSG3_H
#define WIRE_MSG3_H

#include "base/cursor.h"
#include "base/err.h"

enum {
	MSG3_HEADER = 12,
	MSG3_MAX = 8192,
	MSG3_DATA_MAX = MSG3_MAX - MSG3_HEADER, /* of SEND_DATA */
	MSG3_PROTO_MAX = 16,			/* bytes of a sync protocol's name, NUL padded */
};

/* clang-format off */
#define MSG3_LIST(X)                                \
	/* name         wire  fixed part */         \
	X(CLOSE,       0,    0)                     \
	X(TINIT,       1,    12)                    \
	X(RINIT,       2,    4)                     \
	X(SEND_DATA,   3,    0)                     \
	X(FIN_DATA,    4,    0)                     \
	X(NOT_SUPP,    5,    0)                     \
	X(TRACE_REQ,   6,    16)                    \
	X(TRACE_RESP,  7,    40)                    \
	X(CLOSE_RESP,  8,    0)                     \
	X(TIME_SYNC,   9,    20)                    \
	X(TRACE_PROXY, 10,   24)                    \
	X(CONT,        11,   0)
/* clang-format on */

enum msg3_type {
#define MSG3_ENUM(name, wire, fixed) MSG3_##name = (wire),
	MSG3_LIST(MSG3_ENUM)
#undef MSG3_ENUM
		MSG3_NR,
};

enum { MSG3_F_FIFOS = 1U << 0 }; /* in .flags of TRACE_REQ and TRACE_RESP */

/*
 * One frame. The variable part (.buf) is borrowed from the input and is read with the iterators
 * below.
 */
struct msg3 {
	enum msg3_type type;
	union {
		struct {
			uint32_t cpus, page_size, opt_num;
		} tinit;
		struct {
			uint32_t cpus;
		} rinit;
		struct {
			uint32_t flags, argc;
			uint64_t trace_id;
			uint32_t cpus, siblings; /* TRACE_PROXY only */
		} req;
		struct {
			uint32_t flags, cpus, page_size;
			uint64_t trace_id;
			char proto[MSG3_PROTO_MAX + 1];
			uint32_t sync_port;
		} resp;
		struct {
			char proto[MSG3_PROTO_MAX + 1];
			uint32_t id;
		} sync;
	};
	const uint8_t *buf;
	uint32_t len;
};

/*
 * 0: one frame in @m, @in moved past it; -EAGAIN: incomplete, @in untouched; -EPROTO: sizes that
 * cannot be, a command from 12 on, texts of TINIT and RINIT that do not end in NUL, or a sync
 * protocol's name that is not printable: @e says which. Whether the message belongs here is the
 * caller's question.
 */
int msg3_decode(struct rcur *in, struct msg3 *m, struct err *e);

/* Append @m; -ENOSPC or -EINVAL append nothing and set out->bad. */
int msg3_encode(struct wcur *out, const struct msg3 *m);

const char *msg3_name(uint32_t cmd); /* "TINIT"; NULL if unknown */

/*
 * The texts of a variable part (options, ports, arguments), one a call: borrowed, ends in NUL
 * inside the part; NULL at its end. *at starts as 0.
 */
const char *msg3_text(const struct msg3 *m, uint32_t *at);

/* Parameters of TRACE_REQ: id and bytes. */
enum msg3_param_id { MSG3_PARAM_ARGS = 0, MSG3_PARAM_TSYNC_PROTOS = 1 };

struct msg3_param {
	uint32_t id, len;
	const uint8_t *data; /* borrowed */
};

/* 1: the next one; 0: no more; -EPROTO: the part is malformed. *at starts as 0. */
int msg3_param(const struct msg3 *m, uint32_t *at, struct msg3_param *p, struct err *e);

/*
 * The texts of a parameter, one a call, as msg3_text(): the arguments of ARGS behind their count,
 * the names of TSYNC_PROTOS up to the empty one.
 */
const char *msg3_param_text(const struct msg3_param *p, uint32_t *at);

#endif
