// SPDX-License-Identifier: GPL-2.0
/*
 * split.c - where the pieces of a trace.dat end
 *
 * Theory of operation
 *
 * A first pass over the events of each CPU finds where a piece ends, as the number of the CPU's
 * first event that is not in it; split-copy.c then makes the pages of these ranges. The pass goes
 * on where it stopped, so both passes see each event once.
 *
 * Each CPU is a lane with one event ahead. Most limits can be judged lane by lane: a number of
 * events or pages, a time, the end. Only a number of events of all CPUs together needs these merged
 * by time; the lanes then belong to the merge, and the event ahead is the one that it gave last.
 *
 * Events before the start are skipped by the lane, up to its first one that is not: later times
 * that go back do not end a range. Damage is not said here: the copy meets it again.
 */
#include "tracedat/split_local.h"

#include <errno.h>
#include "tracedat/page-build.h"
#include "tracedat/reader_local.h"

enum { EXTRAS_MAX = 2 };

struct split_lane {
	struct lane lane;	    /* .ev: the event ahead */
	struct tdat_split *s;	    /* borrowed */
	struct tdat_cursor *cursor; /* owned */
	size_t buffer;		    /* in the pieces */
	uint32_t cpu;
	uint64_t raw; /* time of the event ahead as the file has it */
	bool have, began, ended, damaged;
	uint64_t skipped, taken;
	struct page_build pages; /* dry: how the events of a piece are packed */
	struct split_copy copy;
};

struct tdat_split {
	struct tdat_file *f;		    /* borrowed */
	const struct tdat_split_plan *plan; /* borrowed */
	struct tdat_split_buffer *kept;	    /* owned */
	size_t nkept;
	struct split_lane *lanes; /* owned */
	size_t nlanes;
	struct merge *merge;	 /* owned; NULL: each lane for itself */
	struct split_lane *held; /* what the merge gave and no piece has */
	struct tdat_extra extras[EXTRAS_MAX];
	size_t nextras;
	bool begun;
	struct tdat_split_piece piece;
};

/* --- one lane */

static int pull(struct lane *lane, struct tdat_event *ev, struct err *e)
{
	struct split_lane *l = container_of(lane, struct split_lane, lane);
	const struct tdat_split_plan *plan = l->s->plan;
	int rc;

	(void)e;
	while ((rc = tdat_cursor_next(l->cursor, ev, NULL)) != 0) {
		if (rc < 0) {
			l->damaged = true;
			continue;
		}
		l->raw = ev->ts;
		if (plan->time)
			ev->ts = plan->time(plan->clock, ev->cpu, ev->ts);
		if (l->damaged)
			ev->lost = PAGE_LOST_UNKNOWN;
		l->damaged = false;
		if (l->began || ev->ts >= plan->start) {
			l->began = true;
			return 1;
		}
		l->skipped++;
	}
	l->ended = true;
	return 0;
}

/* Whether the lane has an event in the range; it is then in .lane.ev. */
static bool peek(struct split_lane *l)
{
	if (!l->have && !l->ended)
		l->have = pull(&l->lane, &l->lane.ev, NULL) > 0;
	return l->have && l->lane.ev.ts <= l->s->plan->end;
}

static void take(struct split_lane *l)
{
	struct tdat_split_piece *p = &l->s->piece;
	uint64_t ts = l->lane.ev.ts;

	p->first = p->events ? min_u64(p->first, ts) : ts;
	p->last = max_u64(p->last, ts);
	p->events++;
	l->taken++;
	l->have = false;
}

/* --- limits of a lane: whether its event ahead is still in the piece */

struct limit {
	uint64_t t0;	/* where the piece's time begins */
	uint64_t count; /* events or pages of the lane in the piece */
};

static bool in_whole(struct split_lane *l, struct limit *m)
{
	(void)l, (void)m;
	return true;
}

static bool in_events(struct split_lane *l, struct limit *m)
{
	return m->count++ < l->s->plan->n;
}

static bool in_time(struct split_lane *l, struct limit *m)
{
	uint64_t ts = l->lane.ev.ts;

	return ts <= m->t0 || ts - m->t0 <= l->s->plan->n;
}

/* Packed as build_page() of split-copy.c does it. */
static bool in_pages(struct split_lane *l, struct limit *m)
{
	const struct tdat_event *ev = &l->lane.ev;

	if (m->count && !ev->lost && page_build_add(&l->pages, l->raw, NULL, ev->size))
		return true;
	if (m->count++ >= l->s->plan->n)
		return false;
	page_build_begin(&l->pages, &l->copy.layout, NULL, ev->lost);
	return page_build_add(&l->pages, l->raw, NULL, ev->size);
}

static bool (*const limits[])(struct split_lane *l, struct limit *m) = {
	[SPLIT_WHOLE] = in_whole,
	[SPLIT_EVENTS] = in_events,
	[SPLIT_TIME] = in_time,
	[SPLIT_PAGES] = in_pages,
};

/* --- a piece */

static struct split_lane *first_lane(struct tdat_split *s)
{
	struct split_lane *first = NULL;

	for (size_t i = 0; i < s->nlanes; i++) {
		struct split_lane *l = &s->lanes[i];

		if (peek(l) && (!first || l->lane.ev.ts < first->lane.ev.ts))
			first = l;
	}
	return first;
}

/*
 * The time of the first piece begins with the start that was asked for, even where no event is;
 * that of others with their first event. This one is in the piece in any case, or none would ever
 * be.
 */
static void take_lanes(struct tdat_split *s)
{
	uint64_t start = s->begun ? 0 : s->plan->start;
	struct split_lane *first = first_lane(s);
	uint64_t first_ts = first ? first->lane.ev.ts : 0;

	for (size_t i = 0; i < s->nlanes; i++) {
		struct split_lane *l = &s->lanes[i];
		bool must = s->plan->per_cpu || l == first;
		struct limit m = { .t0 = start ? start : first_ts };

		if (!start && s->plan->per_cpu && peek(l))
			m.t0 = l->lane.ev.ts;
		for (; peek(l) && (limits[s->plan->unit](l, &m) || must); must = false)
			take(l);
	}
}

/* The lane whose event is the next of all; NULL: none is left in the range. */
static struct split_lane *next_merged(struct tdat_split *s)
{
	struct lane *lane;

	if (!s->held && merge_next(s->merge, &lane, NULL) > 0)
		s->held = container_of(lane, struct split_lane, lane);
	if (!s->held || s->held->lane.ev.ts > s->plan->end)
		return NULL;
	return s->held;
}

static void take_merged(struct tdat_split *s)
{
	struct split_lane *l;

	while (s->piece.events < s->plan->n && (l = next_merged(s)) != NULL) {
		take(l);
		s->held = NULL;
	}
}

/* Also finds out which lanes have ended. */
static bool has_more(struct tdat_split *s)
{
	bool more = false;

	if (s->merge)
		return next_merged(s);
	for (size_t i = 0; i < s->nlanes; i++)
		more |= peek(&s->lanes[i]);
	return more;
}

int tdat_split_next(struct tdat_split *s, struct tdat_split_piece *piece, struct err *e)
{
	(void)e;
	if (!has_more(s) && s->begun)
		return 0;
	s->piece = (struct tdat_split_piece){ 0 };
	for (size_t i = 0; i < s->nlanes; i++) {
		struct split_range *r = &s->lanes[i].copy.range;

		r->from = s->begun ? r->to : s->lanes[i].skipped;
	}
	if (s->merge)
		take_merged(s);
	else
		take_lanes(s);
	has_more(s);
	for (size_t i = 0; i < s->nlanes; i++) {
		struct split_lane *l = &s->lanes[i];

		l->copy.range.to = l->ended ? SPLIT_REST : l->skipped + l->taken;
	}
	s->begun = true;
	*piece = s->piece;
	return 1;
}

/* --- writing */

static int by_cpu(const void *a, const void *b)
{
	uint32_t x = ((const struct tdat_cpu_data *)a)->cpu;
	uint32_t y = ((const struct tdat_cpu_data *)b)->cpu;

	return x < y ? -1 : x > y;
}

/* The CPUs of a buffer that have something in this piece; returns their number. */
static size_t piece_cpus(struct tdat_split *s, size_t buffer, struct tdat_cpu_data *to)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nlanes; i++) {
		struct split_lane *l = &s->lanes[i];

		if (l->buffer != buffer || l->copy.range.from == l->copy.range.to)
			continue;
		to[n++] = (struct tdat_cpu_data){ .cpu = l->cpu, .source = &l->copy.source };
	}
	qsort(to, n, sizeof(*to), by_cpu);
	return n;
}

static int write_buffers(struct tdat_split *s, int fd, const char *path,
			 struct tdat_buffer_data *buffers, struct tdat_cpu_data *cpus,
			 struct err *e)
{
	bool no_top = !s->nkept || s->kept[0].name[0];
	struct tdat_file_plan plan = {
		.version = s->plan->version,
		.compression = s->plan->compression,
		.head = tdat_head(s->f),
		.buffers = buffers,
		.extras = s->extras,
		.nextras = s->nextras,
	};

	if (no_top)
		buffers[plan.nbuffers++] = (struct tdat_buffer_data){
			.name = "",
			.clock = s->nkept ? tdat_buffer(s->f, s->kept[0].from)->clock : NULL,
			.page_size = plan.head->layout.size,
		};
	for (size_t i = 0; i < s->nkept; i++) {
		const struct tdat_file_buffer *b = tdat_buffer(s->f, s->kept[i].from);
		size_t n = piece_cpus(s, i, cpus);

		buffers[plan.nbuffers++] = (struct tdat_buffer_data){
			.name = s->kept[i].name,
			.clock = b->clock,
			.page_size = b->page_size,
			.cpus = cpus,
			.ncpus = n,
		};
		cpus += n;
	}
	return tdat_write(fd, path, &plan, e);
}

int tdat_split_write(struct tdat_split *s, int fd, const char *path, struct err *e)
{
	struct tdat_buffer_data *buffers = calloc(s->nkept + 1, sizeof(*buffers));
	struct tdat_cpu_data *cpus = calloc(s->nlanes + 1, sizeof(*cpus));
	int rc;

	if (buffers && cpus)
		rc = write_buffers(s, fd, path, buffers, cpus, e);
	else
		rc = err_set(e, ENOMEM, "no memory to write %s", path);
	free(buffers);
	free(cpus);
	return rc;
}

/* --- opening */

static int keep_buffers(struct tdat_split *s, struct err *e)
{
	size_t n = s->plan->buffers ? s->plan->nbuffers : tdat_nbuffers(s->f);

	s->kept = calloc(n + 1, sizeof(*s->kept));
	if (!s->kept)
		return err_set(e, ENOMEM, "no memory for %zu buffers", n);
	for (size_t i = 0; i < n; i++)
		s->kept[i] = s->plan->buffers
				     ? s->plan->buffers[i]
				     : (struct tdat_split_buffer){ i, tdat_buffer(s->f, i)->name };
	for (size_t i = 1; i < n; i++) /* the top one first */
		if (!s->kept[i].name[0] && s->kept[0].name[0]) {
			struct tdat_split_buffer top = s->kept[i];

			memmove(s->kept + 1, s->kept, i * sizeof(*s->kept));
			s->kept[0] = top;
		}
	s->nkept = n;
	return 0;
}

static int add_lane(struct tdat_split *s, size_t kept, size_t cpu_index, struct err *e)
{
	size_t from = s->kept[kept].from;
	struct split_lane *l = &s->lanes[s->nlanes];

	*l = (struct split_lane){ .s = s, .buffer = kept };
	l->lane = (struct lane){ .pull = pull, .rank = (uint32_t)s->nlanes + 1 };
	l->cpu = tdat_buffer(s->f, from)->cpus[cpu_index].cpu;
	l->cursor = tdat_cursor_new(s->f, from, cpu_index, e);
	if (!l->cursor)
		return -EINVAL;
	s->nlanes++;
	return split_copy_open(&l->copy, s->f, from, cpu_index, s->plan, e);
}

static int add_lanes(struct tdat_split *s, struct err *e)
{
	size_t total = 0;

	for (size_t i = 0; i < s->nkept; i++)
		total += tdat_buffer(s->f, s->kept[i].from)->ncpus;
	s->lanes = calloc(total + 1, sizeof(*s->lanes));
	if (!s->lanes)
		return err_set(e, ENOMEM, "no memory for %zu CPUs", total);
	for (size_t i = 0; i < s->nkept; i++) {
		const struct tdat_file_buffer *b = tdat_buffer(s->f, s->kept[i].from);

		for (size_t k = 0; k < b->ncpus; k++) {
			int rc = 0;

			if (!s->plan->one_cpu || b->cpus[k].cpu == s->plan->cpu)
				rc = add_lane(s, i, k, e);
			if (rc)
				return rc;
		}
	}
	return 0;
}

/* Sections that the head has no place for; version 6 has none for them either. */
static void keep_extras(struct tdat_split *s)
{
	static const uint16_t ids[EXTRAS_MAX] = { TDAT_OPT_BTF_FILE, TDAT_OPT_MODULES };
	struct err e = { 0 };
	struct view body;

	for (size_t i = 0; s->plan->version > 6 && i < EXTRAS_MAX; i++) {
		if (!tdat_head_option(tdat_head(s->f), ids[i]))
			continue;
		if (!file_section(s->f, ids[i], &body, &e))
			s->extras[s->nextras++] = (struct tdat_extra){ ids[i], body };
		else if (s->plan->say)
			s->plan->say(s->plan->ctx, &e);
	}
}

static int open_split(struct tdat_split *s, struct err *e)
{
	struct view text;
	int rc;

	if (tdat_latency_text(s->f, &text))
		return err_say(e, ENODATA, "%s holds the text of a latency tracer, no events",
			       tdat_path(s->f));
	keep_extras(s);
	rc = keep_buffers(s, e);
	if (!rc)
		rc = add_lanes(s, e);
	if (rc || s->plan->unit != SPLIT_EVENTS || s->plan->per_cpu || s->nlanes < 2)
		return rc;
	s->merge = merge_new(s->nlanes, e);
	for (size_t i = 0; s->merge && i < s->nlanes; i++)
		merge_add(s->merge, &s->lanes[i].lane);
	return s->merge ? 0 : -ENOMEM;
}

struct tdat_split *tdat_split_new(struct tdat_file *f, const struct tdat_split_plan *plan,
				  struct err *e)
{
	struct tdat_split *s = calloc(1, sizeof(*s));

	if (!s) {
		err_set(e, ENOMEM, "no memory to split %s", tdat_path(f));
		return NULL;
	}
	s->f = f;
	s->plan = plan;
	if (!open_split(s, e))
		return s;
	tdat_split_free(s);
	return NULL;
}

void tdat_split_free(struct tdat_split *s)
{
	if (!s)
		return;
	merge_free(s->merge);
	for (size_t i = 0; i < s->nlanes; i++) {
		split_copy_close(&s->lanes[i].copy);
		tdat_cursor_free(s->lanes[i].cursor);
	}
	free(s->lanes);
	free(s->kept);
	free(s);
}
