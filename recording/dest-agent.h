/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dest-agent.h - a recording that a host has asked for, from TRACE_RESP on
 *
 * It is driven by recording_run() in a thread of its own, while the agent's loop reads the control
 * channel.
 */
#ifndef RECORDING_DEST_AGENT_H
#define RECORDING_DEST_AGENT_H

#include "recording/dest.h"
#include "recording/guest-link.h"
#include "wire/agent-msg.h"

struct dest_agent_opts {
	struct guest_link *link; /* borrowed */
	int control;		 /* the connection, borrowed; -1 = virtio: all goes through ports */
	enum net_kind kind;	 /* of .control: NET_TCP or NET_VSOCK */
	struct net_addr host;	 /* who .control is from: data connections must be, too */
	bool fifos;		 /* of TRACE_REQ: the host would rather have ports */
	uint64_t trace_id;	 /* ours, as in the file */
	const char *proto;	 /* of time sync, "" = none; borrowed */
	uint32_t sync_port;
	struct msg_ext ext; /* of TRACE_REQ; .peer is not used */
	const char *peer;   /* our version text, borrowed */
};

struct dest *dest_agent_new(const struct dest_agent_opts *o, struct err *e); /* NULL on error */

/*
 * From the loop's thread: the host wants an end (@why NULL), or there is nobody to record for any
 * more. The first call counts.
 */
void dest_agent_end(struct dest *d, const struct err *why);

/*
 * All but CLOSE_RESP is sent: that is due when tracefs is as it was, so that a host which has seen
 * it may ask for the next recording. From any thread.
 */
bool dest_agent_finished(const struct dest *d);
int dest_agent_closed(const struct dest *d, struct wcur *to);

#endif
