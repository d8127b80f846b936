// SPDX-License-Identifier: GPL-2.0
/*
 * doctor.c - the walk through the checks
 *
 * Theory of operation
 *
 * A check looks and touches nothing (it opens no FIFO, connects to no socket: virt-server and QEMU
 * must not notice), and says one line for each thing. What it cannot see it calls unsure, never ok.
 * A thing that is not right comes with the command that puts it right, whole, to paste.
 */
#include "guests/doctor.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "guests/doctor-local.h"

void doc_say(struct doctor *d, enum doc_state state, const char *type, const char *fmt, ...)
{
	struct doc_item item = { .state = state };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(item.what, sizeof(item.what), fmt, ap);
	va_end(ap);
	if (type)
		snprintf(item.type, sizeof(item.type), "%s", type);
	d->bad += state == DOC_BAD;
	d->o->say(d->o->ctx, &item);
}

void doc_say_err(struct doctor *d, enum doc_state state, const struct err *e)
{
	char text[512];

	doc_say(d, state, *e->hint ? e->hint : NULL, "%s", err_text(e, text, sizeof(text)));
}

static struct doctor doctor_of(const struct doctor_opts *o)
{
	const struct doctor_roots *r = &o->roots;

	return (struct doctor){
		.o = o,
		.proc = r->proc ? r->proc : "/proc",
		.sys = r->sys ? r->sys : "/sys",
		.dev = r->dev ? r->dev : "/dev",
		.guests = { r->proc ? r->proc : "/proc", r->run ? r->run : "/run/libvirt/qemu" },
		.ports = { r->dev, r->sys },
	};
}

bool doctor_has_trace_ports(const struct doctor *d)
{
	struct vport *ports;
	bool found = false;
	size_t n;

	if (vport_list_in(&d->ports, &ports, &n, NULL))
		return false;
	for (size_t i = 0; i < n; i++)
		found |= !strcmp(ports[i].name, GUESTS_CTL_NAME) ||
			 !strncmp(ports[i].name, "trace-pa", 8) ||
			 !strncmp(ports[i].name, "trace-pi", 8);
	free(ports);
	return found;
}

/* The flag that every hypervisor shows to its guests. */
static bool in_vm(const struct doctor *d)
{
	char path[VPORT_PATH_MAX];
	struct buf b = { 0 };
	bool is = false;

	if (!path_fmt(path, sizeof(path), NULL, "%s/cpuinfo", d->proc) &&
	    !read_file(path, &b, 16 << 20, NULL) && !buf_text(&b))
		is = strstr((char *)b.data, " hypervisor") != NULL;
	buf_free(&b);
	return is;
}

enum doctor_side doctor_side(const struct doctor_opts *o)
{
	struct doctor d = doctor_of(o);
	struct guest_proc *procs;
	size_t n = 0;

	if (o->domain)
		return DOCTOR_HOST;
	if (doctor_has_trace_ports(&d))
		return DOCTOR_GUEST;
	if (!access(o->dir, F_OK))
		return DOCTOR_HOST;
	if (!guest_procs_in(&d.guests, &procs, &n, NULL))
		free(procs);
	return !n && in_vm(&d) ? DOCTOR_GUEST : DOCTOR_HOST;
}

unsigned int doctor_run(const struct doctor_opts *o, enum doctor_side side)
{
	const struct doctor_check *checks = side == DOCTOR_HOST ? doctor_host_checks
								: doctor_guest_checks;
	size_t n = side == DOCTOR_HOST ? doctor_host_nchecks : doctor_guest_nchecks;
	struct doctor d = doctor_of(o);

	for (size_t i = 0; i < n; i++)
		checks[i].run(&d);
	return d.bad;
}
