/* SPDX-License-Identifier: GPL-2.0 */
/* apply_local.h - one buffer on its way to what the plan says (private to tracing/) */
#ifndef TRACING_APPLY_LOCAL_H
#define TRACING_APPLY_LOCAL_H

#include "tracing/events.h"
#include "tracing/plan.h"
#include "tracing/undo.h"

struct applied_buffer {
	const struct plan_buffer *plan; /* borrowed */
	const struct trace_plan *whole; /* borrowed */
	struct tracefs *t;		/* borrowed: the caller's root, or the journal's */
	struct undo *undo;		/* borrowed */
	struct event_refs on, off;	/* to be switched on, and then off */
	char clock[32];
};

/* Steps of trace_apply(), for one buffer: 0 or a negative errno. */
int apply_event_rules(struct applied_buffer *b,
		      struct err *e); /* filters, triggers; fills .on/.off */
int apply_event_switches(struct applied_buffer *b, struct err *e);
int apply_functions(struct applied_buffer *b, struct err *e); /* -l, -n, -g, depth */
int apply_tracer(struct applied_buffer *b, struct err *e);

/* @tracer traces functions: its filters and pids count. */
bool is_function_tracer(const char *tracer);

/* "; NAME?" where one of the words in @file is near to @word: hint, else @fallback. */
int hint_word(const struct tracefs *t, const char *file, const char *word, const char *option,
	      const char *fallback, struct err *e);

#endif
