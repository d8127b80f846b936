/* SPDX-License-Identifier: GPL-2.0 */
/* dump.h - what is in a trace.dat, as text: not the events but all around them */
#ifndef TRACEDAT_DUMP_H
#define TRACEDAT_DUMP_H

#include "base/err.h"

enum tdat_dump_what {
	DUMP_SUMMARY = 1 << 0, /* a line for each part */
	DUMP_HEAD_PAGE = 1 << 1,
	DUMP_HEAD_EVENT = 1 << 2,
	DUMP_FTRACE_EVENTS = 1 << 3,
	DUMP_SYSTEMS = 1 << 4,
	DUMP_EVENTS = 1 << 5,
	DUMP_KALLSYMS = 1 << 6,
	DUMP_PRINTK = 1 << 7,
	DUMP_CMDLINES = 1 << 8,
	DUMP_OPTIONS = 1 << 9,
	DUMP_FLYRECORD = 1 << 10,
	DUMP_CLOCK = 1 << 11,
	DUMP_STRINGS = 1 << 12,
	DUMP_SECTIONS = 1 << 13,
	DUMP_ALL = (1 << 14) - 1,
};

/*
 * Print the parts @what (bits) of the file to @to, in the words of the stock tool. A damaged file
 * is printed up to the damage: -EPROTO, -ENODATA with the offset. Control characters in texts come
 * out as \xNN.
 */
int tdat_dump(const char *path, unsigned int what, FILE *to, struct err *e);

#endif
