/* SPDX-License-Identifier: GPL-2.0 */
/*
 * agent.h - records this machine for hosts that ask for it, one recording after another
 *
 * Over virtio-serial (the control port is there, nobody connects), vsock or TCP. One host is served
 * at a time; others are told so, and nothing is queued.
 */
#ifndef RECORDING_AGENT_H
#define RECORDING_AGENT_H

#include "recording/agent-run.h"

struct agent_opts {
	enum net_kind kind;	    /* NET_TCP, NET_VSOCK; NET_NR = a virtio port */
	uint32_t port;		    /* to listen on; 0 = any that is free */
	const char *client;	    /* TCP: the host that may connect; borrowed */
	int ctl;		    /* virtio: the control port, borrowed */
	struct agent_limits limits; /* borrowed */
	const char *version;	    /* text of ours, borrowed */
	struct log *log;	    /* borrowed, may be NULL */
};

struct agent;

/* Stops the loop when the control port was unplugged: vport_plugged() says so. */
struct agent *agent_new(struct loop *l, const struct agent_opts *o,
			struct err *e);	    /* NULL on error */
uint32_t agent_port(const struct agent *a); /* that it listens on; 0 = a virtio port */

/*
 * End what is being recorded as if the host had asked for it, then stop the loop. A second call
 * does not wait for the host.
 */
void agent_stop(struct agent *a);
void agent_free(struct agent *a); /* NULL is fine */

#endif
