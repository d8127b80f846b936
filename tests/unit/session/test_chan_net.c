// SPDX-License-Identifier: GPL-2.0
/*
 * test_chan_net.c - a data channel on the network: datagrams that are lost, late, double, of others
 *
 * What a client sends is a word: 0-9 = the page of that number, which is its place in the stream
 * and its digit; s = half a page; l = a byte too much; a-c = pages 0-2 of another address. What is
 * stored is a word as well, with ! before a page that says that some are missing before it.
 */
#include "tests/unit/base/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/io.h"
#include "session/chan.h"

enum { PAGE = 4096, LENGTH = 100 };

static const struct row {
	const char *name, *sent;
	bool seq;
	unsigned int allowed; /* pages */
	const char *stored;
	unsigned int missed, odd, quota; /* pages, datagrams, pages */
} rows[] = {
	{ "pages", "0123", false, 99, "0123", 0, 0, 0 },
	{ "numbered pages", "0123", true, 99, "0123", 0, 0, 0 },
	{ "one is missing", "013", true, 99, "01!3", 1, 0, 0 },
	{ "the first ones are missing", "23", true, 99, "!23", 2, 0, 0 },
	{ "two holes", "0259", true, 99, "0!2!5!9", 6, 0, 0 },
	{ "one comes twice", "0112", true, 99, "012", 0, 1, 0 },
	{ "one comes late", "0213", true, 99, "0!23", 1, 1, 0 },
	{ "half a page, numbered", "01s3", true, 99, "01!3", 1, 1, 0 },
	{ "half a page", "01s3", false, 99, "01!3", 1, 1, 0 },
	{ "too long", "0l2", false, 99, "0!2", 1, 1, 0 },
	{ "of another host", "0a1b2", true, 99, "012", 0, 2, 0 },
	{ "another host is the first", "abc012", true, 99, "012", 0, 3, 0 },
	{ "a quota", "01234", true, 2, "01", 0, 0, 3 },
	{ "no quota", "012", false, 0, "", 0, 0, 3 },
};

struct bench {
	struct loop *loop;
	struct chan_env env;
	struct chan *chan;
	int control, client, port, part, sock, stranger;
	unsigned int allowed, ends;
};

static uint64_t allow(void *ctx, uint64_t want)
{
	struct bench *b = ctx;

	return min_u64(want, (uint64_t)b->allowed * PAGE);
}

static void kept(void *ctx, uint64_t bytes)
{
	struct bench *b = ctx;

	b->allowed -= (unsigned int)(bytes / PAGE);
}

static void moved(void *ctx, struct chan *c, const struct err *e)
{
	struct bench *b = ctx;

	(void)e;
	b->ends += chan_counts(c)->ended;
}

/* A connection over loopback: *client and *control. */
static void make_control(struct bench *b, struct net_addr *peer)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	int fd = net_listen(NET_TCP, "127.0.0.1", 0, NULL);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	b->client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(b->client, (struct sockaddr *)&to, sizeof(to)), 0);
	b->control = net_accept(fd, peer, NULL);
	assert_true(b->control >= 0);
	close(fd);
}

static int try_reach(const char *from, uint32_t port, int type)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	AUTO_FD fd = socket(AF_INET, type, 0);

	in.sin_addr.s_addr = inet_addr(from);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons((uint16_t)port);
	return connect(fd, (struct sockaddr *)&in, sizeof(in)) ? -errno : steal_fd(&fd);
}

static int reach(const char *from, uint32_t port, int type)
{
	int fd = try_reach(from, port, type);

	assert_true(fd >= 0);
	return fd;
}

static void open_bench(struct bench *b, enum net_kind kind, bool seq, unsigned int allowed)
{
	struct chan_use use = { .page_size = PAGE,
				.seq = seq,
				.ctx = b,
				.allow = allow,
				.kept = kept,
				.moved = moved };
	uint32_t port = NET_DATA_PORT;
	struct net_addr peer;

	*b = (struct bench){
		.loop = loop_new(NULL), .allowed = allowed, .sock = -1, .stranger = -1
	};
	b->env = (struct chan_env){ b->loop, NULL, malloc(CHAN_SCRATCH) };
	make_control(b, &peer);
	b->chan = chan_open_net(&b->env, kind, b->control, &peer, 0, &port, NULL);
	assert_non_null(b->chan);
	assert_int_equal(chan_port(b->chan), port - 1);
	use.part = b->part = memfd_create("part", MFD_CLOEXEC);
	chan_begin(b->chan, &use);
}

static void close_bench(struct bench *b)
{
	chan_close(b->chan);
	loop_free(b->loop);
	free(b->env.scratch);
	cleanup_fd(&b->sock);
	cleanup_fd(&b->stranger);
	close(b->control);
	close(b->client);
	close(b->part);
}

static void make_page(uint8_t *page, unsigned int n)
{
	struct wcur w = wcur_make(page, PAGE, false);

	memset(page, 0, PAGE);
	wcur_u64(&w, n);      /* time */
	wcur_u64(&w, LENGTH); /* commit */
	page[PAGE - 1] = (uint8_t)('0' + n);
}

static void send_one(struct bench *b, char what, bool seq)
{
	bool strange = what >= 'a' && what <= 'c';
	unsigned int n = what >= '0' && what <= '9' ? (unsigned int)(what - '0')
			 : strange		    ? (unsigned int)(what - 'a')
						    : 0;
	uint8_t bytes[PAGE + 9] = { 0 };
	struct wcur w = wcur_make(bytes + PAGE, 8, true);
	size_t len = what == 's' ? PAGE / 2 : PAGE + (seq ? 8 : 0) + (what == 'l');

	make_page(bytes, n);
	wcur_u64(&w, (uint64_t)n * PAGE);
	/* A stranger is told by ICMP, once the port is bound to its peer. */
	assert_true(send(strange ? b->stranger : b->sock, bytes, len, 0) == (ssize_t)len ||
		    strange);
}

static void read_part(int fd, char *to)
{
	uint8_t page[PAGE];

	for (off_t at = 0; pread(fd, page, PAGE, at) == PAGE; at += PAGE) {
		if (page[11] & 0x80)
			*to++ = '!';
		*to++ = (char)page[PAGE - 1];
	}
	*to = '\0';
}

/* @each: the channel looks after each datagram, or once for all. */
static void play(const struct row *t, bool each)
{
	const struct chan_counts *n;
	struct bench b;
	char got[64];

	open_bench(&b, NET_UDP, t->seq, t->allowed);
	b.sock = reach("127.0.0.1", chan_port(b.chan), SOCK_DGRAM);
	b.stranger = reach("127.0.0.2", chan_port(b.chan), SOCK_DGRAM);
	for (const char *s = t->sent; *s; s++) {
		send_one(&b, *s, t->seq);
		if (each)
			loop_once(b.loop, 0, NULL);
	}
	chan_flush(b.chan, 1 << 20);
	n = chan_counts(b.chan);
	read_part(b.part, got);
	assert_string_equal(got, t->stored);
	assert_int_equal(n->missed, (uint64_t)t->missed * PAGE);
	assert_int_equal(n->quota, (uint64_t)t->quota * PAGE);
	assert_int_equal(n->received, n->stored + n->quota + n->disk);
	assert_true(n->lossy && !n->ended);
	close_bench(&b);
}

static void test_row(void **state)
{
	play(*state, true);
	play(*state, false);
}

/* How many datagrams were dropped, and pages marked. */
static void test_odd(void **state)
{
	struct bench b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned int marks = 0;

		if (rows[i].allowed < 99)
			continue;
		open_bench(&b, NET_UDP, rows[i].seq, 99);
		b.sock = reach("127.0.0.1", chan_port(b.chan), SOCK_DGRAM);
		b.stranger = reach("127.0.0.2", chan_port(b.chan), SOCK_DGRAM);
		for (const char *s = rows[i].sent; *s; s++)
			send_one(&b, *s, rows[i].seq);
		chan_flush(b.chan, 1 << 20);
		for (const char *s = rows[i].stored; *s; s++)
			marks += *s == '!';
		assert_int_equal(chan_counts(b.chan)->odd, rows[i].odd);
		assert_int_equal(chan_counts(b.chan)->marked, marks);
		close_bench(&b);
	}
}

/* Without numbers the socket says what it dropped: where more comes than its buffer holds. */
static void test_overflow(void **state)
{
	enum { SENT = 20000 };
	const struct chan_counts *n;
	uint64_t stored;
	struct bench b;
	char *got;

	(void)state;
	open_bench(&b, NET_UDP, false, 1 << 20);
	b.sock = reach("127.0.0.1", chan_port(b.chan), SOCK_DGRAM);
	for (int i = 0; i < SENT; i++)
		send_one(&b, (char)('0' + i % 10), false);
	chan_flush(b.chan, 1ULL << 30);
	n = chan_counts(b.chan);
	stored = n->stored / PAGE;
	assert_true(stored < SENT);
	assert_int_equal(stored + n->missed / PAGE, SENT);
	send_one(&b, '7', false);
	chan_flush(b.chan, 1 << 20);
	got = calloc(1, 2 * SENT);
	read_part(b.part, got);
	assert_string_equal(got + strlen(got) - 2, "!7");
	free(got);
	close_bench(&b);
}

/* One connection, of this host. */
static void test_stream(void **state)
{
	uint8_t page[PAGE];
	struct bench b;
	char got[64];

	(void)state;
	open_bench(&b, NET_TCP, false, 99);
	b.stranger = reach("127.0.0.2", chan_port(b.chan), SOCK_STREAM);
	loop_once(b.loop, NSEC_PER_SEC, NULL);
	assert_int_equal(recv(b.stranger, page, 1, 0), 0); /* refused */
	b.sock = reach("127.0.0.1", chan_port(b.chan), SOCK_STREAM);
	loop_once(b.loop, NSEC_PER_SEC, NULL);
	assert_true(chan_counts(b.chan)->will_end);
	assert_int_equal(try_reach("127.0.0.1", chan_port(b.chan), SOCK_STREAM), -ECONNREFUSED);
	for (unsigned int i = 0; i < 3; i++) {
		make_page(page, i);
		assert_int_equal(send(b.sock, page, PAGE / 3, 0), PAGE / 3);
		loop_once(b.loop, NSEC_PER_SEC, NULL);
		assert_int_equal(send(b.sock, page + PAGE / 3, PAGE - PAGE / 3, 0),
				 PAGE - PAGE / 3);
		loop_once(b.loop, NSEC_PER_SEC, NULL);
	}
	assert_int_equal(b.ends, 0);
	close(b.sock);
	b.sock = -1;
	for (int i = 0; i < 100 && !b.ends; i++)
		loop_once(b.loop, NSEC_PER_SEC / 10, NULL);
	assert_true(b.ends);
	read_part(b.part, got);
	assert_string_equal(got, "012");
	close_bench(&b);
}

int main(void)
{
	const struct CMUnitTest singles[] = { cmocka_unit_test(test_odd),
					      cmocka_unit_test(test_overflow),
					      cmocka_unit_test(test_stream) };
	int failed = RUN_ROWS("chan: datagrams", rows, test_row);

	return failed + cmocka_run_group_tests_name("chan: network", singles, NULL, NULL);
}
