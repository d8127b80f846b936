/* SPDX-License-Identifier: GPL-2.0 */
/*
 * listener.h - a listener that plays a script, in a thread
 *
 * For each connection that comes it has a row of steps: bytes that must come, and then bytes to
 * answer. Behind the last step the connection is closed, or read to its end if the script says so.
 * What was not as it should be is in .wrong after listener_join().
 */
#ifndef TESTS_RECORDING_LISTENER_H
#define TESTS_RECORDING_LISTENER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"

#define LIT(s) s, sizeof(s) - 1

struct step {
	const char *want; /* exactly these; with .frame: what follows the size of one message */
	size_t want_len;
	const char *say;
	size_t say_len;
	bool frame; /* read one message whole: be32 size first */
};

#define STEP(want, say)                             \
	{                                           \
		LIT(want), LIT(say), .frame = false \
	}
#define FRAME(want, say)                           \
	{                                          \
		LIT(want), LIT(say), .frame = true \
	}

enum { STEPS_MAX = 6, CONNECTIONS_MAX = 3 };

struct script {
	struct step steps[STEPS_MAX];
};

struct listener {
	const struct script *scripts; /* [CONNECTIONS_MAX]; one without steps ends the list */
	bool stay; /* after the last step of the last connection: read to the end, into .rest */
	/* Called before the last step of the last connection is answered, to make it. */
	void (*answer)(struct listener *l, int control);
	void *ctx;
	int fd;
	uint32_t port;
	unsigned int connections;
	struct buf rest;
	char wrong[256];
	pthread_t thread;
};

static inline bool await_bytes(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

/* Up to @n bytes, patiently: what came. */
static inline size_t take_bytes(int fd, uint8_t *to, size_t n)
{
	size_t got = 0;
	ssize_t r = 1;

	while (got < n && r > 0 && await_bytes(fd, 3000)) {
		r = read(fd, to + got, n - got);
		got += r > 0 ? (size_t)r : 0;
	}
	return got;
}

static inline void note_wrong(struct listener *l, size_t step, const char *what)
{
	if (!l->wrong[0])
		snprintf(l->wrong, sizeof(l->wrong), "connection %u, step %zu: %s", l->connections,
			 step, what);
}

/* False: not what should have come. */
static inline bool take_step(struct listener *l, int fd, const struct step *s)
{
	uint8_t in[8192];
	size_t n = s->want_len, skip = 0;

	if (s->frame) {
		if (take_bytes(fd, in, 4) < 4)
			return false;
		skip = 4;
		n = (size_t)in[2] << 8 | in[3];
		if (n > sizeof(in) || n < s->want_len + 4)
			return false;
		n -= 4;
	}
	(void)l;
	return take_bytes(fd, in + skip, n) == n && !memcmp(in + skip, s->want, s->want_len);
}

static inline void read_rest(struct listener *l, int fd)
{
	uint8_t in[8192];
	ssize_t n;

	while (await_bytes(fd, 5000) && (n = read(fd, in, sizeof(in))) > 0)
		buf_add(&l->rest, in, (size_t)n);
}

static inline void serve_one(struct listener *l, const struct script *s, bool last)
{
	int fd = await_bytes(l->fd, 3000) ? accept(l->fd, NULL, NULL) : -1;

	if (fd < 0) {
		note_wrong(l, 0, "nobody came");
		return;
	}
	l->connections++;
	for (size_t i = 0; i < STEPS_MAX && (s->steps[i].want || s->steps[i].say); i++) {
		bool end = i + 1 == STEPS_MAX || !s->steps[i + 1].say;

		if (!take_step(l, fd, &s->steps[i]))
			note_wrong(l, i, "other bytes than expected, or too few");
		if (last && end && l->answer)
			l->answer(l, fd);
		else if (write(fd, s->steps[i].say, s->steps[i].say_len) < 0)
			note_wrong(l, i, "cannot answer");
	}
	if (last && l->stay)
		read_rest(l, fd);
	close(fd);
}

static inline void *serve(void *arg)
{
	struct listener *l = arg;

	for (size_t i = 0; i < CONNECTIONS_MAX && l->scripts[i].steps[0].say; i++)
		serve_one(l, &l->scripts[i],
			  i + 1 == CONNECTIONS_MAX || !l->scripts[i + 1].steps[0].say);
	return NULL;
}

/* A socket of the loopback that is bound to a free port. */
static inline int bind_loopback(int type, uint32_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

static inline void listener_start(struct listener *l)
{
	l->fd = bind_loopback(SOCK_STREAM, &l->port);
	assert_int_equal(pthread_create(&l->thread, NULL, serve, l), 0);
}

static inline void listener_join(struct listener *l)
{
	pthread_join(l->thread, NULL);
	close(l->fd);
}

#endif
