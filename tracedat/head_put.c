// SPDX-License-Identifier: GPL-2.0
/*
 * head_put.c - build the metadata of the traced machine, block by block
 *
 * Theory of operation
 *
 * The machine that is traced writes in its own byte order, so numbers are appended as they lie in
 * memory. The functions follow the order of the blocks in version 6; lists (formats) are made by
 * the caller with the number first, then texts.
 *
 * Invariant: on error the buf holds no half number that a later call could complete by mistake: the
 * only error is a lack of memory, after which the caller gives the buf up.
 */
#include "tracedat/local.h"

#include <endian.h>
#include <errno.h>

static int add(struct buf *to, const void *from, size_t n, struct err *e)
{
	return buf_add(to, from, n) ? err_set(e, ENOMEM, "no memory for trace metadata") : 0;
}

int tdat_put_u32(struct buf *to, uint32_t v, struct err *e)
{
	return add(to, &v, sizeof(v), e);
}

int tdat_put_text32(struct buf *to, struct view text, struct err *e)
{
	int rc;

	if (text.len > UINT32_MAX)
		return err_set(e, EFBIG, "a text of %zu bytes in the trace metadata", text.len);
	rc = tdat_put_u32(to, (uint32_t)text.len, e);
	return rc ? rc : add(to, text.p, text.len, e);
}

int tdat_put_text64(struct buf *to, struct view text, struct err *e)
{
	uint64_t n = text.len;
	int rc = add(to, &n, sizeof(n), e);

	return rc ? rc : add(to, text.p, text.len, e);
}

int tdat_put_start(struct buf *to, uint32_t page_size, struct err *e)
{
	uint8_t machine[] = { '6', 0, __BYTE_ORDER == __BIG_ENDIAN, sizeof(long) };
	int rc = add(to, TDAT_MAGIC, TDAT_MAGIC_LEN, e);

	if (!rc)
		rc = add(to, machine, sizeof(machine), e);
	return rc ? rc : tdat_put_u32(to, page_size, e);
}

int tdat_put_headers(struct buf *to, struct view header_page, struct view header_event,
		     struct err *e)
{
	int rc = add(to, "header_page", sizeof("header_page"), e);

	if (!rc)
		rc = tdat_put_text64(to, header_page, e);
	if (!rc)
		rc = add(to, "header_event", sizeof("header_event"), e);
	return rc ? rc : tdat_put_text64(to, header_event, e);
}

int tdat_put_options_begin(struct buf *to, struct err *e)
{
	return add(to, TAG_OPTIONS, TAG_LEN, e);
}

int tdat_put_option(struct buf *to, uint16_t id, const void *data, uint32_t len, struct err *e)
{
	int rc = add(to, &id, sizeof(id), e);

	return rc ? rc : tdat_put_text32(to, (struct view){ (const uint8_t *)data, len }, e);
}

int tdat_put_options_end(struct buf *to, struct err *e)
{
	uint16_t end = TDAT_OPT_DONE;

	return add(to, &end, sizeof(end), e);
}
