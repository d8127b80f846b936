// SPDX-License-Identifier: GPL-2.0
/*
 * kvm-track.c - the method "kvm" while a guest is recorded
 *
 * Theory of operation
 *
 * A look takes the events that came since the last one, and reads debugfs again. Where the events
 * lead from what was known to what debugfs says now, each is a step at its own time. Where they do
 * not (a software vCPU announces changes that it never makes; an event was lost) debugfs alone
 * counts: what has changed is a step now, which is as late as looks are apart.
 */
#include "timesync/kvm-track.h"

#include <errno.h>

#include "base/cleanup.h"

enum { STEPS_MAX = 4096 }; /* of a CPU */

struct ts_kvm_track {
	char *root;
	struct ts_kvm_watch *events; /* owned, NULL: none */
	struct ts_kvm_vm vm;	     /* as of the last look; .vcpus owned */
	size_t *map;		     /* owned: the guest's CPU -> index of vm.vcpus */
	size_t cpus;
	struct ts_points *points;
	struct ts_kvm_track_count count;
};

const char *ts_kvm_root(void)
{
	const char *root = getenv("TRACE_CMD_DEBUGFS");

	return root && root[0] ? root : TS_KVM_ROOT;
}

static int copy_vm(const struct ts_kvm_vm *vm, struct ts_kvm_vm *to, struct err *e)
{
	*to = *vm;
	to->vcpus = calloc(vm->n + 1, sizeof(*to->vcpus));
	if (!to->vcpus)
		return err_set(e, ENOMEM, "no memory for the vCPUs of a guest");
	memcpy(to->vcpus, vm->vcpus, vm->n * sizeof(*vm->vcpus));
	return 0;
}

/*
 * Where some CPUs do not say their APIC ids (they are offline), those that do must be in order, and
 * then all are taken to be.
 */
static int make_map(struct ts_kvm_track *t, const uint32_t *apic, struct err *e)
{
	bool all = true, ordered = true;

	for (size_t i = 0; i < t->cpus; i++) {
		bool known = apic[i] != UINT32_MAX;

		all = all && known;
		ordered = ordered && (!known || (i < t->vm.n && t->vm.vcpus[i].id == apic[i]));
	}
	if (!all && !ordered)
		return err_say(e, ENODATA, "not all CPUs of the guest say which vCPU they are");
	return ts_kvm_map(&t->vm, all ? apic : NULL, t->cpus, &t->map, e);
}

static int begin(struct ts_kvm_track *t, const struct ts_kvm_track_opts *o, struct err *e)
{
	const struct ts_kvm_vm *vm;
	struct ts_kvm_vms vms;
	int ret = ts_kvm_read(t->root, o->pid, &vms, e);

	if (ret)
		return ret;
	ret = ts_kvm_pick(&vms, o->cpus, &vm, e);
	if (!ret)
		ret = copy_vm(vm, &t->vm, e);
	ts_kvm_free(&vms);
	if (!ret)
		ret = make_map(t, o->apic, e);
	if (!ret)
		ret = ts_points_new(TS_STEPS, o->cpus, STEPS_MAX, &t->points, e);
	return ret ? ret : ts_kvm_points(&t->vm, t->map, t->cpus, o->host, t->points, e);
}

int ts_kvm_track_new(const struct ts_kvm_track_opts *o, struct ts_kvm_track **to, struct err *e)
{
	struct ts_kvm_track *t = calloc(1, sizeof(*t));
	int ret;

	if (!t) {
		ts_kvm_watch_free(o->events);
		return err_set(e, ENOMEM, "no memory for time sync");
	}
	t->events = o->events;
	t->cpus = o->cpus;
	t->root = strdup(o->root);
	ret = t->root ? begin(t, o, e) : err_set(e, ENOMEM, "no memory for time sync");
	if (ret)
		ts_kvm_track_free(t);
	else
		*to = t;
	return ret;
}

void ts_kvm_track_free(struct ts_kvm_track *t)
{
	if (!t)
		return;
	ts_kvm_watch_free(t->events);
	ts_points_free(t->points);
	free(t->vm.vcpus);
	free(t->map);
	free(t->root);
	free(t);
}

static const struct ts_kvm_vm *same_vm(const struct ts_kvm_vms *vms, int fd)
{
	for (size_t i = 0; i < vms->n; i++)
		if (vms->list[i].fd == fd)
			return &vms->list[i];
	return NULL;
}

static bool differ(const struct ts_kvm_vcpu *a, const struct ts_kvm_vcpu *b)
{
	return a->offset != b->offset || a->ratio != b->ratio || a->fraction != b->fraction;
}

/* The numbers of debugfs; a vCPU that is not there any more keeps its own. */
static int adopt(struct ts_kvm_track *t, const struct ts_kvm_vm *now, uint64_t host, struct err *e)
{
	bool changed = false;

	for (size_t i = 0, k = 0; i < t->vm.n; i++) {
		struct ts_kvm_vcpu *v = &t->vm.vcpus[i];

		while (k < now->n && now->vcpus[k].id < v->id)
			k++;
		if (k == now->n || now->vcpus[k].id != v->id)
			continue;
		changed = changed || differ(v, &now->vcpus[k]);
		*v = now->vcpus[k];
	}
	if (!changed)
		return 0;
	t->count.untold++;
	return ts_kvm_points(&t->vm, t->map, t->cpus, host, t->points, e);
}

static int apply(struct ts_kvm_track *t, const struct ts_kvm_event *events, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		int ret = ts_kvm_apply(&t->vm, t->map, t->cpus, &events[i], t->points);

		if (ret < 0)
			return err_set(e, -ret, "the TSC of vCPU %u cannot be used",
				       events[i].vcpu_id);
		t->count.steps += ret == TS_KVM_STEP;
	}
	return 0;
}

int ts_kvm_track_look(struct ts_kvm_track *t, uint64_t host, struct err *e)
{
	AUTO_FREE struct ts_kvm_event *events = NULL;
	const struct ts_kvm_vm *now;
	struct ts_kvm_vms vms;
	size_t n = 0;
	int ret = t->events ? ts_kvm_watch_take(t->events, &events, &n, e) : 0;

	if (!ret)
		ret = ts_kvm_read(t->root, t->vm.pid, &vms, e);
	if (ret)
		return ret;
	now = same_vm(&vms, t->vm.fd);
	if (!now)
		ret = err_say(e, ESRCH, "the guest's VM is gone");
	else if (n && ts_kvm_events_hold(&t->vm, now, events, n, NULL))
		t->count.refuted++;
	else
		ret = apply(t, events, n, e);
	if (!ret)
		ret = adopt(t, now, host, e);
	ts_kvm_free(&vms);
	return ret;
}

int64_t ts_kvm_track_offset(const struct ts_kvm_track *t, size_t cpu, uint64_t host)
{
	const struct ts_kvm_vcpu *v = &t->vm.vcpus[t->map[cpu]];

	return (int64_t)(host - ts_guest_of_tsc(host, v->offset, v->ratio, v->fraction));
}

const struct ts_points *ts_kvm_track_points(const struct ts_kvm_track *t)
{
	return t->points;
}

const struct ts_kvm_track_count *ts_kvm_track_count(const struct ts_kvm_track *t)
{
	return &t->count;
}
