/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fixture.h - made-up machines, pages and heads for tests of trace.dat files
 *
 * A test includes fixture.c after its own includes (a unit test is one source file). All bytes are
 * laid out here by hand, in any byte order and size of long, so that the code under test is not its
 * own judge. Failures abort: a fixture that cannot be made is no test result.
 */
#ifndef TESTS_TRACEDAT_FIXTURE_H
#define TESTS_TRACEDAT_FIXTURE_H

#include "tracedat/writer.h"

enum { FX_TICK_ID = 1001, FX_TICK_SIZE = 12, FX_STEP = 1000 };

struct fx_machine {
	const char *name; /* for test names */
	bool big;
	uint8_t long_size;     /* 4 or 8 */
	uint32_t page_size;    /* bytes of a sub-buffer */
	uint32_t machine_page; /* bytes of a page of its memory; 0: the same */
};

extern const struct fx_machine fx_le64, fx_be64, fx_le32, fx_be32, fx_sub8k;

struct page_layout fx_layout(const struct fx_machine *m);

/* Numbers in the machine's byte order. */
void fx_uint(const struct fx_machine *m, struct buf *to, uint64_t v, size_t size);
void fx_mem(struct buf *to, const void *from, size_t n);
void fx_text(struct buf *to, const char *text); /* with NUL */
/* Option record. */
void fx_option(const struct fx_machine *m, struct buf *to, uint16_t id, const void *data,
	       size_t len);

/* A whole version 6 head as a guest would send it: one event (fixture:tick), options, end mark. */
struct fx_head_plan {
	uint32_t cpus;
	const char *clock;	 /* NULL: no TRACECLOCK option */
	bool no_cpus;		 /* stop behind cmdlines */
	bool no_options;	 /* stop behind the CPU count */
	bool wire_buffer_option; /* BUFFER with offset 0, as clients with an instance send */
};

void fx_head(const struct fx_machine *m, const struct fx_head_plan *plan, struct buf *to);

/* One page under construction. */
struct fx_page {
	const struct fx_machine *m;
	struct buf bytes; /* header and records so far */
};

void fx_page_begin(struct fx_page *p, const struct fx_machine *m, uint64_t ts);
void fx_word(struct fx_page *p, uint32_t type, uint32_t delta);
void fx_record(struct fx_page *p, uint32_t delta, const void *data, size_t len); /* len % 4 == 0 */
void fx_long_record(struct fx_page *p, uint32_t delta, const void *data, size_t len);
void fx_tick(struct fx_page *p, uint32_t delta, uint32_t seq); /* a fixture:tick event */
/*
 * Finish: set the commit word with @flags (bits 31, 30; bit 31 is copied to the upper half), store
 * @lost behind the data when bit 30 is set, fill up, and append the page to @to.
 */
void fx_page_end(struct fx_page *p, uint32_t flags, uint64_t lost, struct buf *to);

/*
 * @n pages of @per_page ticks: seq counts up from @seq, time from @ts by FX_STEP a tick. When @lost
 * is not 0, the second page says so (PAGE_LOST_UNKNOWN: bit 31 only).
 */
void fx_pages(const struct fx_machine *m, unsigned int n, unsigned int per_page, uint32_t seq,
	      uint64_t ts, int64_t lost, struct buf *to);

uint32_t fx_seq(const struct fx_machine *m, const uint8_t *data); /* of a tick's payload */

/*
 * A whole file through tdat_write(). Each CPU's pages come in two extents. Tick number k of CPU c
 * in buffer b has seq = fx_first_seq(b, c) + k and time 1000000 + c + FX_STEP * k, so times are
 * unique over the CPUs of a buffer.
 */
struct fx_file {
	const char *name; /* for test names */
	const struct fx_machine *m;
	int version;
	uint32_t cpus;
	unsigned int pages, per_page; /* of each CPU */
	int empty_cpu;		      /* this one has no data; -1: none */
	int64_t lost;		      /* as in fx_pages(): before the second page of each CPU */
	unsigned int instances;
	uint32_t more_cpus; /* CPUs that the instances have more than the head says */
	const char *clock;  /* NULL: local, and no option in the head */
	bool wire_head;	    /* a head that ends behind cmdlines, as from an old client */
	bool wire_buffer_option;
	const char *compression; /* written by tdat_write(); NULL: none */
	bool source;		 /* the pages come from a tdat_page_source, a few at a time */
};

int fx_write(int fd, const struct fx_file *t, struct err *e); /* tdat_write()'s result */
uint32_t fx_first_seq(unsigned int buffer, uint32_t cpu);
uint64_t fx_first_ts(unsigned int buffer, uint32_t cpu);
uint32_t fx_buffer_cpus(const struct fx_file *t, unsigned int buffer);

/* A file without a name with these bytes (NULL: empty), and a path for it while it is open. */
int fx_memfile(const struct buf *bytes);
const char *fx_path(int fd, char path[64]); /* returns @path */

/*
 * The same version 7 file, made by tdat_write(), with all sections and data chunks compressed:
 * @method is "zstd" or "zlib",
 * @pages_per_chunk pages in each chunk.
 */
void fx_compress(const struct fx_machine *m, const struct buf *plain, const char *method,
		 unsigned int pages_per_chunk, struct buf *to);

/* The file of @t in memory, compressed by fx_compress() in chunks of 10 pages unless @method is
 * NULL. */
void fx_make(const struct fx_file *t, const char *method, struct buf *to);

#endif
