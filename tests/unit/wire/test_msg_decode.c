// SPDX-License-Identifier: GPL-2.0
/*
 * test_msg_decode.c - what the decoder accepts, refuses and waits for
 *
 * The expectations are written down by hand and not taken from MSG_LIST: which message is legal in
 * which state, and the first words of each refusal.
 */
#include "wire.h"

#include <errno.h>

#define EXT_OPT "00000017 74637801 00000007 1122334455667788 'me' 00"

/* One good message of each type. */
static const char *const good[MSG_NR] = {
	[MSG_ERROR] = "00000010 00000000 00000008 00000063",
	[MSG_CLOSE] = "00000008 00000001",
	[MSG_TCONNECT] = "00000008 00000002",
	[MSG_RCONNECT] = "00000018 00000003 0000000c 'tracecmd-V2' 00",
	[MSG_TINIT] =
		"00000037 00000004 00000002 00001000 00000002 0000000c 00000001 00000000 " EXT_OPT,
	[MSG_RINIT] = "0000000c 00000005 00000002",
	[MSG_SENDMETA] = "0000000f 00000006 00000003 'abc'",
	[MSG_FINMETA] = "00000008 00000007",
};

/* 'x' = legal, in the order of enum msg_type: ERROR CLOSE TCONNECT RCONNECT TINIT RINIT SEND FIN */
static const char *const legal[MSG_NR_STATES] = {
	[MSG_S_IDLE] = ".xx.....",	[MSG_S_GREETED] = ".xx.x...", [MSG_S_META] = ".xx...xx",
	[MSG_S_RECORDING] = ".xx...x.", [MSG_S_TAIL] = ".xx...xx",    [MSG_S_CLOSING] = ".xx.....",
	[MSG_C_CONNECT] = "xx.x....",	[MSG_C_INIT] = "xx.x.x..",    [MSG_C_RUNNING] = "xx......",
};

static enum msg_state a_legal_state(size_t type)
{
	enum msg_state s = 0;

	while (legal[s][type] != 'x')
		s++;
	return s;
}

static void test_state(void **state)
{
	size_t cell = (size_t)(uintptr_t)*state, type = cell % MSG_NR;
	enum msg_state s = (enum msg_state)(cell / MSG_NR);
	uint8_t bytes[64];
	size_t len = wire_bytes(good[type], bytes, sizeof(bytes));
	struct rcur in = rcur_make(bytes, len, false);
	struct err e = { 0 };
	struct msg m;
	char first[64];

	if (legal[s][type] == 'x') {
		assert_int_equal(msg_decode(&in, s, &m, &e), 0);
		assert_int_equal(m.type, type);
		assert_int_equal(in.left, 0);
		assert_int_equal(e.code, 0);
		return;
	}
	assert_int_equal(msg_decode(&in, s, &m, &e), -EPROTO);
	assert_int_equal(in.left, len);
	assert_ptr_equal(in.p, bytes);
	snprintf(first, sizeof(first), "sent %s while ", msg_name((uint32_t)type));
	assert_memory_equal(e.what, first, strlen(first));
	assert_non_null(strstr(e.what, msg_state_name(s)));
}

/* Cut at every byte: wait, touch nothing, say nothing. */
static void test_cut(void **state)
{
	size_t type = (size_t)(uintptr_t)*state;
	enum msg_state s = a_legal_state(type);
	uint8_t bytes[64];
	size_t len = wire_bytes(good[type], bytes, sizeof(bytes));

	for (size_t cut = 0; cut < len; cut++) {
		struct rcur in = rcur_make(bytes, cut, false);
		struct err e = { 0 };
		struct msg m;

		assert_int_equal(msg_decode(&in, s, &m, &e), -EAGAIN);
		assert_ptr_equal(in.p, bytes);
		assert_int_equal(in.left, cut);
		assert_false(in.bad);
		assert_int_equal(e.code, 0);
	}
}

/* A message with another behind it: one is taken. */
static void test_two(void **state)
{
	uint8_t bytes[64];
	size_t len = wire_bytes("0000000f 00000006 00000003 'abc' 00000008 00000007 0000", bytes,
				sizeof(bytes));
	struct rcur in = rcur_make(bytes, len, false);
	struct msg m;

	(void)state;
	assert_int_equal(msg_decode(&in, MSG_S_META, &m, NULL), 0);
	assert_int_equal(m.type, MSG_SENDMETA);
	assert_int_equal(in.left, 10);
	assert_int_equal(msg_decode(&in, MSG_S_META, &m, NULL), 0);
	assert_int_equal(m.type, MSG_FINMETA);
	assert_int_equal(in.left, 2);
	assert_int_equal(msg_decode(&in, MSG_S_META, &m, NULL), -EAGAIN);
}

static const struct refusal {
	const char *name;
	enum msg_state state;
	const char *wire;
	const char *says; /* a part of the error's text */
} refusals[] = {
	/* The frame: refused with the header, long before a body could have come. */
	{ "size 0", MSG_S_IDLE, "00000000 00000002",
	  "said its message has 0 bytes; 8..8192 are possible" },
	{ "size 7", MSG_S_IDLE, "00000007 00000002", "said its message has 7 bytes" },
	{ "size 8193", MSG_S_META, "00002001 00000006", "said its message has 8193 bytes" },
	{ "size 4 GiB", MSG_S_IDLE, "ffffffff 00000002",
	  "said its message has 4294967295 bytes; 8..8192 are possible" },
	{ "command 99", MSG_S_GREETED, "00000008 00000063",
	  "sent command 99 (unknown) while TINIT was expected in state greeted" },
	{ "command 8", MSG_S_META, "0000000c 00000008",
	  "sent command 8 (unknown) while SENDMETA or FINMETA was expected in state metadata" },
	{ "command 4 billion", MSG_S_IDLE, "00000008 ffffffff",
	  "sent command 4294967295 (unknown) while TCONNECT 00000008 00000002 was expected in state idle" },
	{ "TCONNECT with a body", MSG_S_IDLE, "00000009 00000002",
	  "sent TCONNECT of 9 bytes; 8..8 are possible" },
	{ "FINMETA with a body", MSG_S_META, "0000000c 00000007", "sent FINMETA of 12 bytes" },
	{ "TINIT, too short", MSG_S_GREETED, "00000013 00000004",
	  "sent TINIT of 19 bytes; 20..8192 are possible" },
	{ "SENDMETA, too short", MSG_S_META, "0000000b 00000006", "sent SENDMETA of 11 bytes" },
	{ "ERROR, too short", MSG_C_RUNNING, "0000000f 00000000",
	  "sent ERROR of 15 bytes; 16..8192 are possible" },
	{ "RINIT, too short", MSG_C_INIT, "0000000b 00000005", "sent RINIT of 11 bytes" },
	{ "RCONNECT, too short", MSG_C_CONNECT, "0000000c 00000003", "sent RCONNECT of 12 bytes" },
	{ "RCONNECT, too long", MSG_C_CONNECT, "0000008d 00000003",
	  "sent RCONNECT of 141 bytes; 13..140 are possible" },
	{ "CLOSE, too long", MSG_S_RECORDING, "00001c0d 00000001", "sent CLOSE of 7181 bytes" },
	/* CLOSE with totals */
	{ "CLOSE, totals for 0 CPUs", MSG_S_RECORDING, "0000000c 00000001 00000000",
	  "totals for 0 CPUs" },
	{ "CLOSE, totals for 257 CPUs", MSG_S_RECORDING, "0000000c 00000001 00000101",
	  "sent CLOSE with totals for 257 CPUs; 1..256 are possible" },
	{ "CLOSE, totals of 4 billion CPUs", MSG_S_RECORDING, "0000000c 00000001 ffffffff",
	  "totals for 4294967295 CPUs" },
	{ "CLOSE, a total cut off", MSG_S_RECORDING,
	  "00000027 00000001 00000001 0000000000000001 0000000000000002 0000000000000003 000000",
	  "totals of 1 CPUs in a body of 31 bytes; 32 are needed" },
	{ "CLOSE, a byte too many", MSG_S_RECORDING,
	  "00000029 00000001 00000001 0000000000000001 0000000000000002 0000000000000003 00000000 00",
	  "in a body of 33 bytes" },
	{ "CLOSE, half a count", MSG_S_RECORDING, "0000000a 00000001 0001", "totals for 0 CPUs" },
	/* RCONNECT */
	{ "RCONNECT, text without NUL", MSG_C_CONNECT, "00000017 00000003 0000000b 'tracecmd-V2'",
	  "sent RCONNECT with a greeting that is no text" },
	{ "RCONNECT, NUL before the end", MSG_C_CONNECT,
	  "00000018 00000003 0000000c 'trace' 00 'md-V2' 00", "no text" },
	{ "RCONNECT, length too large", MSG_C_CONNECT,
	  "00000018 00000003 0000000d 'tracecmd-V2' 00",
	  "sent RCONNECT with a text of 13 bytes in 12" },
	{ "RCONNECT, length 4 billion", MSG_C_CONNECT,
	  "00000018 00000003 ffffffff 'tracecmd-V2' 00", "text of 4294967295 bytes in 12" },
	{ "RCONNECT, length too small", MSG_C_CONNECT,
	  "00000018 00000003 0000000b 'tracecmd-V2' 00", "text of 11 bytes in 12" },
	{ "RCONNECT, terminal codes", MSG_C_CONNECT, "00000010 00000003 00000004 1b5b6d00",
	  "no text" },
	/* TINIT */
	{ "TINIT, 0 CPUs", MSG_S_GREETED, "00000014 00000004 00000000 00001000 00000000",
	  "sent TINIT for 0 CPUs; 1..256 are possible" },
	{ "TINIT, 257 CPUs", MSG_S_GREETED, "00000014 00000004 00000101 00001000 00000000",
	  "sent TINIT for 257 CPUs" },
	{ "TINIT, 4 billion CPUs", MSG_S_GREETED, "00000014 00000004 ffffffff 00001000 00000000",
	  "sent TINIT for 4294967295 CPUs" },
	{ "TINIT, page size 0", MSG_S_GREETED, "00000014 00000004 00000001 00000000 00000000",
	  "sent TINIT with pages of 0 bytes; a power of two in 1024..65536 is possible" },
	{ "TINIT, page size 512", MSG_S_GREETED, "00000014 00000004 00000001 00000200 00000000",
	  "pages of 512 bytes" },
	{ "TINIT, page size 3000", MSG_S_GREETED, "00000014 00000004 00000001 00000bb8 00000000",
	  "pages of 3000 bytes" },
	{ "TINIT, page size 128 KiB", MSG_S_GREETED, "00000014 00000004 00000001 00020000 00000000",
	  "pages of 131072 bytes" },
	{ "TINIT, page size 2 GiB", MSG_S_GREETED, "00000014 00000004 00000001 80000000 00000000",
	  "pages of 2147483648 bytes" },
	{ "TINIT, option missing", MSG_S_GREETED, "00000014 00000004 00000001 00001000 00000001",
	  "sent TINIT with more options than fit into it" },
	{ "TINIT, 4 billion options", MSG_S_GREETED,
	  "00000020 00000004 00000001 00001000 ffffffff 0000000c 00000001 00000000",
	  "more options than fit" },
	{ "TINIT, bytes behind the options", MSG_S_GREETED,
	  "00000018 00000004 00000001 00001000 00000000 00000000",
	  "sent TINIT of 24 bytes, which is not what its contents need" },
	{ "TINIT, option of size 0", MSG_S_GREETED,
	  "00000020 00000004 00000001 00001000 00000001 00000000 00000001 00000000",
	  "sent TINIT option 1 of 0 bytes; 8..4096 and at most the 12 bytes left of the message are possible" },
	{ "TINIT, option of size 7", MSG_S_GREETED,
	  "00000020 00000004 00000001 00001000 00000001 00000007 00000001 00000000", "of 7 bytes" },
	{ "TINIT, option of size 4097", MSG_S_GREETED,
	  "00000020 00000004 00000001 00001000 00000001 00001001 00000001 00000000",
	  "of 4097 bytes" },
	{ "TINIT, option overruns", MSG_S_GREETED,
	  "00000020 00000004 00000001 00001000 00000001 0000000d 00000001 00000000",
	  "of 13 bytes" },
	{ "TINIT, option cut in its header", MSG_S_GREETED,
	  "0000001b 00000004 00000001 00001000 00000001 00000008 000000", "more options than fit" },
	{ "TINIT, unknown option", MSG_S_GREETED,
	  "0000001c 00000004 00000001 00001000 00000001 00000008 0000004d",
	  "sent TINIT option 77, which is unknown here" },
	{ "TINIT, TCP of 9 bytes", MSG_S_GREETED,
	  "0000001d 00000004 00000001 00001000 00000001 00000009 00000001 00",
	  "option 1 (use TCP) of 9 bytes; 8 or 12 are right" },
	{ "TINIT, TCP twice", MSG_S_GREETED,
	  "00000024 00000004 00000001 00001000 00000002 00000008 00000001 00000008 00000001",
	  "sent TINIT option 1 twice" },
	{ "TINIT, extension twice", MSG_S_GREETED,
	  "00000042 00000004 00000001 00001000 00000002 " EXT_OPT " " EXT_OPT, "twice" },
	{ "TINIT, extension without text", MSG_S_GREETED,
	  "00000028 00000004 00000001 00001000 00000001 00000014 74637801 00000007 1122334455667788",
	  "sent a version text that is no text" },
	{ "TINIT, extension without NUL", MSG_S_GREETED,
	  "0000002a 00000004 00000001 00001000 00000001 00000016 74637801 00000007 1122334455667788 'me'",
	  "sent a version text that is no text" },
	{ "TINIT, extension with terminal codes", MSG_S_GREETED,
	  "0000002c 00000004 00000001 00001000 00000001 00000018 74637801 00000007 1122334455667788 1b5b6d00",
	  "sent a version text that is no text" },
	{ "TINIT, extension cut in its numbers", MSG_S_GREETED,
	  "00000022 00000004 00000001 00001000 00000001 0000000e 74637801 00000007 1122",
	  "sent a version text that is no text" },
	/* RINIT */
	{ "RINIT, 257 CPUs", MSG_C_INIT, "0000000c 00000005 00000101",
	  "sent RINIT for 257 CPUs; 1..256 are possible" },
	{ "RINIT, 4 billion CPUs", MSG_C_INIT, "0000000c 00000005 ffffffff",
	  "sent RINIT for 4294967295 CPUs" },
	{ "RINIT, ports for another count", MSG_C_INIT, "00000010 00000005 00000002 000005dc",
	  "sent RINIT for 2 CPUs with 4 bytes behind the count; 0, 8 or 1024 are possible" },
	{ "RINIT, port 65536", MSG_C_INIT, "00000010 00000005 00000001 00010000",
	  "sent RINIT with port 65536 for CPU 0" },
	{ "RINIT, extension with another size", MSG_C_INIT,
	  "00000023 00000005 00000002 00000018 74637801 00000007 0000000000000000 'me' 00",
	  "with 23 bytes behind the count" },
	{ "RINIT, extension without NUL", MSG_C_INIT,
	  "00000022 00000005 00000002 00000016 74637801 00000007 0000000000000000 'me'",
	  "sent a version text that is no text" },
	/* SENDMETA */
	{ "SENDMETA, length too large", MSG_S_META, "0000000f 00000006 00000004 'abc'",
	  "sent SENDMETA that says 4 bytes of metadata and has room for 3" },
	{ "SENDMETA, length 4 billion", MSG_S_META, "0000000f 00000006 ffffffff 'abc'",
	  "says 4294967295 bytes" },
	/* Other protocols */
	{ "V1 in idle", MSG_S_IDLE, "'2' 00 '4096' 00 '0' 00",
	  "seems to speak the legacy text protocol (V1): this is an old trace-cmd record -N: sent 32003430 39360030, while TCONNECT 00000008 00000002 of trace-msg V2 was expected" },
	{ "network greeting as answer", MSG_C_CONNECT, "'tracecmd'",
	  "sent 74726163 65636d64, while RCONNECT of trace-msg V2 was expected" },
	{ "V3 request in idle", MSG_S_IDLE, "00000056 00000006 00000010",
	  "seems to speak the protocol V3 of trace-cmd agent" },
	{ "V3 TINIT in idle", MSG_S_IDLE, "00000018 00000001 0000000c 00000002 00001000 00000000",
	  "seems to speak the protocol V3" },
	{ "V3 NOT_SUPP as answer", MSG_C_INIT, "0000000c 00000005 00000000",
	  "seems to speak the protocol V3" },
};

static void test_refusal(void **state)
{
	const struct refusal *t = *state;
	uint8_t bytes[160];
	size_t len = wire_bytes(t->wire, bytes, sizeof(bytes));
	struct rcur in = rcur_make(bytes, len, false);
	struct err e = { 0 };
	struct msg m;

	assert_int_equal(msg_decode(&in, t->state, &m, &e), -EPROTO);
	assert_ptr_equal(in.p, bytes);
	assert_int_equal(in.left, len);
	assert_false(in.bad);
	assert_int_equal(e.code, EPROTO);
	assert_true(e.own_words);
	if (!strstr(e.what, t->says))
		fail_msg("\"%s\" is not in \"%s\"", t->says, e.what);
	assert_int_equal(msg_decode(&in, t->state, &m, NULL), -EPROTO);
}

/* Every awaited message that an error text names is legal in that state. */
static void test_awaited(void **state)
{
	(void)state;
	for (enum msg_state s = 0; s < MSG_NR_STATES; s++) {
		uint8_t bytes[8];
		struct rcur in = rcur_make(bytes, wire_bytes("00000008 00000063", bytes, 8), false);
		struct err e = { 0 };
		unsigned int named = 0;
		struct msg m;

		assert_int_equal(msg_decode(&in, s, &m, &e), -EPROTO);
		for (uint32_t type = 0; type < MSG_NR; type++) {
			const char *at = strstr(e.what, msg_name(type));

			/* "TCONNECT" contains no other name; "RCONNECT" neither */
			if (at)
				assert_int_equal(legal[s][type], 'x');
			named += !!at;
		}
		assert_true(named > 0);
	}
}

int main(void)
{
	static char names[MSG_NR_STATES * MSG_NR + MSG_NR][64];
	struct CMUnitTest tests[ARRAY_SIZE(names) + ARRAY_SIZE(refusals) + 2], *t = tests;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++, t++) {
		bool cut = i >= MSG_NR_STATES * MSG_NR;
		size_t arg = cut ? i - MSG_NR_STATES * MSG_NR : i;

		snprintf(names[i], sizeof(names[i]), "%s %s",
			 cut ? "cut at every byte:"
			     : msg_state_name((enum msg_state)(arg / MSG_NR)),
			 msg_name((uint32_t)(arg % MSG_NR)));
		*t = (struct CMUnitTest){ .name = names[i],
					  .test_func = cut ? test_cut : test_state,
					  .initial_state = (void *)(uintptr_t)arg };
	}
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++, t++)
		*t = (struct CMUnitTest){ .name = refusals[i].name,
					  .test_func = test_refusal,
					  .initial_state = (void *)&refusals[i] };
	*t++ = (struct CMUnitTest){ .name = "two in a row", .test_func = test_two };
	*t++ = (struct CMUnitTest){ .name = "what is awaited is legal", .test_func = test_awaited };
	return cmocka_run_group_tests_name("msg decode", tests, NULL, NULL);
}
