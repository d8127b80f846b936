/* SPDX-License-Identifier: GPL-2.0 */
/*
 * head.h - the metadata of a trace.dat: what a reader must know before it can read a page
 *
 * A head is the same thing in three places: the beginning of a version 6 file, the metadata that a
 * guest sends over the wire, and (cut in sections) the metadata of a version 7 file. It is parsed
 * into views of the bytes that it came in; those must outlive it.
 */
#ifndef TRACEDAT_HEAD_H
#define TRACEDAT_HEAD_H

#include "base/io.h"
#include "tracedat/page.h"

/* Option ids of both file versions: see trace-cmd.dat.v6(5) and v7(5), of the stock trace-cmd. */
enum tdat_option_id {
	TDAT_OPT_DONE = 0,
	TDAT_OPT_DATE = 1,
	TDAT_OPT_CPUSTAT = 2,
	TDAT_OPT_BUFFER = 3,
	TDAT_OPT_TRACECLOCK = 4,
	TDAT_OPT_UNAME = 5,
	TDAT_OPT_HOOK = 6,
	TDAT_OPT_OFFSET = 7,
	TDAT_OPT_CPUCOUNT = 8,
	TDAT_OPT_VERSION = 9,
	TDAT_OPT_PROCMAPS = 10,
	TDAT_OPT_TRACEID = 11,
	TDAT_OPT_TIME_SHIFT = 12,
	TDAT_OPT_GUEST = 13,
	TDAT_OPT_TSC2NSEC = 14,
	TDAT_OPT_STRINGS = 15,
	TDAT_OPT_HEADER_INFO = 16,
	TDAT_OPT_FTRACE_EVENTS = 17,
	TDAT_OPT_EVENT_FORMATS = 18,
	TDAT_OPT_KALLSYMS = 19,
	TDAT_OPT_PRINTK = 20,
	TDAT_OPT_CMDLINES = 21,
	TDAT_OPT_BUFFER_TEXT = 22,
	TDAT_OPT_BTF_FILE = 23,
	TDAT_OPT_LAST_BOOT = 24,
	TDAT_OPT_MODULES = 25,
};

/* A range of bytes, borrowed. */
struct view {
	const uint8_t *p;
	size_t len;
};

struct tdat_option {
	uint16_t id;
	struct view data;
};

struct tdat_head {
	bool big;	    /* byte order of the traced machine */
	uint8_t long_size;  /* 4 or 8 */
	uint32_t page_size; /* of the traced machine, bytes */
	struct page_layout layout;
	/* The blocks, as they are stored in version 6 (views of the input). */
	struct view header_page, header_event;	/* texts */
	struct view ftrace_formats;		/* block 3 whole: count, then {size, text} */
	struct view event_formats;		/* block 4 whole: systems */
	struct view kallsyms, printk, cmdlines; /* texts */
	uint32_t cpus;				/* 0 when the input ended before */
	struct tdat_option *options;		/* owned array of views */
	size_t noptions;
	size_t used; /* bytes of the input that the head takes */
	/*
	 * Where the input ended, for a head from the wire: V1/V2 metadata end after cmdlines, V3's
	 * and ours after the options. A V1 client of stock 3.1.6 omits cmdlines (then
	 * .no_cmdlines).
	 */
	bool no_cmdlines, no_cpus, no_options;
};

/*
 * Parse the first blocks of a version 6 file from @bytes, which are borrowed. May stop after
 * cmdlines, after the CPU count, or after the options; anything behind the options is left
 * (head->used). -EPROTO with the offset and what was expected there; -ENODATA where it is cut.
 */
int tdat_head_parse(struct tdat_head *head, const uint8_t *bytes, size_t len, struct err *e);
void tdat_head_free(struct tdat_head *head); /* frees .options, not the bytes */

/* Add raw option records {u16 id, u32 size, data} in head's byte order (no end mark needed). */
int tdat_head_add_options(struct tdat_head *head, const uint8_t *bytes, size_t len, struct err *e);
const struct tdat_option *tdat_head_option(const struct tdat_head *head, uint16_t id); /* or NULL */

/*
 * One format text at a time: out of .ftrace_formats (@system is then "ftrace") or .event_formats.
 * Start with it = {0}; true while there is one; it->bad says whether the block was malformed.
 */
struct tdat_format_iter {
	const char *system; /* borrowed, NUL-terminated inside the block */
	struct view text;
	bool bad;
	size_t at; /* private */
	uint32_t systems_left, events_left;
	bool begun;
};

bool tdat_next_ftrace_format(const struct tdat_head *head, struct tdat_format_iter *it);
bool tdat_next_event_format(const struct tdat_head *head, struct tdat_format_iter *it);
/* Is there any of both? Without, no record can be read. */
bool tdat_head_has_formats(const struct tdat_head *head);

/*
 * Building a head (the traced machine, always in its own byte order): append the blocks in order to
 * a buf; the result is what a file of version 6 begins with and what goes over the wire.
 */
int tdat_put_start(struct buf *to, uint32_t page_size, struct err *e);
int tdat_put_headers(struct buf *to, struct view header_page, struct view header_event,
		     struct err *e);
/* kallsyms, printk: u32 size; cmdlines: u64 size. */
int tdat_put_text32(struct buf *to, struct view text, struct err *e);
int tdat_put_text64(struct buf *to, struct view text, struct err *e);
int tdat_put_u32(struct buf *to, uint32_t v, struct err *e);
/* The "options  " tag; then tdat_put_option() records; then tdat_put_options_end(). */
int tdat_put_options_begin(struct buf *to, struct err *e);
int tdat_put_option(struct buf *to, uint16_t id, const void *data, uint32_t len, struct err *e);
int tdat_put_options_end(struct buf *to, struct err *e);

/*
 * Metadata of either version, as a V3 client sends them, become a head of version 6 with its
 * options (version 7: sections are unpacked, their options are left out). @bytes is a file without
 * data. Appends to @to; *version is what it was.
 */
int tdat_head_flatten(const uint8_t *bytes, size_t len, struct buf *to, int *version,
		      struct err *e);

/* The same of a head that is parsed already: its blocks, .cpus and options, in its byte order. */
int tdat_head_put(const struct tdat_head *head, struct buf *to, struct err *e);

#endif
