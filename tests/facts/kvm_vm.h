/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvm_vm.h - a VM of KVM without a guest: vCPUs whose TSC can be set and read, and KVM's debugfs
 *
 * For fact_kvm_tsc_offset and the unit test of timesync/kvm. libc only. x86-64 only: elsewhere
 * vm_make() says why not.
 */
#ifndef TESTS_FACTS_KVM_VM_H
#define TESTS_FACTS_KVM_VM_H

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>
#ifdef __x86_64__
#include <linux/kvm.h>
#include <x86intrin.h>
#endif

enum { VM_VCPUS = 2 };

#define VM_DEBUGFS "/sys/kernel/debug"

struct vm {
	int kvm, fd, vcpu[VM_VCPUS];
};

static const unsigned int vm_ids[VM_VCPUS] = { 0, 4 };

/* The host's TSC before and after the vCPU's was read. */
struct vm_tsc {
	uint64_t before, guest, after;
};

static inline void vm_end(struct vm *vm)
{
	for (int i = 0; i < VM_VCPUS; i++)
		if (vm->vcpu[i] >= 0)
			close(vm->vcpu[i]);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm >= 0)
		close(vm->kvm);
}

/* KVM's debugfs at VM_DEBUGFS; if need be mounted, for this process alone. NULL, or why not. */
static inline const char *vm_debugfs(void)
{
	if (!access(VM_DEBUGFS "/kvm", R_OK | X_OK))
		return NULL;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return "debugfs is not mounted, and a mount of our own is not allowed";
	if (mount("none", VM_DEBUGFS, "debugfs", 0, NULL))
		return "debugfs cannot be mounted";
	return access(VM_DEBUGFS "/kvm", R_OK | X_OK) ? "debugfs has no kvm" : NULL;
}

#ifdef __x86_64__
enum { VM_MSR_TSC = 0x10 };

struct vm_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry tsc[1];
};

/* NULL, or why there can be no VM. */
static inline const char *vm_make(struct vm *vm)
{
	*vm = (struct vm){ .fd = -1, .vcpu = { -1, -1 } };
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		return "/dev/kvm cannot be opened";
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return "KVM makes no VM";
	for (int i = 0; i < VM_VCPUS; i++) {
		vm->vcpu[i] = ioctl(vm->fd, KVM_CREATE_VCPU, vm_ids[i]);
		if (vm->vcpu[i] < 0)
			return "KVM makes no vCPU";
	}
	return NULL;
}

/* Linux takes values near to each other for an attempt to synchronise: use a far one. */
static inline int vm_set_tsc(struct vm *vm, int vcpu, uint64_t tsc)
{
	struct vm_msr m = { { .nmsrs = 1 }, { { .index = VM_MSR_TSC, .data = tsc } } };

	return ioctl(vm->vcpu[vcpu], KVM_SET_MSRS, &m) == 1 ? 0 : -1;
}

/* The reading with the least time between the host's two, of several. */
static inline int vm_get_tsc(struct vm *vm, int vcpu, struct vm_tsc *best)
{
	for (int i = 0; i < 50; i++) {
		struct vm_msr m = { { .nmsrs = 1 }, { { .index = VM_MSR_TSC } } };
		uint64_t before = __rdtsc(), after;

		_mm_lfence();
		if (ioctl(vm->vcpu[vcpu], KVM_GET_MSRS, &m) != 1)
			return -1;
		_mm_lfence();
		after = __rdtsc();
		if (!i || after - before < best->after - best->before)
			*best = (struct vm_tsc){ before, m.tsc[0].data, after };
	}
	return 0;
}
#else
static inline const char *vm_make(struct vm *vm)
{
	*vm = (struct vm){ -1, -1, { -1, -1 } };
	return "not an x86-64";
}

static inline int vm_set_tsc(struct vm *vm, int vcpu, uint64_t tsc)
{
	(void)vm, (void)vcpu, (void)tsc;
	return -1;
}

static inline int vm_get_tsc(struct vm *vm, int vcpu, struct vm_tsc *best)
{
	(void)vm, (void)vcpu, (void)best;
	return -1;
}
#endif

#endif
