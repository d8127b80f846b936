// SPDX-License-Identifier: GPL-2.0
/*
 * trace-start.c - the start and set commands: set tracing up and leave it so
 *
 * Theory of operation
 *
 * Both apply a plan, as record does, and then forget the journal (trace_keep()): nothing is put
 * back, 'trace-cmd reset' does that. Up to there any error puts everything back. start begins anew,
 * with an empty ring, and switches tracing on. set only adds to what there is, and tracing_on stays
 * as it is, but for a COMMAND, which is there to be traced.
 *
 * A COMMAND is forked before the plan is applied and let run after tracing is on, so none of it is
 * missed and -F knows its pid.
 */
#include "trace-cmd.h"

#include <errno.h>
#include <signal.h>

#include "tracing/apply.h"
#include "tracing/plan-opts.h"
#include "tracing/task.h"

struct start_ctx {
	struct plan_ctx plan;
	bool fork, quiet, to_stderr;
	int level; /* of --verbose */
	const char *user;
};

#define AT(member) .off = offsetof(struct start_ctx, member)

static const struct opt start_opts[] = {
	PLAN_OPTS,
	{ 0, "user", "USER", "run COMMAND as this user", opt_set_text, AT(user),
	  .complete = "user" },
	{ 0, "fork", NULL, "do not wait for the end of COMMAND", opt_set_flag, AT(fork) },
	{ 'q', "quiet", NULL, "accepted; nothing is printed but errors", opt_set_flag, AT(quiet) },
	{ 0, "stderr", NULL, "accepted; nothing is printed to stdout but by COMMAND", opt_set_flag,
	  AT(to_stderr) },
	{ 0, "verbose", NULL, "accepted, as the stock tool has it; there is no more to say",
	  opt_set_level, AT(level), .optional = true },
};

static const int end_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* A Ctrl-C in the middle would leave half of a plan behind. */
static void hold_signals(sigset_t *old)
{
	sigset_t ends;

	sigemptyset(&ends);
	for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++)
		sigaddset(&ends, end_signals[i]);
	sigprocmask(SIG_BLOCK, &ends, old);
}

static int check_signals(struct err *e)
{
	sigset_t got;

	sigpending(&got);
	for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++)
		if (sigismember(&got, end_signals[i]))
			return err_say(e, EINTR, "interrupted, and all is put back");
	return 0;
}

static int go(struct applied *a, struct start_ctx *c, struct task *task, struct err *e)
{
	int ret = 0;

	if (task && c->plan.plan->command_only)
		ret = trace_only_pid(a, task_pid(task), e);
	if (!ret && (task || !c->plan.plan->adding))
		ret = trace_on(a, e);
	if (!ret && task)
		ret = task_go(task, e);
	return ret ? ret : check_signals(e);
}

/* The plan is in force and kept, or all is as it was. */
static int set_up(struct start_ctx *c, struct tracefs *top, struct task *task, struct err *e)
{
	struct applied *a;
	sigset_t old;
	int ret;

	hold_signals(&old);
	a = trace_apply(c->plan.plan, top, e);
	ret = a ? go(a, c, task, e) : -e->code;
	if (!ret)
		trace_keep(a);
	applied_free(a);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return ret;
}

static int start(struct start_ctx *c, char *const *command, struct err *e)
{
	struct task_opts o = { .argv = command, .user = c->user };
	struct tracefs *top = tfs_open(NULL, e);
	struct task *task = top && command ? task_new(&o, e) : NULL;
	int status, ret = e->code ? -e->code : set_up(c, top, task, e);

	if (!ret && task && !c->fork)
		ret = task_reap(task, &status, e); /* the status of the command does not count */
	if (!ret)
		task_leave(task);
	else
		task_free(task);
	tfs_close(top);
	return ret;
}

static int run(const struct command *self, int argc, char **argv, bool adding)
{
	struct start_ctx c = { 0 };
	struct err e = { 0 };
	int rest, status;

	c.plan.plan = plan_new(&e);
	status = c.plan.plan ? opts_begin(self, &c, argc, argv, &rest) : EXIT_FAILED;
	if (status < 0) {
		c.plan.plan->adding = adding;
		c.plan.plan->trace_self = true; /* we are gone when it is read */
		if (plan_check(c.plan.plan, rest < argc, &e))
			status = EXIT_USAGE;
	}
	if (status < 0)
		status = start(&c, rest < argc ? argv + rest : NULL, &e) ? EXIT_FAILED : EXIT_WHOLE;
	if (e.code)
		err_print(stderr, &e);
	plan_free(c.plan.plan);
	return status;
}

static int run_start(const struct command *self, int argc, char **argv)
{
	return run(self, argc, argv, false);
}

static int run_set(const struct command *self, int argc, char **argv)
{
	return run(self, argc, argv, true);
}

const struct command cmd_start = {
	.name = "start",
	.args = "[OPTIONS] [COMMAND [ARGUMENTS]]",
	.summary = "start tracing into the ring buffer, without recording",
	.details = "'trace-cmd show' prints it, 'trace-cmd stop' stops it, and 'trace-cmd reset'\n"
		   "switches all off again.\n",
	.opts = start_opts,
	.nopts = ARRAY_SIZE(start_opts),
	.run = run_start,
};

const struct command cmd_set = {
	.name = "set",
	.args = "[OPTIONS] [COMMAND [ARGUMENTS]]",
	.summary = "change settings of the kernel's tracing, and leave the others",
	.details = "'trace-cmd reset' brings the defaults back.\n",
	.opts = start_opts,
	.nopts = ARRAY_SIZE(start_opts),
	.run = run_set,
};
