// SPDX-License-Identifier: GPL-2.0
/* test_net_connect.c - addresses as they are typed, and connections on the loopback */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "transport/net.h"

/* clang-format off */
static const struct row {
	const char *text;
	enum net_kind kind;
	const char *host; /* NULL: refused */
	uint32_t port;
} rows[] = {
	{ "localhost:1500", NET_TCP, "localhost", 1500 },
	{ "192.0.2.7:1", NET_UDP, "192.0.2.7", 1 },
	{ "[2001:db8::7]:65535", NET_TCP, "2001:db8::7", 65535 },
	{ ":1500", NET_TCP, "localhost", 1500 },
	{ "1500", NET_TCP, "localhost", 1500 },
	{ "", NET_TCP }, { ":", NET_TCP }, { "host", NET_TCP }, { "host:", NET_TCP },
	{ "host:0", NET_TCP }, { "host:65536", NET_TCP }, { "host:1x", NET_TCP },
	{ "host:-1", NET_TCP }, { "host: 1", NET_TCP }, { "::1:1500", NET_TCP }, { "a:b:1", NET_TCP },
	{ "[::1]", NET_TCP }, { "[::1]1500", NET_TCP }, { "[::1:1500", NET_TCP }, { "[]:1", NET_TCP },
	{ "3:823", NET_VSOCK, "3", 823 },
	{ "823", NET_VSOCK, "2", 823 },
	{ ":4000000000", NET_VSOCK, "2", 4000000000 },
	{ "host:823", NET_VSOCK }, { "-1:823", NET_VSOCK }, { "3:", NET_VSOCK },
	{ "4294967295:1", NET_VSOCK }, { "3:4294967295", NET_VSOCK },
};
/* clang-format on */

static void test_row(void **state)
{
	const struct row *row = *state;
	char host[NET_NAME_MAX];
	struct err e = { 0 };
	uint32_t port = 0;
	int ret = net_split(row->kind, row->text, host, &port, &e);

	assert_int_equal(ret, row->host ? 0 : -EINVAL);
	if (!row->host) {
		assert_non_null(strstr(e.hint, "PORT"));
		return;
	}
	assert_string_equal(host, row->host);
	assert_int_equal(port, row->port);
}

static void test_long_name(void **state)
{
	char text[NET_NAME_MAX + 8], host[NET_NAME_MAX];
	uint32_t port;

	(void)state;
	memset(text, 'a', sizeof(text));
	snprintf(text + NET_NAME_MAX, 8, ":1");
	assert_int_equal(net_split(NET_TCP, text, host, &port, NULL), -EINVAL);
	snprintf(text + NET_NAME_MAX - 1, 8, ":1");
	assert_int_equal(net_split(NET_TCP, text, host, &port, NULL), 0);
	assert_int_equal(strlen(host), NET_NAME_MAX - 1);
}

static int bound(int type, uint32_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, type, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

/* "localhost" may be ::1 first, where nobody listens. UDP goes to the peer of the control. */
static void test_connects(void **state)
{
	uint32_t port, beside;
	int server = bound(SOCK_STREAM, &port), data = bound(SOCK_DGRAM, &beside);
	struct err e = { 0 };
	int control, udp;
	char got[8];

	(void)state;
	assert_int_equal(listen(server, 1), 0);
	control = net_connect(NET_TCP, "localhost", port, NSEC_PER_SEC, &e);
	assert_true(control >= 0);
	assert_true(fcntl(control, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(control, F_GETFD) & FD_CLOEXEC);
	udp = net_connect_beside(NET_UDP, control, beside, NSEC_PER_SEC, &e);
	assert_true(udp >= 0);
	assert_int_equal(write(udp, "page", 4), 4);
	assert_int_equal(read(data, got, sizeof(got)), 4);
	assert_int_equal(net_connect_beside(NET_TCP, control, 0, NSEC_PER_SEC, &e), -EPROTO);
	assert_int_equal(net_connect_beside(NET_TCP, control, 65536, NSEC_PER_SEC, &e), -EPROTO);
	assert_int_equal(net_connect_beside(NET_TCP, control, beside, NSEC_PER_SEC, &e),
			 -ECONNREFUSED);
	close(control);
	close(udp);
	close(data);
	close(server);
	assert_int_equal(net_connect(NET_TCP, "127.0.0.1", port, NSEC_PER_SEC, &e), -ECONNREFUSED);
	assert_non_null(strstr(e.what, "127.0.0.1"));
	assert_non_null(strstr(e.hint, "listen -p"));
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows) + 2] = {
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_connects),
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tests[2 + i] = (struct CMUnitTest){ .name = rows[i].text,
						    .test_func = test_row,
						    .initial_state = (void *)(uintptr_t)&rows[i] };
	return cmocka_run_group_tests_name("net-connect", tests, NULL, NULL);
}
