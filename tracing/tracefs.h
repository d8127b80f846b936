/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tracefs.h - the directory through which one kernel's tracing is ordered about
 *
 * A struct tracefs is the root directory or one instance in it; files are named relative to it.
 * (libtracefs owns the prefix tracefs_, so the functions here are tfs_*.)
 */
#ifndef TRACING_TRACEFS_H
#define TRACING_TRACEFS_H

#include "base/io.h"

#define TFS_MAX (16 * 1024 * 1024) /* bytes; no settings file is nearly that large */

struct tracefs;

/*
 * The root directory. @root NULL: the mounted one is found, or it is mounted at /sys/kernel/tracing
 * where we may. Otherwise @root is taken as it is (tests; several kernels). NULL on error, with
 * what to type as a hint.
 */
struct tracefs *tfs_open(const char *root, struct err *e);

/*
 * A copy of another machine's: of the directory, or of its events/ alone. -ENOENT: it is neither.
 */
struct tracefs *tfs_open_copy(const char *path, struct err *e);

/* An instance of @top, which must be there already. See undo_instance() to make one. */
struct tracefs *tfs_open_instance(const struct tracefs *top, const char *name, struct err *e);
void tfs_close(struct tracefs *t); /* NULL is fine */

const char *tfs_path(const struct tracefs *t); /* absolute, borrowed */
const char *tfs_name(const struct tracefs *t); /* "" = the root, else the instance's name */
int tfs_dirfd(const struct tracefs *t);	       /* borrowed */

bool tfs_has(const struct tracefs *t, const char *file);
/* A descriptor (O_CLOEXEC is added) or a negative errno. */
int tfs_file(const struct tracefs *t, const char *file, int flags, struct err *e);
/* Replace what is in @to by the file's text, NUL behind it. */
int tfs_read(const struct tracefs *t, const char *file, struct buf *to, struct err *e);
/* As tfs_read(), without the newlines at the end. */
int tfs_read_line(const struct tracefs *t, const char *file, struct buf *to, struct err *e);
/* One write() that adds to a list; tfs_truncate() empties one, such as set_event_pid. */
int tfs_append(const struct tracefs *t, const char *file, const char *text, struct err *e);
int tfs_truncate(const struct tracefs *t, const char *file, struct err *e);

/* The word in brackets of "local [global] counter" into @to: trace_clock and its like. */
int tfs_bracketed(const char *text, char *to, size_t room);
int tfs_clock(const struct tracefs *t, char *to, size_t room, struct err *e); /* the current one */

struct names {
	char **name; /* owned, and each of them */
	size_t n;
};

/*
 * Append the names of the directories in @dir, in the directory's own order (the order in which
 * stock trace-cmd lists and stores events); free with names_free(). -ENOENT when it is not there.
 */
int tfs_dirs(const struct tracefs *t, const char *dir, struct names *to, struct err *e);
/* The same for what is no directory. */
int tfs_files(const struct tracefs *t, const char *dir, struct names *to, struct err *e);
int names_add(struct names *to, const char *name); /* 0 or -ENOMEM; copies */
void names_free(struct names *l);

#endif
