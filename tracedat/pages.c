// SPDX-License-Identifier: GPL-2.0
/*
 * pages.c - the pages of one CPU of one buffer, in the order of the file
 *
 * Theory of operation
 *
 * There is always a run of whole pages in memory: for an uncompressed file that is the CPU's range
 * of the mapping, for a compressed one the chunk that was decompressed last. Pages are handed out
 * one after the other; at the end of the run the next chunk is decompressed.
 *
 * Damage costs what it hits: a chunk that does not decompress is skipped, and a file that is cut is
 * reported once, behind its last whole page. What is in a page is not looked at.
 *
 * What was read is let go of, LET_GO at a time, so that a file of any size takes as much of our
 * memory as a small one. It stays in the kernel's cache, and whoever looks at it again finds it
 * there.
 */
#include "tracedat/reader_local.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Stock 3.1.6 does not count the four bytes of the number of chunks in the table's size. */
enum { UNCOUNTED = 4 };

enum { LET_GO = 1 << 18 }; /* bytes */

struct tdat_pages {
	const struct tdat_file *f;	   /* borrowed */
	const struct tdat_file_cpu *where; /* borrowed */
	uint32_t page_size;

	const uint8_t *run;   /* whole pages */
	size_t run_len, next; /* .next: offset in .run of the next page */
	uint64_t run_off;     /* what pages_offset() is at .run */

	struct rcur chunks; /* compressed: the chunks to come */
	uint32_t chunks_left;
	struct unpacker *unpacker;
	uint8_t *mem; /* owned; .run of a compressed file */
	size_t room;
	bool cut;      /* the end of the data is missing, not told yet */
	uint64_t held; /* offset in the file: what was read before it is let go of */
};

static int begin_chunks(struct tdat_pages *p, struct err *e)
{
	struct place pl = file_place(p->f, p->where->off);

	p->chunks =
		rcur_make(pl.c.p, (size_t)min_u64(p->where->len + UNCOUNTED, pl.c.left), pl.c.big);
	p->chunks_left = p->where->len ? rcur_u32(&p->chunks) : 0;
	p->unpacker = unpacker_new(p->f->method, e);
	return p->unpacker ? 0 : -ENOMEM;
}

struct tdat_pages *tdat_pages_new(struct tdat_file *f, size_t buffer, size_t cpu_index,
				  struct err *e)
{
	const struct tdat_file_buffer *b;
	struct tdat_pages *p;

	if (buffer >= f->nbuffers || cpu_index >= f->buffers[buffer].ncpus) {
		err_say(e, EINVAL, "%s: no such buffer and CPU", f->path);
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		err_set(e, ENOMEM, "no memory to read %s", f->path);
		return NULL;
	}
	b = &f->buffers[buffer];
	p->f = f;
	p->where = &b->cpus[cpu_index];
	p->page_size = b->page_size;
	p->cut = p->where->missing;
	p->run_off = p->held = p->where->off;
	if (!b->compressed && p->where->len) {
		p->run = f->map + p->where->off;
		p->run_len = (size_t)p->where->len;
	} else if (b->compressed && begin_chunks(p, e)) {
		tdat_pages_free(p);
		return NULL;
	}
	return p;
}

void tdat_pages_free(struct tdat_pages *p)
{
	if (!p)
		return;
	unpacker_free(p->unpacker);
	free(p->mem);
	free(p);
}

/* Everything before @upto, in the mapping, was read. */
static void let_go(struct tdat_pages *p, const uint8_t *upto)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), at = (uint64_t)(upto - p->f->map);
	uint64_t from = (p->held + page - 1) / page * page, to = at / page * page;

	if (!p->f->mapped || at - p->held < LET_GO || to <= from)
		return;
	madvise((void *)(uintptr_t)(p->f->map + from), to - from, MADV_DONTNEED);
	p->held = to;
}

static int reserve(struct tdat_pages *p, size_t n, struct err *e)
{
	uint8_t *mem;

	if (n <= p->room)
		return 0;
	mem = realloc(p->mem, n);
	if (!mem)
		return err_set(e, ENOMEM, "no memory for %zu bytes of pages", n);
	p->mem = mem;
	p->room = n;
	return 0;
}

/* Fill .run with the next chunk. */
static int next_chunk(struct tdat_pages *p, struct err *e)
{
	uint64_t at = (uint64_t)(p->chunks.p - p->f->map);
	uint32_t packed = rcur_u32(&p->chunks), n = rcur_u32(&p->chunks);
	const uint8_t *from = rcur_take(&p->chunks, packed);
	int rc;

	p->run_off += p->run_len;
	p->run_len = p->next = 0;
	p->chunks_left--;
	if (!from) {
		p->chunks_left = 0;
		p->chunks.left = 0;
		p->cut = false;
		return err_say(e, ENODATA,
			       "%s: CPU %u: a chunk of pages expected at offset %#llx is cut",
			       p->f->path, p->where->cpu, (unsigned long long)at);
	}
	if (!n || n > TDAT_MAX_PAGE || n % p->page_size)
		return err_say(e, EPROTO,
			       "%s: the chunk at offset %#llx has %u bytes, no pages of %u",
			       p->f->path, (unsigned long long)at, n, p->page_size);
	rc = reserve(p, n, e);
	if (rc)
		return rc;
	rc = unpack(p->unpacker, p->mem, n, from, packed, e);
	if (rc)
		return err_prefix(e, "%s: offset %#llx", p->f->path, (unsigned long long)at);
	let_go(p, from);
	p->run = p->mem;
	p->run_len = n;
	return 0;
}

/* The number of chunks does not fit to the size of the CPU's data: told once. */
static int bytes_behind(struct tdat_pages *p, struct err *e)
{
	uint64_t at = (uint64_t)(p->chunks.p - p->f->map);
	size_t n = p->chunks.left;

	p->chunks.left = 0;
	return err_say(e, EPROTO,
		       "%s: CPU %u: %zu bytes at offset %#llx belong to no chunk of pages",
		       p->f->path, p->where->cpu, n, (unsigned long long)at);
}

int tdat_pages_next(struct tdat_pages *p, const uint8_t **page, struct err *e)
{
	while (p->next >= p->run_len && p->chunks_left) {
		int rc = next_chunk(p, e);

		if (rc)
			return rc;
	}
	if (p->next < p->run_len) {
		if (p->run != p->mem)
			let_go(p, p->run + p->next);
		*page = p->run + p->next;
		p->next += p->page_size;
		return 1;
	}
	if (p->chunks.left > UNCOUNTED)
		return bytes_behind(p, e);
	if (!p->cut)
		return 0;
	p->cut = false;
	return err_say(e, ENODATA,
		       "%s: CPU %u: the last %llu bytes, expected at offset %#llx, are missing: %s",
		       p->f->path, p->where->cpu, (unsigned long long)p->where->missing,
		       (unsigned long long)(p->where->off + p->where->len), "the file was cut");
}

uint64_t pages_offset(const struct tdat_pages *p)
{
	return p->run_off + p->next - p->page_size;
}
