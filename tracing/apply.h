/* SPDX-License-Identifier: GPL-2.0 */
/*
 * apply.h - a plan becomes the state of the kernel, and goes away again
 *
 * trace_apply() does everything but switch tracing on: trace_on() does that with one write a
 * buffer, so that a recording begins at one moment. trace_undo() leaves the kernel as it was.
 */
#ifndef TRACING_APPLY_H
#define TRACING_APPLY_H

#include "tracing/plan.h"
#include "tracing/tracefs.h"
#include "tracing/undo.h"

struct applied;

/*
 * @plan and @top are borrowed until applied_free(). NULL on error: then everything is put back
 * already. Errors name the event, filter, clock or option that the kernel refused, with its words.
 */
struct applied *trace_apply(const struct trace_plan *plan, struct tracefs *top, struct err *e);

int trace_on(struct applied *a, struct err *e);
int trace_off(struct applied *a, struct err *e);

/* -F: restrict all buffers to @pid (besides the plan's -P), before trace_on(). */
int trace_only_pid(struct applied *a, pid_t pid, struct err *e);

/*
 * Hide a thread of ours from all buffers, so that recording does not record itself. trace_on()
 * hides its caller. Does nothing with --no-filter and on kernels before 5.7.
 */
int trace_hide(struct applied *a, pid_t tid, struct err *e);

/* Put everything back; instances that we made are gone and their handles closed. Idempotent. */
int trace_undo(struct applied *a, struct err *e);
/* -k: forget what was, so that neither trace_undo() nor applied_free() changes anything any more.
 */
void trace_keep(struct applied *a);
void applied_free(struct applied *a); /* trace_undo() first where it was not called; NULL is fine */

/* The buffers in the order of the plan; the handles are valid until trace_undo(). */
size_t applied_nbuffers(const struct applied *a);
struct tracefs *applied_buffer(const struct applied *a, size_t i);
const char *applied_clock(const struct applied *a, size_t i); /* one word, "local" */

/* Set one option of -O ("sym-addr", "nograph-time") through a journal. -EINVAL: there is no such.
 */
int trace_option(struct undo *u, const struct tracefs *t, const char *option, struct err *e);

#endif
