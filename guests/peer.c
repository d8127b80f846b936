// SPDX-License-Identifier: GPL-2.0
/*
 * peer.c - which guest is at the other end of a unix socket
 *
 * Theory of operation
 *
 * All domains may share one socket, and what comes out of it was written by a guest: it cannot be
 * asked who it is. The kernel can: it noted the process that connected, which is QEMU, and QEMU's
 * command line was written by the host's operator or by libvirt. A name that would be dangerous as
 * a path ("../x") is refused, not repaired: two domains must never become one.
 *
 * QEMU's -name takes options: "web1", "guest=web1,debug-threads=on", "debug-threads=on,guest=web1",
 * with ",," for a comma; the last one given counts. -smp likewise.
 *
 * The process may have gone and its number be used again; then the socket is at its end too, and
 * what is left in it is filed under a wrong name of the host's own choice, never of the guest's.
 */
#include "guests/peer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/io.h"
#include "guests/local.h"

enum { CMDLINE_MAX = 2 << 20, VALUE_MAX = 256 };

static const struct guest_roots real_roots = { "/proc", "/run/libvirt/qemu" };

/* The next "key=value" of a QEMU option list; ",," is a comma. False at the end. */
static bool next_part(const char **at, char *part, size_t size)
{
	size_t n = 0;

	if (!**at)
		return false;
	for (; **at; (*at)++) {
		if (**at == ',' && *++(*at) != ',')
			break;
		if (n + 1 < size)
			part[n++] = **at;
	}
	part[n] = '\0';
	return true;
}

/*
 * The value of @key in QEMU option list @list into @to; the first part may stand for @implied
 * without saying so. False: not there. Longer values than @to are cut, and so too long for a name.
 */
static bool list_value(const char *list, const char *key, bool implied, char *to, size_t size)
{
	char part[VALUE_MAX];
	bool found = false;

	for (bool first = true; next_part(&list, part, sizeof(part)); first = false) {
		char *eq = strchr(part, '=');
		const char *value = eq ? eq + 1 : part;

		if (eq)
			*eq = '\0';
		if (eq ? strcmp(part, key) != 0 : !(first && implied))
			continue;
		snprintf(to, size, "%s", value);
		found = true;
	}
	return found;
}

/* The argument behind the last -@option (or --@option) into *value; false: not given. */
static bool last_option(const char *bytes, size_t len, const char *option, const char **after)
{
	struct rcur c = rcur_make(bytes, len, false);
	const char *arg;

	while ((arg = rcur_text(&c))) {
		if (*arg != '-' || strcmp(arg + 1 + (arg[1] == '-'), option))
			continue;
		arg = rcur_text(&c);
		if (!arg)
			break;
		*after = arg;
		return true;
	}
	return false;
}

int guest_name_from_cmdline(const char *bytes, size_t len, char *name, size_t size, struct err *e)
{
	const char *list, *end = bytes + len;
	char value[VALUE_MAX] = "";
	bool found = false;
	int ret;

	for (const char *at = bytes; last_option(at, (size_t)(end - at), "name", &list); at = list)
		found |= list_value(list, "guest", true, value, sizeof(value));
	if (!found)
		return err_say(e, ENOENT, "its command line has no -name");
	ret = guests_name_check(value, e);
	if (ret) {
		err_prefix(e, "QEMU's -name");
		err_hint(e, "start that QEMU with -name guest=NAME, or rename the domain");
		return ret;
	}
	return path_fmt(name, size, e, "%s", value);
}

/* Of "sockets=2,cores=2": the product of what is given. 0: not a number. */
static unsigned int smp_product(const char *list)
{
	static const char *const keys[] = { "drawers",	"books",   "sockets", "dies",
					    "clusters", "modules", "cores",   "threads" };
	char value[VALUE_MAX];
	uint64_t n = 1, v;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!list_value(list, keys[i], false, value, sizeof(value)))
			continue;
		if (parse_u64(value, 1, 65536, &v, keys[i], NULL) || n * v > 65536)
			return 0;
		n *= v;
	}
	return (unsigned int)n;
}

static unsigned int vcpus_from_cmdline(const char *bytes, size_t len)
{
	const char *list = NULL, *at = bytes;
	char value[VALUE_MAX];
	uint64_t v;

	while (last_option(at, len - (size_t)(at - bytes), "smp", &list))
		at = list;
	if (!list)
		return 1;
	if (!list_value(list, "cpus", true, value, sizeof(value)))
		return smp_product(list);
	return parse_u64(value, 1, 65536, &v, "-smp", NULL) ? 0 : (unsigned int)v;
}

/* -device vhost-vsock-pci,guest-cid=3, or the same in JSON. */
static uint32_t cid_from_cmdline(const char *bytes, size_t len)
{
	static const char json[] = "\"guest-cid\":";
	const char *list, *at;
	char value[VALUE_MAX];
	uint64_t v = 0;

	for (at = bytes; last_option(at, len - (size_t)(at - bytes), "device", &list); at = list) {
		const char *in_json = *list == '{' ? strstr(list, json) : NULL;

		if (in_json)
			snprintf(value, sizeof(value), "%.*s",
				 (int)strspn(in_json + sizeof(json) - 1, "0123456789"),
				 in_json + sizeof(json) - 1);
		else if (!list_value(list, "guest-cid", false, value, sizeof(value)))
			continue;
		if (!parse_u64(value, 3, UINT32_MAX - 1, &v, "guest-cid", NULL))
			break;
	}
	return (uint32_t)v;
}

static int read_cmdline(const struct guest_roots *roots, pid_t pid, struct buf *to, struct err *e)
{
	char path[GUESTS_PATH_MAX];
	int ret = path_fmt(path, sizeof(path), e, "%s/%d/cmdline", roots->proc, (int)pid);

	if (!ret)
		ret = read_file(path, to, CMDLINE_MAX, e);
	/* A process may write over its own: end it for certain. */
	return ret ? ret : buf_add(to, "", 1);
}

/* Is @pid what the pid file @file says? */
static bool pid_file_is(int dirfd, const char *file, pid_t pid)
{
	struct buf b = { 0 };
	uint64_t v = 0;
	bool is = false;

	if (!read_file_at(dirfd, file, &b, 64, NULL) && !buf_text(&b)) {
		b.data[strcspn((char *)b.data, "\n")] = '\0';
		is = !parse_u64((char *)b.data, 1, INT32_MAX, &v, file, NULL) && (pid_t)v == pid;
	}
	buf_free(&b);
	return is;
}

/* libvirt: the file <domain>.pid that has @pid in it. */
static int name_from_pid_files(const char *run, pid_t pid, char *name, size_t size, struct err *e)
{
	AUTO_DIR d = opendir(run);
	struct dirent *ent;

	while (d && (ent = readdir(d))) {
		size_t len = strlen(ent->d_name);

		if (len < 5 || strcmp(ent->d_name + len - 4, ".pid") ||
		    !pid_file_is(dirfd(d), ent->d_name, pid))
			continue;
		ent->d_name[len - 4] = '\0';
		if (guests_name_check(ent->d_name, e)) {
			err_prefix(e, "libvirt's pid file of process %d", (int)pid);
			return -EINVAL;
		}
		return path_fmt(name, size, e, "%s", ent->d_name);
	}
	return -ENOENT;
}

int guest_name_of_pid(const struct guest_roots *roots, pid_t pid, char *name, size_t size,
		      struct err *e)
{
	struct buf b = { 0 };
	int ret = read_cmdline(roots, pid, &b, e);

	if (!ret)
		ret = guest_name_from_cmdline((char *)b.data, b.len, name, size, e);
	buf_free(&b);
	if (!ret || ret == -EINVAL)
		return ret;
	ret = name_from_pid_files(roots->run, pid, name, size, e);
	if (ret != -ENOENT)
		return ret;
	err_clear(e);
	return path_fmt(name, size, e, "pid-%d", (int)pid);
}

int guest_peer_of(int fd, struct guest_peer *to, struct err *e)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	*to = (struct guest_peer){ 0 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return err_set(e, errno, "cannot ask the kernel who connected");
	if (cred.pid <= 0)
		return err_say(e, ESRCH,
			       "who connected is in another PID namespace and has no number here");
	to->pid = cred.pid;
	to->uid = cred.uid;
	return guest_name_of_pid(&real_roots, cred.pid, to->name, sizeof(to->name), e);
}

/* QEMU by the name it was started with: qemu-system-x86_64, qemu-kvm, kvm. */
static bool is_qemu(const char *cmdline)
{
	const char *slash = strrchr(cmdline, '/');
	const char *base = slash ? slash + 1 : cmdline;

	return !strncmp(base, "qemu-system-", 12) || !strcmp(base, "qemu-kvm") ||
	       !strcmp(base, "kvm");
}

/* 1: @pid is a QEMU and *p is filled; 0: it is not, or it has gone; its errors are nobody's. */
static int look_at(const struct guest_roots *roots, pid_t pid, struct guest_proc *p)
{
	struct buf b = { 0 };
	int is = 0;

	if (!read_cmdline(roots, pid, &b, NULL) && is_qemu((char *)b.data)) {
		p->pid = pid;
		p->vcpus = vcpus_from_cmdline((char *)b.data, b.len);
		p->cid = cid_from_cmdline((char *)b.data, b.len);
		is = !guest_name_of_pid(roots, pid, p->name, sizeof(p->name), NULL);
	}
	buf_free(&b);
	return is;
}

int guest_procs_in(const struct guest_roots *roots, struct guest_proc **procs, size_t *n,
		   struct err *e)
{
	AUTO_DIR d = opendir(roots->proc);
	AUTO_FREE struct guest_proc *list = NULL;
	struct dirent *ent;
	size_t got = 0;
	uint64_t pid;

	if (!d)
		return err_set(e, errno, "cannot list processes in %s", roots->proc);
	while ((ent = readdir(d))) {
		struct guest_proc p, *more;

		if (parse_u64(ent->d_name, 1, INT32_MAX, &pid, "pid", NULL) ||
		    !look_at(roots, (pid_t)pid, &p))
			continue;
		more = realloc(list, (got + 1) * sizeof(*list));
		if (!more)
			return err_set(e, ENOMEM, "no memory for the list of guests");
		list = more;
		list[got++] = p;
	}
	*procs = steal_ptr(list);
	*n = got;
	return 0;
}

int guest_procs(struct guest_proc **procs, size_t *n, struct err *e)
{
	return guest_procs_in(&real_roots, procs, n, e);
}
