// SPDX-License-Identifier: GPL-2.0
/*
 * live.c - a recording that is printed while it is made
 *
 * Theory of operation
 *
 * A destination without pumps: it gets the open rings and reads them itself, in rounds, whenever
 * its timer rings. A round reads what each ring has. Which events may be printed then? One that is
 * not read yet came into its ring after this round began, so it is later than all that earlier
 * rounds have read: up to the latest of these (the horizon) everything is there, and is merged and
 * printed. When a round brings nothing, all that is held can go. So an event waits for one more
 * round at most: rounds follow each other quickly while there are events, and slowly while there
 * are none.
 *
 * A ring that has more than a round takes holds the horizon back to its last event that was read:
 * then its pages are printed before it is read again. Memory: LIVE_HELD pages a ring. What cannot
 * be printed as fast as it comes the kernel overwrites and counts, and a line says so in its place.
 *
 * Names of tasks come from the kernel's table, which is read again when a process is not known.
 */
#include "report/live.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "report/clock.h"
#include "report/graph.h"
#include "report/live_lane.h"
#include "report/live_names.h"
#include "report/live_out.h"
#include "report/record.h"

#define BUSY_NS (5 * NSEC_PER_MSEC) /* between rounds while there are events */

struct live {
	struct dest base;
	struct live_opts opts;
	struct dest_shape shape;
	struct page_layout layout;
	FILE *to;
	int timer;
	struct live_lane *lanes; /* owned */
	size_t nlanes;
	struct print_source *sources; /* owned, one a buffer, and their .prefix */
	struct report_tep tep;
	struct record_guard *guard;
	struct graph *graph;
	struct printer *printer;
	struct live_names *names;
	uint64_t latest;  /* of all events that were read */
	uint64_t wait_ns; /* before the next round */
};

static struct live *live_of(const struct dest *d)
{
	return container_of(d, struct live, base);
}

static int live_open(struct dest *d, const struct dest_shape *shape, struct err *e)
{
	struct live *l = live_of(d);

	l->shape = *shape;
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timer < 0)
		return err_set(e, errno, "cannot make a timer");
	l->to = live_out_new(l->opts.fd, e);
	l->printer = l->to ? printer_new(l->to, &l->opts.style, e) : NULL;
	return l->printer ? 0 : -ENOMEM;
}

/* "foo: ", and blanks for the top buffer, where there are several. */
static int make_source(struct live *l, const struct dest_sources *s, size_t b, int width,
		       struct err *e)
{
	char clock[32], *prefix = NULL;
	int ret = tfs_clock(s->buffers[b], clock, sizeof(clock), e);

	if (!ret && asprintf(&prefix, "%*s%s", width, s->names[b],
			     !width	    ? ""
			     : *s->names[b] ? ": "
					    : "  ") < 0)
		ret = err_set(e, ENOMEM, "no memory for the buffers");
	if (!ret)
		l->sources[b] = (struct print_source){ .prefix = prefix, .ns = clock_is_ns(clock) };
	return ret;
}

static void make_lane(struct live *l, const struct dest_sources *s, size_t cpu, size_t b)
{
	size_t rank = b * l->shape.ncpus + cpu;
	struct live_lane *to = &l->lanes[rank];

	*to = (struct live_lane){ .lane = { .rank = (uint32_t)rank, .group = (uint32_t)b },
				  .fd = s->fds[cpu * l->shape.nbuffers + b],
				  .cpu = l->shape.cpus[cpu],
				  .buffer = b,
				  .layout = &l->layout };
	live_lane_init(to);
}

static int live_sources(struct dest *d, const struct dest_sources *s, struct err *e)
{
	struct live *l = live_of(d);
	size_t width = 0;
	int ret = 0;

	l->nlanes = l->shape.ncpus * l->shape.nbuffers;
	l->lanes = calloc(l->nlanes, sizeof(*l->lanes));
	l->sources = calloc(l->shape.nbuffers, sizeof(*l->sources));
	l->names = live_names_new(s->top, e);
	if (!l->lanes || !l->sources || !l->names)
		return err_set(e, ENOMEM, "no memory for %zu CPUs", l->shape.ncpus);
	for (size_t b = 0; b < l->shape.nbuffers; b++)
		width = max_u64(width, strlen(s->names[b]));
	for (size_t b = 0; !ret && b < l->shape.nbuffers; b++) {
		ret = make_source(l, s, b, (int)width, e);
		for (size_t cpu = 0; cpu < l->shape.ncpus; cpu++)
			make_lane(l, s, cpu, b);
	}
	return ret;
}

static int arm(struct live *l, struct err *e)
{
	struct itimerspec t = { .it_value = { (time_t)(l->wait_ns / NSEC_PER_SEC),
					      (long)(l->wait_ns % NSEC_PER_SEC) } };

	return timerfd_settime(l->timer, 0, &t, NULL) ? err_set(e, errno, "cannot set a timer") : 0;
}

static int live_head(struct dest *d, const uint8_t *bytes, size_t len, struct err *e)
{
	static const struct graph_options plain = { 0 };
	struct live *l = live_of(d);
	struct tdat_head head;
	int ret = tdat_head_parse(&head, bytes, len, e);

	if (!ret) {
		l->layout = head.layout;
		ret = report_tep_init(&l->tep, &head, &l->opts.tep, e);
	}
	tdat_head_free(&head);
	if (ret)
		return ret;
	report_tep_time_format(&l->tep, l->sources[0].ns ? "%6.1000d" : "%12d");
	for (size_t b = 0; b < l->shape.nbuffers; b++)
		l->sources[b].tep = l->tep.tep;
	l->guard = record_guard_new(l->tep.tep, e);
	if (l->guard && !l->opts.tep.no_plugins)
		l->graph = graph_new(l->tep.tep, &plain, e);
	if (!l->guard || (!l->graph && !l->opts.tep.no_plugins))
		return -ENOMEM;
	l->wait_ns = BUSY_NS;
	return arm(l, e);
}

static void print_event(struct live *l, struct merge *m, struct live_lane *from)
{
	struct tep_record rec;

	if (l->graph && !l->opts.style.raw)
		graph_before(l->graph, m, &from->lane);
	if (!record_make(l->guard, &from->lane.ev, from->lane.ev.ts + (uint64_t)l->opts.ts_offset,
			 live_lane_readable(from), &rec))
		return;
	live_names_need(l->names, l->tep.tep, tep_data_pid(l->tep.tep, &rec));
	printer_event(l->printer, &l->sources[from->buffer], &rec, NULL);
	if (l->graph)
		graph_after(l->graph, m, &from->lane);
}

/* Print all that is held up to @horizon. */
static int print_until(struct live *l, uint64_t horizon, struct err *e)
{
	struct merge *m = merge_new(l->nlanes, e);
	struct lane *at;

	if (!m)
		return -ENOMEM;
	for (size_t i = 0; i < l->nlanes; i++) {
		l->lanes[i].horizon = horizon;
		merge_add(m, &l->lanes[i].lane);
	}
	while (!ferror(l->to) && merge_next(m, &at, NULL) > 0)
		print_event(l, m, container_of(at, struct live_lane, lane));
	merge_free(m);
	fflush(l->to);
	return 0;
}

/* The number of pages that came, or a negative errno. */
static int one_round(struct live *l, struct err *e)
{
	uint64_t horizon = l->latest;
	bool drained = true;
	int pages = 0, ret;

	for (size_t i = 0; i < l->nlanes; i++) {
		struct live_lane *lane = &l->lanes[i];
		int n = live_lane_read(lane, e);

		if (n < 0)
			return n;
		pages += n;
		l->latest = max_u64(l->latest, lane->last_ts);
		if (!lane->drained)
			horizon = min_u64(horizon, lane->last_ts);
		drained &= lane->drained;
	}
	if (!pages && drained)
		horizon = UINT64_MAX;
	ret = print_until(l, horizon, e);
	return ret ? ret : pages + !drained;
}

/* Nobody reads any more, or the user does not want to wait for one who does not. */
static int reader_gone(const struct live *l, struct err *e)
{
	return ferror(l->to) ? err_say(e, ECANCELED, "nobody reads the output any more") : 0;
}

static int live_check(struct dest *d, struct err *e)
{
	struct live *l = live_of(d);
	uint64_t rung;
	int ret;

	(void)!read(l->timer, &rung, sizeof(rung)); /* what matters is that it does not ring on */
	ret = one_round(l, e);
	if (ret < 0)
		return ret;
	l->wait_ns = ret ? BUSY_NS : min_u64(l->wait_ns * 2, max_u64(l->opts.interval_ns, BUSY_NS));
	ret = reader_gone(l, e);
	return ret ? ret : arm(l, e);
}

static int live_watch_fd(const struct dest *d)
{
	return live_of(d)->timer;
}

/* Tracing is off: what is left. */
static int live_drain(struct dest *d, struct err *e)
{
	struct live *l = live_of(d);
	int ret;

	do
		ret = one_round(l, e);
	while (ret > 0 && !ferror(l->to));
	return ret < 0 ? ret : 0;
}

static int live_finish(struct dest *d, const struct dest_end *end, struct err *e)
{
	(void)d, (void)end, (void)e;
	return 0;
}

static void live_free(struct dest *d)
{
	struct live *l = live_of(d);

	for (size_t i = 0; l->lanes && i < l->nlanes; i++)
		live_lane_free(&l->lanes[i]);
	for (size_t b = 0; l->sources && b < l->shape.nbuffers; b++)
		free((char *)(uintptr_t)l->sources[b].prefix);
	free(l->lanes);
	free(l->sources);
	live_names_free(l->names);
	printer_free(l->printer);
	graph_free(l->graph);
	record_guard_free(l->guard);
	report_tep_free(&l->tep);
	cleanup_file(&l->to);
	cleanup_fd(&l->timer);
	free(l);
}

static const struct dest_ops live_ops = {
	.name = "live",
	.open = live_open,
	.sources = live_sources,
	.head = live_head,
	.check = live_check,
	.watch_fd = live_watch_fd,
	.drain = live_drain,
	.finish = live_finish,
	.free = live_free,
};

struct dest *live_new(const struct live_opts *o, struct err *e)
{
	struct live *l = calloc(1, sizeof(*l));

	if (!l) {
		err_set(e, ENOMEM, "no memory to print a recording");
		return NULL;
	}
	l->base.ops = &live_ops;
	l->opts = *o;
	l->timer = -1;
	return &l->base;
}
