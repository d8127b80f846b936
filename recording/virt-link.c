// SPDX-License-Identifier: GPL-2.0
/*
 * virt-link.c - the guest's end of the control channel over virtio-serial: how it begins
 *
 * Theory of operation
 *
 * A port outlives its users. What an earlier client left unread may come first (it was killed
 * between question and answer): before RCONNECT everything is skipped, and a second RCONNECT before
 * RINIT means nothing.
 */
#include "recording/virt-link.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "recording/client_local.h"

static const struct client_words words = {
	.who = "the host",
	.gone = "the host has closed its end of port agent-ctl-path",
	.gone_hint = "is 'trace-cmd virt-server' running on the host? its log says why it closed",
	.silent = "the host does not answer on port agent-ctl-path",
	.silent_hint =
		"is 'trace-cmd virt-server' running on the host, and is it the server of this port?",
};

struct client *virt_link_new(const struct virt_link_opts *o, struct err *e)
{
	struct client_opts co = {
		.fd = o->fd, .wait_ns = o->wait_ns, .peer = o->peer, .words = &words
	};

	return client_new(&co, e);
}

/* Throw away what is there before we have said anything. */
static void skip_stale(struct client *c)
{
	while (read(c->fd, c->in, sizeof(c->in)) > 0)
		;
	c->have = c->used = 0;
}

/* An RCONNECT frame somewhere in the input: what stands before it is an earlier client's. */
static int find_rconnect(struct client *c, struct msg *m, struct err *e)
{
	static const uint8_t head[8] = { 0, 0, 0, 24, 0, 0, 0, MSG_RCONNECT };
	uint8_t *at = memmem(c->in, c->have, head, sizeof(head)); /* nothing is used up yet here */

	if (at && at != c->in) {
		c->have -= (size_t)(at - c->in);
		memmove(c->in, at, c->have);
	}
	return client_take(c, m, e);
}

/* RCONNECT, or what is wrong with what came instead: what is wrong now may be the rest of an old
 * message. */
static int await_rconnect(struct client *c, struct msg *m, struct err *e)
{
	uint64_t deadline = now_ns() + c->wait_ns;
	struct err odd = { 0 };

	for (;;) {
		int ret = client_wait(c, POLLIN, deadline, e);

		if (!ret)
			ret = client_fill(c, e);
		if (ret < 0) {
			if (odd.code && e)
				*e = odd;
			return ret;
		}
		ret = find_rconnect(c, m, &odd);
		if (ret == -ECONNREFUSED && e)
			*e = odd;
		if (ret != -EAGAIN && ret != -EPROTO)
			return ret;
		if (c->have == sizeof(c->in)) /* keep only what may be the beginning of one */
			c->used = c->have - MSG_HEADER;
	}
}

static int connect_host(struct client *c, struct err *e)
{
	struct msg m = { .type = MSG_TCONNECT };
	int ret;

	c->state = MSG_C_CONNECT;
	skip_stale(c);
	ret = client_send(c, &m, e);
	if (!ret)
		ret = await_rconnect(c, &m, e);
	if (ret)
		return ret;
	if (strcmp(m.rconnect.text, MSG_GREETING))
		return err_say(e, EPROTO, "the host speaks '%.40s', expected '%s'", m.rconnect.text,
			       MSG_GREETING);
	return 0;
}

int virt_link_begin(struct client *c, uint32_t cpus, uint32_t page_size, struct client_terms *terms,
		    struct err *e)
{
	struct client_wish wish = {
		.cpus = cpus, .page_size = page_size, .ext = true, .features = MSG_F_ALL
	};
	struct err first;
	int ret;

	*terms = (struct client_terms){ .stream_id = client_stream_id() };
	ret = connect_host(c, e);
	if (!ret)
		ret = client_init(c, &wish, terms, e);
	/* An old server closes, says ERROR without a word, or says nothing to an option it does not
	 * know. */
	if (ret == -ECONNREFUSED && e && strstr(e->what, "gives no reason")) {
		first = *e;
		wish.ext = false;
		ret = connect_host(c, e);
		if (!ret)
			ret = client_init(c, &wish, terms, e);
		if (ret)
			*e = first;
	}
	return ret;
}
