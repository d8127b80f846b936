// SPDX-License-Identifier: GPL-2.0
/*
 * test_ptp.c - the sync conversation: both ends against each other, hostile ones, and arithmetic
 *
 * A world is a host and a guest with clocks that differ by a known offset; each message takes time.
 * Messages are queued, so that a test can change, double or lose them on the way.
 */
#include "tests/unit/base/rows.h"

#include <errno.h>

#include "base/cursor.h"
#include "timesync/control.h"
#include "timesync/ptp.h"

enum { QUEUE = 8, MARKS = 1024, CPUS_MAX = 64, HOST_ID = 11, GUEST_ID = 22 };

struct note {
	struct ts_mark mark;
	uint64_t time;
};

struct queued {
	char proto[TS_PROTO_MAX + 1];
	uint32_t id, len;
	uint8_t data[TS_PTP_BYTES];
};

struct world;

struct side {
	struct world *w;
	bool is_guest;
	struct note notes[MARKS];
	size_t nnotes;
	struct queued out[QUEUE];
	size_t nout;
	uint64_t sent;	 /* messages */
	uint64_t offset; /* its clock is the world's time + this */
};

struct world {
	uint64_t now;
	struct side host, guest;
	struct ts_host *h;
	struct ts_guest *g;
	uint32_t on_cpu;
	struct tdat_shift_sample samples[CPUS_MAX];
	size_t nsamples;
	int fail_tsc;
};

static int do_send(void *arg, const struct ts_msg *m)
{
	struct side *s = arg;
	struct queued *q = &s->out[s->nout++];

	assert_in_range(s->nout, 1, QUEUE);
	assert_true(m->len <= sizeof(q->data));
	snprintf(q->proto, sizeof(q->proto), "%s", m->proto);
	q->id = m->id;
	q->len = m->len;
	if (m->len)
		memcpy(q->data, m->data, m->len);
	s->sent++;
	return 0;
}

static int do_mark(void *arg, const struct ts_mark *m)
{
	struct side *s = arg;

	s->w->now += 3;
	assert_in_range(s->nnotes, 0, MARKS - 1);
	s->notes[s->nnotes++] = (struct note){ *m, s->w->now + s->offset };
	return 0;
}

static int do_clear(void *arg)
{
	((struct side *)arg)->nnotes = 0;
	return 0;
}

static int do_collect(void *arg, void *ptp)
{
	struct side *s = arg;

	for (size_t i = 0; i < s->nnotes; i++)
		ts_ptp_found(ptp, &s->notes[i].mark, s->notes[i].time);
	return 0;
}

static int do_cpu(void *arg, uint32_t cpu)
{
	((struct side *)arg)->w->on_cpu = cpu;
	return cpu == 63 ? -EINVAL : 0;
}

static int do_stamp(void *arg, uint64_t *time)
{
	struct side *s = arg;

	*time = s->w->now + s->offset;
	return 0;
}

static int do_tsc(void *arg, uint32_t cpu, uint64_t *offset, uint64_t *ratio, uint32_t *fraction)
{
	struct side *s = arg;

	*offset = s->w->guest.offset - s->offset + cpu;
	*ratio = 1;
	*fraction = 0;
	return s->w->fail_tsc;
}

static int do_sample(void *arg, uint32_t cpu, const struct tdat_shift_sample *s)
{
	struct world *w = ((struct side *)arg)->w;

	assert_in_range(cpu, 0, CPUS_MAX - 1);
	assert_int_equal(w->on_cpu, cpu);
	w->samples[cpu] = *s;
	w->nsamples++;
	return 0;
}

static const struct ts_ops ops = { do_send, do_mark,  do_clear, do_collect,
				   do_cpu,  do_stamp, do_tsc,	do_sample };

static struct world *make(const char *proto, uint32_t cpus, uint64_t offset)
{
	struct world *w = calloc(1, sizeof(*w));
	struct ts_end host = { &ops, &w->host, HOST_ID, GUEST_ID, 0 };
	struct ts_end guest = { &ops, &w->guest, GUEST_ID, HOST_ID, 0 };

	w->now = 1000000;
	w->host.w = w->guest.w = w;
	w->guest.is_guest = true;
	w->guest.offset = offset;
	assert_int_equal(ts_host_new(proto, cpus, &host, &w->h, NULL), 0);
	assert_int_equal(ts_guest_new(proto, &guest, &w->g, NULL), 0);
	return w;
}

static void end(struct world *w)
{
	ts_host_free(w->h);
	ts_guest_free(w->g);
	free(w);
}

static struct ts_msg as_msg(const struct queued *q)
{
	return (struct ts_msg){ q->proto, q->id, q->data, q->len };
}

static struct queued pop(struct side *s)
{
	struct queued q = s->out[0];

	assert_in_range(s->nout, 1, QUEUE);
	memmove(&s->out[0], &s->out[1], --s->nout * sizeof(s->out[0]));
	return q;
}

/* Deliver one message; what the receiver said. Slow every seventh time, and slower one way. */
static int deliver(struct world *w, struct side *from)
{
	struct queued q = pop(from);
	struct ts_msg m = as_msg(&q);

	w->now += 50 + (from->sent % 7 ? 0 : 5000);
	return from->is_guest ? ts_host_input(w->h, &m, NULL) : ts_guest_input(w->g, &m, NULL);
}

/* Until nobody has anything to say; what the host said last. */
static int run(struct world *w)
{
	int rc = 0;

	while (w->host.nout || w->guest.nout) {
		if (w->host.nout)
			assert_true(deliver(w, &w->host) >= 0);
		if (w->guest.nout)
			rc = deliver(w, &w->guest);
	}
	return rc;
}

static const struct talk_case {
	const char *name, *proto;
	uint32_t cpus;
	uint64_t offset; /* guest - host */
	int64_t error;
	size_t marks; /* in the guest, of the last series */
} talks[] = {
	{ "ptp, one CPU", "ptp", 1, 5000000, 5, 678 },
	{ "ptp, guest behind", "ptp", 2, (uint64_t)-900000, 5, 678 },
	{ "ptp, same clock", "ptp", 1, 0, 5, 678 },
	{ "kvm, one CPU", "kvm", 1, 5000000, 0, 0 },
	{ "kvm, 60 CPUs", "kvm", 60, (uint64_t)-900000, 60, 0 },
	{ "kvm, same clock", "kvm", 1, 0, 0, 0 },
};

static void test_talk(void **state)
{
	const struct talk_case *t = *state;
	struct world *w = make(t->proto, t->cpus, t->offset);

	for (size_t round = 1; round <= 2; round++) {
		assert_int_equal(ts_host_round(w->h), 0);
		assert_int_equal(ts_host_round(w->h), -EBUSY);
		assert_int_equal(run(w), 1);
		assert_int_equal(w->nsamples, round * t->cpus);
		assert_int_equal(w->guest.nnotes, t->marks);
		for (uint32_t i = 0; i < t->cpus; i++) {
			int64_t off = w->samples[i].offset + (int64_t)t->offset;

			assert_true(off <= t->error && off >= -t->error);
			assert_true(w->samples[i].scaling == 1 && !w->samples[i].fraction);
			assert_in_range(w->samples[i].time, t->offset + 1000000,
					t->offset + w->now);
		}
	}
	assert_int_equal(ts_host_stop(w->h), 0);
	assert_int_equal(ts_host_stop(w->h), 0);
	assert_int_equal(w->host.nout, 1);
	assert_int_equal(deliver(w, &w->host), 1);
	assert_int_equal(ts_host_round(w->h), -ESHUTDOWN);
	end(w);
}

/* The bytes of the format reference. */
static void test_bytes(void **state)
{
	static const uint8_t start[] = { 0, 0, 0, 1, 0, 0, 0, 3 }, one[] = { 0, 0, 0, 1 };
	struct world *w = make("ptp", 1, 100);
	struct queued q;

	(void)state;
	ts_host_round(w->h);
	q = w->host.out[0];
	assert_string_equal(q.proto, "none");
	assert_true(q.id == 1 && q.len == 2 && !q.data[0] && !q.data[1]);
	deliver(w, &w->host);
	q = w->guest.out[0];
	assert_string_equal(q.proto, "ptp");
	assert_true(q.id == 1 && q.len == 8);
	assert_memory_equal(q.data, start, 8);
	deliver(w, &w->guest);
	assert_memory_equal(w->host.out[0].data, start, 8);
	deliver(w, &w->host);
	q = w->guest.out[0];
	assert_true(q.id == 2 && q.len == 4);
	assert_memory_equal(q.data, one, 4);
	while (w->guest.out[0].id != TS_PTP_END) {
		deliver(w, &w->guest);
		deliver(w, &w->host);
	}
	assert_int_equal(w->guest.out[0].len, 0);
	deliver(w, &w->guest);
	q = w->host.out[0];
	assert_true(q.id == 3 && q.len == 8144);
	assert_memory_equal(q.data, ((uint8_t[]){ 0, 0, 0, 1, 0, 0, 1, 0x53 }), 8);
	assert_memory_equal(q.data + 8 + 8, one, 4);
	deliver(w, &w->host);
	assert_true(w->guest.out[0].id == 4 && w->guest.out[0].len == 16);
	end(w);
}

/* --- Hostile ends: one message of a good conversation is changed */

static void twice(struct world *w, struct side *from)
{
	from->out[from->nout] = from->out[0];
	from->nout++;
	(void)w;
}

static void count_zero(struct world *w, struct side *from)
{
	memset(from->out[0].data, 0, 4);
	(void)w;
}

static void count_huge(struct world *w, struct side *from)
{
	memset(from->out[0].data, 0xff, 4);
	(void)w;
}

static void short_one(struct world *w, struct side *from)
{
	from->out[0].len = from->out[0].len ? from->out[0].len - 1 : 0;
	(void)w;
}

static void other_id(struct world *w, struct side *from)
{
	from->out[0].id = 77;
	(void)w;
}

static void cut_times(struct world *w, struct side *from)
{
	from->out[0].len /= 4; /* half of the slots are not used anyway */
	(void)w;
}

static void as_probe(struct world *w, struct side *from)
{
	from->out[0].id = TS_PTP_PROBE;
	(void)w;
}

static void other_proto(struct world *w, struct side *from)
{
	memcpy(from->out[0].proto, "kvm", 4);
	(void)w;
}

static void old_count(struct world *w, struct side *from)
{
	struct queued again = from->out[0];

	again.data[3] = 1; /* a late answer to probe 1 before this one */
	from->out[from->nout++] = from->out[0];
	from->out[0] = again;
	(void)w;
}

static void wild_offset(struct world *w, struct side *from)
{
	from->out[0].data[9] ^= 0x40;
	(void)w;
}

static void wild_time(struct world *w, struct side *from)
{
	from->out[0].data[1] ^= 0x40;
	(void)w;
}

static void nothing_made(struct world *w, struct side *from)
{
	memset(from->out[0].data, 0, 16);
	(void)w;
}

static const struct hostile_case {
	const char *name;
	bool guest;   /* whose message is changed */
	uint32_t nth; /* of its messages, from 1 */
	void (*change)(struct world *w, struct side *from);
	int rc; /* of who gets it; 0: the round goes through */
	size_t samples;
} hostile[] = {
	{ "guest: probe twice", true, 40, twice, 0, 1 },
	{ "guest: last probe twice", true, 340, twice, 0, 1 },
	{ "guest: START twice", true, 1, twice, -EPROTO, 0 }, /* the guest gets an echo too many */
	{ "guest: count 0", true, 40, count_zero, -EPROTO, 0 },
	{ "guest: count too high", true, 40, count_huge, -EPROTO, 0 },
	{ "guest: short probe", true, 40, short_one, -EPROTO, 0 },
	{ "guest: short START", true, 1, short_one, -EPROTO, 0 },
	{ "guest: no such message", true, 40, other_id, -EPROTO, 0 },
	{ "guest: another protocol", true, 40, other_proto, -EPROTO, 0 },
	{ "guest: END twice", true, 341, twice, -EPROTO, 0 },
	{ "guest: short OFFSET", true, 342, short_one, -EPROTO, 0 },
	{ "guest: absurd offset", true, 342, wild_offset, -ERANGE, 0 },
	{ "guest: absurd time", true, 342, wild_time, -ERANGE, 0 },
	{ "guest: no sample", true, 342, nothing_made, 0, 0 },
	{ "guest: OFFSET twice", true, 342, twice, -EPROTO, 1 },
	{ "guest: probe after END", true, 342, as_probe, -EPROTO, 0 },
	{ "host: probe twice", false, 40, twice, 0, 1 },
	{ "host: last probe twice", false, 341, twice, 0, 1 },
	{ "host: late probe", false, 41, old_count, 0, 1 },
	{ "host: count 0", false, 41, count_zero, -EPROTO, 0 },
	{ "host: count too high", false, 41, count_huge, -EPROTO, 0 },
	{ "host: short probe", false, 41, short_one, -EPROTO, 0 },
	{ "host: START of another series", false, 2, count_zero, -EPROTO, 0 },
	{ "host: no such message", false, 41, other_id, -EPROTO, 0 },
	{ "host: another protocol", false, 41, other_proto, -EPROTO, 0 },
	{ "host: times cut", false, 342, cut_times, -EPROTO, 0 },
	{ "host: times of another series", false, 342, count_zero, -EPROTO, 0 },
	{ "host: PROBE without CPU", false, 1, short_one, -EPROTO, 0 },
};

static void test_hostile(void **state)
{
	const struct hostile_case *t = *state;
	struct world *w = make("ptp", 1, 5000000);
	struct side *bad = t->guest ? &w->guest : &w->host;
	uint32_t at[2] = { 0 };
	int rc = 0;

	ts_host_round(w->h);
	while (rc >= 0 && (w->host.nout || w->guest.nout)) {
		struct side *from = w->host.nout ? &w->host : &w->guest;

		if (from == bad && ++at[0] == t->nth)
			t->change(w, from);
		rc = deliver(w, from);
	}
	assert_int_equal(rc < 0 ? rc : 0, t->rc);
	assert_int_equal(w->nsamples, t->samples);
	/* A host that gave up has said STOP, and nothing makes it go on. */
	if (rc < 0 && t->guest && w->host.nout) {
		struct queued last = w->host.out[w->host.nout - 1];
		struct ts_msg m = as_msg(&last);

		assert_string_equal(last.proto, "none");
		assert_int_equal(last.id, TS_NONE_STOP);
		assert_int_equal(ts_host_input(w->h, &m, NULL), -ESHUTDOWN);
	}
	end(w);
}

static void test_unasked(void **state)
{
	struct world *w = make("ptp", 1, 0);
	struct ts_host *h;
	struct ts_msg m = { "ptp", TS_PTP_START, (const uint8_t *)"12345678", 8 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(ts_guest_input(w->g, &m, &e), 1); /* as stock: leaves its loop */
	assert_int_equal(ts_host_input(w->h, &m, &e), -EPROTO);
	assert_non_null(strstr(e.what, "without being asked"));
	end(w);
	assert_int_equal(ts_host_new("pts", 1, &(struct ts_end){ 0 }, &h, &e), -EINVAL);
	assert_int_equal(ts_host_new("ptp", 0, &(struct ts_end){ 0 }, &h, &e), -EINVAL);
	assert_int_equal(ts_host_new("ptp", 65537, &(struct ts_end){ 0 }, &h, &e), -EINVAL);
	assert_true(ts_control_knows("kvm") && !ts_control_knows("none"));
}

static void test_failures(void **state)
{
	struct world *w = make("kvm", 64, 0);
	int rc = 0;

	(void)state;
	ts_host_round(w->h);
	for (int i = 0; rc >= 0 && i < 63 * 3; i++)
		rc = deliver(w, w->host.nout ? &w->host : &w->guest);
	assert_int_equal(w->nsamples, 63);
	assert_int_equal(deliver(w, &w->host), -EINVAL); /* no CPU 63 to go to */
	end(w);
	w = make("kvm", 1, 0);
	w->fail_tsc = -ENOENT;
	ts_host_round(w->h);
	deliver(w, &w->host);
	assert_int_equal(deliver(w, &w->guest), -ENOENT);
	assert_int_equal(w->host.out[0].id, TS_NONE_STOP);
	end(w);
}

/* --- Arithmetic */

static const struct calc_case {
	const char *name;
	struct ts_ptp_pair p[6];
	bool ok;
	struct tdat_shift_sample fastest, fullest;
} calcs[] = {
	{ "nothing", { { 0 } }, false, { 0 }, { 0 } },
	{ "no pair is whole",
	  { { 10, 20, 0 }, { 0, 20, 30 }, { 10, 0, 30 }, { 20, 10, 5 } },
	  false,
	  { 0 },
	  { 0 } },
	{ "one", { { 10, 20, 115 } }, true, { 15, 100, 1, 0 }, { 15, 100, 1, 0 } },
	{ "fastest and fullest differ",
	  { { 10, 110, 1060 }, { 210, 310, 1261 }, { 410, 420, 1515 }, { 510, 610, 1562 } },
	  true,
	  { 415, 1100, 1, 0 },
	  { 60, 1000, 1, 0 } },
	{ "negative offsets",
	  { { 1000, 1010, 5 }, { 2000, 2012, 1006 }, { 3000, 3014, 2200 } },
	  true,
	  { 1005, -1000, 1, 0 },
	  { 1005, -1000, 1, 0 } },
	{ "far apart",
	  { { 10, 20, 1ULL << 62 }, { 30, 42, 136 }, { 50, 64, 157 } },
	  true,
	  { 15, (1LL << 62) - 15, 1, 0 },
	  { 36, 100, 1, 0 } },
};

static void test_calc(void **state)
{
	const struct calc_case *t = *state;
	struct tdat_shift_sample s = { 0 };

	assert_int_equal(ts_ptp_fastest(t->p, 6, &s), t->ok);
	assert_memory_equal(&s, &t->fastest, sizeof(s));
	memset(&s, 0, sizeof(s));
	assert_int_equal(ts_ptp_histogram(t->p, 6, &s), t->ok);
	assert_memory_equal(&s, &t->fullest, sizeof(s));
}

/* Marks: five native ints; those of others are not ours. */
static void test_marks(void **state)
{
	struct ts_mark m = { 1, 2, 3, 4, 'r' }, back;
	struct ts_ptp *p = calloc(1, sizeof(*p));
	uint8_t bytes[TS_MARK_BYTES];

	(void)state;
	ts_mark_put(&m, bytes);
	assert_memory_equal(bytes, ((uint32_t[]){ 1, 2, 3, 4, 'r' }), sizeof(bytes));
	assert_int_equal(ts_mark_read(bytes, sizeof(bytes), &back), 0);
	assert_memory_equal(&m, &back, sizeof(m));
	assert_int_equal(ts_mark_read(bytes, sizeof(bytes) - 1, &back), -EPROTO);
	p->series = 1;
	p->end.own = 2;
	p->end.peer = 3;
	ts_ptp_found(p, &m, 77);
	assert_int_equal(p->pairs[3].back, 77);
	for (int i = 0; i < 3; i++) {
		back = m;
		((uint32_t *)&back)[i]++;
		ts_ptp_found(p, &back, 99);
	}
	m.count = 0;
	ts_ptp_found(p, &m, 99);
	m.count = TS_PTP_PROBES + 1;
	ts_ptp_found(p, &m, 99);
	assert_int_equal(p->pairs[3].back, 77);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_unasked),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_marks),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += RUN_ROWS("talk", talks, test_talk);
	failed += RUN_ROWS("hostile", hostile, test_hostile);
	return failed + RUN_ROWS("arithmetic", calcs, test_calc);
}
