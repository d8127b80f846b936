// SPDX-License-Identifier: GPL-2.0
/*
 * cursor.c - the events of one CPU of one buffer, in the order of the file
 *
 * Theory of operation
 *
 * A cursor has a run of whole pages in memory: for an uncompressed file that is the CPU's range of
 * the mapping, for a compressed one the chunk that was decompressed last. Pages are walked one
 * after the other; at the end of the run the next chunk is decompressed.
 *
 * Damage costs what it hits: a broken page ends that page, a chunk that does not decompress is
 * skipped, and a file that is cut is reported once, behind its last whole page. Events lost before
 * a page without events are told with the next event.
 */
#include "tracedat/reader_local.h"

#include <errno.h>

struct tdat_cursor {
	const struct tdat_file *f;	   /* borrowed */
	const struct tdat_file_buffer *b;  /* borrowed */
	const struct tdat_file_cpu *where; /* borrowed */
	struct page_layout layout;
	struct page_walk walk;
	bool walking;
	int64_t lost; /* not told yet */

	const uint8_t *run;   /* whole pages */
	size_t run_len, next; /* .next: offset in .run of the next page */
	uint64_t run_off;     /* what tdat_event.offset is at .run */

	struct rcur chunks; /* compressed: the chunks to come */
	uint32_t chunks_left;
	struct unpacker *unpacker;
	uint8_t *mem; /* owned; .run of a compressed file */
	size_t room;
	bool cut; /* the end of the data is missing, not told yet */
};

static int64_t lost_sum(int64_t a, int64_t b)
{
	return a == PAGE_LOST_UNKNOWN || b == PAGE_LOST_UNKNOWN || a > INT64_MAX - b
		       ? PAGE_LOST_UNKNOWN
		       : a + b;
}

/* Stock 3.1.6 does not count the four bytes of the number of chunks in the table's size. */
static int begin_chunks(struct tdat_cursor *c, struct err *e)
{
	struct place pl = file_place(c->f, c->where->off);

	c->chunks = rcur_make(pl.c.p, (size_t)min_u64(c->where->len + 4, pl.c.left), pl.c.big);
	c->chunks_left = c->where->len ? rcur_u32(&c->chunks) : 0;
	c->unpacker = unpacker_new(c->f->method, e);
	return c->unpacker ? 0 : -ENOMEM;
}

struct tdat_cursor *tdat_cursor_new(struct tdat_file *f, size_t buffer, size_t cpu_index,
				    struct err *e)
{
	struct tdat_cursor *c;

	if (buffer >= f->nbuffers || cpu_index >= f->buffers[buffer].ncpus) {
		err_say(e, EINVAL, "%s: no such buffer and CPU", f->path);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		err_set(e, ENOMEM, "no memory to read %s", f->path);
		return NULL;
	}
	c->f = f;
	c->b = &f->buffers[buffer];
	c->where = &c->b->cpus[cpu_index];
	c->layout = f->head.layout;
	c->layout.size = c->b->page_size;
	c->cut = c->where->missing;
	c->run_off = c->where->off;
	if (c->b->compressed) {
		if (begin_chunks(c, e)) {
			tdat_cursor_free(c);
			return NULL;
		}
	} else if (c->where->len) {
		c->run = f->map + c->where->off;
		c->run_len = (size_t)c->where->len;
	}
	return c;
}

void tdat_cursor_free(struct tdat_cursor *c)
{
	if (!c)
		return;
	unpacker_free(c->unpacker);
	free(c->mem);
	free(c);
}

static int cursor_room(struct tdat_cursor *c, size_t n, struct err *e)
{
	uint8_t *mem;

	if (n <= c->room)
		return 0;
	mem = realloc(c->mem, n);
	if (!mem)
		return err_set(e, ENOMEM, "no memory for %zu bytes of pages", n);
	c->mem = mem;
	c->room = n;
	return 0;
}

/* Fill .run with the next chunk. */
static int next_chunk(struct tdat_cursor *c, struct err *e)
{
	uint32_t packed = rcur_u32(&c->chunks), n = rcur_u32(&c->chunks);
	const uint8_t *from = rcur_take(&c->chunks, packed);
	uint64_t at = from ? (uint64_t)(from - c->f->map) : 0;
	int rc;

	c->run_off += c->run_len;
	c->run_len = c->next = 0;
	c->chunks_left--;
	if (!from) {
		c->chunks_left = 0;
		c->cut = false;
		return err_say(e, ENODATA, "%s: CPU %u: the chunks of pages at %#llx are cut",
			       c->f->path, c->where->cpu, (unsigned long long)c->where->off);
	}
	if (!n || n > TDAT_MAX_PAGE || n % c->layout.size)
		return err_say(e, EPROTO, "%s: the chunk at offset %#llx has no whole pages",
			       c->f->path, (unsigned long long)at);
	rc = cursor_room(c, n, e);
	if (rc)
		return rc;
	rc = unpack(c->unpacker, c->mem, n, from, packed, e);
	if (rc)
		return err_prefix(e, "%s: offset %#llx", c->f->path, (unsigned long long)at);
	c->run = c->mem;
	c->run_len = n;
	return 0;
}

/* 1: a page was begun; 0: the end; else an error. */
static int next_page(struct tdat_cursor *c, struct err *e)
{
	while (c->next >= c->run_len) {
		int rc;

		if (!c->chunks_left)
			break;
		rc = next_chunk(c, e);
		if (rc)
			return rc;
	}
	if (c->next < c->run_len) {
		page_walk_begin(&c->walk, &c->layout, c->run + c->next);
		c->next += c->layout.size;
		c->lost = lost_sum(c->lost, c->walk.lost);
		c->walking = true;
		return 1;
	}
	if (!c->cut)
		return 0;
	c->cut = false;
	return err_say(e, ENODATA, "%s: CPU %u: the last %llu bytes are missing, the file was cut",
		       c->f->path, c->where->cpu, (unsigned long long)c->where->missing);
}

int tdat_cursor_next(struct tdat_cursor *c, struct tdat_event *ev, struct err *e)
{
	struct page_record rec;

	for (;;) {
		if (c->walking && page_walk_next(&c->walk, &rec))
			break;
		if (c->walking) {
			c->walking = false;
			if (c->walk.broken)
				return err_say(e, EPROTO, "%s: the page at offset %#llx is damaged",
					       c->f->path,
					       (unsigned long long)(c->run_off + c->next -
								    c->layout.size));
		}
		int rc = next_page(c, e);

		if (rc <= 0)
			return rc;
	}
	*ev = (struct tdat_event){
		.ts = rec.ts,
		.data = rec.data,
		.size = rec.size,
		.cpu = c->where->cpu,
		.lost = c->lost,
		.offset = c->run_off + (uint64_t)(rec.data - c->run),
	};
	c->lost = 0;
	return 1;
}
