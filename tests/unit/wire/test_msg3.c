// SPDX-License-Identifier: GPL-2.0
/*
 * test_msg3.c - V3's frames, those of the agent among them, byte for byte
 *
 * The wire examples are those that were seen from other implementations. What TINIT, RINIT and the
 * others of a network recording mean is test_dialect.c's subject.
 */
#include <errno.h>

#include "wire.h"
#include "wire/msg3.h"

static uint8_t frame[MSG3_MAX + 64], again[MSG3_MAX + 64];

#define BUF(text) .buf = (const uint8_t *)(text), .len = sizeof(text) - 1

/* What is sent and accepted; a variable part without .buf is the end of .wire; @as: what we send
 * for a form that only others have. */
static const struct row {
	const char *name, *wire;
	struct msg3 m;
	const char *as;
} rows[] = {
	{ "CLOSE", "0000000c 00000000 00000000", { .type = MSG3_CLOSE } },
	{ "TINIT for TCP",
	  "0000001c 00000001 0000000c 00000002 00001000 00000001 'tcp' 00",
	  { .type = MSG3_TINIT, .tinit = { 2, 4096, 1 }, BUF("tcp\0") } },
	{ "RINIT",
	  "0000001a 00000002 00000004 00000002 '1500' 00 '1501' 00",
	  { .type = MSG3_RINIT, .rinit = { 2 }, BUF("1500\0001501\0") } },
	{ "SEND_DATA", "0000000f 00000003 00000000 'abc'", { .type = MSG3_SEND_DATA, BUF("abc") } },
	{ "NOT_SUPP", "0000000c 00000005 00000000", { .type = MSG3_NOT_SUPP } },
	{ "TRACE_REQ",
	  "00000056 00000006 00000010 00000000 00000000 ba3d946177acaf7d"
	  "00000000 00000025 00000004 '-C' 00 'x86-tsc' 00 '-e' 00 'sched:sched_switch' 00"
	  "00000001 00000005 'ptp' 0000",
	  { .type = MSG3_TRACE_REQ, .req = { 0, 0, 0xba3d946177acaf7d }, .len = 58 } },
	{ "TRACE_REQ, a shorter fixed part",
	  "00000014 00000006 00000008 00000001 00000000",
	  { .type = MSG3_TRACE_REQ, .req = { MSG3_F_FIFOS } },
	  "0000001c 00000006 00000010 00000001 00000000 0000000000000000" },
	{ "TRACE_REQ, cut in its trace id",
	  "00000018 00000006 0000000c 00000001 00000000 12345678",
	  { .type = MSG3_TRACE_REQ, .req = { MSG3_F_FIFOS, 0, 0x1234567800000000 } },
	  "0000001c 00000006 00000010 00000001 00000000 1234567800000000" },
	{ "TRACE_RESP with sync",
	  "0000003e 00000007 00000028 00000000 00000002 00001000 21f516210002e378"
	  "'ptp' 00000000000000000000000000 000005de '1500' 00 '1501' 00",
	  { .type = MSG3_TRACE_RESP,
	    .resp = { 0, 2, 4096, 0x21f516210002e378, "ptp", 1502 },
	    BUF("1500\0001501\0") } },
	{ "TRACE_RESP without sync, FIFOs",
	  "00000038 00000007 00000028 00000001 00000002 00001000 21f516210002e378"
	  "00000000000000000000000000000000 00000000 '0' 00 '0' 00",
	  { .type = MSG3_TRACE_RESP,
	    .resp = { MSG3_F_FIFOS, 2, 4096, 0x21f516210002e378 },
	    BUF("0\0000\0") } },
	{ "TRACE_RESP, a longer fixed part",
	  "0000003c 00000007 0000002c 00000000 00000001 00001000 0000000000000001"
	  "'abcdefghijklmnop' 00000000 deadbeef '1500'",
	  { .type = MSG3_TRACE_RESP, .resp = { 0, 1, 4096, 1, "abcdefghijklmnop" }, BUF("1500") },
	  "00000038 00000007 00000028 00000000 00000001 00001000 0000000000000001"
	  "'abcdefghijklmnop' 00000000 '1500'" },
	{ "CLOSE_RESP", "0000000c 00000008 00000000", { .type = MSG3_CLOSE_RESP } },
	{ "TIME_SYNC, a probe",
	  "00000022 00000009 00000014 'none' 000000000000000000000000 00000001 0100",
	  { .type = MSG3_TIME_SYNC, .sync = { "none", 1 }, BUF("\1\0") } },
	{ "TIME_SYNC, rubbish behind the name",
	  "00000020 00000009 00000014 'kvm' 00 'rubbish' 0000000000 00000002",
	  { .type = MSG3_TIME_SYNC, .sync = { "kvm", 2 } },
	  "00000020 00000009 00000014 'kvm' 00000000000000000000000000 00000002" },
	{ "TRACE_PROXY",
	  "00000024 0000000a 00000018 00000000 00000000 0000000000000009 00000002 00000001",
	  { .type = MSG3_TRACE_PROXY, .req = { 0, 0, 9, 2, 1 } } },
	{ "CONT", "0000000c 0000000b 00000000", { .type = MSG3_CONT } },
};

static void assert_same(const struct msg3 *a, const struct msg3 *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->len, b->len);
	if (b->len)
		assert_memory_equal(a->buf, b->buf, b->len);
	if (a->type == MSG3_TRACE_REQ || a->type == MSG3_TRACE_PROXY) {
		assert_int_equal(a->req.flags, b->req.flags);
		assert_int_equal(a->req.trace_id, b->req.trace_id);
		assert_int_equal(a->req.cpus, b->req.cpus);
		assert_int_equal(a->req.siblings, b->req.siblings);
	} else if (a->type == MSG3_TRACE_RESP) {
		assert_int_equal(a->resp.flags, b->resp.flags);
		assert_int_equal(a->resp.cpus, b->resp.cpus);
		assert_int_equal(a->resp.page_size, b->resp.page_size);
		assert_int_equal(a->resp.trace_id, b->resp.trace_id);
		assert_string_equal(a->resp.proto, b->resp.proto);
		assert_int_equal(a->resp.sync_port, b->resp.sync_port);
	} else if (a->type == MSG3_TIME_SYNC) {
		assert_string_equal(a->sync.proto, b->sync.proto);
		assert_int_equal(a->sync.id, b->sync.id);
	} else if (a->type == MSG3_TINIT) {
		assert_int_equal(a->tinit.cpus, b->tinit.cpus);
		assert_int_equal(a->tinit.page_size, b->tinit.page_size);
		assert_int_equal(a->tinit.opt_num, b->tinit.opt_num);
	} else if (a->type == MSG3_RINIT) {
		assert_int_equal(a->rinit.cpus, b->rinit.cpus);
	}
}

static void assert_encodes(const struct msg3 *m, const char *wire)
{
	struct wcur w = wcur_make(again, sizeof(again), false);
	size_t len = wire_bytes(wire, frame, sizeof(frame));
	struct msg3 whole = *m;

	if (!m->buf)
		whole.buf = frame + len - m->len;
	assert_int_equal(msg3_encode(&w, &whole), 0);
	assert_int_equal(w.p - again, len);
	assert_memory_equal(again, frame, len);
	for (size_t room = 0; room < len; room++) {
		w = wcur_make(again, room, false);
		assert_int_equal(msg3_encode(&w, &whole), -ENOSPC);
		assert_true(w.bad);
		assert_ptr_equal(w.p, again);
	}
}

static void test_row(void **state)
{
	const struct row *t = *state;
	size_t len = wire_bytes(t->wire, frame, sizeof(frame));
	struct err e = { 0 };
	struct rcur in;
	struct msg3 m, want;

	for (size_t cut = 0; cut < len; cut++) {
		in = rcur_make(frame, cut, false);
		assert_int_equal(msg3_decode(&in, &m, &e), -EAGAIN);
		assert_ptr_equal(in.p, frame);
		assert_int_equal(in.left, cut);
		assert_int_equal(e.code, 0);
	}
	memset(&m, 0xa5, sizeof(m));
	in = rcur_make(frame, len + 2, false);
	assert_int_equal(msg3_decode(&in, &m, &e), 0);
	assert_int_equal(in.left, 2);
	want = t->m;
	if (!want.buf)
		want.buf = frame + len - want.len;
	assert_same(&m, &want);
	assert_encodes(&t->m, t->as ? t->as : t->wire);
}

static const struct refusal {
	const char *name, *wire, *says;
} refusals[] = {
	{ "size 0", "00000000 00000000", "said its message has 0 bytes; 12..8192 are possible" },
	{ "size 11", "0000000b 00000000", "has 11 bytes" },
	{ "size 8193", "00002001 00000003", "has 8193 bytes" },
	{ "size 4 GiB", "ffffffff 00000003", "has 4294967295 bytes" },
	{ "command 12", "0000000c 0000000c", "sent command 12, which V3 does not have" },
	{ "command 4 billion", "0000000c ffffffff", "sent command 4294967295" },
	{ "fixed part of 1 in 12", "0000000c 00000000 00000001",
	  "sent CLOSE of 12 bytes with a fixed part of 1" },
	{ "fixed part of 4 GiB", "0000001c 00000006 ffffffff",
	  "sent TRACE_REQ of 28 bytes with a fixed part of 4294967295" },
	{ "TINIT without NUL", "0000001b 00000001 0000000c 00000002 00001000 00000001 'tcp'",
	  "sent TINIT whose texts do not end in NUL" },
	{ "RINIT without texts", "00000010 00000002 00000004 00000002",
	  "sent RINIT whose texts do not end in NUL" },
	{ "a protocol that is no text",
	  "00000020 00000009 00000014 1b5b6d00 000000000000000000000000 00000002",
	  "sent TIME_SYNC with a protocol's name that is no text" },
};

static void test_refusal(void **state)
{
	const struct refusal *t = *state;
	size_t len = wire_bytes(t->wire, frame, sizeof(frame));

	for (size_t cut = 0; cut <= len; cut++) {
		struct rcur in = rcur_make(frame, cut, false);
		struct err e = { 0 };
		struct msg3 m;

		assert_int_equal(msg3_decode(&in, &m, &e), cut == len ? -EPROTO : -EAGAIN);
		assert_ptr_equal(in.p, frame);
		assert_int_equal(in.left, cut);
		if (cut == len && !strstr(e.what, t->says))
			fail_msg("\"%s\" is not in \"%s\"", t->says, e.what);
	}
}

static void test_invalid(void **state)
{
	static const struct msg3 invalid[] = {
		{ .type = 12 },
		{ .type = -1 },
		{ .type = MSG3_SEND_DATA, .buf = frame, .len = MSG3_DATA_MAX + 1 },
		{ .type = MSG3_TIME_SYNC, .buf = frame, .len = MSG3_DATA_MAX - 19 },
		{ .type = MSG3_SEND_DATA, .len = 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		struct wcur w = wcur_make(again, sizeof(again), false);

		assert_int_equal(msg3_encode(&w, &invalid[i]), -EINVAL);
		assert_true(w.bad);
		assert_ptr_equal(w.p, again);
	}
}

static void test_largest(void **state)
{
	struct msg3 m = { .type = MSG3_SEND_DATA, .buf = frame, .len = MSG3_DATA_MAX }, got;
	struct wcur w = wcur_make(again, sizeof(again), false);
	struct rcur in = rcur_make(again, MSG3_MAX, false);

	(void)state;
	assert_int_equal(msg3_encode(&w, &m), 0);
	assert_int_equal(w.p - again, MSG3_MAX);
	assert_int_equal(msg3_decode(&in, &got, NULL), 0);
	assert_int_equal(got.len, MSG3_DATA_MAX);
	m = (struct msg3){ .type = MSG3_TIME_SYNC, .buf = frame, .len = MSG3_DATA_MAX - 20 };
	w = wcur_make(again, sizeof(again), false);
	assert_int_equal(msg3_encode(&w, &m), 0);
	assert_int_equal(w.p - again, MSG3_MAX);
}

/* Texts end at the part's end, also where the last has no NUL. */
static void test_texts(void **state)
{
	struct msg3 m = { .type = MSG3_TRACE_RESP, BUF("1500\0\0001501\00015") };
	uint32_t at = 0;

	(void)state;
	assert_string_equal(msg3_text(&m, &at), "1500");
	assert_string_equal(msg3_text(&m, &at), "");
	assert_string_equal(msg3_text(&m, &at), "1501");
	assert_null(msg3_text(&m, &at));
	assert_null(msg3_text(&m, &at));
	m = (struct msg3){ .type = MSG3_TRACE_RESP };
	at = 0;
	assert_null(msg3_text(&m, &at));
}

static void test_params(void **state)
{
	struct msg3 m = { .type = MSG3_TRACE_REQ,
			  BUF("\0\0\0\0\0\0\0\x0a\0\0\0\3-e\0\0x\0"
			      "\0\0\0\7\0\0\0\1?"
			      "\0\0\0\1\0\0\0\x0aptp\0kvm\0\0x") };
	struct msg3_param p;
	uint32_t at = 0, text = 0;

	(void)state;
	assert_int_equal(msg3_param(&m, &at, &p, NULL), 1);
	assert_int_equal(p.id, MSG3_PARAM_ARGS);
	assert_int_equal(p.len, 10);
	assert_string_equal(msg3_param_text(&p, &text), "-e");
	assert_string_equal(msg3_param_text(&p, &text), "");
	assert_string_equal(msg3_param_text(&p, &text), "x");
	assert_null(msg3_param_text(&p, &text));
	assert_int_equal(msg3_param(&m, &at, &p, NULL), 1);
	assert_int_equal(p.id, 7);
	assert_int_equal(msg3_param(&m, &at, &p, NULL), 1);
	assert_int_equal(p.id, MSG3_PARAM_TSYNC_PROTOS);
	text = 0;
	assert_string_equal(msg3_param_text(&p, &text), "ptp");
	assert_string_equal(msg3_param_text(&p, &text), "kvm");
	assert_null(msg3_param_text(&p, &text));
	assert_int_equal(msg3_param(&m, &at, &p, NULL), 0);
}

/* Cut at every byte: whole parameters, then an end or an error; nothing behind the part is read. */
static void test_params_cut(void **state)
{
	static const char all[] = "\0\0\0\1\0\0\0\2ab\0\0\0\0\0\0\0\4\0\0\0\0";
	const uint32_t len = sizeof(all) - 1, first = 10;

	(void)state;
	for (uint32_t cut = 0; cut <= len; cut++) {
		uint8_t *exact = malloc(cut + !cut);
		struct msg3 m = { .type = MSG3_TRACE_REQ, .buf = exact, .len = cut };
		struct err e = { 0 };
		struct msg3_param p;
		uint32_t at = 0, text = 0, n = 0;
		int ret;

		assert_non_null(exact);
		memcpy(exact, all, cut);
		while ((ret = msg3_param(&m, &at, &p, &e)) == 1) {
			n++;
			text = 0;
			assert_null(msg3_param_text(&p, &text));
		}
		assert_int_equal(n, cut == len ? 2 : cut >= first);
		assert_int_equal(ret, !cut || cut == first || cut == len ? 0 : -EPROTO);
		if (ret)
			assert_string_equal(e.what,
					    "sent TRACE_REQ with a parameter that is cut off");
		free(exact);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(msg3_name(0), "CLOSE");
	assert_string_equal(msg3_name(11), "CONT");
	assert_null(msg3_name(12));
	assert_null(msg3_name(UINT32_MAX));
}

int main(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test(test_invalid),	   cmocka_unit_test(test_largest),
		cmocka_unit_test(test_texts),	   cmocka_unit_test(test_params),
		cmocka_unit_test(test_params_cut), cmocka_unit_test(test_names),
	};
	struct CMUnitTest tests[ARRAY_SIZE(rows) + ARRAY_SIZE(refusals) + ARRAY_SIZE(single)],
		*t = tests;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		*t++ = (struct CMUnitTest){ .name = rows[i].name,
					    .test_func = test_row,
					    .initial_state = (void *)&rows[i] };
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		*t++ = (struct CMUnitTest){ .name = refusals[i].name,
					    .test_func = test_refusal,
					    .initial_state = (void *)&refusals[i] };
	memcpy(t, single, sizeof(single));
	return cmocka_run_group_tests_name("msg3", tests, NULL, NULL);
}
