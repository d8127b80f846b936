/* SPDX-License-Identifier: GPL-2.0 */
/* pack.h - the compression methods of version 7, writing */
#ifndef TRACEDAT_PACK_H
#define TRACEDAT_PACK_H

#include "tracedat/head.h"

struct packer; /* opaque: one method and its working memory; one thread at a time */

/*
 * @name as in the file's head. "none" or NULL: 0 and *@to is NULL. -EINVAL when there is no such
 * method.
 */
int packer_new(const char *name, struct packer **to, struct err *e);
void packer_free(struct packer *p); /* NULL is fine */

/* What the file's head says of @p (NULL: "none" and ""): static texts. */
const char *packer_name(const struct packer *p);
const char *packer_version(const struct packer *p);

/* Compress to one block; *to is valid until the next call. */
int pack(struct packer *p, const void *from, size_t n, struct view *to, struct err *e);

#endif
