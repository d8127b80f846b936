// SPDX-License-Identifier: GPL-2.0
/*
 * live_lane.c - one CPU of one buffer that is being traced, as a lane of a merge
 *
 * Theory of operation
 *
 * A queue of pages. read(2) of trace_pipe_raw gives one whole page a call, the half-filled one too.
 * A page is walked once when it is read, for the time of its last event, and once when its events
 * are pulled. The first event behind the horizon is kept aside (.next): the lane says that it has
 * ended, and the next merge begins with that event.
 *
 * Pages are used again only in live_lane_read(), so the bytes of an event stay until then.
 */
#include "report/live_lane.h"

#include <errno.h>
#include <unistd.h>

static void begin_page(struct live_lane *l)
{
	page_walk_begin(&l->walk, l->layout, l->pages[l->first]);
	l->walking = true;
	if (l->lost == PAGE_LOST_UNKNOWN || l->walk.lost == PAGE_LOST_UNKNOWN)
		l->lost = PAGE_LOST_UNKNOWN;
	else
		l->lost += l->walk.lost;
}

static int pull(struct lane *lane, struct tdat_event *ev, struct err *e)
{
	struct live_lane *l = container_of(lane, struct live_lane, lane);

	(void)e;
	while (!l->has_next) {
		if (l->walking && page_walk_next(&l->walk, &l->next)) {
			l->has_next = true;
			break;
		}
		l->first += l->walking;
		l->walking = false;
		if (l->first == l->n)
			return 0;
		begin_page(l);
	}
	if (l->next.ts > l->horizon)
		return 0;
	*ev = (struct tdat_event){
		.ts = l->next.ts,
		.data = l->next.data,
		.size = l->next.size,
		.cpu = l->cpu,
		.lost = l->lost,
	};
	l->lost = 0;
	l->has_next = false;
	return 1;
}

void live_lane_init(struct live_lane *l)
{
	l->lane.pull = pull;
}

void live_lane_free(struct live_lane *l)
{
	for (size_t i = 0; i < l->room; i++)
		free(l->pages[i]);
	free(l->pages);
	l->pages = NULL;
	l->room = 0;
}

/* Pages whose events were pulled go behind those that are in use. */
static void recycle(struct live_lane *l)
{
	for (size_t i = 0; i < l->n - l->first && l->first; i++) {
		uint8_t *spare = l->pages[i];

		l->pages[i] = l->pages[l->first + i];
		l->pages[l->first + i] = spare;
	}
	l->n -= l->first;
	l->first = 0;
}

static int one_more(struct live_lane *l, struct err *e)
{
	uint8_t **more;

	if (l->n < l->room)
		return 0;
	more = realloc(l->pages, (l->room + 1) * sizeof(*more));
	if (more) {
		l->pages = more;
		more[l->room] = calloc(1, l->layout->size);
	}
	if (!more || !more[l->room])
		return err_set(e, ENOMEM, "no memory for the pages of CPU %u", l->cpu);
	l->room++;
	return 0;
}

/* The time of the last event of a page that has just come. */
static void note_time(struct live_lane *l, const uint8_t *page)
{
	struct page_record rec;
	struct page_walk w;

	page_walk_begin(&w, l->layout, page);
	while (page_walk_next(&w, &rec))
		l->last_ts = rec.ts;
}

/* 1: a page was read; 0: there is none now; else a negative errno. */
static int read_page(struct live_lane *l, struct err *e)
{
	ssize_t got;

	if (one_more(l, e))
		return -ENOMEM;
	do
		got = read(l->fd, l->pages[l->n], l->layout->size);
	while (got < 0 && errno == EINTR);
	if (!got || (got < 0 && (errno == EAGAIN || errno == ENODEV)))
		return 0;
	if (got < 0)
		return err_set(e, errno, "cannot read the ring buffer of CPU %u", l->cpu);
	if ((size_t)got != l->layout->size)
		return err_say(e, EPROTO, "CPU %u: the kernel gave %zd bytes, a page has %u",
			       l->cpu, got, l->layout->size);
	note_time(l, l->pages[l->n++]);
	return 1;
}

int live_lane_read(struct live_lane *l, struct err *e)
{
	int n = 0;

	recycle(l);
	l->drained = false;
	while (n < LIVE_TURN && l->n < LIVE_HELD) {
		int rc = read_page(l, e);

		if (rc < 0)
			return rc;
		l->drained = !rc;
		if (!rc)
			break;
		n++;
	}
	return n;
}

size_t live_lane_readable(const struct live_lane *l)
{
	const uint8_t *data = l->lane.ev.data;

	if (lane_is_copied(&l->lane) || !l->walking)
		return l->lane.ev.size;
	return (size_t)(l->walk.page + l->layout->size - data);
}
