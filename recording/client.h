/* SPDX-License-Identifier: GPL-2.0 */
/*
 * client.h - the recording side of a control channel: from TINIT to CLOSE, in any dialect
 *
 * What comes before TINIT is the channel's own business (virt-link.h, net-link.h). Calls wait for
 * the other end, each with its own deadline. One client serves one recording.
 */
#ifndef RECORDING_CLIENT_H
#define RECORDING_CLIENT_H

#include "wire/dialect.h"

struct client;

/* How errors speak of the other end. Borrowed. */
struct client_words {
	const char *who;  /* "the host" */
	const char *gone; /* "the host has closed ..." */
	const char *gone_hint;
	const char *silent; /* "the host does not answer on ..." */
	const char *silent_hint;
};

struct client_opts {
	int fd;		  /* O_NONBLOCK, borrowed: a virtio port or a socket; -1 = client_use() */
	uint64_t wait_ns; /* how long an answer may take, 0 = 5 s */
	const char *peer; /* our version text, borrowed */
	const struct client_words *words; /* borrowed */
};

struct client *client_new(const struct client_opts *o, struct err *e); /* NULL on error */
void client_free(struct client *c);				       /* NULL is fine */
int client_fd(const struct client *c);

/* What both sides agreed on. */
struct client_terms {
	enum wire_gen gen;
	uint32_t features;	 /* enum msg_feature, granted */
	uint64_t stream_id;	 /* of this recording, for the mark pages */
	char peer[MSG_MAX_PEER]; /* the other end's version text, "" from one that does not say */
	uint32_t nports;	 /* data ports by CPU number; 0 over virtio-serial */
	uint32_t port[MSG_MAX_CPUS];
};

/* What TINIT asks for. */
struct client_wish {
	uint32_t cpus, page_size;
	bool tcp, vsock;   /* data ports; neither: UDP, or virtio-serial */
	bool ext;	   /* ask for our extension, with */
	uint32_t features; /* these */
};

/*
 * TINIT and RINIT. Fills @terms but for .stream_id, which is the caller's. Errors say what the
 * other end sent, and its own reason where it gave one.
 */
int client_init(struct client *c, const struct client_wish *wish, struct client_terms *terms,
		struct err *e);

/* SENDMETA.. FINMETA. */
int client_metadata(struct client *c, const uint8_t *bytes, size_t len, struct err *e);

/*
 * Has the other end said something while we record? 0: no. -ECANCELED: it wants an end (CLOSE);
 * another negative errno: it refused (ERROR with its reason), or is gone.
 */
int client_check(struct client *c, struct err *e);

/* CLOSE; @total[0..cpus) rides along with MSG_F_TOTALS. */
int client_close(struct client *c, const struct msg_total *total, uint32_t cpus, struct err *e);

/*
 * With MSG_F_TOTALS: the other end's CLOSE, which says when all is stored and how much of it: fills
 * @stored[0..cpus) (.bytes: stored; see PROTOCOL). -ETIMEDOUT after @wait_ns.
 */
int client_stored(struct client *c, struct msg_total *stored, uint32_t cpus, uint64_t wait_ns,
		  struct err *e);

/* A number for client_terms.stream_id. */
uint64_t client_stream_id(void);

#endif
