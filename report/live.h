/* SPDX-License-Identifier: GPL-2.0 */
/*
 * live.h - a recording that is printed while it is made: the destination of stream
 */
#ifndef REPORT_LIVE_H
#define REPORT_LIVE_H

#include "recording/dest.h"
#include "report/print.h"
#include "report/tep.h"

struct live_opts {
	int fd; /* the text goes there; borrowed */
	struct report_tep_setup tep;
	struct print_style style;
	int64_t ts_offset;    /* added to the times that are printed */
	uint64_t interval_ns; /* how long an event may wait at most before it is looked for */
};

/*
 * A destination for recording_run(), see recording/dest.h. When nobody reads the text any more, the
 * recording ends as if the other end had asked for it. NULL on error; d->ops->free(d) when done.
 */
struct dest *live_new(const struct live_opts *o, struct err *e);

#endif
