/* SPDX-License-Identifier: GPL-2.0 */
/* client_local.h - bytes of a control channel, for those who speak before TINIT */
#ifndef RECORDING_CLIENT_LOCAL_H
#define RECORDING_CLIENT_LOCAL_H

#include "base/io.h"
#include "recording/client.h"

struct client {
	int fd; /* borrowed */
	uint64_t wait_ns;
	const char *peer;
	const struct client_words *words;
	enum wire_gen gen;
	enum msg_state state;
	uint32_t features;
	size_t have, used; /* bytes in .in; those of them that the last message took */
	uint8_t in[2 * MSG_MAX];
	uint8_t out[MSG_MAX];
};

/* Another connection: what came on the old one is forgotten. */
void client_use(struct client *c, int fd);

/* Wait until @events or the deadline; 0, -ETIMEDOUT, -EPIPE (the other end is gone). */
int client_wait(struct client *c, short events, uint64_t deadline, struct err *e);

/* Read what is there: bytes added, 0 = nothing now, -EPIPE = the end. */
int client_fill(struct client *c, struct err *e);

int client_send_bytes(struct client *c, const uint8_t *at, size_t n, struct err *e);
int client_send(struct client *c, const struct msg *m, struct err *e);

/* One message into @m, whose texts stay until the next call. -EAGAIN: not here yet. */
int client_take(struct client *c, struct msg *m, struct err *e);

#endif
