/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cursor.h - a place in a byte range
 *
 * Everything that a guest or a file says is read through a struct rcur and never by casting to a
 * struct. The first read that does not fit sets .bad, and all later ones return 0: a decoder reads
 * every field and tests once. struct wcur mirrors it: the first write that does not fit sets .bad.
 *
 * Byte order: the wire is big-endian (be); a trace.dat has the order of the traced machine, so its
 * cursor carries .big. All offsets and sizes are in bytes.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <string.h>
#include "base/base.h"

struct rcur {
	const uint8_t *p; /* borrowed */
	size_t left;
	bool bad;
	bool big; /* rcur_u16/u32/u64 read big-endian */
};

struct wcur {
	uint8_t *p; /* borrowed */
	size_t left;
	bool bad;
	bool big;
};

static inline struct rcur rcur_make(const void *p, size_t n, bool big)
{
	return (struct rcur){ .p = (const uint8_t *)p, .left = n, .big = big };
}

static inline struct wcur wcur_make(void *p, size_t n, bool big)
{
	return (struct wcur){ .p = (uint8_t *)p, .left = n, .big = big };
}

/* The next @n bytes (borrowed), or NULL with .bad set. */
static inline const uint8_t *rcur_take(struct rcur *c, size_t n)
{
	const uint8_t *at = c->p;

	if (c->bad || n > c->left) {
		c->bad = true;
		return NULL;
	}
	if (n) /* C forbids NULL + 0 */
		c->p += n;
	c->left -= n;
	return at;
}

/* A cursor over the next @n bytes, which this one skips. A bad one stays bad. */
static inline struct rcur rcur_sub(struct rcur *c, size_t n)
{
	const uint8_t *at = rcur_take(c, n);

	return (struct rcur){ .p = at, .left = at ? n : 0, .bad = c->bad, .big = c->big };
}

static inline uint64_t rcur_uint(struct rcur *c, size_t size)
{
	const uint8_t *b = rcur_take(c, size);
	uint64_t v = 0;

	for (size_t i = 0; b && i < size; i++)
		v = v << 8 | b[c->big ? i : size - 1 - i];
	return v;
}

static inline uint8_t rcur_u8(struct rcur *c)
{
	return (uint8_t)rcur_uint(c, 1);
}

static inline uint16_t rcur_u16(struct rcur *c)
{
	return (uint16_t)rcur_uint(c, 2);
}

static inline uint32_t rcur_u32(struct rcur *c)
{
	return (uint32_t)rcur_uint(c, 4);
}

static inline uint64_t rcur_u64(struct rcur *c)
{
	return rcur_uint(c, 8);
}

/* A text up to and with its NUL (borrowed); NULL and .bad when no NUL is left in the range. */
static inline const char *rcur_text(struct rcur *c)
{
	const uint8_t *end = c->bad || !c->left ? NULL : (const uint8_t *)memchr(c->p, 0, c->left);

	if (!end) {
		c->bad = true;
		return NULL;
	}
	return (const char *)rcur_take(c, (size_t)(end - c->p) + 1);
}

/* Room for @n bytes, or NULL with .bad set. */
static inline uint8_t *wcur_take(struct wcur *c, size_t n)
{
	uint8_t *at = c->p;

	if (c->bad || n > c->left) {
		c->bad = true;
		return NULL;
	}
	if (n)
		c->p += n;
	c->left -= n;
	return at;
}

static inline void wcur_mem(struct wcur *c, const void *from, size_t n)
{
	uint8_t *at = wcur_take(c, n);

	if (at && n)
		memcpy(at, from, n);
}

static inline void wcur_zero(struct wcur *c, size_t n)
{
	uint8_t *at = wcur_take(c, n);

	if (at && n)
		memset(at, 0, n);
}

static inline void wcur_uint(struct wcur *c, uint64_t v, size_t size)
{
	uint8_t *b = wcur_take(c, size);

	for (size_t i = 0; b && i < size; i++)
		b[c->big ? size - 1 - i : i] = (uint8_t)(v >> (8 * i));
}

static inline void wcur_u8(struct wcur *c, uint8_t v)
{
	wcur_uint(c, v, 1);
}

static inline void wcur_u16(struct wcur *c, uint16_t v)
{
	wcur_uint(c, v, 2);
}

static inline void wcur_u32(struct wcur *c, uint32_t v)
{
	wcur_uint(c, v, 4);
}

static inline void wcur_u64(struct wcur *c, uint64_t v)
{
	wcur_uint(c, v, 8);
}

/* @text with its NUL. */
static inline void wcur_text(struct wcur *c, const char *text)
{
	wcur_mem(c, text, strlen(text) + 1);
}

#endif
