/* SPDX-License-Identifier: GPL-2.0 */
/* lines.h - the guests of this host in one list: those that run, and those that have channels */
#ifndef GUESTS_LINES_H
#define GUESTS_LINES_H

#include "base/io.h"
#include "guests/broker.h"
#include "guests/peer.h"

struct guest_line {
	char name[GUESTS_NAME_MAX + 1];
	pid_t pid;	    /* of QEMU, 0 = it does not run */
	unsigned int vcpus; /* 0 = unknown */
	size_t nchans;	    /* data channels in the directory */
	enum guest_chan_kind kind;
	struct broker_guest live; /* .state "": virt-server does not know it, or was not asked */
};

/*
 * Sorted by name; *lines is owned by the caller (free()). A directory that is not there has no
 * channels. *server: what broker_guests() said; without a virt-server all .live are empty, and that
 * is no error.
 */
int guest_lines(const char *dir, struct guest_line **lines, size_t *n, int *server, struct err *e);

/*
 * The same as text for people, columns under a line of titles, appended to @to. "-" is what is not
 * there, "?" what cannot be known.
 */
int guest_table(const char *dir, struct buf *to, struct err *e);

#endif
