// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_dat.c - any bytes as a trace.dat
 *
 * Properties: opening, reading and checking end without harm; and a file that the checker takes for
 * whole, written anew in both versions, is whole and has the same events in each CPU. Metadata that
 * were made flat are a head, and stay what they are when they are made flat again.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include "base/cleanup.h"
#include "base/io.h"
#include "tracedat/check.h"
#include "tracedat/reader.h"
#include "tracedat/writer.h"

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

/* False when the file has what the writer refuses or this test has no room for. */
static bool can_write(const struct tdat_file *f)
{
	const struct tdat_head *h = tdat_head(f);
	size_t n = tdat_nbuffers(f);

	if (!n || n > BUFFERS_MAX || h->cpus > CPUS_MAX || strcmp(tdat_buffer(f, 0)->name, ""))
		return false;
	if (h->layout.size & (h->layout.size - 1) || h->page_size > 65536 || h->layout.size > 65536)
		return false;
	for (size_t b = 0; b < n; b++) {
		const struct tdat_file_buffer *from = tdat_buffer(f, b);

		if (from->compressed || from->page_size != h->layout.size)
			return false;
		for (size_t i = 0; i < from->ncpus; i++)
			if (from->cpus[i].cpu >= CPUS_MAX)
				return false;
	}
	return true;
}

struct plan {
	struct tdat_buffer_data buffers[BUFFERS_MAX];
	struct tdat_cpu_data cpus[BUFFERS_MAX][CPUS_MAX];
	struct tdat_extent extents[BUFFERS_MAX][CPUS_MAX];
};

static void plan_from(const struct tdat_file *f, int fd, struct plan *p)
{
	*p = (struct plan){ 0 };
	for (size_t b = 0; b < tdat_nbuffers(f); b++) {
		const struct tdat_file_buffer *from = tdat_buffer(f, b);

		p->buffers[b] = (struct tdat_buffer_data){ from->name, from->clock, from->page_size,
							   p->cpus[b], CPUS_MAX };
		for (uint32_t i = 0; i < CPUS_MAX; i++)
			p->cpus[b][i] = (struct tdat_cpu_data){ i, &p->extents[b][i], 0 };
		for (size_t i = 0; i < from->ncpus; i++) {
			const struct tdat_file_cpu *c = &from->cpus[i];

			p->extents[b][c->cpu] = (struct tdat_extent){ fd, c->off, c->len };
			p->cpus[b][c->cpu].nextents = c->len != 0;
		}
	}
}

static const char *fd_path(int fd, char path[64])
{
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return path;
}

static void write_again(struct tdat_file *f, int from, int version)
{
	static uint64_t want[BUFFERS_MAX][CPUS_MAX], got[BUFFERS_MAX][CPUS_MAX];
	static struct plan p;
	AUTO_FD fd = memfd_create("again", MFD_CLOEXEC);
	struct tdat_file *again;
	struct err e = { 0 };
	char path[64];

	plan_from(f, from, &p);
	if (tdat_write(fd, "again",
		       &(struct tdat_file_plan){ .version = version,
						 .head = tdat_head(f),
						 .buffers = p.buffers,
						 .nbuffers = tdat_nbuffers(f) },
		       &e))
		abort();
	again = tdat_open(fd_path(fd, path), &e);
	if (!again)
		abort();
	file_hash(f, want);
	file_hash(again, got);
	if (memcmp(want, got, sizeof(want)) || tdat_nbuffers(again) != tdat_nbuffers(f))
		abort();
	tdat_close(again);
	if (tdat_check(path, NULL, NULL, &e))
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
	if (whole && can_write(f)) {
		write_again(f, fd, 6);
		write_again(f, fd, 7);
	}
	tdat_close(f);
	return 0;
}
