// SPDX-License-Identifier: GPL-2.0
/*
 * test_remote_sync.c - the clocks of a guest whose agent is a thread here: rounds, methods, limits
 *
 * The guest's clocks are this machine's, put off by an offset for each CPU. What is stored is read
 * back and must give this machine's time again.
 */
#include "tests/unit/base/rows.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "recording/remote-sync.h"
#include "tests/unit/transport/tree.h"
#include "timesync/now.h"
#include "tracedat/head.h"
#include "tracedat/link.h"
#include "tracedat/shift.h"

enum { MAX_CPUS = 64, WAY_US = 45, PAUSE_NS = 300 * 1000 * 1000 };

enum manner {
	HONEST,
	SILENT,	   /* never answers */
	STALLS,	   /* CPU 1 never answers */
	BACKWARDS, /* answers before it was asked, by its own clock */
	RANDOM,	   /* any number, every third time */
	PAIRS,	   /* has a ptp_kvm */
	BAD_PAIRS, /* has one that is wrong by 5 ms */
	STEPS,	   /* its clocks go 5 s forward with the 100th answer */
	PAUSES, /* at the 100th it stands still, as do its clocks, and goes on between two rounds */
};

struct agent {
	int fd;
	const char *clock;
	enum manner manner;
	uint32_t cpus;
	uint64_t behind[MAX_CPUS]; /* its clock is host's - that */
	uint32_t answers;
	_Atomic uint64_t resumed; /* PAUSES: host's time of that */
	pthread_t thread;
};

/* --- the agent --- */

static bool get_ask(struct agent *a, struct agent_probe *p)
{
	uint8_t frame[256];
	struct rcur in = rcur_make(frame, 4, true);
	struct msg3 m;
	uint32_t size;

	if (recv(a->fd, frame, 4, MSG_WAITALL) != 4)
		return false;
	size = rcur_u32(&in);
	if (size < 4 || size > sizeof(frame) ||
	    recv(a->fd, frame + 4, size - 4, MSG_WAITALL) != (ssize_t)size - 4)
		return false;
	in = rcur_make(frame, size, true);
	return !msg3_decode(&in, &m, NULL) && !agent_probe_get(&m, p, NULL);
}

static void stand_still(struct agent *a)
{
	nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	for (uint32_t i = 0; i < MAX_CPUS; i++)
		a->behind[i] += PAUSE_NS;
	a->resumed = ts_now(a->clock);
}

static uint64_t guest_now(const struct agent *a, uint32_t cpu)
{
	uint64_t t = ts_now(a->clock) - a->behind[cpu < a->cpus ? cpu : 0];

	return a->manner == STEPS && a->answers >= 100 ? t + 5 * NSEC_PER_SEC : t;
}

/* What ptp_kvm would say: the host's CLOCK_REALTIME is this machine's. */
static struct agent_pair pair_now(const struct agent *a, uint32_t cpu)
{
	uint64_t behind = a->behind[cpu < a->cpus ? cpu : 0];
	struct ts_both b;

	ts_both_now(a->clock, &b);
	return (struct agent_pair){ b.before - behind, b.after - behind,
				    b.real + (a->manner == BAD_PAIRS ? 5000000 : 0) };
}

static void *agent_thread(void *arg)
{
	static const struct timespec way = { .tv_nsec = WAY_US * 1000 };
	struct agent *a = arg;
	struct agent_probe p;

	while (get_ask(a, &p)) {
		uint8_t frame[256];
		struct wcur w = wcur_make(frame, sizeof(frame), true);

		if (a->manner == SILENT || (a->manner == STALLS && p.cpu == 1))
			continue;
		nanosleep(&way, NULL);
		if (++a->answers == 100 && a->manner == PAUSES)
			stand_still(a);
		p.received = guest_now(a, p.cpu);
		if ((a->manner == PAIRS || a->manner == BAD_PAIRS) &&
		    p.want & AGENT_PROBE_WANT_PAIR)
			p.pair = pair_now(a, p.cpu);
		if (a->manner == BAD_PAIRS) /* so that it lies between question and answer */
			nanosleep(&(struct timespec){ .tv_nsec = 6000000 }, NULL);
		p.answered = a->manner == BACKWARDS ? p.received - 1 : guest_now(a, p.cpu);
		if (a->manner == RANDOM && a->answers % 3 == 0)
			p.received = p.answered = a->answers * 0x9e3779b97f4a7c15ULL;
		p.apic = p.cpu * 2;
		nanosleep(&way, NULL);
		agent_probe_put(&w, AGENT_PROBE_ANSWER, &p);
		if (write(a->fd, frame, sizeof(frame) - w.left) < 0)
			break;
	}
	return NULL;
}

/* --- the host --- */

struct bench {
	struct agent agent;
	struct loop *loop;
	struct agent_link *link;
	struct remote_time *time;
	struct remote_sync *sync;
	int fds[2];
	unsigned int done;
};

static int got_frame(void *ctx, const struct msg3 *m, struct err *e)
{
	struct bench *b = ctx;

	return remote_sync_frame(b->sync, m, e);
}

static void link_gone(void *ctx, const struct err *e)
{
	(void)ctx;
	fail_msg("the link is gone: %s", e->what);
}

static void round_done(void *ctx)
{
	((struct bench *)ctx)->done++;
}

static void begin(struct bench *b, const struct remote_time_opts *about, enum manner manner,
		  uint64_t interval)
{
	struct agent_link_owner owner = { b, got_frame, link_gone };
	struct remote_sync_opts o = { .clock = about->clock,
				      .interval_ns = interval,
				      .ptp = -1,
				      .wait_ns = 20 * NSEC_PER_MSEC,
				      .done = round_done,
				      .ctx = b };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b->fds), 0);
	assert_int_equal(fcntl(b->fds[0], F_SETFL, O_NONBLOCK), 0);
	b->agent.fd = b->fds[1];
	b->agent.clock = about->clock;
	b->agent.manner = manner;
	b->agent.cpus = about->cpus;
	b->done = 0;
	b->loop = loop_new(NULL);
	b->link = agent_link_new(b->loop, b->fds[0], &owner, NULL);
	b->time = remote_time_new(about, NULL);
	o.loop = b->loop;
	o.link = b->link;
	o.time = b->time;
	b->sync = remote_sync_new(&o, NULL);
	assert_true(b->link && b->sync);
	assert_int_equal(pthread_create(&b->agent.thread, NULL, agent_thread, &b->agent), 0);
}

static void run_until(struct bench *b, unsigned int done)
{
	uint64_t end = now_ns() + 20 * NSEC_PER_SEC;

	while (b->done < done) {
		assert_true(now_ns() < end);
		assert_int_equal(loop_once(b->loop, NSEC_PER_SEC, NULL), 0);
	}
}

static void run_for(struct bench *b, uint64_t ns)
{
	uint64_t end = now_ns() + ns;

	while (now_ns() < end)
		assert_int_equal(loop_once(b->loop, NSEC_PER_MSEC, NULL), 0);
}

static void finish(struct bench *b)
{
	remote_sync_free(b->sync);
	agent_link_free(b->link);
	close(b->fds[0]);
	shutdown(b->fds[1], SHUT_RDWR);
	pthread_join(b->agent.thread, NULL);
	close(b->fds[1]);
	loop_free(b->loop);
	remote_time_free(b->time);
}

/* --- what is stored --- */

struct stored {
	struct buf options;
	struct tdat_shift shift;
	bool shifted;
	const char *text;
};

static void stored_read(struct bench *b, struct stored *s)
{
	struct remote_time_unit unit = { 0 };
	const struct buf none = { 0 };
	size_t at = 0;

	*s = (struct stored){ 0 };
	assert_int_equal(remote_time_put(b->time, 7, &unit, &none, &s->options, NULL), 0);
	while (at < s->options.len) {
		const uint8_t *p = s->options.data + at;
		uint16_t id;
		uint32_t len;

		memcpy(&id, p, 2);
		memcpy(&len, p + 2, 4);
		if (id == TDAT_OPT_TIME_SHIFT) {
			assert_int_equal(tdat_shift_parse(&s->shift, (struct view){ p + 6, len },
							  __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__),
					 0);
			s->shifted = true;
		} else {
			assert_int_equal(id, TDAT_OPT_CPUSTAT);
			s->text = (const char *)p + 6;
		}
		at += 6 + len;
	}
	assert_non_null(s->text);
	print_message("%s", s->text);
}

static void stored_free(struct stored *s)
{
	tdat_shift_free(&s->shift);
	buf_free(&s->options);
}

static uint64_t number_behind(const struct stored *s, const char *what)
{
	const char *at = strstr(s->text, what);

	if (!at)
		fail_msg("no '%s' in: %s", what, s->text);
	return strtoull(at + strlen(what), NULL, 10);
}

static uint64_t samples(const struct stored *s)
{
	const char *at = strstr(s->text, " samples");

	assert_non_null(at);
	while (at > s->text && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return strtoull(at, NULL, 10);
}

/* Each CPU's time now is the host's, but for the error that is told. */
static void check_times(const struct bench *b, const struct stored *s, uint64_t stepped)
{
	uint64_t error = number_behind(s, "error at most ") + 1000;

	assert_true(s->shifted);
	assert_int_equal(s->shift.ncpus, b->agent.cpus);
	for (uint32_t cpu = 0; cpu < b->agent.cpus; cpu++) {
		uint64_t host = ts_now(b->agent.clock);
		uint64_t guest = host - b->agent.behind[cpu] + stepped;
		int64_t off = (int64_t)(tdat_shift_time(&s->shift, cpu, guest) - host);

		if (off > (int64_t)error || off < -(int64_t)error)
			fail_msg("CPU %u is %lld off, and the error is %llu", cpu, (long long)off,
				 (unsigned long long)error);
	}
}

/* --- honest agents --- */

static const struct size_case {
	const char *name, *clock;
	uint32_t cpus;
	uint64_t least; /* samples */
} sizes[] = {
	{ "1 CPU, mono", "mono", 1, 96 },
	{ "32 CPUs, mono", "mono", 32, 96 },
	{ "1 CPU, x86-tsc", "x86-tsc", 1, 96 },
	{ "2 CPUs, x86-tsc", "x86-tsc", 2, 64 },
	{ "32 CPUs, x86-tsc", "x86-tsc", 32, 1024 },
	{ "64 CPUs, x86-tsc", "x86-tsc", 64, 512 },
};

/* Offsets of the CPUs differ where each has a clock of its own; some clocks are ahead. */
static void put_off(struct agent *a, bool per_cpu)
{
	for (uint32_t i = 0; i < MAX_CPUS; i++)
		a->behind[i] = 12345678901ULL + (per_cpu ? i * 777777777ULL : 0);
	if (per_cpu)
		a->behind[0] = (uint64_t)-77777777777LL;
}

static void test_size(void **state)
{
	const struct size_case *c = *state;
	struct remote_time_opts about = { .clock = c->clock, .cpus = c->cpus, .guest = "g" };
	struct bench b = { 0 };
	struct stored s;
	uint64_t from, took;

	if (!ts_now_can(c->clock))
		skip();
	put_off(&b.agent, ts_now_is_per_cpu(c->clock));
	begin(&b, &about, HONEST, 0);
	from = now_ns();
	remote_sync_first(b.sync);
	run_until(&b, 1);
	took = now_ns() - from;
	print_message("%s: %llu ms for the first round\n", c->name,
		      (unsigned long long)took / 1000000);
	assert_true(took < NSEC_PER_SEC);
	remote_sync_last(b.sync);
	run_until(&b, 2);
	stored_read(&b, &s);
	check_times(&b, &s, 0);
	assert_non_null(strstr(s.text, "method probe"));
	assert_int_equal(number_behind(&s, "causality violations "), 0);
	assert_in_range(number_behind(&s, "error at most "), 1000, 2000000); /* mostly 0.1 ms */
	assert_in_range(samples(&s), c->least, 100000);
	assert_string_equal(remote_time_warning(b.time), "");
	stored_free(&s);
	finish(&b);
}

/* --- others --- */

static const struct odd_case {
	const char *name;
	enum manner manner;
	bool known;		   /* something is found out */
	const char *says;	   /* in the text */
	uint64_t violations, most; /* at least, at most */
	const char *warns;
} odds[] = {
	{ "silent", SILENT, false, "method none; probe failed", 0, 0, "" },
	{ "one CPU is silent", STALLS, false, "method none; probe failed", 0, 0, "" },
	{ "its answers end before they begin", BACKWARDS, false, "method none; probe failed", 0, 0,
	  "violate causality" },
	{ "nonsense now and then", RANDOM, true, "method probe", 10, 100000, "violate causality" },
	{ "steps", STEPS, true, "; steps 1;", 0, 0, "" },
};

static void test_odd(void **state)
{
	const struct odd_case *c = *state;
	struct remote_time_opts about = { .clock = "mono", .cpus = 3, .guest = "g" };
	struct bench b = { 0 };
	struct stored s;

	if (c->manner == STALLS)
		about.clock = "x86-tsc";
	if (!ts_now_can(about.clock))
		skip();
	put_off(&b.agent, false);
	begin(&b, &about, c->manner, 0);
	remote_sync_first(b.sync);
	run_until(&b, 1);
	for (unsigned int i = 0; c->manner == STEPS && i < 2; i++) {
		remote_sync_stop(b.sync); /* rounds as of an interval */
		remote_sync_first(b.sync);
		run_until(&b, 2 + i);
	}
	remote_sync_last(b.sync);
	run_until(&b, b.done + 1);
	stored_read(&b, &s);
	assert_non_null(strstr(s.text, c->says));
	assert_int_equal(s.shifted, c->known);
	if (c->known) {
		check_times(&b, &s, c->manner == STEPS ? 5 * NSEC_PER_SEC : 0);
		assert_in_range(number_behind(&s, "causality violations "), c->violations, c->most);
	}
	if (c->warns[0])
		assert_non_null(strstr(remote_time_warning(b.time), c->warns));
	else
		assert_string_equal(remote_time_warning(b.time), "");
	stored_free(&s);
	finish(&b);
}

/*
 * A guest that is paused: what it did until then is where it was, and what it does as soon as it
 * goes on is behind the pause, though nobody asks it just then.
 */
static void test_pause(void **state)
{
	struct remote_time_opts about = { .clock = "mono", .cpus = 1, .guest = "g" };
	uint64_t guest, before, error;
	struct bench b = { 0 };
	struct stored s;

	(void)state;
	put_off(&b.agent, false);
	before = b.agent.behind[0];
	begin(&b, &about, PAUSES, 0);
	remote_sync_first(b.sync);
	for (unsigned int i = 1; !b.agent.resumed; i++) {
		run_until(&b, i);
		if (b.agent.answers >= 99)
			run_for(&b, PAUSE_NS + 100 * NSEC_PER_MSEC);
		remote_sync_stop(b.sync);
		remote_sync_first(b.sync);
	}
	run_for(&b, 100 * NSEC_PER_MSEC);
	remote_sync_last(b.sync);
	run_until(&b, b.done + 1);
	stored_read(&b, &s);
	assert_int_equal(number_behind(&s, "; steps "), 1);
	assert_int_equal(number_behind(&s, "causality violations "), 0);
	check_times(&b, &s, 0);
	error = number_behind(&s, "error at most ") + NSEC_PER_MSEC;
	guest = b.agent.resumed - b.agent.behind[0];
	assert_in_range(tdat_shift_time(&s.shift, 0, guest - 2 * NSEC_PER_MSEC),
			guest - 2 * NSEC_PER_MSEC + before - error,
			guest - 2 * NSEC_PER_MSEC + before + error);
	assert_in_range(tdat_shift_time(&s.shift, 0, guest + 5 * NSEC_PER_MSEC),
			b.agent.resumed + 5 * NSEC_PER_MSEC - error,
			b.agent.resumed + 5 * NSEC_PER_MSEC + error);
	stored_free(&s);
	finish(&b);
}

/* --- kvm --- */

static const struct kvm_case {
	const char *name;
	const char *clock;
	int64_t wrong;	  /* ticks by which debugfs is wrong in CPU 1, from the beginning */
	bool later;	  /* it is wrong only after the first round */
	int32_t apic_bit; /* of the vCPUs' ids: CPU << bit */
	const char *says, *warns;
} kvms[] = {
	{ "right", "x86-tsc", 0, false, 1, "method kvm", "" },
	{ "wrong", "x86-tsc", 10000000, false, 1, "no kvm: its TSC offset of CPU 1 contradicts",
	  "KVM is wrong" },
	{ "wrong later", "x86-tsc", -10000000, true, 1,
	  "no kvm: its TSC offset of CPU 1 contradicts", "KVM is wrong" },
	{ "other vCPUs", "x86-tsc", 0, false, 2, "method probe", "" },
	{ "another clock", "mono", 0, false, 1, "method probe", "" },
};

static void put_debugfs(struct tree *tree, const struct bench *b, const struct kvm_case *c,
			int64_t wrong)
{
	for (uint32_t cpu = 0; cpu < b->agent.cpus; cpu++) {
		char path[128], text[32];

		snprintf(path, sizeof(path), "kvm/%d-11/vcpu%u/tsc-offset", (int)getpid(),
			 cpu << c->apic_bit);
		snprintf(text, sizeof(text), "%lld\n",
			 (long long)(0 - b->agent.behind[cpu]) + (cpu == 1 ? wrong : 0));
		tree_file(tree, path, text);
	}
}

static void test_kvm(void **state)
{
	const struct kvm_case *c = *state;
	struct remote_time_opts about = {
		.clock = c->clock, .cpus = 4, .guest = "g", .qemu = getpid()
	};
	struct bench b = { 0 };
	struct stored s;
	struct tree tree;

	if (!ts_now_can(c->clock))
		skip();
	tree_make(&tree);
	about.debugfs = tree.top;
	put_off(&b.agent, ts_now_is_per_cpu(c->clock));
	begin(&b, &about, HONEST, 20 * NSEC_PER_MSEC);
	put_debugfs(&tree, &b, c, c->later ? 0 : c->wrong);
	remote_sync_first(b.sync);
	run_until(&b, 1);
	put_debugfs(&tree, &b, c, c->wrong);
	run_for(&b, 200 * NSEC_PER_MSEC);
	remote_sync_last(b.sync);
	run_until(&b, 2);
	stored_read(&b, &s);
	assert_non_null(strstr(s.text, c->says));
	check_times(&b, &s, 0);
	assert_int_equal(number_behind(&s, "causality violations "), 0);
	if (c->warns[0])
		assert_non_null(strstr(remote_time_warning(b.time), c->warns));
	stored_free(&s);
	finish(&b);
	tree_remove(&tree);
}

/* --- ptp_kvm --- */

static const struct pair_case {
	const char *name, *clock;
	enum manner manner;
	const char *says, *warns;
	uint64_t most; /* error */
} pairs[] = {
	{ "ptp_kvm, mono", "mono", PAIRS, "method ptp_kvm", "", 20000 },
	{ "ptp_kvm, x86-tsc", "x86-tsc", PAIRS, "method ptp_kvm", "", 60000 },
	{ "a wrong ptp_kvm", "mono", BAD_PAIRS, "no ptp_kvm: contradicts the guest's answers",
	  "since its ptp_kvm contradicts", 4000000 },
	{ "no ptp_kvm", "mono", HONEST, "method probe", "", 4000000 },
};

static void test_pair(void **state)
{
	const struct pair_case *c = *state;
	struct remote_time_opts about = { .clock = c->clock, .cpus = 2, .guest = "g" };
	struct bench b = { 0 };
	struct stored s;

	if (!ts_now_can(c->clock))
		skip();
	put_off(&b.agent, ts_now_is_per_cpu(c->clock));
	begin(&b, &about, c->manner, 20 * NSEC_PER_MSEC);
	remote_sync_first(b.sync);
	run_until(&b, 1);
	run_for(&b, 200 * NSEC_PER_MSEC);
	remote_sync_last(b.sync);
	run_until(&b, 2);
	stored_read(&b, &s);
	assert_non_null(strstr(s.text, c->says));
	check_times(&b, &s, 0);
	assert_in_range(number_behind(&s, "error at most "), 10, c->most);
	assert_int_equal(number_behind(&s, "causality violations "), 0);
	if (c->warns[0])
		assert_non_null(strstr(remote_time_warning(b.time), c->warns));
	stored_free(&s);
	finish(&b);
}

/* A page that came before what is in it happened is a violation; others narrow the bound. */
static void test_pages(void **state)
{
	struct remote_time_opts about = { .clock = "mono", .cpus = 2, .guest = "g" };
	struct bench b = { 0 };
	struct stored s;
	uint64_t host;

	(void)state;
	put_off(&b.agent, false);
	begin(&b, &about, HONEST, 0);
	remote_sync_first(b.sync);
	run_until(&b, 1);
	for (int i = 0; i < 10; i++) {
		host = ts_now("mono");
		remote_time_page(b.time, 1, host - b.agent.behind[0] - 5000, host);
	}
	remote_sync_last(b.sync);
	run_until(&b, 2);
	stored_read(&b, &s);
	check_times(&b, &s, 0);
	assert_non_null(strstr(s.text, ", 10 pages"));
	assert_int_equal(number_behind(&s, "causality violations "), 0);
	stored_free(&s);
	host = ts_now("mono");
	remote_time_page(b.time, 0, host - b.agent.behind[0] + 50000000, host);
	stored_read(&b, &s);
	assert_int_equal(number_behind(&s, "causality violations "), 1);
	assert_non_null(strstr(remote_time_warning(b.time), "1 of its times"));
	stored_free(&s);
	finish(&b);
}

/*
 * TRACE_REQ and a page: all that is known of a guest that answers nothing. An event that is older
 * than the order is a violation, as long as the clock has not stepped.
 */
static void test_ordered(void **state)
{
	struct remote_time_opts about = { .clock = "mono", .cpus = 2, .guest = "g" };
	struct bench b = { .agent = { .clock = "mono", .cpus = 2 } };
	struct stored s;
	uint64_t host;

	(void)state;
	b.time = remote_time_new(&about, NULL);
	assert_non_null(b.time);
	put_off(&b.agent, false);
	host = ts_now("mono");
	remote_time_page(b.time, 1, host - b.agent.behind[0] - 40000, host);
	remote_time_ordered(b.time, 1, host - 200000, host - b.agent.behind[0] - 100000);
	stored_read(&b, &s);
	check_times(&b, &s, 0);
	assert_in_range(number_behind(&s, "error at most "), 70000,
			71000); /* half of 40 + 100 us */
	assert_int_equal(number_behind(&s, "causality violations "), 0);
	stored_free(&s);
	remote_time_ordered(b.time, 0, host, host - b.agent.behind[0] - 50000);
	stored_read(&b, &s);
	assert_int_equal(number_behind(&s, "causality violations "), 1);
	stored_free(&s);
	for (int i = 0; i < 4; i++) /* a step of 12 s, known after three, and one more */
		remote_time_exchange(b.time, 0, &(struct ts_exchange){ host, host, host, host });
	remote_time_ordered(b.time, 0, host, host - b.agent.behind[0] - 50000);
	stored_read(&b, &s);
	assert_int_equal(number_behind(&s, "; steps "), 1);
	assert_int_equal(number_behind(&s, "causality violations "), 1);
	stored_free(&s);
	remote_time_free(b.time);
}

static void tell(struct bench *b, uint32_t cpu, uint64_t at)
{
	struct agent_probe p = { .cpu = cpu, .received = at, .answered = at };
	uint8_t frame[256];
	struct wcur w = wcur_make(frame, sizeof(frame), true);
	struct rcur in;
	struct msg3 m;

	agent_probe_put(&w, AGENT_PROBE_TOLD, &p);
	in = rcur_make(frame, sizeof(frame) - w.left, true);
	assert_int_equal(msg3_decode(&in, &m, NULL), 0);
	assert_int_equal(remote_sync_frame(b->sync, &m, NULL), 0);
}

/* The answer to CLOSE is one more, once; before CLOSE, or of a CPU that there is not, it is none.
 */
static void test_told(void **state)
{
	struct remote_time_opts about = { .clock = "x86-tsc", .cpus = 2, .guest = "g" };
	struct bench b = { 0 };
	struct stored s;
	uint64_t n;

	(void)state;
	if (!ts_now_can(about.clock))
		skip();
	put_off(&b.agent, true);
	begin(&b, &about, HONEST, 0);
	remote_sync_first(b.sync);
	run_until(&b, 1);
	remote_sync_last(b.sync);
	run_until(&b, 2);
	stored_read(&b, &s);
	n = samples(&s);
	stored_free(&s);
	tell(&b, 1, 12345);
	remote_sync_closing(b.sync);
	tell(&b, 2, 12345);
	remote_sync_closing(b.sync);
	tell(&b, 1, guest_now(&b.agent, 1));
	tell(&b, 1, 12345);
	stored_read(&b, &s);
	assert_int_equal(samples(&s), n + 1);
	assert_int_equal(number_behind(&s, "causality violations "), 0);
	check_times(&b, &s, 0);
	stored_free(&s);
	remote_sync_closing(b.sync);
	tell(&b, 1, guest_now(&b.agent, 1) - 5000000000ULL); /* before the order */
	stored_read(&b, &s);
	assert_int_equal(number_behind(&s, "causality violations "), 1);
	stored_free(&s);
	finish(&b);
}

/* What a released agent found is stored as it is; pages may say that it is wrong. */
static void test_found(void **state)
{
	struct remote_time_opts about = { .clock = "mono", .cpus = 2, .guest = "g", .ptp = true };
	struct bench b = { 0 };
	struct tdat_shift_sample p = { 1000, 5000, 1, 0 };
	struct stored s;

	(void)state;
	b.time = remote_time_new(&about, NULL);
	assert_non_null(b.time);
	remote_time_sample(b.time, 0, &p, 0, 0);
	stored_read(&b, &s);
	assert_non_null(strstr(s.text, "method none; ptp failed: no answer from 1 CPUs"));
	assert_false(s.shifted);
	stored_free(&s);
	remote_time_sample(b.time, 1, &p, 0, 0);
	remote_time_page(b.time, 1, 1500, 6600);
	remote_time_round(b.time);
	stored_read(&b, &s);
	assert_non_null(strstr(s.text, "method ptp; offset 5000 ns;"));
	assert_non_null(strstr(s.text, "error not known"));
	assert_string_equal(remote_time_warning(b.time), "");
	assert_int_equal(s.shift.ncpus, 2);
	assert_int_equal(tdat_shift_time(&s.shift, 1, 100), 5100);
	stored_free(&s);
	p = (struct tdat_shift_sample){ 2000, 5200, 1, 0 };
	remote_time_sample(b.time, 1, &p, 0, 0);
	stored_read(&b, &s);
	assert_int_equal(number_behind(&s, "error at least "), 99); /* and 1 for the drift */
	assert_non_null(strstr(remote_time_warning(b.time), "not where ptp says"));
	stored_free(&s);
	remote_time_free(b.time);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pages),
					    cmocka_unit_test(test_ordered),
					    cmocka_unit_test(test_told),
					    cmocka_unit_test(test_found),
					    cmocka_unit_test(test_pause) };
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += RUN_ROWS("size", sizes, test_size);
	failed += RUN_ROWS("odd", odds, test_odd);
	failed += RUN_ROWS("ptp_kvm", pairs, test_pair);
	return failed + RUN_ROWS("kvm", kvms, test_kvm);
}
