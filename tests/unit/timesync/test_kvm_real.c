// SPDX-License-Identifier: GPL-2.0
/*
 * test_kvm_real.c - the method kvm on a real VM: its points agree with what rdtsc says
 *
 * A VM of the test's own, without a guest; skipped where there is no KVM or no debugfs of it.
 */
#include "tests/unit/base/rows.h"

#include <errno.h>
#include <sys/file.h>

#include "tests/facts/kvm_vm.h"
#include "timesync/bound.h"
#include "timesync/kvm-track.h"
#include "timesync/now.h"

/* The host's time of a guest's TSC must lie between the host's two readings around it. */
static void check_cpu(struct vm *vm, const struct ts_points *p, int cpu)
{
	struct ts_bound_how how = { .pieces = 2 };
	struct ts_bound *b;
	struct vm_tsc t = { 0 };
	uint64_t host;

	assert_int_equal(vm_get_tsc(vm, cpu, &t), 0);
	host = ts_points_host(p, (size_t)cpu, t.guest);
	print_message("vCPU %u: host TSC within %llu ticks\n", vm_ids[cpu],
		      (unsigned long long)(t.after - t.before));
	assert_in_range(host, t.before, t.after);
	assert_int_equal(ts_bound_new(&how, &b, NULL), 0);
	ts_bound_from_guest(b, t.guest, t.after);
	ts_bound_to_guest(b, t.before, t.guest);
	assert_int_equal(ts_bound_judge(b, t.after, (int64_t)(host - t.guest), 0), TS_INSIDE);
	ts_bound_free(b);
}

static void test_real(void **state)
{
	const uint32_t apic[VM_VCPUS] = { 0, 4 };
	struct ts_points *p;
	struct ts_kvm_vms vms;
	const struct ts_kvm_vm *found;
	struct err e = { 0 };
	struct vm vm;
	size_t *map;
	const char *why = vm_make(&vm);

	(void)state;
	why = why ? why : vm_debugfs();
	if (why) {
		print_message("skipped: %s\n", why);
		vm_end(&vm);
		skip();
	}
	assert_int_equal(vm_set_tsc(&vm, 0, 1ULL << 40), 0);
	assert_int_equal(vm_set_tsc(&vm, 1, 1ULL << 50), 0);
	if (ts_kvm_read(TS_KVM_ROOT, getpid(), &vms, &e))
		fail_msg("%s", e.what);
	assert_int_equal(ts_kvm_pick(&vms, VM_VCPUS, &found, NULL), 0);
	assert_int_equal(found->fd, vm.fd);
	assert_int_equal(found->n, VM_VCPUS);
	assert_int_equal(ts_kvm_map(found, apic, VM_VCPUS, &map, NULL), 0);
	assert_int_equal(ts_points_new(TS_STEPS, VM_VCPUS, 16, &p, NULL), 0);
	assert_int_equal(ts_kvm_points(found, map, VM_VCPUS, 1ULL << 60, p, NULL), 0);
	for (int cpu = 0; cpu < VM_VCPUS; cpu++)
		check_cpu(&vm, p, cpu);
	ts_points_free(p);
	free(map);
	ts_kvm_free(&vms);
	vm_end(&vm);
}

/* This machine's tracefs, which tests use one after the other; -1: it is busy. */
static int lock_tracefs(void)
{
	const char *path = getenv("TRACEFS_LOCK");
	int fd = open(path ? path : "/tmp/tracefs.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (i == 300) {
			close(fd);
			return -1;
		}
		usleep(100000);
	}
	return fd;
}

/* NULL: there are no events here. */
static struct ts_kvm_watch *watch(struct tracefs **top)
{
	struct err e = { 0 };
	struct ts_kvm_watch *w;
	char name[32];

	snprintf(name, sizeof(name), "test-kvm-%d", (int)getpid());
	*top = access("/sys/kernel/tracing/instances", W_OK) ? NULL : tfs_open(NULL, NULL);
	w = *top ? ts_kvm_watch_new(*top, name, getpid(), &e) : NULL;
	if (!w)
		print_message("no events: %s\n", e.what);
	return w;
}

/*
 * The guest sets its TSC while it is recorded. Whether KVM means what its event says (a software
 * vCPU ignores it) or not: what the track knows is what rdtsc says.
 */
static void test_track(void **state)
{
	static const uint32_t apic[VM_VCPUS] = { 0, 4 };
	const struct ts_kvm_track_count *n;
	struct ts_kvm_track_opts o = {
		.root = TS_KVM_ROOT, .pid = getpid(), .cpus = VM_VCPUS, .apic = apic
	};
	struct ts_kvm_track *t;
	struct tracefs *top = NULL;
	struct err e = { 0 };
	struct vm vm = { .fd = -1, .kvm = -1, .vcpu = { -1, -1 } };
	int lock = lock_tracefs();
	const char *why = lock < 0 ? "tracefs is busy" : vm_debugfs();

	(void)state;
	why = why ? why : vm_make(&vm);
	if (why) {
		print_message("skipped: %s\n", why);
		vm_end(&vm);
		close(lock);
		skip();
	}
	o.events = watch(&top);
	o.host = ts_now("x86-tsc");
	if (ts_kvm_track_new(&o, &t, &e))
		fail_msg("%s", e.what);
	assert_int_equal(vm_set_tsc(&vm, 1, 1ULL << 50), 0);
	assert_int_equal(ts_kvm_track_look(t, ts_now("x86-tsc"), NULL), 0);
	n = ts_kvm_track_count(t);
	print_message("steps %llu, untold %llu, refuted %llu\n", (unsigned long long)n->steps,
		      (unsigned long long)n->untold, (unsigned long long)n->refuted);
	if (o.events)
		assert_int_equal(n->steps + n->refuted, 1);
	for (int cpu = 0; cpu < VM_VCPUS; cpu++)
		check_cpu(&vm, ts_kvm_track_points(t), cpu);
	ts_kvm_track_free(t);
	tfs_close(top);
	vm_end(&vm);
	close(lock);
}

/* When the VM is gone, so are its numbers. */
static void test_gone(void **state)
{
	struct ts_kvm_vms vms;
	struct err e = { 0 };
	int rc = ts_kvm_read(TS_KVM_ROOT, getpid(), &vms, &e);

	(void)state;
	assert_true(rc == -ESRCH || rc == -ENOENT || rc == -EACCES);
	assert_true(e.what[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_real),
					    cmocka_unit_test(test_track),
					    cmocka_unit_test(test_gone) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
