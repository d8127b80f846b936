// SPDX-License-Identifier: GPL-2.0
/*
 * merge.c - the k-way merge of event lanes
 *
 * Theory of operation
 *
 * A binary heap of lanes, ordered by the time of their first event and then by rank. merge_next()
 * leaves the lane that it returns at the top, with its event in it: only the next call pulls the
 * lane's next event, because pulling ends the life of the bytes that the last one points to.
 *
 * Looking behind the returned event therefore first moves its bytes to a copy and pulls. A lane
 * whose next event was dropped is marked, and skips it when it comes to the top.
 *
 * Invariant: heap[0 .. n) is a heap, except that heap[0] is stale while .stale is set. Lanes from
 * .fresh on were added and never pulled.
 */
#include "tracedat/merge.h"

#include <errno.h>

struct merge {
	struct lane *
		*all; /* owned array of borrowed lanes, in the order in which they were added */
	struct lane **heap;
	size_t nall, room, n, fresh;
	bool stale;
};

struct merge *merge_new(size_t nlanes, struct err *e)
{
	struct merge *m = calloc(1, sizeof(*m));

	if (m) {
		m->room = nlanes;
		m->all = calloc(nlanes + 1, sizeof(struct lane *));
		m->heap = calloc(nlanes + 1, sizeof(struct lane *));
	}
	if (!m || !m->all || !m->heap) {
		merge_free(m);
		err_set(e, ENOMEM, "no memory to merge %zu CPUs", nlanes);
		return NULL;
	}
	return m;
}

void merge_free(struct merge *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->nall; i++) {
		free(m->all[i]->copy);
		free(m->all[i]->ahead_err);
		m->all[i]->copy = NULL;
		m->all[i]->ahead_err = NULL;
	}
	free(m->all);
	free(m->heap);
	free(m);
}

void merge_add(struct merge *m, struct lane *l)
{
	if (m->nall < m->room)
		m->all[m->nall++] = l;
}

static bool before(const struct lane *a, const struct lane *b)
{
	return a->ev.ts != b->ev.ts ? a->ev.ts < b->ev.ts : a->rank < b->rank;
}

static void sift_up(struct merge *m, size_t i)
{
	struct lane *l = m->heap[i];

	for (; i && before(l, m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		m->heap[i] = m->heap[(i - 1) / 2];
	m->heap[i] = l;
}

static void sift_down(struct merge *m)
{
	struct lane *l = m->heap[0];
	size_t i = 0;

	for (size_t child; (child = 2 * i + 1) < m->n; i = child) {
		if (child + 1 < m->n && before(m->heap[child + 1], m->heap[child]))
			child++;
		if (!before(m->heap[child], l))
			break;
		m->heap[i] = m->heap[child];
	}
	m->heap[i] = l;
}

/* The lane's next event into .ev, from what was looked at or from the lane itself. */
static int advance(struct lane *l, struct err *e)
{
	if (!l->peeked)
		return l->pull(l, &l->ev, e);
	l->peeked = false;
	l->ev = l->ahead;
	if (l->ahead_rc < 0 && e && l->ahead_err)
		*e = *l->ahead_err;
	return l->ahead_rc;
}

/* Pull the lanes that were added and put them into the heap. */
static int pull_fresh(struct merge *m, struct lane **l, struct err *e)
{
	while (m->fresh < m->nall) {
		int rc;

		*l = m->all[m->fresh];
		rc = advance(*l, e);
		if (rc < 0)
			return rc;
		m->fresh++;
		if (!rc)
			continue;
		m->heap[m->n] = *l;
		sift_up(m, m->n++);
	}
	return 0;
}

/* The lane at the top has no use for its event any more: put its next one in place. */
static int refresh_top(struct merge *m, struct err *e)
{
	int rc = advance(m->heap[0], e);

	if (rc < 0)
		return rc;
	m->stale = false;
	if (!rc)
		m->heap[0] = m->heap[--m->n];
	if (m->n)
		sift_down(m);
	return 0;
}

int merge_next(struct merge *m, struct lane **l, struct err *e)
{
	int rc = pull_fresh(m, l, e);

	while (!rc && (m->stale || (m->n && m->heap[0]->skip))) {
		*l = m->heap[0];
		if (!m->stale)
			(*l)->skip = false;
		m->stale = true;
		rc = refresh_top(m, e);
	}
	if (rc < 0)
		return rc;
	if (!m->n)
		return 0;
	m->stale = true;
	*l = m->heap[0];
	return 1;
}

/* Keep the bytes of .ev past the next pull. */
static int keep(struct lane *l)
{
	if (l->ev.size > l->copy_room) {
		uint8_t *mem = realloc(l->copy, l->ev.size);

		if (!mem)
			return -ENOMEM;
		l->copy = mem;
		l->copy_room = l->ev.size;
	}
	if (l->ev.size)
		memcpy(l->copy, l->ev.data, l->ev.size);
	l->ev.data = l->copy;
	return 0;
}

static const struct tdat_event *pull_ahead(struct lane *l)
{
	if (!l->peeked) {
		if (!l->ahead_err)
			l->ahead_err = calloc(1, sizeof(*l->ahead_err));
		if (keep(l))
			return NULL;
		if (l->ahead_err)
			err_clear(l->ahead_err);
		l->ahead_rc = l->pull(l, &l->ahead, l->ahead_err);
		l->peeked = true;
	}
	return l->ahead_rc > 0 ? &l->ahead : NULL;
}

const struct tdat_event *merge_peek(struct merge *m, struct lane *l, struct lane **where)
{
	const struct tdat_event *first = pull_ahead(l);

	*where = l;
	for (size_t i = 1; i < m->n; i++) {
		struct lane *other = m->heap[i];

		if (other->group != l->group || other->skip)
			continue;
		if (first && (other->ev.ts > first->ts ||
			      (other->ev.ts == first->ts && other->rank > (*where)->rank)))
			continue;
		first = &other->ev;
		*where = other;
	}
	return first;
}

void merge_drop(struct merge *m, const struct lane *current, struct lane *where)
{
	(void)m;
	if (where != current)
		where->skip = true;
	else if (where->peeked && where->ahead_rc > 0)
		where->peeked = false;
}
