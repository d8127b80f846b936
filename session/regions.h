/* SPDX-License-Identifier: GPL-2.0 */
/*
 * regions.h - one sparse file that holds the pages of all CPUs while they come, and becomes the
 * trace.dat without being copied
 *
 *	0	      head room: a note of the geometry now, the head of the trace.dat at the end
 *	head + i*size  the region of CPU i: its pages, one after the other
 *
 * At the end the holes between the regions are taken out (FALLOC_FL_COLLAPSE_RANGE, ext4 and xfs;
 * see tests/facts/fact_collapse.c). Where the file system cannot, pages are copied.
 */
#ifndef SESSION_REGIONS_H
#define SESSION_REGIONS_H

#include "base/io.h"
#include "trace-msg.h"

#define REGIONS_HEAD (1ULL << 30) /* bytes before the first region; metadata are far smaller */

struct regions {
	uint32_t cpus;
	uint64_t size; /* bytes of each region: what a CPU may fill */
};

/* Lay out an empty file: the largest regions that its file system takes. */
int regions_make(int fd, uint32_t cpus, struct regions *to, struct err *e);
/* The geometry of a file that regions_make() laid out. -EPROTO: it is none. */
int regions_read(int fd, struct regions *to, struct err *e);
/* Offset of a region. */
uint64_t regions_start(const struct regions *r, uint32_t cpu);
/* Bytes from the start of a region to the end of its last block with data. */
int regions_used(int fd, const struct regions *r, uint32_t cpu, uint64_t *len, struct err *e);

/* What the file is to become: a head, and behind it the first bytes of each region. */
struct region_plan {
	struct regions regions;
	uint32_t version; /* of the trace.dat: the head depends on it */
	uint64_t head;	  /* bytes of the head, a multiple of the block size */
	uint64_t len[MSG_MAX_CPUS];
};

enum { REGION_PLAN_MAX = 24 + 8 * MSG_MAX_CPUS };

/* The plan as bytes, for the journal. Returns the length. */
size_t region_plan_put(const struct region_plan *p, uint8_t *to, size_t room);
/* -EPROTO: these bytes are no plan. */
int region_plan_get(struct region_plan *p, const uint8_t *from, size_t len, struct err *e);

/* Was the work of this plan begun? Then the regions are not where they were. */
bool regions_begun(int fd, const struct region_plan *p);

/*
 * Take the holes out, from the last to the first; goes on where an earlier call was cut. What was
 * in a region behind its .len is gone. -EOPNOTSUPP: the file system cannot, nothing was changed.
 */
int regions_collapse(int fd, const struct region_plan *p, struct err *e);

#endif
