/* SPDX-License-Identifier: GPL-2.0 */
/*
 * writer.h - make a trace.dat from a head and from part files with pages
 *
 * The pages of each CPU lie in a part file that was filled while recording; the writer puts the
 * head, the tables and, by copy_range(), the pages together. Nothing of the pages is looked at.
 */
#ifndef TRACEDAT_WRITER_H
#define TRACEDAT_WRITER_H

#include "tracedat/head.h"

struct tdat_extent {
	int fd;		   /* borrowed */
	uint64_t off, len; /* bytes; len is a multiple of the page size */
};

struct tdat_cpu_data {
	uint32_t cpu;
	struct tdat_extent *extents; /* in time order */
	size_t nextents;
};

struct tdat_buffer_data {
	const char *name;   /* "" = the top buffer */
	const char *clock;  /* one word: "local", "x86-tsc", ... */
	uint32_t page_size; /* sub-buffer size of this buffer */
	struct tdat_cpu_data
		*cpus; /* one entry per CPU, ascending .cpu; without data: nextents 0 */
	size_t ncpus;
};

struct tdat_file_plan {
	int version; /* 6 or 7; uncompressed */
	const struct tdat_head
		*head; /* its options are written, BUFFER and section ones are made anew */
	const struct tdat_buffer_data *buffers; /* [0] is the top buffer */
	size_t nbuffers;
	/*
	 * The pages stand where they belong already, one after the other from tdat_data_offset()
	 * on: they are not copied, only what is around them is written. One buffer; all lengths
	 * multiples of the largest page size in the file.
	 */
	bool in_place;
};

/*
 * Write the whole file to @fd (empty, seekable, read/write). @path is for error texts. On error the
 * file is unfinished and the parts are untouched. -ENOSPC etc. come through.
 */
int tdat_write(int fd, const char *path, const struct tdat_file_plan *plan, struct err *e);

/* Where the first page of the file of this plan will be. -EINVAL as tdat_write(). */
int tdat_data_offset(const struct tdat_file_plan *plan, uint64_t *off, struct err *e);

#endif
