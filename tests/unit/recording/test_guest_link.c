// SPDX-License-Identifier: GPL-2.0
/*
 * test_guest_link.c - an agent's virtio port: a request is found in whatever lies there
 *
 * A stream is written as a word: R = TRACE_REQ, C = CLOSE, E = an old server's ERROR to a hello,
 * j = junk, c = the first bytes of CLOSE.
 */
#include "tests/unit/base/rows.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "recording/guest-link.h"
#include "wire/agent-msg.h"

static const struct row {
	const char *name, *stream;
	unsigned int requests, closed, refused;
	bool once; /* not byte by byte: what is no request goes at once */
} rows[] = {
	{ "a request", "R", 1, 0, 0 },
	{ "junk before it", "jjjR", 1, 0, 0 },
	{ "the beginnings of others before it", "jcR", 1, 0, 0 },
	{ "CLOSE finds nobody", "C", 0, 1, 0, true },
	{ "junk, and CLOSE", "jjC", 0, 1, 0, true },
	{ "CLOSE, and a request", "CR", 1, 1, 0, true },
	{ "CLOSE behind a request is a frame", "RC", 2, 0, 0 },
	{ "an old server's ERROR", "E", 0, 0, 1, true },
	{ "the beginning of CLOSE", "c", 0, 0, 0 },
	{ "all of it", "jEjCjR", 1, 1, 1, true },
};

struct bench {
	struct loop *loop;
	struct guest_link *link;
	unsigned int frames, closed, refused, opened;
};

static void got_frame(void *ctx, const struct msg3 *m)
{
	struct bench *b = ctx;

	assert_true(m->type == (b->frames ? MSG3_CLOSE : MSG3_TRACE_REQ));
	b->frames++;
}

static void gone(void *ctx, const struct err *e)
{
	(void)ctx;
	fail_msg("gone: %s", e->what);
}

static void opened(void *ctx)
{
	((struct bench *)ctx)->opened++;
}

static void refused(void *ctx)
{
	((struct bench *)ctx)->refused++;
}

static void closed(void *ctx)
{
	((struct bench *)ctx)->closed++;
}

static void put(struct wcur *w, char what)
{
	static const uint8_t error[] = {
		0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 34, 0x74, 0x63, 0x78, 2
	};
	static const uint8_t close_frame[MSG3_HEADER] = { 0, 0, 0, MSG3_HEADER };
	struct agent_req req = { .argc = 2, .argv = { "-e", "sched" } };

	if (what == 'R')
		agent_req_put(w, &req);
	else if (what == 'C')
		wcur_mem(w, close_frame, sizeof(close_frame));
	else if (what == 'E')
		wcur_mem(w, error, sizeof(error));
	else if (what == 'j')
		wcur_mem(w, "\xff\xfejunk", 6);
	else
		wcur_mem(w, close_frame, 7);
}

static void turn(struct bench *b, int times)
{
	while (times--)
		assert_int_equal(loop_once(b->loop, NSEC_PER_MSEC, NULL), 0);
}

static void run(const struct row *row, size_t piece, const uint8_t *at, size_t len)
{
	struct bench b = { .loop = loop_new(NULL) };
	struct guest_link_opts o = { .seek = true,
				     .patience_ns = 5 * NSEC_PER_SEC,
				     .owner = { &b, got_frame, gone, opened, refused, closed } };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			 0);
	o.fd = fds[0];
	b.link = guest_link_new(b.loop, &o, NULL);
	turn(&b, 2);
	assert_int_equal(b.opened, 1);
	for (size_t n; len; at += n, len -= n) {
		n = min_u64(len, piece);
		assert_int_equal(write(fds[1], at, n), n);
		turn(&b, 1);
	}
	assert_int_equal(b.frames, row->requests);
	assert_int_equal(b.closed, row->closed);
	assert_int_equal(b.refused, row->refused);
	guest_link_free(b.link);
	loop_free(b.loop);
	close(fds[0]);
	close(fds[1]);
}

static void test_row(void **state)
{
	const struct row *row = *state;
	uint8_t stream[4096];
	struct wcur w = wcur_make(stream, sizeof(stream), true);

	for (const char *at = row->stream; *at; at++)
		put(&w, *at);
	assert_false(w.bad);
	run(row, sizeof(stream), stream, sizeof(stream) - w.left);
	if (!row->once)
		run(row, 1, stream, sizeof(stream) - w.left);
}

int main(void)
{
	return RUN_ROWS("an idle port", rows, test_row);
}
