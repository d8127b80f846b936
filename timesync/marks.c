// SPDX-License-Identifier: GPL-2.0
/*
 * marks.c - timestamps of the trace clock itself: marks in an instance of our own
 *
 * Theory of operation
 *
 * A write to trace_marker_raw becomes an event, stamped by the trace clock, whatever that is. Its
 * payload begins behind the eight bytes that all events have in common; that the first word of it
 * is called "id" by the kernel does not matter. Marks are read back as raw pages: that takes
 * microseconds, where the text would take milliseconds, and empties the ring on the way.
 */
#include "timesync/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tracedat/page.h"
#include "tracing/pages.h"

enum { COMMON = 8, NOW_SERIES = 0x6e6f7700 };

struct ts_marks {
	struct undo *undo;
	struct tracefs *instance; /* of the journal */
	struct page_layout layout;
	struct cpu_list cpus;
	int *raw; /* owned: one for each of .cpus */
	int marker;
	uint32_t stamps;
	uint8_t *page;
};

static int prepare(struct ts_marks *m, const struct tracefs *top, const char *name,
		   const char *clock, struct err *e)
{
	int ret;

	m->instance = undo_instance(m->undo, top, name, e);
	if (!m->instance)
		return -EIO;
	ret = undo_write(m->undo, m->instance, "trace_clock", clock, e);
	if (!ret)
		ret = undo_write(m->undo, m->instance, "tracing_on", "1", e);
	if (!ret)
		ret = pages_layout(top, &m->layout, e);
	if (!ret)
		ret = pages_cpus(m->instance, &m->cpus, e);
	if (ret)
		return ret;
	m->page = malloc(m->layout.size);
	m->raw = malloc(m->cpus.n * sizeof(*m->raw));
	for (size_t i = 0; m->raw && i < m->cpus.n; i++)
		m->raw[i] = -1;
	if (!m->page || !m->raw)
		return err_set(e, ENOMEM, "no memory for time sync");
	for (size_t i = 0; i < m->cpus.n; i++) {
		m->raw[i] = pages_open(m->instance, m->cpus.cpu[i], e);
		if (m->raw[i] < 0)
			return m->raw[i];
	}
	m->marker = tfs_file(m->instance, "trace_marker_raw", O_WRONLY, e);
	return m->marker < 0 ? m->marker : 0;
}

struct ts_marks *ts_marks_new(const struct tracefs *top, const char *name, const char *clock,
			      struct err *e)
{
	struct ts_marks *m = calloc(1, sizeof(*m));

	if (!m) {
		err_set(e, ENOMEM, "no memory for time sync");
		return NULL;
	}
	m->marker = -1;
	m->undo = undo_new(e);
	if (m->undo && !prepare(m, top, name, clock, e))
		return m;
	ts_marks_free(m);
	return NULL;
}

void ts_marks_free(struct ts_marks *m)
{
	if (!m)
		return;
	cleanup_fd(&m->marker);
	for (size_t i = 0; m->raw && i < m->cpus.n; i++)
		cleanup_fd(&m->raw[i]);
	if (m->undo)
		undo_all(m->undo, NULL); /* the instance is closed by now: it goes away */
	undo_free(m->undo);
	cpu_list_free(&m->cpus);
	free(m->raw);
	free(m->page);
	free(m);
}

int ts_marks_add(struct ts_marks *m, const struct ts_mark *mark, struct err *e)
{
	uint8_t bytes[TS_MARK_BYTES];

	ts_mark_put(mark, bytes);
	return write_all(m->marker, bytes, sizeof(bytes), "trace_marker_raw", e);
}

static int read_cpu(struct ts_marks *m, int fd,
		    void (*found)(void *arg, const struct ts_mark *mark, uint64_t time), void *arg,
		    struct err *e)
{
	struct page_record rec;
	struct page_walk w;
	struct ts_mark mark;

	for (;;) {
		ssize_t n = read(fd, m->page, m->layout.size);

		if (n < 0 && errno == EINTR)
			continue;
		/* ENODEV: a CPU that was never online */
		if (!n || (n < 0 && (errno == EAGAIN || errno == ENODEV)))
			return 0;
		if (n < (ssize_t)m->layout.data_off)
			return err_set(e, n < 0 ? errno : EPROTO, "cannot read the marks");
		page_walk_begin(&w, &m->layout, m->page);
		while (page_walk_next(&w, &rec))
			if (rec.size >= COMMON &&
			    !ts_mark_read(rec.data + COMMON, rec.size - COMMON, &mark))
				found(arg, &mark, rec.ts);
	}
}

int ts_marks_collect(struct ts_marks *m,
		     void (*found)(void *arg, const struct ts_mark *mark, uint64_t time), void *arg,
		     struct err *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < m->cpus.n; i++)
		ret = read_cpu(m, m->raw[i], found, arg, e);
	return ret;
}

int ts_marks_clear(struct ts_marks *m, struct err *e)
{
	return tfs_truncate(m->instance, "trace", e);
}

struct stamp {
	uint32_t count;
	uint64_t time;
};

static void found_stamp(void *arg, const struct ts_mark *mark, uint64_t time)
{
	struct stamp *s = arg;

	if (mark->series == NOW_SERIES && mark->count == s->count)
		s->time = time;
}

int ts_marks_now(struct ts_marks *m, uint64_t *time, struct err *e)
{
	struct stamp s = { .count = ++m->stamps };
	struct ts_mark mark = { .series = NOW_SERIES, .count = s.count };
	int ret = ts_marks_add(m, &mark, e);

	if (!ret)
		ret = ts_marks_collect(m, found_stamp, &s, e);
	if (!ret && !s.time)
		ret = err_say(e, ENODATA, "a mark in the trace was not found again");
	*time = s.time;
	return ret;
}
