/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virt-link.h - the guest's end of the control channel: trace-msg V2, the client's side
 *
 * Calls wait for the host, each with its own deadline. One link serves one recording.
 */
#ifndef RECORDING_VIRT_LINK_H
#define RECORDING_VIRT_LINK_H

#include "trace-msg.h"

struct virt_link;

struct virt_link_opts {
	int fd;		  /* O_NONBLOCK, borrowed: a virtio port, or a socket in tests */
	uint64_t wait_ns; /* how long an answer may take, 0 = 5 s */
	const char *peer; /* our version text, borrowed */
};

struct virt_link *virt_link_new(const struct virt_link_opts *o, struct err *e); /* NULL on error */
void virt_link_free(struct virt_link *l);					/* NULL is fine */

/* What both sides agreed on. */
struct virt_terms {
	uint32_t features;	 /* enum msg_feature, granted */
	uint64_t stream_id;	 /* of this recording, for the mark pages */
	char peer[MSG_MAX_PEER]; /* the host's version text, "" from one that does not say */
};

/*
 * TCONNECT .. RINIT. A host that refuses the extension is asked again without it. Errors say what
 * the host sent, and its own reason where it gave one.
 */
int virt_link_begin(struct virt_link *l, uint32_t cpus, uint32_t page_size,
		    struct virt_terms *terms, struct err *e);

/* SENDMETA.. FINMETA. */
int virt_link_metadata(struct virt_link *l, const uint8_t *bytes, size_t len, struct err *e);

/*
 * Has the host said something while we record? 0: no. -ECANCELED: it wants an end (CLOSE); another
 * negative errno: it refused (ERROR with its reason), or is gone.
 */
int virt_link_check(struct virt_link *l, struct err *e);
int virt_link_fd(const struct virt_link *l);

/* CLOSE; @total[0..cpus) rides along with MSG_F_TOTALS. */
int virt_link_close(struct virt_link *l, const struct msg_total *total, uint32_t cpus,
		    struct err *e);

/*
 * With MSG_F_TOTALS: the host's CLOSE, which says when all is stored and how much of it: fills
 * @stored[0..cpus) (.bytes: stored; see PROTOCOL). -ETIMEDOUT after @wait_ns.
 */
int virt_link_stored(struct virt_link *l, struct msg_total *stored, uint32_t cpus, uint64_t wait_ns,
		     struct err *e);

#endif
