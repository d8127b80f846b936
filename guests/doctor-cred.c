// SPDX-License-Identifier: GPL-2.0
/*
 * doctor-cred.c - would another process get at a file?
 *
 * Theory of operation
 *
 * access(2) answers for ourselves only. The kernel's rule for the permission bits is short: the
 * owner's bits if it is the owner, else the group's if it is in the group, else the others'. User 0
 * passes. The path is walked from the root, as the kernel does; links are followed by stat(2).
 */
#include "guests/doctor-cred.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"

static void read_groups(const char *at, struct doc_cred *c)
{
	unsigned int gid;
	int used;

	for (; c->ngroups < DOC_GROUPS_MAX && sscanf(at, "%u%n", &gid, &used) == 1; at += used)
		c->groups[c->ngroups++] = gid;
}

/* The columns of Uid and Gid: real, effective, saved, file system. */
int doc_cred_of(const char *proc, pid_t pid, struct doc_cred *c, struct err *e)
{
	bool uid = false, gid = false;
	AUTO_FREE char *line = NULL;
	char path[512];
	size_t room = 0;
	int ret = path_fmt(path, sizeof(path), e, "%s/%d/status", proc, (int)pid);

	*c = (struct doc_cred){ 0 };
	if (ret)
		return ret;
	AUTO_FILE f = fopen(path, "re");

	if (!f)
		return err_set(e, errno, "cannot open %s", path);
	while (getline(&line, &room, f) > 0) {
		if (!strncmp(line, "Uid:", 4))
			uid = sscanf(line + 4, "%*u %*u %*u %u", &c->uid) == 1;
		else if (!strncmp(line, "Gid:", 4))
			gid = sscanf(line + 4, "%*u %*u %*u %u", &c->gid) == 1;
		else if (!strncmp(line, "Groups:", 7))
			read_groups(line + 7, c);
	}
	return uid && gid ? 0 : err_say(e, EINVAL, "%s does not say the user and group", path);
}

static bool in_group(const struct doc_cred *c, gid_t gid)
{
	bool in = c->gid == gid;

	for (size_t i = 0; i < c->ngroups; i++)
		in |= c->groups[i] == gid;
	return in;
}

/* @want: 4 read, 2 write, 1 go through, added. */
static bool may(const struct doc_cred *c, const struct stat *st, mode_t want)
{
	unsigned int shift = st->st_uid == c->uid ? 6 : in_group(c, st->st_gid) ? 3 : 0;

	return !c->uid || ((st->st_mode >> shift) & want) == want;
}

static bool step(const struct doc_cred *c, const char *path, mode_t want, char *why, size_t size)
{
	struct stat st;

	if (stat(path, &st)) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return false;
	}
	if (may(c, &st, want))
		return true;
	snprintf(why, size, "%s (user %u, group %u, mode %04o)", path, st.st_uid, st.st_gid,
		 st.st_mode & 07777U);
	return false;
}

bool doc_cred_may(const struct doc_cred *c, const char *path, char *why, size_t size)
{
	char part[4096];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		if (path_fmt(part, sizeof(part), NULL, "%.*s/.", (int)(slash - path), path))
			return false;
		if (!step(c, part, 1, why, size))
			return false;
	}
	return step(c, path, 6, why, size);
}
