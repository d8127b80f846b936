/* SPDX-License-Identifier: GPL-2.0 */
/* convert.h - write a trace.dat anew, in another version or with another compression */
#ifndef TRACEDAT_CONVERT_H
#define TRACEDAT_CONVERT_H

#include "tracedat/reader.h"
#include "tracedat/writer.h"

struct tdat_convert {
	int version;		 /* 6 or 7 */
	const char *compression; /* what tdat_compression_pick() gave */
	/* Leave out what is damaged or missing, and count it in .problems; else it is an error. */
	bool force;
	/* Not NULL: gets a line (no newline) for what is left out. */
	void (*say)(void *ctx, const char *line);
	void *ctx;
	size_t problems; /* set: damaged or missing places that were left out */
};

/*
 * Write what is in @f to @fd (empty, seekable); @path is for error texts. All options, buffers,
 * texts and pages are kept; version 6 has no place for BTF and the list of modules, which is said
 * but no problem. Pages are not judged beyond their header. Memory: the metadata and one chunk.
 * -EPROTO, -ENODATA with the offset: damaged or cut, and not .force. -EINVAL as tdat_write().
 */
int tdat_convert(struct tdat_file *f, int fd, const char *path, struct tdat_convert *c,
		 struct err *e);

#endif
