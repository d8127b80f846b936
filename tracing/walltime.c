// SPDX-License-Identifier: GPL-2.0
/*
 * walltime.c - how far the trace clock is from the time of day
 *
 * Theory of operation
 *
 * The trace clock cannot be read from outside; what it says stands at each event. So a mark is
 * written into a ring buffer with this clock, between two looks at the time of day, and its time is
 * read from the kernel's text. The buffer is an instance made for it: the mark is in nobody's
 * trace. Several tries, and the one whose two looks are nearest to each other counts, so that being
 * interrupted does not spoil it. The text has microseconds, and so has the DATE option.
 */
#include "tracing/walltime.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tracing/undo.h"

enum { TRIES = 5, USEC_PER_SEC = 1000000, NSEC_PER_USEC = 1000 };

static int64_t time_of_day(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / NSEC_PER_USEC;
}

/* The last number before @end, "12.345678:", in microseconds. */
static int parse_time(const char *line, const char *end, uint64_t *us)
{
	const char *at = end, *dot;
	uint64_t sec, frac;
	char text[32];

	while (at > line && at[-1] != ' ')
		at--;
	if (end - at < 1 || (size_t)(end - at) > sizeof(text))
		return -ENODATA;
	snprintf(text, sizeof(text), "%.*s", (int)(end - at), at);
	dot = strchr(text, '.');
	if (!dot || strlen(dot + 1) != 6)
		return -ENODATA;
	text[dot - text] = '\0';
	dot++;
	while (dot[0] == '0' && dot[1]) /* no octal */
		dot++;
	if (parse_u64(text, 0, UINT64_MAX / USEC_PER_SEC - 1, &sec, "time", NULL) ||
	    parse_u64(dot, 0, USEC_PER_SEC - 1, &frac, "time", NULL))
		return -ENODATA;
	*us = sec * USEC_PER_SEC + frac;
	return 0;
}

int walltime_parse(const char *text, const char *mark, uint64_t *us)
{
	const char *at = strstr(text, mark), *line = at, *end;

	while (line && line > text && line[-1] != '\n')
		line--;
	end = at ? strstr(line, ": tracing_mark_write: ") : NULL;
	return end && end < at ? parse_time(line, end, us) : -ENODATA;
}

/* Write one mark and look for its time. *@gap: how long it took, in microseconds. */
static int measure_once(const struct tracefs *t, int n, int64_t *offset, int64_t *gap,
			struct err *e)
{
	struct buf text = { 0 };
	int64_t before, after;
	char mark[48];
	uint64_t us;
	int ret;

	snprintf(mark, sizeof(mark), "wall-time-%d-%d.", (int)getpid(), n);
	before = time_of_day();
	ret = tfs_append(t, "trace_marker", mark, e);
	after = time_of_day();
	if (!ret)
		ret = tfs_read(t, "trace", &text, e);
	if (!ret && walltime_parse((char *)text.data, mark, &us))
		ret = err_say(e, ENODATA, "--date: the times of this trace clock are no times");
	if (!ret) {
		*gap = after - before;
		*offset = before + *gap / 2 - (int64_t)us;
	}
	buf_free(&text);
	return ret;
}

static int measure_in(struct undo *u, const struct tracefs *t, const char *clock, int64_t *offset,
		      struct err *e)
{
	int64_t best = INT64_MAX;
	int ret = undo_write(u, t, "trace_clock", clock, e);

	if (!ret)
		ret = undo_write(u, t, "tracing_on", "1", e);
	for (int i = 0; !ret && i < TRIES; i++) {
		int64_t now, gap;

		ret = measure_once(t, i, &now, &gap, e);
		if (ret || gap >= best)
			continue;
		best = gap;
		*offset = now;
	}
	return ret;
}

int walltime_measure(const struct tracefs *top, const char *clock, int64_t *offset_us,
		     struct err *e)
{
	struct undo *u = undo_new(e);
	struct tracefs *t;
	char name[48];
	int ret;

	snprintf(name, sizeof(name), "trace-cmd-date-%d", (int)getpid());
	t = u ? undo_instance(u, top, name, e) : NULL;
	ret = t ? measure_in(u, t, clock, offset_us, e) : (e ? -e->code : -EIO);
	if (t && undo_all(u, ret ? NULL : e) && !ret)
		ret = e ? -e->code : -EIO;
	undo_free(u);
	if (ret == -ENODATA)
		err_hint(e, "-C local, mono or another clock that counts nanoseconds");
	return ret;
}
