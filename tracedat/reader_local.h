/* SPDX-License-Identifier: GPL-2.0 */
/* reader_local.h - the open file, as the parts of the reader and the checker see it */
#ifndef TRACEDAT_READER_LOCAL_H
#define TRACEDAT_READER_LOCAL_H

#include "tracedat/local.h"
#include "tracedat/unpack.h"

struct tdat_file {
	char *path;	    /* owned */
	const uint8_t *map; /* owned mapping of .size bytes */
	size_t size;
	bool mapped; /* .map is the file itself: what is let go of comes back */
	int version;
	const struct unpack_method *method; /* of version 7; never NULL */
	struct tdat_head head;		    /* views of .map and .owned */
	struct tdat_file_buffer *buffers;   /* owned */
	size_t nbuffers;
	size_t table; /* CPU entries of all buffers together */
	struct view latency;
	bool has_latency;
	uint8_t **owned; /* decompressed sections */
	size_t nowned, owned_bytes;
	uint64_t first_options; /* version 7: file offset of the first options section */
	uint64_t after_head;	/* version 7: of the first section */
};

struct section {
	uint64_t at; /* file offset of its header */
	uint16_t id, flags;
	uint32_t string;
	uint64_t len; /* bytes behind the header; may go beyond the end of the file */
};

/* The first steps of tdat_open(), for who takes the rest step by step. NULL: @e says why. */
struct tdat_file *file_map(const char *path, struct err *e);
int file_version(struct tdat_file *f, struct err *e); /* sets .version */

/* Version 6: entries in the tables; the option CPUCOUNT overrides the head. */
uint32_t file_cpus(const struct tdat_file *f);

/* The version's own part of tdat_open(). */
int open_v6(struct tdat_file *f, struct err *e);
int open_v7(struct tdat_file *f, struct err *e);

/* The range of the file from @off to its end. @off may be anything. */
struct place file_place(const struct tdat_file *f, uint64_t off);

/* A new buffer without CPUs; NULL with @e filled. The texts are copied. */
struct tdat_file_buffer *file_add_buffer(struct tdat_file *f, const char *name, const char *clock,
					 size_t clock_len, uint32_t page_size, struct err *e);
int buffer_reserve(struct tdat_file *f, struct tdat_file_buffer *b, size_t ncpus, struct err *e);
/* Add a CPU; what lies behind the file's end goes to .missing. Needs room from buffer_reserve(). */
void buffer_add_cpu(const struct tdat_file *f, struct tdat_file_buffer *b, uint32_t cpu,
		    uint64_t off, uint64_t len);

/* -EPROTO or -ENODATA when no section header is at @off, or (with @whole) its body is cut. */
int section_at(const struct tdat_file *f, uint64_t off, bool whole, struct section *to,
	       struct err *e);

/* Of the page that tdat_pages_next() gave last; compressed: offset of the CPU + bytes unpacked. */
uint64_t pages_offset(const struct tdat_pages *p);

/*
 * The head of version 7 metadata in memory: @f is {0} but for .map and .size, and owns what it
 * holds as an open file does (but not .map).
 */
int open_v7_head(struct tdat_file *f, struct err *e);

/* Put in front of @e which option of the file it is about, and where that is. Returns @rc. */
int blame_option(const struct tdat_file *f, const struct tdat_option *o, int rc, struct err *e);

/* Version 7: the content of the section that option @id names; borrowed from @f. */
int file_section(struct tdat_file *f, uint16_t id, struct view *body, struct err *e);

/* Version 7, step by step: the head of the file, up to the offset of the first options section. */
int file_start7(struct tdat_file *f, struct err *e);

/* One section of the chain of options; its options are head.options[.first .. head.noptions). */
struct options_part {
	struct section section;
	size_t first;
	uint64_t next; /* offset of the next one, 0: none; only when .whole */
	bool whole;
};

/* Gather the options of all sections in the head; @each (may be NULL) gets them one by one. */
int file_chain(struct tdat_file *f, void (*each)(void *ctx, const struct options_part *part),
	       void *ctx, struct err *e);

/* The blocks of the head, in the order of version 6. */
enum { FILE_BLOCKS = 6 };
extern const struct file_block {
	uint16_t id;
	int (*parse)(struct tdat_head *head, struct place *pl, struct err *e);
} file_blocks[FILE_BLOCKS];

/* Parse the block out of the section that its option names; without one there is nothing. */
int file_read_block(struct tdat_file *f, const struct file_block *b, struct section *s,
		    struct err *e);

/* The content of a section, unpacked (then @f owns it). @chunked: in chunks, as texts are. */
int section_body(struct tdat_file *f, const struct section *s, bool chunked, struct view *to,
		 struct err *e);

#endif
