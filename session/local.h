/* SPDX-License-Identifier: GPL-2.0 */
/* local.h - what store.c and assemble.c share */
#ifndef SESSION_LOCAL_H
#define SESSION_LOCAL_H

#include "session/store.h"
#include "tracedat/head.h"

struct store {
	const struct store_place *place; /* borrowed */
	char name[STORE_NAME_MAX];
	int meta;		 /* flock'ed */
	uint64_t meta_len, kept; /* bytes: written; those that stay when a tail is cut */
	bool stay;		 /* the sources are not ours to remove */
	int parts[MSG_MAX_CPUS]; /* -1: none */
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

/* "<outdir>/<name><suffix>" into @to. */
const char *store_path(const struct store *st, const char *suffix, char *to, size_t room);

#endif
