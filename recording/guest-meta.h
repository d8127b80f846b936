/* SPDX-License-Identifier: GPL-2.0 */
/* guest-meta.h - metadata of a machine that cannot be asked: of a file, or of a copy of its tracefs
 */
#ifndef RECORDING_GUEST_META_H
#define RECORDING_GUEST_META_H

#include "tracedat/reader.h"

struct guest_meta {
	const struct tdat_head *head; /* borrowed from the rest */
	struct tdat_file *file;	      /* owned; NULL: .own */
	struct tdat_head own;
	struct buf bytes; /* owned: of .own */
};

/*
 * @path: a trace.dat of that machine, or a directory with a copy of its tracefs, at least of
 * events/. NULL: nothing is known; then there are no formats, symbols and tasks, and its pages are
 * taken to be like this machine's. guest_meta_close() in any case.
 */
int guest_meta_open(struct guest_meta *m, const char *path, struct err *e);
void guest_meta_close(struct guest_meta *m);

struct guest_meta_opts {
	const char *clock; /* one word; NULL = as the metadata say, which is "local" without */
	uint32_t cpus;
	uint64_t trace_id;
};

/* Append the head of a new recording of that machine, of version 6 and with its options, to @to. */
int guest_meta_put(const struct guest_meta *m, const struct guest_meta_opts *o, struct buf *to,
		   struct err *e);

/*
 * The head for @file, which was recorded without: the blocks of @m, the options and CPUs of @file.
 * Borrows from both; nothing is to be freed. -EINVAL: their pages differ.
 */
int guest_meta_join(const struct guest_meta *m, const struct tdat_head *file, struct tdat_head *to,
		    struct err *e);

#endif
