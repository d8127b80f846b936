// SPDX-License-Identifier: GPL-2.0
/*
 * setup.c - make a domain's directory and its channels on the host
 *
 * Theory of operation
 *
 * Two users must meet in the domain's directory and nobody else may enter: virt-server and QEMU. So
 * the directory is 0710 with QEMU's group (which may go through, not look, not write), and a FIFO
 * is 0660 with that group. Each step looks at what is there and changes only what is not right, so
 * that a second run, or one with more CPUs, is safe while a guest runs.
 *
 * The two kinds of channels shut each other out (a FIFO at a CPU hides its socket), so the files of
 * the other kind are removed; by kind, never by name alone.
 *
 * Groups are read from /etc/group and not through NSS, so that the static binary has them too.
 */
#include "guests/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transport/fifo.h"

enum { DOMAIN_MODE = 0710 };

static const char *const pair[] = { ".in", ".out" };

int guests_group(const char *name, gid_t *gid, struct err *e)
{
	AUTO_FILE f = fopen("/etc/group", "re");
	struct group *g;
	uint64_t number;

	if (!parse_u64(name, 0, UINT32_MAX - 1, &number, "group", NULL)) {
		*gid = (gid_t)number;
		return 0;
	}
	while (f && (g = fgetgrent(f))) {
		if (!strcmp(g->gr_name, name)) {
			*gid = g->gr_gid;
			return 0;
		}
	}
	err_say(e, ENOENT, "there is no group '%s' in /etc/group", name);
	err_hint(e, "-g with the group that QEMU runs with, or with its number");
	return -ENOENT;
}

const char *guests_default_group(gid_t *gid)
{
	/* Fedora and RHEL; Debian and Ubuntu; QEMU started by hand. */
	static const char *const usual[] = { "qemu", "libvirt-qemu", "kvm" };

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (!guests_group(usual[i], gid, NULL))
			return usual[i];
	return NULL;
}

static int say_group(const char *path, gid_t group, struct err *e)
{
	int ret = err_set(e, errno, "cannot give %s to group %u", path, group);

	if (ret == -EPERM)
		err_hint(
			e,
			"only root, or a member of the group who owns it, may: use sudo, or another -g GROUP");
	return ret;
}

/* The directory's mode and group, by descriptor: a link or a late exchange does not lead us away.
 */
static int dir_rights(const struct guest_setup *s, const char *path, struct err *e)
{
	struct stat st;
	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st)) {
		int ret = err_set(e, errno, "cannot open the domain's directory %s", path);

		if (ret == -ENOTDIR || ret == -ELOOP)
			err_hint(e, "it is not a directory: look what it is, and remove it");
		return ret;
	}
	if (st.st_uid && st.st_uid != geteuid())
		return 0; /* guests_dir_check() says it better */
	if (s->group != (gid_t)-1 && st.st_gid != s->group && fchown(fd, (uid_t)-1, s->group))
		return say_group(path, s->group, e);
	if ((st.st_mode & 07777) != DOMAIN_MODE && fchmod(fd, DOMAIN_MODE))
		return err_set(e, errno, "cannot set the mode of %s to %04o", path, DOMAIN_MODE);
	return 0;
}

/*
 * virt-server gives the shared socket the group of the directory that it is in. A directory that
 * has a group of its own already, which root's and our own are not, keeps it: other domains need
 * it.
 */
static int top_group(const struct guest_setup *s, struct err *e)
{
	struct stat st;

	if (s->group == (gid_t)-1)
		return 0;
	if (stat(s->dir, &st))
		return err_set(e, errno, "cannot look at %s", s->dir);
	if (st.st_gid == s->group || (st.st_gid && st.st_gid != getegid()) ||
	    (geteuid() && st.st_uid != geteuid()))
		return 0;
	return chown(s->dir, (uid_t)-1, s->group) ? say_group(s->dir, s->group, e) : 0;
}

static int make_dir(const struct guest_setup *s, bool *made, struct err *e)
{
	char path[GUESTS_PATH_MAX];
	int ret = path_fmt(path, sizeof(path), e, "%s/%s", s->dir, s->domain);

	if (ret)
		return ret;
	*made = !mkdir(path, 0700);
	if (!*made && errno != EEXIST)
		return err_set(e, errno, "cannot make the domain's directory %s", path);
	ret = dir_rights(s, path, e);
	return ret ? ret : guests_dir_check(path, false, e);
}

/* 1: a file of type @type was removed; 0: there is none. */
static int remove_kind(const char *path, mode_t type, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) || (st.st_mode & S_IFMT) != type)
		return 0;
	return unlink(path) ? err_set(e, errno, "cannot remove %s", path) : 1;
}

/* The other kind's files of one CPU. */
static int clear_cpu(const struct guest_setup *s, const char *base, unsigned int *removed,
		     struct err *e)
{
	char path[GUESTS_PATH_MAX];
	int ret = 0;

	if (s->kind == GUEST_CHAN_FIFO)
		ret = remove_kind(base, S_IFSOCK, e);
	for (size_t i = 0; s->kind == GUEST_CHAN_SOCKET && i < ARRAY_SIZE(pair) && ret >= 0; i++) {
		*removed += (unsigned int)ret;
		ret = path_fmt(path, sizeof(path), e, "%s%s", base, pair[i]);
		if (!ret)
			ret = remove_kind(path, S_IFIFO, e);
	}
	if (ret < 0)
		return ret;
	*removed += (unsigned int)ret;
	return 0;
}

/* Both FIFOs of one CPU. */
static int make_pair(const struct guest_setup *s, const char *base, struct guest_made *made,
		     struct err *e)
{
	char path[GUESTS_PATH_MAX];
	bool fresh = false;

	for (size_t i = 0; i < ARRAY_SIZE(pair); i++) {
		int ret = path_fmt(path, sizeof(path), e, "%s%s", base, pair[i]);

		if (!ret)
			ret = fifo_make(path, s->mode, s->group, e);
		if (ret < 0)
			return ret;
		fresh |= ret > 0;
	}
	if (fresh)
		made->made++;
	else
		made->kept++;
	return 0;
}

/* Sockets of CPUs that there no longer are, and all FIFOs when sockets are wanted, are in the way.
 */
static int clear_others(const struct guest_setup *s, struct guest_made *made, struct err *e)
{
	char base[GUESTS_PATH_MAX];

	for (unsigned int cpu = 0; cpu < GUESTS_CPUS_MAX; cpu++) {
		int ret = guests_data_path(s->dir, s->domain, cpu, base, sizeof(base), e);

		if (!ret)
			ret = clear_cpu(s, base, &made->removed, e);
		if (ret)
			return ret;
	}
	return 0;
}

int guests_setup(const struct guest_setup *s, struct guest_made *made, struct err *e)
{
	const struct guests_channels c = { .kind = s->kind, .cpus = s->cpus };
	char base[GUESTS_PATH_MAX];
	int ret = guests_name_check(s->domain, e);

	*made = (struct guest_made){ 0 };
	if (!ret)
		ret = guests_dir_make(s->dir, e);
	if (!ret)
		ret = top_group(s, e);
	if (!ret)
		ret = make_dir(s, &made->dir, e);
	if (!ret)
		ret = clear_others(s, made, e);
	for (unsigned int cpu = 0; !ret && s->kind == GUEST_CHAN_FIFO && cpu < s->cpus; cpu++) {
		ret = guests_data_path(s->dir, s->domain, cpu, base, sizeof(base), e);
		if (!ret)
			ret = make_pair(s, base, made, e);
	}
	return ret ? ret : guests_channels_write(s->dir, s->domain, &c, e);
}
