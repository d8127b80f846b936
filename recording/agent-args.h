/* SPDX-License-Identifier: GPL-2.0 */
/* agent-args.h - the arguments of record that a host sends to an agent */
#ifndef RECORDING_AGENT_ARGS_H
#define RECORDING_AGENT_ARGS_H

#include "tracing/plan-opts.h"

struct agent_args {
	struct plan_ctx plan; /* .plan is owned: agent_args_free() */
	uint64_t interval_us;
	bool quiet;
};

/*
 * @argv[0..argc) is what follows "record", borrowed. -EINVAL or -EPERM: the reason is for the
 * host's user. In every case agent_args_free().
 */
int agent_args_parse(struct agent_args *a, size_t argc, const char *const *argv, struct err *e);
void agent_args_free(struct agent_args *a);

#endif
