/* SPDX-License-Identifier: GPL-2.0 */
/* partial.h - the metadata of a machine alone, as a file: "restore -c" */
#ifndef RECORDING_PARTIAL_H
#define RECORDING_PARTIAL_H

#include "base/err.h"

struct partial_opts {
	const char *path;     /* to write; one that is there is replaced */
	const char *tracing;  /* the tracing directory, NULL = the one of this machine */
	const char *kallsyms; /* NULL = /proc/kallsyms */
	const char *version;  /* text of the VERSION option */
};

/* The head of a version 6 file with the formats of all events, the CPU count and options. */
int partial_write(const struct partial_opts *o, struct err *e);

#endif
