/* SPDX-License-Identifier: GPL-2.0 */
/* digits.h - numbers within texts from outside: no sign, no space, no prefix, no overflow */
#ifndef WIRE_DIGITS_H
#define WIRE_DIGITS_H

#include "base/base.h"

/*
 * One digit of @base (10, or 16 with small letters) or more at *text, together at most @max: *text
 * is moved behind them. false: no digit, or too large; *to is undefined then.
 */
static inline bool take_digits(const char **text, unsigned int base, uint64_t max, uint64_t *to)
{
	static const char digits[] = "0123456789abcdef";
	const char *begin = *text, *d;

	for (*to = 0; **text && (d = strchr(digits, **text)); ++*text) {
		uint64_t v = (uint64_t)(d - digits);

		if (v >= base)
			break;
		if (v > max || *to > (max - v) / base)
			return false;
		*to = *to * base + v;
	}
	return *text != begin;
}

#endif
