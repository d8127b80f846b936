/* SPDX-License-Identifier: GPL-2.0 */
/* local.h - what the files of tracedat/ share and nobody else sees */
#ifndef TRACEDAT_LOCAL_H
#define TRACEDAT_LOCAL_H

#include "base/cursor.h"
#include "tracedat/head.h"
#include "tracedat/reader.h"

/* Limits for what a file or a guest may announce; each is far above what is in use. */
enum {
	TDAT_MAX_CPUS = 1 << 16,
	TDAT_MAX_OPTIONS = 1 << 16,
	TDAT_MAX_BUFFERS = 1 << 10,
	TDAT_MAX_TABLE = 1 << 20, /* entries in the CPU tables of all buffers together */
	TDAT_MAX_CHAIN = 1 << 12, /* options sections */
	TDAT_MAX_PAGE = 1 << 26,  /* bytes of a page; also of a decompressed chunk */
	TDAT_MAX_META = 1 << 28,  /* bytes of all decompressed metadata of a file */
};

#define TDAT_MAGIC     "\x17\x08\x44tracing"
#define TDAT_MAGIC_LEN 10
#define TAG_LEN	       10
#define TAG_OPTIONS    "options  "
#define TAG_FLYRECORD  "flyrecord"
#define TAG_LATENCY    "latency  "

/* No string id in a section header. */
#define TDAT_NO_STRING 0xffffffffU
#define SECTION_LEN    16
#define SECTION_PACKED 1 /* flag: the body is compressed */

static inline bool is_pow2(uint64_t n)
{
	return n && !(n & (n - 1));
}

static inline bool view_is(struct view v, const char *text, size_t n)
{
	return v.len >= n && !memcmp(v.p, text, n);
}

/* --- head.c: the blocks, one by one. @c stands at the block; @base + offset is for error texts. */

/* A place in a file or in a decompressed section of it. */
struct place {
	struct rcur c;
	const uint8_t *start; /* where .c began, for offsets in error texts */
	uint64_t base;	      /* offset of .start in the file */
	const char *where;    /* "" or " of the section ..." behind the offset in error texts */
};

struct place place_make(const void *p, size_t n, bool big, uint64_t base, const char *where);
uint64_t place_at(const struct place *pl);
/* "trace.dat: WHAT expected at offset N, but the data end there" (-ENODATA) */
int place_cut(const struct place *pl, const char *what, struct err *e);
/* "trace.dat: WHAT at offset N ..." (-EPROTO) */
int place_bad(const struct place *pl, const char *what, struct err *e);

int head_parse_headers(struct tdat_head *head, struct place *pl, struct err *e);
int head_parse_ftrace(struct tdat_head *head, struct place *pl, struct err *e);
int head_parse_systems(struct tdat_head *head, struct place *pl, struct err *e);
/* A text behind a size of @size_bytes (4 or 8). */
int head_parse_text(struct view *to, struct place *pl, size_t size_bytes, const char *what,
		    struct err *e);
/*
 * Option records up to and with the end mark, which has a payload in version 7: that is *next
 * (NULL: version 6). Without @need_end the records may also just end.
 */
int head_parse_options(struct tdat_head *head, struct place *pl, uint64_t *next, bool need_end,
		       struct err *e);
/* Byte order, size of long, page size: behind the version text in both versions. */
int head_parse_machine(struct tdat_head *head, struct place *pl, struct err *e);

#endif
