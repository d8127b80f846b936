/* SPDX-License-Identifier: GPL-2.0 */
/* check.h - is a trace.dat whole? */
#ifndef TRACEDAT_CHECK_H
#define TRACEDAT_CHECK_H

#include "base/err.h"

/*
 * Walk everything in the file: sections, options, tables, every page and record, the order of
 * times.
 * @say (may be NULL) gets one line without a newline for each problem, with the offset in the file;
 * after 100 problems only their number. 0: whole; -EPROTO: damaged or cut, @e says how many
 * problems; else the file could not be read.
 */
int tdat_check(const char *path, void (*say)(void *ctx, const char *line), void *ctx,
	       struct err *e);

#endif
