// SPDX-License-Identifier: GPL-2.0
/*
 * unpack.c - decompress the blocks of a version 7 file
 *
 * Theory of operation
 *
 * One table of methods by the name in the file's head. The file says the decompressed size of each
 * block beside it (the zstd frames carry none), the caller has judged and allocated it, and a block
 * that gives more or fewer bytes is damaged.
 */
#include "tracedat/unpack.h"

#include <errno.h>
#include <zlib.h>
#include <zstd.h>

struct unpack_method {
	const char *name;
	bool (*run)(struct unpacker *u, void *to, size_t n, const void *from, size_t len);
};

struct unpacker {
	const struct unpack_method *method;
	ZSTD_DCtx *zstd; /* owned; made when first needed */
};

static bool run_none(struct unpacker *u, void *to, size_t n, const void *from, size_t len)
{
	(void)u, (void)to, (void)n, (void)from, (void)len;
	return false; /* a compressed block in a file whose head says that there are none */
}

static bool run_zstd(struct unpacker *u, void *to, size_t n, const void *from, size_t len)
{
	if (!u->zstd)
		u->zstd = ZSTD_createDCtx();
	return u->zstd && ZSTD_decompressDCtx(u->zstd, to, n, from, len) == n;
}

static bool run_zlib(struct unpacker *u, void *to, size_t n, const void *from, size_t len)
{
	uLongf got = n;

	(void)u;
	return uncompress(to, &got, from, len) == Z_OK && got == n;
}

static const struct unpack_method methods[] = {
	{ "none", run_none },
	{ "zstd", run_zstd },
	{ "zlib", run_zlib },
};

const struct unpack_method *unpack_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}

const char *unpack_name(const struct unpack_method *m)
{
	return m->name;
}

struct unpacker *unpacker_new(const struct unpack_method *m, struct err *e)
{
	struct unpacker *u = calloc(1, sizeof(*u));

	if (u)
		u->method = m;
	else
		err_set(e, ENOMEM, "no memory to decompress");
	return u;
}

void unpacker_free(struct unpacker *u)
{
	if (!u)
		return;
	ZSTD_freeDCtx(u->zstd);
	free(u);
}

int unpack(struct unpacker *u, void *to, size_t n, const void *from, size_t len, struct err *e)
{
	if (u->method->run(u, to, n, from, len))
		return 0;
	return err_say(e, EPROTO, "a block of %zu bytes does not decompress (%s) to %zu bytes", len,
		       u->method->name, n);
}
