// SPDX-License-Identifier: GPL-2.0
/*
 * restore.c - the recordings that a killed server left
 *
 * Theory of operation
 *
 * Whatever ends in .meta and is not locked is an orphan. Taking its lock is what makes it ours: two
 * restores, or a restore and a server that starts, cannot both work on it.
 */
#include "session/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"

static bool is_meta(const char *name)
{
	size_t len = strlen(name), suffix = strlen(".dat.meta");

	return len > suffix && !strcmp(name + len - suffix, ".dat.meta");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* NULL on error: no memory. */
static char **add_name(char **names, size_t n, const char *name)
{
	char **more = realloc(names, (n + 2) * sizeof(*more));

	if (!more) {
		restore_free(names);
		return NULL;
	}
	more[n + 1] = NULL;
	more[n] = strdup(name);
	if (more[n])
		return more;
	restore_free(more);
	return NULL;
}

int restore_list(const struct store_place *place, char ***names, struct err *e)
{
	int fd = openat(place->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR d = fd < 0 ? NULL : fdopendir(fd);
	char **list = calloc(1, sizeof(*list));
	struct dirent *ent;
	size_t n = 0;

	if (!d) {
		free(list);
		return err_set(e, errno, "cannot look into directory %s", place->outdir);
	}
	while (list && (ent = readdir(d)))
		if (is_meta(ent->d_name))
			list = add_name(list, n++, ent->d_name);
	if (!list)
		return err_set(e, ENOMEM, "no memory for the names in %s", place->outdir);
	qsort(list, n, sizeof(*list), by_name);
	*names = list;
	return 0;
}

void restore_free(char **names)
{
	for (size_t i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
}

static int assemble(struct store *st, struct restored *to)
{
	int rc;

	if (!st)
		return -to->err.code;
	rc = store_assemble(st, &to->totals, true, &to->made, &to->err);
	store_free(st);
	return rc;
}

int restore_one(const struct store_place *place, const char *meta, struct restored *to)
{
	memset(to, 0, sizeof(*to));
	return assemble(store_adopt(place, meta, &to->err), to);
}

int restore_from(const struct store_place *place, const char *name, const char *head,
		 const char *const *parts, uint32_t nparts, struct restored *to)
{
	memset(to, 0, sizeof(*to));
	return assemble(store_gather(place, name, head, parts, nparts, &to->err), to);
}
