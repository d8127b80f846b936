/* SPDX-License-Identifier: GPL-2.0 */
/*
 * writer.h - make a trace.dat from a head and from part files with pages
 *
 * The pages of each CPU lie in a part file that was filled while recording; the writer puts the
 * head, the tables and, by copy_range(), the pages together. Nothing of the pages is looked at.
 */
#ifndef TRACEDAT_WRITER_H
#define TRACEDAT_WRITER_H

#include "base/opt.h"
#include "tracedat/head.h"

struct tdat_extent {
	int fd;		   /* borrowed */
	uint64_t off, len; /* bytes; len is a multiple of the page size */
};

/*
 * Pages that do not lie ready in a file: they are unpacked, or made, while the file is written.
 * Each call gives the next whole pages: bytes (at most @room, a multiple of the page size), 0 at
 * the end, or a negative errno with @e.
 */
struct tdat_page_source {
	int64_t (*read)(struct tdat_page_source *src, uint8_t *to, size_t room, struct err *e);
};

struct tdat_cpu_data {
	uint32_t cpu;
	struct tdat_extent *extents; /* in time order */
	size_t nextents;
	struct tdat_page_source *source; /* not NULL: read instead of the extents; borrowed */
};

struct tdat_buffer_data {
	const char *name;   /* "" = the top buffer */
	const char *clock;  /* one word: "local", "x86-tsc", ... */
	uint32_t page_size; /* sub-buffer size of this buffer */
	struct tdat_cpu_data
		*cpus; /* one entry per CPU, ascending .cpu; without data: nextents 0 */
	size_t ncpus;
};

/* A section of version 7 that the head has no place for (BTF_FILE, MODULES): kept as it is. */
struct tdat_extra {
	uint16_t id;
	struct view body; /* not compressed; borrowed */
};

struct tdat_file_plan {
	int version; /* 6 or 7 */
	/*
	 * "zstd", "zlib", "none"; NULL = "none". Version 7 only, else -EINVAL. "any" is for the
	 * caller: tdat_compression_pick().
	 */
	const char *compression;
	/*
	 * Not NULL: the text of a latency tracer instead of pages; borrowed. Of buffers[0], which
	 * may be missing then, only the clock is used; further ones need version 7.
	 */
	const char *latency;
	size_t latency_len;
	const struct tdat_head
		*head; /* its options are written, BUFFER and section ones are made anew */
	/* [0] is the top buffer; none: version 7 metadata for a listener, which adds them */
	const struct tdat_buffer_data *buffers;
	size_t nbuffers;
	const struct tdat_extra *extras; /* version 7 only; version 6 leaves them out */
	size_t nextras;
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

/*
 * What --compression says: "any" becomes the best that we were built with, others are checked.
 * Static text, or NULL with @e that lists what there is.
 */
const char *tdat_compression_pick(const char *name, struct err *e);

/*
 * --compression, for all commands that have it. The setter takes what tdat_compression_pick()
 * knows, and stores the argument (borrowed). When all options are known, tdat_compression_for()
 * makes of it what goes into a plan of that version: "any" is none in version 6, where others are
 * -EINVAL. @name may be NULL: none.
 */
int tdat_opt_compression(void *ctx, const struct opt *o, const char *val, struct err *e);
int tdat_compression_for(const char *name, int version, const char **to, struct err *e);

/* Where the first page of the file of this plan will be. -EINVAL as tdat_write(). */
int tdat_data_offset(const struct tdat_file_plan *plan, uint64_t *off, struct err *e);

#endif
