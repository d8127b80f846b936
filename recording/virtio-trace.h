/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-trace.h - the guest's agent of virtio-trace, as the kernel tree has it
 *
 * One byte on the control port starts ('1') and stops ('0') the threads, of which there is one for
 * each CPU, on that CPU; they move raw pages from trace_pipe_raw to the port trace-path-cpuN.
 * Nothing else is written to any port, and no tracing is set.
 */
#ifndef RECORDING_VIRTIO_TRACE_H
#define RECORDING_VIRTIO_TRACE_H

#include "base/log.h"
#include "base/loop.h"

struct vtrace;

struct vtrace_opts {
	int ctl;	  /* the control port, O_NONBLOCK, borrowed */
	bool to_stdout;	  /* all pages go to stdout, and to no port */
	const char *root; /* of tracefs, NULL = the mounted one (tests) */
	struct log *log;  /* borrowed */
};

/*
 * Stopped, until the host says otherwise. Stops the loop when the control port was unplugged:
 * vport_plugged() says so. NULL on error.
 */
struct vtrace *vtrace_new(struct loop *l, const struct vtrace_opts *o, struct err *e);
void vtrace_free(struct vtrace *v); /* NULL is fine */

/*
 * What @n bytes of the control channel order, given what was ordered before: the last '0' or '1'
 * counts, and anything else (a newline behind them) says nothing.
 */
bool vtrace_order(const char *bytes, size_t n, bool before);

#endif
