// SPDX-License-Identifier: GPL-2.0
/*
 * flatten.c - metadata of either version become a head of version 6
 *
 * Theory of operation
 *
 * Who receives metadata over the wire wants one form of them. Version 6 already has it: what is
 * behind the options is cut off, the rest is kept byte for byte. Version 7 is read as a file in
 * memory that has no buffers, and its blocks and options are written anew in the order of version
 * 6. Options that name sections say nothing without those, and go.
 */
#include "tracedat/out.h"

#include <errno.h>
#include "tracedat/reader_local.h"

static int flatten_v6(const uint8_t *bytes, size_t len, struct buf *to, struct err *e)
{
	struct tdat_head head;
	int rc = tdat_head_parse(&head, bytes, len, e);

	if (rc)
		return rc;
	if (buf_add(to, bytes, head.used))
		rc = err_set(e, ENOMEM, "no memory for trace metadata");
	tdat_head_free(&head);
	return rc;
}

int tdat_head_put(const struct tdat_head *h, struct buf *to, struct err *e)
{
	struct err own = { 0 };
	struct out o = { .fd = -1, .path = "memory", .big = h->big, .mem = to, .e = e ? e : &own };

	put_blocks_v6(&o, h, h->cpus);
	put_options_v6(&o, h, true);
	out_uint(&o, TDAT_OPT_DONE, 2);
	return o.rc;
}

static int flatten_v7(const uint8_t *bytes, size_t len, struct buf *to, struct err *e)
{
	struct tdat_file *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return err_set(e, ENOMEM, "no memory for trace metadata");
	f->map = bytes;
	f->size = len;
	f->version = 7;
	rc = open_v7_head(f, e);
	if (!rc)
		rc = tdat_head_put(&f->head, to, e);
	f->map = NULL; /* borrowed */
	tdat_close(f);
	return rc;
}

int tdat_head_flatten(const uint8_t *bytes, size_t len, struct buf *to, int *version, struct err *e)
{
	struct err own = { 0 }, *err = e ? e : &own; /* the reader wants one */
	bool is_7 = len > TDAT_MAGIC_LEN + 1 && !memcmp(bytes, TDAT_MAGIC "7", TDAT_MAGIC_LEN + 2);

	*version = is_7 ? 7 : 6;
	return is_7 ? flatten_v7(bytes, len, to, err) : flatten_v6(bytes, len, to, err);
}
