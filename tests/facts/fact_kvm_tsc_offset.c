// SPDX-License-Identifier: GPL-2.0
/*
 * fact_kvm_tsc_offset.c - debugfs of KVM shows the TSC offset that is in effect (guest TSC - host
 * TSC), and kvm_write_tsc_offset is traced when a TSC is written. Says, too, whether the offset of
 * the event is in effect: where KVM cannot offset the TSC (a software vCPU) it is not, so events
 * alone are not to be believed. A VM of our own, an instance of our own.
 */
#include "fact.h"
#include "kvm_vm.h"

#define INSTANCE "/sys/kernel/tracing/instances/fact-kvm"

static int events_on(const char *value)
{
	int fd = open(INSTANCE "/events/kvm/kvm_write_tsc_offset/enable", O_WRONLY | O_CLOEXEC);
	int rc = fd < 0 || write(fd, value, 1) != 1;

	if (fd >= 0)
		close(fd);
	return rc;
}

static void leave(void)
{
	if (!access(INSTANCE, F_OK)) {
		events_on("0");
		rmdir(INSTANCE);
	}
}

/* The newest event of this process for @vcpu; how many there were. */
static int newest_event(unsigned int vcpu, uint64_t *next)
{
	char line[512], me[32], of[32];
	FILE *f = fopen(INSTANCE "/trace", "re");
	int n = 0;

	snprintf(me, sizeof(me), "-%d ", (int)getpid());
	snprintf(of, sizeof(of), "vcpu=%u ", vcpu);
	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "next=");

		if (!at || !strstr(line, me) || !strstr(line, of))
			continue;
		*next = strtoull(at + 5, NULL, 10);
		n++;
	}
	if (f)
		fclose(f);
	return n;
}

static int64_t shown_offset(const struct vm *vm, unsigned int vcpu)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), VM_DEBUGFS "/kvm/%d-%d/vcpu%u/tsc-offset", (int)getpid(),
		 vm->fd, vcpu);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	FACT(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "%s cannot be read", path);
	close(fd);
	return strtoll(text, NULL, 10);
}

int main(void)
{
	const char *why = vm_debugfs();
	int64_t shown;
	uint64_t next = 0;
	struct vm_tsc t = { 0 };
	struct vm vm;
	int n;

	if (why)
		SKIP("%s", why);
	if (access("/sys/kernel/tracing/events/kvm/kvm_write_tsc_offset", F_OK))
		SKIP("no tracefs with the event kvm_write_tsc_offset");
	leave();
	if (mkdir(INSTANCE, 0755))
		SKIP("cannot make %s: %s", INSTANCE, strerror(errno));
	atexit(leave);
	if (events_on("1"))
		SKIP("cannot switch the event on: %s", strerror(errno));
	why = vm_make(&vm);
	if (why)
		SKIP("%s", why);
	FACT(!vm_set_tsc(&vm, 1, 1ULL << 40) && !vm_get_tsc(&vm, 1, &t), "the TSC cannot be set");
	errno = 0;
	n = newest_event(vm_ids[1], &next);
	FACT(n > 0, "no kvm_write_tsc_offset was traced");
	shown = shown_offset(&vm, vm_ids[1]);
	errno = 0;
	FACT((int64_t)(t.guest - t.after) <= shown && shown <= (int64_t)(t.guest - t.before),
	     "debugfs shows %lld, but guest TSC - host TSC is in %lld..%lld", (long long)shown,
	     (long long)(t.guest - t.after), (long long)(t.guest - t.before));
	vm_end(&vm);
	HOLDS("tsc-offset %lld is guest - host TSC (+-%llu), %d events, the last one %s",
	      (long long)shown, (unsigned long long)(t.after - t.before) / 2, n,
	      (int64_t)next == shown ? "agrees" : "never took effect");
}
