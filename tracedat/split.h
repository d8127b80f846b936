/* SPDX-License-Identifier: GPL-2.0 */
/*
 * split.h - cut a trace.dat into pieces: by time, by number of events or pages, CPU by CPU
 *
 * A piece is a whole trace.dat: all of the metadata, and of the events a range. All pieces of a
 * file together have each event of the range once. Whole pages are copied as they are, of others
 * the part that belongs to the piece is built anew; what is said to be lost stays before the event
 * that it was before. Two passes over the file; memory: one chunk of pages a CPU and pass.
 */
#ifndef TRACEDAT_SPLIT_H
#define TRACEDAT_SPLIT_H

#include "tracedat/reader.h"

enum tdat_split_unit {
	SPLIT_WHOLE, /* one piece */
	SPLIT_EVENTS,
	SPLIT_TIME,  /* ns from the first event of a piece, both ends belong to it */
	SPLIT_PAGES, /* pages that are filled up: each CPU's events are packed anew */
};

/* A buffer that is kept. */
struct tdat_split_buffer {
	size_t from;	  /* number in the file */
	const char *name; /* in the pieces; borrowed. "" is the top buffer */
};

struct tdat_split_plan {
	/* The time by which is cut, of a raw timestamp; NULL: that itself. */
	uint64_t (*time)(const void *clock, uint32_t cpu, uint64_t raw);
	const void *clock;
	uint64_t start, end; /* by that time, both inclusive */
	enum tdat_split_unit unit;
	uint64_t n;   /* units in a piece */
	bool per_cpu; /* in a piece of each CPU; SPLIT_PAGES always are */
	bool one_cpu; /* only the events of .cpu */
	uint32_t cpu;
	/* Kept buffers, the top one first or none; NULL: all. Borrowed. */
	const struct tdat_split_buffer *buffers;
	size_t nbuffers;
	int version;		 /* of the pieces, 6 or 7 */
	const char *compression; /* as in struct tdat_file_plan */
	/* Not NULL: gets what is damaged, once for each place, while pieces are written. */
	void (*say)(void *ctx, const struct err *damage);
	void *ctx;
};

struct tdat_split;

/* @f and @plan are borrowed. NULL: -ENODATA in @e when the file has no events but a text. */
struct tdat_split *tdat_split_new(struct tdat_file *f, const struct tdat_split_plan *plan,
				  struct err *e);
void tdat_split_free(struct tdat_split *s); /* NULL is fine */

/* What is in a piece. */
struct tdat_split_piece {
	uint64_t events;
	uint64_t first, last; /* times by which it was cut; 0 without events */
};

/*
 * Find the next piece: 1, or 0 when no event is left in the range. The first one is always there,
 * perhaps without events. Each is to be written before the next is looked for.
 */
int tdat_split_next(struct tdat_split *s, struct tdat_split_piece *piece, struct err *e);

/* Write the piece to @fd (empty, seekable, read and write); @path is for error texts. */
int tdat_split_write(struct tdat_split *s, int fd, const char *path, struct err *e);

#endif
