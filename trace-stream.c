// SPDX-License-Identifier: GPL-2.0
/*
 * trace-stream.c - the stream command: a recording that is printed while it is made
 *
 * Theory of operation
 *
 * The options and the recording are those of record; only the destination is another one
 * (report/live.c), and the text is its result. At the end: on stderr what was lost, if anything.
 */
#include "trace-cmd.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recording/recording.h"
#include "report/live.h"
#include "tracing/meta.h"
#include "tracing/plan-opts.h"

enum { INTERVAL_DEFAULT_US = 50000, INTERVAL_MIN_US = 1000 };

struct stream_ctx {
	struct plan_ctx plan;
	bool keep, quiet, to_stderr, poll;
	int level; /* of --verbose */
	int64_t ts_offset;
	const char *user;
	uint64_t interval_us;
};

#define AT(member) .off = offsetof(struct stream_ctx, member)

static const struct opt stream_opts[] = {
	PLAN_OPTS,
	{ 'a', NULL, NULL, "know the formats of all events", plan_opt_all_formats },
	{ 0, "no-filter", NULL, "show the events of trace-cmd too", plan_opt_no_filter },
	{ 's', NULL, "MICROSECONDS", "look for events at least this often (50000)", opt_set_u64,
	  AT(interval_us) },
	{ 'k', NULL, NULL, "leave the tracing set up at the end, with tracing_on 0", opt_set_flag,
	  AT(keep) },
	{ 'q', "quiet", NULL, "do not say at the end what was lost", opt_set_flag, AT(quiet) },
	{ 0, "user", "USER", "run COMMAND as this user", opt_set_text, AT(user),
	  .complete = "user" },
	{ 0, "stderr", NULL, "print to stderr, where COMMAND does not", opt_set_flag,
	  AT(to_stderr) },
	{ 0, "ts-offset", "OFFSET", "add this to all times, in units of the clock", opt_set_i64,
	  AT(ts_offset) },
	{ 0, "poll", NULL, "accepted: the rings are read by the clock, and never waited for",
	  opt_set_flag, AT(poll) },
	{ 0, "verbose", NULL, "accepted, as the stock tool has it; there is no more to say",
	  opt_set_level, AT(level), .optional = true },
};

static int check_ctx(const struct stream_ctx *c, bool has_command, struct err *e)
{
	if (!plan_is_latency(c->plan.plan))
		return plan_check(c->plan.plan, has_command, e);
	err_say(e, EINVAL,
		"latency tracers write a text at the end, so there is nothing to stream");
	return err_hint(e, "record it instead, and report");
}

static int run(const struct stream_ctx *c, char *const *command, struct err *e)
{
	AUTO_FREE struct recording_result *result = calloc(1, sizeof(*result));
	struct live_opts live = { .fd = c->to_stderr ? STDERR_FILENO : STDOUT_FILENO,
				  .ts_offset = c->ts_offset,
				  .interval_ns = max_u64(c->interval_us, INTERVAL_MIN_US) * 1000 };
	struct recording_opts o = { .plan = c->plan.plan,
				    .command = command,
				    .user = c->user,
				    .version = "trace-cmd " VERSION,
				    .keep = c->keep };
	int ret;

	if (!result)
		return err_set(e, ENOMEM, "no memory for a recording");
	o.dest = live_new(&live, e);
	if (!o.dest)
		return -e->code;
	ret = recording_run(&o, result, e);
	o.dest->ops->free(o.dest);
	if (ret || result->ended_by_host || !totals_lost(&result->totals))
		return ret;
	if (!c->quiet)
		totals_write(&result->totals, stderr, e);
	return EXIT_LOSSES;
}

static int stream(const struct command *self, int argc, char **argv)
{
	struct stream_ctx c = { .interval_us = INTERVAL_DEFAULT_US };
	struct err e = { 0 };
	int rest, status;

	c.plan.plan = plan_new(&e);
	status = c.plan.plan ? opts_begin(self, &c, argc, argv, &rest) : EXIT_FAILED;
	if (status < 0 && check_ctx(&c, rest < argc, &e))
		status = EXIT_USAGE;
	if (status < 0)
		status = run(&c, rest < argc ? argv + rest : NULL, &e);
	if (e.code)
		err_print(stderr, &e);
	plan_free(c.plan.plan);
	return status < 0 ? EXIT_FAILED : status;
}

const struct command cmd_stream = {
	.name = "stream",
	.args = "[OPTIONS] [COMMAND [ARGUMENTS]]",
	.summary = "print a trace while it is recorded",
	.details = "Without COMMAND it goes on until Ctrl-C.\n",
	.opts = stream_opts,
	.nopts = ARRAY_SIZE(stream_opts),
	.run = stream,
};
