// SPDX-License-Identifier: GPL-2.0
/*
 * tally.c - what is in a file, and what is not, before it is written
 *
 * Theory of operation
 *
 * Bytes are those of the extents. Events are the peer's own number where that is enough; else the
 * pages are read. They are, too, to compare: the kernel counts what was read from its ring, by
 * whoever it was (tests/facts/fact_tracefs_read_events.c), and what is missing in the file, though
 * all pages that the peer took are in it, another reader has.
 *
 * To count costs up to a third of a second a GiB: it is done where it is not felt, where something
 * is missing, and where another reader was seen.
 */
#include "session/local.h"

#include "tracedat/counts.h"
#include "tracedat/writer.h"

#define NOT_FELT (256 << 20) /* bytes of pages */

/* All that the peer read is in the file. */
static bool is_whole(const struct totals *t, const struct cpu_totals *ct)
{
	return t->told && !ct->transport && !ct->quota && !ct->disk;
}

static void compare(const struct totals *t, struct cpu_totals *ct, const struct tdat_page_counts *n)
{
	if (is_whole(t, ct) && !n->broken && !ct->unsure && ct->events > n->events)
		ct->other = ct->events - n->events;
}

/* Events and gaps in what the file will hold. */
static int count(const struct tdat_file_plan *f, uint32_t cpu, struct totals *t, struct err *e)
{
	struct cpu_totals *ct = &t->cpu[cpu];
	struct tdat_page_counts n = { 0 };

	for (size_t b = 0; b < f->nbuffers; b++) {
		const struct tdat_cpu_data *c = &f->buffers[b].cpus[cpu];
		int rc = 0;

		if (c->nextents)
			rc = tdat_count_pages(c->extents[0].fd, c->extents, c->nextents,
					      &f->head->layout, &n, e);
		if (rc)
			return rc;
	}
	compare(t, ct, &n);
	ct->events = n.events;
	if (!t->told) {
		ct->ring = n.lost;
		ct->gaps = n.lost_unknown > ct->marked;
	}
	return 0;
}

static uint64_t measure_cpu(const struct tdat_cpu_data *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->nextents; i++)
		sum += c->extents[i].len;
	return sum;
}

/* Bytes of all CPUs. */
static uint64_t measure(const struct tdat_file_plan *f, struct totals *t)
{
	uint64_t sum = 0;

	for (size_t b = 0; b < f->nbuffers; b++)
		for (uint32_t cpu = 0; cpu < f->buffers[b].ncpus && cpu < t->cpus; cpu++) {
			uint64_t bytes = measure_cpu(&f->buffers[b].cpus[cpu]);

			t->cpu[cpu].bytes += bytes;
			sum += bytes;
		}
	return sum;
}

int tally_file(const struct tdat_file_plan *f, struct totals *t, struct err *e)
{
	bool look = measure(f, t) <= NOT_FELT || t->reader[0], compared = t->told;
	int rc = 0;

	for (uint32_t cpu = 0; cpu < f->buffers[0].ncpus && cpu < t->cpus && !rc; cpu++) {
		bool whole = is_whole(t, &t->cpu[cpu]);

		compared &= look && whole && !t->cpu[cpu].unsure;
		if (look || !whole || !t->cpu[cpu].events)
			rc = count(f, cpu, t, e);
		compared &= !t->cpu[cpu].other;
	}
	if (compared)
		t->reader[0] = '\0'; /* he took nothing */
	return rc;
}
