// SPDX-License-Identifier: GPL-2.0
/*
 * test_merge.c - the order of a merge: time, then rank; damage; looking ahead
 *
 * Lanes are made of texts: "10 20 20 x 30" is a lane with events at these times and damage before
 * the last. What comes out is written down as "lane:time" words, in which damage is "lane:x".
 */
#include "tests/unit/base/rows.h"

#include <errno.h>

#include "base/io.h"
#include "tracedat/merge.h"

enum { MAX_LANES = 8 };

struct text_lane {
	struct lane lane;
	char name;
	const char *at;
	char payload[8]; /* what .data points to: overwritten by each pull, as a cursor does it */
};

static int pull(struct lane *l, struct tdat_event *ev, struct err *e)
{
	struct text_lane *t = container_of(l, struct text_lane, lane);
	char *end;

	while (*t->at == ' ')
		t->at++;
	if (!*t->at)
		return 0;
	if (*t->at == 'x') {
		t->at++;
		return err_say(e, EPROTO, "lane %c is damaged", t->name);
	}
	*ev = (struct tdat_event){ .ts = strtoull(t->at, &end, 10) };
	snprintf(t->payload, sizeof(t->payload), "%c%llu", t->name, (unsigned long long)ev->ts);
	ev->data = (const uint8_t *)t->payload;
	ev->size = sizeof(t->payload);
	t->at = end;
	return 1;
}

/* Lanes a, b, c ... of @texts (a NULL ends them), with ranks 0, 1, 2 ... or the other way round. */
static struct merge *make(struct text_lane *lanes, const char *const *texts, bool reverse)
{
	struct merge *m = merge_new(MAX_LANES, NULL);

	assert_non_null(m);
	for (uint32_t i = 0; texts[i]; i++) {
		lanes[i] = (struct text_lane){
			.lane = { .pull = pull, .rank = reverse ? MAX_LANES - i : i },
			.name = (char)('a' + i),
			.at = texts[i],
		};
		merge_add(m, &lanes[i].lane);
	}
	return m;
}

static char name_of(const struct lane *l)
{
	return container_of(l, struct text_lane, lane)->name;
}

static const struct order_case {
	const char *name;
	const char *lanes[MAX_LANES];
	bool reverse;
	const char *want;
} orders[] = {
	{ "no lanes", { NULL }, false, "" },
	{ "an empty lane", { "" }, false, "" },
	{ "one lane", { "1 2 3" }, false, "a:1 a:2 a:3" },
	{ "two lanes take turns", { "1 3 5", "2 4 6" }, false, "a:1 b:2 a:3 b:4 a:5 b:6" },
	{ "equal times: the lower rank", { "5", "5", "5" }, false, "a:5 b:5 c:5" },
	{ "equal times: the rank and not the place", { "5", "5", "5" }, true, "c:5 b:5 a:5" },
	{ "a lane goes on while its time stays", { "5 5 6", "5 5" }, false, "a:5 a:5 b:5 b:5 a:6" },
	{ "a lower rank comes in between", { "4 5", "5 5" }, false, "a:4 a:5 b:5 b:5" },
	{ "empty lanes among others", { "", "2", "", "1" }, false, "d:1 b:2" },
	{ "a lane that goes backwards", { "5 1", "3" }, false, "b:3 a:5 a:1" },
	{ "times beyond 2^63",
	  { "18446744073709551615", "1" },
	  false,
	  "b:1 a:18446744073709551615" },
	{ "damage first", { "x 3", "1 2" }, false, "a:x b:1 b:2 a:3" },
	{ "damage between", { "1 x 3", "2" }, false, "a:1 a:x b:2 a:3" },
	{ "damage at the end", { "1 x", "2" }, false, "a:1 a:x b:2" },
	{ "damage twice", { "1 x x 3" }, false, "a:1 a:x a:x a:3" },
	{ "nothing but damage", { "x", "x" }, false, "a:x b:x" },
	{ "eight lanes",
	  { "8", "7", "6", "5", "4", "3", "2" },
	  false,
	  "g:2 f:3 e:4 d:5 c:6 b:7 a:8" },
};

static void test_order(void **state)
{
	const struct order_case *t = *state;
	struct text_lane lanes[MAX_LANES];
	struct merge *m = make(lanes, t->lanes, t->reverse);
	struct err e = { 0 };
	struct buf got = { 0 };
	struct lane *l;
	int rc;

	while ((rc = merge_next(m, &l, &e)) != 0) {
		const char *space = got.len ? " " : "";

		if (rc < 0)
			assert_int_equal(buf_addf(&got, "%s%c:x", space, name_of(l)), 0);
		else
			assert_int_equal(buf_addf(&got, "%s%c:%llu", space, name_of(l),
						  (unsigned long long)l->ev.ts),
					 0);
	}
	assert_int_equal(buf_text(&got), 0);
	assert_string_equal((char *)got.data, t->want);
	assert_int_equal(merge_next(m, &l, &e), 0);
	buf_free(&got);
	merge_free(m);
}

static const struct peek_case {
	const char *name;
	const char *lanes[MAX_LANES];
	uint32_t group_of_c;  /* a and b are group 0 */
	unsigned int peek_at; /* at the how manieth event, from 0 */
	const char *ahead;    /* "lane:time" that is seen then, "" = nothing */
	bool drop;
	const char *want; /* all that comes out */
} peeks[] = {
	{ "the same lane", { "1 2", "3" }, 0, 0, "a:2", false, "a:1 a:2 b:3" },
	{ "the same lane, dropped", { "1 2", "3" }, 0, 0, "a:2", true, "a:1 b:3" },
	{ "another lane", { "1 4", "3" }, 0, 0, "b:3", false, "a:1 b:3 a:4" },
	{ "another lane, dropped", { "1 4", "3 5" }, 0, 0, "b:3", true, "a:1 a:4 b:5" },
	{ "another group does not count", { "1 9", "8", "3" }, 7, 0, "b:8", true, "a:1 c:3 a:9" },
	{ "one lane of its group", { "2", "3", "1 9" }, 7, 0, "c:9", true, "c:1 a:2 b:3" },
	{ "equal times: the lower rank", { "1 3", "3", "3" }, 0, 0, "a:3", true, "a:1 b:3 c:3" },
	{ "equal times: the other is lower", { "3 4", "1 3" }, 0, 0, "a:3", true, "b:1 b:3 a:4" },
	{ "at the end", { "1 2" }, 0, 1, "", false, "a:1 a:2" },
	{ "the last of a lane, others go on", { "1", "2" }, 0, 0, "b:2", false, "a:1 b:2" },
	{ "dropping the last of a lane", { "1", "2" }, 0, 0, "b:2", true, "a:1" },
	{ "damage is in the way", { "1 x 2" }, 0, 0, "", false, "a:1 a:x a:2" },
	{ "a drop with an equal neighbour",
	  { "1 3", "2 2 3" },
	  0,
	  0,
	  "b:2",
	  true,
	  "a:1 b:2 a:3 b:3" },
};

static void put(struct buf *to, const struct lane *l, const struct tdat_event *ev)
{
	assert_int_equal(buf_addf(to, "%s%c:%llu", to->len ? " " : "", name_of(l),
				  (unsigned long long)ev->ts),
			 0);
}

/* The event and what was seen ahead of it are both still readable. */
static void check_bytes(const struct lane *l, const struct tdat_event *ev)
{
	char want[16];

	snprintf(want, sizeof(want), "%c%llu", name_of(l), (unsigned long long)ev->ts);
	assert_string_equal((const char *)ev->data, want);
}

static void check_peek(const struct peek_case *t, struct merge *m, struct lane *l)
{
	const struct tdat_event *ahead;
	struct buf seen = { 0 };
	struct lane *where;

	for (int twice = 0; twice < 2; twice++) {
		seen.len = 0;
		ahead = merge_peek(m, l, &where);
		if (ahead)
			put(&seen, where, ahead);
		assert_int_equal(buf_text(&seen), 0);
		assert_string_equal(seen.data ? (char *)seen.data : "", t->ahead);
	}
	check_bytes(l, &l->ev);
	if (ahead)
		check_bytes(where, ahead);
	if (t->drop)
		merge_drop(m, l, where);
	buf_free(&seen);
}

static void test_peek(void **state)
{
	const struct peek_case *t = *state;
	struct text_lane lanes[MAX_LANES];
	struct merge *m = make(lanes, t->lanes, false);
	struct buf got = { 0 };
	struct err e = { 0 };
	unsigned int n = 0;
	struct lane *l;
	int rc;

	lanes[2].lane.group = t->lanes[0] && t->lanes[1] && t->lanes[2] ? t->group_of_c : 0;
	while ((rc = merge_next(m, &l, &e)) != 0) {
		if (rc < 0) {
			assert_int_equal(buf_addf(&got, " %c:x", name_of(l)), 0);
			assert_non_null(strstr(e.what, "is damaged"));
			continue;
		}
		put(&got, l, &l->ev);
		if (n++ == t->peek_at)
			check_peek(t, m, l);
	}
	assert_int_equal(buf_text(&got), 0);
	assert_string_equal((char *)got.data, t->want);
	buf_free(&got);
	merge_free(m);
}

int main(void)
{
	int failed = RUN_ROWS("merge order", orders, test_order);

	return failed + RUN_ROWS("merge peek", peeks, test_peek);
}
