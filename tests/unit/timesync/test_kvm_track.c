// SPDX-License-Identifier: GPL-2.0
/*
 * test_kvm_track.c - a guest's TSC while it is recorded: made-up debugfs, events as a kernel wrote
 * them, and a tracefs of plain files
 */
#include "tests/unit/base/rows.h"

#include <errno.h>

#include "tests/unit/transport/tree.h"
#include "timesync/kvm-track.h"

enum { CPUS = 4 };

/* --- lines --- */

static const struct line_case {
	const char *name, *line;
	bool is;
	pid_t tid;
	struct ts_kvm_event ev;
} lines[] = {
	{ "of QEMU",
	  " CPU 0/KVM-28411   [001] d.... 37081459121690: kvm_write_tsc_offset: vcpu=4 "
	  "prev=18446706992249436912 next=1099511627776",
	  true,
	  28411,
	  { 37081459121690, 4, 18446706992249436912ULL, 1099511627776 } },
	{ "as Linux 6 wrote it",
	  "   test_kvm_real-19120   [001] d..1. 38262871102950: kvm_write_tsc_offset: vcpu=4 prev=0 "
	  "next=1087637035740766",
	  true,
	  19120,
	  { 38262871102950, 4, 0, 1087637035740766 } },
	{ "a name with all signs",
	  "   a [0] b-7: c-12  [000] ..... 5: kvm_write_tsc_offset: vcpu=0 prev=1 next=2",
	  true,
	  12,
	  { 5, 0, 1, 2 } },
	{ "another event",
	  "  x-12  [000] ..... 5: kvm_exit: vcpu=0 prev=1 next=2",
	  false,
	  0,
	  { 0 } },
	{ "cut off",
	  "  x-12  [000] ..... 5: kvm_write_tsc_offset: vcpu=0 prev=1",
	  false,
	  0,
	  { 0 } },
	{ "no thread",
	  "  x  [000] ..... 5: kvm_write_tsc_offset: vcpu=0 prev=1 next=2",
	  false,
	  0,
	  { 0 } },
	{ "a clock in seconds",
	  "  x-12  [000] ..... 5.000001: kvm_write_tsc_offset: vcpu=0 prev=1 next=2",
	  false,
	  0,
	  { 0 } },
	{ "losses", "CPU:1 [LOST 5 EVENTS]", false, 0, { 0 } },
	{ "nothing", "", false, 0, { 0 } },
};

static void test_line(void **state)
{
	const struct line_case *c = *state;
	struct ts_kvm_event ev = { 0 };
	pid_t tid = 0;

	assert_int_equal(ts_kvm_event_read(c->line, &tid, &ev), c->is);
	if (!c->is)
		return;
	assert_int_equal(tid, c->tid);
	assert_memory_equal(&ev, &c->ev, sizeof(ev));
}

/* --- a machine --- */

static void put_vcpu(struct tree *t, unsigned int id, int64_t offset)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "kvm/%d-9/vcpu%u/tsc-offset", (int)getpid(), id);
	snprintf(text, sizeof(text), "%lld\n", (long long)offset);
	tree_file(t, path, text);
}

static void put_scale(struct tree *t, unsigned int id, uint64_t ratio, unsigned int bits)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "kvm/%d-9/vcpu%u/tsc-scaling-ratio", (int)getpid(), id);
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)ratio);
	tree_file(t, path, text);
	snprintf(path, sizeof(path), "kvm/%d-9/vcpu%u/tsc-scaling-ratio-frac-bits", (int)getpid(),
		 id);
	snprintf(text, sizeof(text), "%u\n", bits);
	tree_file(t, path, text);
}

/* What the instance's trace_pipe says from now on. */
static void put_event(struct tree *t, uint64_t host, unsigned int id, int64_t prev, int64_t next,
		      pid_t tid)
{
	char text[256];

	snprintf(text, sizeof(text),
		 " CPU 0/KVM-%d [001] d.... %llu: kvm_write_tsc_offset: vcpu=%u prev=%llu "
		 "next=%llu\n",
		 (int)tid, (unsigned long long)host, id, (unsigned long long)prev,
		 (unsigned long long)next);
	tree_file(t, "tracefs/instances/k/trace_pipe", text);
}

/* The VM has vCPUs 0, 2, 4 and 6, at -1000, each 10 more. */
static void make_machine(struct tree *t)
{
	tree_make(t);
	for (unsigned int i = 0; i < CPUS; i++)
		put_vcpu(t, 2 * i, -1000 - 10 * (int64_t)i);
	tree_file(t, "tracefs/trace_clock", "[local] x86-tsc\n");
	tree_file(t, "tracefs/tracing_on", "1\n");
	tree_file(t, "tracefs/events/kvm/kvm_write_tsc_offset/enable", "0\n");
	tree_file(t, "tracefs/instances/k/trace_clock", "[local] x86-tsc\n");
	tree_file(t, "tracefs/instances/k/tracing_on", "0\n");
	tree_file(t, "tracefs/instances/k/events/kvm/kvm_write_tsc_offset/enable", "0\n");
	tree_file(t, "tracefs/instances/k/trace_pipe", "");
}

static struct ts_kvm_watch *watch(struct tree *t, struct tracefs **top)
{
	struct err e = { 0 };
	struct ts_kvm_watch *w;

	*top = tfs_open(tree_at(t, "tracefs"), NULL);
	assert_non_null(*top);
	w = ts_kvm_watch_new(*top, "k", getpid(), &e);
	if (!w)
		fail_msg("%s", e.what);
	return w;
}

static int track(struct tree *t, const uint32_t *apic, size_t cpus, struct ts_kvm_watch *w,
		 struct ts_kvm_track **to)
{
	struct ts_kvm_track_opts o = { .root = t->top,
				       .pid = getpid(),
				       .events = w,
				       .cpus = cpus,
				       .apic = apic,
				       .host = 10000 };

	return ts_kvm_track_new(&o, to, NULL);
}

/* --- what changes --- */

static const struct change_case {
	const char *name;
	bool watched, event, effect; /* is the event watched, does it come, does debugfs change */
	bool foreign;		     /* it is of another process */
	uint64_t steps, untold, refuted;
	uint64_t guest, host; /* CPU 1, vCPU 2: at 20000 of the host its clock goes 500 forward */
} changes[] = {
	{ "none", true, false, false, false, 0, 0, 0, 18990, 20000 },
	{ "told", true, true, true, false, 1, 0, 0, 19490, 20000 },
	{ "told: before it", true, true, true, false, 1, 0, 0, 18000, 19010 },
	{ "told: after it", true, true, true, false, 1, 0, 0, 30000, 30510 },
	{ "announced, and never made", true, true, false, false, 0, 0, 1, 19490, 20500 },
	{ "not told", true, false, true, false, 0, 1, 0, 30000, 30510 },
	{ "not told: before the look", true, false, true, false, 0, 1, 0, 28000, 29010 },
	{ "not watched", false, true, true, false, 0, 1, 0, 30000, 30510 },
	{ "another VM's", true, true, false, true, 0, 0, 0, 19490, 20500 },
};

static void test_change(void **state)
{
	static const uint32_t apic[CPUS] = { 0, 2, 4, 6 };
	const struct change_case *c = *state;
	const struct ts_kvm_track_count *n;
	struct ts_kvm_track *k;
	struct tracefs *top = NULL;
	struct tree t;

	make_machine(&t);
	assert_int_equal(track(&t, apic, CPUS, c->watched ? watch(&t, &top) : NULL, &k), 0);
	assert_int_equal(ts_kvm_track_offset(k, 1, 15000), 1010);
	if (c->event)
		put_event(&t, 20000, 2, -1010, -510, c->foreign ? 1 : getpid());
	if (c->effect)
		put_vcpu(&t, 2, -510);
	assert_int_equal(ts_kvm_track_look(k, 29500, NULL), 0);
	n = ts_kvm_track_count(k);
	assert_int_equal(n->steps, c->steps);
	assert_int_equal(n->untold, c->untold);
	assert_int_equal(n->refuted, c->refuted);
	assert_int_equal(ts_points_host(ts_kvm_track_points(k), 1, c->guest), c->host);
	assert_int_equal(ts_kvm_track_offset(k, 1, 40000), c->effect ? 510 : 1010);
	/* The others are as they were. */
	assert_int_equal(ts_points_host(ts_kvm_track_points(k), 3, 5000), 6030);
	ts_kvm_track_free(k);
	tfs_close(top);
	tree_remove(&t);
}

/* Scaling that comes later (a guest that was migrated) is seen. */
static void test_scale(void **state)
{
	static const uint32_t apic[] = { 6 };
	struct ts_kvm_track *k;
	struct tree t;

	(void)state;
	make_machine(&t);
	assert_int_equal(track(&t, apic, 1, NULL, &k), 0);
	put_scale(&t, 6, 3ULL << 31, 32); /* 1.5 */
	assert_int_equal(ts_kvm_track_look(k, 20000, NULL), 0);
	assert_int_equal(ts_kvm_track_count(k)->untold, 1);
	assert_int_equal(ts_kvm_track_offset(k, 0, 40000), 40000 - (60000 - 1030));
	assert_int_equal(ts_points_host(ts_kvm_track_points(k), 0, 60000 - 1030), 40000);
	ts_kvm_track_free(k);
	tree_remove(&t);
}

/* A guest that ended: what was known stays. */
static void test_gone(void **state)
{
	static const uint32_t apic[CPUS] = { 0, 2, 4, 6 };
	struct ts_kvm_track *k;
	struct tree t, empty;

	(void)state;
	make_machine(&t);
	assert_int_equal(track(&t, apic, CPUS, NULL, &k), 0);
	tree_make(&empty);
	tree_remove(&t);
	assert_true(ts_kvm_track_look(k, 20000, NULL) < 0);
	assert_int_equal(ts_points_host(ts_kvm_track_points(k), 3, 5000), 6030);
	ts_kvm_track_free(k);
	tree_remove(&empty);
}

/* --- which vCPU is it? --- */

static const struct map_case {
	const char *name;
	uint32_t apic[CPUS];
	size_t cpus;
	int rc;
	int64_t offset; /* of the last CPU */
} maps[] = {
	{ "in order", { 0, 2, 4, 6 }, 4, 0, 1030 },
	{ "another order", { 0, 6, 4, 2 }, 4, 0, 1010 },
	{ "one is not known, the others are in order", { 0, 2, UINT32_MAX, 6 }, 4, 0, 1030 },
	{ "none is known", { UINT32_MAX, UINT32_MAX }, 2, 0, 1010 },
	{ "one is not known, the others are not in order", { 2, 0, UINT32_MAX, 6 }, 4, -ENODATA },
	{ "no such vCPU", { 0, 1 }, 2, -ENOENT },
	{ "twice", { 2, 2 }, 2, -EINVAL },
};

static void test_map(void **state)
{
	const struct map_case *c = *state;
	struct ts_kvm_track *k;
	struct tree t;

	make_machine(&t);
	assert_int_equal(track(&t, c->apic, c->cpus, NULL, &k), c->rc);
	if (!c->rc) {
		assert_int_equal(ts_kvm_track_offset(k, c->cpus - 1, 1ULL << 40), c->offset);
		ts_kvm_track_free(k);
	}
	tree_remove(&t);
}

/* The instance has the clock and the event; without the event there is no watch. */
static void test_watch(void **state)
{
	struct ts_kvm_event *list;
	struct ts_kvm_watch *w;
	struct tracefs *top;
	struct err e = { 0 };
	struct tree t;
	size_t n;

	(void)state;
	make_machine(&t);
	w = watch(&t, &top);
	put_event(&t, 7, 2, 1, 2, getpid());
	assert_int_equal(ts_kvm_watch_take(w, &list, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].host, 7);
	free(list);
	ts_kvm_watch_free(w);
	assert_int_equal(unlink(tree_at(&t, "tracefs/events/kvm/kvm_write_tsc_offset/enable")), 0);
	assert_int_equal(rmdir(tree_at(&t, "tracefs/events/kvm/kvm_write_tsc_offset")), 0);
	assert_null(ts_kvm_watch_new(top, "k", getpid(), &e));
	assert_int_equal(e.code, ENOENT);
	tfs_close(top);
	tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_watch),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += RUN_ROWS("line", lines, test_line);
	failed += RUN_ROWS("change", changes, test_change);
	return failed + RUN_ROWS("map", maps, test_map);
}
