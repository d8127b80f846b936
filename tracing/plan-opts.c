// SPDX-License-Identifier: GPL-2.0
/* plan-opts.c - the setters behind PLAN_OPTS: each hands its argument to the plan */
#include "tracing/plan-opts.h"

#define PLAN_SETTER(name, to)                                                               \
	int plan_opt_##name(void *ctx, const struct opt *o, const char *val, struct err *e) \
	{                                                                                   \
		(void)o;                                                                    \
		return to(((struct plan_ctx *)ctx)->plan, val, e);                          \
	}

PLAN_SETTERS(PLAN_SETTER)
