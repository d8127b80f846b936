/* SPDX-License-Identifier: GPL-2.0 */
/* attach.h - what is asked of the programs that run guests: virsh and qemu */
#ifndef GUESTS_ATTACH_H
#define GUESTS_ATTACH_H

#include "guests/setup.h"

struct guest_attached {
	unsigned int added, kept; /* channels in the domain's configuration: new, were there */
	unsigned int live;	  /* channels that the running guest got */
	bool running;
};

/*
 * Give the channels to libvirt's domain through virsh: into its configuration, and into the guest
 * if it runs and can take them (QEMU cannot take pipes while it runs; sockets it can when the
 * server listens). @uri: NULL = virsh's default. @t's .system is found out. What is there is left
 * as it is. -ENOENT: no virsh, or it knows no such domain; else a negative errno, with virsh's
 * words.
 */
int guests_attach(const struct guest_text *t, const char *uri, struct guest_attached *did,
		  struct err *e);

/* Is the installed QEMU 9.2 or later, which calls it reconnect-ms? False where none is found. */
bool guests_qemu_has_reconnect_ms(void);
bool guests_qemu_version_has_reconnect_ms(const char *text); /* the output of --version */

#endif
