// SPDX-License-Identifier: GPL-2.0
/*
 * remote-guest-time.c - the clock of a guest that is recorded together with this machine
 *
 * Theory of operation
 *
 * What goes to and fro with the guest anyway, is told to what knows of its clock
 * (recording/remote-time.c): each time that pages come, the newest event in the newest of them
 * bounds the offset from one side: it cannot have happened after it came. The oldest event in the
 * first page of a CPU bounds it from the other, as each question does and CLOSE: a recording begins
 * with an empty ring, so it cannot have happened before TRACE_REQ was sent.
 */
#include "recording/remote_local.h"
#include "tracedat/head.h"
#include "tracedat/link.h"
#include "trace-recorder.h"

enum {
	/* Of a trace.dat: 3 bytes, "tracing", "6" or "7" and a NUL, and then: */
	HEAD_ENDIAN = 12,
	HEAD_LONG = 13,
	PAGE_COMMIT = 8,
};

void remote_guest_layout(struct remote_guest *g, const uint8_t *head, size_t n)
{
	if (n <= HEAD_LONG || (head[HEAD_LONG] != 4 && head[HEAD_LONG] != 8))
		return;
	g->layout.big = head[HEAD_ENDIAN];
	g->layout.commit_off = PAGE_COMMIT;
	g->layout.commit_size = head[HEAD_LONG];
	g->layout.data_off = PAGE_COMMIT + g->layout.commit_size;
}

/* Asked before the method is known. */
bool remote_guest_wants_pages(const struct remote_guest *g)
{
	return g->all->o.wishes->interval_ms >= 0 && !g->vtrace && ts_now_can(g->all->o.clock);
}

void remote_guest_page(struct remote_guest *g, uint32_t cpu, const uint8_t *page)
{
	uint64_t now = ts_now(g->all->o.clock); /* 0: only a mark could say it */
	uint64_t oldest = 0, newest = 0;
	struct page_record rec;
	struct page_walk w;
	struct rec_mark mark;

	if (!now || !g->time || !g->layout.data_off || rec_mark_get(page, g->layout.size, &mark))
		return;
	page_walk_begin(&w, &g->layout, page);
	while (page_walk_next(&w, &rec)) {
		oldest = oldest ?: rec.ts;
		newest = rec.ts;
	}
	if (!newest || w.broken)
		return;
	remote_time_page(g->time, cpu, newest, now);
	if (!g->seen[cpu] && g->asked)
		remote_time_ordered(g->time, cpu, g->asked, oldest);
	g->seen[cpu] = true;
}

int remote_guest_put_time(struct remote_guest *g, struct buf *to, struct err *e)
{
	static const char none[] = LINK_CLOCK "method none: the clocks were not compared\n";
	struct remotes *r = g->all;
	struct remote_time_unit unit = { r->mult, r->shift };
	int ret = g->other_clock ? 0 : remotes_put_rate(r, to, e);

	if (ret)
		return ret;
	if (g->time)
		return remote_time_put(g->time, r->o.trace_id, &unit, &r->times, to, e);
	return tdat_put_option(to, TDAT_OPT_CPUSTAT, none, sizeof(none), e);
}

void remote_guest_warn(struct remote_guest *g)
{
	const char *text = g->time ? remote_time_warning(g->time) : "";

	if (text[0])
		remotes_note(g->all, g, text);
}

void remote_guest_end_time(struct remote_guest *g)
{
	remote_sync_free(g->sync);
	remote_time_free(g->time);
	g->sync = NULL;
	g->time = NULL;
}
