/* SPDX-License-Identifier: GPL-2.0 */
/* tool.h - run another program and have its output as text */
#ifndef GUESTS_TOOL_H
#define GUESTS_TOOL_H

#include "base/io.h"

enum { TOOL_INPUT_MAX = 32768, TOOL_OUTPUT_MAX = 8 << 20 }; /* bytes */

/*
 * Run @argv (NULL-terminated, found by PATH, in the locale C) with @input (NULL = none) as its
 * standard input. Its output and its errors, both, are appended to @out, NUL behind. Returns its
 * exit status (128 + signal when it was killed; 127 when it is not installed), or a negative errno.
 */
int tool_run(const char *const argv[], const char *input, struct buf *out, struct err *e);

#endif
