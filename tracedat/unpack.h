/* SPDX-License-Identifier: GPL-2.0 */
/* unpack.h - the compression methods of version 7, reading */
#ifndef TRACEDAT_UNPACK_H
#define TRACEDAT_UNPACK_H

#include "base/err.h"

struct unpack_method; /* opaque, static */
struct unpacker;      /* opaque: the working memory of one method; one thread at a time */

/* NULL when the name in the file's head is none that is known. "none" is known, and unpacks
 * nothing. */
const struct unpack_method *unpack_find(const char *name);
const char *unpack_name(const struct unpack_method *m);

struct unpacker *unpacker_new(const struct unpack_method *m, struct err *e);
void unpacker_free(struct unpacker *u); /* NULL is fine */

/* Fill @to with exactly @n bytes; -EPROTO when @from does not decompress to that. */
int unpack(struct unpacker *u, void *to, size_t n, const void *from, size_t len, struct err *e);

#endif
