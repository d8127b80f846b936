/* SPDX-License-Identifier: GPL-2.0 */
/* live_names.h - names of tasks that run while their events are printed */
#ifndef REPORT_LIVE_NAMES_H
#define REPORT_LIVE_NAMES_H

#include <traceevent/event-parse.h>

#include "tracing/tracefs.h"

struct live_names; /* opaque */

/* @top, the root directory, is borrowed. NULL on error. */
struct live_names *live_names_new(const struct tracefs *top, struct err *e);
void live_names_free(struct live_names *n); /* NULL is fine */

/*
 * An event of @pid is about to be printed: read the kernel's table again where @tep does not know
 * its name, or where what it knows is old; but not all the time.
 */
void live_names_need(struct live_names *n, struct tep_handle *tep, int pid);

/* Give @tep the names of a table, lines of "PID NAME"; they replace what it knew. */
void live_names_parse(struct tep_handle *tep, char *text);

#endif
