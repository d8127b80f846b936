// SPDX-License-Identifier: GPL-2.0
/*
 * out.c - the output file of the writer
 *
 * Theory of operation
 *
 * Small pieces are gathered in memory and written in large ones; pages are copied file to file in
 * the kernel. Padding is not written: the file is simply continued further on, and what was left
 * out reads as zeros. Fields whose value is known later are patched in the file.
 *
 * Invariant: after out_end() without error the file has exactly .at bytes.
 */
#include "tracedat/out.h"

#include <errno.h>
#include <unistd.h>

enum { PENDING_MAX = 1 << 18 };

static void out_flush(struct out *o)
{
	size_t n = o->pending.len;

	if (!o->rc && n && !o->dry)
		o->rc = pwrite_all(o->fd, o->pending.data, n, o->at - n, o->path, o->e);
	o->pending.len = 0;
}

void out_mem(struct out *o, const void *from, size_t n)
{
	if (o->rc || !n)
		return;
	if (!o->mem && n >= PENDING_MAX) {
		out_flush(o);
		if (!o->rc && !o->dry)
			o->rc = pwrite_all(o->fd, from, n, o->at, o->path, o->e);
		o->at += n;
		return;
	}
	if (buf_add(o->mem ? o->mem : &o->pending, from, n)) {
		o->rc = err_set(o->e, ENOMEM, "no memory to write %s", o->path);
		return;
	}
	o->at += n;
	if (o->pending.len >= PENDING_MAX)
		out_flush(o);
}

void out_uint(struct out *o, uint64_t v, size_t size)
{
	uint8_t bytes[8];
	struct wcur w = wcur_make(bytes, sizeof(bytes), o->big);

	wcur_uint(&w, v, size);
	out_mem(o, bytes, size);
}

void out_text(struct out *o, const char *text)
{
	out_mem(o, text, strlen(text) + 1);
}

void out_align(struct out *o, uint64_t align)
{
	out_flush(o);
	o->at = align_up(o->at, align);
}

void out_skip(struct out *o, uint64_t n)
{
	out_flush(o);
	o->at += n;
}

void out_patch_mem(struct out *o, uint64_t off, const void *from, size_t n)
{
	out_flush(o);
	if (!o->rc && !o->dry)
		o->rc = pwrite_all(o->fd, from, n, off, o->path, o->e);
}

void out_patch(struct out *o, uint64_t off, uint64_t v, size_t size)
{
	uint8_t bytes[8];
	struct wcur w = wcur_make(bytes, sizeof(bytes), o->big);

	wcur_uint(&w, v, size);
	out_patch_mem(o, off, bytes, size);
}

void out_extents(struct out *o, const struct tdat_cpu_data *cpu)
{
	out_flush(o);
	for (size_t i = 0; i < cpu->nextents; i++) {
		const struct tdat_extent *x = &cpu->extents[i];

		if (!o->rc && !o->dry && !o->in_place)
			o->rc = copy_range(x->fd, x->off, o->fd, o->at, x->len, o->e);
		o->at += x->len;
	}
}

int out_end(struct out *o)
{
	out_flush(o);
	buf_free(&o->pending);
	packer_free(o->packer);
	o->packer = NULL;
	if (!o->rc && !o->dry && ftruncate(o->fd, (off_t)o->at))
		o->rc = err_set(o->e, errno, "cannot set the size of %s", o->path);
	return o->rc;
}
