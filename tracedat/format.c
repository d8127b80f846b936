// SPDX-License-Identifier: GPL-2.0
/*
 * format.c - the event formats in a head, one text at a time
 *
 * Theory of operation
 *
 * The block of the ftrace formats is a count and {u64 size, text}; the block of the systems is a
 * count and per system a name, a count and the same. An iterator keeps the offset in its block and
 * what is left of both counts, and takes the ftrace block as one system without a name.
 *
 * Invariant: a list that ends too early sets .bad and ends the iteration; nothing outside of the
 * block is read.
 */
#include "tracedat/local.h"

static bool next_text(struct tdat_format_iter *it, struct rcur *c, struct view block)
{
	uint64_t n = rcur_u64(c);

	it->text.p = !c->bad && n <= c->left ? rcur_take(c, (size_t)n) : NULL;
	it->text.len = it->text.p ? (size_t)n : 0;
	it->bad = !it->text.p;
	it->at = block.len - c->left;
	it->events_left--;
	return !it->bad;
}

static struct rcur iter_cursor(const struct tdat_head *head, const struct tdat_format_iter *it,
			       struct view block)
{
	return rcur_make(block.p + it->at, block.len - it->at, head->big);
}

bool tdat_next_ftrace_format(const struct tdat_head *head, struct tdat_format_iter *it)
{
	struct rcur c;

	if (!head->ftrace_formats.len || it->bad)
		return false;
	c = iter_cursor(head, it, head->ftrace_formats);
	if (!it->begun) {
		it->begun = true;
		it->system = "ftrace";
		it->events_left = rcur_u32(&c);
		it->bad = c.bad;
	}
	return !it->bad && it->events_left && next_text(it, &c, head->ftrace_formats);
}

bool tdat_next_event_format(const struct tdat_head *head, struct tdat_format_iter *it)
{
	struct rcur c;

	if (!head->event_formats.len || it->bad)
		return false;
	c = iter_cursor(head, it, head->event_formats);
	if (!it->begun) {
		it->begun = true;
		it->systems_left = rcur_u32(&c);
	}
	while (!it->events_left && it->systems_left && !c.bad) {
		it->systems_left--;
		it->system = rcur_text(&c);
		it->events_left = rcur_u32(&c);
	}
	it->bad = c.bad;
	return !it->bad && it->events_left && next_text(it, &c, head->event_formats);
}

bool tdat_head_has_formats(const struct tdat_head *head)
{
	struct tdat_format_iter ftrace = { 0 }, event = { 0 };

	return tdat_next_ftrace_format(head, &ftrace) || tdat_next_event_format(head, &event);
}
