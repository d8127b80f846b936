/* SPDX-License-Identifier: GPL-2.0 */
/* wakeup.h - the time from sched_wakeup to sched_switch of each task (report -w) */
#ifndef REPORT_WAKEUP_H
#define REPORT_WAKEUP_H

#include <stdio.h>
#include <traceevent/event-parse.h>

#include "base/err.h"

struct wakeup; /* opaque */

struct wakeup *wakeup_new(struct err *e); /* NULL on error */
void wakeup_free(struct wakeup *w);	  /* NULL is fine */

/*
 * Look at an event that is about to be printed. The text that goes behind it: "" or " Latency:
 * ...", valid until the next call.
 */
const char *wakeup_event(struct wakeup *w, struct tep_handle *tep, struct tep_record *rec);

/* The averages, where there was anything to measure. */
void wakeup_print(const struct wakeup *w, FILE *to);

#endif
