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
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recording/recording.h"
#include "tracing/plan-opts.h"

enum { INTERVAL_DEFAULT_US = 1000000, INTERVAL_MIN_US = 1000 };

struct record_ctx {
	struct plan_ctx plan;
	bool virt, quiet, keep, to_stderr;
	const char *output, *user;
	uint64_t file_version, interval_us;
	uint64_t rt_prio, keep_kb;
	bool date, proc_map;
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

static int set_rt_prio(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	return parse_u64(val, 1, 99, &((struct record_ctx *)ctx)->rt_prio, "-r", e);
}

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
	{ 'r', NULL, "PRIORITY", "real-time priority of the recording threads, 1 to 99",
	  set_rt_prio },
	{ 'm', NULL, "KB", "keep only the newest KiB of each CPU", opt_set_u64, AT(keep_kb) },
	{ 0, "date", NULL, "store how far the clock is from the time of day", opt_set_flag,
	  AT(date) },
	{ 0, "proc-map", NULL, "store the address maps of COMMAND, or of those of -P", opt_set_flag,
	  AT(proc_map) },
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
	if (c->keep_kb && (c->virt || c->plan.plan->nbuffers > 1))
		return err_say(e, EINVAL, "-m is for a local file with one buffer, so not with %s",
			       c->virt ? "--virt" : "-B");
	if (plan_is_latency(c->plan.plan)) {
		err_say(e, EOPNOTSUPP, "latency tracers write a text, not events to record");
		return err_hint(e, "read it from the tracefs file 'trace' of this machine");
	}
	return plan_check(c->plan.plan, has_command, e);
}

/* "trace-cmd 0.1.0 Linux 6.1.0-28-amd64 x86_64" */
static void make_version(char *to, size_t room)
{
	struct utsname u;

	if (uname(&u))
		snprintf(to, room, "trace-cmd %s", VERSION);
	else
		snprintf(to, room, "trace-cmd %s %s %.40s %.20s", VERSION, u.sysname, u.release,
			 u.machine);
}

static int print_table(const struct record_ctx *c, const struct totals *t)
{
	struct buf text = { 0 };

	if (c->quiet)
		return 0;
	if (!totals_print(t, &text) && !buf_text(&text))
		fputs((const char *)text.data, c->to_stderr ? stderr : stdout);
	buf_free(&text);
	return 0;
}

static int run(struct record_ctx *c, char *const *command)
{
	char version[MSG_MAX_PEER + 32]; /* cut on the wire where it is longer */
	struct recording_opts o = { .plan = c->plan.plan,
				    .command = command,
				    .user = c->user,
				    .interval_ns = c->interval_us * 1000,
				    .version = version,
				    .rt_prio = (unsigned int)c->rt_prio,
				    .keep_bytes = c->keep_kb * 1024,
				    .date = c->date,
				    .proc_map = c->proc_map,
				    .keep = c->keep,
				    .status = !c->quiet && isatty(STDERR_FILENO) };
	AUTO_FREE struct recording_result *result = calloc(1, sizeof(*result));
	struct err e = { 0 };
	int ret;

	make_version(version, sizeof(version));
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
	if (!ret)
		print_table(c, &result->totals);
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
