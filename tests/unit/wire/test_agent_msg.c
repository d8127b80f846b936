// SPDX-License-Identifier: GPL-2.0
/*
 * test_agent_msg.c - the messages of an agent, byte for byte, and what cannot be
 *
 * TRACE_REQ and TRACE_RESP are those that the stock tools were seen to exchange.
 */
#include "tests/unit/base/rows.h"

#include <errno.h>

#include "wire/agent-msg.h"

static const uint8_t stock_req[] = {
	0,   0,	  0,   0x56, 0,	  0,	0,    6,    0,	  0,	0,    0x10, 0,	  0,   0,
	0,   0,	  0,   0,    0,	  0xba, 0x3d, 0x94, 0x61, 0x77, 0xac, 0xaf, 0x7d, 0,   0,
	0,   0,	  0,   0,    0,	  0x25, 0,    0,    0,	  4,	'-',  'C',  0,	  'x', '8',
	'6', '-', 't', 's',  'c', 0,	'-',  'e',  0,	  's',	'c',  'h',  'e',  'd', ':',
	's', 'c', 'h', 'e',  'd', '_',	's',  'w',  'i',  't',	'c',  'h',  0,	  0,   0,
	0,   1,	  0,   0,    0,	  5,	'p',  't',  'p',  0,	0,
};

static const uint8_t stock_resp[] = {
	0,   0,	  0,   0x3e, 0,	  0,   0,    7,	  0,	0,    0,    0x28, 0,   0, 0,	0,
	0,   0,	  0,   2,    0,	  0,   0x10, 0,	  0x21, 0xf5, 0x16, 0x21, 0,   2, 0xe3, 0x78,
	'p', 't', 'p', 0,    0,	  0,   0,    0,	  0,	0,    0,    0,	  0,   0, 0,	0,
	0,   0,	  5,   0xde, '1', '5', '0',  '0', 0,	'1',  '5',  '0',  '1', 0,
};

static void decode(const uint8_t *bytes, size_t len, struct msg3 *m)
{
	struct rcur in = rcur_make(bytes, len, true);

	assert_int_equal(msg3_decode(&in, m, NULL), 0);
	assert_int_equal(in.left, 0);
}

static void test_stock_req(void **state)
{
	uint8_t bytes[256];
	struct wcur w = wcur_make(bytes, sizeof(bytes), true);
	struct agent_req req;
	struct msg3 m;

	(void)state;
	decode(stock_req, sizeof(stock_req), &m);
	assert_int_equal(agent_req_get(&m, &req, NULL), 0);
	assert_false(req.fifos);
	assert_true(req.trace_id == 0xba3d946177acaf7d);
	assert_int_equal(req.argc, 4);
	assert_string_equal(req.argv[1], "x86-tsc");
	assert_string_equal(req.argv[3], "sched:sched_switch");
	assert_null(req.argv[4]);
	assert_int_equal(req.nprotos, 1);
	assert_string_equal(req.protos[0], "ptp");
	assert_false(req.ext.present);
	assert_int_equal(agent_req_put(&w, &req), 0);
	assert_int_equal(w.p - bytes, sizeof(stock_req));
	assert_memory_equal(bytes, stock_req, sizeof(stock_req));
}

static void test_stock_resp(void **state)
{
	uint8_t bytes[256];
	struct wcur w = wcur_make(bytes, sizeof(bytes), true);
	struct agent_resp *resp = calloc(1, sizeof(*resp));
	struct msg3 m;

	(void)state;
	decode(stock_resp, sizeof(stock_resp), &m);
	assert_int_equal(agent_resp_get(&m, resp, NULL), 0);
	assert_int_equal(resp->cpus, 2);
	assert_int_equal(resp->page_size, 4096);
	assert_string_equal(resp->proto, "ptp");
	assert_int_equal(resp->sync_port, 1502);
	assert_int_equal(resp->port[1], 1501);
	assert_int_equal(agent_resp_put(&w, resp), 0);
	assert_int_equal(w.p - bytes, sizeof(stock_resp));
	assert_memory_equal(bytes, stock_resp, sizeof(stock_resp));
	free(resp);
}

static void test_ext(void **state)
{
	static const struct msg_ext asked = { true, MSG_F_ALL, 0xabcdef, "trace-cmd 9" };
	struct agent_req req = { .fifos = true, .argc = 1, .argv = { "-e" }, .ext = asked }, got;
	struct agent_resp *resp = calloc(1, sizeof(*resp));
	uint8_t bytes[512];
	struct wcur w = wcur_make(bytes, sizeof(bytes), true);
	struct msg3 m;

	(void)state;
	assert_int_equal(agent_req_put(&w, &req), 0);
	decode(bytes, (size_t)(w.p - bytes), &m);
	assert_int_equal(agent_req_get(&m, &got, NULL), 0);
	assert_true(got.fifos);
	assert_true(got.ext.present);
	assert_int_equal(got.ext.features, MSG_F_ALL);
	assert_true(got.ext.stream_id == 0xabcdef);
	assert_string_equal(got.ext.peer, "trace-cmd 9");

	*resp = (struct agent_resp){ .cpus = 1, .page_size = 4096, .ext = asked };
	w = wcur_make(bytes, sizeof(bytes), true);
	assert_int_equal(agent_resp_put(&w, resp), 0);
	decode(bytes, (size_t)(w.p - bytes), &m);
	assert_int_equal(agent_resp_get(&m, resp, NULL), 0);
	assert_true(resp->ext.present);
	assert_true(resp->ext.stream_id == 0);
	free(resp);
}

/* The request above with one byte changed. */
static const struct bad_req {
	const char *name;
	size_t at;
	uint8_t value;
	const char *says;
} bad_reqs[] = {
	{ "an argument too few", 39, 5, "4 of 5 arguments" },
	{ "too many arguments", 37, 5, "328964 arguments" },
	{ "a parameter that is cut", 35, 0xff, "cut off" },
};

static void test_bad_req(void **state)
{
	const struct bad_req *t = *state;
	uint8_t bytes[sizeof(stock_req)];
	struct agent_req req;
	struct err e = { 0 };
	struct msg3 m;

	memcpy(bytes, stock_req, sizeof(bytes));
	bytes[t->at] = t->value;
	if (t->at == 37)
		bytes[38] = 5;
	decode(bytes, sizeof(bytes), &m);
	assert_int_equal(agent_req_get(&m, &req, &e), -EPROTO);
	if (!strstr(e.what, t->says))
		fail_msg("%s", e.what);
}

static void test_too_long(void **state)
{
	static char argument[9000];
	struct agent_req req = { .argc = 1, .argv = { argument } };
	uint8_t bytes[64];
	struct wcur w = wcur_make(bytes, sizeof(bytes), true);

	(void)state;
	memset(argument, 'x', sizeof(argument) - 1);
	assert_int_equal(agent_req_put(&w, &req), -ENOSPC);
	assert_true(w.bad);
}

static void test_closed(void **state)
{
	static const struct msg_total sent[2] = { { 4096, 3, 2, 1 }, { 8192, 6, 5, 4 } };
	struct msg_total got[MSG_MAX_CPUS];
	uint8_t bytes[256];
	struct wcur w = wcur_make(bytes, sizeof(bytes), true);
	struct msg3 bare = { .type = MSG3_CLOSE_RESP }, m;
	uint32_t cpus = 9;

	(void)state;
	assert_int_equal(agent_closed_get(&bare, &cpus, got, NULL), 0);
	assert_int_equal(cpus, 0);
	assert_int_equal(agent_closed_put(&w, 2, sent), 0);
	decode(bytes, (size_t)(w.p - bytes), &m);
	assert_int_equal(agent_closed_get(&m, &cpus, got, NULL), 0);
	assert_int_equal(cpus, 2);
	assert_true(got[1].bytes == 8192 && got[1].stuck == 4 && got[0].lost == 2);
	m.len -= 1;
	assert_int_equal(agent_closed_get(&m, &cpus, got, NULL), -EPROTO);
}

static void test_hello(void **state)
{
	struct agent_hello h = { .busy = true, .cpus = 4, .version = "trace-cmd 1 Linux\x01" }, got;
	uint8_t bytes[256];
	struct wcur w = wcur_make(bytes, sizeof(bytes), true);
	struct rcur in;
	size_t len;

	(void)state;
	assert_int_equal(agent_hello_put(&w, &h), 0);
	len = (size_t)(w.p - bytes);
	for (size_t n = 0; n < len; n++) {
		in = rcur_make(bytes, n, true);
		assert_int_equal(agent_hello_get(&in, &got, NULL), -EAGAIN);
	}
	in = rcur_make(bytes, len, true);
	assert_int_equal(agent_hello_get(&in, &got, NULL), 0);
	assert_int_equal(in.left, 0);
	assert_true(got.busy && !got.leaving);
	assert_int_equal(got.cpus, 4);
	assert_string_equal(got.version, "trace-cmd 1 Linux?");
	bytes[3] = 12;
	in = rcur_make(bytes, len, true);
	assert_int_equal(agent_hello_get(&in, &got, NULL), -EPROTO);
	bytes[7] = 0;
	in = rcur_make(bytes, len, true);
	assert_int_equal(agent_hello_get(&in, &got, NULL), -ENOMSG);
}

static void test_probe(void **state)
{
	struct agent_probe p = { .seq = 7,
				 .cpu = 3,
				 .want = AGENT_PROBE_WANT_PAIR,
				 .received = 1ULL << 63,
				 .answered = 5,
				 .apic = 258,
				 .pair = { 1, 2, 3 } },
			   got;
	uint8_t bytes[128];
	struct wcur w = wcur_make(bytes, sizeof(bytes), true);
	struct msg3 m;

	(void)state;
	assert_int_equal(agent_probe_put(&w, AGENT_PROBE_ANSWER, &p), 0);
	decode(bytes, (size_t)(w.p - bytes), &m);
	assert_string_equal(m.sync.proto, AGENT_PROBE);
	assert_int_equal(agent_probe_get(&m, &got, NULL), 0);
	assert_true(got.seq == 7 && got.cpu == 3 && got.received == 1ULL << 63 &&
		    got.answered == 5 && got.apic == 258 && got.pair.before == 1 &&
		    got.pair.after == 2 && got.pair.host == 3);
	m.sync.id = AGENT_PROBE_TOLD;
	assert_int_equal(agent_probe_get(&m, &got, NULL), 0);
	assert_true(got.answered == 5 && got.apic == 258);
	m.len = 51; /* half of a field */
	assert_int_equal(agent_probe_get(&m, &got, NULL), -EPROTO);
	m.len = 24; /* without what may be missing */
	assert_int_equal(agent_probe_get(&m, &got, NULL), 0);
	assert_true(got.answered == 5 && got.apic == AGENT_PROBE_APIC_UNKNOWN && !got.pair.host);
	m.len = 23;
	assert_int_equal(agent_probe_get(&m, &got, NULL), -EPROTO);
	w = wcur_make(bytes, sizeof(bytes), true);
	assert_int_equal(agent_probe_put(&w, AGENT_PROBE_ASK, &p), 0);
	decode(bytes, (size_t)(w.p - bytes), &m);
	assert_int_equal(agent_probe_get(&m, &got, NULL), 0);
	assert_true(got.seq == 7 && got.cpu == 3 && !got.received &&
		    got.want == AGENT_PROBE_WANT_PAIR);
	m.len = 8;
	assert_int_equal(agent_probe_get(&m, &got, NULL), 0);
	assert_true(got.cpu == 3 && !got.want);
	m.sync.id = 4;
	assert_int_equal(agent_probe_get(&m, &got, NULL), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stock_req), cmocka_unit_test(test_stock_resp),
		cmocka_unit_test(test_ext),	  cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_closed),	  cmocka_unit_test(test_hello),
		cmocka_unit_test(test_probe),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed + RUN_ROWS("bad requests", bad_reqs, test_bad_req);
}
