// SPDX-License-Identifier: GPL-2.0
/*
 * allow.c - which events somebody else may have traced here
 *
 * Theory of operation
 *
 * A pattern is not compared with a glob: it is replaced by the events that it means now, and each
 * of them must match. So "-e sched" is allowed by "sched:*" and by a list of all its events, and a
 * cleverly written pattern gets nobody more than its events.
 */
#include "tracing/allow.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "tracing/events.h"

static bool is_allowed(const struct event_ref *r, const struct text_list *globs)
{
	char name[512];

	if (snprintf(name, sizeof(name), "%s:%s", r->system, r->event) >= (int)sizeof(name))
		return false;
	for (size_t i = 0; i < globs->n; i++)
		if (!fnmatch(globs->text[i], name, 0))
			return true;
	return false;
}

static int judge_event(const struct plan_event *ev, const struct trace_plan *plan,
		       const struct tracefs *top, const struct text_list *globs, struct err *e)
{
	struct event_refs refs = { 0 };
	int ret;

	if (ev->trigger)
		return err_say(e, EPERM, "triggers (-R) are not allowed here");
	ret = events_find(top, ev->pattern, &refs, e);
	if (ret == -ENOENT && plan->ignore_missing) {
		err_clear(e);
		ret = 0;
	}
	if (!ret)
		ret = events_expand(top, &refs, e);
	for (size_t i = 0; !ret && i < refs.n; i++)
		if (!is_allowed(&refs.ref[i], globs))
			ret = err_say(e, EPERM, "-e %s is not allowed here: it traces %s:%s",
				      ev->pattern, refs.ref[i].system, refs.ref[i].event);
	event_refs_free(&refs);
	return ret;
}

int plan_allowed(const struct trace_plan *plan, const struct tracefs *top,
		 const struct text_list *globs, struct err *e)
{
	int ret = 0;

	for (size_t b = 0; globs->n && !ret && b < plan->nbuffers; b++) {
		const struct plan_buffer *buffer = &plan->buffers[b];

		if (buffer->tracer && strcmp(buffer->tracer, "nop"))
			return err_say(e, EPERM, "tracers (-p %s) are not allowed here",
				       buffer->tracer);
		for (size_t i = 0; !ret && i < buffer->nevents; i++)
			if (!buffer->events[i].exclude)
				ret = judge_event(&buffer->events[i], plan, top, globs, e);
	}
	return ret;
}
