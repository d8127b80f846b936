// SPDX-License-Identifier: GPL-2.0
/*
 * links.c - what ties the files of a host and of its guests together
 *
 * Theory of operation
 *
 * Each option is read through a bounded cursor: a file may come from anywhere.
 */
#include "report/links.h"

#include <errno.h>

#include "base/cursor.h"

enum { VCPU_SIZE = 8 };

static struct rcur payload(const struct tdat_head *head, const struct tdat_option *o)
{
	return rcur_make(o->data.p, o->data.len, head->big);
}

static int get_guest(struct guest_ref *g, struct rcur c, struct err *e)
{
	uint32_t n;

	g->name = rcur_text(&c);
	g->trace_id = rcur_u64(&c);
	n = rcur_u32(&c);
	if (!g->name || c.bad || n > c.left / VCPU_SIZE)
		return err_say(e, EPROTO, "a GUEST option is cut short or says %u vCPUs", n);
	g->vcpus = calloc(n + 1UL, sizeof(*g->vcpus));
	if (!g->vcpus)
		return err_set(e, ENOMEM, "no memory for %u vCPUs", n);
	for (; g->nvcpus < n; g->nvcpus++) {
		g->vcpus[g->nvcpus].cpu = rcur_u32(&c);
		g->vcpus[g->nvcpus].tid = (int32_t)rcur_u32(&c);
	}
	return 0;
}

int guest_refs_get(struct guest_refs *to, const struct tdat_head *head, struct err *e)
{
	*to = (struct guest_refs){ calloc(head->noptions + 1, sizeof(*to->list)), 0 };
	if (!to->list)
		return err_set(e, ENOMEM, "no memory for the guests of a file");
	for (size_t i = 0; i < head->noptions; i++) {
		int rc;

		if (head->options[i].id != TDAT_OPT_GUEST)
			continue;
		rc = get_guest(&to->list[to->n++], payload(head, &head->options[i]), e);
		if (rc)
			return rc;
	}
	return 0;
}

void guest_refs_free(struct guest_refs *refs)
{
	for (size_t i = 0; i < refs->n; i++)
		free(refs->list[i].vcpus);
	free(refs->list);
	*refs = (struct guest_refs){ 0 };
}

/* The u64 that an option begins with, 0 = there is none. */
static uint64_t first_u64(const struct tdat_head *head, uint16_t id)
{
	const struct tdat_option *o = tdat_head_option(head, id);
	struct rcur c;

	if (!o)
		return 0;
	c = payload(head, o);
	return rcur_u64(&c);
}

uint64_t link_trace_id(const struct tdat_head *head)
{
	return first_u64(head, TDAT_OPT_TRACEID);
}

uint64_t link_peer_id(const struct tdat_head *head)
{
	return first_u64(head, TDAT_OPT_TIME_SHIFT);
}

bool link_clock_text(const struct tdat_head *head, char *to, size_t room)
{
	size_t skip = sizeof(LINK_CLOCK) - 1;

	for (size_t i = 0; i < head->noptions; i++) {
		const struct tdat_option *o = &head->options[i];
		const char *text = (const char *)o->data.p;
		size_t n = 0;

		if (o->id != TDAT_OPT_CPUSTAT || o->data.len < skip ||
		    memcmp(text, LINK_CLOCK, skip))
			continue;
		for (text += skip; n + 1 < room && n < o->data.len - skip && text[n] >= ' '; n++)
			to[n] = text[n];
		to[n] = '\0';
		return true;
	}
	return false;
}
