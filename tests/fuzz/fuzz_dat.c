// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_dat.c - any bytes as a trace.dat
 *
 * Properties: opening, reading and checking end without harm; and a file that the checker takes for
 * whole, converted to both versions and each compression, is whole and has the same events in each
 * CPU. What --force makes of one that is not can be opened. Metadata that were made flat are a
 * head, and stay what they are when they are made flat again.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include "base/cleanup.h"
#include "base/io.h"
#include "tracedat/check.h"
#include "tracedat/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CPUS_MAX = 64, BUFFERS_MAX = 8 };

static uint64_t mix(uint64_t hash, const void *from, size_t n)
{
	const uint8_t *p = from;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3ULL;
	return hash;
}

/* A number for all events of a CPU; 0 when it has none. */
static uint64_t cpu_hash(struct tdat_file *f, size_t buffer, size_t index)
{
	struct tdat_cursor *c = tdat_cursor_new(f, buffer, index, NULL);
	struct tdat_event ev;
	uint64_t hash = 0;
	int rc;

	if (!c)
		abort();
	while ((rc = tdat_cursor_next(c, &ev, NULL)) != 0) {
		if (rc < 0)
			continue;
		hash = mix(hash + 1, &ev.ts, sizeof(ev.ts));
		hash = mix(hash, &ev.lost, sizeof(ev.lost));
		hash = mix(hash, ev.data, ev.size);
	}
	tdat_cursor_free(c);
	return hash;
}

static void file_hash(struct tdat_file *f, uint64_t hash[BUFFERS_MAX][CPUS_MAX])
{
	memset(hash, 0, sizeof(uint64_t) * BUFFERS_MAX * CPUS_MAX);
	for (size_t b = 0; b < tdat_nbuffers(f); b++) {
		for (size_t i = 0; i < tdat_buffer(f, b)->ncpus; i++) {
			uint64_t h = cpu_hash(f, b, i);
			uint32_t cpu = tdat_buffer(f, b)->cpus[i].cpu;

			if (b < BUFFERS_MAX && cpu < CPUS_MAX)
				hash[b][cpu] = h;
		}
	}
}

static const char *fd_path(int fd, char path[64])
{
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return path;
}

static const struct tdat_convert agains[] = {
	{ .version = 6 },
	{ .version = 7, .compression = "none" },
	{ .version = 7, .compression = "zstd" },
	{ .version = 7, .compression = "zlib" },
};

/* The buffers keep their order then. */
static bool top_first(const struct tdat_file *f)
{
	return !tdat_nbuffers(f) || !tdat_buffer(f, 0)->name[0];
}

static bool same_text(const struct tdat_file *f, const struct tdat_file *g)
{
	struct view a = { 0 }, b = { 0 };
	bool has = tdat_latency_text(f, &a);

	return has == tdat_latency_text(g, &b) && a.len == b.len &&
	       (!a.len || !memcmp(a.p, b.p, a.len));
}

/* -EINVAL: the file has what the writer refuses. */
static void write_again(struct tdat_file *f, const struct tdat_convert *to, bool whole)
{
	static uint64_t want[BUFFERS_MAX][CPUS_MAX], got[BUFFERS_MAX][CPUS_MAX];
	AUTO_FD fd = memfd_create("again", MFD_CLOEXEC);
	struct tdat_convert how = *to;
	struct tdat_file *again;
	struct err e = { 0 };
	char path[64];
	int rc;

	how.force = !whole;
	rc = tdat_convert(f, fd, "again", &how, &e);
	if (rc == -EINVAL || rc == -ENOMEM || (rc && !whole) || rc == -ENOTSUP)
		return;
	if (rc)
		abort();
	again = tdat_open(fd_path(fd, path), &e);
	if (!again)
		abort();
	file_hash(f, want);
	file_hash(again, got);
	if (whole && (memcmp(want, got, sizeof(want)) || !same_text(f, again)))
		abort();
	tdat_close(again);
	if (whole && tdat_check(path, NULL, NULL, &e))
		abort();
}

static void flatten(const uint8_t *data, size_t size)
{
	struct buf once = { 0 }, twice = { 0 };
	int version;

	if (!tdat_head_flatten(data, size, &once, &version, NULL) &&
	    (tdat_head_flatten(once.data, once.len, &twice, &version, NULL) || version != 6 ||
	     once.len != twice.len || memcmp(once.data, twice.data, once.len)))
		abort();
	buf_free(&once);
	buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t hash[BUFFERS_MAX][CPUS_MAX];
	AUTO_FD fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct tdat_file *f;
	char path[64];
	bool whole;

	flatten(data, size);
	if (fd < 0 || write_all(fd, data, size, "memory", NULL))
		return 0;
	whole = !tdat_check(fd_path(fd, path), NULL, NULL, NULL);
	f = tdat_open(path, NULL);
	if (!f && whole)
		abort();
	if (!f)
		return 0;
	file_hash(f, hash);
	for (size_t i = 0; i < ARRAY_SIZE(agains); i++)
		write_again(f, &agains[i], whole && top_first(f));
	tdat_close(f);
	return 0;
}
