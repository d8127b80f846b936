// SPDX-License-Identifier: GPL-2.0
/*
 * err.c - one error on its way up
 *
 * Theory of operation
 *
 * The text is made where the cause is known and errno still means something. Texts that do not fit
 * are cut: an error is never the reason for another one.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static int set_text(struct err *e, int code, bool own_words, const char *fmt, va_list ap)
{
	if (code <= 0)
		code = code ? -code : EIO;
	if (!e)
		return -code;
	e->code = code;
	e->own_words = own_words;
	vsnprintf(e->what, sizeof(e->what), fmt, ap);
	e->hint[0] = '\0';
	return -code;
}

int(err_set)(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	code = set_text(e, code, false, fmt, ap);
	va_end(ap);
	return code;
}

int(err_say)(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	code = set_text(e, code, true, fmt, ap);
	va_end(ap);
	return code;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -EIO;
	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
	return -e->code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->what)];
	size_t used;
	va_list ap;

	if (!e)
		return -EIO;
	memcpy(old, e->what, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(e->what, sizeof(e->what), fmt, ap);
	va_end(ap);
	used = strlen(e->what);
	snprintf(e->what + used, sizeof(e->what) - used, ": %s", old);
	return -e->code;
}

void err_clear(struct err *e)
{
	if (e)
		*e = (struct err){ 0 };
}

/* How many bytes of @c are one control character: C0 and DEL are 1, U+0080..U+009F are 2. */
static size_t control_len(const unsigned char *c)
{
	if (c[0] < 0x20 || c[0] == 0x7f)
		return 1;
	return c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f ? 2 : 0;
}

size_t clean_text(char *to, size_t room, const char *text, const char *keep)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t n = 0;

	while (*c && n + 9 <= room) { /* the longest step is 8 bytes, and the NUL */
		size_t control = strchr(keep, *c) ? 0 : control_len(c);

		if (!control)
			to[n++] = (char)*c++;
		for (; control; control--, c++)
			n += (size_t)snprintf(to + n, room - n, "\\x%02x", *c);
	}
	if (room)
		to[n] = '\0';
	return n;
}

void err_print(FILE *to, const struct err *e)
{
	char line[sizeof(e->what) + 80], clean[4 * sizeof(line)];

	clean_text(clean, sizeof(clean), err_text(e, line, sizeof(line)), "\n\t");
	fprintf(to, "trace-cmd: %s\n", clean);
	clean_text(clean, sizeof(clean), e->hint, "\n\t");
	if (clean[0])
		fprintf(to, "  try: %s\n", clean);
}

const char *err_text(const struct err *e, char *buf, size_t size)
{
	if (e->own_words || !e->code)
		snprintf(buf, size, "%s", e->what);
	else
		snprintf(buf, size, "%s: %s", e->what, strerror(e->code));
	return buf;
}

int err_usage(struct err *e, const char *hint, const char *what)
{
	err_say(e, EINVAL, "%s", what);
	err_hint(e, "%s", hint);
	return -EINVAL;
}
