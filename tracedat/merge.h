/* SPDX-License-Identifier: GPL-2.0 */
/*
 * merge.h - many lanes of events, each in time order, as one
 *
 * A lane is one CPU of one buffer of one file (or, in a test, anything that yields events). Memory
 * is constant: one event a lane. At equal times the lane with the lower rank goes first, and goes
 * on until its time is later: that is the order of stock's report.
 */
#ifndef TRACEDAT_MERGE_H
#define TRACEDAT_MERGE_H

#include "tracedat/reader.h"

struct lane {
	/*
	 * Fill @ev with the next event, whose .ts is already on the common timeline. 1: there is
	 * one, 0: the end, negative errno: damaged here, and the next call goes on behind it.
	 * ev->data may be valid until the next call only.
	 */
	int (*pull)(struct lane *l, struct tdat_event *ev, struct err *e);
	uint32_t rank;
	uint32_t group;	      /* lanes that merge_peek() looks at together: those of one buffer */
	struct tdat_event ev; /* the event that merge_next() returned */

	/* Private to merge.c. */
	struct tdat_event ahead; /* pulled by merge_peek(), not returned yet */
	int ahead_rc;
	struct err *ahead_err; /* owned */
	bool peeked, skip;     /* .ahead is set; the next event was dropped */
	uint8_t *copy;	       /* owned: the data of .ev while .ahead is there */
	size_t copy_room;
};

struct merge; /* opaque */

struct merge *merge_new(size_t nlanes, struct err *e); /* room for @nlanes; NULL on error */
void merge_free(struct merge *m); /* also what lanes own of the merge; NULL is fine */

/* Lanes are borrowed; all are added before the first merge_next(). */
void merge_add(struct merge *m, struct lane *l);

/*
 * 1: (*l)->ev is the next event, valid until the next call. 0: the end of all lanes. Negative
 * errno: *l is damaged here; the next call goes on.
 */
int merge_next(struct merge *m, struct lane **l, struct err *e);

/*
 * The event of @l's group that follows the one that merge_next() returned (in @l), or NULL; it is
 * in *where. Both stay valid until the next merge_next(). merge_drop() takes it out.
 */
const struct tdat_event *merge_peek(struct merge *m, struct lane *l, struct lane **where);
void merge_drop(struct merge *m, const struct lane *current, struct lane *where);

/* Whether l->ev.data was moved to a copy, behind which nothing may be read. */
static inline bool lane_is_copied(const struct lane *l)
{
	return l->peeked;
}

#endif
