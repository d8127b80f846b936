/* SPDX-License-Identifier: GPL-2.0 */
/* wire.h - messages in the notation of the protocol's description: hex digits, and 'text' */
#ifndef TESTS_UNIT_WIRE_H
#define TESTS_UNIT_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "trace-msg.h"

static inline unsigned int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c);

	assert_true(c && at);
	return (unsigned int)(at - digits);
}

/* "00000008 'abc' 00" -> bytes; returns their number. */
static inline size_t wire_bytes(const char *text, uint8_t *to, size_t room)
{
	size_t n = 0;

	while (*text) {
		assert_true(n < room);
		if (*text == ' ') {
			text++;
		} else if (*text == '\'') {
			for (text++; *text != '\''; text++) {
				assert_true(*text && n < room);
				to[n++] = (uint8_t)*text;
			}
			text++;
		} else {
			to[n++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
			text += 2;
		}
	}
	return n;
}

#endif
