// SPDX-License-Identifier: GPL-2.0
/*
 * out_data.c - the pages of a CPU, and latency text, on their way into the output file
 *
 * Theory of operation
 *
 * Pages come from extents of files, from a source that makes them, or a text lies in memory; they
 * go into the file as they are or in compressed chunks. A feed makes the three ways in one. Only
 * the most common pair needs no memory: extents that are not compressed are copied in the kernel.
 *
 * Memory: one chunk, whatever the size of the file.
 */
#include "tracedat/out.h"

#include <errno.h>

enum {
	CHUNK_PAGES = 10,    /* as the stock tool has it */
	COPY_SIZE = 1 << 18, /* bytes in one go when nothing is compressed */
};

struct feed {
	struct out *o;			 /* for its errors */
	const struct tdat_cpu_data *cpu; /* NULL: .text */
	struct view text;
	uint32_t page_size;
	size_t extent; /* number of the extent that is being read */
	uint64_t at;   /* in that extent, or in the text */
};

static size_t feed_text(struct feed *f, uint8_t *to, size_t room)
{
	size_t n = (size_t)min_u64(room, f->text.len - f->at);

	if (n)
		memcpy(to, f->text.p + f->at, n);
	f->at += n;
	return n;
}

static size_t feed_extents(struct feed *f, uint8_t *to, size_t room)
{
	struct out *o = f->o;
	size_t n = 0;

	while (!o->rc && n < room && f->extent < f->cpu->nextents) {
		const struct tdat_extent *x = &f->cpu->extents[f->extent];
		size_t part = (size_t)min_u64(room - n, x->len - f->at);

		o->rc = pread_all(x->fd, to + n, part, x->off + f->at, "a part file", o->e);
		n += part;
		f->at += part;
		if (f->at == x->len) {
			f->extent++;
			f->at = 0;
		}
	}
	return n;
}

static size_t feed_source(struct feed *f, uint8_t *to, size_t room)
{
	struct tdat_page_source *src = f->cpu->source;
	struct out *o = f->o;
	size_t n = 0;

	while (!o->rc && n < room) {
		int64_t got = src->read(src, to + n, room - n, o->e);

		if (!got)
			break;
		if (got < 0)
			o->rc = (int)got;
		else if ((uint64_t)got > room - n || got % f->page_size)
			o->rc = err_say(o->e, EINVAL, "%s: %lld bytes are not whole pages", o->path,
					(long long)got);
		else
			n += (size_t)got;
	}
	return n;
}

/* The next bytes: @room of them but at the end; 0 there, and after an error. */
static size_t feed_read(struct feed *f, uint8_t *to, size_t room)
{
	size_t n;

	if (!f->cpu)
		n = feed_text(f, to, room);
	else if (f->cpu->source)
		n = feed_source(f, to, room);
	else
		n = feed_extents(f, to, room);
	return f->o->rc ? 0 : n;
}

static size_t chunk_size(const struct out *o, uint32_t page_size)
{
	uint64_t n = (uint64_t)CHUNK_PAGES * page_size;

	if (!o->packer)
		return (size_t)max_u64(page_size, COPY_SIZE);
	return (size_t)(n > TDAT_MAX_PAGE ? page_size : n);
}

static void put_packed(struct out *o, const uint8_t *from, size_t n)
{
	struct view packed;

	if (!o->rc)
		o->rc = pack(o->packer, from, n, &packed, o->e);
	if (o->rc)
		return;
	out_uint(o, packed.len, 4);
	out_uint(o, n, 4);
	out_mem(o, packed.p, packed.len);
}

void out_block(struct out *o, const void *from, size_t n)
{
	if (o->packer)
		put_packed(o, from, n);
	else
		out_mem(o, from, n);
}

/* All of @f; @n bytes at @mem were read already. */
static void put_feed(struct out *o, struct feed *f, uint8_t *mem, size_t n, size_t room)
{
	uint64_t start = o->at;
	uint32_t chunks = 0;

	if (o->packer)
		out_uint(o, 0, 4);
	for (; n && !o->rc; n = feed_read(f, mem, room), chunks++)
		out_block(o, mem, n);
	if (o->packer)
		out_patch(o, start, chunks, 4);
}

static uint8_t *chunk_memory(struct out *o, size_t room)
{
	uint8_t *mem = o->rc ? NULL : malloc(room);

	if (!mem && !o->rc)
		o->rc = err_set(o->e, ENOMEM, "no memory for %zu bytes of pages", room);
	return mem;
}

void out_latency(struct out *o, const char *text, size_t len, uint32_t page_size)
{
	struct feed f = { .o = o, .text = { (const uint8_t *)text, len } };
	size_t room = chunk_size(o, page_size);
	AUTO_FREE uint8_t *mem = NULL;

	if (!o->packer) {
		out_mem(o, text, len);
		return;
	}
	mem = chunk_memory(o, room);
	if (mem)
		put_feed(o, &f, mem, feed_read(&f, mem, room), room);
}

/* Align, and note where the first page of the file is. */
static void begin_pages(struct out *o, uint64_t align)
{
	out_align(o, align);
	if (!o->data)
		o->data = o->at;
}

/* Through memory. */
static void put_pages(struct out *o, const struct tdat_cpu_data *cpu, uint32_t page_size,
		      uint64_t align, struct out_range *to)
{
	struct feed f = { .o = o, .cpu = cpu, .page_size = page_size };
	size_t room = chunk_size(o, page_size), n;
	AUTO_FREE uint8_t *mem = chunk_memory(o, room);

	n = mem ? feed_read(&f, mem, room) : 0;
	if (!n)
		return;
	begin_pages(o, align);
	to->off = o->at;
	put_feed(o, &f, mem, n, room);
	to->len = o->at - to->off - (o->packer ? 4 : 0);
}

void out_cpu(struct out *o, const struct tdat_cpu_data *cpu, uint32_t page_size, uint64_t align,
	     struct out_range *to)
{
	*to = (struct out_range){ align_up(o->at, align), 0 };
	if (!cpu->source && !cpu_bytes(cpu))
		return;
	if (!o->dry && (cpu->source || o->packer)) {
		put_pages(o, cpu, page_size, align, to);
		return;
	}
	begin_pages(o, align);
	to->len = cpu_bytes(cpu);
	if (!cpu->source)
		out_extents(o, cpu);
}
