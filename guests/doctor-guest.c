// SPDX-License-Identifier: GPL-2.0
/*
 * doctor-guest.c - the checks in the guest
 *
 * Theory of operation
 *
 * In the order in which record --virt needs things: the driver, the control port, a data port for
 * each CPU, the rights to them, a host that listens, then the kernel's tracing. The state of the
 * host's end is seen by poll(2) on the control port, which must be opened for that: the driver lets
 * one program have it, so a recording that runs makes the answer EBUSY, which is fine too.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "guests/doctor-local.h"

enum { PATH_SIZE = 512 };

static void check_driver(struct doctor *d)
{
	char path[PATH_SIZE];

	if (path_fmt(path, sizeof(path), NULL, "%s/class/virtio-ports", d->sys))
		return;
	if (!access(path, F_OK))
		doc_say(d, DOC_OK, NULL, "driver virtio_console is here");
	else
		doc_say(d, DOC_BAD, "modprobe virtio_console",
			"driver virtio_console is not here (no %s): the module is not loaded, or the kernel was built without CONFIG_VIRTIO_CONSOLE",
			path);
}

static void check_control(struct doctor *d)
{
	char path[VPORT_PATH_MAX];
	struct err e = { 0 };

	if (vport_find_in(&d->ports, GUESTS_CTL_NAME, path, sizeof(path), &e))
		doc_say_err(d, DOC_BAD, &e);
	else if (access(path, R_OK | W_OK))
		doc_say(d, DOC_BAD, "run it as root",
			"control port %s may not be read and written: %s", path, strerror(errno));
	else
		doc_say(d, DOC_OK, NULL, "control port " GUESTS_CTL_NAME " is %s", path);
}

/* The highest online CPU + 1, from "0-3,6"; 0: not known. */
static unsigned int online_cpus(const struct doctor *d)
{
	char path[PATH_SIZE];
	struct buf b = { 0 };
	unsigned int n = 0;
	uint64_t last;

	if (!path_fmt(path, sizeof(path), NULL, "%s/devices/system/cpu/online", d->sys) &&
	    !read_file(path, &b, 65536, NULL) && !buf_text(&b)) {
		char *text = (char *)b.data, *at;

		text[strcspn(text, "\n")] = '\0';
		at = text + strlen(text);
		while (at > text && at[-1] != ',' && at[-1] != '-')
			at--;
		if (!parse_u64(at, 0, 65535, &last, "online", NULL))
			n = (unsigned int)last + 1;
	}
	buf_free(&b);
	return n;
}

static bool has_port(const struct vport *ports, size_t n, unsigned int cpu)
{
	char name[32];

	snprintf(name, sizeof(name), "trace-path-cpu%u", cpu);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(ports[i].name, name))
			return true;
	return false;
}

static void check_data(struct doctor *d)
{
	AUTO_FREE struct vport *ports = NULL;
	unsigned int cpus = online_cpus(d), have = 0;
	struct err e = { 0 };
	char type[128];
	size_t n;

	if (vport_list_in(&d->ports, &ports, &n, &e)) {
		doc_say_err(d, DOC_BAD, &e);
		return;
	}
	while (has_port(ports, n, have))
		have++;
	snprintf(
		type, sizeof(type),
		"on the host: trace-cmd setup-guest DOMAIN -c %u --qemu (or --libvirt), then restart the guest",
		cpus ? cpus : 1);
	if (!have)
		doc_say(d, DOC_BAD, type,
			"no data port: none of %zu virtio ports is called trace-path-cpu0", n);
	else if (!cpus)
		doc_say(d, DOC_UNSURE, NULL,
			"data ports for %u CPUs; how many are online is not known", have);
	else if (have < cpus)
		doc_say(d, DOC_BAD, type,
			"data ports for CPUs 0 to %u only, but CPUs up to %u are online: trace-path-cpu%u is missing",
			have - 1, cpus - 1, have);
	else
		doc_say(d, DOC_OK, NULL, "data ports for %u CPUs; CPUs up to %u are online", have,
			cpus - 1);
}

static void check_host(struct doctor *d)
{
	struct err e = { 0 };
	AUTO_FD fd = vport_open_in(&d->ports, GUESTS_CTL_NAME, O_RDWR, &e);

	if (fd == -EBUSY)
		doc_say(d, DOC_OK, NULL, "the control port is in use: a recording runs");
	else if (fd == -ENOENT || fd == -EINVAL)
		return; /* said by check_control() */
	else if (fd < 0)
		doc_say_err(d, DOC_BAD, &e);
	else if (vport_host_gone(fd))
		doc_say(d, DOC_BAD, "on the host: trace-cmd virt-server",
			"nobody listens at the host's end of the control port");
	else
		doc_say(d, DOC_OK, NULL, "the host's end of the control port is connected");
}

/* Where tracefs is, or NULL. */
static const char *tracefs_at(const struct doctor *d, char *path)
{
	static const char *const places[] = { "kernel/tracing", "kernel/debug/tracing" };
	char probe[PATH_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!path_fmt(path, PATH_SIZE, NULL, "%s/%s", d->sys, places[i]) &&
		    !path_fmt(probe, sizeof(probe), NULL, "%s/tracing_on", path) &&
		    !access(probe, F_OK))
			return path;
	return NULL;
}

static bool kernel_has_tracefs(const struct doctor *d)
{
	char path[PATH_SIZE];
	struct buf b = { 0 };
	bool has = false;

	if (!path_fmt(path, sizeof(path), NULL, "%s/filesystems", d->proc) &&
	    !read_file(path, &b, 65536, NULL) && !buf_text(&b))
		has = strstr((char *)b.data, "\ttracefs\n") != NULL;
	buf_free(&b);
	return has;
}

static void check_tracefs(struct doctor *d)
{
	char path[PATH_SIZE];

	if (tracefs_at(d, path))
		doc_say(d, DOC_OK, NULL, "tracefs is mounted at %s", path);
	else if (!kernel_has_tracefs(d))
		doc_say(d, DOC_BAD, "boot a kernel with CONFIG_FTRACE=y and CONFIG_EVENT_TRACING=y",
			"this kernel has no tracefs");
	else
		doc_say(d, DOC_BAD, "mount -t tracefs nodev /sys/kernel/tracing",
			"tracefs is not mounted, or may not be looked at");
}

/* Files of tracefs: what they are needed for, and what to do without them. */
static const struct tracefs_file {
	const char *name;
	int mode;
	const char *what, *type;
} files[] = {
	{ "events/sched", F_OK, "events", "boot a kernel with CONFIG_EVENT_TRACING=y" },
	{ "tracing_on", W_OK, "the switch of tracing", "run it as root" },
	{ "trace_clock", R_OK, "the clock of tracing", "run it as root" },
	{ "per_cpu/cpu0/trace_pipe_raw", R_OK, "the raw ring buffer", "run it as root" },
};

static void check_tracing(struct doctor *d)
{
	char top[PATH_SIZE], path[PATH_SIZE];

	if (!tracefs_at(d, top))
		return; /* said by check_tracefs() */
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const struct tracefs_file *f = &files[i];

		if (path_fmt(path, sizeof(path), NULL, "%s/%s", top, f->name))
			continue;
		if (!access(path, f->mode))
			doc_say(d, DOC_OK, NULL, "%s: %s", f->what, f->name);
		else
			doc_say(d, DOC_BAD, f->type, "%s: %s: %s", f->what, path, strerror(errno));
	}
}

/* clang-format off */
const struct doctor_check doctor_guest_checks[] = {
	{ "driver",	  check_driver },
	{ "control port", check_control },
	{ "data ports",	  check_data },
	{ "host",	  check_host },
	{ "tracefs",	  check_tracefs },
	{ "tracing",	  check_tracing },
};
/* clang-format on */
const size_t doctor_guest_nchecks = ARRAY_SIZE(doctor_guest_checks);
