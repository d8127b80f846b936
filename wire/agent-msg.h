/* SPDX-License-Identifier: GPL-2.0 */
/*
 * agent-msg.h - what a host (record -A) and a guest's agent say to each other
 *
 * The frames are those of V3 (wire/msg3.h), as the stock agent speaks them:
 *   host -> guest  TRACE_REQ: arguments of record, trace id, sync methods
 *   guest -> host  TRACE_RESP: CPUs, page size, trace id, the chosen method, ports
 *   guest -> host  SEND_DATA.. FIN_DATA: the head of the guest's trace.dat
 *   host -> guest  CLOSE; guest -> host CLOSE_RESP when all pages are delivered
 * Ours, and silent where the peer does not grant it:
 *   extension  a parameter of TRACE_REQ (AGENT_PARAM_EXT) and one text more behind the ports of
 *              TRACE_RESP, with the meaning of trace-msg.h's MSG_OPT_EXT. With MSG_F_TAIL a second
 *              SEND_DATA.. FIN_DATA comes before CLOSE_RESP, with MSG_F_TOTALS CLOSE_RESP carries
 *              totals (the body of trace-msg V2's CLOSE)
 *   hello      on a virtio-serial port, where nobody connects: the agent says who it is when the
 *              host's end opens, every AGENT_HELLO_S seconds, and when that changes: when a
 *              recording begins or has ended, and when the agent ends
 *   probe      sync method over this channel itself: TIME_SYNC frames with protocol "probe"
 * Byte by byte: Documentation/PROTOCOL.txt, "The agent's messages".
 */
#ifndef WIRE_AGENT_MSG_H
#define WIRE_AGENT_MSG_H

#include "trace-msg.h"
#include "wire/msg3.h"

enum {
	AGENT_PORT = 823, /* TCP and vsock */
	AGENT_HELLO_S = 10,
	AGENT_MAX_ARGS = 256,
	AGENT_PARAM_EXT = 0x74637801,
	AGENT_HELLO = 0x74637802, /* its command number: be32 size, this, be32 8, be32 flags, be32
				     CPUs, version text z */
};

/* --- TRACE_REQ --- */

struct agent_req {
	bool fifos;	   /* the host has data channels of its own: virtio-serial ports */
	uint64_t trace_id; /* of the host's file */
	size_t argc;
	const char *argv[AGENT_MAX_ARGS + 1]; /* borrowed; NULL behind the last */
	size_t nprotos;
	const char *protos[8]; /* borrowed */
	struct msg_ext ext;
};

/* From a decoded frame; -EPROTO with what is wrong. The texts are views of the frame. */
int agent_req_get(const struct msg3 *m, struct agent_req *req, struct err *e);
/* Append the frame. -ENOSPC: the arguments do not fit into one message. */
int agent_req_put(struct wcur *out, const struct agent_req *req);

/* --- TRACE_RESP --- */

struct agent_resp {
	bool fifos;
	uint32_t cpus, page_size;
	uint64_t trace_id;		/* of the guest's file */
	char proto[MSG3_PROTO_MAX + 1]; /* "" = none */
	uint32_t sync_port;
	uint32_t port[MSG_MAX_CPUS]; /* 0 with .fifos */
	struct msg_ext ext;
};

int agent_resp_get(const struct msg3 *m, struct agent_resp *resp, struct err *e);
int agent_resp_put(struct wcur *out, const struct agent_resp *resp);

/* --- CLOSE_RESP with totals; cpus 0: none --- */

int agent_closed_get(const struct msg3 *m, uint32_t *cpus, struct msg_total *total, struct err *e);
int agent_closed_put(struct wcur *out, uint32_t cpus, const struct msg_total *total);

/* --- hello --- */

struct agent_hello {
	bool busy;    /* it records for somebody */
	bool leaving; /* it ends: no agent is there any more */
	uint32_t cpus;
	const char *version; /* borrowed, printable */
};

/* As msg3_decode(); -ENOMSG: what comes is no hello. */
int agent_hello_get(struct rcur *in, struct agent_hello *h, struct err *e);
int agent_hello_put(struct wcur *out, const struct agent_hello *h);

/* --- probe: the host asks, the guest answers at once; times are of the recording's clock --- */

/* How the reason of a NOT_SUPP begins that says that another host is served. */
#define AGENT_BUSY "busy: "

#define AGENT_PROBE "probe"

/* TOLD: the same as an answer, to CLOSE. */
enum agent_probe_id { AGENT_PROBE_ASK = 1, AGENT_PROBE_ANSWER = 2, AGENT_PROBE_TOLD = 3 };

enum {
	AGENT_PROBE_APIC_UNKNOWN = UINT32_MAX,
	AGENT_PROBE_ANYWHERE = UINT32_MAX, /* .cpu: whichever CPU it is */
	AGENT_PROBE_WANT_PAIR = BIT(0),
	AGENT_PROBE_WANT_TOLD = BIT(1), /* that CLOSE be answered, too */
};

struct agent_probe {
	uint32_t seq, cpu; /* cpu: the guest's, on which the times are to be taken */
	uint32_t want;	   /* ASK only: bits of AGENT_PROBE_WANT_* */
	/* ANSWER and TOLD only: when ASK or CLOSE came and when this was sent */
	uint64_t received, answered;
	uint32_t apic; /* of the CPU, where the times were taken there */
	/* Of the guest's device ptp_kvm: between these two times of the guest the host's
	 * CLOCK_REALTIME was .host; .host 0: not asked for, or there is none. */
	struct agent_pair {
		uint64_t before, after, host;
	} pair;
};

/* @m is a TIME_SYNC frame with protocol "probe". What a shorter one does not say is unknown. */
int agent_probe_get(const struct msg3 *m, struct agent_probe *p, struct err *e);
int agent_probe_put(struct wcur *out, enum agent_probe_id id, const struct agent_probe *p);

#endif
