// SPDX-License-Identifier: GPL-2.0
/*
 * trace-record.c - the record command: plan a recording, run it, say what was lost
 *
 * Theory of operation
 *
 * The options fill a struct trace_plan in the order in which they stand (tracing/plan.h) and choose
 * the destination: a local trace.dat, a listener (-N, -V), or the host over virtio-serial (--virt).
 * Everything else is recording/recording.c. At the end: the loss table, and an exit status that
 * says whether it is whole.
 */
#include "trace-cmd.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guests/layout.h"
#include "recording/dest-opts.h"
#include "recording/extras.h"
#include "recording/recording.h"
#include "tracing/meta.h"
#include "tracing/plan-opts.h"

enum { INTERVAL_DEFAULT_US = 1000000, INTERVAL_MIN_US = 1000, TSYNC_DEFAULT_MS = 1000 };

struct record_ctx {
	struct plan_ctx plan;
	struct dest_args dest;
	bool quiet, keep, to_stderr, date, proc_map, busy;
	int level; /* of --verbose */
	const char *user;
	uint64_t interval_us, rt_prio, keep_kb;
	int64_t ts_offset;
	struct remote_wishes guests;
	const char *clock; /* of the guests too; borrowed */
};

#define AT(member) .off = offsetof(struct record_ctx, member)

static int set_rt_prio(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	return parse_u64(val, 1, 99, &((struct record_ctx *)ctx)->rt_prio, "-r", e);
}

static const struct opt record_opts[] = {
	REMOTE_OPTS(offsetof(struct record_ctx, guests)),
	{ 0, "virt", NULL, "send the trace to virt-server on the host, over virtio-serial",
	  opt_set_flag, AT(dest.virt) },
	{ 't', NULL, NULL, "with -N: the pages go over TCP, not UDP, which may lose some",
	  opt_set_flag, AT(dest.tcp) },
	DEST_OPTS(offsetof(struct record_ctx, dest)),
	PLAN_OPTS,
	{ 'a', NULL, NULL, "store the formats of all events", plan_opt_all_formats },
	{ 0, "tsc2nsec", NULL, "store the rate of the TSC, so that report prints seconds",
	  plan_opt_tsc2nsec },
	{ 0, "no-filter", NULL, "record the threads of trace-cmd too", plan_opt_no_filter },
	{ 's', NULL, "MICROSECONDS", "look at each CPU at least this often (1000000)", opt_set_u64,
	  AT(interval_us) },
	{ 0, "poll", NULL, "never wait for a CPU's events, read all the time", opt_set_flag,
	  AT(busy) },
	{ 'r', NULL, "PRIORITY", "real-time priority of the recording threads, 1 to 99",
	  set_rt_prio },
	{ 'm', NULL, "KB", "keep only the newest KiB of each CPU", opt_set_u64, AT(keep_kb) },
	{ 0, "date", NULL, "store how far the clock is from the time of day", opt_set_flag,
	  AT(date) },
	{ 0, "ts-offset", "OFFSET", "have this added to all times, in units of the clock",
	  opt_set_i64, AT(ts_offset) },
	{ 0, "proc-map", NULL, "store the address maps of COMMAND, or of those of -P", opt_set_flag,
	  AT(proc_map) },
	{ 'k', NULL, NULL, "leave the tracing set up at the end, with tracing_on 0", opt_set_flag,
	  AT(keep) },
	{ 'q', "quiet", NULL, "no table and no status line", opt_set_flag, AT(quiet) },
	{ 0, "user", "USER", "run COMMAND as this user", opt_set_text, AT(user),
	  .complete = "user" },
	{ 0, "stderr", NULL, "the table goes to stderr", opt_set_flag, AT(to_stderr) },
	{ 0, "verbose", NULL, "accepted, as the stock tool has it; there is no more to say",
	  opt_set_level, AT(level), .optional = true },
};

/* -A and what goes with it. */
static int check_guests(struct record_ctx *c, struct err *e)
{
	if (!c->guests.n && c->guests.interval)
		return err_usage(e, "-A GUEST", "--tsync-interval is for -A, which is missing");
	if (!c->guests.n)
		return 0;
	c->plan.plan->guests = true;
	if (dest_args_away(&c->dest))
		return err_usage(e, "leave out -N, -V and --virt", "-A writes files here");
	if (plan_is_latency(c->plan.plan))
		return err_usage(e, "leave out -A", "latency tracers write a text, no timeline");
	return remote_clock(c->plan.plan, &c->guests, &c->clock, e);
}

/* What the options say together. -EINVAL: they cannot; others: the kernel was asked, and failed. */
static int check_ctx(struct record_ctx *c, bool has_command, struct err *e)
{
	int ret = check_guests(c, e);

	if (ret)
		return ret;
	if (dest_args_check(&c->dest, e))
		return -EINVAL;
	if (c->keep_kb && (dest_args_away(&c->dest) || c->plan.plan->nbuffers > 1))
		return err_say(e, EINVAL, "-m is for a local file with one buffer");
	if (dest_args_away(&c->dest) && plan_is_latency(c->plan.plan))
		return err_usage(e, "record without --virt, -N and -V: -o says which file",
				 "latency tracers write a text, which only a file can take");
	if (extras_check(c->date, c->ts_offset, plan_is_latency(c->plan.plan), e))
		return -EINVAL;
	return plan_check(c->plan.plan, has_command, e) ? -EINVAL : 0;
}

static void print_end(const struct record_ctx *c, const struct recording_result *r, struct dest *d)
{
	const char *note = d->ops->note ? d->ops->note(d) : NULL;

	if (!c->quiet && !r->text)
		totals_write(&r->totals, c->to_stderr ? stderr : stdout, NULL);
	fflush(stdout);
	if (note && !c->quiet)
		fprintf(stderr, "trace-cmd: %s\n", note);
	if (r->ended_by_host)
		fprintf(stderr, "trace-cmd: the %s ended the recording\n",
			c->dest.virt ? "host" : "listener");
}

/* The guests' tables. Returns @status, or that something was lost there. */
static enum exit_status print_guests(const struct record_ctx *c, const struct remotes *guests,
				     enum exit_status status)
{
	FILE *to = c->to_stderr ? stderr : stdout;
	struct remote_result r;

	for (size_t i = 0; guests && i < remotes_count(guests); i++) {
		remotes_result(guests, i, &r);
		if (!c->quiet && r.totals) {
			fprintf(to, "guest %s: %s\n", r.name, r.path ? r.path : "no file");
			totals_write(r.totals, to, NULL);
		}
		fflush(to);
		if (r.err->code)
			err_print(stderr, r.err);
		if (r.status != EXIT_WHOLE)
			status = EXIT_LOSSES;
	}
	return status;
}

static void guest_left_out(void *ctx, const struct err *why)
{
	(void)ctx;
	err_print(stderr, why);
}

static void guest_note(void *ctx, const char *guest, const char *text)
{
	const struct record_ctx *c = ctx;

	if (!c->quiet)
		fprintf(stderr, "trace-cmd: guest %s: %s\n", guest, text);
}

/* NULL without guests, or with @e. */
static struct remotes *make_remotes(struct record_ctx *c, const struct recording_opts *o,
				    struct err *e)
{
	struct remotes_opts ro = { .wishes = &c->guests,
				   .output = c->dest.output ? c->dest.output : "trace.dat",
				   .version = (int)c->dest.file_version,
				   .compression = c->dest.compression,
				   .clock = c->clock,
				   .trace_id = o->trace_id,
				   .dir = guests_dir(NULL),
				   .peer = o->version,
				   .ctx = c,
				   .left_out = guest_left_out,
				   .note = guest_note };

	return c->guests.n ? remotes_new(&ro, e) : NULL;
}

static int run(struct record_ctx *c, char *const *command)
{
	char version[META_VERSION_MAX]; /* cut on the wire where it is longer */
	struct recording_opts o = { .plan = c->plan.plan,
				    .command = command,
				    .user = c->user,
				    .interval_ns = c->interval_us * 1000,
				    .version = meta_version(version, sizeof(version)),
				    .trace_id = meta_trace_id(),
				    .rt_prio = (unsigned int)c->rt_prio,
				    .keep_bytes = c->keep_kb * 1024,
				    .busy = c->busy,
				    .date = c->date,
				    .ts_offset = c->ts_offset,
				    .proc_map = c->proc_map,
				    .keep = c->keep,
				    .status = !c->quiet && isatty(STDERR_FILENO) };
	AUTO_FREE struct recording_result *result = calloc(1, sizeof(*result));
	struct err e = { 0 };
	enum exit_status status = EXIT_FAILED;

	if (!result)
		err_set(&e, ENOMEM, "no memory for the recording");
	else
		o.dest = dest_args_make(&c->dest, o.version, &e);
	if (o.dest)
		o.remotes = make_remotes(c, &o, &e);
	if (!o.dest || e.code) {
		err_print(stderr, &e);
		if (o.dest)
			o.dest->ops->free(o.dest);
		return EXIT_FAILED;
	}
	if (!recording_run(&o, result, &e)) {
		print_end(c, result, o.dest);
		status = totals_lost(&result->totals) ? EXIT_LOSSES : EXIT_WHOLE;
	}
	if (e.code)
		err_print(stderr, &e);
	if (status != EXIT_FAILED)
		status = print_guests(c, o.remotes, status);
	remotes_free(o.remotes);
	o.dest->ops->free(o.dest);
	return status;
}

static int record(const struct command *self, int argc, char **argv)
{
	struct record_ctx c = { .dest.file_version = 7,
				.interval_us = INTERVAL_DEFAULT_US,
				.guests.interval_ms = TSYNC_DEFAULT_MS };
	struct err e = { 0 };
	int rest, status, ret;

	c.plan.plan = plan_new(&e);
	status = c.plan.plan ? remote_opts_begin(self, &c, &c.guests, argc, argv, &rest)
			     : EXIT_FAILED;
	ret = status < 0 ? check_ctx(&c, rest < argc, &e) : 0;
	if (ret) {
		err_print(stderr, &e);
		status = ret == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	}
	c.interval_us = min_u64(max_u64(c.interval_us, INTERVAL_MIN_US), UINT64_MAX / 1000);
	if (status < 0)
		status = run(&c, rest < argc ? argv + rest : NULL);
	plan_free(c.plan.plan);
	remote_wishes_free(&c.guests);
	return status;
}

const struct command cmd_record = {
	.name = "record",
	.args = "[OPTIONS] [COMMAND [ARGUMENTS]]",
	.summary =
		"record a trace into trace.dat, with guests (-A), to a listener (-N), or to a guest's host (--virt)",
	.details = "Without COMMAND it records until Ctrl-C.\n",
	.opts = record_opts,
	.nopts = ARRAY_SIZE(record_opts),
	.run = record,
};
