// SPDX-License-Identifier: GPL-2.0
/*
 * test_hello.c - the greeting: who says what to whom, and what comes of it
 *
 * A row is all that the peer says and all that we must answer. Each runs twice: with everything at
 * once, and byte by byte, where nothing may be judged before it is there.
 */
#include <errno.h>

#include "wire.h"
#include "wire/hello.h"

#define FRAME "00000014 00000004"
#define V2_OK "'-1V2' 00 '677768' 0000 "
#define V3_OK "'-1V3' 00 '766679' 0000 "

/* Either side, so that one function runs both. */
struct side {
	bool client;
	struct hello_server server;
	struct hello_client us;
};

static int step(struct side *s, struct rcur *in, bool eof, struct wcur *out, struct err *e)
{
	return s->client ? hello_client_step(&s->us, in, eof, out, e)
			 : hello_server_step(&s->server, in, out, e);
}

struct row {
	const char *name;
	enum wire_gen most, least; /* least 0: the server's side */
	const char *in;
	bool eof;
	const char *out;
	int result;
	enum wire_gen gen; /* of HELLO_DONE; .next of HELLO_AGAIN */
	size_t left;	   /* bytes at the end of .in that are not taken */
	const char *says;  /* -EPROTO: a part of the text */
	const char *hint;  /* a part of it; NULL: none */
};

static const struct row rows[] = {
	/* The server's side */
	{ "server: V2", 3, 0, V2_OK FRAME, 0, "'V2' 00 'OK'", HELLO_DONE, 2, 8 },
	{ "server: V3", 3, 0, V3_OK FRAME, 0, "'V3' 00 'OK'", HELLO_DONE, 3, 8 },
	{ "server: V2, magic of 6", 3, 0, "'-1V2' 00 '677768' " FRAME, 0, "'V2' 00 'OK'",
	  HELLO_DONE, 2, 8 },
	{ "server: V3, magic of 6", 3, 0, "'-1V3' 00 '766679' " FRAME, 0, "'V3' 00 'OK'",
	  HELLO_DONE, 3, 8 },
	{ "server: V3, magic of 6 and no more", 3, 0, "'-1V3' 00 '766679'", 0, "'V3' 00 'OK'",
	  HELLO_MORE },
	{ "server: V2 of 2014", 3, 0, "'V2' 00 '677768' 00 '0' 00 " FRAME, 0, "'V2'", HELLO_DONE, 2,
	  8 },
	{ "server: V2 of 2014, most V2", 2, 0, "'V2' 00 '677768' 00 '0' 00", 0, "'V2'", HELLO_DONE,
	  2, 0 },
	{ "server: V2 of 2014, most V1", 1, 0, "'V2' 00 '677768' 00 '0' 00", 0, "00", HELLO_MORE },
	{ "server: V2 of 2014, most V1, goes on", 1, 0, "'V2' 00 '677768' 00 '0' 00 00", 0, "00",
	  -EPROTO, 0, 1, "the end of the connection was expected" },
	{ "server: V1", 3, 0, "'2' 00", 0, "", HELLO_DONE, 1, 2 },
	{ "server: V1, most V1", 1, 0, "'128' 00", 0, "", HELLO_DONE, 1, 4 },
	{ "server: V1 for 0 CPUs", 3, 0, "'0' 00", 0, "", HELLO_DONE, 1, 2 },
	{ "server: V2, then V3", 3, 0, "'-1V2' 00 " V3_OK FRAME, 0, "'V2' 00 'V3' 00 'OK'",
	  HELLO_DONE, 3, 8 },
	{ "server: V3, then V2", 3, 0, "'-1V3' 00 " V2_OK FRAME, 0, "'V3' 00 'V2' 00 'OK'",
	  HELLO_DONE, 2, 8 },
	{ "server: V9, then V3", 3, 0, "'-1V9' 00 " V3_OK FRAME, 0, "'V3' 00 'V3' 00 'OK'",
	  HELLO_DONE, 3, 8 },
	{ "server: V9, then V9", 3, 0, "'-1V9' 00 '-1V9' 00", 0, "'V3' 00", -EPROTO, 0, 0,
	  "asked twice for a version that is not spoken here" },
	{ "server: V9, then V8, V7", 3, 0, "'-1V9' 00 '-1V8' 00 '-1V7' 00", 0,
	  "'V3' 00 'V3' 00 'V3' 00", HELLO_MORE },
	{ "server: V1 as a version", 3, 0, "'-1V1' 00", 0, "'V3' 00", HELLO_MORE },
	{ "server, most V2: V3, then V2", 2, 0, "'-1V3' 00 " V2_OK FRAME, 0, "'V2' 00 'V2' 00 'OK'",
	  HELLO_DONE, 2, 8 },
	{ "server, most V2: V3, then V3", 2, 0, "'-1V3' 00 '-1V3' 00", 0, "'V2' 00", -EPROTO, 0, 0,
	  "asked twice" },
	{ "server, most V1: V3", 1, 0, "'-1V3' 00", 0, "", -EPROTO, 0, 0, "told to speak V1 only" },
	{ "server: nine versions", 3, 0,
	  "'-1V2' 00 '-1V3' 00 '-1V2' 00 '-1V3' 00 '-1V2' 00 '-1V3' 00 '-1V2' 00 '-1V3' 00 '-1V2' 00",
	  0, "'V2' 00 'V3' 00 'V2' 00 'V3' 00 'V2' 00 'V3' 00 'V2' 00 'V3' 00", -EPROTO, 0, 0,
	  "more than 8 times" },
	{ "server: -1X", 3, 0, "'-1X3' 00", 0, "", -EPROTO, 0, 0, "does not begin with -1V" },
	{ "server: -1", 3, 0, "'-1' 00", 0, "", -EPROTO, 0, 0, "does not begin with -1V" },
	{ "server: a version of 16 bytes", 3, 0, "'-1V3456789012345' 00", 0, "", -EPROTO, 0, 0,
	  "too long" },
	{ "server: V3 with the magic of V2", 3, 0, "'-1V3' 00 '67'", 0, "'V3' 00", -EPROTO, 0, 2,
	  "the magic number of the version agreed on was expected" },
	{ "server: magic with a wrong end", 3, 0, "'-1V3' 00 '766670' 0000", 0, "'V3' 00", -EPROTO,
	  0, 8, "the magic number" },
	{ "server: V2 of 2014 with another magic", 3, 0, "'V2' 00 '677769'", 0, "", -EPROTO, 0, 9,
	  "the hello of V2 was expected" },
	{ "server: number with letters", 3, 0, "'2x' 00", 0, "", -EPROTO, 0, 3,
	  "the number of CPUs was expected" },
	{ "server: number too large", 3, 0, "'4294967296' 00", 0, "", -EPROTO, 0, 11,
	  "the number of CPUs was expected" },
	{ "server: empty text", 3, 0, "00", 0, "", -EPROTO, 0, 1, "sent 00; the hello" },
	{ "server: a frame of V2", 3, 0, FRAME, 0, "", -EPROTO, 0, 8, "sent 00" },
	{ "server: HTTP", 3, 0, "'G'", 0, "", -EPROTO, 0, 1, "sent 47; the hello" },
	{ "server: half a version", 3, 0, "'-1V3'", 0, "", HELLO_MORE, 0, 4 },
	{ "server: half a magic", 3, 0, "'-1V3' 00 '76667'", 0, "'V3' 00", HELLO_MORE, 0, 5 },
	{ "server: half a number", 3, 0, "'12'", 0, "", HELLO_MORE, 0, 2 },
	{ "server: half of 2014", 3, 0, "'V2' 00 '677768' 00 '0'", 0, "", HELLO_MORE, 0, 11 },

	/* The client's side */
	{ "client: V3", 3, 1, "'tracecmd' 'V3' 00 'OK' ff", 0, "'-1V3' 00 '766679' 0000",
	  HELLO_DONE, 3, 1 },
	{ "client: V2 on the same connection", 3, 1, "'tracecmd' 'V2' 00 'V2' 00 'OK'", 0,
	  "'-1V3' 00 '-1V2' 00 '677768' 0000", HELLO_DONE, 2 },
	{ "client: V2 pinned", 2, 2, "'tracecmd' 'V2' 00 'OK'", 0, "'-1V2' 00 '677768' 0000",
	  HELLO_DONE, 2 },
	{ "client: V1", 1, 1, "'tracecmd'", 0, "", HELLO_DONE, 1 },
	{ "client: V3 closed", 3, 1, "'tracecmd'", 1, "'-1V3' 00", HELLO_AGAIN, 1 },
	{ "client: V3 closed in the answer", 3, 1, "'tracecmd' 'V'", 1, "'-1V3' 00", HELLO_AGAIN, 1,
	  1 },
	{ "client: V3 answered by NUL", 3, 1, "'tracecmd' 00", 0, "'-1V3' 00", HELLO_AGAIN, 1, 1 },
	{ "client: V2 not known behind V2", 3, 1, "'tracecmd' 'V2' 00", 1, "'-1V3' 00 '-1V2' 00",
	  HELLO_AGAIN, 1 },
	{ "client: V3 pinned, closed", 3, 3, "'tracecmd'", 1, "'-1V3' 00", -EPROTO, 0, 0,
	  "did not answer when V3 was asked for", "without --protocol" },
	{ "client: V3 pinned, V2 answered", 3, 3, "'tracecmd' 'V2' 00", 0, "'-1V3' 00", -EPROTO, 0,
	  0, "answered \"V2\" where V3 was asked for", "without --protocol" },
	{ "client: V2 pinned, V3 answered", 2, 2, "'tracecmd' 'V3' 00", 0, "'-1V2' 00", -EPROTO, 0,
	  0, "answered \"V3\" where V2 was asked for", "without --protocol" },
	{ "client: V4 answered", 3, 1, "'tracecmd' 'V4' 00", 0, "'-1V3' 00", -EPROTO, 0, 0,
	  "answered \"V4\" where V3 was asked for", "give --protocol" },
	{ "client: V33 answered", 3, 1, "'tracecmd' 'V33' 00", 0, "'-1V3' 00", -EPROTO, 0, 0,
	  "answered \"V33\"", "give --protocol" },
	{ "client: another answer", 3, 1, "'tracecmd' 'X'", 0, "'-1V3' 00", -EPROTO, 0, 1,
	  "sent 58; the answer of trace-cmd listen was expected", "port" },
	{ "client: V without a number", 3, 1, "'tracecmd' 'V' 00", 0, "'-1V3' 00", -EPROTO, 0, 2,
	  "sent 56 00; the answer", "port" },
	{ "client: not OK", 3, 1, "'tracecmd' 'V3' 00 'ON'", 0, "'-1V3' 00 '766679' 0000", -EPROTO,
	  0, 2, "sent 4f 4e; OK was expected", "port" },
	{ "client: closed before OK", 3, 1, "'tracecmd' 'V3' 00 'O'", 1, "'-1V3' 00 '766679' 0000",
	  -EPROTO, 0, 1, "in the middle of the greeting", "port" },
	{ "client: closed before the greeting", 3, 1, "'trace'", 1, "", -EPROTO, 0, 5,
	  "closed the connection without a greeting", "port" },
	{ "client: another greeting", 3, 1, "'tracecme'", 0, "", -EPROTO, 0, 8,
	  "the greeting of trace-cmd listen was expected", "port" },
	{ "client: half a greeting", 3, 1, "'tracecm'", 0, "", HELLO_MORE, 0, 7 },
	{ "client: half an answer", 3, 1, "'tracecmd' 'V3'", 0, "'-1V3' 00", HELLO_MORE, 0, 2 },
	{ "client: half an OK", 3, 1, "'tracecmd' 'V3' 00 'O'", 0, "'-1V3' 00 '766679' 0000",
	  HELLO_MORE, 0, 1 },
};

static void check_end(const struct row *t, const struct side *s, int ret, const struct err *e)
{
	assert_int_equal(ret, t->result);
	if (ret == HELLO_DONE)
		assert_int_equal(s->client ? s->us.gen : s->server.gen, t->gen);
	if (ret == HELLO_AGAIN)
		assert_int_equal(s->us.next, t->gen);
	if (ret != -EPROTO)
		return;
	assert_int_equal(e->code, EPROTO);
	if (t->hint && !strstr(e->hint, t->hint))
		fail_msg("\"%s\" is not in the hint \"%s\"", t->hint, e->hint);
}

/* Feed all in pieces of @piece bytes. */
static void run(const struct row *t, size_t piece)
{
	uint8_t in[128], out[HELLO_OUT_MAX], want[HELLO_OUT_MAX];
	size_t len = wire_bytes(t->in, in, sizeof(in)), fed = 0, used = 0;
	size_t answer = wire_bytes(t->out, want, sizeof(want));
	struct wcur w = wcur_make(out, sizeof(out), false);
	struct side s = { .client = t->least != 0 };
	struct err e = { 0 };
	int ret;

	hello_server_begin(&s.server, t->most);
	hello_client_begin(&s.us, t->most, t->least);
	do {
		struct rcur c;
		bool eof;

		fed = fed + piece < len ? fed + piece : len;
		eof = t->eof && fed == len;
		c = rcur_make(in + used, fed - used, false);
		ret = step(&s, &c, eof, &w, &e);
		assert_false(c.bad);
		used = (size_t)(c.p - in);
	} while (ret == HELLO_MORE && fed < len);
	check_end(t, &s, ret, &e);
	assert_false(w.bad);
	assert_int_equal(w.p - out, answer);
	assert_memory_equal(out, want, answer);
	if (piece == 1) /* what is wrong is refused with its first wrong byte */
		return;
	assert_int_equal(len - used, t->left);
	if (t->says && !strstr(e.what, t->says))
		fail_msg("\"%s\" is not in \"%s\"", t->says, e.what);
}

static void test_row(void **state)
{
	run(*state, 128);
	run(*state, 1);
}

static void test_greet(void **state)
{
	uint8_t out[16];
	struct wcur w = wcur_make(out, sizeof(out), false);

	(void)state;
	hello_server_greet(&w);
	assert_int_equal(w.p - out, 8);
	assert_memory_equal(out, "tracecmd", 8);
}

/* The magic with both NULs is the end, when no frame is there yet. */
static void test_magic_alone(void **state)
{
	static const struct row whole = { "magic of 8",	  3,	      0, V3_OK, 0,
					  "'V3' 00 'OK'", HELLO_DONE, 3, 0 };

	(void)state;
	run(&whole, 128);
}

/* Cut between the magic and its NULs at each place; the frame behind them is found. */
static void test_magic_cut(void **state)
{
	uint8_t in[32], out[HELLO_OUT_MAX];
	size_t len = wire_bytes(V2_OK FRAME, in, sizeof(in));

	(void)state;
	for (size_t cut = 1; cut < len; cut++) {
		struct wcur w = wcur_make(out, sizeof(out), false);
		struct rcur c = rcur_make(in, cut, false);
		struct hello_server h;
		int ret;

		hello_server_begin(&h, WIRE_V3);
		ret = hello_server_step(&h, &c, &w, NULL);
		c.left += len - cut;
		if (ret == HELLO_MORE)
			ret = hello_server_step(&h, &c, &w, NULL);
		assert_int_equal(ret, HELLO_DONE);
		assert_int_equal(c.left, 8);
	}
}

/* A hello that never ends is refused at 8192 bytes, and not before. */
static void test_endless(void **state)
{
	static uint8_t in[8192];
	struct hello_server h;
	struct rcur c = rcur_make(in, sizeof(in) - 1, false);
	struct err e = { 0 };

	(void)state;
	memset(in, '1', sizeof(in));
	hello_server_begin(&h, WIRE_V3);
	assert_int_equal(hello_server_step(&h, &c, NULL, &e), HELLO_MORE);
	c.left++;
	assert_int_equal(hello_server_step(&h, &c, NULL, &e), -EPROTO);
	assert_non_null(strstr(e.what, "sent 8192 bytes of hello without its end"));
}

/* The error names what the peer seems to be. */
static void test_guess(void **state)
{
	static const struct {
		const char *in, *says;
	} peers[] = {
		{ "'GET / HTTP/1.1'", "seems to speak HTTP; the hello" },
		{ "00000056 00000006 00000010",
		  "seems to speak the protocol V3 of trace-cmd agent" },
		{ "'SSH-2.0-x'", "seems to speak SSH; the greeting" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		uint8_t in[32];
		size_t len = wire_bytes(peers[i].in, in, sizeof(in));
		struct rcur c = rcur_make(in, len, false);
		struct side s = { .client = strstr(peers[i].says, "greeting") };
		struct err e = { 0 };

		hello_server_begin(&s.server, WIRE_V3);
		hello_client_begin(&s.us, WIRE_V3, WIRE_V1);
		assert_int_equal(step(&s, &c, false, NULL, &e), -EPROTO);
		if (!strstr(e.what, peers[i].says))
			fail_msg("\"%s\" is not in \"%s\"", peers[i].says, e.what);
	}
}

/* Both sides against each other, for every pair of what they may speak. */
static void test_pairs(void **state)
{
	(void)state;
	for (enum wire_gen server = WIRE_V1; server <= WIRE_V3; server++)
		for (enum wire_gen client = WIRE_V1; client <= WIRE_V3; client++) {
			uint8_t to_server[64], to_client[64];
			struct wcur ws = wcur_make(to_client, 64, false),
				    wc = wcur_make(to_server, 64, false);
			struct rcur rs = rcur_make(to_server, 0, false),
				    rc = rcur_make(to_client, 0, false);
			struct hello_server h;
			struct hello_client c;
			int hs = HELLO_MORE, hc = HELLO_MORE;

			hello_server_begin(&h, server);
			hello_client_begin(&c, client, WIRE_V1);
			hello_server_greet(&ws);
			for (int i = 0; i < 4 && hc == HELLO_MORE; i++) {
				rc.left = (size_t)(ws.p - rc.p);
				hc = hello_client_step(&c, &rc, hs < 0, &wc, NULL);
				rs.left = (size_t)(wc.p - rs.p);
				if (hs == HELLO_MORE)
					hs = hello_server_step(&h, &rs, &ws, NULL);
			}
			if (client > WIRE_V1 && server == WIRE_V1) {
				assert_int_equal(hc, HELLO_AGAIN);
				assert_int_equal(c.next, WIRE_V1);
			} else {
				assert_int_equal(hc, HELLO_DONE);
				assert_int_equal(c.gen, server < client ? server : client);
			}
		}
}

int main(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test(test_greet),	  cmocka_unit_test(test_magic_alone),
		cmocka_unit_test(test_magic_cut), cmocka_unit_test(test_endless),
		cmocka_unit_test(test_guess),	  cmocka_unit_test(test_pairs),
	};
	struct CMUnitTest tests[ARRAY_SIZE(rows) + ARRAY_SIZE(single)], *t = tests;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		*t++ = (struct CMUnitTest){ .name = rows[i].name,
					    .test_func = test_row,
					    .initial_state = (void *)&rows[i] };
	memcpy(t, single, sizeof(single));
	return cmocka_run_group_tests_name("hello", tests, NULL, NULL);
}
