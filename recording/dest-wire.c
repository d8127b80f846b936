// SPDX-License-Identifier: GPL-2.0
/*
 * dest-wire.c - what the destinations with a server at the other end have in common
 *
 * Theory of operation
 *
 * Each step is one that the server may not know: then nothing is sent or waited for, and the totals
 * stay what this side has counted.
 */
#include "recording/dest-wire.h"

#include <errno.h>

#include "base/cleanup.h"
#include "tracedat/head.h"

enum { STORED_WAIT_S = 20 };

int dest_wire_cut(const uint8_t *bytes, size_t *len, struct err *e)
{
	struct tdat_head head;
	int ret = tdat_head_parse(&head, bytes, *len, e);

	if (ret)
		return ret;
	*len = (size_t)(head.cmdlines.p + head.cmdlines.len - bytes);
	tdat_head_free(&head);
	return 0;
}

/* What the server says became of the pages: see PROTOCOL, "CLOSE". */
static void take_stored(const struct dest_shape *shape, const struct msg_total *stored,
			struct totals *t)
{
	for (size_t i = 0; i < shape->ncpus; i++) {
		const struct msg_total *s = &stored[shape->cpus[i]];
		struct cpu_totals *c = &t->cpu[shape->cpus[i]];

		c->bytes = s->bytes;
		c->quota += s->events;
		c->disk += s->lost;
		c->transport = s->stuck; /* ours, which it was told, among them */
	}
}

void dest_wire_sent(const struct dest_shape *shape, const struct totals *t, struct msg_total *sent)
{
	for (size_t i = 0; i < shape->ncpus; i++) {
		const struct cpu_totals *c = &t->cpu[shape->cpus[i]];

		sent[shape->cpus[i]] = (struct msg_total){ .bytes = c->bytes,
							   .events = c->unsure ? 0 : c->events,
							   .lost = c->ring,
							   .stuck = (uint32_t)c->transport };
	}
}

int dest_wire_finish(struct client *c, const struct client_terms *terms,
		     const struct dest_shape *shape, const struct dest_end *end, struct err *e)
{
	AUTO_FREE struct msg_total *totals = calloc(MSG_MAX_CPUS, sizeof(*totals));
	int ret = totals ? 0 : err_set(e, ENOMEM, "no memory for the totals");

	if (!ret && terms->features & MSG_F_TAIL)
		ret = client_metadata(c, end->tail, end->tail_len, e);
	if (ret)
		return ret;
	dest_wire_sent(shape, end->totals, totals);
	ret = client_close(c, totals, shape->cpu_count, e);
	if (ret || !(terms->features & MSG_F_TOTALS))
		return ret;
	ret = client_stored(c, totals, shape->cpu_count, STORED_WAIT_S * NSEC_PER_SEC, e);
	if (!ret)
		take_stored(shape, totals, end->totals);
	return ret;
}
