/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virt-link.h - the guest's end of the control channel over virtio-serial: how it begins
 *
 * trace-msg V2; TCONNECT and RCONNECT stand in the place of a network's greeting.
 */
#ifndef RECORDING_VIRT_LINK_H
#define RECORDING_VIRT_LINK_H

#include "recording/client.h"

struct virt_link_opts {
	int fd;		  /* O_NONBLOCK, borrowed: a virtio port, or a socket in tests */
	uint64_t wait_ns; /* how long an answer may take, 0 = 5 s */
	const char *peer; /* our version text, borrowed */
};

struct client *virt_link_new(const struct virt_link_opts *o, struct err *e); /* NULL on error */

/*
 * TCONNECT .. RINIT. A host that refuses the extension is asked again without it. Errors say what
 * the host sent, and its own reason where it gave one.
 */
int virt_link_begin(struct client *c, uint32_t cpus, uint32_t page_size, struct client_terms *terms,
		    struct err *e);

#endif
