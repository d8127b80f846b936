/* SPDX-License-Identifier: GPL-2.0 */
/*
 * reader.h - read a trace.dat of version 6 or 7
 *
 * The file is mapped (or read) and every offset, size and count in it is judged before use: a
 * corrupt file gives an error that names the offset. What is whole before the damage stays
 * readable.
 */
#ifndef TRACEDAT_READER_H
#define TRACEDAT_READER_H

#include "tracedat/head.h"

struct tdat_file; /* opaque */

struct tdat_file_cpu {
	uint32_t cpu;
	uint64_t off, len; /* bytes in the file (compressed ones where the buffer is) */
	uint64_t missing;  /* bytes that the table announces behind them and that are not there */
};

struct tdat_file_buffer {
	char *name;  /* "" = top; owned by the file */
	char *clock; /* one word, "local" when the file does not say */
	uint32_t page_size;
	bool compressed;
	struct tdat_file_cpu *cpus; /* v6: CPUs without data too; v7: those with data */
	size_t ncpus;
};

/*
 * NULL on error: -EPROTO damaged, -ENODATA cut, -ENOTSUP another version or compression. A file
 * that is cut within its pages opens; the cursor meets the cut. tdat_close(NULL) is fine.
 */
struct tdat_file *tdat_open(const char *path, struct err *e);
void tdat_close(struct tdat_file *f);

int tdat_version(const struct tdat_file *f);		 /* 6 or 7 */
const char *tdat_compression(const struct tdat_file *f); /* "none", "zstd", "zlib" */
const char *tdat_path(const struct tdat_file *f);
const struct tdat_head *tdat_head(const struct tdat_file *f);
/* True when the file holds latency text; then *text is it. */
bool tdat_latency_text(const struct tdat_file *f, struct view *text);
size_t tdat_nbuffers(const struct tdat_file *f);
const struct tdat_file_buffer *tdat_buffer(const struct tdat_file *f, size_t i);

/*
 * A cursor over the pages of one CPU of one buffer: events in order. @cpu_index is an index into
 * tdat_file_buffer.cpus. Memory: one chunk of a compressed file, else nothing.
 * Cursors of one file may run in different threads, one thread a cursor.
 */
struct tdat_cursor;

struct tdat_event {
	uint64_t ts;	     /* raw, units of the buffer's clock */
	const uint8_t *data; /* borrowed until the next tdat_cursor_next() */
	uint32_t size;
	uint32_t cpu;
	int64_t lost;	 /* events lost just before this one: 0, count, or PAGE_LOST_UNKNOWN */
	uint64_t offset; /* of the payload in the file; compressed: of the CPU + bytes unpacked */
};

struct tdat_cursor *tdat_cursor_new(struct tdat_file *f, size_t buffer, size_t cpu_index,
				    struct err *e);
void tdat_cursor_free(struct tdat_cursor *c);
/* 1: an event; 0: the end; negative errno: damaged here, and the next call goes on at the next
 * page. */
int tdat_cursor_next(struct tdat_cursor *c, struct tdat_event *ev, struct err *e);

/*
 * The same, page by page: for what copies pages and does not look into them. Whole sub-buffers of
 * tdat_file_buffer.page_size bytes, unpacked where the file is compressed.
 */
struct tdat_pages;

struct tdat_pages *tdat_pages_new(struct tdat_file *f, size_t buffer, size_t cpu_index,
				  struct err *e);
void tdat_pages_free(struct tdat_pages *p); /* NULL is fine */
/* 1: *page (borrowed until the next call); 0: the end; negative errno: damaged or cut here, the
 * next call goes on behind it. */
int tdat_pages_next(struct tdat_pages *p, const uint8_t **page, struct err *e);

#endif
