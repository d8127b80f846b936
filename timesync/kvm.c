// SPDX-License-Identifier: GPL-2.0
/*
 * kvm.c - TSC offsets out of KVM's debugfs files, and their changes out of events
 *
 * Theory of operation
 *
 * <root>/kvm has a directory for each VM: the pid that made it and the descriptor there. Its vCPUs
 * are in directories vcpu<N>, N being any numbers. All is read in one go and then only calculated.
 * A machine that does not scale the TSC has no files for that, or they say 1.
 *
 * An event changes one vCPU's number; the point stands at the guest time that begins there. An
 * event tells the old offset, too: where it is not ours the event is about a vCPU with the same
 * number in another VM, or one before it was missed.
 */
#include "timesync/kvm.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>

#include "base/cleanup.h"

enum { FILE_MAX = 64, MAX_VMS = 1024, MAX_VCPUS = 1 << 16 };

/* A number in a file, maybe with a minus; the errno of reading, or -EPROTO. */
static int read_number(const char *dir, const char *file, uint64_t *to, struct err *e)
{
	char path[PATH_MAX];
	struct buf text = { 0 };
	bool minus;
	int rc = path_fmt(path, sizeof(path), e, "%s/%s", dir, file);

	if (!rc)
		rc = read_file(path, &text, FILE_MAX, e);
	while (!rc && text.len && isspace(text.data[text.len - 1]))
		text.len--;
	if (!rc && buf_text(&text))
		rc = err_set(e, ENOMEM, "no memory for %s", path);
	if (!rc) {
		minus = text.data[0] == '-';
		rc = parse_u64((char *)text.data + minus, 0, minus ? 1ULL << 63 : UINT64_MAX, to,
			       path, e);
		if (rc)
			rc = err_say(e, EPROTO, "%s has no number", path);
		else if (minus)
			*to = 0 - *to;
	}
	buf_free(&text);
	return rc;
}

/* As read_number(); a file that is not there is @absent. */
static int read_optional(const char *dir, const char *file, uint64_t absent, uint64_t *to,
			 struct err *e)
{
	int rc = read_number(dir, file, to, e);

	if (rc != -ENOENT)
		return rc;
	err_clear(e);
	*to = absent;
	return 0;
}

static int read_vcpu(const char *dir, struct ts_kvm_vcpu *v, struct err *e)
{
	uint64_t fraction;
	int rc = read_number(dir, "tsc-offset", &v->offset, e);

	if (rc == -ENOENT)
		return err_say(e, EOPNOTSUPP, "%s has no tsc-offset: this KVM does not show it",
			       dir);
	if (!rc)
		rc = read_optional(dir, "tsc-scaling-ratio", 1, &v->ratio, e);
	if (!rc)
		rc = read_optional(dir, "tsc-scaling-ratio-frac-bits", 0, &fraction, e);
	if (rc)
		return rc;
	if (!v->ratio || fraction > 63)
		return err_say(e, EPROTO, "%s has a scaling that cannot be", dir);
	v->fraction = (uint32_t)fraction;
	if (v->ratio == 1ULL << fraction) {
		v->ratio = 1;
		v->fraction = 0;
	}
	return 0;
}

/* The number behind @prefix, all of the rest of @name; false: another name. */
static bool number_behind(const char *name, const char *prefix, uint64_t max, uint64_t *to)
{
	size_t n = strlen(prefix);

	return !strncmp(name, prefix, n) && isdigit((unsigned char)name[n]) &&
	       !parse_u64(name + n, 0, max, to, "", NULL);
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = ((const struct ts_kvm_vcpu *)a)->id, y = ((const struct ts_kvm_vcpu *)b)->id;

	return x < y ? -1 : x > y;
}

static int by_fd(const void *a, const void *b)
{
	int x = ((const struct ts_kvm_vm *)a)->fd, y = ((const struct ts_kvm_vm *)b)->fd;

	return x < y ? -1 : x > y;
}

static int add_vcpu(struct ts_kvm_vm *vm, const char *dir, uint32_t id, struct err *e)
{
	struct ts_kvm_vcpu v = { .id = id }, *more;
	int rc = read_vcpu(dir, &v, e);

	if (rc)
		return rc;
	more = reallocarray(vm->vcpus, vm->n + 1, sizeof(*more));
	if (!more)
		return err_set(e, ENOMEM, "no memory for the vCPUs of a guest");
	vm->vcpus = more;
	more[vm->n++] = v;
	return 0;
}

static int read_vm(const char *dir, struct ts_kvm_vm *vm, struct err *e)
{
	char path[PATH_MAX];
	struct dirent *d;
	uint64_t id;
	AUTO_DIR dp = opendir(dir);
	int rc = 0;

	if (!dp)
		return err_set(e, errno, "cannot read %s", dir);
	while (!rc && vm->n < MAX_VCPUS && (d = readdir(dp))) {
		if (!number_behind(d->d_name, "vcpu", UINT32_MAX, &id))
			continue;
		rc = path_fmt(path, sizeof(path), e, "%s/%s", dir, d->d_name);
		if (!rc)
			rc = add_vcpu(vm, path, (uint32_t)id, e);
	}
	if (vm->n)
		qsort(vm->vcpus, vm->n, sizeof(*vm->vcpus), by_id);
	return rc;
}

static int add_vm(struct ts_kvm_vms *vms, const char *dir, pid_t pid, int fd, struct err *e)
{
	struct ts_kvm_vm *more = reallocarray(vms->list, vms->n + 1, sizeof(*more));

	if (!more)
		return err_set(e, ENOMEM, "no memory for the VMs of a process");
	vms->list = more;
	more[vms->n] = (struct ts_kvm_vm){ .pid = pid, .fd = fd };
	return read_vm(dir, &more[vms->n++], e);
}

static int no_debugfs(const char *root, const char *dir, int code, struct err *e)
{
	err_set(e, code, "cannot read %s", dir);
	if (code == ENOENT)
		err_hint(e, "mount -t debugfs none %s (and /dev/kvm must be there)", root);
	else if (code == EACCES || code == EPERM)
		err_hint(e, "as root, or with permission for %s", dir);
	return code == EPERM ? -EACCES : -code;
}

static int read_vms(const char *dir, DIR *dp, pid_t pid, struct ts_kvm_vms *vms, struct err *e)
{
	char prefix[32], path[PATH_MAX];
	struct dirent *d;
	uint64_t fd;
	int rc = 0;

	snprintf(prefix, sizeof(prefix), "%d-", (int)pid);
	while (!rc && vms->n < MAX_VMS && (d = readdir(dp))) {
		if (!number_behind(d->d_name, prefix, INT_MAX, &fd))
			continue;
		rc = path_fmt(path, sizeof(path), e, "%s/%s", dir, d->d_name);
		if (!rc)
			rc = add_vm(vms, path, pid, (int)fd, e);
	}
	if (!rc && !vms->n)
		rc = err_say(e, ESRCH, "process %d has no VM of KVM", (int)pid);
	return rc;
}

int ts_kvm_read(const char *root, pid_t pid, struct ts_kvm_vms *vms, struct err *e)
{
	char dir[PATH_MAX];
	AUTO_DIR dp = NULL;
	int rc = path_fmt(dir, sizeof(dir), e, "%s/kvm", root);

	*vms = (struct ts_kvm_vms){ 0 };
	if (rc)
		return rc;
	dp = opendir(dir);
	if (!dp)
		return no_debugfs(root, dir, errno, e);
	rc = read_vms(dir, dp, pid, vms, e);
	if (rc) {
		ts_kvm_free(vms);
		return rc == -EPERM ? -EACCES : rc;
	}
	qsort(vms->list, vms->n, sizeof(*vms->list), by_fd);
	return 0;
}

void ts_kvm_free(struct ts_kvm_vms *vms)
{
	for (size_t i = 0; i < vms->n; i++)
		free(vms->list[i].vcpus);
	free(vms->list);
	*vms = (struct ts_kvm_vms){ 0 };
}

int ts_kvm_pick(const struct ts_kvm_vms *vms, size_t cpus, const struct ts_kvm_vm **vm,
		struct err *e)
{
	const struct ts_kvm_vm *found = NULL;

	for (size_t i = 0; i < vms->n; i++) {
		if (vms->list[i].n < cpus)
			continue;
		if (found)
			return err_say(e, ENOTUNIQ,
				       "process %d has several VMs of %zu vCPUs or more",
				       (int)found->pid, cpus);
		found = &vms->list[i];
	}
	if (!found)
		return err_say(e, ENOENT, "no VM of the process has %zu vCPUs", cpus);
	*vm = found;
	return 0;
}

static int check_map(const size_t *map, size_t cpus, size_t vcpus, const uint32_t *apic,
		     struct err *e)
{
	AUTO_FREE bool *taken = calloc(vcpus, sizeof(*taken));

	if (!taken)
		return err_set(e, ENOMEM, "no memory for the CPUs of a guest");
	for (size_t i = 0; i < cpus; i++) {
		if (taken[map[i]])
			return err_say(e, EINVAL, "the guest names APIC id %u twice", apic[i]);
		taken[map[i]] = true;
	}
	return 0;
}

int ts_kvm_map(const struct ts_kvm_vm *vm, const uint32_t *apic, size_t cpus, size_t **map,
	       struct err *e)
{
	AUTO_FREE size_t *m = NULL;
	int rc;

	if (!cpus || cpus > vm->n)
		return err_say(e, EINVAL, "the guest has %zu CPUs and its VM %zu vCPUs", cpus,
			       vm->n);
	m = calloc(cpus, sizeof(*m));
	if (!m)
		return err_set(e, ENOMEM, "no memory for the CPUs of a guest");
	for (size_t i = 0; i < cpus; i++) {
		struct ts_kvm_vcpu key = { .id = apic ? apic[i] : 0 };
		const struct ts_kvm_vcpu *v =
			apic ? bsearch(&key, vm->vcpus, vm->n, sizeof(key), by_id) : &vm->vcpus[i];

		if (!v)
			return err_say(e, ENOENT,
				       "the guest's CPU %zu has APIC id %u, and no vCPU has", i,
				       key.id);
		m[i] = (size_t)(v - vm->vcpus);
	}
	rc = apic ? check_map(m, cpus, vm->n, apic, e) : 0;
	if (!rc)
		*map = steal_ptr(m);
	return rc;
}

static int add_point(const struct ts_kvm_vcpu *v, size_t cpu, uint64_t host, struct ts_points *to)
{
	struct tdat_shift_sample s;
	uint64_t guest = ts_guest_of_tsc(host, v->offset, v->ratio, v->fraction);
	int rc = ts_point_of_tsc(guest, v->offset, v->ratio, v->fraction, &s);

	return rc ? rc : ts_points_add(to, cpu, &s);
}

int ts_kvm_points(const struct ts_kvm_vm *vm, const size_t *map, size_t cpus, uint64_t host,
		  struct ts_points *to, struct err *e)
{
	for (size_t i = 0; i < cpus; i++) {
		int rc = add_point(&vm->vcpus[map[i]], i, host, to);

		if (rc)
			return err_set(e, -rc, "the TSC of vCPU %u cannot be used",
				       vm->vcpus[map[i]].id);
	}
	return 0;
}

static struct ts_kvm_vcpu *vcpu_of(const struct ts_kvm_vm *vm, uint32_t id)
{
	struct ts_kvm_vcpu key = { .id = id };

	return vm->n ? bsearch(&key, vm->vcpus, vm->n, sizeof(key), by_id) : NULL;
}

int ts_kvm_apply(struct ts_kvm_vm *vm, const size_t *map, size_t cpus,
		 const struct ts_kvm_event *ev, struct ts_points *to)
{
	struct ts_kvm_vcpu *v = vcpu_of(vm, ev->vcpu_id);

	if (!v || v->offset != ev->previous)
		return TS_KVM_FOREIGN;
	if (ev->previous == ev->next)
		return TS_KVM_SAME;
	v->offset = ev->next;
	for (size_t i = 0; i < cpus; i++) {
		int rc = &vm->vcpus[map[i]] == v ? add_point(v, i, ev->host, to) : 0;

		if (rc)
			return rc;
	}
	return TS_KVM_STEP;
}

/* Where the events of @v lead; those whose .previous does not fit are another VM's. */
static uint64_t led_to(const struct ts_kvm_vcpu *v, const struct ts_kvm_event *events, size_t n)
{
	uint64_t offset = v->offset;

	for (size_t i = 0; i < n; i++)
		if (events[i].vcpu_id == v->id && events[i].previous == offset)
			offset = events[i].next;
	return offset;
}

int ts_kvm_events_hold(const struct ts_kvm_vm *before, const struct ts_kvm_vm *after,
		       const struct ts_kvm_event *events, size_t n, struct err *e)
{
	for (size_t i = 0; i < before->n; i++) {
		const struct ts_kvm_vcpu *v = &before->vcpus[i], *now = vcpu_of(after, v->id);

		if (now && led_to(v, events, n) == now->offset)
			continue;
		return err_say(e, ESTALE,
			       "the events of KVM do not lead to the TSC offset of vCPU %u", v->id);
	}
	return 0;
}
