/* SPDX-License-Identifier: GPL-2.0 */
/* doctor-local.h - between the doctor's files */
#ifndef GUESTS_DOCTOR_LOCAL_H
#define GUESTS_DOCTOR_LOCAL_H

#include "guests/doctor.h"
#include "guests/local.h"
#include "transport/virtio-port.h"

struct doctor {
	const struct doctor_opts *o;
	const char *proc, *sys, *dev;
	struct guest_roots guests;
	struct vport_roots ports;
	unsigned int bad;
};

/* A check says one item or more. */
struct doctor_check {
	const char *name;
	void (*run)(struct doctor *d);
};

extern const struct doctor_check doctor_host_checks[], doctor_guest_checks[];
extern const size_t doctor_host_nchecks, doctor_guest_nchecks;

/* @type: the command, or NULL. */
void doc_say(struct doctor *d, enum doc_state state, const char *type, const char *fmt, ...)
	PRINTF(4, 5);
/* What @e says, with its hint as the command. */
void doc_say_err(struct doctor *d, enum doc_state state, const struct err *e);

/* Does any port have a name that is ours (or stock's)? */
bool doctor_has_trace_ports(const struct doctor *d);

#endif
