// SPDX-License-Identifier: GPL-2.0
/*
 * test_net_link.c - the beginning of a recording, with listeners of all generations
 *
 * A row is a listener: its script byte for byte (see listener.h), and what the link makes of it.
 */
#include "tests/unit/recording/listener.h"

#include <signal.h>

#include "recording/net-link.h"

#define HI	  "tracecmd"
#define TINIT_V1  "2\0004096\0000\0"
#define TINIT_V2  "\0\0\0\x14\0\0\0\4\0\0\0\2\0\0\x10\0\0\0\0\0"
#define TINIT_V2T "\0\0\0\x20\0\0\0\4\0\0\0\2\0\0\x10\0\0\0\0\1\0\0\0\x0c\0\0\0\1\0\0\0\0"
#define TINIT_V3  "\0\0\0\1\0\0\0\x0c\0\0\0\2\0\0\x10\0\0\0\0\1tcx=" /* behind its size */
#define TINIT_V3T "\0\0\0\1\0\0\0\x0c\0\0\0\2\0\0\x10\0\0\0\0\2tcp\0tcx="
#define RINIT_V3                             \
	"\0\0\0\x1a\0\0\0\2\0\0\0\4\0\0\0\2" \
	"1500\0"                             \
	"1501\0"
#define RINIT_OURS                           \
	"\0\0\0\x26\0\0\0\2\0\0\0\4\0\0\0\2" \
	"1500\0"                             \
	"1501\0"                             \
	"tcx=ff,0,me\0"
#define RINIT_9                              \
	"\0\0\0\x16\0\0\0\2\0\0\0\4\0\0\0\1" \
	"1500\0\0"
#define NOT_SUPP "\0\0\0\x0c\0\0\0\5\0\0\0\0"
#define PORTS_V2 "\0\0\0\2\0\0\5\xdc\0\0\5\xdd" /* 1500, 1501 */
#define RINIT_V2 "\0\0\0\x14\0\0\0\5" PORTS_V2
#define V3_OK	 STEP("", HI), STEP("-1V3\0", "V3\0"), STEP("766679\0\0", "OK")
#define V2_OK	 STEP("-1V2\0", "V2\0"), STEP("677768\0\0", "OK")

/* 254 slots of rubbish behind the two ports: 1036 bytes, as servers of 2015 send them. */
#define RUBBISH_2  "\x20\x20\x20\x20\x20\x20\x20\x20"
#define RUBBISH_8  RUBBISH_2 RUBBISH_2 RUBBISH_2 RUBBISH_2
#define RUBBISH_32 RUBBISH_8 RUBBISH_8 RUBBISH_8 RUBBISH_8
#define RUBBISH                                                                                \
	RUBBISH_32 RUBBISH_32 RUBBISH_32 RUBBISH_32 RUBBISH_32 RUBBISH_32 RUBBISH_32 RUBBISH_8 \
		RUBBISH_8 RUBBISH_8 RUBBISH_2 RUBBISH_2 RUBBISH_2
#define RINIT_2015 "\0\0\4\x0c\0\0\0\5" PORTS_V2 RUBBISH

/* clang-format off */
static const struct row {
	const char *name;
	struct script scripts[CONNECTIONS_MAX];
	bool tcp;
	enum wire_gen pinned;
	int want;
	enum wire_gen gen;
	uint32_t features;
	const char *words; /* in the error text */
} rows[] = {
	{ "V3, stock", { { { V3_OK, FRAME(TINIT_V3, RINIT_V3) } } },
	  .gen = WIRE_V3 },
	{ "V3, stock, TCP", { { { V3_OK, FRAME(TINIT_V3T, RINIT_V3) } } },
	  .tcp = true, .gen = WIRE_V3 },
	{ "V3, ours: only what was asked for is granted", { { { V3_OK, FRAME(TINIT_V3, RINIT_OURS) } } },
	  .gen = WIRE_V3, .features = MSG_F_ALL_UDP },
	{ "V2 of 2015, on the same connection",
	  { { { STEP("", HI), STEP("-1V3\0", "V2\0"), V2_OK, STEP(TINIT_V2, RINIT_2015) } } },
	  .gen = WIRE_V2 },
	{ "V2 of 2016, TCP",
	  { { { STEP("", HI), STEP("-1V3\0", "V2\0"), V2_OK, STEP(TINIT_V2T, RINIT_V2) } } },
	  .tcp = true, .gen = WIRE_V2 },
	{ "V2 of 2014: an empty list of ports, then V1",
	  { { { STEP("", HI), STEP("-1V3\0", "\0") } },
	    { { STEP("", HI), STEP(TINIT_V1, "1500,1501\0") } } },
	  .gen = WIRE_V1 },
	{ "V1 closes at a version, then speaks V1",
	  { { { STEP("", HI), STEP("-1V3\0", "") } },
	    { { STEP("", HI), STEP(TINIT_V1, "1500,1501\0") } } },
	  .gen = WIRE_V1 },
	{ "V1, TCP",
	  { { { STEP("", HI), STEP("-1V3\0", "") } },
	    { { STEP("", HI), STEP("2\0004096\0001\0004\0TCP\0", "1500,1501\0") } } },
	  .tcp = true, .gen = WIRE_V1 },
	{ "a reset instead of an end",
	  { { { STEP("", HI), STEP("-1", "") } },
	    { { STEP("", HI), STEP(TINIT_V1, "1500,1501\0") } } },
	  .gen = WIRE_V1 },
	{ "V1 is pinned", { { { STEP("", HI), STEP(TINIT_V1, "1500,1501\0") } } },
	  .pinned = WIRE_V1, .gen = WIRE_V1 },
	{ "V2 is pinned", { { { STEP("", HI), V2_OK, STEP(TINIT_V2, RINIT_V2) } } },
	  .pinned = WIRE_V2, .gen = WIRE_V2 },
	{ "V3 is pinned, and the listener knows V1", { { { STEP("", HI), STEP("-1V3\0", "") } } },
	  .pinned = WIRE_V3, .want = -EPROTO, .words = "V1" },
	{ "V2 is pinned, and the listener knows V3", { { { STEP("", HI), STEP("-1V2\0", "V3\0") } } },
	  .pinned = WIRE_V2, .want = -EPROTO, .words = "V3" },
	{ "no greeting", { { { STEP("", "\0") } } },
	  .want = -EPROTO, .words = "greeting" },
	{ "another service", { { { STEP("", "SSH-2.0-OpenSSH_9.2\r\n") } } },
	  .want = -EPROTO, .words = "SSH" },
	{ "nonsense for a version", { { { STEP("", HI), STEP("-1V3\0", "Hello\0") } } },
	  .want = -EPROTO, .words = "answer" },
	{ "closed instead of RINIT", { { { V3_OK, FRAME(TINIT_V3, "") } } },
	  .want = -EPIPE, .words = "has closed" },
	{ "nonsense for RINIT", { { { V3_OK, FRAME(TINIT_V3, "\0\0\0\x0c\0\0\0\x63\0\0\0\0") } } },
	  .want = -EPROTO, .words = "99" },
	{ "NOT_SUPP for TINIT", { { { V3_OK, FRAME(TINIT_V3, NOT_SUPP) } } },
	  .want = -ECONNREFUSED, .words = "refuses" },
	{ "CLOSE for RINIT", { { { V3_OK, FRAME(TINIT_V3, "\0\0\0\x0c\0\0\0\0\0\0\0\0") } } },
	  .want = -ECANCELED, .words = "ends the recording" },
	{ "another number of CPUs", { { { V3_OK, FRAME(TINIT_V3, RINIT_9) } } },
	  .want = -EPROTO, .words = "1 CPUs" },
	{ "fewer ports than CPUs, V1",
	  { { { STEP("", HI), STEP(TINIT_V1, "1500\0") } } },
	  .pinned = WIRE_V1, .want = -EPROTO, .words = "CPUs" },
	{ "more connections than generations",
	  { { { STEP("", HI), STEP("-1V3\0", "") } },
	    { { STEP("", HI), STEP(TINIT_V1, "") } } },
	  .want = -EPIPE, .words = "has closed" },
};
/* clang-format on */

static struct net_link *open_link(const struct listener *l, enum wire_gen pinned)
{
	struct net_link_opts o = { .host = "127.0.0.1",
				   .port = l->port,
				   .most = pinned ? pinned : WIRE_V3,
				   .least = pinned ? pinned : WIRE_V1,
				   .wait_ns = 2 * NSEC_PER_SEC,
				   .peer = "test" };
	struct net_link *link = net_link_new(&o, NULL);

	assert_non_null(link);
	assert_int_equal(net_link_connect(link, NULL), 0);
	return link;
}

static const struct client_wish udp = { .cpus = 2, .page_size = 4096, .features = MSG_F_ALL_UDP };

static void test_row(void **state)
{
	const struct row *row = *state;
	struct listener l = { .scripts = row->scripts };
	struct client_wish wish = udp;
	struct client_terms terms;
	struct net_link *link;
	struct err e = { 0 };
	int ret;

	wish.tcp = row->tcp;
	listener_start(&l);
	link = open_link(&l, row->pinned);
	ret = net_link_begin(link, &wish, &terms, &e);
	listener_join(&l);
	if (l.wrong[0] || ret != row->want)
		fail_msg("%d (%s); %s", ret, e.what, l.wrong);
	if (row->words && !strstr(e.what, row->words))
		fail_msg("'%s' is not in '%s'", row->words, e.what);
	if (!row->want) {
		assert_int_equal(terms.gen, row->gen);
		assert_int_equal(terms.features, row->features);
		assert_int_equal(terms.nports, 2);
		assert_int_equal(terms.port[0], 1500);
		assert_int_equal(terms.port[1], 1501);
		/* The script is at its end: the listener has died while we record. */
		while (!(ret = client_check(net_link_client(link), &e)))
			usleep(1000);
		assert_int_equal(ret, -EPIPE);
	}
	net_link_free(link);
}

/* It accepts, and then nothing. */
static void test_silent(void **state)
{
	struct net_link_opts o = { .host = "127.0.0.1",
				   .most = WIRE_V3,
				   .least = WIRE_V1,
				   .wait_ns = 200 * NSEC_PER_MSEC,
				   .peer = "test" };
	int fd = bind_loopback(SOCK_STREAM, &o.port);
	struct net_link *link = net_link_new(&o, NULL);
	struct client_terms terms;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(net_link_connect(link, &e), 0);
	assert_int_equal(net_link_begin(link, &udp, &terms, &e), -ETIMEDOUT);
	assert_non_null(strstr(e.what, "does not answer"));
	net_link_free(link);
	close(fd);
}

/* The plan took so long that the listener gave us up before we said anything. */
static void test_stale(void **state)
{
	static const struct script scripts[CONNECTIONS_MAX] = {
		{ { STEP("", HI) } },
		{ { V3_OK, FRAME(TINIT_V3, RINIT_V3) } },
	};
	struct listener l = { .scripts = scripts };
	struct client_terms terms;
	struct net_link *link;
	struct err e = { 0 };

	(void)state;
	listener_start(&l);
	link = open_link(&l, 0);
	usleep(100000);
	assert_int_equal(net_link_begin(link, &udp, &terms, &e), 0);
	listener_join(&l);
	assert_string_equal(l.wrong, "");
	assert_int_equal(terms.gen, WIRE_V3);
	net_link_free(link);
}

static void test_refused(void **state)
{
	struct net_link_opts o = { .host = "127.0.0.1", .most = WIRE_V3, .least = WIRE_V1 };
	struct net_link *link;
	struct err e = { 0 };

	(void)state;
	close(bind_loopback(SOCK_STREAM, &o.port));
	link = net_link_new(&o, NULL);
	assert_int_equal(net_link_connect(link, &e), -ECONNREFUSED);
	assert_non_null(strstr(e.hint, "trace-cmd listen -p"));
	net_link_free(link);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows) + 3] = {
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_refused),
	};

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tests[3 + i] = (struct CMUnitTest){ .name = rows[i].name,
						    .test_func = test_row,
						    .initial_state = (void *)(uintptr_t)&rows[i] };
	return cmocka_run_group_tests_name("net-link", tests, NULL, NULL);
}
