// SPDX-License-Identifier: GPL-2.0
/*
 * test_dialect.c - V1's texts and V3's frames, byte for byte, whole and cut at every byte
 *
 * The wire examples are those that were seen from other implementations, and those of
 * Documentation/PROTOCOL.txt for our extension.
 */
#include <errno.h>

#include "wire.h"
#include "wire/dialect.h"

static uint8_t frame[MSG_MAX + 64], again[MSG_MAX + 64];

static void assert_encodes(enum wire_gen g, const struct msg *m, const char *wire)
{
	static uint8_t want[MSG_MAX];
	struct wcur w = wcur_make(again, sizeof(again), false);
	size_t len = wire_bytes(wire, want, sizeof(want));

	assert_int_equal(wire_encode(g, &w, m), 0);
	assert_false(w.bad);
	assert_int_equal(w.p - again, len);
	assert_memory_equal(again, want, len);
}

/* Messages that are accepted, and sent again as @as; NULL: in the same form. */
static const struct row {
	const char *name;
	enum wire_gen g;
	enum msg_state state;
	const char *wire;
	struct msg m;
	const char *as;
} rows[] = {
	/* V1 */
	{ "V1 TINIT for UDP",
	  WIRE_V1,
	  MSG_S_GREETED,
	  "'2' 00 '4096' 00 '0' 00",
	  { .type = MSG_TINIT, .tinit = { 2, 4096 } } },
	{ "V1 TINIT for TCP",
	  WIRE_V1,
	  MSG_S_GREETED,
	  "'2' 00 '4096' 00 '1' 00 '4' 00 'TCP' 00",
	  { .type = MSG_TINIT, .tinit = { 2, 4096, true } } },
	{ "V1 RINIT",
	  WIRE_V1,
	  MSG_C_INIT,
	  "'1500,1501' 00",
	  { .type = MSG_RINIT, .rinit = { 2, 2, { 1500, 1501 } } } },
	{ "V1 RINIT, one port",
	  WIRE_V1,
	  MSG_C_INIT,
	  "'65535' 00",
	  { .type = MSG_RINIT, .rinit = { 1, 1, { 65535 } } } },
	/* V2 is trace-msg's */
	{ "V2 TINIT for TCP",
	  WIRE_V2,
	  MSG_S_GREETED,
	  "00000020 00000004 00000002 00001000 00000001 0000000c 00000001 00000000",
	  { .type = MSG_TINIT, .tinit = { 2, 4096, true } } },
	/* V3 */
	{ "V3 TINIT for UDP",
	  WIRE_V3,
	  MSG_S_GREETED,
	  "00000018 00000001 0000000c 00000002 00001000 00000000",
	  { .type = MSG_TINIT, .tinit = { 2, 4096 } } },
	{ "V3 TINIT for TCP",
	  WIRE_V3,
	  MSG_S_GREETED,
	  "0000001c 00000001 0000000c 00000002 00001000 00000001 'tcp' 00",
	  { .type = MSG_TINIT, .tinit = { 2, 4096, true } } },
	{ "V3 TINIT for vsock",
	  WIRE_V3,
	  MSG_S_GREETED,
	  "0000001e 00000001 0000000c 00000002 00001000 00000001 'vsock' 00",
	  { .type = MSG_TINIT, .tinit = { 2, 4096, false, true } } },
	{ "V3 TINIT, our extension",
	  WIRE_V3,
	  MSG_S_GREETED,
	  "0000003f 00000001 0000000c 00000001 00001000 00000002 'tcp' 00 'tcx=7,102030405060708,trace-cmd, x' 00",
	  { .type = MSG_TINIT,
	    .tinit = { 1, 4096, true, false, { true, 7, 0x0102030405060708, "trace-cmd, x" } } } },
	{ "V3 TINIT, unknown options",
	  WIRE_V3,
	  MSG_S_GREETED,
	  "00000024 00000001 0000000c 00000002 00001000 00000002 'zstd=3' 00 'tcp' 00 00",
	  { .type = MSG_TINIT, .tinit = { 2, 4096, true } },
	  "0000001c 00000001 0000000c 00000002 00001000 00000001 'tcp' 00" },
	{ "V3 TINIT, a longer fixed part",
	  WIRE_V3,
	  MSG_S_GREETED,
	  "00000020 00000001 00000010 00000002 00001000 00000001 deadbeef 'tcp' 00",
	  { .type = MSG_TINIT, .tinit = { 2, 4096, true } },
	  "0000001c 00000001 0000000c 00000002 00001000 00000001 'tcp' 00" },
	{ "V3 TINIT, a shorter fixed part",
	  WIRE_V3,
	  MSG_S_GREETED,
	  "00000014 00000001 00000008 00000002 00001000",
	  { .type = MSG_TINIT, .tinit = { 2, 4096 } },
	  "00000018 00000001 0000000c 00000002 00001000 00000000" },
	{ "V3 RINIT",
	  WIRE_V3,
	  MSG_C_INIT,
	  "0000001a 00000002 00000004 00000002 '1500' 00 '1501' 00",
	  { .type = MSG_RINIT, .rinit = { 2, 2, { 1500, 1501 } } } },
	{ "V3 RINIT, vsock's ports",
	  WIRE_V3,
	  MSG_C_INIT,
	  "0000001b 00000002 00000004 00000001 '4294967295' 00",
	  { .type = MSG_RINIT, .rinit = { 1, 1, { UINT32_MAX } } } },
	{ "V3 RINIT, our extension",
	  WIRE_V3,
	  MSG_C_INIT,
	  "00000029 00000002 00000004 00000001 '1500' 00 'tcx=5,0,trace-cmd y' 00",
	  { .type = MSG_RINIT, .rinit = { 1, 1, { 1500 }, { true, 5, 0, "trace-cmd y" } } } },
	{ "V3 RINIT, other texts and a stream id",
	  WIRE_V3,
	  MSG_C_INIT,
	  "00000026 00000002 00000004 00000001 '1500' 00 'other' 00 'tcx=5,9,me' 00",
	  { .type = MSG_RINIT, .rinit = { 1, 1, { 1500 }, { true, 5, 0, "me" } } },
	  "00000020 00000002 00000004 00000001 '1500' 00 'tcx=5,0,me' 00" },
	{ "V3 SEND_DATA",
	  WIRE_V3,
	  MSG_S_META,
	  "0000000f 00000003 00000000 'abc'",
	  { .type = MSG_SENDMETA, .meta = { (const uint8_t *)"abc", 3 } } },
	{ "V3 SEND_DATA, empty",
	  WIRE_V3,
	  MSG_S_TAIL,
	  "0000000c 00000003 00000000",
	  { .type = MSG_SENDMETA } },
	{ "V3 FIN_DATA",
	  WIRE_V3,
	  MSG_S_META,
	  "0000000c 00000004 00000000",
	  { .type = MSG_FINMETA } },
	{ "V3 CLOSE",
	  WIRE_V3,
	  MSG_S_RECORDING,
	  "0000000c 00000000 00000000",
	  { .type = MSG_CLOSE } },
	{ "V3 CLOSE with totals, to the server",
	  WIRE_V3,
	  MSG_S_RECORDING,
	  "0000002c 00000000 00000000 00000001 0000000000001000 0000000000000002 0000000000000003 00000004",
	  { .type = MSG_CLOSE, .close = { 1, { { 4096, 2, 3, 4 } } } } },
	{ "V3 CLOSE with totals, to the client",
	  WIRE_V3,
	  MSG_C_RUNNING,
	  "0000002c 00000000 00000000 00000001 ffffffffffffffff 0000000000000002 0000000000000003 00000004",
	  { .type = MSG_CLOSE, .close = { 1, { { UINT64_MAX, 2, 3, 4 } } } } },
	{ "V3 NOT_SUPP",
	  WIRE_V3,
	  MSG_C_INIT,
	  "0000000c 00000005 00000000",
	  { .type = MSG_ERROR, .error = { .reason = "" } } },
	{ "V3 NOT_SUPP with our reason",
	  WIRE_V3,
	  MSG_C_RUNNING,
	  "0000001c 00000005 00000000 'why:disk failed' 00",
	  { .type = MSG_ERROR, .error = { .reason = "disk failed" } } },
	{ "V3 NOT_SUPP with rubbish",
	  WIRE_V3,
	  MSG_C_RUNNING,
	  "00000010 00000005 00000000 'why:'",
	  { .type = MSG_ERROR, .error = { .reason = "" } },
	  "0000000c 00000005 00000000" },
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
	if (a->type == MSG_ERROR) {
		assert_string_equal(a->error.reason, b->error.reason);
		assert_int_equal(a->error.size + a->error.cmd, 0);
	} else if (a->type == MSG_CLOSE) {
		assert_int_equal(a->close.cpus, b->close.cpus);
		for (uint32_t i = 0; i < a->close.cpus; i++) {
			assert_int_equal(a->close.total[i].bytes, b->close.total[i].bytes);
			assert_int_equal(a->close.total[i].stuck, b->close.total[i].stuck);
		}
	} else if (a->type == MSG_TINIT) {
		assert_int_equal(a->tinit.cpus, b->tinit.cpus);
		assert_int_equal(a->tinit.page_size, b->tinit.page_size);
		assert_int_equal(a->tinit.use_tcp, b->tinit.use_tcp);
		assert_int_equal(a->tinit.use_vsock, b->tinit.use_vsock);
		assert_ext(&a->tinit.ext, &b->tinit.ext);
	} else if (a->type == MSG_RINIT) {
		assert_int_equal(a->rinit.cpus, b->rinit.cpus);
		assert_int_equal(a->rinit.nports, b->rinit.nports);
		assert_memory_equal(a->rinit.port, b->rinit.port, 4 * (size_t)a->rinit.nports);
		assert_ext(&a->rinit.ext, &b->rinit.ext);
	} else if (a->type == MSG_SENDMETA) {
		assert_int_equal(a->meta.len, b->meta.len);
		if (b->meta.len)
			assert_memory_equal(a->meta.data, b->meta.data, b->meta.len);
	}
}

/* Incomplete at every length but the last: nothing is touched, nothing is said. */
static void test_row(void **state)
{
	const struct row *t = *state;
	size_t len = wire_bytes(t->wire, frame, sizeof(frame));
	struct rcur in;
	struct msg m;

	for (size_t cut = 0; cut < len; cut++) {
		struct err e = { 0 };

		in = rcur_make(frame, cut, false);
		assert_int_equal(wire_decode(t->g, &in, t->state, &m, &e), -EAGAIN);
		assert_ptr_equal(in.p, frame);
		assert_int_equal(in.left, cut);
		assert_false(in.bad);
		assert_int_equal(e.code, 0);
	}
	memset(&m, 0xa5, sizeof(m)); /* the decoder relies on nothing that was there */
	in = rcur_make(frame, len + 3, false);
	assert_int_equal(wire_decode(t->g, &in, t->state, &m, NULL), 0);
	assert_int_equal(in.left, 3);
	assert_same(&m, &t->m);
	assert_encodes(t->g, &m, t->as ? t->as : t->wire);
	if (!t->as)
		assert_encodes(t->g, &t->m, t->wire);
}

static const struct refusal {
	const char *name;
	enum wire_gen g;
	enum msg_state state;
	const char *wire;
	const char *says;
} refusals[] = {
	{ "V1: 0 CPUs", WIRE_V1, MSG_S_GREETED, "'0' 00", "sent TINIT for 0 CPUs" },
	{ "V1: 257 CPUs", WIRE_V1, MSG_S_GREETED, "'257' 00", "sent TINIT for 257 CPUs" },
	{ "V1: -1 CPUs", WIRE_V1, MSG_S_GREETED, "'-1' 00",
	  "no number where the number of CPUs was expected" },
	{ "V1: no CPUs", WIRE_V1, MSG_S_GREETED, "00", "no number where the number of CPUs" },
	{ "V1: page size 0", WIRE_V1, MSG_S_GREETED, "'2' 00 '0' 00", "pages of 0 bytes" },
	{ "V1: the probe of 2014", WIRE_V1, MSG_S_GREETED, "'1' 00 '677768' 00",
	  "pages of 677768 bytes" },
	{ "V1: options are no number", WIRE_V1, MSG_S_GREETED, "'2' 00 '4096' 00 '1x' 00",
	  "no number where the number of options" },
	{ "V1: option of 5 bytes", WIRE_V1, MSG_S_GREETED, "'2' 00 '4096' 00 '1' 00 '5' 00",
	  "sent an option of 5 bytes; only TCP, of 4, is known" },
	{ "V1: option of 4 billion bytes", WIRE_V1, MSG_S_GREETED,
	  "'2' 00 '4096' 00 '1' 00 '4294967295' 00", "sent an option of 4294967295 bytes" },
	{ "V1: option size overflows", WIRE_V1, MSG_S_GREETED,
	  "'2' 00 '4096' 00 '1' 00 '18446744073709551620' 00", "the size of an option" },
	{ "V1: another option", WIRE_V1, MSG_S_GREETED, "'2' 00 '4096' 00 '1' 00 '4' 00 'UDP' 00",
	  "sent an option that is unknown here" },
	{ "V1: TCP twice", WIRE_V1, MSG_S_GREETED,
	  "'2' 00 '4096' 00 '2' 00 '4' 00 'TCP' 00 '4' 00 'TCP' 00", "sent the option TCP twice" },
	{ "V1: no ports", WIRE_V1, MSG_C_INIT, "00", "an empty list of ports: it refused" },
	{ "V1: port 65536", WIRE_V1, MSG_C_INIT, "'1500,65536' 00",
	  "a list of ports whose number 1 is none" },
	{ "V1: a port is missing", WIRE_V1, MSG_C_INIT, "'1500,' 00", "number 1 is none" },
	{ "V1: ports are no list", WIRE_V1, MSG_C_INIT, "'1500;1501' 00", "number 0 is none" },
	{ "V1: the server speaks", WIRE_V1, MSG_C_RUNNING, "'x'",
	  "sent 1 bytes where V1 has nothing to say" },

	{ "V2: state", WIRE_V2, MSG_S_GREETED, "00000008 00000007", "sent FINMETA while TINIT" },

	/* Judged by the first 8 bytes, or 12 */
	{ "V3: size 11", WIRE_V3, MSG_S_META, "0000000b 00000003",
	  "said its message has 11 bytes; 12..8192 are possible" },
	{ "V3: size 8193", WIRE_V3, MSG_S_META, "00002001 00000003", "has 8193 bytes" },
	{ "V3: command 12", WIRE_V3, MSG_S_META, "0000000c 0000000c",
	  "sent command 12, which V3 does not have" },
	{ "V3: fixed part too long", WIRE_V3, MSG_S_GREETED, "00000018 00000001 0000000d",
	  "sent TINIT of 24 bytes with a fixed part of 13" },
	{ "V3: not TINIT", WIRE_V3, MSG_S_GREETED, "0000000c 00000004",
	  "sent FINMETA while TINIT was expected in state greeted" },
	{ "V3: TINIT twice", WIRE_V3, MSG_S_META, "00000018 00000001",
	  "sent TINIT while SENDMETA or FINMETA was expected in state metadata" },
	{ "V3: the agent's request", WIRE_V3, MSG_S_GREETED, "00000056 00000006",
	  "sent TRACE_REQ while TINIT was expected in state greeted" },
	{ "V3: CLOSE_RESP", WIRE_V3, MSG_C_RUNNING, "0000000c 00000008",
	  "sent CLOSE_RESP while CLOSE or ERROR was expected in state running" },
	{ "V3: NOT_SUPP to a server", WIRE_V3, MSG_S_META, "0000000c 00000005",
	  "sent ERROR while SENDMETA" },
	{ "V3: RINIT late", WIRE_V3, MSG_C_RUNNING, "0000001a 00000002", "sent RINIT while" },

	{ "V3: 0 CPUs", WIRE_V3, MSG_S_GREETED,
	  "00000018 00000001 0000000c 00000000 00001000 00000000", "sent TINIT for 0 CPUs" },
	{ "V3: odd pages", WIRE_V3, MSG_S_GREETED,
	  "00000018 00000001 0000000c 00000001 00001001 00000000", "pages of 4097 bytes" },
	{ "V3: options without NUL", WIRE_V3, MSG_S_GREETED,
	  "0000001b 00000001 0000000c 00000002 00001000 00000001 'tcp'",
	  "sent TINIT whose texts do not end in NUL" },
	{ "V3: options that are not there", WIRE_V3, MSG_S_GREETED,
	  "00000018 00000001 0000000c 00000002 00001000 00000001",
	  "sent TINIT whose texts do not end in NUL" },
	{ "V3: 4 billion options", WIRE_V3, MSG_S_GREETED,
	  "0000001c 00000001 0000000c 00000002 00001000 ffffffff 'tcp' 00",
	  "more options than fit" },
	{ "V3: tcp and vsock", WIRE_V3, MSG_S_GREETED,
	  "00000022 00000001 0000000c 00000002 00001000 00000002 'tcp' 00 'vsock' 00",
	  "both tcp and vsock" },
	{ "V3: extension without numbers", WIRE_V3, MSG_S_GREETED,
	  "0000001d 00000001 0000000c 00000002 00001000 00000001 'tcx=' 00",
	  "without the two hexadecimal numbers" },
	{ "V3: extension with one number", WIRE_V3, MSG_S_GREETED,
	  "00000021 00000001 0000000c 00000002 00001000 00000001 'tcx=7,me' 00",
	  "without the two hexadecimal numbers" },
	{ "V3: extension, features of 33 bits", WIRE_V3, MSG_S_GREETED,
	  "0000002b 00000001 0000000c 00000002 00001000 00000001 'tcx=100000000,1,me' 00",
	  "without the two hexadecimal numbers" },
	{ "V3: extension twice", WIRE_V3, MSG_S_GREETED,
	  "0000002e 00000001 0000000c 00000002 00001000 00000002 'tcx=7,1,me' 00 'tcx=7,1,me' 00",
	  "twice" },
	{ "V3: extension with terminal codes", WIRE_V3, MSG_S_GREETED,
	  "00000024 00000001 0000000c 00000002 00001000 00000001 'tcx=7,1,' 1b5b6d00",
	  "no text of 1..128 bytes" },
	{ "V3: RINIT for 257 CPUs", WIRE_V3, MSG_C_INIT,
	  "00000015 00000002 00000004 00000101 '1500' 00", "sent RINIT for 257 CPUs" },
	{ "V3: RINIT without ports", WIRE_V3, MSG_C_INIT, "00000010 00000002 00000004 00000001",
	  "sent RINIT whose texts do not end in NUL" },
	{ "V3: RINIT without NUL", WIRE_V3, MSG_C_INIT,
	  "00000014 00000002 00000004 00000001 '1500'", "do not end in NUL" },
	{ "V3: RINIT, a port is missing", WIRE_V3, MSG_C_INIT,
	  "00000015 00000002 00000004 00000002 '1500' 00", "without a port for CPU 1" },
	{ "V3: RINIT, a port is no number", WIRE_V3, MSG_C_INIT,
	  "00000015 00000002 00000004 00000001 '150x' 00", "without a port for CPU 0" },
	{ "V3: CLOSE, a total cut off", WIRE_V3, MSG_S_RECORDING,
	  "00000014 00000000 00000000 00000001 00000000",
	  "totals of 1 CPUs in a body of 8 bytes; 32 are needed" },
};

static void test_refusal(void **state)
{
	const struct refusal *t = *state;
	size_t len = wire_bytes(t->wire, frame, sizeof(frame));

	for (size_t cut = 0; cut <= len; cut++) {
		struct rcur in = rcur_make(frame, cut, false);
		struct err e = { 0 };
		struct msg m;
		int ret = wire_decode(t->g, &in, t->state, &m, &e);

		assert_int_equal(ret, cut == len ? -EPROTO : -EAGAIN);
		assert_ptr_equal(in.p, frame);
		assert_int_equal(in.left, cut);
		if (cut == len && !strstr(e.what, t->says))
			fail_msg("\"%s\" is not in \"%s\"", t->says, e.what);
	}
}

/* What is not sent at all, and what a generation has no words for. */
static const struct sent {
	const char *name;
	enum wire_gen g;
	struct msg m;
	int result; /* 0: nothing is appended */
} sent[] = {
	{ "V1: FINMETA", WIRE_V1, { .type = MSG_FINMETA } },
	{ "V1: CLOSE with totals", WIRE_V1, { .type = MSG_CLOSE, .close = { .cpus = 2 } } },
	{ "V1: ERROR", WIRE_V1, { .type = MSG_ERROR, .error = { .reason = "no" } } },
	{ "V1: TCONNECT", WIRE_V1, { .type = MSG_TCONNECT } },
	{ "V1: RCONNECT", WIRE_V1, { .type = MSG_RCONNECT, .rconnect = { MSG_GREETING } } },
	{ "V1: empty metadata", WIRE_V1, { .type = MSG_SENDMETA } },
	{ "V3: TCONNECT", WIRE_V3, { .type = MSG_TCONNECT } },
	{ "V3: RCONNECT", WIRE_V3, { .type = MSG_RCONNECT, .rconnect = { MSG_GREETING } } },
	{ "V1: vsock",
	  WIRE_V1,
	  { .type = MSG_TINIT, .tinit = { 1, 4096, .use_vsock = true } },
	  -EINVAL },
	{ "V2: vsock",
	  WIRE_V2,
	  { .type = MSG_TINIT, .tinit = { 1, 4096, .use_vsock = true } },
	  -EINVAL },
	{ "V3: tcp and vsock",
	  WIRE_V3,
	  { .type = MSG_TINIT, .tinit = { 1, 4096, true, true } },
	  -EINVAL },
	{ "V1: 0 CPUs", WIRE_V1, { .type = MSG_TINIT, .tinit = { 0, 4096 } }, -EINVAL },
	{ "V3: 257 CPUs", WIRE_V3, { .type = MSG_TINIT, .tinit = { 257, 4096 } }, -EINVAL },
	{ "V3: odd pages", WIRE_V3, { .type = MSG_TINIT, .tinit = { 1, 4097 } }, -EINVAL },
	{ "V1: RINIT without ports", WIRE_V1, { .type = MSG_RINIT, .rinit = { 1 } }, -EINVAL },
	{ "V3: RINIT without ports", WIRE_V3, { .type = MSG_RINIT, .rinit = { 1 } }, -EINVAL },
	{ "V1: port 65536", WIRE_V1, { .type = MSG_RINIT, .rinit = { 1, 1, { 65536 } } }, -EINVAL },
	{ "V3: CLOSE for 257 CPUs", WIRE_V3, { .type = MSG_CLOSE, .close = { 257 } }, -EINVAL },
	{ "V1: metadata too long",
	  WIRE_V1,
	  { .type = MSG_SENDMETA, .meta = { frame, MSG_META_MAX + 1 } },
	  -EINVAL },
	{ "V3: metadata too long",
	  WIRE_V3,
	  { .type = MSG_SENDMETA, .meta = { frame, MSG_META_MAX + 1 } },
	  -EINVAL },
	{ "V3: metadata that are not there",
	  WIRE_V3,
	  { .type = MSG_SENDMETA, .meta = { NULL, 1 } },
	  -EINVAL },
	{ "V1: type 8", WIRE_V1, { .type = 8 }, -EINVAL },
	{ "V3: type 8", WIRE_V3, { .type = 8 }, -EINVAL },
};

static void test_sent(void **state)
{
	const struct sent *t = *state;
	struct wcur w = wcur_make(again, sizeof(again), false);

	assert_int_equal(wire_encode(t->g, &w, &t->m), t->result);
	assert_int_equal(w.bad, t->result != 0);
	assert_ptr_equal(w.p, again);
	assert_int_equal(w.left, sizeof(again));
}

/* In V1 every byte behind the ports is metadata: as much as is there, at most a message's worth. */
static void test_bare(void **state)
{
	static const enum msg_state states[] = { MSG_S_META, MSG_S_RECORDING };
	struct wcur w = wcur_make(again, sizeof(again), false);
	struct msg m;

	(void)state;
	memset(frame, 'x', sizeof(frame));
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct rcur in = rcur_make(frame, MSG_META_MAX + 5, false);

		assert_int_equal(wire_decode(WIRE_V1, &in, states[i], &m, NULL), 0);
		assert_int_equal(m.type, MSG_SENDMETA);
		assert_int_equal(m.meta.len, MSG_META_MAX);
		assert_ptr_equal(m.meta.data, frame);
		assert_int_equal(wire_decode(WIRE_V1, &in, states[i], &m, NULL), 0);
		assert_int_equal(m.meta.len, 5);
		assert_int_equal(wire_decode(WIRE_V1, &in, states[i], &m, NULL), -EAGAIN);
	}
	assert_int_equal(wire_encode(WIRE_V1, &w, &m), 0);
	assert_int_equal(w.p - again, 5);
	assert_memory_equal(again, "xxxxx", 5);
}

/* Texts of V1 that never end are refused at 8192 bytes, and not before. */
static void test_endless(void **state)
{
	static const enum msg_state states[] = { MSG_S_GREETED, MSG_C_INIT };

	(void)state;
	memset(frame, '1', sizeof(frame));
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct rcur in = rcur_make(frame, 8191, false);
		struct err e = { 0 };
		struct msg m;

		assert_int_equal(wire_decode(WIRE_V1, &in, states[i], &m, &e), -EAGAIN);
		in.left++;
		assert_int_equal(wire_decode(WIRE_V1, &in, states[i], &m, &e), -EPROTO);
		assert_non_null(strstr(e.what, "sent 8192 bytes without an end"));
	}
}

/* The largest RINIT and CLOSE come back in each generation that has them; one port more does not.
 */
static void test_256_cpus(void **state)
{
	static struct msg m, got;

	(void)state;
	for (enum wire_gen g = WIRE_V1; g <= WIRE_V3; g++) {
		struct wcur w = wcur_make(again, sizeof(again), false);
		struct rcur in;

		m = (struct msg){ .type = MSG_RINIT, .rinit = { 256, 256 } };
		for (uint32_t i = 0; i < 256; i++)
			m.rinit.port[i] = 10000 + i;
		assert_int_equal(wire_encode(g, &w, &m), 0);
		in = rcur_make(again, (size_t)(w.p - again), false);
		assert_int_equal(wire_decode(g, &in, MSG_C_INIT, &got, NULL), 0);
		assert_int_equal(in.left, 0);
		assert_same(&got, &m);
		if (g > WIRE_V1)
			continue;
		memcpy(w.p - 1, ",1", 3);
		in = rcur_make(again, (size_t)(w.p - again) + 2, false);
		assert_int_equal(wire_decode(g, &in, MSG_C_INIT, &got, NULL), -EPROTO);
	}
	m = (struct msg){ .type = MSG_CLOSE, .close = { .cpus = 256 } };
	for (enum wire_gen g = WIRE_V2; g <= WIRE_V3; g++) {
		struct wcur w = wcur_make(again, sizeof(again), false);
		struct rcur in;

		m.close.total[255].stuck = g;
		assert_int_equal(wire_encode(g, &w, &m), 0);
		in = rcur_make(again, (size_t)(w.p - again), false);
		assert_int_equal(wire_decode(g, &in, MSG_S_RECORDING, &got, NULL), 0);
		assert_same(&got, &m);
	}
}

/* Every room that is too small: -ENOSPC, and nothing beyond it is touched. */
static void test_no_room(void **state)
{
	const struct msg m = { .type = MSG_TINIT, .tinit = { 256, 65536, true } };

	(void)state;
	for (enum wire_gen g = WIRE_V1; g <= WIRE_V3; g++) {
		struct wcur all = wcur_make(again, sizeof(again), false);

		assert_int_equal(wire_encode(g, &all, &m), 0);
		for (size_t room = 0; room < (size_t)(all.p - again); room++) {
			struct wcur w = wcur_make(frame, room, false);

			frame[room] = 0xa5;
			assert_int_equal(wire_encode(g, &w, &m), -ENOSPC);
			assert_true(w.bad);
			assert_ptr_equal(w.p, frame);
			assert_int_equal(frame[room], 0xa5);
		}
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(wire_gen_name(WIRE_V1), "V1 (legacy text)");
	assert_string_equal(wire_gen_name(WIRE_V3), "V3");
	assert_string_equal(wire_gen_name(0), "?");
	assert_string_equal(wire_gen_name(4), "?");
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
		cmocka_unit_test(test_bare),	 cmocka_unit_test(test_endless),
		cmocka_unit_test(test_256_cpus), cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_names),
	};
	struct CMUnitTest tests[ARRAY_SIZE(rows) + ARRAY_SIZE(refusals) + ARRAY_SIZE(sent) +
				ARRAY_SIZE(single)],
		*t = tests;

	ROWS(rows, test_row);
	ROWS(refusals, test_refusal);
	ROWS(sent, test_sent);
	memcpy(t, single, sizeof(single));
	return cmocka_run_group_tests_name("dialect", tests, NULL, NULL);
}
