// SPDX-License-Identifier: GPL-2.0
/*
 * net-link.c - the control connection to a listener: how it begins, whatever the listener's age
 *
 * Theory of operation
 *
 * wire/hello.h knows what is said and what the answers mean; here are the connection, its
 * deadlines, and the new connections that a listener which closes at a version that it does not
 * know makes necessary. Each of them speaks an older generation, so there are three at most, and
 * one more for a connection that went stale before we began.
 *
 * The end of a connection while we greet is an answer, not a failure.
 */
#include "recording/net-link.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recording/client_local.h"
#include "wire/hello.h"

enum { CONNECT_WAIT_S = 10, TRIES_MAX = 4, WORDS_LEN = NET_NAME_MAX + 64 };

struct net_link {
	struct net_link_opts opts;
	char host[NET_NAME_MAX], gone[WORDS_LEN], silent[WORDS_LEN];
	struct client_words words;
	struct client *client;
	int fd; /* owned; -1 = not connected */
};

static void make_words(struct net_link *l)
{
	snprintf(l->gone, sizeof(l->gone), "the listener at %s:%u has closed the connection",
		 l->host, l->opts.port);
	snprintf(l->silent, sizeof(l->silent), "the listener at %s:%u does not answer", l->host,
		 l->opts.port);
	l->words = (struct client_words){
		.who = "the listener",
		.gone = l->gone,
		.gone_hint = "its own output says why; what it has received may be in a file there",
		.silent = l->silent,
		.silent_hint = "is it a 'trace-cmd listen' that answers at this port?",
	};
}

struct net_link *net_link_new(const struct net_link_opts *o, struct err *e)
{
	struct net_link *l = calloc(1, sizeof(*l));
	struct client_opts co = { .fd = -1, .wait_ns = o->wait_ns, .peer = o->peer };

	if (!l) {
		err_set(e, ENOMEM, "no memory for a connection");
		return NULL;
	}
	l->fd = -1;
	l->opts = *o;
	snprintf(l->host, sizeof(l->host), "%s", o->host);
	make_words(l);
	co.words = &l->words;
	l->client = client_new(&co, e);
	if (l->client)
		return l;
	net_link_free(l);
	return NULL;
}

static void drop_connection(struct net_link *l)
{
	cleanup_fd(&l->fd);
	l->fd = -1;
}

void net_link_free(struct net_link *l)
{
	if (!l)
		return;
	drop_connection(l);
	client_free(l->client);
	free(l);
}

struct client *net_link_client(struct net_link *l)
{
	return l->client;
}

int net_link_connect(struct net_link *l, struct err *e)
{
	drop_connection(l);
	l->fd = net_connect(l->opts.vsock ? NET_VSOCK : NET_TCP, l->host, l->opts.port,
			    CONNECT_WAIT_S * NSEC_PER_SEC, e);
	if (l->fd < 0)
		return l->fd;
	client_use(l->client, l->fd);
	return 0;
}

/* The listener has lost its patience before we said anything. */
static bool is_stale(const struct net_link *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLRDHUP };

	return l->fd < 0 || (poll(&p, 1, 0) > 0 && p.revents);
}

/* One answer, and what we say to it: enum hello_result. */
static int hello_step(struct client *c, struct hello_client *h, bool eof, struct err *e)
{
	struct rcur in = rcur_make(c->in, c->have, true);
	struct wcur out = wcur_make(c->out, sizeof(c->out), true);
	int step = hello_client_step(h, &in, eof, &out, e);
	int ret;

	if (step < 0)
		return step;
	c->have = in.left;
	memmove(c->in, in.p, in.left);
	ret = client_send_bytes(c, c->out, sizeof(c->out) - out.left, e);
	return ret && step == HELLO_DONE ? ret : step; /* else: the end comes with the next read */
}

/* The whole greeting: HELLO_DONE, HELLO_AGAIN or a negative errno. */
static int say_hello(struct client *c, struct hello_client *h, struct err *e)
{
	uint64_t deadline = now_ns() + c->wait_ns;
	bool eof = false;

	for (;;) {
		int ret = hello_step(c, h, eof, e);

		if (ret != HELLO_MORE)
			return ret;
		if (eof)
			return err_say(e, EPROTO, "%s", c->words->gone);
		ret = client_wait(c, POLLIN, deadline, e);
		if (!ret)
			ret = client_fill(c, e);
		eof = ret == -EPIPE;
		if (ret < 0 && !eof)
			return ret;
		if (eof)
			err_clear(e);
	}
}

static int greet(struct net_link *l, struct err *e)
{
	struct hello_client h = { .next = l->opts.most };

	for (int tries = 0; tries < TRIES_MAX; tries++) {
		int ret = is_stale(l) ? net_link_connect(l, e) : 0;

		if (ret)
			return ret;
		hello_client_begin(&h, h.next, l->opts.least);
		ret = say_hello(l->client, &h, e);
		if (ret == -EPROTO)
			err_prefix(e, "%s:%u", l->host, l->opts.port);
		if (ret == HELLO_DONE)
			l->client->gen = h.gen;
		if (ret != HELLO_AGAIN)
			return ret < 0 ? ret : 0;
		drop_connection(l);
	}
	return err_say(e, EPROTO, "the listener at %s:%u wants to be greeted again and again",
		       l->host, l->opts.port);
}

int net_link_begin(struct net_link *l, const struct client_wish *wish, struct client_terms *terms,
		   struct err *e)
{
	struct client_wish own = *wish;
	int ret = greet(l, e);

	if (ret)
		return ret;
	own.ext = l->client->gen == WIRE_V3 && wish->features;
	*terms = (struct client_terms){ .stream_id = client_stream_id() };
	ret = client_init(l->client, &own, terms, e);
	if (!ret && terms->nports != wish->cpus)
		ret = err_say(e, EPROTO, "the listener names %u data ports for %u CPUs",
			      terms->nports, wish->cpus);
	return ret;
}
