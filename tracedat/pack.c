// SPDX-License-Identifier: GPL-2.0
/*
 * pack.c - compress the blocks of a version 7 file
 *
 * Theory of operation
 *
 * One table of methods by the name in the file's head, the best one first: that is "any". A frame
 * of zstd goes without the size of its content, which stands beside each block anyway.
 *
 * Levels: zstd 3, its default, which brings pages of a trace to about a twelfth at 1 GB/s; higher
 * ones gain little. zlib 6 and not 9: 9 takes more than three times as long and saves one byte in
 * twenty.
 */
#include "tracedat/pack.h"

#include <errno.h>
#include <zlib.h>
#include <zstd.h>
#include "tracedat/writer.h"

enum { ZSTD_LEVEL = 3, ZLIB_LEVEL = 6 };

struct method {
	const char *name;
	const char *(*version)(void);
	size_t (*bound)(size_t n);
	/* The compressed size, 0 = it failed. */
	size_t (*run)(struct packer *p, void *to, size_t room, const void *from, size_t n);
};

struct packer {
	const struct method *method;
	ZSTD_CCtx *zstd; /* owned; made when first needed */
	uint8_t *mem;	 /* owned; the last block */
	size_t room;
};

static size_t run_zstd(struct packer *p, void *to, size_t room, const void *from, size_t n)
{
	size_t got;

	if (!p->zstd) {
		p->zstd = ZSTD_createCCtx();
		if (!p->zstd)
			return 0;
		ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
		ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_contentSizeFlag, 0);
	}
	got = ZSTD_compress2(p->zstd, to, room, from, n);
	return ZSTD_isError(got) ? 0 : got;
}

static size_t bound_zlib(size_t n)
{
	return compressBound(n);
}

static size_t run_zlib(struct packer *p, void *to, size_t room, const void *from, size_t n)
{
	uLongf got = room;

	(void)p;
	return compress2(to, &got, from, n, ZLIB_LEVEL) == Z_OK ? got : 0;
}

static const struct method methods[] = {
	{ "zstd", ZSTD_versionString, ZSTD_compressBound, run_zstd },
	{ "zlib", zlibVersion, bound_zlib, run_zlib },
};

static const struct method *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}

const char *tdat_compression_pick(const char *name, struct err *e)
{
	const struct method *m = strcmp(name, "any") ? find(name) : &methods[0];

	if (m)
		return m->name;
	if (!strcmp(name, "none"))
		return "none";
	err_say(e, EINVAL, "there is no compression '%s'", name);
	err_hint(e, "any (which is %s), none, zlib or zstd", methods[0].name);
	return NULL;
}

int tdat_opt_compression(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	return tdat_compression_pick(val, e) ? opt_set_text(ctx, o, val, e) : -EINVAL;
}

int tdat_compression_for(const char *name, int version, const char **to, struct err *e)
{
	*to = "none";
	if (!name || !strcmp(name, "none") || (version == 6 && !strcmp(name, "any")))
		return 0;
	if (version == 6) {
		err_say(e, EINVAL, "--compression %s: version 6 of the file cannot be compressed",
			name);
		err_hint(e, "--file-version 7, or --compression none");
		return -EINVAL;
	}
	*to = tdat_compression_pick(name, e);
	return *to ? 0 : -EINVAL;
}

int packer_new(const char *name, struct packer **to, struct err *e)
{
	struct packer *p;

	*to = NULL;
	if (!name || !strcmp(name, "none"))
		return 0;
	if (!find(name))
		return err_say(e, EINVAL, "there is no compression '%s'", name);
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, ENOMEM, "no memory to compress");
	p->method = find(name);
	*to = p;
	return 0;
}

void packer_free(struct packer *p)
{
	if (!p)
		return;
	ZSTD_freeCCtx(p->zstd);
	free(p->mem);
	free(p);
}

const char *packer_name(const struct packer *p)
{
	return p ? p->method->name : "none";
}

const char *packer_version(const struct packer *p)
{
	return p ? p->method->version() : "";
}

int pack(struct packer *p, const void *from, size_t n, struct view *to, struct err *e)
{
	size_t room, got;
	uint8_t *mem;

	if (n > UINT32_MAX / 2)
		return err_say(e, EFBIG, "%zu bytes are too many for one compressed block", n);
	room = p->method->bound(n);
	if (room > p->room) {
		mem = realloc(p->mem, room);
		if (!mem)
			return err_set(e, ENOMEM, "no memory to compress %zu bytes", n);
		p->mem = mem;
		p->room = room;
	}
	got = p->method->run(p, p->mem, room, from, n);
	if (!got)
		return err_say(e, EIO, "%s cannot compress %zu bytes", p->method->name, n);
	*to = (struct view){ p->mem, got };
	return 0;
}
