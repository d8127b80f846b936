/* SPDX-License-Identifier: GPL-2.0 */
/* lines.h - the guests of this host in one list: those that run, and those that have channels */
#ifndef GUESTS_LINES_H
#define GUESTS_LINES_H

#include "guests/layout.h"
#include "guests/peer.h"

struct guest_line {
	char name[GUESTS_NAME_MAX + 1];
	pid_t pid;	    /* of QEMU, 0 = it does not run */
	unsigned int vcpus; /* 0 = unknown */
	size_t nchans;	    /* data channels in the directory */
	enum guest_chan_kind kind;
};

/*
 * Sorted by name; *lines is owned by the caller (free()). A directory that is not there has no
 * channels.
 */
int guest_lines(const char *dir, struct guest_line **lines, size_t *n, struct err *e);

#endif
