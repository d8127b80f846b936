// SPDX-License-Identifier: GPL-2.0
/*
 * layout.c - names of domains, and the channels that lie in their directories
 *
 * Theory of operation
 *
 * The directory is the truth: what lies there is what QEMU opens, so channels are found by looking
 * and not from a configuration. The one thing that cannot be seen is how many sockets to listen on,
 * because the server makes them; that stands in the file "channels" that setup-guest writes.
 *
 * Three layouts are known, in the order in which they are looked for: our FIFOs, stock's FIFOs
 * (trace-pipe-cpuN), and sockets. A directory may mix them; each CPU is looked at alone.
 */
#include "guests/layout.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { CHANNELS_MAX = 4096 }; /* bytes of the file "channels" */

static const char *const kind_name[] = {
	[GUEST_CHAN_FIFO] = "fifo",
	[GUEST_CHAN_SOCKET] = "socket",
};

/* Where a data channel may lie: the name's form, what must be there, and what that means. */
static const struct place {
	const char *name; /* %s/%s/<name>%u<suffix> */
	const char *suffix;
	mode_t type;
	enum guest_chan_kind kind;
} places[] = {
	{ "trace-path-cpu", ".out", S_IFIFO, GUEST_CHAN_FIFO },
	{ "trace-pipe-cpu", ".out", S_IFIFO, GUEST_CHAN_FIFO },
	{ "trace-path-cpu", "", S_IFSOCK, GUEST_CHAN_SOCKET },
};

/* @name with what is not printable as '?', so that it cannot forge a line. */
static const char *show(const char *name, char *to, size_t size)
{
	size_t i;

	for (i = 0; name[i] && i + 1 < size; i++)
		to[i] = isprint((unsigned char)name[i]) ? name[i] : '?';
	to[i] = '\0';
	return to;
}

int guests_name_check(const char *name, struct err *e)
{
	size_t len = strlen(name);
	char safe[GUESTS_NAME_MAX + 1] = "";

	if (!len)
		return err_say(e, EINVAL, "the domain's name is empty");
	show(name, safe, sizeof(safe));
	if (len > GUESTS_NAME_MAX)
		return err_say(e, EINVAL,
			       "domain '%s...' has a name of %zu characters; %d are allowed", safe,
			       len, GUESTS_NAME_MAX);
	if (*name == '.')
		return err_say(e, EINVAL, "domain '%s': a name must not begin with a dot", safe);
	for (size_t i = 0; i < len; i++) {
		if (isascii(name[i]) &&
		    (isalnum((unsigned char)name[i]) || strchr("-_.+@:", name[i])))
			continue;
		return err_say(
			e, EINVAL,
			"domain '%s': a name is made of letters, digits and - _ . + @ : and not of '%c'",
			safe, safe[i]);
	}
	return 0;
}

int guests_data_path(const char *dir, const char *domain, unsigned int cpu, char *path, size_t size,
		     struct err *e)
{
	return path_fmt(path, size, e, "%s/%s/trace-path-cpu%u", dir, domain, cpu);
}

/* 1: found; 0: this CPU has no channel. */
static int find_chan(const char *dir, const char *domain, unsigned int cpu, struct guest_chan *c,
		     struct err *e)
{
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const struct place *p = &places[i];
		int ret = path_fmt(c->path, sizeof(c->path), e, "%s/%s/%s%u%s", dir, domain,
				   p->name, cpu, p->suffix);

		if (ret)
			return ret;
		if (lstat(c->path, &st) || (st.st_mode & S_IFMT) != p->type)
			continue;
		c->cpu = cpu;
		c->kind = p->kind;
		return 1;
	}
	return 0;
}

int guests_chans(const char *dir, const char *domain, struct guest_chan **chans, size_t *n,
		 struct err *e)
{
	AUTO_FREE struct guest_chan *list = NULL;
	size_t room = 0, got = 0;
	int ret = guests_name_check(domain, e);

	while (!ret && got < GUESTS_CPUS_MAX) {
		if (got == room) {
			struct guest_chan *more;

			room = room ? 2 * room : 8;
			more = realloc(list, room * sizeof(*list));
			if (!more)
				return err_set(e, ENOMEM, "domain %s: no memory for its channels",
					       domain);
			list = more;
		}
		ret = find_chan(dir, domain, (unsigned int)got, &list[got], e);
		if (!ret)
			break;
		if (ret > 0)
			ret = 0, got++;
	}
	if (ret)
		return ret;
	*n = got;
	*chans = steal_ptr(list);
	return 0;
}

static bool is_domain(int dirfd, const char *name)
{
	struct stat st;

	return !guests_name_check(name, NULL) && !fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISDIR(st.st_mode);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Room for one more entry and the NULL behind it. */
static int names_add(char ***names, size_t n, const char *name)
{
	char **more = realloc(*names, (n + 2) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	*names = more;
	more[n + 1] = NULL;
	more[n] = strdup(name);
	return more[n] ? 0 : -ENOMEM;
}

int guests_domains(const char *dir, char ***names, struct err *e)
{
	AUTO_DIR d = opendir(dir);
	char **list = calloc(1, sizeof(*list));
	struct dirent *ent;
	size_t n = 0;

	if (!d) {
		free(list);
		return err_set(e, errno, "cannot look into directory %s", dir);
	}
	while (list && (ent = readdir(d))) {
		if (!is_domain(dirfd(d), ent->d_name))
			continue;
		if (names_add(&list, n, ent->d_name)) {
			guests_names_free(list);
			list = NULL;
		}
		n++;
	}
	if (!list)
		return err_set(e, ENOMEM, "no memory for the names of the domains");
	qsort(list, n, sizeof(*list), by_name);
	*names = list;
	return 0;
}

void guests_names_free(char **names)
{
	for (size_t i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
}

static int channels_path(const char *dir, const char *domain, const char *suffix, char *path,
			 struct err *e)
{
	int ret = guests_name_check(domain, e);

	return ret ? ret
		   : path_fmt(path, GUESTS_PATH_MAX, e, "%s/%s/channels%s", dir, domain, suffix);
}

/* One line of the file; unknown words are left to later versions. */
static int channels_line(const char *line, const char *path, struct guests_channels *to,
			 bool *kind_seen, struct err *e)
{
	uint64_t cpus;

	if (!strncmp(line, "cpus ", 5)) {
		if (parse_u64(line + 5, 1, GUESTS_CPUS_MAX, &cpus, path, e))
			return -EINVAL;
		to->cpus = (unsigned int)cpus;
	} else if (!strncmp(line, "kind ", 5)) {
		for (size_t i = 0; i < ARRAY_SIZE(kind_name); i++) {
			if (!strcmp(line + 5, kind_name[i])) {
				to->kind = (enum guest_chan_kind)i;
				*kind_seen = true;
				return 0;
			}
		}
		return err_say(e, EINVAL, "%s: the kind is neither fifo nor socket", path);
	}
	return 0;
}

static int channels_parse(char *text, const char *path, struct guests_channels *to, struct err *e)
{
	bool kind_seen = false;
	int ret = 0;

	*to = (struct guests_channels){ 0 };
	for (char *line = text, *end; !ret && *line; line = end) {
		end = strchrnul(line, '\n');
		if (*end)
			*end++ = '\0';
		ret = channels_line(line, path, to, &kind_seen, e);
	}
	if (!ret && (!kind_seen || !to->cpus))
		ret = err_say(e, EINVAL, "%s: no line \"%s\"", path, kind_seen ? "cpus N" : "kind");
	return ret;
}

int guests_channels_read(const char *dir, const char *domain, struct guests_channels *to,
			 struct err *e)
{
	char path[GUESTS_PATH_MAX], text[CHANNELS_MAX + 1];
	struct stat st;
	ssize_t len;
	int ret = channels_path(dir, domain, "", path, e);

	if (ret)
		return ret;
	/* O_NONBLOCK: a FIFO of that name must not hold us up. */
	AUTO_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "cannot open %s", path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > CHANNELS_MAX)
		return err_say(e, EINVAL, "%s is not a file of at most %d bytes", path,
			       CHANNELS_MAX);
	len = read(fd, text, CHANNELS_MAX);
	if (len < 0)
		return err_set(e, errno, "cannot read %s", path);
	text[len] = '\0';
	if (strlen(text) != (size_t)len)
		return err_say(e, EINVAL, "%s has NUL bytes in it", path);
	ret = channels_parse(text, path, to, e);
	if (ret)
		err_hint(e, "trace-cmd setup-guest %s -c CPUS", domain);
	return ret;
}

int guests_channels_write(const char *dir, const char *domain, const struct guests_channels *c,
			  struct err *e)
{
	char path[GUESTS_PATH_MAX], fresh[GUESTS_PATH_MAX], text[128];
	int len, ret = channels_path(dir, domain, "", path, e);

	if (!ret)
		ret = channels_path(dir, domain, ".new", fresh, e);
	if (ret)
		return ret;
	len = snprintf(text, sizeof(text), "# made by trace-cmd setup-guest\nkind %s\ncpus %u\n",
		       kind_name[c->kind], c->cpus);
	if (unlink(fresh) && errno != ENOENT)
		return err_set(e, errno, "cannot remove %s", fresh);
	AUTO_FD fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd < 0)
		return err_set(e, errno, "cannot make %s", fresh);
	ret = write_all(fd, text, (size_t)len, fresh, e);
	if (!ret && rename(fresh, path))
		ret = err_set(e, errno, "cannot replace %s", path);
	if (ret)
		unlink(fresh);
	return ret;
}
