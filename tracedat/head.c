// SPDX-License-Identifier: GPL-2.0
/*
 * head.c - parse the metadata of a trace.dat
 *
 * Theory of operation
 *
 * Version 6 is one sequence of blocks; version 7 has the same blocks, each in a section. So there
 * is one function a block, working at a place (a cursor that knows its offset in the file);
 * tdat_head_parse() runs them in the order of version 6, and the reader of version 7 calls each
 * with its section.
 *
 * Nothing is copied: a head is views of the bytes. The two blocks with lists of formats are walked
 * once here, so that the iterators of format.c later only meet lists that are whole.
 *
 * Metadata from the wire may end early, at three places that the field names of struct tdat_head
 * tell. An end anywhere else is -ENODATA: more bytes could make it whole; -EPROTO cannot be healed.
 */
#include "tracedat/local.h"

#include <errno.h>

struct place place_make(const void *p, size_t n, bool big, uint64_t base, const char *where)
{
	return (struct place){ rcur_make(p, n, big), (const uint8_t *)p, base, where };
}

uint64_t place_at(const struct place *pl)
{
	return pl->base + (uint64_t)(pl->c.p - pl->start);
}

int place_cut(const struct place *pl, const char *what, struct err *e)
{
	return err_say(e, ENODATA, "%s expected at offset %#llx%s, but the data end there", what,
		       (unsigned long long)place_at(pl), pl->where);
}

int place_bad(const struct place *pl, const char *what, struct err *e)
{
	return err_say(e, EPROTO, "offset %#llx%s: %s", (unsigned long long)place_at(pl), pl->where,
		       what);
}

/* Exactly these bytes. */
static int expect(struct place *pl, const char *bytes, size_t n, const char *what, struct err *e)
{
	size_t have = pl->c.left < n ? pl->c.left : n;

	if (have && memcmp(pl->c.p, bytes, have))
		return err_say(e, EPROTO, "offset %#llx%s: %s expected, found something else",
			       (unsigned long long)place_at(pl), pl->where, what);
	if (have < n)
		return place_cut(pl, what, e);
	rcur_take(&pl->c, n);
	return 0;
}

int head_parse_text(struct view *to, struct place *pl, size_t size_bytes, const char *what,
		    struct err *e)
{
	struct rcur before = pl->c;
	uint64_t n = rcur_uint(&pl->c, size_bytes);
	const uint8_t *p = !pl->c.bad && n <= pl->c.left ? rcur_take(&pl->c, (size_t)n) : NULL;

	if (!p) {
		pl->c = before;
		return place_cut(pl, what, e);
	}
	*to = (struct view){ p, (size_t)n };
	return 0;
}

int head_parse_machine(struct tdat_head *head, struct place *pl, struct err *e)
{
	uint8_t big = rcur_u8(&pl->c);
	uint8_t long_size = rcur_u8(&pl->c);

	pl->c.big = big;
	head->page_size = rcur_u32(&pl->c);
	if (pl->c.bad)
		return place_cut(pl, "byte order, size of long and page size", e);
	if (big > 1)
		return place_bad(pl, "the byte order is neither 0 nor 1", e);
	if (long_size != 4 && long_size != 8)
		return place_bad(pl, "the size of long is neither 4 nor 8", e);
	if (!is_pow2(head->page_size) || head->page_size > TDAT_MAX_PAGE)
		return place_bad(pl, "the page size is no power of two", e);
	head->big = big;
	head->long_size = long_size;
	return 0;
}

/* Kernels of old have no header_page: its text is then empty. */
static int default_layout(struct tdat_head *head, struct place *pl, struct err *e)
{
	struct page_layout *l = &head->layout;

	if (head->page_size < 512)
		return place_bad(pl, "the page size is too small", e);
	*l = (struct page_layout){ .size = head->page_size, .commit_off = 8, .big = head->big };
	l->commit_size = head->long_size;
	l->data_off = l->commit_off + l->commit_size;
	return 0;
}

int head_parse_headers(struct tdat_head *head, struct place *pl, struct err *e)
{
	static const char page[] = "header_page", event[] = "header_event";
	uint64_t at = place_at(pl);
	int rc = expect(pl, page, sizeof(page), "'header_page'", e);

	if (!rc)
		rc = head_parse_text(&head->header_page, pl, 8, "the text of header_page", e);
	if (!rc)
		rc = expect(pl, event, sizeof(event), "'header_event'", e);
	if (!rc)
		rc = head_parse_text(&head->header_event, pl, 8, "the text of header_event", e);
	if (rc)
		return rc;
	if (!head->header_page.len)
		return default_layout(head, pl, e);
	rc = page_layout_parse(&head->layout, (const char *)head->header_page.p,
			       head->header_page.len, head->big, e);
	if (rc && e) {
		err_prefix(e, "offset %#llx%s", (unsigned long long)at, pl->where);
		e->code = EPROTO; /* it is the file that is wrong here */
	}
	return rc ? -EPROTO : 0;
}

/* @count formats: {u64 size, text}. */
static int skip_formats(struct place *pl, uint32_t count, struct err *e)
{
	struct view text;
	int rc = 0;

	while (!rc && count--)
		rc = head_parse_text(&text, pl, 8, "an event's format", e);
	return rc;
}

int head_parse_ftrace(struct tdat_head *head, struct place *pl, struct err *e)
{
	const uint8_t *start = pl->c.p;
	uint32_t count = rcur_u32(&pl->c);
	int rc;

	if (pl->c.bad)
		return place_cut(pl, "the number of ftrace events", e);
	rc = skip_formats(pl, count, e);
	head->ftrace_formats = (struct view){ start, (size_t)(pl->c.p - start) };
	return rc;
}

int head_parse_systems(struct tdat_head *head, struct place *pl, struct err *e)
{
	const uint8_t *start = pl->c.p;
	uint32_t systems = rcur_u32(&pl->c), count;
	int rc = 0;

	if (pl->c.bad)
		return place_cut(pl, "the number of event systems", e);
	while (!rc && systems--) {
		rcur_text(&pl->c);
		count = rcur_u32(&pl->c);
		rc = pl->c.bad ? place_cut(pl, "name and events of an event system", e)
			       : skip_formats(pl, count, e);
	}
	head->event_formats = (struct view){ start, (size_t)(pl->c.p - start) };
	return rc;
}

static int add_option(struct tdat_head *head, struct tdat_option opt, struct place *pl,
		      struct err *e)
{
	size_t n = head->noptions;
	struct tdat_option *more;

	if (n >= TDAT_MAX_OPTIONS)
		return place_bad(pl, "too many options", e);
	if (is_pow2(n) || !n) { /* full: the room is the next power of two */
		more = realloc(head->options, (n ? 2 * n : 1) * sizeof(*more));
		if (!more)
			return err_set(e, ENOMEM, "no memory for options");
		head->options = more;
	}
	head->options[head->noptions++] = opt;
	return 0;
}

int head_parse_options(struct tdat_head *head, struct place *pl, uint64_t *next, bool need_end,
		       struct err *e)
{
	struct tdat_option opt;
	int rc;

	while (need_end || pl->c.left) {
		opt.id = rcur_u16(&pl->c);
		if (pl->c.bad)
			return place_cut(pl, "an option", e);
		if (opt.id == TDAT_OPT_DONE && !next)
			return 0;
		rc = head_parse_text(&opt.data, pl, 4, "an option's size and data", e);
		if (rc)
			return rc;
		if (opt.id == TDAT_OPT_DONE) {
			struct rcur done = rcur_make(opt.data.p, opt.data.len, pl->c.big);

			*next = rcur_u64(&done);
			return done.bad ? place_bad(pl, "the end of the options is cut", e) : 0;
		}
		rc = add_option(head, opt, pl, e);
		if (rc)
			return rc;
	}
	return 0;
}

int tdat_head_add_options(struct tdat_head *head, const uint8_t *bytes, size_t len, struct err *e)
{
	struct place pl = place_make(bytes, len, head->big, 0, " of the options");

	return head_parse_options(head, &pl, NULL, false, e);
}

const struct tdat_option *tdat_head_option(const struct tdat_head *head, uint16_t id)
{
	for (size_t i = 0; i < head->noptions; i++)
		if (head->options[i].id == id)
			return &head->options[i];
	return NULL;
}

/* What follows printk: cmdlines, CPU count, options. The input may end before each of them. */
static int parse_tail(struct tdat_head *head, struct place *pl, struct err *e)
{
	int rc;

	head->no_cmdlines = head->no_cpus = head->no_options = true;
	if (!pl->c.left)
		return 0;
	head->no_cmdlines = false;
	rc = head_parse_text(&head->cmdlines, pl, 8, "the command lines", e);
	if (rc || !pl->c.left)
		return rc;
	head->no_cpus = false;
	head->cpus = rcur_u32(&pl->c);
	if (pl->c.bad)
		return place_cut(pl, "the number of CPUs", e);
	if (head->cpus > TDAT_MAX_CPUS)
		return place_bad(pl, "the number of CPUs cannot be", e);
	if (!pl->c.left || (pl->c.left >= TAG_LEN && memcmp(pl->c.p, TAG_OPTIONS, TAG_LEN)))
		return 0;
	head->no_options = false;
	rc = expect(pl, TAG_OPTIONS, TAG_LEN, "the tag of the options", e);
	return rc ? rc : head_parse_options(head, pl, NULL, true, e);
}

static int parse_blocks(struct tdat_head *head, struct place *pl, struct err *e)
{
	int rc = expect(pl, TDAT_MAGIC, TDAT_MAGIC_LEN, "the magic of a trace.dat", e);

	if (!rc)
		rc = expect(pl, "6", 2, "version 6", e);
	if (!rc)
		rc = head_parse_machine(head, pl, e);
	if (!rc)
		rc = head_parse_headers(head, pl, e);
	if (!rc)
		rc = head_parse_ftrace(head, pl, e);
	if (!rc)
		rc = head_parse_systems(head, pl, e);
	if (!rc)
		rc = head_parse_text(&head->kallsyms, pl, 4, "kallsyms", e);
	if (!rc)
		rc = head_parse_text(&head->printk, pl, 4, "the printk formats", e);
	return rc ? rc : parse_tail(head, pl, e);
}

int tdat_head_parse(struct tdat_head *head, const uint8_t *bytes, size_t len, struct err *e)
{
	struct place pl = place_make(bytes, len, false, 0, "");
	int rc;

	*head = (struct tdat_head){ 0 };
	rc = parse_blocks(head, &pl, e);
	if (rc) {
		tdat_head_free(head);
		return rc;
	}
	head->used = len - pl.c.left;
	return 0;
}

void tdat_head_free(struct tdat_head *head)
{
	free(head->options);
	*head = (struct tdat_head){ 0 };
}
