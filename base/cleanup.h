/* SPDX-License-Identifier: GPL-2.0 */
/* cleanup.h - locals that clean up after themselves at every return */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_mem(void *mem)
{
	free(*(void **)mem);
}

static inline void cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define AUTO_FD	  __attribute__((cleanup(cleanup_fd))) int
#define AUTO_FREE __attribute__((cleanup(cleanup_mem)))
#define AUTO_FILE __attribute__((cleanup(cleanup_file))) FILE *
#define AUTO_DIR  __attribute__((cleanup(cleanup_dir))) DIR *

/* Hand a cleaned-up local over to the caller. */
static inline int steal_fd(int *fd)
{
	int out = *fd;

	*fd = -1;
	return out;
}

#define steal_ptr(p)                      \
	({                                \
		__typeof__(p) _out = (p); \
		(p) = NULL;               \
		_out;                     \
	})

#endif
