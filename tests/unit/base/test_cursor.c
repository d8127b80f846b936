// SPDX-License-Identifier: GPL-2.0
/*
 * test_cursor.c - reading and writing in a byte range, in both byte orders
 */
#include "base/cursor.h"

#include "tests/unit/base/rows.h"

static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

/* A letter a step: 1 2 4 8 an integer of that size, t take 3, z take 0, s sub of 2 and its u16. */
static const struct read_case {
	const char *name;
	const char *steps;
	bool big;
	uint64_t want; /* of the last step */
	size_t left;
	bool bad;
} reads[] = {
	{ "u8", "1", false, 1, 8, false },
	{ "u16 little", "2", false, 0x0201, 7, false },
	{ "u16 big", "2", true, 0x0102, 7, false },
	{ "u32 little", "4", false, 0x04030201, 5, false },
	{ "u32 big", "4", true, 0x01020304, 5, false },
	{ "u64 little", "8", false, 0x0807060504030201, 1, false },
	{ "u64 big", "8", true, 0x0102030405060708, 1, false },
	{ "one after the other", "142", true, 0x0607, 2, false },
	{ "to the last byte", "81", true, 9, 0, false },
	{ "one too many", "811", true, 0, 0, true },
	{ "u16 with one byte left", "82", true, 0, 1, true },
	{ "after a bad one nothing is read", "821", true, 0, 1, true },
	{ "nothing of a bad one", "82z", true, 0, 1, true },
	{ "take", "t1", true, 4, 5, false },
	{ "take of nothing", "z1", true, 1, 8, false },
	{ "sub has the byte order, and is skipped", "1s", true, 0x0203, 6, false },
	{ "sub little", "1s", false, 0x0302, 6, false },
	{ "sub of a bad one is bad", "82s", true, 0, 1, true },
	{ "sub beyond the end", "8s", true, 0, 1, true },
};

static uint64_t read_step(struct rcur *c, char step)
{
	const uint8_t *at;
	struct rcur sub;
	uint64_t v;

	switch (step) {
	case '1':
		return rcur_u8(c);
	case '2':
		return rcur_u16(c);
	case '4':
		return rcur_u32(c);
	case '8':
		return rcur_u64(c);
	case 's':
		sub = rcur_sub(c, 2);
		v = rcur_u16(&sub);
		assert_int_equal(sub.bad, c->bad);
		assert_int_equal(sub.left, 0);
		return v;
	default:
		at = rcur_take(c, step == 't' ? 3 : 0);
		assert_int_equal(at == NULL, c->bad);
		return 0;
	}
}

static void test_read(void **state)
{
	const struct read_case *t = *state;
	struct rcur c = rcur_make(bytes, sizeof(bytes), t->big);
	uint64_t v = 0;

	for (const char *s = t->steps; *s; s++)
		v = read_step(&c, *s);
	assert_int_equal(v, t->want);
	assert_int_equal(c.left, t->left);
	assert_int_equal(c.bad, t->bad);
	assert_ptr_equal(c.p, bytes + sizeof(bytes) - t->left);
}

static const struct text_case {
	const char *name;
	const char *bytes;
	size_t len;
	const char *want;
	size_t left;
} texts[] = {
	{ "whole", "ab\0c", 4, "ab", 1 },	{ "empty", "\0c", 2, "", 1 },
	{ "ends the range", "ab", 3, "ab", 0 }, { "no end", "abc", 2, NULL, 2 },
	{ "nothing there", "", 0, NULL, 0 },
};

static void test_text(void **state)
{
	const struct text_case *t = *state;
	struct rcur c = rcur_make(t->bytes, t->len, false);
	const char *text = rcur_text(&c);

	assert_int_equal(c.left, t->left);
	assert_int_equal(c.bad, !t->want);
	if (t->want)
		assert_string_equal(text, t->want);
	else
		assert_null(text);
	if (c.bad)
		assert_null(rcur_text(&c));
}

/* A cursor over nothing, with no memory behind it. */
static void test_nothing(void **state)
{
	struct rcur c = rcur_make(NULL, 0, true);
	struct wcur w = wcur_make(NULL, 0, true);

	(void)state;
	rcur_take(&c, 0);
	assert_false(c.bad);
	assert_int_equal(rcur_u8(&c), 0);
	assert_true(c.bad);
	wcur_mem(&w, NULL, 0);
	wcur_zero(&w, 0);
	assert_false(w.bad);
	wcur_u8(&w, 1);
	assert_true(w.bad);
}

/* As above for writing: T the text "ab", m two bytes, z two zeros. */
static const struct write_case {
	const char *name;
	const char *steps;
	bool big;
	const char *want; /* 8 bytes, 0xee = untouched */
	size_t left;
	bool bad;
} writes[] = {
	{ "u8", "1", false, "\x18\xee\xee\xee\xee\xee\xee\xee", 7, false },
	{ "u16 little", "2", false, "\x18\x17\xee\xee\xee\xee\xee\xee", 6, false },
	{ "u16 big", "2", true, "\x17\x18\xee\xee\xee\xee\xee\xee", 6, false },
	{ "u32 little", "4", false, "\x18\x17\x16\x15\xee\xee\xee\xee", 4, false },
	{ "u32 big", "4", true, "\x15\x16\x17\x18\xee\xee\xee\xee", 4, false },
	{ "u64 little", "8", false, "\x18\x17\x16\x15\x14\x13\x12\x11", 0, false },
	{ "u64 big", "8", true, "\x11\x12\x13\x14\x15\x16\x17\x18", 0, false },
	{ "text with its end", "T1", true, "ab\0\x18\xee\xee\xee\xee", 4, false },
	{ "bytes and zeros", "mz", true, "AB\0\0\xee\xee\xee\xee", 4, false },
	{ "what does not fit is not begun", "428", true, "\x15\x16\x17\x18\x17\x18\xee\xee", 2,
	  true },
	{ "after a bad one nothing is written", "4281", true, "\x15\x16\x17\x18\x17\x18\xee\xee", 2,
	  true },
	{ "text that does not fit", "421T", true, "\x15\x16\x17\x18\x17\x18\x18\xee", 1, true },
};

static void write_step(struct wcur *c, char step)
{
	const uint64_t v = 0x1112131415161718;

	switch (step) {
	case '1':
		return wcur_u8(c, (uint8_t)v);
	case '2':
		return wcur_u16(c, (uint16_t)v);
	case '4':
		return wcur_u32(c, (uint32_t)v);
	case '8':
		return wcur_u64(c, v);
	case 'T':
		return wcur_text(c, "ab");
	case 'm':
		return wcur_mem(c, "AB", 2);
	default:
		return wcur_zero(c, 2);
	}
}

static void test_write(void **state)
{
	const struct write_case *t = *state;
	uint8_t room[8];
	struct wcur c = wcur_make(room, sizeof(room), t->big);

	memset(room, 0xee, sizeof(room));
	for (const char *s = t->steps; *s; s++)
		write_step(&c, *s);
	assert_memory_equal(room, t->want, sizeof(room));
	assert_int_equal(c.left, t->left);
	assert_int_equal(c.bad, t->bad);
}

int main(void)
{
	static const struct CMUnitTest others[] = { cmocka_unit_test(test_nothing) };
	int failed = RUN_ROWS("cursor: read", reads, test_read);

	failed += RUN_ROWS("cursor: text", texts, test_text);
	failed += RUN_ROWS("cursor: write", writes, test_write);
	return failed + cmocka_run_group_tests_name("cursor: nothing", others, NULL, NULL);
}
