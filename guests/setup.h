/* SPDX-License-Identifier: GPL-2.0 */
/* setup.h - make a domain's directory and channels; the texts that give them to QEMU or libvirt */
#ifndef GUESTS_SETUP_H
#define GUESTS_SETUP_H

#include <sys/types.h>
#include "base/io.h"
#include "guests/layout.h"

struct guest_setup {
	const char *dir, *domain;
	unsigned int cpus; /* 1..GUESTS_CPUS_MAX */
	enum guest_chan_kind kind;
	mode_t mode; /* of the FIFOs */
	gid_t group; /* of the domain's directory and the FIFOs; (gid_t)-1 = as it comes */
};

struct guest_made {
	bool dir;		 /* the domain's directory is new */
	unsigned int made, kept; /* CPUs whose FIFO pair is new, was there */
	unsigned int removed;	 /* files of the other kind of channel, in the way */
};

/*
 * Make what is missing and put right modes and groups; running it again changes nothing. Files that
 * are not channels are never removed. Negative errno with @e; what was made before stays.
 */
int guests_setup(const struct guest_setup *s, struct guest_made *made, struct err *e);

/* The group called @name (or a number), as /etc/group has it. -ENOENT with the reason. */
int guests_group(const char *name, gid_t *gid, struct err *e);

/* The group that QEMU runs with on this host by the usual names; NULL: there is none. */
const char *guests_default_group(gid_t *gid);

struct guest_text {
	const char *dir, *domain;
	unsigned int cpus;
	enum guest_chan_kind kind;
	bool own_socket;   /* control at <dir>/<domain>/agent-ctl-path, else <dir>/agent-ctl-path */
	bool reconnect_ms; /* QEMU 9.2 and later: reconnect-ms=1000 for reconnect=1 */
	bool system;	   /* libvirt's system daemon: it must leave the socket's owner alone */
};

/*
 * QEMU's options, one a line with " \" at the end of all but the last: to paste into a shell. A
 * virtio-serial controller has 30 ports for us (31, QEMU's default, less port 0, which is a
 * console's), so more CPUs get more controllers.
 */
int guests_qemu_text(const struct guest_text *t, struct buf *to, struct err *e);

/* One <channel> of libvirt's XML: @chan 0 = control, n = data of CPU n - 1. */
int guests_libvirt_channel(const struct guest_text *t, unsigned int chan, struct buf *to,
			   struct err *e);

/*
 * All of them, to paste into <devices>. Controllers are not in it: libvirt adds as many as the
 * channels need, and one with an index of ours could clash with the domain's.
 */
int guests_libvirt_text(const struct guest_text *t, struct buf *to, struct err *e);

#endif
