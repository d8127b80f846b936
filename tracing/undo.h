/* SPDX-License-Identifier: GPL-2.0 */
/*
 * undo.h - a journal of what the kernel's tracing files said before we wrote to them
 *
 * Every write to tracefs goes through it. undo_all() puts everything back in reverse order, also
 * after a start that failed half way; what was put back is forgotten, so that calling it again does
 * nothing. A file's first value counts, however often it is written.
 */
#ifndef TRACING_UNDO_H
#define TRACING_UNDO_H

#include "tracing/tracefs.h"

struct undo;

struct undo *undo_new(struct err *e); /* NULL on error */
void undo_free(struct undo *u);	      /* forgets without undoing; NULL is fine */

/*
 * Write @text to @file of @t, which is borrowed until undo_all() or undo_free(). Does nothing when
 * the file has that value already. How a value is read, compared and put back depends on the file:
 * trace_clock has the current one in brackets, set_event_pid is a list, trigger takes "!...".
 */
int undo_write(struct undo *u, const struct tracefs *t, const char *file, const char *text,
	       struct err *e);

/* Only remember what @file says now, because a write elsewhere will change it. */
int undo_remember(struct undo *u, const struct tracefs *t, const char *file, struct err *e);

/*
 * The instance @name, made when it is not there; undo_all() removes it only when we made it, and
 * closes the handle, which the journal owns. NULL on error.
 */
struct tracefs *undo_instance(struct undo *u, const struct tracefs *top, const char *name,
			      struct err *e);

/*
 * Make @file say @text, whatever it says now, and keep nothing of it: what an undo with @text as
 * the old value would do. Of triggers, all that are not a line of @text go. A file that is not
 * there is fine.
 */
int undo_to(const struct tracefs *t, const char *file, const char *text, struct err *e);

/* Put everything back. Goes on after an error and returns the first one. Idempotent. */
int undo_all(struct undo *u, struct err *e);

#endif
