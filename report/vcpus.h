/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vcpus.h - which of the host's threads is which guest's vCPU
 */
#ifndef REPORT_VCPUS_H
#define REPORT_VCPUS_H

#include <traceevent/event-parse.h>

#include "report/links.h"

struct vcpus; /* opaque */

/* The threads of @refs, which is borrowed. NULL on error. */
struct vcpus *vcpus_new(const struct guest_refs *refs, struct err *e);
void vcpus_free(struct vcpus *v); /* NULL is fine */

/*
 * For a sched_switch of the host from or to a vCPU: " [web1 vCPU 0 ==> web1 vCPU 1]"; else NULL.
 * Valid until the next call.
 */
const char *vcpus_tail(struct vcpus *v, struct tep_handle *tep, struct tep_record *rec);

#endif
