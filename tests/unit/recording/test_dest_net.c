// SPDX-License-Identifier: GPL-2.0
/*
 * test_dest_net.c - what a listener gets: the metadata in its own words, pages, and the end
 *
 * The destination is driven as recording.c does it, without a tracefs: the metadata are a
 * fixture's, and a page is written into each sink. The listener is scripted up to RINIT, which
 * names real ports; all that comes behind it is looked at when the connection has ended.
 */
#include "tests/unit/recording/listener.h"
#include "tests/unit/tracedat/fixture.c"

#include <signal.h>

#include "recording/dest.h"

enum { CPUS = 2, PAGE = 4096 };

#define V1_HELLO STEP("", "tracecmd")
#define V3_HELLO STEP("", "tracecmd"), STEP("-1V3\0", "V3\0"), STEP("766679\0\0", "OK")
#define V2_HELLO                                                              \
	STEP("", "tracecmd"), STEP("-1V3\0", "V2\0"), STEP("-1V2\0", "V2\0"), \
		STEP("677768\0\0", "OK")
#define STOCK_CLOSE "\0\0\0\x0c\0\0\0\0\0\0\0\0"

/* clang-format off */
static const struct row {
	const char *name;
	struct script scripts[2];
	enum wire_gen gen;
	enum net_kind kind;
	int version;	   /* of the metadata that we offer */
	uint32_t features; /* that the listener grants */
	bool buffers;	   /* two */
} rows[] = {
	{ "V1, UDP", { { { V1_HELLO, STEP("2\0004096\0000\0", "") } } }, WIRE_V1, NET_UDP, 7 },
	{ "V1, TCP", { { { V1_HELLO, STEP("2\0004096\0001\0004\0TCP\0", "") } } }, WIRE_V1, NET_TCP, 7 },
	{ "V2, UDP", { { { V2_HELLO, FRAME("", "") } } }, WIRE_V2, NET_UDP, 7 },
	{ "V3 stock, UDP, version 6", { { { V3_HELLO, FRAME("", "") } } }, WIRE_V3, NET_UDP, 6 },
	{ "V3 stock, UDP, version 7", { { { V3_HELLO, FRAME("", "") } } }, WIRE_V3, NET_UDP, 7 },
	{ "V3 stock, TCP", { { { V3_HELLO, FRAME("", "") } } }, WIRE_V3, NET_TCP, 7 },
	{ "V3 ours, UDP", { { { V3_HELLO, FRAME("", "") } } }, WIRE_V3, NET_UDP, 7, MSG_F_ALL_UDP },
	{ "V3 ours, TCP", { { { V3_HELLO, FRAME("", "") } } }, WIRE_V3, NET_TCP, 7, MSG_F_ALL },
	{ "V3 ours, buffers", { { { V3_HELLO, FRAME("", "") } } }, WIRE_V3, NET_TCP, 7, MSG_F_ALL, true },
	{ "V3 ours, buffers, version 6", { { { V3_HELLO, FRAME("", "") } } }, WIRE_V3, NET_TCP, 6,
	  MSG_F_ALL, true },
};
/* clang-format on */

struct rig {
	const struct row *row;
	struct listener l;
	struct dest *d;
	int data[CPUS]; /* sockets of the listener */
	uint32_t ports[CPUS];
	struct buf head, meta, tail; /* as sent; as come: the first and the second piece */
	bool closed;		     /* CLOSE came, behind all metadata */
};

/* RINIT in the listener's generation, with the real ports; V3 with what it grants. */
static void answer_ports(struct listener *l, int control)
{
	struct rig *r = l->ctx;
	struct msg m = { .type = MSG_RINIT,
			 .rinit = { .cpus = CPUS,
				    .nports = CPUS,
				    .port = { r->ports[0], r->ports[1] },
				    .ext = { .present = r->row->features != 0,
					     .features = r->row->features,
					     .peer = "ours" } } };
	uint8_t out[MSG_MAX];
	struct wcur w = wcur_make(out, sizeof(out), true);

	assert_int_equal(wire_encode(r->row->gen, &w, &m), 0);
	assert_true(write(control, out, sizeof(out) - w.left) > 0);
	if (!(r->row->features & MSG_F_TOTALS))
		return;
	/* Sent at once and read at the end: what is stored of CPU 1, and what never came. */
	m = (struct msg){ .type = MSG_CLOSE, .close = { .cpus = CPUS } };
	m.close.total[1] = (struct msg_total){ .bytes = PAGE, .stuck = 5 };
	w = wcur_make(out, sizeof(out), true);
	assert_int_equal(wire_encode(r->row->gen, &w, &m), 0);
	usleep(300000);
	assert_true(write(control, out, sizeof(out) - w.left) > 0);
}

static void set_up(struct rig *r, const struct row *row)
{
	struct dest_net_opts o = { .kind = row->kind,
				   .host = "127.0.0.1",
				   .gen = row->gen == WIRE_V1 ? WIRE_V1 : 0,
				   .version = row->version,
				   .peer = "test" };
	struct fx_head_plan plan = { .cpus = CPUS,
				     .clock = "mono",
				     .wire_buffer_option = row->buffers };
	int type = row->kind == NET_UDP ? SOCK_DGRAM : SOCK_STREAM;

	*r = (struct rig){
		.row = row,
		.l = { .scripts = row->scripts, .stay = true, .answer = answer_ports, .ctx = r }
	};
	for (int i = 0; i < CPUS; i++)
		r->data[i] = bind_loopback(type, &r->ports[i]);
	fx_head(&fx_le64, &plan, &r->head);
	listener_start(&r->l);
	o.port = r->l.port;
	r->d = dest_net_new(&o, NULL);
	assert_non_null(r->d);
}

static void tear_down(struct rig *r)
{
	for (int i = 0; i < CPUS; i++)
		close(r->data[i]);
	buf_free(&r->l.rest);
	buf_free(&r->head);
	buf_free(&r->meta);
	buf_free(&r->tail);
}

static void check_sink(struct rig *r, uint32_t cpu, const struct pump_opts *o)
{
	bool udp = r->row->kind == NET_UDP;
	uint8_t page[PAGE], got[PAGE + 64] = { 0 };
	int fd = udp ? r->data[cpu] : accept(r->data[cpu], NULL, NULL);

	assert_int_equal(o->datagram, udp);
	assert_int_equal(o->seq, (r->row->features & MSG_F_SEQ) != 0);
	assert_int_equal(o->start_mark, (r->row->features & MSG_F_MARKS) != 0);
	assert_true(!o->start_mark || o->stream_id);
	memset(page, 'a' + (int)cpu, PAGE);
	assert_int_equal(write(o->sink, page, PAGE), PAGE);
	assert_true(await_bytes(fd, 3000));
	assert_int_equal(take_bytes(fd, got, udp ? 1 : PAGE) ? PAGE : 0, PAGE);
	assert_int_equal(got[0], 'a' + (int)cpu);
	if (!udp)
		close(fd);
}

static void record(struct rig *r, struct totals *t, struct err *e)
{
	static const uint32_t cpus[CPUS] = { 0, 1 };
	struct dest_shape shape = { cpus, CPUS, CPUS, PAGE, r->row->buffers ? 2 : 1 };
	struct dest_end end = { .tail = (const uint8_t *)"tail", .tail_len = 4, .totals = t };
	const struct dest_ops *ops = r->d->ops;

	assert_int_equal(ops->open(r->d, &shape, e), 0);
	if (ops->begin(r->d, e))
		fail_msg("%s; %s", e->what, r->l.wrong);
	for (uint32_t i = 0; i < CPUS; i++) {
		struct pump_opts o = { .sink = -1 };

		assert_int_equal(ops->sink(r->d, i, &o, e), 0);
		check_sink(r, i, &o);
	}
	assert_int_equal(ops->head(r->d, r->head.data, r->head.len, e), 0);
	if (ops->finish(r->d, &end, e))
		fail_msg("%s", e->what);
	ops->free(r->d);
	listener_join(&r->l);
	assert_string_equal(r->l.wrong, "");
}

/* What came behind RINIT, message by message. */
static void sort_messages(struct rig *r)
{
	struct rcur in = rcur_make(r->l.rest.data, r->l.rest.len, true);
	enum msg_state state = MSG_S_META;
	struct msg m;

	while (in.left) {
		struct err e = { 0 };

		assert_false(r->closed);
		if (wire_decode(r->row->gen, &in, state, &m, &e))
			fail_msg("%s", e.what);
		if (m.type == MSG_SENDMETA)
			buf_add(state == MSG_S_META ? &r->meta : &r->tail, m.meta.data, m.meta.len);
		else if (m.type == MSG_FINMETA)
			state = MSG_S_RECORDING;
		r->closed = m.type == MSG_CLOSE;
		if (r->closed)
			assert_int_equal(m.close.cpus, r->row->features & MSG_F_TOTALS ? CPUS : 0);
		if (state == MSG_S_RECORDING && in.left)
			state = r->row->features & MSG_F_TAIL ? MSG_S_TAIL : state;
	}
}

static void check_metadata(struct rig *r)
{
	struct fx_head_plan cut = { .cpus = CPUS, .clock = "mono", .no_cpus = true };
	struct buf want = { 0 }, flat = { 0 };
	struct err e = { 0 };
	int version = 6;

	if (r->row->gen != WIRE_V3) {
		fx_head(&fx_le64, &cut, &want); /* up to the command lines, and with them */
		assert_int_equal(r->meta.len, want.len);
		assert_memory_equal(r->meta.data, want.data, want.len);
	} else if (r->row->version == 6) {
		assert_int_equal(r->meta.len, r->head.len);
		assert_memory_equal(r->meta.data, r->head.data, r->head.len);
	} else {
		assert_memory_equal(r->meta.data + 10, "7", 2);
		if (tdat_head_flatten(r->meta.data, r->meta.len, &flat, &version, &e))
			fail_msg("%s", e.what);
		assert_int_equal(version, 7);
		assert_non_null(memmem(flat.data, flat.len, "42 ticker\n", 10));
		assert_non_null(memmem(flat.data, flat.len, "mono", 4));
	}
	buf_free(&want);
	buf_free(&flat);
}

static void test_row(void **state)
{
	const struct row *row = *state;
	AUTO_FREE struct totals *t = calloc(1, sizeof(*t));
	struct err e = { 0 };
	struct rig r;

	set_up(&r, row);
	t->cpus = CPUS;
	t->page_size = PAGE;
	t->cpu[1].bytes = 2 * PAGE;
	record(&r, t, &e);
	sort_messages(&r);
	check_metadata(&r);
	assert_int_equal(r.closed, row->gen != WIRE_V1);
	if (row->features & MSG_F_TAIL) {
		assert_true(r.tail.len >= 4);
		assert_memory_equal(r.tail.data + r.tail.len - 4, "tail", 4);
	}
	/* In version 7 the names of buffers have their place with the tail only. */
	assert_int_equal(r.tail.len > 4, row->buffers && row->version == 7);
	assert_int_equal(t->cpu[1].bytes, row->features ? PAGE : 2 * PAGE);
	assert_int_equal(t->cpu[1].transport, row->features ? 5 : 0);
	tear_down(&r);
}

/* One that does not know marks cannot keep buffers apart; UDP cannot at all. */
static void test_buffers_are_refused(void **state)
{
	static const uint32_t cpus[CPUS] = { 0, 1 };
	static const struct dest_shape shape = { cpus, CPUS, CPUS, PAGE, 2 };
	struct row row = rows[5];
	struct err e = { 0 };
	struct rig r;

	(void)state;
	set_up(&r, &row);
	assert_int_equal(r.d->ops->open(r.d, &shape, &e), 0);
	assert_int_equal(r.d->ops->begin(r.d, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.what, "no -B"));
	r.d->ops->free(r.d);
	listener_join(&r.l);
	tear_down(&r);
	row.kind = NET_UDP;
	set_up(&r, &row);
	assert_int_equal(r.d->ops->open(r.d, &shape, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.hint, "-t"));
	r.d->ops->free(r.d);
	listener_join(&r.l);
	tear_down(&r);
}

/* Pages that do not fit into a datagram go over TCP without being told to. */
static void test_large_pages(void **state)
{
	static const uint32_t cpus[CPUS] = { 0, 1 };
	static const struct dest_shape shape = { cpus, CPUS, CPUS, 65536, 1 };
	static const struct row row = {
		.scripts = { { { V3_HELLO,
				 FRAME("\0\0\0\1\0\0\0\x0c\0\0\0\2\0\1\0\0\0\0\0\2tcp\0", "") } } },
		.gen = WIRE_V3,
		.kind = NET_UDP,
		.version = 6,
	};
	struct rig r;
	struct pump_opts o = { 0 };
	struct err e = { 0 };

	(void)state;
	set_up(&r, &row);
	for (int i = 0; i < CPUS; i++) {
		close(r.data[i]);
		r.data[i] = bind_loopback(SOCK_STREAM, &r.ports[i]);
	}
	assert_int_equal(r.d->ops->open(r.d, &shape, &e), 0);
	assert_int_equal(r.d->ops->begin(r.d, &e), 0);
	assert_int_equal(r.d->ops->sink(r.d, 0, &o, &e), 0);
	assert_false(o.datagram);
	assert_null(r.d->ops->note(r.d));
	r.d->ops->free(r.d);
	listener_join(&r.l);
	assert_string_equal(r.l.wrong, "");
	tear_down(&r);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows) + 2] = {
		cmocka_unit_test(test_buffers_are_refused),
		cmocka_unit_test(test_large_pages),
	};

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tests[2 + i] = (struct CMUnitTest){ .name = rows[i].name,
						    .test_func = test_row,
						    .initial_state = (void *)(uintptr_t)&rows[i] };
	return cmocka_run_group_tests_name("dest-net", tests, NULL, NULL);
}
