/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tep.h - a tep_handle that knows all that the metadata of one trace.dat says
 *
 * One a file: formats, symbols, printk strings and task names of two machines never mix.
 */
#ifndef REPORT_TEP_H
#define REPORT_TEP_H

#include <traceevent/event-parse.h>

#include "tracedat/head.h"

struct report_tep_setup {
	bool no_plugins;	/* load none */
	bool no_system_plugins; /* load those of the user only */
	/* Called for each format that cannot be parsed; may be NULL. */
	void (*bad)(void *ctx, const char *system, struct view text);
	void *ctx;
};

struct report_tep {
	struct tep_handle *tep;		 /* owned */
	struct tep_plugin_list *plugins; /* owned */
	unsigned int bad_formats;	 /* event formats that libtraceevent could not parse */
	bool damaged;			 /* a block of formats ends inside an event */
};

/*
 * Fill @to from @head (only read while in this call). A format that cannot be parsed is counted and
 * its events print as far as they can be understood. -ENOMEM, or -EPROTO where the page header
 * makes no sense. report_tep_free() is fine after an error and on a zeroed one.
 */
int report_tep_init(struct report_tep *to, const struct tdat_head *head,
		    const struct report_tep_setup *how, struct err *e);
void report_tep_free(struct report_tep *t);

/*
 * The function plugin prints the time of the last repeat of a call (func_repeats) by a format that
 * it exports for the program to change: a format of tep_print_event(). One for the whole process;
 * without plugins it is nowhere.
 */
void report_tep_time_format(const struct report_tep *t, const char *format);

/*
 * Mark all events whose name or system is matched by @regex, as -n and -r do it, with @flag
 * (TEP_EVENT_FL_PRINTRAW, TEP_EVENT_FL_NOHANDLE). Returns how many, or -EINVAL.
 */
int report_tep_mark(struct tep_handle *tep, const char *regex, int flag, struct err *e);

/* "[SYSTEM:]EVENT": a basic regular expression each; see match.c. */
struct event_match; /* opaque */

enum { MATCH_WHOLE = 1 };

struct event_match *event_match_new(const char *regex, unsigned int how,
				    struct err *e); /* or NULL */
void event_match_free(struct event_match *m);
bool event_match(const struct event_match *m, const struct tep_event *event);

#endif
