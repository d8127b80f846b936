/* SPDX-License-Identifier: GPL-2.0 */
/*
 * filter.h - which events of one file are shown
 */
#ifndef REPORT_FILTER_H
#define REPORT_FILTER_H

#include <traceevent/event-parse.h>

#include "base/err.h"

struct filter; /* opaque; one for each tep_handle */

struct filter *filter_new(struct tep_handle *tep, struct err *e); /* NULL on error */
void filter_free(struct filter *f);				  /* NULL is fine */

/*
 * Add "EVENTS[:CONDITION]". Shown is what matches any of the filters that were added without
 * @exclude (or everything where there are none), and none of those with it. -EINVAL with the text.
 */
int filter_add(struct filter *f, const char *text, bool exclude, struct err *e);

/* In place of a filter that means nothing in this file: no event matches it. */
void filter_add_nothing(struct filter *f, bool exclude);

/* Hide events in hard or soft interrupt context: a mask of TRACE_FLAG_HARDIRQ, TRACE_FLAG_SOFTIRQ.
 */
void filter_hide_flags(struct filter *f, unsigned int flags);

bool filter_shows(struct filter *f, struct tep_record *rec);

/*
 * The conditions that were made of the filters, one text "event: condition" at a time, in the order
 * of the filters and, inside one, of its events (-T). Start with *at = 0; NULL = no more. The
 * caller frees the text.
 */
char *filter_next_text(const struct filter *f, size_t *at);

/* A list of CPUs, "1,3-5" or "1:3-5". */
struct cpu_set {
	uint32_t *ranges; /* owned: pairs of first and last */
	size_t n;	  /* pairs; 0 = every CPU */
};

int cpu_set_add(struct cpu_set *l, const char *text, struct err *e);
bool cpu_set_has(const struct cpu_set *l, uint32_t cpu); /* also true for an empty list */
void cpu_set_free(struct cpu_set *l);

#endif
