// SPDX-License-Identifier: GPL-2.0
/*
 * split-copy.c - the pages of a piece: those of the file where they are whole, else built anew
 *
 * Theory of operation
 *
 * A copy goes over the pages of a CPU once, piece after piece, and counts its events as the first
 * pass did (split.c), so a range of numbers says what belongs to a piece. It stands at an event: of
 * a page that begins there and ends within the range the bytes are taken, of any other the events
 * are built into a page. With SPLIT_PAGES all are, one page filled up before the next is begun.
 *
 * What was lost is said by pages, before their first event. Where events of a page are skipped, so
 * is the loss before them; a page without events passes its loss on. Damage is a loss of unknown
 * number, and said.
 *
 * Invariant: while .page is set .rec is its next event if .have, and .at that event's number.
 */
#include "tracedat/split_local.h"

#include <errno.h>
#include "tracedat/page-build.h"
#include "tracedat/reader_local.h"

static void say(const struct split_copy *c, const struct err *e)
{
	if (c->plan->say)
		c->plan->say(c->plan->ctx, e);
}

/* Step to the next event of the page; at its end .have is false. */
static void next_record(struct split_copy *c)
{
	struct err e = { 0 };

	c->have = page_walk_next(&c->walk, &c->rec);
	if (c->have || !c->walk.broken)
		return;
	err_say(&e, EPROTO, "%s: the page at offset %#llx is damaged", c->path,
		(unsigned long long)pages_offset(c->pages));
	say(c, &e);
	c->lost = PAGE_LOST_UNKNOWN;
}

/* The next page, whatever is in it. False: the end. */
static bool next_page(struct split_copy *c)
{
	struct err e = { 0 };
	int rc;

	while (!c->ended) {
		rc = tdat_pages_next(c->pages, &c->page, &e);
		if (rc > 0) {
			page_walk_begin(&c->walk, &c->layout, c->page);
			c->lost = page_lost_sum(c->lost, c->walk.lost);
			c->first = true;
			next_record(c);
			return true;
		}
		c->page = NULL;
		c->ended = !rc;
		if (rc < 0) {
			say(c, &e);
			c->lost = PAGE_LOST_UNKNOWN;
		}
	}
	return false;
}

/* Go past the event. */
static void skip(struct split_copy *c)
{
	c->lost = 0;
	c->first = false;
	c->at++;
	next_record(c);
}

static bool find_event(struct split_copy *c)
{
	while (!c->have && next_page(c))
		;
	return c->have;
}

/* The page is as it is in the file, but perhaps for what was lost before it. */
static bool copy_whole(struct split_copy *c, uint8_t *to)
{
	struct page_walk w = c->walk;
	struct page_record rec;
	uint64_t n = 1;

	if (!c->first || c->plan->unit == SPLIT_PAGES)
		return false;
	while (page_walk_next(&w, &rec))
		n++;
	if (w.broken || c->at + n > c->range.to)
		return false;
	memcpy(to, c->page, c->layout.size);
	if (c->lost != c->walk.lost)
		page_set_lost(&c->layout, to, c->lost);
	c->at += n;
	c->lost = 0;
	c->have = false;
	return true;
}

/* Whether the event that the copy stands at goes into the page that is being built. */
static bool goes_on(struct split_copy *c)
{
	if (c->plan->unit == SPLIT_PAGES)
		find_event(c);
	return c->have && c->at < c->range.to && !c->lost;
}

static int build_page(struct split_copy *c, uint8_t *to, struct err *e)
{
	struct page_build b;

	page_build_begin(&b, &c->layout, to, c->lost);
	do {
		if (!page_build_add(&b, c->rec.ts, c->rec.data, c->rec.size))
			break;
		skip(c);
	} while (goes_on(c));
	if (b.empty) /* it came out of such a page */
		return err_say(e, EPROTO, "%s: an event of %u bytes does not fit into a page",
			       c->path, c->rec.size);
	page_build_end(&b);
	return 0;
}

/* Behind the last event: what was lost there still has to be said. */
static bool last_loss(struct split_copy *c, uint8_t *to)
{
	struct page_build b;

	if (c->range.to != SPLIT_REST || !c->lost)
		return false;
	page_build_begin(&b, &c->layout, to, c->lost);
	b.first_ts = c->walk.ts;
	page_build_end(&b);
	c->lost = 0;
	return true;
}

/* 1: a page was made, 0: the range ends. */
static int make_page(struct split_copy *c, uint8_t *to, struct err *e)
{
	int rc = 0;

	while (find_event(c) && c->at < c->range.from)
		skip(c);
	if (!c->have)
		return last_loss(c, to);
	if (c->at >= c->range.to)
		return 0;
	if (!copy_whole(c, to))
		rc = build_page(c, to, e);
	return rc ? rc : 1;
}

static int64_t read_pages(struct tdat_page_source *src, uint8_t *to, size_t room, struct err *e)
{
	struct split_copy *c = container_of(src, struct split_copy, source);
	size_t n = 0;

	while (room - n >= c->layout.size) {
		int rc = make_page(c, to + n, e);

		if (rc < 0)
			return rc;
		if (!rc)
			break;
		n += c->layout.size;
	}
	return (int64_t)n;
}

int split_copy_open(struct split_copy *c, struct tdat_file *f, size_t buffer, size_t cpu_index,
		    const struct tdat_split_plan *plan, struct err *e)
{
	*c = (struct split_copy){ .source.read = read_pages, .plan = plan, .path = tdat_path(f) };
	c->layout = tdat_head(f)->layout;
	c->layout.size = tdat_buffer(f, buffer)->page_size;
	c->pages = tdat_pages_new(f, buffer, cpu_index, e);
	return c->pages ? 0 : -EINVAL;
}

void split_copy_close(struct split_copy *c)
{
	tdat_pages_free(c->pages);
	c->pages = NULL;
}
