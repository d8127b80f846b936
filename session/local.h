/* SPDX-License-Identifier: GPL-2.0 */
/* local.h - what store.c, assemble.c and tally.c share */
#ifndef SESSION_LOCAL_H
#define SESSION_LOCAL_H

#include "session/regions.h"
#include "session/store.h"
#include "tracedat/head.h"
#include "tracedat/writer.h"

struct store {
	const struct store_place *place; /* borrowed */
	char name[STORE_NAME_MAX];
	int version;		 /* of the trace.dat: 6 or 7 */
	int meta;		 /* flock'ed */
	uint64_t meta_len, kept; /* bytes: written; those that stay when a tail is cut */
	bool stay;		 /* the sources are not ours to remove */
	bool adopted;		 /* found on the disk: positions of descriptors say nothing */
	int data;		 /* the file of all regions, -1: each part is a file of its own */
	struct regions regions;
	int parts[MSG_MAX_CPUS]; /* descriptors with a position each, -1: none */
	uint32_t nparts;	 /* one more than the highest CPU with a part */
};

/* A mapped .meta, parsed: the head, and the options behind it. */
struct store_head {
	const uint8_t *map;
	size_t len;
	struct tdat_head head;
	bool tail_cut; /* what is behind the head is no list of options */
};

/* 0 or -EPROTO, -ENODATA... with @e. store_head_close() in any case. */
int store_head_open(const struct store *st, struct store_head *sh, struct err *e);
void store_head_close(struct store_head *sh);

/* Where the pages of a part are: [off, off + len) of its descriptor. */
int store_part_range(const struct store *st, uint32_t cpu, uint64_t *off, uint64_t *len,
		     struct err *e);

/* The journal of the work on the data file: <name>.plan, on the disk when these return. */
int store_put_plan(const struct store *st, const struct region_plan *p, struct err *e);
/* -ENOENT: there is none. */
int store_get_plan(const struct store *st, struct region_plan *p, struct err *e);

/*
 * What the file @f will hold, into *t, in which the peer's own numbers and the losses on the way
 * are: bytes, events, and those that another reader of the ring has. Errors are those of reading.
 */
int tally_file(const struct tdat_file_plan *f, struct totals *t, struct err *e);

/* "<outdir>/<name><suffix>" into @to. */
const char *store_path(const struct store *st, const char *suffix, char *to, size_t room);
/* The same of a part: .meta, .data or .plan. */
const char *store_part_path(const struct store *st, const char *suffix, char *to, size_t room);

#endif
