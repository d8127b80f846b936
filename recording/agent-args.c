// SPDX-License-Identifier: GPL-2.0
/*
 * agent-args.c - the arguments of record that a host sends to an agent
 *
 * Theory of operation
 *
 * A table as that of record. What says where a trace goes, or would run something here, has rows as
 * well, whose setter refuses and whose help says why: the host's user should read a reason, not
 * that there is no such option.
 */
#include "recording/agent-args.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { INTERVAL_DEFAULT_US = 1000000, INTERVAL_MIN_US = 1000 };

static int refuse(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)ctx, (void)val;
	if (o->l)
		return err_say(e, EPERM, "an agent refuses --%s: %s", o->l, o->help);
	return err_say(e, EPERM, "an agent refuses -%c: %s", o->s, o->help);
}

#define AT(member)   .off = offsetof(struct agent_args, member)
#define TO_THE_HOST  "the trace goes to the host that asks, and nowhere else"
#define NO_FILE	     "no file is written in the guest"
#define NO_COMMAND   "no command is run in the guest"
#define ITS_WORK     "the guest's own work goes first"
#define HOSTS_FILES  "the host chooses what its files are like"
#define HOSTS_TIMES  "in front of the first -A it counts for all guests, too"
#define IT_SAYS_NONE "nothing is printed here"

static const struct opt agent_opts[] = {
	PLAN_OPTS,
	{ 'a', NULL, NULL, "store the formats of all events", plan_opt_all_formats },
	{ 0, "no-filter", NULL, "record the threads of trace-cmd too", plan_opt_no_filter },
	{ 's', NULL, "MICROSECONDS", "look at each CPU at least this often", opt_set_u64,
	  AT(interval_us) },
	{ 'q', "quiet", NULL, IT_SAYS_NONE, opt_set_flag, AT(quiet) },
	{ 'o', NULL, "FILE", NO_FILE "; the host's own -o names its file", refuse },
	{ 0, "temp", "DIR", NO_FILE, refuse },
	{ 'm', NULL, "KB", NO_FILE, refuse },
	{ 'N', NULL, "HOST:PORT", TO_THE_HOST, refuse },
	{ 'V', NULL, "CID:PORT", TO_THE_HOST, refuse },
	{ 0, "virt", NULL, TO_THE_HOST, refuse },
	{ 't', NULL, NULL, TO_THE_HOST, refuse },
	{ 0, "protocol", "VERSION", TO_THE_HOST, refuse },
	{ 'A', NULL, "GUEST", "an agent does not ask further agents", refuse },
	{ 'k', NULL, NULL, "what was changed in the guest is put back at the end", refuse },
	{ 0, "user", "USER", NO_COMMAND, refuse },
	{ 0, "proc-map", NULL, NO_COMMAND, refuse },
	{ 'r', NULL, "PRIORITY", ITS_WORK, refuse },
	{ 0, "poll", NULL, ITS_WORK, refuse },
	{ 0, "file-version", "VERSION", HOSTS_FILES, refuse },
	{ 0, "compression", "NAME", HOSTS_FILES, refuse },
	{ 0, "date", NULL, HOSTS_TIMES, refuse },
	{ 0, "ts-offset", "OFFSET", HOSTS_TIMES, refuse },
	{ 0, "tsc2nsec", NULL, HOSTS_TIMES, refuse },
	{ 0, "stderr", NULL, IT_SAYS_NONE, refuse },
};

static const struct command record = { .name = "record",
				       .opts = agent_opts,
				       .nopts = ARRAY_SIZE(agent_opts) };

static int judge(const struct agent_args *a, const char *command, struct err *e)
{
	if (command) {
		err_say(e, EPERM, "an agent runs no command, and there is '%.80s'", command);
		err_hint(e,
			 "the command belongs to the host: before -A, or behind the last option");
		return -EPERM;
	}
	if (plan_is_latency(a->plan.plan))
		return err_say(e, EOPNOTSUPP, "latency tracers write a text, not events to record");
	return plan_check(a->plan.plan, false, e);
}

int agent_args_parse(struct agent_args *a, size_t argc, const char *const *argv, struct err *e)
{
	AUTO_FREE char **words = calloc(argc + 2, sizeof(*words));
	int rest, ret;

	*a = (struct agent_args){ .interval_us = INTERVAL_DEFAULT_US, .plan.plan = plan_new(e) };
	if (!words || !a->plan.plan)
		return err_set(e, ENOMEM, "no memory for the arguments");
	words[0] = (char *)(uintptr_t)record.name;
	for (size_t i = 0; i < argc; i++) /* getopt_long(3) may swap them, and nothing more */
		words[i + 1] = (char *)(uintptr_t)argv[i];
	ret = opts_parse(&record, a, (int)argc + 1, words, &rest, e);
	if (ret == OPTS_HELP)
		return err_say(e, EINVAL, "an agent has no help to show");
	if (!ret)
		ret = judge(a, words[rest], e);
	/* In ns, too, it is to be what it says: one that wraps round would keep a CPU busy. */
	a->interval_us = min_u64(max_u64(a->interval_us, INTERVAL_MIN_US), UINT64_MAX / 1000);
	return ret;
}

void agent_args_free(struct agent_args *a)
{
	plan_free(a->plan.plan);
	a->plan.plan = NULL;
}
