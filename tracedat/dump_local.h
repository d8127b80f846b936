/* SPDX-License-Identifier: GPL-2.0 */
/* dump_local.h - what the parts of the dump share */
#ifndef TRACEDAT_DUMP_LOCAL_H
#define TRACEDAT_DUMP_LOCAL_H

#include "tracedat/dump.h"
#include "tracedat/reader_local.h"

struct dump {
	FILE *to;
	unsigned int what;
	struct tdat_file *f;
	size_t parts;	    /* sections of options so far */
	struct buf strings; /* owned; the names of version 7's sections */
};

static inline bool dump_wants(const struct dump *d, unsigned int what)
{
	return d->what & what;
}

/* @text up to its end or its first NUL. */
void dump_text(const struct dump *d, struct view text);
/* The blocks that @block has parsed (an index of file_blocks); what is not there prints nothing. */
void dump_block(const struct dump *d, size_t block);
extern const unsigned int dump_block_bits[FILE_BLOCKS]; /* who asks for the block's content */

/* --- dump-option.c */

/* Print an option as far as it is asked for. */
void dump_option(struct dump *d, const struct tdat_option *o);

/* --- dump7.c */

int dump_v7(struct dump *d, struct err *e);
/* "[Section ...]" before what stands in it. */
void dump_section_head(const struct dump *d, const struct section *s);

#endif
