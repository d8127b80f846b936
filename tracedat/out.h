/* SPDX-License-Identifier: GPL-2.0 */
/* out.h - a file that is written mostly in one go, in the byte order of the traced machine */
#ifndef TRACEDAT_OUT_H
#define TRACEDAT_OUT_H

#include "base/cleanup.h"
#include "tracedat/local.h"
#include "tracedat/pack.h"
#include "tracedat/writer.h"

/* The first error sticks in .rc, and all later calls do nothing: a writer tests once, at the end.
 */
struct out {
	int fd;		  /* borrowed */
	const char *path; /* borrowed, for error texts */
	bool big;
	uint64_t at;	       /* file offset of the next byte */
	struct buf *mem;       /* not NULL: all goes to its end, nothing to a file; no patches */
	bool dry;	       /* only count: nothing is written */
	bool in_place;	       /* pages are not copied */
	uint64_t data;	       /* offset of the first page, 0 = none yet */
	struct packer *packer; /* owned; NULL: nothing is compressed */
	struct buf pending;    /* owned; the bytes before .at that are not in the file yet */
	int rc;
	struct err *e;
};

void out_mem(struct out *o, const void *from, size_t n);
void out_uint(struct out *o, uint64_t v, size_t size);
void out_text(struct out *o, const char *text); /* with its NUL */
void out_align(struct out *o, uint64_t align);	/* zeros; @align is a power of two */
void out_patch(struct out *o, uint64_t off, uint64_t v, size_t size);
void out_patch_mem(struct out *o, uint64_t off, const void *from, size_t n);
void out_skip(struct out *o, uint64_t n); /* reads as zeros until it is patched */
void out_extents(struct out *o, const struct tdat_cpu_data *cpu);
int out_end(struct out *o); /* writes what is pending, sets the file's size, frees; .rc */

/* --- out_data.c */

struct out_range {
	uint64_t off, len; /* as a CPU table has them */
};

/*
 * The pages of a CPU, at the next multiple of @align; without any the file stays as it is, and .len
 * is 0. In compressed chunks when there is a packer: .len is then without the number of chunks.
 */
void out_cpu(struct out *o, const struct tdat_cpu_data *cpu, uint32_t page_size, uint64_t align,
	     struct out_range *to);
/* The text, in chunks as pages are. */
void out_latency(struct out *o, const char *text, size_t len, uint32_t page_size);
/* Bytes as they are, or as one compressed block. */
void out_block(struct out *o, const void *from, size_t n);

uint64_t cpu_bytes(const struct tdat_cpu_data *cpu);
bool option_kept(
	uint16_t id); /* false: the writer makes this one anew, or it belongs to a section */
const char *buffer_clock(const struct tdat_buffer_data *b);
void out_option(struct out *o, uint16_t id, const void *data, size_t len);

/* The blocks of the head in their order: a section each in version 7. */
enum { HEAD_BLOCKS = 6 };
extern const struct head_block {
	uint16_t id;
	const char *what; /* the section's description */
	void (*put)(struct out *o, const struct tdat_head *h);
} head_blocks[HEAD_BLOCKS];

/* The page size in the file's head; data are aligned to it. */
uint64_t file_page_size(const struct tdat_head *h);
/* The first bytes of a file, up to the page size. */
void put_machine(struct out *o, const struct tdat_head *h, const char *version);

/*
 * Version 6: the blocks and the number of CPUs; the tag of the options and those that are kept,
 * without an end mark.
 */
void put_blocks_v6(struct out *o, const struct tdat_head *h, uint32_t cpus);
void put_options_v6(struct out *o, const struct tdat_head *h, bool keep_clock);

/* The two layouts. @cpus: entries in each CPU table. */
void write_v6(struct out *o, const struct tdat_file_plan *plan, uint32_t cpus);
void write_v7(struct out *o, const struct tdat_file_plan *plan, uint32_t cpus);

#endif
