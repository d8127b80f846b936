// SPDX-License-Identifier: GPL-2.0
/*
 * trace-record.c - the record command: plan a recording, run it, say what was lost
 *
 * Theory of operation
 *
 * The options fill a struct trace_plan in the order in which they stand (tracing/plan.h) and choose
 * the destination: a local trace.dat, or the host over virtio-serial (--virt). Everything else is
 * recording/recording.c. At the end: the loss table, and an exit status that says whether it is
 * whole.
 */
#include "trace-cmd.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recording/recording.h"
#include "tracing/meta.h"
#include "tracing/plan-opts.h"

enum { INTERVAL_DEFAULT_US = 1000000, INTERVAL_MIN_US = 1000 };

struct record_ctx {
	struct plan_ctx plan;
	bool virt, quiet, keep, to_stderr;
	const char *output, *user;
	uint64_t file_version, interval_us;
};

static int set_all_formats(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	return plan_set_all_formats(((struct record_ctx *)ctx)->plan.plan, val, e);
}

static int set_no_filter(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	return plan_set_no_filter(((struct record_ctx *)ctx)->plan.plan, val, e);
}

#define AT(member) .off = offsetof(struct record_ctx, member)

static const struct opt record_opts[] = {
	{ 0, "virt", NULL, "send the trace to virt-server on the host, over virtio-serial",
	  opt_set_flag, AT(virt) },
	PLAN_OPTS,
	{ 'a', NULL, NULL, "store the formats of all events", set_all_formats },
	{ 0, "no-filter", NULL, "record the threads of trace-cmd too", set_no_filter },
	{ 'o', NULL, "FILE", "write this file instead of trace.dat", opt_set_text, AT(output),
	  .complete = "file" },
	{ 0, "file-version", "VERSION", "6 or 7 (7 is the default)", opt_set_u64,
	  AT(file_version) },
	{ 's', NULL, "MICROSECONDS", "look at each CPU at least this often (1000000)", opt_set_u64,
	  AT(interval_us) },
	{ 'k', NULL, NULL, "leave the tracing set up at the end, with tracing_on 0", opt_set_flag,
	  AT(keep) },
	{ 'q', "quiet", NULL, "no table and no status line", opt_set_flag, AT(quiet) },
	{ 0, "user", "USER", "run COMMAND as this user", opt_set_text, AT(user),
	  .complete = "user" },
	{ 0, "stderr", NULL, "the table goes to stderr", opt_set_flag, AT(to_stderr) },
};

/* What the options say together. */
static int check_ctx(const struct record_ctx *c, bool has_command, struct err *e)
{
	if (c->virt && c->output) {
		err_say(e, EINVAL, "--virt writes no file in the guest, and -o names one");
		return err_hint(e, "leave out -o; 'virt-server -o DIR' on the host says where");
	}
	if (c->file_version != 6 && c->file_version != 7)
		return err_say(e, EINVAL, "--file-version is 6 or 7, not %llu",
			       (unsigned long long)c->file_version);
	if (c->virt && plan_is_latency(c->plan.plan)) {
		err_say(e, EOPNOTSUPP, "latency tracers write a text, which --virt does not send");
		return err_hint(e, "record without --virt: the text is stored in the file of -o");
	}
	return plan_check(c->plan.plan, has_command, e);
}

static int run(struct record_ctx *c, char *const *command)
{
	char version[META_VERSION_MAX]; /* cut on the wire where it is longer */
	struct recording_opts o = { .plan = c->plan.plan,
				    .command = command,
				    .user = c->user,
				    .interval_ns = c->interval_us * 1000,
				    .version = meta_version(version, sizeof(version)),
				    .keep = c->keep,
				    .status = !c->quiet && isatty(STDERR_FILENO) };
	AUTO_FREE struct recording_result *result = calloc(1, sizeof(*result));
	struct err e = { 0 };
	int ret;

	o.dest = c->virt ? dest_virt_new(version, &e)
			 : dest_file_new(c->output ? c->output : "trace.dat", (int)c->file_version,
					 &e);
	if (!o.dest || !result) {
		err_print(stderr, &e);
		return EXIT_FAILED;
	}
	ret = recording_run(&o, result, &e);
	if (e.code)
		err_print(stderr, &e);
	if (!ret && !c->quiet && !result->text)
		totals_write(&result->totals, c->to_stderr ? stderr : stdout, NULL);
	if (!ret && result->ended_by_host)
		fprintf(stderr, "trace-cmd: the host ended the recording\n");
	o.dest->ops->free(o.dest);
	if (ret)
		return EXIT_FAILED;
	return totals_lost(&result->totals) ? EXIT_LOSSES : EXIT_WHOLE;
}

static int record(const struct command *self, int argc, char **argv)
{
	struct record_ctx c = { .file_version = 7, .interval_us = INTERVAL_DEFAULT_US };
	struct err e = { 0 };
	int rest, status;

	c.plan.plan = plan_new(&e);
	status = c.plan.plan ? opts_begin(self, &c, argc, argv, &rest) : EXIT_FAILED;
	if (status < 0 && check_ctx(&c, rest < argc, &e)) {
		err_print(stderr, &e);
		status = EXIT_USAGE;
	}
	if (c.interval_us < INTERVAL_MIN_US)
		c.interval_us = INTERVAL_MIN_US;
	if (status < 0)
		status = run(&c, rest < argc ? argv + rest : NULL);
	plan_free(c.plan.plan);
	return status;
}

const struct command cmd_record = {
	.name = "record",
	.args = "[OPTIONS] [COMMAND [ARGUMENTS]]",
	.summary = "record a trace into trace.dat, or from a guest to its host (--virt)",
	.details = "Without COMMAND it records until Ctrl-C.\n",
	.opts = record_opts,
	.nopts = ARRAY_SIZE(record_opts),
	.run = record,
};
