/* SPDX-License-Identifier: GPL-2.0 */
/* run_local.h - what run.c and open.c share: one report that is being made */
#ifndef REPORT_RUN_LOCAL_H
#define REPORT_RUN_LOCAL_H

#include "report/links.h"
#include "report/report.h"
#include "report/vcpus.h"
#include "report/wakeup.h"

struct run {
	const struct report_plan *plan; /* borrowed */
	struct report_result *res;	/* borrowed */
	FILE *to, *warn;		/* borrowed */
	struct input *in;		/* owned: the plan's files, then those of guests */
	struct graph **graphs;		/* owned, as .in */
	size_t opened;
	struct guest_refs guests; /* that the one file names */
	char **guest_paths;	  /* owned: of .guests, those that were opened */
	struct vcpus *vcpus;	  /* NULL = not asked for */
	char **prefixes;	  /* owned: one a buffer of each file, in order */
	size_t nprefixes;
	struct merge *merge;
	struct printer *printer;
	struct wakeup *wakeup; /* NULL = not asked for */
	uint64_t start;	       /* with plan->align: the time of the first event */
	bool started;
	uint64_t *lane_times; /* with plan->check_times, by rank */
	uint32_t ranks;
};

/* open.c: all files, with their filters; to be closed also after an error */
int run_open(struct run *r, struct err *e);
void run_close(struct run *r);
bool run_shows(const struct run *r, const struct input *in); /* not hidden by --guest */

#endif
