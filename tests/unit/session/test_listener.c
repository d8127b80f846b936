// SPDX-License-Identifier: GPL-2.0
/*
 * test_listener.c - the server of network clients: names of files, who may connect, what is
 * answered
 *
 * Clients are sockets of this process; the loop is turned by hand, so nothing here waits for a
 * thread of its own.
 */
#include "tests/unit/base/rows.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "session/listener.h"

static struct net_addr loopback(const char *text, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct net_addr a = { .len = sizeof(in) };

	inet_pton(AF_INET, text, &in.sin_addr);
	memcpy(&a.sa, &in, sizeof(in));
	return a;
}

static const struct name_row {
	const char *name, *host, *want;
} names[] = {
	{ "a name", "box7.example.org", "box7.example.org:1234" },
	{ "none", NULL, "192.0.2.7:1234" },
	{ "empty", "", ":1234" },
	{ "a path", "../../etc/passwd", "192.0.2.7:1234" },
	{ "a hidden file", ".box", "192.0.2.7:1234" },
	{ "a slash inside", "a/b", "192.0.2.7:1234" },
	{ "an escape", "a\033[2Jb", "192.0.2.7:1234" },
	{ "not ASCII", "b\xc3\xb6x", "192.0.2.7:1234" },
	{ "a space", "a b", "192.0.2.7:1234" },
	{ "too long", "0123456789012345678901234567890123456789012345678901234567890123",
	  "192.0.2.7:1234" },
};

static void test_name(void **state)
{
	const struct name_row *t = *state;
	struct net_addr a = loopback("192.0.2.7", 1234);
	char got[GUESTS_NAME_MAX + 1];

	assert_string_equal(listener_name(&a, t->host, got, sizeof(got)), t->want);
	assert_int_equal(guests_name_check(got, NULL), 0);
}

/* A server with its own directory. */
struct bench {
	struct loop *loop;
	struct listener *l;
	struct net_prefix allow;
	char dir[64];
	unsigned int finished;
};

static void finished(void *ctx, const struct session_result *r)
{
	struct bench *b = ctx;

	(void)r;
	b->finished++;
}

static void stopped(void *ctx)
{
	(void)ctx;
}

static void open_bench(struct bench *b, const char *allow, unsigned int max_conns,
		       unsigned int max_host)
{
	struct listener_opts o = { .kind = NET_TCP,
				   .bind = "127.0.0.1",
				   .allow = &b->allow,
				   .nallow = allow != NULL,
				   .max_conns = max_conns,
				   .max_host_conns = max_host };

	*b = (struct bench){ .loop = loop_new(NULL), .dir = "/tmp/test-listener.XXXXXX" };
	assert_non_null(mkdtemp(b->dir));
	if (allow)
		assert_int_equal(net_prefix_parse(allow, &b->allow, NULL), 0);
	o.hub = (struct hub_opts){ .outdir = b->dir,
				   .limits.hello_ns = 100 * NSEC_PER_MSEC,
				   .ctx = b,
				   .finished = finished,
				   .stopped = stopped };
	b->l = listener_new(b->loop, &o, NULL);
	assert_non_null(b->l);
}

/* The directory is empty: rmdir(2) tells. */
static void close_bench(struct bench *b)
{
	listener_free(b->l);
	loop_free(b->loop);
	assert_int_equal(rmdir(b->dir), 0);
}

static int dial(const struct bench *b)
{
	struct net_addr a = loopback("127.0.0.1", (uint16_t)listener_port(b->l));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a.sa, a.len), 0);
	return fd;
}

/* All that the server says to @fd until it closes, or for @ms; *eof: it has closed. */
static size_t hear(struct bench *b, int fd, char *to, size_t room, int ms, bool *eof)
{
	uint64_t until = now_ns() + (uint64_t)ms * NSEC_PER_MSEC;
	size_t got = 0;

	*eof = false;
	while (now_ns() < until && !*eof) {
		ssize_t n;

		loop_once(b->loop, 2 * NSEC_PER_MSEC, NULL);
		n = recv(fd, to + got, room - got, MSG_DONTWAIT);
		if (n > 0)
			got += (size_t)n;
		*eof = !n || (n < 0 && errno == ECONNRESET);
	}
	return got;
}

static const struct talk_row {
	const char *name;
	const char *say;
	size_t len;
	const char *hear; /* behind "tracecmd" */
	size_t nhear;
} talks[] = {
	{ "nothing is said", "", 0, "", 0 },
	{ "half a greeting", "-1V", 3, "", 0 },
	{ "no greeting", "GET / HTTP/1.1\r\n\r\n", 18, "", 0 },
	{ "V2 with a wrong magic", "-1V2\000766679\0", 13, "", 0 },
	{ "V3, then silence", "-1V3\000766679\0", 13, "V3\0OK", 5 },
	{ "V3, then FIN_DATA", "-1V3\000766679\0\0\0\0\0\x0c\0\0\0\x04\0\0\0", 25, "V3\0OK", 5 },
	{ "V2, then a huge frame", "-1V2\000677768\0\0\x7f\xff\xff\xff\0\0\0\4", 21, "V2\0OK", 5 },
	{ "V1 with no pages", "2\0000\0000", 6, "", 0 },
};

/* Whatever it is: answered in its words, closed in time, and nothing is on the disk. */
static void test_talk(void **state)
{
	const struct talk_row *t = *state;
	char got[8192];
	struct bench b;
	size_t n;
	bool eof;
	int fd;

	open_bench(&b, NULL, 0, 0);
	fd = dial(&b);
	assert_int_equal(send(fd, t->say, t->len, 0), t->len);
	n = hear(&b, fd, got, sizeof(got), 4000, &eof);
	assert_true(eof);
	assert_true(n >= 8 + t->nhear);
	assert_memory_equal(got, "tracecmd", 8);
	assert_memory_equal(got + 8, t->hear, t->nhear);
	if (n > 8 + t->nhear) { /* a frame that says no: V3's NOT_SUPP, or V2's ERROR */
		assert_true(t->nhear == 5);
		assert_int_equal(got[8 + 5 + 7], t->hear[1] == '3' ? 5 : 0);
	}
	close(fd);
	close_bench(&b);
}

static void test_not_allowed(void **state)
{
	struct bench b;
	char got[64];
	bool eof;
	int fd;

	(void)state;
	open_bench(&b, "192.0.2.0/24", 0, 0);
	fd = dial(&b);
	assert_int_equal(hear(&b, fd, got, sizeof(got), 1000, &eof), 0);
	assert_true(eof);
	close(fd);
	close_bench(&b);
}

static unsigned int welcome(unsigned int max_conns, unsigned int max_host)
{
	unsigned int n = 0;
	struct bench b;
	int fds[8];

	open_bench(&b, NULL, max_conns, max_host);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = dial(&b);
	for (int i = 0; i < 8; i++)
		loop_once(b.loop, NSEC_PER_MSEC, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		char got[64];

		n += recv(fds[i], got, sizeof(got), MSG_DONTWAIT) == 8;
		close(fds[i]);
	}
	close_bench(&b);
	return n;
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(welcome(3, 5), 3);
	assert_int_equal(welcome(5, 2), 2);
	assert_int_equal(welcome(0, 0), 8);
}

int main(void)
{
	const struct CMUnitTest singles[] = { cmocka_unit_test(test_not_allowed),
					      cmocka_unit_test(test_limits) };
	int failed = RUN_ROWS("listener: names", names, test_name);

	failed += RUN_ROWS("listener: talk", talks, test_talk);
	return failed + cmocka_run_group_tests_name("listener", singles, NULL, NULL);
}
