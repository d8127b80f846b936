/* SPDX-License-Identifier: GPL-2.0 */
/* allow.h - which events somebody else may have traced here */
#ifndef TRACING_ALLOW_H
#define TRACING_ALLOW_H

#include "tracing/plan.h"
#include "tracing/tracefs.h"

/*
 * May @plan be applied where only events "SYSTEM:EVENT" that match one of @globs are allowed?
 * Each -e is judged by what it means on this kernel now. What shows more than events (tracers, and
 * triggers, which can switch on others) is refused. -EPERM with what is not allowed; -ENOENT as
 * the -e itself. No globs: everything is allowed.
 */
int plan_allowed(const struct trace_plan *plan, const struct tracefs *top,
		 const struct text_list *globs, struct err *e);

#endif
