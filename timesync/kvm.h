/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvm.h - a guest's clock by arithmetic: what KVM knows of the TSC of each vCPU
 *
 * guest TSC = ((host TSC * ratio) >> fraction) + tsc-offset. KVM shows the numbers in debugfs,
 * kvm/<pid>-<fd>/vcpu<N>/, and tells of changes by the event kvm:kvm_write_tsc_offset. Only good
 * when both sides trace with the clock x86-tsc; then it is exact, and asks nothing of the guest.
 */
#ifndef TIMESYNC_KVM_H
#define TIMESYNC_KVM_H

#include <sys/types.h>
#include "timesync/points.h"

#define TS_KVM_ROOT "/sys/kernel/debug"

struct ts_kvm_vcpu {
	uint32_t id;	 /* KVM's number: the APIC id, where QEMU made the VM */
	uint64_t offset; /* tsc-offset, as it is added to the host's TSC; wraps */
	uint64_t ratio;	 /* 1: the TSC is not scaled */
	uint32_t fraction;
};

struct ts_kvm_vm {
	pid_t pid;
	int fd;			   /* of the process; tells its VMs apart */
	struct ts_kvm_vcpu *vcpus; /* owned, ascending .id */
	size_t n;
};

struct ts_kvm_vms {
	struct ts_kvm_vm *list; /* owned, ascending .fd */
	size_t n;
};

/*
 * All VMs of the process @pid with their vCPUs. @root is where debugfs is mounted (TS_KVM_ROOT).
 * The reason why the method cannot be used is in @e: -ENOENT no debugfs (or no KVM) there, -EACCES
 * not readable, -ESRCH the process has no VM, -EOPNOTSUPP KVM shows no TSC offset, -EPROTO a file
 * has no number. *vms is to be freed after success only.
 */
int ts_kvm_read(const char *root, pid_t pid, struct ts_kvm_vms *vms, struct err *e);
void ts_kvm_free(struct ts_kvm_vms *vms);

/* The VM of @vms with at least @cpus vCPUs; -ENOENT: none, -ENOTUNIQ: more than one. */
int ts_kvm_pick(const struct ts_kvm_vms *vms, size_t cpus, const struct ts_kvm_vm **vm,
		struct err *e);

/*
 * Which vCPU is the guest's CPU i? *map has @cpus indices into vm->vcpus, owned by the caller.
 * @apic: the APIC ids of the guest's CPUs by number, as the guest says; NULL: the CPUs are the
 * vCPUs in order of their ids. -EINVAL: more CPUs than vCPUs, or an APIC id twice; -ENOENT: an
 * APIC id that no vCPU has.
 */
int ts_kvm_map(const struct ts_kvm_vm *vm, const uint32_t *apic, size_t cpus, size_t **map,
	       struct err *e);

/* What holds at the host's TSC @host, as a point of each CPU of @to. */
int ts_kvm_points(const struct ts_kvm_vm *vm, const size_t *map, size_t cpus, uint64_t host,
		  struct ts_points *to, struct err *e);

/* Fields of an event kvm:kvm_write_tsc_offset. It names no VM: tell by the thread that it is of. */
struct ts_kvm_event {
	uint64_t host; /* its timestamp, host TSC */
	uint32_t vcpu_id;
	uint64_t previous, next;
};

enum ts_kvm_step {
	TS_KVM_SAME,	/* nothing changed */
	TS_KVM_STEP,	/* a point was added */
	TS_KVM_FOREIGN, /* no such vCPU here, or none that had the offset .previous: another VM's */
};

/*
 * Add the step that @ev tells of to @to, and store its offset in @vm. Events in order of time. A
 * negative errno is that of ts_points_add().
 */
int ts_kvm_apply(struct ts_kvm_vm *vm, const size_t *map, size_t cpus,
		 const struct ts_kvm_event *ev, struct ts_points *to);

/*
 * Some hypervisors below KVM (a software vCPU without TSC offsets) announce changes that never take
 * effect. So before events are believed: from what debugfs said before the first event, they must
 * lead to what it said after the last. -ESTALE: they do not, use debugfs alone; @e says where.
 */
int ts_kvm_events_hold(const struct ts_kvm_vm *before, const struct ts_kvm_vm *after,
		       const struct ts_kvm_event *events, size_t n, struct err *e);

#endif
