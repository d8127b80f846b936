/* SPDX-License-Identifier: GPL-2.0 */
/*
 * graph.h - function graph, kernel stacks and raw data as people read them
 *
 * Handlers for events of the system "ftrace" that libtraceevent's plugins leave to the program.
 */
#ifndef REPORT_GRAPH_H
#define REPORT_GRAPH_H

#include <traceevent/event-parse.h>

#include "tracedat/merge.h"

struct graph_options {
	bool tailprint; /* the name behind the } at the end of a function */
	bool depth;	/* the depth behind each line */
};

struct graph; /* opaque; one for each tep_handle, which must outlive it */

/* Registers the handlers with @tep; graph_free() takes them back. NULL on error. */
struct graph *graph_new(struct tep_handle *tep, const struct graph_options *how, struct err *e);
void graph_free(struct graph *g); /* NULL is fine */

/*
 * Before an event is printed: a function's entry and exit are one line when nothing of their buffer
 * lies between them, so the merge is looked ahead in. After it: an exit that was printed is
 * dropped. To be called before the record of l->ev is made, as looking ahead moves its bytes.
 */
void graph_before(struct graph *g, struct merge *m, struct lane *l);
void graph_after(struct graph *g, struct merge *m, const struct lane *l);

/* "[fgraph:]tailprint" and the like of -O: true when @name is one of ours, and is then set. */
bool graph_option(struct graph_options *to, const char *name);

#endif
