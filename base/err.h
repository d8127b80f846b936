/* SPDX-License-Identifier: GPL-2.0 */
/*
 * err.h - one error on its way up: what failed, why, and what to do about it
 *
 * Filled once, where the cause is known; passed up untouched; printed once, by the command.
 * A struct err starts as {0} and may be NULL wherever a caller does not want the text.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdio.h>
#include "base/base.h"

struct err {
	int code;	/* positive errno, 0 = no error */
	bool own_words; /* the text needs no strerror() behind it */
	char what[640];
	char hint[384];
};

/*
 * Set @e to "<text>: <strerror(code)>" and return -code, so that a caller can `return
 * err_set(...)`.
 * @code is a positive errno; 0 is taken as EIO. A hint set before is dropped.
 */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/* As err_set(), but the text says the cause itself: no strerror() is added. */
int err_say(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/* An analyzer sees one file at a time, and would think that these may return 0. */
#ifdef __clang_analyzer__
#define err_set(...) ((err_set)(__VA_ARGS__), -1)
#define err_say(...) ((err_say)(__VA_ARGS__), -1)
#endif

/* Add "try: ..." to @e: a command, an option, a setting or a page. Returns -e->code. */
int err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* A usage error: what is wrong, and in @hint what to type instead. Returns -EINVAL. */
int err_usage(struct err *e, const char *hint, const char *what);

/* Put "<text>: " before what @e says already (e.g. the guest's name). Returns -e->code. */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Forget the error. */
void err_clear(struct err *e);

/*
 * "trace-cmd: <what>: <why>\n" and, with a hint, "  try: <hint>\n", control characters but newline
 * and tab as \xNN. For commands only.
 */
void err_print(FILE *to, const struct err *e);

/*
 * Copy @text to @to, control characters (also those that UTF-8 has beyond ASCII) as \xNN but for
 * those in @keep, and cut to @room: no text of a guest or a file can drive a terminal or forge a
 * line of a log. Returns the length.
 */
size_t clean_text(char *to, size_t room, const char *text, const char *keep);

/* The one-line form, for logs: "<what>: <why>". Returns @buf. */
const char *err_text(const struct err *e, char *buf, size_t size);

#endif
