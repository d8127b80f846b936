/* SPDX-License-Identifier: GPL-2.0 */
/* doctor.h - what is usually wrong with a guest's channels, looked at from the host or in the guest
 */
#ifndef GUESTS_DOCTOR_H
#define GUESTS_DOCTOR_H

#include "base/err.h"

enum doc_state { DOC_OK, DOC_BAD, DOC_UNSURE };

/* One thing that was looked at. */
struct doc_item {
	enum doc_state state;
	char what[512]; /* what was found */
	char type[384]; /* the command that puts it right, "" = none */
};

/* Where the system's files are; NULL members = the usual places. For tests, which lay fake trees.
 */
struct doctor_roots {
	const char *proc, *sys, *dev;
	const char *run; /* libvirt's pid files */
};

enum doctor_side { DOCTOR_HOST, DOCTOR_GUEST };

struct doctor_opts {
	const char *dir;    /* the host's directory */
	const char *domain; /* NULL = all in it */
	const char *outdir; /* where virt-server writes */
	struct doctor_roots roots;
	/* Called for each item in order; @item is valid during the call. */
	void (*say)(void *ctx, const struct doc_item *item);
	void *ctx;
};

/* On which side are we? By the ports there are, the directory, and the CPU's hypervisor flag. */
enum doctor_side doctor_side(const struct doctor_opts *o);

/* All checks of one side. Returns the number of DOC_BAD items. */
unsigned int doctor_run(const struct doctor_opts *o, enum doctor_side side);

#endif
