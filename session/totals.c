// SPDX-License-Identifier: GPL-2.0
/*
 * totals.c - what a recording holds, and what it lost: the table
 *
 * Theory of operation
 *
 * The guest counts what it read from its rings and what the rings dropped; the host counts what it
 * received, kept and threw away. The columns follow the way of the data, so that a loss tells where
 * to look: the guest's ring (larger -b), the way (channels), the quota (an option), the disk. The
 * column of another reader of the ring is there when there was one (session/tally.c).
 */
#include "session/totals.h"

#include <errno.h>

/* A guest may say any number: a sum that would wrap stays at its end, so that no loss becomes none.
 */
static void add_to(uint64_t *sum, uint64_t n)
{
	if (__builtin_add_overflow(*sum, n, sum))
		*sum = UINT64_MAX;
}

static void add(struct cpu_totals *to, const struct cpu_totals *c)
{
	add_to(&to->events, c->events);
	add_to(&to->bytes, c->bytes);
	add_to(&to->ring, c->ring);
	add_to(&to->transport, c->transport);
	add_to(&to->quota, c->quota);
	add_to(&to->disk, c->disk);
	add_to(&to->other, c->other);
	to->gaps |= c->gaps;
}

void totals_sum(const struct totals *t, struct cpu_totals *sum)
{
	*sum = (struct cpu_totals){ 0 };
	for (uint32_t i = 0; i < t->cpus; i++)
		add(sum, &t->cpu[i]);
}

bool totals_lost(const struct totals *t)
{
	struct cpu_totals s;

	totals_sum(t, &s);
	return s.ring || s.gaps || s.transport || s.quota || s.disk || s.other;
}

uint64_t totals_pages(const struct totals *t, uint64_t bytes)
{
	/* Not (bytes + size - 1) / size: a guest may say any number. */
	return t->page_size ? bytes / t->page_size + (bytes % t->page_size != 0) : 0;
}

/* @other: with the column of another reader. */
static int print_row(const char *name, const struct cpu_totals *c, bool other, struct buf *to)
{
	char bytes[32];
	int rc = buf_addf(to, "  %-5s %12llu %12s %11llu%c %11llu %9llu %9llu", name,
			  (unsigned long long)c->events, size_text(c->bytes, bytes, sizeof(bytes)),
			  (unsigned long long)c->ring, c->gaps ? '+' : ' ',
			  (unsigned long long)c->transport, (unsigned long long)c->quota,
			  (unsigned long long)c->disk);

	if (!rc && other)
		rc = buf_addf(to, " %12llu", (unsigned long long)c->other);
	return rc ? rc : buf_addf(to, "\n");
}

/* Who reads beside us, and what to do. */
static int print_reader(const struct totals *t, uint64_t taken, struct buf *to)
{
	if (taken)
		return buf_addf(
			to,
			"  (other reader: events that it took from the same ring buffer; %s; "
			"'record -B NAME' has a ring buffer of its own)\n",
			t->reader[0] ? t->reader : "it is not known who that was");
	if (t->reader[0])
		return buf_addf(to,
				"  (%s: what it takes is not in this recording; 'record -B NAME' "
				"has a ring buffer of its own)\n",
				t->reader);
	return 0;
}

static bool has_any(const struct cpu_totals *c)
{
	return c->events || c->bytes || c->ring || c->gaps || c->transport || c->quota || c->disk ||
	       c->other;
}

int totals_print(const struct totals *t, struct buf *to)
{
	struct cpu_totals sum;
	char name[16];
	int rc;

	totals_sum(t, &sum);
	rc = buf_addf(to, "  %-5s %12s %12s %12s %11s %9s %9s%s\n", "CPU", "events", "saved",
		      "lost: ring", "transport", "quota", "disk", sum.other ? " other reader" : "");
	for (uint32_t i = 0; i < t->cpus && !rc; i++) {
		snprintf(name, sizeof(name), "%u", i);
		if (has_any(&t->cpu[i]))
			rc = print_row(name, &t->cpu[i], sum.other, to);
	}
	if (!rc)
		rc = print_row("all", &sum, sum.other, to);
	if (!rc && totals_lost(t))
		rc = buf_addf(to, "  (lost in the ring: events%s; elsewhere: pages of %u bytes)\n",
			      sum.gaps ? ", + = and more that the kernel did not count" : "",
			      t->page_size);
	if (!rc)
		rc = print_reader(t, sum.other, to);
	if (!rc && !t->told)
		rc = buf_addf(
			to,
			"  (the peer sent no totals: what else was lost on the way is unknown)\n");
	return rc ? -ENOMEM : 0;
}

const char *totals_line(const struct totals *t, char *to, size_t room)
{
	struct cpu_totals s;
	char bytes[32], other[48] = "";
	int n;

	totals_sum(t, &s);
	if (s.other)
		snprintf(other, sizeof(other), ", %llu to another reader",
			 (unsigned long long)s.other);
	n = snprintf(to, room, "%llu events, %s", (unsigned long long)s.events,
		     size_text(s.bytes, bytes, sizeof(bytes)));
	if (n < 0 || (size_t)n >= room)
		return to;
	if (!totals_lost(t))
		snprintf(to + n, room - (size_t)n, "%s",
			 t->told ? "; nothing lost" : "; no losses known");
	else
		snprintf(
			to + n, room - (size_t)n,
			"; lost: %llu%s events in the ring%s, pages: %llu transport, %llu quota, %llu disk",
			(unsigned long long)s.ring, s.gaps ? "+" : "", other,
			(unsigned long long)s.transport, (unsigned long long)s.quota,
			(unsigned long long)s.disk);
	return to;
}

int totals_write(const struct totals *t, FILE *to, struct err *e)
{
	struct buf text = { 0 };
	int ret = totals_print(t, &text);

	if (!ret)
		fwrite(text.data, 1, text.len, to);
	buf_free(&text);
	return ret ? err_set(e, ENOMEM, "no memory for the table") : 0;
}
