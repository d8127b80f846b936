// SPDX-License-Identifier: GPL-2.0
/*
 * test_net_listen.c - addresses, prefixes, the control port, data ports, names of peers
 */
#include "tests/unit/base/rows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "transport/net-name.h"

static struct net_addr make_addr(const char *text, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_vm vm = { .svm_family = AF_VSOCK, .svm_port = port };
	struct net_addr a = { .len = 0 };

	if (*text == 'V') {
		vm.svm_cid = (unsigned int)strtoul(text + 1, NULL, 10);
		memcpy(&a.sa, &vm, a.len = sizeof(vm));
	} else if (strchr(text, ':')) {
		assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
		memcpy(&a.sa, &in6, a.len = sizeof(in6));
	} else {
		assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
		memcpy(&a.sa, &in, a.len = sizeof(in));
	}
	return a;
}

static const struct text_row {
	const char *name, *addr, *text;
} texts[] = {
	{ "text: IPv4", "192.0.2.7", "192.0.2.7" },
	{ "text: IPv6", "2001:db8::1", "2001:db8::1" },
	{ "text: IPv4 on an IPv6 socket", "::ffff:192.0.2.7", "192.0.2.7" },
	{ "text: vsock", "V3", "V3" },
};

static void test_text(void **state)
{
	const struct text_row *t = *state;
	struct net_addr a = make_addr(t->addr, 1234);
	char text[NET_ADDR_TEXT];

	assert_string_equal(net_addr_text(&a, text, sizeof(text)), t->text);
	assert_int_equal(net_addr_port(&a), 1234);
}

static const struct same_row {
	const char *name, *a, *b;
	bool same;
} sames[] = {
	{ "same: IPv4", "192.0.2.7", "192.0.2.7", true },
	{ "same: another IPv4", "192.0.2.7", "192.0.2.8", false },
	{ "same: both forms of IPv4", "192.0.2.7", "::ffff:192.0.2.7", true },
	{ "same: IPv6 with the same last bytes", "192.0.2.7", "::192.0.2.7", false },
	{ "same: IPv6", "2001:db8::1", "2001:db8::1", true },
	{ "same: vsock", "V3", "V3", true },
	{ "same: another cid", "V3", "V4", false },
	{ "same: vsock and IP", "V3", "192.0.2.7", false },
};

static void test_same(void **state)
{
	const struct same_row *t = *state;
	struct net_addr a = make_addr(t->a, 1), b = make_addr(t->b, 2);

	assert_int_equal(net_addr_same(&a, &b), t->same);
	assert_int_equal(net_addr_same(&b, &a), t->same);
}

static const struct prefix_row {
	const char *name, *prefix;
	const char *in, *out; /* an address that it has, one that it has not; NULL in: refused */
	const char *hint;     /* in the error */
} prefixes[] = {
	{ "prefix: one IPv4", "192.0.2.7", "192.0.2.7", "192.0.2.8", NULL },
	{ "prefix: one IPv6", "2001:db8::7", "2001:db8::7", "2001:db8::8", NULL },
	{ "prefix: /24", "192.0.2.0/24", "192.0.2.255", "192.0.3.0", NULL },
	{ "prefix: /25", "192.0.2.128/25", "192.0.2.128", "192.0.2.127", NULL },
	{ "prefix: IPv4 by its IPv6 form", "192.0.2.0/24", "::ffff:192.0.2.1", "::192.0.2.1",
	  NULL },
	{ "prefix: /0 of IPv4", "0.0.0.0/0", "10.1.2.3", "2001:db8::1", NULL },
	{ "prefix: /0 of all", "::/0", "10.1.2.3", "V3", NULL },
	{ "prefix: /32 of IPv6", "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1", NULL },
	{ "prefix: /33 of IPv6", "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1", NULL },
	{ "prefix: bits behind it", "192.0.2.7/24", NULL, NULL, "without the /24" },
	{ "prefix: too long", "192.0.2.7/33", NULL, NULL, NULL },
	{ "prefix: no number", "192.0.2.0/x", NULL, NULL, NULL },
	{ "prefix: nothing behind /", "192.0.2.0/", NULL, NULL, NULL },
	{ "prefix: a name", "localhost", NULL, NULL, "192.0.2.0/24" },
	{ "prefix: empty", "", NULL, NULL, NULL },
	{ "prefix: a very long word",
	  "1111111111111111111111111111111111111111111111111111111111111111/8", NULL, NULL, NULL },
};

static void test_prefix(void **state)
{
	const struct prefix_row *t = *state;
	struct err e = { 0 };
	struct net_prefix p;
	struct net_addr in, out;

	if (!t->in) {
		assert_int_equal(net_prefix_parse(t->prefix, &p, &e), -EINVAL);
		assert_true(e.code == EINVAL && e.what[0]);
		assert_true(!t->hint || strstr(e.hint, t->hint));
		return;
	}
	in = make_addr(t->in, 0);
	out = make_addr(t->out, 0);
	assert_int_equal(net_prefix_parse(t->prefix, &p, &e), 0);
	assert_true(net_prefix_has(&p, &in));
	assert_false(net_prefix_has(&p, &out));
}

/* Sockets */

static uint16_t port_of(int fd)
{
	struct net_addr a = { .len = sizeof(a.sa) };

	assert_int_equal(getsockname(fd, (struct sockaddr *)&a.sa, &a.len), 0);
	return (uint16_t)net_addr_port(&a);
}

static int dial(const char *addr, uint16_t port, int type)
{
	struct net_addr a = make_addr(addr, port);
	int fd = socket(a.sa.ss_family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (!connect(fd, (struct sockaddr *)&a.sa, a.len))
		return fd;
	close(fd);
	return -1;
}

static void test_accept(void **state)
{
	AUTO_FD fd = net_listen(NET_TCP, NULL, 0, NULL);
	struct net_addr peer, want = make_addr("127.0.0.1", 0);
	AUTO_FD client = -1;
	AUTO_FD got = -1;
	int on = 0;
	socklen_t len = sizeof(on);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(net_accept(fd, &peer, NULL), -EAGAIN);
	client = dial("127.0.0.1", port_of(fd), SOCK_STREAM);
	got = net_accept(fd, &peer, NULL);
	assert_true(client >= 0 && got >= 0);
	assert_true(net_addr_same(&peer, &want));
	assert_int_equal(net_addr_port(&peer), port_of(client));
	assert_int_equal(getsockopt(got, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	assert_true(on);
}

static void test_bind(void **state)
{
	AUTO_FD fd = net_listen(NET_TCP, "127.0.0.1", 0, NULL);
	struct err e = { 0 };
	AUTO_FD other = -1;

	(void)state;
	assert_true(fd >= 0);
	other = dial("127.0.0.2", port_of(fd), SOCK_STREAM);
	assert_int_equal(other, -1);
	assert_int_equal(net_listen(NET_TCP, "127.0.0.1", port_of(fd), &e), -EADDRINUSE);
	assert_non_null(strstr(e.hint, "-p"));
	err_clear(&e);
	assert_true(net_listen(NET_TCP, "192.0.2.1", 0, &e) < 0);
	assert_non_null(strstr(e.what, "192.0.2.1"));
}

/* Ports count upward, each search behind the last; UDP and TCP are counted alike. */
static void test_data_ports(void **state)
{
	AUTO_FD fd = net_listen(NET_TCP, "127.0.0.1", 0, NULL);
	AUTO_FD client = dial("127.0.0.1", port_of(fd), SOCK_STREAM);
	struct net_addr peer;
	AUTO_FD control = net_accept(fd, &peer, NULL);

	(void)state;
	for (enum net_kind k = NET_UDP; k <= NET_TCP; k++) {
		uint32_t from = NET_DATA_PORT;
		AUTO_FD a = net_data_port(k, control, &from, NULL);
		uint32_t first = from - 1;
		AUTO_FD b = net_data_port(k, control, &from, NULL);
		uint32_t again = first;
		AUTO_FD c = net_data_port(k, control, &again, NULL);

		assert_true(a >= 0 && b >= 0 && c >= 0);
		assert_true(first >= NET_DATA_PORT && port_of(a) == first);
		assert_true(port_of(b) > first && from == port_of(b) + 1U);
		assert_true(port_of(c) > port_of(b)); /* both are taken */
	}
	(void)client;
}

static void test_ports_run_out(void **state)
{
	AUTO_FD fd = net_listen(NET_TCP, "127.0.0.1", 0, NULL);
	uint32_t from = NET_DATA_PORT_MAX + 1;
	struct err e = { 0 };

	(void)state;
	assert_true(net_data_port(NET_TCP, fd, &from, &e) < 0);
	assert_non_null(strstr(e.what, "6000"));
}

static void test_vsock(void **state)
{
	AUTO_FD fd = net_listen(NET_VSOCK, NULL, 0, NULL);
	struct net_addr peer;
	AUTO_FD client = -1;
	AUTO_FD got = -1;

	(void)state;
	if (fd < 0)
		skip(); /* no vsock here */
	for (unsigned int cid = 1; cid <= 2 && client < 0; cid++) {
		char text[8];

		snprintf(text, sizeof(text), "V%u", cid);
		client = dial(text, port_of(fd), SOCK_STREAM);
	}
	if (client < 0)
		skip(); /* no loopback: the module vsock_loopback */
	got = net_accept(fd, &peer, NULL);
	assert_true(got >= 0);
}

/* Names */

struct answer {
	unsigned int calls;
	char name[NET_NAME_MAX];
};

static void answered(void *ctx, const char *name)
{
	struct answer *a = ctx;

	a->calls++;
	snprintf(a->name, sizeof(a->name), "%s", name ? name : "(none)");
}

static void ask(unsigned int most, const char *addr, uint64_t wait_ns, struct answer *a)
{
	struct net_addr addr_of = make_addr(addr, 0);
	struct net_names *names = net_names_new(most, NULL);
	struct loop *l = loop_new(NULL);
	struct net_name *n = net_name_begin(names, l, &addr_of, wait_ns, answered, a, NULL);

	assert_non_null(n);
	for (int i = 0; i < 500 && !a->calls; i++)
		loop_once(l, 10 * NSEC_PER_MSEC, NULL);
	loop_once(l, 0, NULL);
	net_name_free(n);
	net_names_free(names);
	loop_free(l);
}

static void test_name(void **state)
{
	struct answer a = { 0 };

	(void)state;
	ask(4, "127.0.0.1", 4 * NSEC_PER_SEC, &a);
	assert_int_equal(a.calls, 1);
	assert_true(a.name[0]);
}

static void test_name_limits(void **state)
{
	struct answer none = { 0 }, late = { 0 };

	(void)state;
	ask(0, "127.0.0.1", 60 * NSEC_PER_SEC, &none); /* no thread may run */
	assert_int_equal(none.calls, 1);
	assert_string_equal(none.name, "(none)");
	ask(4, "192.0.2.1", 0, &late); /* the answer, if one ever comes, is not waited for */
	assert_int_equal(late.calls, 1);
}

int main(void)
{
	const struct CMUnitTest singles[] = {
		cmocka_unit_test(test_accept),	    cmocka_unit_test(test_bind),
		cmocka_unit_test(test_data_ports),  cmocka_unit_test(test_ports_run_out),
		cmocka_unit_test(test_vsock),	    cmocka_unit_test(test_name),
		cmocka_unit_test(test_name_limits),
	};
	int failed = RUN_ROWS("net: text", texts, test_text);

	failed += RUN_ROWS("net: same", sames, test_same);
	failed += RUN_ROWS("net: prefix", prefixes, test_prefix);
	return failed + cmocka_run_group_tests_name("net: sockets", singles, NULL, NULL);
}
