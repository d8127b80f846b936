/* SPDX-License-Identifier: GPL-2.0 */
/*
 * record.h - a record of the file as libtraceevent may safely read it
 *
 * libtraceevent trusts offsets and sizes: it reads the fields of the format even where a record is
 * shorter, and follows the offsets of dynamic arrays. Files are hostile, so records are judged
 * here.
 */
#ifndef REPORT_RECORD_H
#define REPORT_RECORD_H

#include <traceevent/event-parse.h>

#include "tracedat/reader.h"

struct record_guard; /* opaque; one for each tep_handle */

struct record_guard *record_guard_new(struct tep_handle *tep, struct err *e); /* NULL on error */
void record_guard_free(struct record_guard *g);				      /* NULL is fine */

/*
 * Make @rec of @ev, at time @ts. @readable: how many bytes from ev->data on may be read (at least
 * ev->size: up to the end of the page). rec->data is ev->data, or a copy that is valid until the
 * next call for this guard. False: the record points outside of itself; it must not be printed.
 */
bool record_make(struct record_guard *g, const struct tdat_event *ev, uint64_t ts, size_t readable,
		 struct tep_record *rec);

#endif
