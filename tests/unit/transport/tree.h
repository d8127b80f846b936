/* SPDX-License-Identifier: GPL-2.0 */
/* tree.h - a directory of a test's own, with files in it; gone at the end */
#ifndef TESTS_TREE_H
#define TESTS_TREE_H

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

enum { TREE_PATH = 400 };

struct tree {
	char top[64];
	char path[4][TREE_PATH]; /* of tree_at(), by turns */
	unsigned int turn;
};

static inline void tree_make(struct tree *t)
{
	snprintf(t->top, sizeof(t->top), "/tmp/trace-cmd-test.XXXXXX");
	assert_non_null(mkdtemp(t->top));
	t->turn = 0;
}

static inline int tree_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static inline void tree_remove(struct tree *t)
{
	nftw(t->top, tree_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

/* <top>/<...>; good for the next three calls. */
static inline const char *tree_at(struct tree *t, const char *fmt, ...) PRINTF(2, 3);
static inline const char *tree_at(struct tree *t, const char *fmt, ...)
{
	char *to = t->path[t->turn++ % ARRAY_SIZE(t->path)];
	size_t n = strlen(t->top);
	va_list ap;

	memcpy(to, t->top, n);
	to[n++] = '/';
	va_start(ap, fmt);
	vsnprintf(to + n, TREE_PATH - n, fmt, ap);
	va_end(ap);
	return to;
}

/* A file with @text, directories above it too. */
static inline void tree_file(struct tree *t, const char *name, const char *text)
{
	const char *path = tree_at(t, "%s", name);
	char dir[TREE_PATH];
	int fd;

	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	assert_int_equal(make_dirs(dir, 0755, NULL), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void tree_dir(struct tree *t, const char *name, mode_t mode)
{
	const char *path = tree_at(t, "%s", name);

	assert_int_equal(make_dirs(path, 0755, NULL), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static inline void tree_fifo(struct tree *t, const char *name)
{
	assert_int_equal(mkfifo(tree_at(t, "%s", name), 0660), 0);
}

#endif
