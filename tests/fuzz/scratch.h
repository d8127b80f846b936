/* SPDX-License-Identifier: GPL-2.0 */
/*
 * scratch.h - what a fuzz target of a server looks at afterwards: its files and descriptors
 *
 * Recordings are named "f.<something>.dat" in the target's own directory; parts of unfinished ones
 * have other endings.
 */
#ifndef FUZZ_SCRATCH_H
#define FUZZ_SCRATCH_H

#include <dirent.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Finished files; with @all also what belongs to unfinished ones. */
static unsigned int count_files(const char *dir, bool all)
{
	AUTO_DIR d = opendir(dir);
	struct dirent *ent;
	unsigned int n = 0;

	while (d && (ent = readdir(d))) {
		size_t len = strlen(ent->d_name);

		if (ent->d_name[0] == 'f' && ent->d_name[1] == '.')
			n += all || !strcmp(ent->d_name + len - 4, ".dat");
	}
	return n;
}

static unsigned int count_fds(void)
{
	AUTO_DIR d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (d && readdir(d))
		n++;
	return n;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* The directory @dir must have @files finished recordings, and unless @kept no parts of others; it
 * is removed. */
static void end_dir(const char *dir, unsigned int files, bool kept)
{
	must(count_files(dir, false) == files);
	must(kept || count_files(dir, true) == files);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
