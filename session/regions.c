// SPDX-License-Identifier: GPL-2.0
/*
 * regions.c - one sparse file for the pages of all CPUs
 *
 * Theory of operation
 *
 * Pages of all CPUs come at once, and a trace.dat wants them one CPU after the other. Copying them
 * at the end costs more than receiving them. So each CPU writes into its own region of one file,
 * terabytes apart, and at the end the file system takes the holes between them out of its extent
 * tree: no data move, and no room is needed.
 *
 * A cut in the middle (a kill, a power loss) must not lose anything. Each step is atomic in the
 * file system's journal; which steps were done can be told from the size of the file, since the
 * steps are in a fixed order and each makes the file smaller by a known amount. The lengths that
 * this needs are the plan, which stands in the .meta, on the disk, before the first step.
 */
#include "session/regions.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "trace-cmd-region"

enum { MAGIC_LEN = 16, NOTE_LEN = 28, BLOCK = 4096, GIB_SHIFT = 30 };

/* The largest file that is tried first; ext4 with blocks of 4 KiB takes nearly 16 TiB. */
static const uint64_t file_sizes[] = { 15ULL << 40, 3ULL << 40, 1ULL << 40, 300ULL << 30 };

static int write_note(int fd, const struct regions *r, struct err *e)
{
	uint8_t note[NOTE_LEN];
	struct wcur w = wcur_make(note, sizeof(note), true);

	wcur_mem(&w, MAGIC, MAGIC_LEN);
	wcur_u32(&w, r->cpus);
	wcur_u64(&w, r->size);
	return pwrite_all(fd, note, sizeof(note), 0, "the data file", e);
}

int regions_make(int fd, uint32_t cpus, struct regions *to, struct err *e)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(file_sizes) && ftruncate(fd, (off_t)file_sizes[i]))
		i++;
	if (i == ARRAY_SIZE(file_sizes))
		return err_set(e, errno, "cannot lay out a sparse data file of %llu GiB",
			       (unsigned long long)(file_sizes[i - 1] >> GIB_SHIFT));
	to->cpus = cpus;
	to->size = (file_sizes[i] - REGIONS_HEAD) / cpus >> GIB_SHIFT << GIB_SHIFT;
	if (ftruncate(fd, REGIONS_HEAD))
		return err_set(e, errno, "cannot set the size of the data file");
	return write_note(fd, to, e);
}

static bool geometry_ok(const struct regions *r)
{
	return r->cpus && r->cpus <= MSG_MAX_CPUS && r->size && !(r->size % BLOCK) &&
	       r->size <= file_sizes[0] / r->cpus;
}

int regions_read(int fd, struct regions *to, struct err *e)
{
	uint8_t note[NOTE_LEN] = { 0 };
	struct rcur c = rcur_make(note, sizeof(note), true);
	int rc = pread_all(fd, note, sizeof(note), 0, "the data file", e);

	if (rc)
		return rc;
	if (memcmp(rcur_take(&c, MAGIC_LEN), MAGIC, MAGIC_LEN) != 0)
		return err_say(e, EPROTO, "the data file does not say where its regions are");
	to->cpus = rcur_u32(&c);
	to->size = rcur_u64(&c);
	return geometry_ok(to) ? 0
			       : err_say(e, EPROTO, "the data file tells of impossible regions");
}

uint64_t regions_start(const struct regions *r, uint32_t cpu)
{
	return REGIONS_HEAD + cpu * r->size;
}

int regions_used(int fd, const struct regions *r, uint32_t cpu, uint64_t *len, struct err *e)
{
	off_t start = (off_t)regions_start(r, cpu), end = start + (off_t)r->size, at = start;

	*len = 0;
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && at < end) {
		at = lseek(fd, at, SEEK_HOLE);
		if (at < 0)
			break;
		*len = min_u64((uint64_t)(at - start), r->size);
	}
	if (at < 0 && errno != ENXIO)
		return err_set(e, errno, "cannot look for the data of CPU %u", cpu);
	return 0;
}

size_t region_plan_put(const struct region_plan *p, uint8_t *to, size_t room)
{
	struct wcur w = wcur_make(to, room, true);

	wcur_u32(&w, p->regions.cpus);
	wcur_u64(&w, p->regions.size);
	wcur_u32(&w, p->version);
	wcur_u64(&w, p->head);
	for (uint32_t i = 0; i < p->regions.cpus; i++)
		wcur_u64(&w, p->len[i]);
	return room - w.left;
}

int region_plan_get(struct region_plan *p, const uint8_t *from, size_t len, struct err *e)
{
	struct rcur c = rcur_make(from, len, true);
	bool ok;

	*p = (struct region_plan){ 0 };
	p->regions.cpus = rcur_u32(&c);
	p->regions.size = rcur_u64(&c);
	p->version = rcur_u32(&c);
	p->head = rcur_u64(&c);
	ok = geometry_ok(&p->regions) && p->head <= REGIONS_HEAD && !(p->head % BLOCK);
	for (uint32_t i = 0; ok && i < p->regions.cpus; i++) {
		p->len[i] = rcur_u64(&c);
		ok = p->len[i] <= p->regions.size && !(p->len[i] % BLOCK);
	}
	return ok && !c.bad ? 0 : err_say(e, EPROTO, "the plan of the data file is damaged");
}

/* The holes to take out in their order, and the size of the file before each. */
struct hole {
	uint64_t off, len, size_before;
};

static uint32_t list_holes(const struct region_plan *p, struct hole *h, uint64_t *size)
{
	uint64_t end = 0;
	uint32_t n = 0;

	for (uint32_t i = p->regions.cpus; i-- > 0;) {
		uint64_t start = regions_start(&p->regions, i), before = p->head;

		if (!p->len[i])
			continue;
		for (uint32_t k = 0; k < i; k++)
			if (p->len[k])
				before = regions_start(&p->regions, k) + p->len[k];
		if (!n)
			end = start + p->len[i];
		if (start > before)
			h[n++] = (struct hole){ before, start - before, end };
		end -= start - before;
	}
	*size = end;
	return n;
}

static int file_size(int fd, uint64_t *size, struct err *e)
{
	struct stat s;

	if (fstat(fd, &s))
		return err_set(e, errno, "cannot look at the data file");
	*size = (uint64_t)s.st_size;
	return 0;
}

bool regions_begun(int fd, const struct region_plan *p)
{
	struct hole holes[MSG_MAX_CPUS];
	uint64_t now = 0, end;
	uint32_t n = list_holes(p, holes, &end);

	return n && !file_size(fd, &now, NULL) && now < holes[0].size_before;
}

int regions_collapse(int fd, const struct region_plan *p, struct err *e)
{
	struct hole holes[MSG_MAX_CPUS];
	uint64_t now = 0, end;
	uint32_t n = list_holes(p, holes, &end), i = 0;
	int rc = file_size(fd, &now, e);

	if (rc)
		return rc;
	if (n && now > holes[0].size_before && ftruncate(fd, (off_t)holes[0].size_before))
		return err_set(e, errno, "cannot set the size of the data file");
	while (i < n && now < holes[i].size_before)
		i++; /* done by an earlier call */
	for (; i < n; i++) {
		if (!fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, (off_t)holes[i].off,
			       (off_t)holes[i].len))
			continue;
		if (!i && (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS))
			return err_set(e, EOPNOTSUPP, "cannot take holes out of the data file");
		return err_set(e, errno, "cannot take a hole out of the data file");
	}
	return 0;
}
