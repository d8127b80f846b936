// SPDX-License-Identifier: GPL-2.0
/*
 * missed.c - pages that were lost before this one: the flag, set without knowing the machine
 *
 * Theory of operation
 *
 * Pages come before the metadata that say how they are laid out. But the commit word, at offset 8
 * in every kernel, tells by itself: its lowest 27 bits are a length of less than a page, so the
 * bytes of a larger value that are not zero (or, with flags, not the flags') stand in the wrong
 * order. An empty page has no events, so it does not matter where its flag goes.
 */
#include "base/cursor.h"
#include "tracedat/page.h"

enum { COMMIT = 8 };

/* "Events were lost before", and only with it "their number is stored behind the data". */
static const uint32_t missed = 1U << 31, stored = 1U << 30;

static bool may_be_commit(uint32_t word, uint32_t size)
{
	uint32_t length = word & ~(missed | stored);

	return length && length < size && (word & missed || !(word & stored));
}

/* Where the low half of the commit word may be, and its byte order. */
static const struct {
	unsigned int at;
	bool big;
} places[] = {
	{ COMMIT, false },    /* little-endian, 32 and 64 bits */
	{ COMMIT, true },     /* big-endian, 32 bits */
	{ COMMIT + 4, true }, /* big-endian, 64 bits: the high half is first */
};

bool page_set_missed(uint8_t *page, uint32_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(places) && size >= COMMIT + 8; i++) {
		struct rcur in = rcur_make(page + places[i].at, 4, places[i].big);
		struct wcur out = wcur_make(page + places[i].at, 4, places[i].big);
		uint32_t word = rcur_u32(&in);

		if (!may_be_commit(word, size))
			continue;
		if (word & missed)
			return false;
		wcur_u32(&out, word | missed);
		return true;
	}
	return false;
}
