// SPDX-License-Identifier: GPL-2.0
/*
 * doctor-host.c - the checks on the host
 *
 * Theory of operation
 *
 * First what all domains share (the directory, the server), then each domain: its directory, its
 * channels against the vCPUs that its QEMU was started with, whether that QEMU's user gets at them,
 * and whether it is connected. Sockets are looked up in /proc/net/unix and not connected to, the
 * server's lock is tried shared and given back at once.
 *
 * An accepted connection has the path of the socket that it was made through in that list, so
 * connections can be counted; whose they are it does not say. On a domain's own socket there is no
 * doubt, on the shared one there is as soon as there are two guests.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "guests/doctor-cred.h"
#include "guests/doctor-local.h"

#define LOCK_NAME ".virt-server.lock"

/* One domain while it is looked at. */
struct domain {
	const char *name;
	struct guest_chan *chans; /* owned */
	size_t nchans;
	const struct guest_proc *proc; /* NULL = no QEMU of that name runs */
	size_t nprocs;		       /* QEMUs that run, of any name */
};

struct sockets {
	bool listening;
	unsigned int connected;
};

/* What the kernel's list says about socket @path: rows "Num: Ref Proto Flags Type St Inode Path".
 */
static struct sockets look_up(const struct doctor *d, const char *path)
{
	struct sockets s = { 0 };
	AUTO_FREE char *line = NULL;
	char file[GUESTS_PATH_MAX], real[PATH_MAX];
	size_t room = 0;
	int ret = path_fmt(file, sizeof(file), NULL, "%s/net/unix", d->proc);
	AUTO_FILE f = ret ? NULL : fopen(file, "re");

	if (!realpath(path, real))
		snprintf(real, sizeof(real), "%s", path);
	while (f && getline(&line, &room, f) > 0) {
		unsigned int flags, state;
		int at = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%*s %*s %*s %x %*s %x %*s %n", &flags, &state, &at) < 2 || !at ||
		    (strcmp(line + at, path) && strcmp(line + at, real)))
			continue;
		s.listening |= (flags & 0x10000) != 0; /* __SO_ACCEPTCON */
		s.connected += state == 3;	       /* SS_CONNECTED */
	}
	return s;
}

static void check_dir(struct doctor *d)
{
	char type[GUESTS_PATH_MAX + 32];
	struct err e = { 0 };
	struct stat st;

	if (guests_dir_check(d->o->dir, false, &e)) {
		doc_say_err(d, DOC_BAD, &e);
		return;
	}
	if (stat(d->o->dir, &st))
		return;
	snprintf(type, sizeof(type), "chmod 0755 %s", d->o->dir);
	if ((st.st_mode & 0011) == 0)
		doc_say(d, DOC_BAD, type,
			"directory %s is closed (mode %04o): QEMU's user does not get through",
			d->o->dir, st.st_mode & 07777U);
	else
		doc_say(d, DOC_OK, NULL, "directory %s: user %u, group %u, mode %04o", d->o->dir,
			st.st_uid, st.st_gid, st.st_mode & 07777U);
}

/* 1: somebody holds the lock; 0: nobody; negative errno: cannot be told. */
static int lock_held(const char *dir)
{
	char path[GUESTS_PATH_MAX];

	if (path_fmt(path, sizeof(path), NULL, "%s/" LOCK_NAME, dir))
		return -ENAMETOOLONG;
	AUTO_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!flock(fd, LOCK_SH | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? 1 : -errno;
}

static void check_server(struct doctor *d)
{
	char path[GUESTS_PATH_MAX], type[GUESTS_PATH_MAX + 64];
	struct sockets s;
	int held = lock_held(d->o->dir);

	if (path_fmt(path, sizeof(path), NULL, "%s/" GUESTS_CTL_NAME, d->o->dir))
		return;
	s = look_up(d, path);
	snprintf(type, sizeof(type), "trace-cmd virt-server --dir %s", d->o->dir);
	if (held > 0 && s.listening)
		doc_say(d, DOC_OK, NULL, "virt-server runs and listens on %s", path);
	else if (held > 0)
		doc_say(d, DOC_UNSURE, NULL,
			"virt-server runs (it holds " LOCK_NAME
			"), but nobody is seen to listen on %s: it is starting, or is in another network namespace",
			path);
	else if (s.listening)
		doc_say(d, DOC_OK, NULL, "a server listens on %s", path);
	else if (held < 0)
		doc_say(d, DOC_UNSURE, NULL,
			"cannot tell if virt-server runs: %s/" LOCK_NAME ": %s", d->o->dir,
			strerror(-held));
	else
		doc_say(d, DOC_BAD, type, "virt-server does not run on %s", d->o->dir);
}

static void check_domain_dir(struct doctor *d, const struct domain *g)
{
	char path[GUESTS_PATH_MAX], type[2 * GUESTS_PATH_MAX];
	struct err e = { 0 };
	struct stat st;

	if (path_fmt(path, sizeof(path), NULL, "%s/%s", d->o->dir, g->name))
		return;
	if (guests_dir_check(path, false, &e)) {
		if (e.code == ENOENT)
			err_hint(&e, "trace-cmd setup-guest %s -c CPUS --dir %s", g->name,
				 d->o->dir);
		doc_say_err(d, DOC_BAD, &e);
		return;
	}
	snprintf(type, sizeof(type), "chmod 0710 %s", path);
	if (stat(path, &st))
		return;
	if (st.st_mode & 0007)
		doc_say(d, DOC_UNSURE, type,
			"%s: its directory is open to all users (mode %04o); 0710 is enough",
			g->name, st.st_mode & 07777U);
	else
		doc_say(d, DOC_OK, NULL, "%s: directory: user %u, group %u, mode %04o", g->name,
			st.st_uid, st.st_gid, st.st_mode & 07777U);
}

/* How many channels there should be by the file "channels"; 0: it does not say. */
static unsigned int promised(struct doctor *d, const struct domain *g)
{
	struct guests_channels c = { 0 };
	struct err e = { 0 };
	int ret = guests_channels_read(d->o->dir, g->name, &c, &e);

	if (!ret)
		return c.cpus;
	if (ret != -ENOENT)
		doc_say_err(d, DOC_BAD, &e);
	return 0;
}

static void check_channels(struct doctor *d, const struct domain *g)
{
	unsigned int want = promised(d, g), vcpus = g->proc ? g->proc->vcpus : 0;
	char type[GUESTS_PATH_MAX + 128];

	snprintf(type, sizeof(type), "trace-cmd setup-guest %s -c %u --dir %s", g->name,
		 vcpus	? vcpus
		 : want ? want
			: 1,
		 d->o->dir);
	if (!g->nchans && want)
		doc_say(d, DOC_BAD,
			"trace-cmd virt-server, which makes sockets when it runs; or the same setup-guest again for FIFOs",
			"%s: no data channel is there, and setup-guest made it for %u CPUs",
			g->name, want);
	else if (!g->nchans)
		doc_say(d, DOC_BAD, type,
			"%s: no data channel: no FIFO trace-path-cpu0.out and no socket", g->name);
	else if (vcpus > g->nchans)
		doc_say(d, DOC_BAD, type,
			"%s: data channels for %zu CPUs, but its QEMU (process %d) has %u vCPUs",
			g->name, g->nchans, (int)g->proc->pid, vcpus);
	else if (want > g->nchans)
		doc_say(d, DOC_BAD, type,
			"%s: data channels for %zu of %u CPUs: that of CPU %zu is missing", g->name,
			g->nchans, want, g->nchans);
	else if (vcpus)
		doc_say(d, DOC_OK, NULL, "%s: %s for %zu CPUs; its QEMU has %u vCPUs", g->name,
			g->chans->kind == GUEST_CHAN_FIFO ? "FIFOs" : "sockets", g->nchans, vcpus);
	else
		doc_say(d, DOC_UNSURE, NULL,
			"%s: %s for %zu CPUs; how many vCPUs it has is seen once its QEMU runs",
			g->name, g->chans->kind == GUEST_CHAN_FIFO ? "FIFOs" : "sockets",
			g->nchans);
}

/* Does the domain's QEMU get at @path? Says so if not; true if it does. */
static bool reaches(struct doctor *d, const struct domain *g, const struct doc_cred *c,
		    const char *path)
{
	char type[GUESTS_PATH_MAX + 128], why[GUESTS_PATH_MAX + 128];

	if (doc_cred_may(c, path, why, sizeof(why)))
		return true;
	snprintf(type, sizeof(type), "trace-cmd setup-guest %s -c %u -g %u --dir %s", g->name,
		 g->proc->vcpus ? g->proc->vcpus : (unsigned int)g->nchans, c->gid, d->o->dir);
	doc_say(d, DOC_BAD, type, "%s: its QEMU (process %d, user %u, group %u) does not get at %s",
		g->name, (int)g->proc->pid, c->uid, c->gid, why);
	return false;
}

static void check_access(struct doctor *d, const struct domain *g)
{
	struct doc_cred c;
	struct err e = { 0 };
	bool ok = true;

	if (!g->proc)
		return;
	if (doc_cred_of(d->proc, g->proc->pid, &c, &e)) {
		doc_say_err(d, DOC_UNSURE, &e);
		return;
	}
	for (size_t i = 0; ok && i < g->nchans; i++) {
		char path[GUESTS_PATH_MAX];
		size_t len = strlen(g->chans[i].path);

		ok = reaches(d, g, &c, g->chans[i].path);
		if (!ok || g->chans[i].kind != GUEST_CHAN_FIFO || len < 4)
			continue;
		/* .out is for reading by us; .in must be there too. */
		snprintf(path, sizeof(path), "%.*s.in", (int)len - 4, g->chans[i].path);
		ok = reaches(d, g, &c, path);
	}
	if (ok && g->nchans)
		doc_say(d, DOC_OK, NULL,
			"%s: its QEMU (process %d, user %u, group %u) gets at its channels",
			g->name, (int)g->proc->pid, c.uid, c.gid);
}

static void check_connected(struct doctor *d, const struct domain *g)
{
	char own[GUESTS_PATH_MAX], shared[GUESTS_PATH_MAX];
	struct sockets s;

	if (path_fmt(own, sizeof(own), NULL, "%s/%s/" GUESTS_CTL_NAME, d->o->dir, g->name) ||
	    path_fmt(shared, sizeof(shared), NULL, "%s/" GUESTS_CTL_NAME, d->o->dir))
		return;
	if (look_up(d, own).connected) {
		doc_say(d, DOC_OK, NULL, "%s: its QEMU is connected to %s", g->name, own);
		return;
	}
	s = look_up(d, shared);
	if (!g->proc)
		doc_say(d, DOC_UNSURE, NULL,
			"%s: no QEMU process with -name %s runs here: the guest is off, or has another name",
			g->name, g->name);
	else if (s.connected && g->nprocs == 1)
		doc_say(d, DOC_OK, NULL, "%s: its QEMU is connected to %s", g->name, shared);
	else if (s.connected)
		doc_say(d, DOC_UNSURE, NULL,
			"%s: %u of %zu running QEMUs are connected to %s; which ones is not known",
			g->name, s.connected, g->nprocs, shared);
	else if (s.listening)
		doc_say(d, DOC_BAD,
			"trace-cmd setup-guest DOMAIN -c CPUS --qemu (or --libvirt), add what it prints, stop and start the guest",
			"%s: its QEMU (process %d) is not connected to the server", g->name,
			(int)g->proc->pid);
	else
		doc_say(d, DOC_UNSURE, NULL,
			"%s: whether its QEMU would connect is seen once virt-server runs",
			g->name);
}

static const struct guest_proc *find_proc(const struct guest_proc *procs, size_t n,
					  const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(procs[i].name, name))
			return &procs[i];
	return NULL;
}

static void check_domain(struct doctor *d, const char *name)
{
	struct domain g = { .name = name };
	struct guest_proc *procs = NULL;
	struct err e = { 0 };

	if (guests_name_check(name, &e) || guests_chans(d->o->dir, name, &g.chans, &g.nchans, &e)) {
		doc_say_err(d, DOC_BAD, &e);
		return;
	}
	if (!guest_procs_in(&d->guests, &procs, &g.nprocs, &e))
		g.proc = find_proc(procs, g.nprocs, name);
	check_domain_dir(d, &g);
	check_channels(d, &g);
	check_access(d, &g);
	check_connected(d, &g);
	free(procs);
	free(g.chans);
}

static void check_domains(struct doctor *d)
{
	char **names;

	if (d->o->domain) {
		check_domain(d, d->o->domain);
		return;
	}
	if (guests_domains(d->o->dir, &names, NULL))
		return; /* said by check_dir() */
	if (!names[0])
		doc_say(d, DOC_BAD, "trace-cmd setup-guest DOMAIN -c CPUS",
			"no domain has a directory in %s", d->o->dir);
	for (size_t i = 0; names[i]; i++)
		check_domain(d, names[i]);
	guests_names_free(names);
}

/* Parts of recordings that a killed server left; one that is written now is locked. */
static void check_parts(struct doctor *d)
{
	AUTO_DIR dir = opendir(d->o->outdir);
	char type[GUESTS_PATH_MAX + 32];
	unsigned int left = 0;
	struct dirent *ent;

	if (!dir) {
		doc_say(d, DOC_UNSURE, "-o with virt-server's output directory",
			"cannot look into %s: %s", d->o->outdir, strerror(errno));
		return;
	}
	while ((ent = readdir(dir))) {
		size_t len = strlen(ent->d_name);

		if (len < 6 || strcmp(ent->d_name + len - 5, ".meta"))
			continue;
		AUTO_FD fd = openat(dirfd(dir), ent->d_name,
				    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

		left += fd >= 0 && !flock(fd, LOCK_SH | LOCK_NB);
	}
	snprintf(type, sizeof(type), "trace-cmd restore %s", d->o->outdir);
	if (left)
		doc_say(d, DOC_BAD, type,
			"%u recording%s in %s did not come to an end: the server was killed", left,
			left == 1 ? "" : "s", d->o->outdir);
	else
		doc_say(d, DOC_OK, NULL, "no unfinished recordings in %s", d->o->outdir);
}

/* clang-format off */
const struct doctor_check doctor_host_checks[] = {
	{ "directory", check_dir },
	{ "server",    check_server },
	{ "domains",   check_domains },
	{ "parts",     check_parts },
};
/* clang-format on */
const size_t doctor_host_nchecks = ARRAY_SIZE(doctor_host_checks);
