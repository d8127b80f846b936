/* SPDX-License-Identifier: GPL-2.0 */
/* doctor-cred.h - would another process get at a file? */
#ifndef GUESTS_DOCTOR_CRED_H
#define GUESTS_DOCTOR_CRED_H

#include <sys/types.h>
#include "base/err.h"

enum { DOC_GROUPS_MAX = 64 };

/* A process's rights to files, as /proc/<pid>/status says. */
struct doc_cred {
	uid_t uid;
	gid_t gid;
	gid_t groups[DOC_GROUPS_MAX];
	size_t ngroups;
};

int doc_cred_of(const char *proc, pid_t pid, struct doc_cred *c, struct err *e);

/*
 * May it go through all directories above @path, and read and write @path? By the permission bits:
 * ACLs and security modules are not asked. On false @why has the first place that stops it.
 */
bool doc_cred_may(const struct doc_cred *c, const char *path, char *why, size_t size);

#endif
