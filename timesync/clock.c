// SPDX-License-Identifier: GPL-2.0
/*
 * clock.c - any trace clock's time now
 *
 * Theory of operation
 *
 * Either end of an exchange stamps between having a message and passing on the next, so it does not
 * matter for the bounds how long that takes: only their width is larger with a clock of marks.
 */
#include "timesync/clock.h"

#include <errno.h>

#include "timesync/marks.h"
#include "timesync/now.h"

enum { NAME_MAX_LEN = 32 };

struct ts_clock {
	char name[NAME_MAX_LEN];
	struct tracefs *top;
	struct ts_marks *marks; /* NULL: user space can read it */
};

bool ts_clock_can(const char *name)
{
	return strcmp(name, "counter") != 0;
}

static int open_marks(struct ts_clock *c, const char *instance, struct err *e)
{
	c->top = tfs_open(NULL, e);
	c->marks = c->top ? ts_marks_new(c->top, instance, c->name, e) : NULL;
	return c->marks ? 0 : -EIO;
}

struct ts_clock *ts_clock_open(const char *name, const char *instance, struct err *e)
{
	struct ts_clock *c = calloc(1, sizeof(*c));

	if (!c) {
		err_set(e, ENOMEM, "no memory for time sync");
		return NULL;
	}
	if (!path_fmt(c->name, sizeof(c->name), e, "%s", name) &&
	    (ts_now_can(name) || !open_marks(c, instance, e)))
		return c;
	ts_clock_close(c);
	return NULL;
}

void ts_clock_close(struct ts_clock *c)
{
	if (!c)
		return;
	ts_marks_free(c->marks);
	tfs_close(c->top);
	free(c);
}

const char *ts_clock_name(const struct ts_clock *c)
{
	return c->name;
}

uint64_t ts_clock_now(struct ts_clock *c)
{
	uint64_t now = 0;

	if (!c->marks)
		return ts_now(c->name);
	return ts_marks_now(c->marks, &now, NULL) ? 0 : now;
}
