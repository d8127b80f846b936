// SPDX-License-Identifier: GPL-2.0
/*
 * cursor.c - the events of one CPU of one buffer, in the order of the file
 *
 * Theory of operation
 *
 * The pages come from pages.c, which knows where they are and how they are packed; here each is
 * walked. A broken page ends that page, and the next call goes on with the next one. Events lost
 * before a page without events are told with the next event.
 */
#include "tracedat/reader_local.h"

#include <errno.h>

struct tdat_cursor {
	const struct tdat_file *f; /* borrowed */
	struct tdat_pages *pages;  /* owned */
	uint32_t cpu;
	struct page_layout layout;
	const uint8_t *page; /* borrowed from .pages */
	struct page_walk walk;
	bool walking;
	int64_t lost; /* not told yet */
};

struct tdat_cursor *tdat_cursor_new(struct tdat_file *f, size_t buffer, size_t cpu_index,
				    struct err *e)
{
	struct tdat_cursor *c = calloc(1, sizeof(*c));

	if (!c) {
		err_set(e, ENOMEM, "no memory to read %s", f->path);
		return NULL;
	}
	c->pages = tdat_pages_new(f, buffer, cpu_index, e);
	if (!c->pages) {
		free(c);
		return NULL;
	}
	c->f = f;
	c->cpu = f->buffers[buffer].cpus[cpu_index].cpu;
	c->layout = f->head.layout;
	c->layout.size = f->buffers[buffer].page_size;
	return c;
}

void tdat_cursor_free(struct tdat_cursor *c)
{
	if (!c)
		return;
	tdat_pages_free(c->pages);
	free(c);
}

/* 1: a page was begun; 0: the end; else an error. */
static int next_page(struct tdat_cursor *c, struct err *e)
{
	int rc = tdat_pages_next(c->pages, &c->page, e);

	if (rc <= 0)
		return rc;
	page_walk_begin(&c->walk, &c->layout, c->page);
	c->lost = page_lost_sum(c->lost, c->walk.lost);
	c->walking = true;
	return 1;
}

int tdat_cursor_next(struct tdat_cursor *c, struct tdat_event *ev, struct err *e)
{
	struct page_record rec;

	while (!c->walking || !page_walk_next(&c->walk, &rec)) {
		int rc;

		if (c->walking) {
			c->walking = false;
			if (c->walk.broken)
				return err_say(e, EPROTO, "%s: the page at offset %#llx is damaged",
					       c->f->path,
					       (unsigned long long)pages_offset(c->pages));
		}
		rc = next_page(c, e);
		if (rc <= 0)
			return rc;
	}
	*ev = (struct tdat_event){
		.ts = rec.ts,
		.data = rec.data,
		.size = rec.size,
		.cpu = c->cpu,
		.lost = c->lost,
		.offset = pages_offset(c->pages) + (uint64_t)(rec.data - c->page),
	};
	c->lost = 0;
	return 1;
}
