// SPDX-License-Identifier: GPL-2.0
/*
 * trace-extract.c - the extract command: what is in the kernel's ring buffers becomes a trace.dat
 *
 * Theory of operation
 *
 * The options name buffers and a latency tracer in a struct trace_plan, as those of record do;
 * nothing of it is applied but -O, for as long as the text of that tracer is read. Everything else
 * is recording/extract.c.
 *
 * To a listener the pages go over TCP, always: they are all there at once, and a burst of datagrams
 * would lose some that are in the kernel no more. So -t is free to be what it is in the stock tool.
 */
#include "trace-cmd.h"

#include <errno.h>

#include "base/cleanup.h"
#include "recording/dest-opts.h"
#include "recording/extract.h"
#include "recording/extras.h"
#include "tracing/meta.h"
#include "tracing/plan-opts.h"

struct extract_ctx {
	struct plan_ctx plan;
	struct dest_args dest;
	bool all, top, snapshot, quiet, date;
	int64_t ts_offset;
	int level; /* of --verbose */
};

static struct trace_plan *plan_of(void *ctx)
{
	return ((struct plan_ctx *)ctx)->plan;
}

/* -p and -O are of the top buffer, also behind a -B. */
static int set_tracer(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	plan_of(ctx)->now = &plan_of(ctx)->buffers[0];
	return plan_opt_tracer(ctx, o, val, e);
}

static int set_option(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	plan_of(ctx)->now = &plan_of(ctx)->buffers[0];
	return plan_opt_option(ctx, o, val, e);
}

#define AT(member) .off = offsetof(struct extract_ctx, member)

static const struct opt extract_opts[] = {
	{ 'p', NULL, "TRACER", "store the text of this latency tracer: wakeup, irqsoff, ...",
	  set_tracer, .complete = "tracer" },
	{ 'O', NULL, "OPTION", "with -p: set a trace option while the text is read", set_option,
	  .complete = "traceoption" },
	DEST_OPTS(offsetof(struct extract_ctx, dest)),
	{ 's', NULL, NULL, "the snapshots, not the buffers that are running", opt_set_flag,
	  AT(snapshot) },
	{ 'B', NULL, "BUFFER", "this buffer (instance), and not the top one", plan_opt_buffer,
	  .complete = "buffer" },
	{ 'a', NULL, NULL, "all buffers but the top one", opt_set_flag, AT(all) },
	{ 't', NULL, NULL, "with -B or -a: the top buffer too", opt_set_flag, AT(top) },
	{ 0, "date", NULL, "store how far the clock is from the time of day", opt_set_flag,
	  AT(date) },
	{ 0, "ts-offset", "OFFSET", "have this added to all times, in units of the clock",
	  opt_set_i64, AT(ts_offset) },
	{ 'q', "quiet", NULL, "no table", opt_set_flag, AT(quiet) },
	{ 0, "verbose", NULL, "accepted, as the stock tool has it; there is no more to say",
	  opt_set_level, AT(level), .optional = true },
};

static int check_ctx(struct extract_ctx *c, struct err *e)
{
	bool text = plan_is_latency(c->plan.plan);

	c->dest.tcp = c->dest.net;
	if (dest_args_check(&c->dest, e))
		return -EINVAL;
	if (text && c->snapshot)
		return err_say(e, EINVAL, "-s takes a snapshot, and -p %s a text",
			       c->plan.plan->buffers[0].tracer);
	if (text && dest_args_away(&c->dest)) {
		err_say(e, EINVAL, "-p %s takes a text, which only a file can take",
			c->plan.plan->buffers[0].tracer);
		return err_hint(e, "extract without -N and -V: -o says which file");
	}
	return extras_check(c->date, c->ts_offset, text, e);
}

static int run(const struct extract_ctx *c, struct err *e)
{
	AUTO_FREE struct extract_result *result = calloc(1, sizeof(*result));
	char version[META_VERSION_MAX];
	struct extract_opts o = { .plan = c->plan.plan,
				  .version = meta_version(version, sizeof(version)),
				  .all = c->all,
				  .top = c->top,
				  .date = c->date,
				  .ts_offset = c->ts_offset,
				  .snapshot = c->snapshot };
	int ret;

	if (!result)
		return err_set(e, ENOMEM, "no memory for an extraction");
	o.dest = dest_args_make(&c->dest, o.version, e);
	if (!o.dest)
		return -e->code;
	ret = extract_run(&o, result, e);
	if (!ret && !c->quiet && o.dest->ops->note && o.dest->ops->note(o.dest))
		fprintf(stderr, "trace-cmd: %s\n", o.dest->ops->note(o.dest));
	o.dest->ops->free(o.dest);
	if (!ret && !c->quiet && !result->text)
		ret = totals_write(&result->totals, stdout, e);
	return ret ? ret : totals_lost(&result->totals) ? EXIT_LOSSES : EXIT_WHOLE;
}

static int extract(const struct command *self, int argc, char **argv)
{
	struct extract_ctx c = { .dest.file_version = 7 };
	struct err e = { 0 };
	int rest, status;

	c.plan.plan = plan_new(&e);
	status = c.plan.plan ? opts_begin(self, &c, argc, argv, &rest) : EXIT_FAILED;
	if (status < 0 && rest < argc)
		err_say(&e, EINVAL, "extract takes no '%s'", argv[rest]);
	else if (status < 0)
		check_ctx(&c, &e);
	if (status < 0 && e.code)
		status = EXIT_USAGE;
	if (status < 0)
		status = run(&c, &e);
	if (e.code)
		err_print(stderr, &e);
	plan_free(c.plan.plan);
	return status < 0 ? EXIT_FAILED : status;
}

const struct command cmd_extract = {
	.name = "extract",
	.args = "[OPTIONS]",
	.summary =
		"take what is in the kernel's ring buffers into trace.dat, or to a listener (-N)",
	.details = "Exit status: 0 whole, 3 events were lost before, 1 failed, 2 usage.\n",
	.opts = extract_opts,
	.nopts = ARRAY_SIZE(extract_opts),
	.run = extract,
};
