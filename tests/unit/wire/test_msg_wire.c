// SPDX-License-Identifier: GPL-2.0
/*
 * test_msg_wire.c - messages byte for byte, lenient forms, limits of the encoder, guesses
 *
 * The wire examples are those that were seen from other implementations, and those of
 * Documentation/PROTOCOL.txt for our extension.
 */
#include "wire.h"

#include <errno.h>

static uint8_t frame[MSG_MAX + 64], again[MSG_MAX + 64];

/* Decode @wire in @state into @m (which borrows from frame[]); all of it must be taken. */
static void decode(const char *wire, enum msg_state state, struct msg *m)
{
	size_t len = wire_bytes(wire, frame, sizeof(frame));
	struct rcur in = rcur_make(frame, len, false);
	struct err e = { 0 };

	if (msg_decode(&in, state, m, &e))
		fail_msg("%s: %s", wire, e.what);
	assert_int_equal(in.left, 0);
}

static void assert_encodes(const struct msg *m, const char *wire)
{
	struct wcur w = wcur_make(again, sizeof(again), false);
	size_t len = wire_bytes(wire, frame, sizeof(frame));

	assert_int_equal(msg_encode(&w, m), 0);
	assert_false(w.bad);
	assert_int_equal(w.p - again, len);
	assert_memory_equal(again, frame, len);
}

/* Messages that are sent and accepted in the same form. */
static const struct exact {
	const char *name;
	enum msg_state state;
	const char *wire;
	struct msg m;
} exact[] = {
	{ "TCONNECT", MSG_S_IDLE, "00000008 00000002", { .type = MSG_TCONNECT } },
	{ "RCONNECT",
	  MSG_C_CONNECT,
	  "00000018 00000003 0000000c 74726163 65636d64 2d563200",
	  { .type = MSG_RCONNECT, .rconnect = { MSG_GREETING } } },
	{ "TINIT for UDP, 2 CPUs",
	  MSG_S_GREETED,
	  "00000014 00000004 00000002 00001000 00000000",
	  { .type = MSG_TINIT, .tinit = { 2, 4096, false } } },
	{ "TINIT for TCP",
	  MSG_S_GREETED,
	  "00000020 00000004 00000002 00001000 00000001 0000000c 00000001 00000000",
	  { .type = MSG_TINIT, .tinit = { 2, 4096, true } } },
	{ "TINIT, 256 CPUs, 64 KiB pages",
	  MSG_S_GREETED,
	  "00000014 00000004 00000100 00010000 00000000",
	  { .type = MSG_TINIT, .tinit = { 256, 65536, false } } },
	{ "TINIT with our extension",
	  MSG_S_GREETED,
	  "00000034 00000004 00000001 00001000 00000001 00000020 74637801 00000007 0102030405060708 'trace-cmd x' 00",
	  { .type = MSG_TINIT,
	    .tinit = { 1, 4096, false, false, { true, 7, 0x0102030405060708, "trace-cmd x" } } } },
	{ "TINIT with TCP and our extension",
	  MSG_S_GREETED,
	  "00000035 00000004 00000001 00000400 00000002 0000000c 00000001 00000000 00000015 74637801 80000001 ffffffffffffffff 00",
	  { .type = MSG_TINIT,
	    .tinit = { 1, 1024, true, false, { true, 0x80000001, UINT64_MAX, "" } } } },
	{ "RINIT without ports",
	  MSG_C_INIT,
	  "0000000c 00000005 00000002",
	  { .type = MSG_RINIT, .rinit = { .cpus = 2 } } },
	{ "RINIT with ports",
	  MSG_C_INIT,
	  "00000014 00000005 00000002 000005dc 000005dd",
	  { .type = MSG_RINIT, .rinit = { 2, 2, { 1500, 1501 } } } },
	{ "RINIT with our extension",
	  MSG_C_INIT,
	  "0000002c 00000005 00000008 00000020 74637801 00000005 0000000000000000 'trace-cmd y' 00",
	  { .type = MSG_RINIT, .rinit = { .cpus = 8, .ext = { true, 5, 0, "trace-cmd y" } } } },
	{ "SENDMETA",
	  MSG_S_META,
	  "0000000f 00000006 00000003 'abc'",
	  { .type = MSG_SENDMETA, .meta = { (const uint8_t *)"abc", 3 } } },
	{ "SENDMETA, empty", MSG_S_META, "0000000c 00000006 00000000", { .type = MSG_SENDMETA } },
	{ "FINMETA", MSG_S_META, "00000008 00000007", { .type = MSG_FINMETA } },
	{ "CLOSE", MSG_S_RECORDING, "00000008 00000001", { .type = MSG_CLOSE } },
	{ "CLOSE with totals",
	  MSG_S_RECORDING,
	  "00000044 00000001 00000002 0000000000001000 0000000000000002 0000000000000003 00000004 ffffffffffffffff 0000000100000000 0000000000000000 ffffffff",
	  { .type = MSG_CLOSE,
	    .close = { 2, { { 4096, 2, 3, 4 }, { UINT64_MAX, 1ULL << 32, 0, UINT32_MAX } } } } },
	{ "ERROR",
	  MSG_C_RUNNING,
	  "00000010 00000000 00000008 00000063",
	  { .type = MSG_ERROR, .error = { 8, 99 } } },
	{ "ERROR with our reason",
	  MSG_C_INIT,
	  "00000020 00000000 00000014 00000004 'why:disk failed' 00",
	  { .type = MSG_ERROR, .error = { 20, 4, "disk failed" } } },
};

static void assert_ext(const struct msg_ext *a, const struct msg_ext *b)
{
	assert_int_equal(a->present, b->present);
	assert_int_equal(a->features, b->features);
	assert_int_equal(a->stream_id, b->stream_id);
	assert_string_equal(a->peer ? a->peer : "", b->peer ? b->peer : "");
}

static void assert_same(const struct msg *a, const struct msg *b)
{
	assert_int_equal(a->type, b->type);
	switch (a->type) {
	case MSG_ERROR:
		assert_int_equal(a->error.size, b->error.size);
		assert_int_equal(a->error.cmd, b->error.cmd);
		assert_string_equal(a->error.reason, b->error.reason ? b->error.reason : "");
		break;
	case MSG_CLOSE:
		assert_int_equal(a->close.cpus, b->close.cpus);
		for (uint32_t i = 0; i < a->close.cpus; i++) {
			assert_int_equal(a->close.total[i].bytes, b->close.total[i].bytes);
			assert_int_equal(a->close.total[i].events, b->close.total[i].events);
			assert_int_equal(a->close.total[i].lost, b->close.total[i].lost);
			assert_int_equal(a->close.total[i].stuck, b->close.total[i].stuck);
		}
		break;
	case MSG_RCONNECT:
		assert_string_equal(a->rconnect.text, b->rconnect.text);
		break;
	case MSG_TINIT:
		assert_int_equal(a->tinit.cpus, b->tinit.cpus);
		assert_int_equal(a->tinit.page_size, b->tinit.page_size);
		assert_int_equal(a->tinit.use_tcp, b->tinit.use_tcp);
		assert_int_equal(a->tinit.use_vsock, b->tinit.use_vsock);
		assert_ext(&a->tinit.ext, &b->tinit.ext);
		break;
	case MSG_RINIT:
		assert_int_equal(a->rinit.cpus, b->rinit.cpus);
		assert_int_equal(a->rinit.nports, b->rinit.nports);
		assert_memory_equal(a->rinit.port, b->rinit.port, 4 * (size_t)a->rinit.nports);
		assert_ext(&a->rinit.ext, &b->rinit.ext);
		break;
	case MSG_SENDMETA:
		assert_int_equal(a->meta.len, b->meta.len);
		assert_memory_equal(a->meta.data, b->meta.len ? b->meta.data : frame, b->meta.len);
		break;
	default:
		break;
	}
}

static void test_exact(void **state)
{
	const struct exact *t = *state;
	struct msg m;

	assert_encodes(&t->m, t->wire);
	memset(&m, 0xa5, sizeof(m)); /* the decoder relies on nothing that was there */
	decode(t->wire, t->state, &m);
	assert_same(&m, &t->m);
}

/* Forms of other senders: accepted, and meant as @as. */
static const struct lenient {
	const char *name;
	enum msg_state state;
	const char *wire, *as;
} lenient[] = {
	{ "TCP option of 8 bytes", MSG_S_GREETED,
	  "0000001c 00000004 00000002 00001000 00000001 00000008 00000001",
	  "00000020 00000004 00000002 00001000 00000001 0000000c 00000001 00000000" },
	{ "TCP option with rubbish", MSG_S_GREETED,
	  "00000020 00000004 00000002 00001000 00000001 0000000c 00000001 12345678",
	  "00000020 00000004 00000002 00001000 00000001 0000000c 00000001 00000000" },
	{ "options in another order", MSG_S_GREETED,
	  "00000033 00000004 00000001 00000400 00000002 00000017 74637801 00000001 0000000000000009 'me' 00 00000008 00000001",
	  "00000037 00000004 00000001 00000400 00000002 0000000c 00000001 00000000 00000017 74637801 00000001 0000000000000009 'me' 00" },
	{ "more behind the extension's text in TINIT", MSG_S_GREETED,
	  "0000002f 00000004 00000001 00000400 00000001 0000001b 74637801 00000001 0000000000000009 'me' 00 ffffffff",
	  "0000002b 00000004 00000001 00000400 00000001 00000017 74637801 00000001 0000000000000009 'me' 00" },
	{ "more behind the extension's text in RINIT", MSG_C_INIT,
	  "00000027 00000005 00000002 0000001b 74637801 00000001 0000000000000000 'me' 00 ffffffff",
	  "00000023 00000005 00000002 00000017 74637801 00000001 0000000000000000 'me' 00" },
	{ "a stream id in RINIT", MSG_C_INIT,
	  "00000023 00000005 00000002 00000017 74637801 00000001 0000000000000009 'me' 00",
	  "00000023 00000005 00000002 00000017 74637801 00000001 0000000000000000 'me' 00" },
	{ "SENDMETA with unused bytes", MSG_S_META, "00000013 00000006 00000003 'abc' 00ff00ff",
	  "0000000f 00000006 00000003 'abc'" },
	{ "ERROR with rubbish", MSG_C_RUNNING, "00000014 00000000 00000008 00000063 deadbeef",
	  "00000010 00000000 00000008 00000063" },
	{ "ERROR with half a tag", MSG_C_RUNNING, "00000013 00000000 00000008 00000063 'why'",
	  "00000010 00000000 00000008 00000063" },
	{ "ERROR with a tag alone", MSG_C_RUNNING, "00000014 00000000 00000008 00000063 'why:'",
	  "00000010 00000000 00000008 00000063" },
	{ "ERROR with a reason without NUL", MSG_C_RUNNING,
	  "00000016 00000000 00000008 00000063 'why:no'", "00000010 00000000 00000008 00000063" },
	{ "ERROR with terminal codes", MSG_C_RUNNING,
	  "00000018 00000000 00000008 00000063 'why:' 1b5b6d00",
	  "00000010 00000000 00000008 00000063" },
	{ "ERROR with bytes behind the reason", MSG_C_RUNNING,
	  "0000001a 00000000 00000008 00000063 'why:no' 00 ffffff",
	  "00000017 00000000 00000008 00000063 'why:no' 00" },
};

static void test_lenient(void **state)
{
	const struct lenient *t = *state;
	static uint8_t from[256];
	size_t len = wire_bytes(t->wire, from, sizeof(from));
	struct rcur in = rcur_make(from, len, false);
	struct msg m;

	assert_int_equal(msg_decode(&in, t->state, &m, NULL), 0);
	assert_int_equal(in.left, 0);
	assert_encodes(&m, t->as);
}

/* The RINIT of early servers: 256 slots, those past the CPU count are rubbish. */
static void test_rinit_slots(void **state)
{
	size_t len =
		wire_bytes("0000040c 00000005 00000002 000005dc 000005dd", frame, sizeof(frame));
	struct rcur in = rcur_make(frame, 1036, false);
	struct msg m;

	(void)state;
	memset(frame + len, 0x20, sizeof(frame) - len);
	assert_int_equal(msg_decode(&in, MSG_C_INIT, &m, NULL), 0);
	assert_int_equal(in.left, 0);
	assert_false(m.rinit.ext.present);
	assert_encodes(&m, "00000014 00000005 00000002 000005dc 000005dd");
}

/* An early sender's full frame: 8192 bytes, 8172 of metadata, 8 unused. */
static void test_full_frame(void **state)
{
	static uint8_t data[MSG_META_MAX];
	struct msg m = { .type = MSG_SENDMETA, .meta = { data, MSG_META_MAX } }, got;
	struct wcur w = wcur_make(again, sizeof(again), false);
	struct rcur in = rcur_make(frame, MSG_MAX, false);

	(void)state;
	memset(frame, 'x', sizeof(frame));
	wire_bytes("00002000 00000006 00001fec", frame, 12);
	assert_int_equal(msg_decode(&in, MSG_S_META, &got, NULL), 0);
	assert_int_equal(got.meta.len, 8172);
	assert_int_equal(in.left, 0);

	memset(data, 'y', sizeof(data));
	assert_int_equal(msg_encode(&w, &m), 0);
	assert_int_equal(w.p - again, MSG_MAX);
	in = rcur_make(again, MSG_MAX, false);
	assert_int_equal(msg_decode(&in, MSG_S_META, &got, NULL), 0);
	assert_int_equal(got.meta.len, MSG_META_MAX);
	assert_memory_equal(got.meta.data, data, MSG_META_MAX);
}

/* The largest CLOSE and RINIT fit a frame and come back. */
static void test_256_cpus(void **state)
{
	struct msg m = { .type = MSG_CLOSE, .close = { .cpus = MSG_MAX_CPUS } }, got;
	struct wcur w = wcur_make(again, sizeof(again), false);
	struct rcur in;

	(void)state;
	for (uint32_t i = 0; i < MSG_MAX_CPUS; i++)
		m.close.total[i] = (struct msg_total){ i, 2 * i, 3 * i, 4 * i };
	assert_int_equal(msg_encode(&w, &m), 0);
	in = rcur_make(again, (size_t)(w.p - again), false);
	assert_int_equal(in.left, 8 + 4 + 28 * 256);
	assert_int_equal(msg_decode(&in, MSG_S_RECORDING, &got, NULL), 0);
	assert_same(&got, &m);

	m = (struct msg){ .type = MSG_RINIT, .rinit = { MSG_MAX_CPUS, MSG_MAX_CPUS } };
	for (uint32_t i = 0; i < MSG_MAX_CPUS; i++)
		m.rinit.port[i] = 1500 + i;
	w = wcur_make(again, sizeof(again), false);
	assert_int_equal(msg_encode(&w, &m), 0);
	in = rcur_make(again, (size_t)(w.p - again), false);
	assert_int_equal(in.left, 1036);
	assert_int_equal(msg_decode(&in, MSG_C_INIT, &got, NULL), 0);
	assert_same(&got, &m);
}

/* What breaks the protocol is not sent. */
static const struct invalid {
	const char *name;
	struct msg m;
} invalid[] = {
	{ "encode: type 8", { .type = 8 } },
	{ "encode: type -1", { .type = -1 } },
	{ "encode: CLOSE for 257 CPUs", { .type = MSG_CLOSE, .close = { 257 } } },
	{ "encode: RCONNECT without text", { .type = MSG_RCONNECT } },
	{ "encode: RCONNECT with codes", { .type = MSG_RCONNECT, .rconnect = { "\033[m" } } },
	{ "encode: TINIT for 0 CPUs", { .type = MSG_TINIT, .tinit = { 0, 4096 } } },
	{ "encode: TINIT for 257 CPUs", { .type = MSG_TINIT, .tinit = { 257, 4096 } } },
	{ "encode: TINIT with odd pages", { .type = MSG_TINIT, .tinit = { 1, 4097 } } },
	{ "encode: TINIT over vsock",
	  { .type = MSG_TINIT, .tinit = { 1, 4096, .use_vsock = true } } },
	{ "encode: RINIT for 0 CPUs", { .type = MSG_RINIT } },
	{ "encode: RINIT for 257 CPUs", { .type = MSG_RINIT, .rinit = { 257 } } },
	{ "encode: RINIT, too few ports", { .type = MSG_RINIT, .rinit = { 2, 1 } } },
	{ "encode: RINIT, port 65536", { .type = MSG_RINIT, .rinit = { 1, 1, { 65536 } } } },
	{ "encode: RINIT, ports and extension",
	  { .type = MSG_RINIT, .rinit = { 1, 1, { 1 }, { true } } } },
	{ "encode: SENDMETA, too long",
	  { .type = MSG_SENDMETA, .meta = { frame, MSG_META_MAX + 1 } } },
	{ "encode: SENDMETA, no data", { .type = MSG_SENDMETA, .meta = { NULL, 1 } } },
};

static void test_invalid(void **state)
{
	const struct invalid *t = *state;
	struct wcur w = wcur_make(again, sizeof(again), false);

	assert_int_equal(msg_encode(&w, &t->m), -EINVAL);
	assert_true(w.bad);
	assert_ptr_equal(w.p, again);
	assert_int_equal(w.left, sizeof(again));
}

/* Every room that is too small for a message: -ENOSPC, and nothing beyond it is touched. */
static void test_no_room(void **state)
{
	const struct msg *m = &exact[4].m;

	(void)state;
	for (size_t room = 0; room < 20; room++) {
		struct wcur w = wcur_make(again, room, false);

		again[room] = 0xa5;
		assert_int_equal(msg_encode(&w, m), -ENOSPC);
		assert_true(w.bad);
		assert_int_equal(again[room], 0xa5);
	}
}

/* Long and unprintable texts are cut and cleaned, so that the peer takes them. */
static void test_texts(void **state)
{
	static char text[1000];
	struct msg m = { .type = MSG_ERROR, .error = { .reason = text } }, got;
	struct wcur w = wcur_make(again, sizeof(again), false);
	struct rcur in;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[1] = '\n';
	text[2] = (char)0xc3;
	assert_int_equal(msg_encode(&w, &m), 0);
	in = rcur_make(again, (size_t)(w.p - again), false);
	assert_int_equal(in.left, 16 + 4 + MSG_MAX_REASON);
	assert_int_equal(msg_decode(&in, MSG_C_INIT, &got, NULL), 0);
	assert_int_equal(strlen(got.error.reason), MSG_MAX_REASON - 1);
	assert_memory_equal(got.error.reason, "a??a", 4);

	m = (struct msg){ .type = MSG_TINIT,
			  .tinit = { 1, 4096, false, false, { true, 0, 0, text } } };
	w = wcur_make(again, sizeof(again), false);
	assert_int_equal(msg_encode(&w, &m), 0);
	in = rcur_make(again, (size_t)(w.p - again), false);
	assert_int_equal(msg_decode(&in, MSG_S_GREETED, &got, NULL), 0);
	assert_int_equal(in.left, 0);
	assert_int_equal(strlen(got.tinit.ext.peer), MSG_MAX_PEER - 1);
	assert_memory_equal(got.tinit.ext.peer, "a??a", 4);
}

/* A reason of 511 characters is taken, one of 512 is not ours. */
static void test_long_reason(void **state)
{
	struct msg m;

	(void)state;
	for (uint32_t n = MSG_MAX_REASON - 1; n <= MSG_MAX_REASON; n++) {
		struct wcur w = wcur_make(frame, sizeof(frame), true);
		struct rcur in = rcur_make(frame, 21 + n, false);

		wcur_u32(&w, 21 + n);
		wcur_zero(&w, 12);
		wcur_mem(&w, "why:", 4);
		memset(w.p, 'r', n);
		w.p[n] = '\0';
		assert_int_equal(msg_decode(&in, MSG_C_INIT, &m, NULL), 0);
		assert_int_equal(strlen(m.error.reason), n < MSG_MAX_REASON ? n : 0);
	}
}

/* A stream id means something from the client only. */
static void test_rinit_stream_id(void **state)
{
	struct msg m;

	(void)state;
	decode("00000023 00000005 00000002 00000017 74637801 00000001 0000000000000009 'me' 00",
	       MSG_C_INIT, &m);
	assert_true(m.rinit.ext.present);
	assert_int_equal(m.rinit.ext.stream_id, 0);
}

static const struct guess {
	const char *name, *wire;
	const char *means; /* a part of the answer, NULL = nothing is known */
} guesses[] = {
	{ "guess: nothing", "", NULL },
	{ "guess: our TCONNECT", "00000008 00000002", NULL },
	{ "guess: our TINIT", "00000014 00000004 00000002 00001000 00000000", NULL },
	{ "guess: our TINIT for 0 CPUs", "00000014 00000004 00000000 00001000 00000000", NULL },
	{ "guess: our SENDMETA of 16 bytes", "0000001c 00000006 00000010", NULL },
	{ "guess: our full SENDMETA of 16 bytes", "00002000 00000006 00000010", NULL },
	{ "guess: our CLOSE for 12 CPUs", "0000015c 00000001 0000000c", NULL },
	{ "guess: our ERROR", "00000010 00000000 00000000 00000002", NULL },
	{ "guess: zeros", "0000000000000000 0000000000000000", NULL },
	{ "guess: network greeting", "'tracecmd'", "greeting of trace-cmd listen" },
	{ "guess: network V3", "'-1V3' 00", "network protocol V3" },
	{ "guess: network V2", "'-1V2' 00", "network protocol V2 with its text handshake" },
	{ "guess: network V4", "'-1V4' 00", "network protocol of a later version" },
	{ "guess: network V2 of 2014", "'V2' 00 '677768' 00 '0' 00", "V2 of 2014" },
	{ "guess: answer V2", "'V2' 00", "answer of an old trace-cmd listen" },
	{ "guess: answer V3", "'V3' 00", "answer of trace-cmd listen" },
	{ "guess: V1", "'16' 00 '4096' 00 '0' 00", "legacy text protocol (V1)" },
	{ "guess: virtio-trace on", "'1'", "virtio-trace agent" },
	{ "guess: virtio-trace off", "'0' 0a", "virtio-trace agent" },
	{ "guess: digits of nobody", "'7'", NULL },
	{ "guess: V3 TINIT", "00000018 00000001 0000000c 00000002 00001000 00000000",
	  "protocol V3" },
	{ "guess: V3 TRACE_REQ", "00000056 00000006 00000010 00000000", "protocol V3" },
	{ "guess: V3 NOT_SUPP", "0000000c 00000005 00000000", "protocol V3" },
	{ "guess: V3 TRACE_PROXY", "00000056 0000000a 00000018", "protocol V3" },
	{ "guess: V3 cut before its third word", "00000056 00000006 000000", NULL },
	{ "guess: HTTP", "'GET / HTTP/1.1'", "HTTP" },
	{ "guess: SSH", "'SSH-2.0-x'", "SSH" },
	{ "guess: QEMU monitor", "'{\"QMP\": {'", "JSON" },
	{ "guess: console", "0d0a 'debian login'", "plain text" },
	{ "guess: short text", "'login'", NULL },
	{ "guess: rubbish", "deadbeef deadbeef deadbeef", NULL },
};

static void test_guess(void **state)
{
	const struct guess *t = *state;
	uint8_t bytes[64];
	size_t len = wire_bytes(*t->wire ? t->wire : " ", bytes, sizeof(bytes));
	const char *guess = msg_guess_peer(bytes, len);

	if (!t->means) {
		assert_null(guess);
		return;
	}
	assert_non_null(guess);
	if (!strstr(guess, t->means))
		fail_msg("\"%s\" is not in \"%s\"", t->means, guess);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(msg_name(0), "ERROR");
	assert_string_equal(msg_name(7), "FINMETA");
	assert_null(msg_name(8));
	assert_null(msg_name(UINT32_MAX));
	assert_string_equal(msg_state_name(MSG_S_RECORDING), "recording");
	assert_null(msg_state_name(MSG_NR_STATES));
}

#define ROWS(table, test)                                             \
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)                \
		*t++ = (struct CMUnitTest)                            \
		{                                                     \
			.name = (table)[i].name, .test_func = (test), \
			.initial_state = (void *)&(table)[i]          \
		}

int main(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test(test_rinit_slots),	cmocka_unit_test(test_full_frame),
		cmocka_unit_test(test_256_cpus),	cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_texts),		cmocka_unit_test(test_long_reason),
		cmocka_unit_test(test_rinit_stream_id), cmocka_unit_test(test_names),
	};
	struct CMUnitTest tests[ARRAY_SIZE(exact) + ARRAY_SIZE(lenient) + ARRAY_SIZE(invalid) +
				ARRAY_SIZE(guesses) + ARRAY_SIZE(single)],
		*t = tests;

	ROWS(exact, test_exact);
	ROWS(lenient, test_lenient);
	ROWS(invalid, test_invalid);
	ROWS(guesses, test_guess);
	memcpy(t, single, sizeof(single));
	return cmocka_run_group_tests_name("msg wire", tests, NULL, NULL);
}
