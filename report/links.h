/* SPDX-License-Identifier: GPL-2.0 */
/*
 * links.h - what ties the files of a host and of its guests together
 *
 * A host's file names each guest (GUEST option: name, trace id, vCPU threads); a guest's file names
 * its host by trace id (TIME_SHIFT). Formats: the format reference, "Linking host and guest files".
 */
#ifndef REPORT_LINKS_H
#define REPORT_LINKS_H

#include "tracedat/head.h"
#include "tracedat/link.h"

struct guest_vcpu {
	uint32_t cpu; /* the guest's number */
	int32_t tid;  /* of the host's thread that runs it; -1 = not known */
};

struct guest_ref {
	const char *name;	  /* borrowed from the head */
	uint64_t trace_id;	  /* of the guest's file */
	struct guest_vcpu *vcpus; /* owned */
	size_t nvcpus;
};

struct guest_refs {
	struct guest_ref *list; /* owned */
	size_t n;
};

/* The GUEST options of a host's file; -EPROTO where one is cut. To be freed also after an error. */
int guest_refs_get(struct guest_refs *to, const struct tdat_head *head, struct err *e);
void guest_refs_free(struct guest_refs *refs);

uint64_t link_trace_id(const struct tdat_head *head); /* TRACEID, 0 = the file has none */
uint64_t link_peer_id(const struct tdat_head *head);  /* TIME_SHIFT's peer, 0 = none */

/*
 * How the guest's clock was measured: the text that record leaves in a CPUSTAT option, behind
 * LINK_CLOCK, without its newline: "method probe; offset ...". False: there is none.
 */
bool link_clock_text(const struct tdat_head *head, char *to, size_t room);

#endif
