/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trace-msg.h - the structured protocol of eight commands (trace-msg V2), as spoken over
 * virtio-serial
 *
 * Frame: be32 total size (header included, 8..8192), be32 command, body. One table makes the names,
 * the size limits, and which message is legal in which state: see MSG_LIST. This module does no
 * I/O.
 *
 * Sources: Documentation/PROTOCOL.txt. What is ours and not of the eight commands' first definition
 * rides in one TINIT option (MSG_OPT_EXT) and is used only when the peer grants it in RINIT:
 *   MSG_F_TOTALS  CLOSE carries, per CPU, what was sent and what was lost
 *   MSG_F_TAIL    the metadata go on with CPU count and options; a second SENDMETA.. FINMETA before
 *                 CLOSE carries option records that are known only at the end
 *   MSG_F_MARKS   each CPU's stream begins with a mark page (trace-recorder.h), so the server finds
 *                 the first page behind stale bytes, and pages of several buffers share a stream
 *   MSG_F_SEQ     UDP only: behind the page each datagram has a be64, the bytes of pages that were
 *                 sent before it, so that the server knows what is missing, and where
 *
 * On a network other generations are spoken too: wire/dialect.h puts these messages in their words.
 */
#ifndef TRACE_MSG_H
#define TRACE_MSG_H

#include "base/cursor.h"
#include "base/err.h"

enum {
	MSG_HEADER = 8,
	MSG_MAX = 8192,	     /* largest frame */
	MSG_META_MAX = 8180, /* metadata bytes in one SENDMETA: 8192 - 8 - 4 */
	MSG_MAX_CPUS = 256,
	MSG_MAX_PEER = 128, /* bytes of a peer's version text, NUL included */
	MSG_MAX_REASON = 512,
};

#define MSG_GREETING "tracecmd-V2" /* RCONNECT's text; its NUL is sent too */

/* What the receiver of a message is waiting for. S: server's side, C: client's side. */
enum msg_state {
	MSG_S_IDLE,	 /* nobody: TCONNECT begins */
	MSG_S_GREETED,	 /* RCONNECT was sent: TINIT */
	MSG_S_META,	 /* RINIT was sent: SENDMETA.. FINMETA */
	MSG_S_RECORDING, /* data flow: CLOSE, or with MSG_F_TAIL SENDMETA */
	MSG_S_TAIL,	 /* SENDMETA.. FINMETA, then CLOSE */
	MSG_S_CLOSING,	 /* CLOSE was read; data are being drained: TCONNECT begins the next */
	MSG_C_CONNECT,	 /* TCONNECT was sent: RCONNECT */
	MSG_C_INIT,	 /* TINIT was sent: RINIT (a late RCONNECT is legal, and ignored) */
	MSG_C_RUNNING,	 /* ERROR, or CLOSE: the server wants an end */
	MSG_NR_STATES,
};

/*
 * The one list: name, wire number, states in which the receiver may get it, smallest and largest
 * body. Wire numbers are forever: append, never renumber or reuse. TCONNECT is legal in every
 * server state: the client was killed and began anew. ERROR goes to clients, in each of their
 * states; CLOSE is legal in every state of both sides. Whether totals, a tail or marks were granted
 * is not known here: the session looks.
 */
#define MSG_IN(s)     BIT(MSG_##s)
#define MSG_IN_CLIENT (MSG_IN(C_CONNECT) | MSG_IN(C_INIT) | MSG_IN(C_RUNNING))
#define MSG_IN_SERVER                                                                \
	(MSG_IN(S_IDLE) | MSG_IN(S_GREETED) | MSG_IN(S_META) | MSG_IN(S_RECORDING) | \
	 MSG_IN(S_TAIL) | MSG_IN(S_CLOSING))
/* clang-format off */
#define MSG_LIST(X)                                                                                \
	/* name      code      wire  legal in                                        min   max */ \
	X(ERROR,    error,    0,    MSG_IN_CLIENT,                                   8,    8184)   \
	X(CLOSE,    close,    1,    MSG_IN_CLIENT | MSG_IN_SERVER,                   0,    7172)   \
	X(TCONNECT, tconnect, 2,    MSG_IN_SERVER,                                   0,    0)      \
	X(RCONNECT, rconnect, 3,    MSG_IN(C_CONNECT) | MSG_IN(C_INIT),              5,    132)    \
	X(TINIT,    tinit,    4,    MSG_IN(S_GREETED),                               12,   8184)   \
	X(RINIT,    rinit,    5,    MSG_IN(C_INIT),                                  4,    8184)   \
	X(SENDMETA, sendmeta, 6,    MSG_IN(S_META) | MSG_IN(S_RECORDING) | MSG_IN(S_TAIL), 4, 8184) \
	X(FINMETA,  finmeta,  7,    MSG_IN(S_META) | MSG_IN(S_TAIL),                 0,    0)
/* clang-format on */

enum msg_type {
#define MSG_ENUM(name, code, wire, legal, min, max) MSG_##name = (wire),
	MSG_LIST(MSG_ENUM)
#undef MSG_ENUM
		MSG_NR,
};

enum msg_feature {
	MSG_F_TOTALS = 1U << 0,
	MSG_F_TAIL = 1U << 1,
	MSG_F_MARKS = 1U << 2,
	MSG_F_SEQ = 1U << 3,
	MSG_F_ALL = MSG_F_TOTALS | MSG_F_TAIL | MSG_F_MARKS, /* over a stream of bytes */
	MSG_F_ALL_UDP = MSG_F_TOTALS | MSG_F_TAIL | MSG_F_SEQ,
};

enum msg_option {
	MSG_OPT_USETCP = 1,
	MSG_OPT_EXT = 0x74637801, /* "tcx", version 1: be32 features, be64 stream id, text z */
};

/*
 * The extension as it stands in TINIT (asked for) and in RINIT (granted). Bits that we do not know
 * are passed on: who grants, masks them. @peer is a version text, e.g. "trace-cmd 0.1.0 Linux 6.1.0
 * x86_64": borrowed, printable; when sent it is cut to MSG_MAX_PEER and other characters become
 * '?'.
 */
struct msg_ext {
	bool present;
	uint32_t features;
	uint64_t stream_id; /* TINIT only: number in the mark pages, new for each recording */
	const char *peer;
};

/*
 * What became of one CPU's trace, as the client counted it; rides in CLOSE with MSG_F_TOTALS. The
 * server answers with a CLOSE of the same shape when all has come: .bytes stored, and pages
 * that are not, by cause: .events quota or rate, .lost disk, .stuck never came.
 */
struct msg_total {
	uint64_t bytes;	 /* written behind the first mark page; later marks count */
	uint64_t events; /* read from the ring buffer */
	uint64_t lost;	 /* events that the ring buffer dropped or overwrote */
	uint32_t stuck;	 /* pages read but never delivered: the channel did not take them in time */
};

struct msg {
	enum msg_type type;
	union {
		struct {
			uint32_t size, cmd; /* of the offending message */
			/* Ours only, "" from others; borrowed, printable. When sent it is cut
			 * to MSG_MAX_REASON, and other characters become '?'. */
			const char *reason;
		} error;
		struct {
			uint32_t cpus; /* 0: no totals */
			struct msg_total total[MSG_MAX_CPUS];
		} close;
		struct {
			const char *text; /* borrowed, printable; whether it is MSG_GREETING is the
					   * caller's question: another version answers otherwise */
		} rconnect;
		struct {
			uint32_t cpus, page_size; /* 1..MSG_MAX_CPUS; 1 KiB.. 64 KiB power of two */
			bool use_tcp;		  /* data ports are TCP; neither: UDP */
			bool use_vsock;		  /* V3 only */
			struct msg_ext ext;
		} tinit;
		struct {
			uint32_t cpus;
			uint32_t nports; /* 0 over virtio-serial, else = cpus; V2: not with .ext */
			uint32_t port[MSG_MAX_CPUS];
			struct msg_ext ext;
		} rinit;
		struct {
			const uint8_t *data; /* borrowed: valid until the input moves */
			uint32_t len;
		} meta;
	};
};

/*
 * 0: one message in @m, @in moved past it. -EAGAIN: incomplete, @in untouched. -EPROTO: the peer
 * broke the rules; @e says what it sent ("sent command 99 (unknown) while ...": the caller puts the
 * peer's name before it) and what was expected in @state; @in untouched, @m undefined.
 * Sizes and the command are judged as soon as the 8 bytes of the header are there.
 */
int msg_decode(struct rcur *in, enum msg_state state, struct msg *m, struct err *e);

/*
 * Append @m to @out, whatever out->big says. -ENOSPC when it does not fit, -EINVAL when @m itself
 * breaks a limit of the protocol; both append nothing and set out->bad.
 */
int msg_encode(struct wcur *out, const struct msg *m);

const char *msg_name(uint32_t cmd);	      /* "TINIT"; NULL if unknown */
const char *msg_state_name(enum msg_state s); /* "recording" ... */

/*
 * What a peer that does not speak this protocol seems to speak, from its first bytes: a text such
 * as "the legacy text protocol (V1)" or NULL when nothing is known. Borrowed, static.
 */
const char *msg_guess_peer(const uint8_t *bytes, size_t len);

/*
 * What other dialects (wire/) share with this one: judged, read and written here, and nowhere else.
 */

/*
 * May a message of @type (MSG_NR: none of these) be received in @state? 0, or -EPROTO: "sent @name
 * while ... was expected".
 */
int msg_judge(uint32_t type, const char *name, enum msg_state state, struct err *e);

int msg_check_cpus(uint32_t cpus, const char *name, struct err *e); /* 1..MSG_MAX_CPUS */
int msg_check_tinit(const struct msg *m, struct err *e);	    /* CPUs and page size */
int msg_check_peer(const char *text, struct err *e);		    /* msg_ext.peer, not NULL */

/* @text with its NUL, at most @max bytes of it, unprintable characters as '?'. */
void msg_put_text(struct wcur *w, const char *text, size_t max);

/* ERROR: the reason, and all that stands behind it. */
void msg_get_reason(struct rcur *body, struct msg *m);
void msg_put_reason(struct wcur *body, const struct msg *m);

/* CLOSE: the whole body, big-endian. 0, -EPROTO, -EINVAL. */
int msg_get_close(struct rcur *body, struct msg *m, struct err *e);
int msg_put_close(struct wcur *body, const struct msg *m);

#endif
