/* SPDX-License-Identifier: GPL-2.0 */
/* dest-wire.h - what the destinations with a server at the other end have in common */
#ifndef RECORDING_DEST_WIRE_H
#define RECORDING_DEST_WIRE_H

#include "recording/client.h"
#include "recording/dest.h"

/* What an old server takes: @len becomes where the command lines end. */
int dest_wire_cut(const uint8_t *bytes, size_t *len, struct err *e);

/* What this side has counted, as CLOSE says it: @sent has MSG_MAX_CPUS. */
void dest_wire_sent(const struct dest_shape *shape, const struct totals *t, struct msg_total *sent);

/*
 * The end: the tail, CLOSE with our totals, and what became of the pages behind the sink, as the
 * server says it; each where the server granted it.
 */
int dest_wire_finish(struct client *c, const struct client_terms *terms,
		     const struct dest_shape *shape, const struct dest_end *end, struct err *e);

#endif
