// SPDX-License-Identifier: GPL-2.0
/*
 * test_record.c - records that are shorter than their format, or that point outside of themselves
 *
 * Each record lies at the end of a block of its own size, so that SAN=1 sees a read behind it.
 */
#include "tests/unit/report/machine.h"

#include "report/record.h"

static const struct record_case {
	const char *name;
	uint16_t id;
	uint32_t size;	  /* bytes of the record */
	uint32_t dynamic; /* DYN: its field, u16 offset, u16 length */
	uint32_t more;	  /* readable bytes behind it; they are 0xee */
	bool ok, copied;
} cases[] = {
	{ "whole", TICK, 20, 0, 0, true, false },
	{ "short, nothing behind it", TICK, 12, 0, 0, true, true },
	{ "short, the rest of the page is there", TICK, 12, 0, 8, true, false },
	{ "short, not enough behind it", TICK, 12, 0, 7, true, true },
	{ "without its common fields", TICK, 4, 0, 0, true, true },
	{ "no id", TICK, 1, 0, 0, false, false },
	{ "nothing", TICK, 0, 0, 0, false, false },
	{ "an id without a format", 999, 4, 0, 0, true, true },
	{ "a string", DYN, 20, 12 | 8 << 16, 0, true, false },
	{ "an empty string at the end", DYN, 20, 20, 0, true, false },
	{ "a string that is too long", DYN, 20, 12 | 9 << 16, 100, false, false },
	{ "a string that begins outside", DYN, 20, 0xffff | 1 << 16, 0, false, false },
	{ "a huge string", DYN, 20, 0xffff0000, 0, false, false },
	{ "a string without its field", DYN, 8, 0, 0, true, true },
};

static void test_record(void **state)
{
	const struct record_case *t = *state;
	struct tep_handle *tep = machine_new();
	struct record_guard *g = record_guard_new(tep, NULL);
	uint8_t *bytes = malloc(t->size + t->more + 1), *start = bytes + 1;
	struct tdat_event ev = { .data = start, .size = t->size, .cpu = 3, .lost = 5 };
	struct made_record made;
	struct tep_record rec;

	assert_non_null(g);
	assert_non_null(bytes);
	memset(bytes, 0xee, t->size + t->more + 1);
	made_begin(&made, t->id, 0, 0, 7);
	wcur_u32(&made.w, t->id == DYN ? t->dynamic : 1);
	memcpy(start, made.bytes, min_u64(t->size, 12));
	assert_int_equal(record_make(g, &ev, 99, t->size + t->more, &rec), t->ok);
	if (t->ok) {
		assert_int_equal(rec.data != start, t->copied);
		assert_int_equal(rec.size, t->size);
		assert_int_equal(rec.ts, 99);
		assert_int_equal(rec.cpu, 3);
		assert_int_equal(rec.missed_events, 5);
	}
	if (t->copied && t->id == TICK)
		assert_int_equal(((uint8_t *)rec.data)[19], 0);
	record_guard_free(g);
	free(bytes);
	tep_free(tep);
}

int main(void)
{
	return RUN_ROWS("record", cases, test_record);
}
