/* SPDX-License-Identifier: GPL-2.0 */
/* events.h - can the formats of events be parsed? (check-events) */
#ifndef REPORT_EVENTS_H
#define REPORT_EVENTS_H

#include <stdio.h>

#include "report/tep.h"
#include "tracing/tracefs.h"

struct events_checked {
	uint64_t events, bad; /* formats: all, and those that cannot be parsed */
};

/*
 * Parse the formats of all events of @t (the root directory). Those that cannot be parsed are
 * written to @to, "SYSTEM:EVENT" a line, and with @verbose their print format behind it. 0 also
 * where some are bad.
 */
int events_check(const struct tracefs *t, bool no_plugins, bool verbose, FILE *to,
		 struct events_checked *res, struct err *e);

/* The same for a head. */
int events_check_head(const struct tdat_head *head, bool no_plugins, bool verbose, FILE *to,
		      struct events_checked *res, struct err *e);

#endif
