// SPDX-License-Identifier: GPL-2.0
/* test_kvm.c - debugfs of KVM from made-up directories, CPUs by APIC ids, events */
#include "tests/unit/base/rows.h"

#include <errno.h>

#include "tests/unit/transport/tree.h"
#include "timesync/kvm.h"

enum { PID = 4711, CPUS_MAX = 8 };

struct text_file {
	const char *path, *text;
};

static const struct read_case {
	const char *name;
	struct text_file files[6];
	int rc;
	const char *says;
	size_t vms, vcpus; /* of the first VM */
	struct ts_kvm_vcpu last;
} reads[] = {
	{ "no debugfs", { { "other/file", "" } }, -ENOENT, "cannot read", 0, 0, { 0 } },
	{ "another process",
	  { { "kvm/471-9/vcpu0/tsc-offset", "5\n" }, { "kvm/47110-9/vcpu0/tsc-offset", "5\n" } },
	  -ESRCH,
	  "process 4711 has no VM",
	  0,
	  0,
	  { 0 } },
	{ "one vCPU",
	  { { "kvm/4711-9/vcpu0/tsc-offset", "-16890949608014\n" } },
	  0,
	  NULL,
	  1,
	  1,
	  { 0, (uint64_t)-16890949608014, 1, 0 } },
	{ "offset 0", { { "kvm/4711-9/vcpu0/tsc-offset", "0\n" } }, 0, NULL, 1, 1, { 0, 0, 1, 0 } },
	{ "smallest",
	  { { "kvm/4711-9/vcpu0/tsc-offset", "-9223372036854775808\n" } },
	  0,
	  NULL,
	  1,
	  1,
	  { 0, 1ULL << 63, 1, 0 } },
	{ "sparse vCPUs",
	  { { "kvm/4711-9/vcpu16/tsc-offset", "-3\n" },
	    { "kvm/4711-9/vcpu2/tsc-offset", "-2\n" },
	    { "kvm/4711-9/vcpu0/tsc-offset", "-1\n" },
	    { "kvm/4711-9/vcpus/tsc-offset", "x\n" },
	    { "kvm/4711-9/exits", "7\n" } },
	  0,
	  NULL,
	  1,
	  3,
	  { 16, (uint64_t)-3, 1, 0 } },
	{ "two VMs",
	  { { "kvm/4711-12/vcpu0/tsc-offset", "-2\n" }, { "kvm/4711-9/vcpu0/tsc-offset", "-1\n" } },
	  0,
	  NULL,
	  2,
	  1,
	  { 0, (uint64_t)-1, 1, 0 } },
	{ "scaled",
	  { { "kvm/4711-9/vcpu0/tsc-offset", "-1\n" },
	    { "kvm/4711-9/vcpu0/tsc-scaling-ratio", "216736972036000\n" },
	    { "kvm/4711-9/vcpu0/tsc-scaling-ratio-frac-bits", "48\n" } },
	  0,
	  NULL,
	  1,
	  1,
	  { 0, (uint64_t)-1, 216736972036000, 48 } },
	{ "scaled by 1",
	  { { "kvm/4711-9/vcpu0/tsc-offset", "-1\n" },
	    { "kvm/4711-9/vcpu0/tsc-scaling-ratio", "4294967296\n" },
	    { "kvm/4711-9/vcpu0/tsc-scaling-ratio-frac-bits", "32\n" } },
	  0,
	  NULL,
	  1,
	  1,
	  { 0, (uint64_t)-1, 1, 0 } },
	{ "scaled by nothing",
	  { { "kvm/4711-9/vcpu0/tsc-offset", "-1\n" },
	    { "kvm/4711-9/vcpu0/tsc-scaling-ratio", "0\n" } },
	  -EPROTO,
	  "a scaling that cannot be",
	  0,
	  0,
	  { 0 } },
	{ "absurd bits",
	  { { "kvm/4711-9/vcpu0/tsc-offset", "-1\n" },
	    { "kvm/4711-9/vcpu0/tsc-scaling-ratio-frac-bits", "64\n" } },
	  -EPROTO,
	  "a scaling that cannot be",
	  0,
	  0,
	  { 0 } },
	{ "no offset",
	  { { "kvm/4711-9/vcpu0/guest_mode", "0\n" } },
	  -EOPNOTSUPP,
	  "has no tsc-offset",
	  0,
	  0,
	  { 0 } },
	{ "no number",
	  { { "kvm/4711-9/vcpu0/tsc-offset", "five\n" } },
	  -EPROTO,
	  "has no number",
	  0,
	  0,
	  { 0 } },
	{ "an empty file",
	  { { "kvm/4711-9/vcpu0/tsc-offset", "" } },
	  -EPROTO,
	  "has no number",
	  0,
	  0,
	  { 0 } },
	{ "only a minus",
	  { { "kvm/4711-9/vcpu0/tsc-offset", "-\n" } },
	  -EPROTO,
	  "has no number",
	  0,
	  0,
	  { 0 } },
	{ "a VM without vCPUs", { { "kvm/4711-9/exits", "7\n" } }, 0, NULL, 1, 0, { 0 } },
};

static void test_read(void **state)
{
	const struct read_case *t = *state;
	struct ts_kvm_vms vms;
	struct err e = { 0 };
	struct tree tree;

	tree_make(&tree);
	for (size_t i = 0; i < ARRAY_SIZE(t->files) && t->files[i].path; i++)
		tree_file(&tree, t->files[i].path, t->files[i].text);
	assert_int_equal(ts_kvm_read(tree.top, PID, &vms, &e), t->rc);
	tree_remove(&tree);
	if (t->rc) {
		assert_non_null(strstr(e.what, t->says));
		return;
	}
	assert_int_equal(e.code, 0);
	assert_int_equal(vms.n, t->vms);
	assert_int_equal(vms.list[0].n, t->vcpus);
	assert_int_equal(vms.list[0].fd, 9);
	if (t->vcpus)
		assert_memory_equal(&vms.list[0].vcpus[t->vcpus - 1], &t->last, sizeof(t->last));
	ts_kvm_free(&vms);
}

static const struct map_case {
	const char *name;
	uint32_t ids[CPUS_MAX];
	size_t nids;
	uint32_t apic[CPUS_MAX];
	bool has_apic;
	size_t cpus;
	int rc;
	size_t map[CPUS_MAX];
} maps[] = {
	{ "identity", { 0, 1, 2 }, 3, { 0 }, false, 3, 0, { 0, 1, 2 } },
	{ "in order of ids", { 0, 4, 16 }, 3, { 0 }, false, 3, 0, { 0, 1, 2 } },
	{ "APIC ids", { 0, 1, 2 }, 3, { 0, 2, 1 }, true, 3, 0, { 0, 2, 1 } },
	{ "sparse APIC ids",
	  { 0, 1, 4, 5, 16, 255, 256, 300 },
	  8,
	  { 0, 300, 4, 255, 1 },
	  true,
	  5,
	  0,
	  { 0, 7, 2, 5, 1 } },
	{ "fewer CPUs than vCPUs", { 0, 1, 2 }, 3, { 2 }, true, 1, 0, { 2 } },
	{ "more CPUs than vCPUs", { 0, 1 }, 2, { 0, 1, 2 }, true, 3, -EINVAL, { 0 } },
	{ "no CPUs", { 0, 1 }, 2, { 0 }, true, 0, -EINVAL, { 0 } },
	{ "an APIC id that is not there", { 0, 1, 4 }, 3, { 0, 1, 2 }, true, 3, -ENOENT, { 0 } },
	{ "an APIC id twice", { 0, 1, 4 }, 3, { 0, 1, 1 }, true, 3, -EINVAL, { 0 } },
};

static void test_map(void **state)
{
	const struct map_case *t = *state;
	struct ts_kvm_vcpu vcpus[CPUS_MAX] = { 0 };
	struct ts_kvm_vm vm = { PID, 9, vcpus, t->nids };
	struct err e = { 0 };
	size_t *map = NULL;

	for (size_t i = 0; i < t->nids; i++)
		vcpus[i].id = t->ids[i];
	assert_int_equal(ts_kvm_map(&vm, t->has_apic ? t->apic : NULL, t->cpus, &map, &e), t->rc);
	if (!t->rc)
		assert_memory_equal(map, t->map, t->cpus * sizeof(*map));
	else
		assert_true(e.what[0] && !map);
	free(map);
}

static struct ts_points *points(size_t cpus)
{
	struct ts_points *p;

	assert_int_equal(ts_points_new(TS_STEPS, cpus, 16, &p, NULL), 0);
	return p;
}

/* 64 vCPUs with every second APIC id, offsets of their own. */
static void test_64(void **state)
{
	struct ts_kvm_vcpu vcpus[64];
	struct ts_kvm_vm vm = { PID, 9, vcpus, 64 };
	struct ts_points *p = points(64);
	uint32_t apic[64];
	size_t *map;

	(void)state;
	for (uint32_t i = 0; i < 64; i++) {
		vcpus[i] = (struct ts_kvm_vcpu){ i * 2, 0 - 1000000ULL - i * 2, 1, 0 };
		apic[i] = (63 - i) * 2;
	}
	assert_int_equal(ts_kvm_map(&vm, apic, 64, &map, NULL), 0);
	assert_int_equal(ts_kvm_points(&vm, map, 64, 2000000, p, NULL), 0);
	for (uint32_t i = 0; i < 64; i++)
		assert_true(ts_points_host(p, i, 5000) == 1005000 + apic[i]);
	free(map);
	ts_points_free(p);
}

/* Host TSC 10000 on; the guest began at 0 when the host had 8000. */
static const struct event_case {
	const char *name;
	struct ts_kvm_event ev;
	int step;
	uint64_t guest, host; /* what holds after it, of CPU 1 */
} events[] = {
	{ "forward", { 12000, 4, (uint64_t)-8000, (uint64_t)-7000 }, TS_KVM_STEP, 5000, 12000 },
	{ "forward, before it",
	  { 12000, 4, (uint64_t)-8000, (uint64_t)-7000 },
	  TS_KVM_STEP,
	  4999,
	  12999 },
	{ "back to 0", { 12000, 4, (uint64_t)-8000, (uint64_t)-12000 }, TS_KVM_STEP, 3, 12003 },
	{ "no change", { 12000, 4, (uint64_t)-8000, (uint64_t)-8000 }, TS_KVM_SAME, 3000, 11000 },
	{ "another VM's", { 12000, 4, 77, (uint64_t)-9000 }, TS_KVM_FOREIGN, 3000, 11000 },
	{ "no such vCPU", { 12000, 1, (uint64_t)-8000, 5 }, TS_KVM_FOREIGN, 3000, 11000 },
	{ "another CPU's", { 12000, 0, (uint64_t)-8000, 5 }, TS_KVM_STEP, 3000, 11000 },
};

static void test_event(void **state)
{
	const struct event_case *t = *state;
	struct ts_kvm_vcpu vcpus[] = { { 0, (uint64_t)-8000, 1, 0 }, { 4, (uint64_t)-8000, 1, 0 } };
	struct ts_kvm_vm vm = { PID, 9, vcpus, 2 };
	struct ts_points *p = points(2);
	const size_t map[] = { 0, 1 };

	assert_int_equal(ts_kvm_points(&vm, map, 2, 10000, p, NULL), 0);
	assert_int_equal(ts_kvm_apply(&vm, map, 2, &t->ev, p), t->step);
	assert_true(ts_points_host(p, 1, t->guest) == t->host);
	ts_points_free(p);
}

static void test_hold(void **state)
{
	struct ts_kvm_vcpu a[] = { { 0, 5, 1, 0 }, { 4, 5, 1, 0 } };
	struct ts_kvm_vcpu b[] = { { 0, 9, 1, 0 }, { 4, 5, 1, 0 } };
	struct ts_kvm_vm before = { PID, 9, a, 2 }, after = { PID, 9, b, 2 };
	const struct ts_kvm_event ev[] = { { 1, 0, 5, 7 }, { 2, 4, 6, 7 }, { 3, 0, 7, 9 } };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(ts_kvm_events_hold(&before, &after, ev, 3, &e), 0);
	assert_int_equal(ts_kvm_events_hold(&before, &before, ev, 0, &e), 0);
	assert_int_equal(ts_kvm_events_hold(&before, &after, ev, 2, &e), -ESTALE);
	assert_int_equal(ts_kvm_events_hold(&before, &before, ev, 3, &e), -ESTALE);
	assert_non_null(strstr(e.what, "vCPU 0"));
	after.n = 1;
	assert_int_equal(ts_kvm_events_hold(&before, &after, ev, 3, &e), -ESTALE);
}

static void test_pick(void **state)
{
	struct ts_kvm_vm list[] = { { PID, 9, NULL, 1 },
				    { PID, 12, NULL, 4 },
				    { PID, 15, NULL, 4 } };
	struct ts_kvm_vms vms = { list, 2 };
	const struct ts_kvm_vm *vm;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(ts_kvm_pick(&vms, 2, &vm, &e), 0);
	assert_int_equal(vm->fd, 12);
	assert_int_equal(ts_kvm_pick(&vms, 1, &vm, &e), -ENOTUNIQ);
	assert_int_equal(ts_kvm_pick(&vms, 5, &vm, &e), -ENOENT);
	vms.n = 3;
	assert_int_equal(ts_kvm_pick(&vms, 2, &vm, &e), -ENOTUNIQ);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_64),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_pick),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += RUN_ROWS("read", reads, test_read);
	failed += RUN_ROWS("map", maps, test_map);
	return failed + RUN_ROWS("events", events, test_event);
}
