// SPDX-License-Identifier: GPL-2.0
/*
 * trace-report.c - the report command: options to a plan, the plan to text
 *
 * Theory of operation
 *
 * The options fill a struct report_plan in the order in which they stand: what comes behind a file
 * is for that file (report/plan.c). A word that is no option is the file. The report itself is
 * report/run.c; here is what becomes of damage: it is said at the end, behind what is whole.
 */
#include "trace-cmd.h"

#include <errno.h>
#include <signal.h>

#include "base/cleanup.h"
#include "report/report.h"

enum { OUT_BUFFER = 1 << 18 };

struct report_ctx {
	struct report_plan plan;
	bool exclude; /* -v was given: the next -F hides */
	bool latency_on, quiet;
	int loglevel;
};

static struct report_plan *plan_of(void *ctx)
{
	return &((struct report_ctx *)ctx)->plan;
}

static int set_file(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	return report_plan_file(plan_of(ctx), val, e);
}

static int set_machine(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	return report_plan_machine(plan_of(ctx), val, e);
}

static int set_filter(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct report_ctx *c = ctx;

	(void)o;
	return report_plan_filter(&c->plan, val, c->exclude, e);
}

static int set_raw_event(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	return report_plan_events(plan_of(ctx), &plan_of(ctx)->raw_events, val, e);
}

static int set_plain_event(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	return report_plan_events(plan_of(ctx), &plan_of(ctx)->plain_events, val, e);
}

static int set_cpu(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	return cpu_set_add(&plan_of(ctx)->cpus, val, e);
}

static int set_plugin(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	const char *value = strchr(val, '=');
	char *name;

	(void)o;
	if (graph_option(&plan_of(ctx)->graph, val))
		return 0;
	name = strndup(val, value ? (size_t)(value - val) : strlen(val));
	if (!name)
		return err_set(e, ENOMEM, "no memory for -O %s", val);
	tep_plugin_add_option(name, value ? value + 1 : NULL);
	free(name);
	return 0;
}

static int set_ts_offset(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct report_plan *p = plan_of(ctx);
	char *end;
	long long n;

	(void)o;
	if (!p->nfiles)
		return err_say(e, EINVAL, "--ts-offset is for the file before it: give -i first");
	errno = 0;
	n = strtoll(val, &end, 0);
	if (errno || end == val || *end)
		return err_say(e, EINVAL, "--ts-offset: '%s' is no number", val);
	p->files[p->nfiles - 1].ts_offset = n;
	return 0;
}

static int set_ts2secs(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct report_plan *p = plan_of(ctx);
	int rc = parse_u64(val, 1, UINT64_MAX, &p->hz, "--ts2secs", e);

	(void)o;
	if (!rc && p->nfiles)
		p->files[p->nfiles - 1].hz = p->hz;
	return rc;
}

static int set_event_regex(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o, (void)e;
	plan_of(ctx)->format_regex = val;
	plan_of(ctx)->instead |= INSTEAD_FORMATS;
	return 0;
}

/* Rows whose whole work is one assignment. */
#define ASSIGN(name, what)                                                              \
	static int name(void *ctx, const struct opt *o, const char *val, struct err *e) \
	{                                                                               \
		struct report_ctx *c = ctx;                                             \
                                                                                        \
		(void)o, (void)val, (void)e;                                            \
		what;                                                                   \
		return 0;                                                               \
	}

ASSIGN(set_endian, c->plan.instead |= INSTEAD_ENDIAN)
ASSIGN(set_functions, c->plan.instead |= INSTEAD_FUNCTIONS)
ASSIGN(set_printk, c->plan.instead |= INSTEAD_PRINTK)
ASSIGN(set_names, c->plan.instead |= INSTEAD_NAMES)
ASSIGN(set_formats, c->plan.instead |= INSTEAD_FORMATS)
ASSIGN(set_check, c->plan.instead |= INSTEAD_CHECK)
ASSIGN(set_stat, c->plan.instead |= INSTEAD_STAT)
ASSIGN(set_uname, c->plan.instead |= INSTEAD_UNAME)
ASSIGN(set_version, c->plan.instead |= INSTEAD_VERSION)
ASSIGN(set_cpus, c->plan.instead |= INSTEAD_CPUS)
ASSIGN(set_first, c->plan.instead |= INSTEAD_CPUS; c->plan.first = true)
ASSIGN(set_last, c->plan.instead |= INSTEAD_CPUS; c->plan.last = true)
ASSIGN(set_no_hardirq, c->plan.hide_flags |= TRACE_FLAG_HARDIRQ)
ASSIGN(set_no_softirq, c->plan.hide_flags |= TRACE_FLAG_SOFTIRQ)
ASSIGN(set_quiet, c->quiet = true; c->loglevel = TEP_LOG_NONE)

#define AT(member) .off = offsetof(struct report_ctx, member)

static const struct opt report_opts[] = {
	{ 'i', NULL, "FILE", "read this file (trace.dat); several are merged by time", set_file,
	  .complete = "file" },
	{ 0, "guest", "NAME", "show only this guest (or 'host'); -F after it is for it alone",
	  set_machine },
	{ 0, "names", NULL, "say which guest's vCPU the host switches from and to", opt_set_flag,
	  AT(plan.vcpus) },
	{ 0, "no-guests", NULL, "leave the files of the guests that a host's file names alone",
	  opt_set_flag, AT(plan.alone) },
	{ 't', NULL, NULL, "print times in full, to the nanosecond", opt_set_flag,
	  AT(plan.style.full_time) },
	{ 'l', NULL, NULL, "latency format: CPU, interrupt and preemption flags", opt_set_flag,
	  AT(plan.style.latency) },
	{ 'R', NULL, NULL, "print the fields of events, not their print format", opt_set_flag,
	  AT(plan.style.raw) },
	{ 'r', NULL, "REGEX", "print the fields of the events that match", set_raw_event,
	  .complete = "event" },
	{ 'n', NULL, "REGEX", "no plugin for the events that match", set_plain_event,
	  .complete = "event" },
	{ 'F', NULL, "FILTER", "show only EVENTS[:CONDITION]; several mean 'or'", set_filter,
	  .complete = "event" },
	{ 'v', NULL, NULL, "hide what matches the -F after this", opt_set_flag, AT(exclude) },
	{ 'T', NULL, NULL, "print what the filters became, and no events", opt_set_flag,
	  AT(plan.test_filters) },
	{ 'I', NULL, NULL, "hide events in hard interrupt context", set_no_hardirq },
	{ 'S', NULL, NULL, "hide events in soft interrupt context", set_no_softirq },
	{ 0, "cpu", "CPUS", "only these CPUs: 0,2-3", set_cpu, .complete = "cpu" },
	{ 'w', NULL, NULL, "print the latency of each wakeup, and their average", opt_set_flag,
	  AT(plan.wakeup) },
	{ 0, "stat", NULL, "print the kernel's counters at the end of the recording", set_stat },
	{ 0, "uname", NULL, "print the machine that was traced", set_uname },
	{ 0, "version", NULL, "print the version of the program that made the file", set_version },
	{ 'e', NULL, NULL, "print the byte order of the file and of this machine", set_endian },
	{ 'f', NULL, NULL, "print the functions and their addresses", set_functions },
	{ 'P', NULL, NULL, "print the strings of trace_printk()", set_printk },
	{ 'E', NULL, NULL, "print the names of the events of the file", set_names },
	{ 0, "events", NULL, "print the formats of the events of the file", set_formats },
	{ 0, "event", "REGEX", "print the formats of the events that match [SYSTEM:]EVENT",
	  set_event_regex, .complete = "event" },
	{ 0, "check-events", NULL, "say which formats cannot be understood", set_check },
	{ 0, "cpus", NULL, "print the CPUs that have data", set_cpus },
	{ 0, "first-event", NULL, "print them with the time of their first event", set_first },
	{ 0, "last-event", NULL, "print them with the time of their last event", set_last },
	{ 0, "ts-offset", "TICKS", "add to all times of the file before it, in its clock's units",
	  set_ts_offset },
	{ 0, "ts2secs", "HZ", "ticks a second of the clock: the file before it and those after",
	  set_ts2secs },
	{ 0, "ts-diff", NULL, "print the time since the event before", opt_set_flag,
	  AT(plan.style.diff) },
	{ 0, "ts-check", NULL, "warn where the time of a CPU goes backwards", opt_set_flag,
	  AT(plan.check_times) },
	{ 0, "nodate", NULL, "ignore the date that record --date has stored", opt_set_flag,
	  AT(plan.no_date) },
	{ 0, "raw-ts", NULL, "print the times of the file, without any correction", opt_set_flag,
	  AT(plan.style.raw_time) },
	{ 0, "align-ts", NULL, "count times from the first event", opt_set_flag, AT(plan.align) },
	{ 'O', NULL, "[PLUGIN:]NAME[=VALUE]", "set an option of a plugin", set_plugin },
	{ 'L', NULL, NULL, "load no plugins but the user's own", opt_set_flag,
	  AT(plan.tep.no_system_plugins) },
	{ 'N', NULL, NULL, "load no plugins", opt_set_flag, AT(plan.tep.no_plugins) },
	{ 'q', NULL, NULL, "say nothing about what is not critical", set_quiet },
	{ 'V', "verbose", NULL, "say more; --verbose=LEVEL: none crit err warn info debug all",
	  opt_set_level, AT(loglevel), .optional = true },
};

static int say_usage(const struct err *e)
{
	err_print(stderr, e);
	return EXIT_USAGE;
}

/* Options and files in any order. Returns -1 to go on, else the exit status. */
static int parse(const struct command *self, struct report_ctx *c, int argc, char **argv)
{
	struct err e = { 0 };
	size_t named = 0; /* files that were given as words */
	int at = 0, rest, rc;

	for (;;) {
		char *name = argv[at];

		argv[at] = argv[0];
		rc = opts_begin(self, c, argc - at, argv + at, &rest);
		argv[at] = name;
		if (rc >= 0)
			return rc;
		at += rest;
		if (at >= argc)
			break;
		if (c->plan.nfiles > named) {
			err_say(&e, EINVAL, "'%s' is one file too many: -i has named it already",
				argv[at]);
			err_hint(&e, "name each file with -i to merge them");
			return say_usage(&e);
		}
		if (report_plan_file(&c->plan, argv[at], &e))
			return say_usage(&e);
		named++;
	}
	if (named > 1) {
		err_say(&e, EINVAL, "%zu files are named", named);
		err_hint(&e, "name each file with -i to merge them");
		return say_usage(&e);
	}
	if (c->plan.wakeup && c->plan.nfiles > 1) {
		err_say(&e, EINVAL, "-w is for one file: tasks of two machines have the same ids");
		return say_usage(&e);
	}
	if (!c->plan.nfiles && report_plan_file(&c->plan, "trace.dat", &e))
		return say_usage(&e);
	return -1;
}

static int say_result(const struct report_ctx *c, const struct report_result *res, int rc,
		      const struct err *e)
{
	if (rc == -EPIPE)
		return EXIT_WHOLE; /* whoever reads has seen enough */
	if (rc) {
		err_print(stderr, e);
		return EXIT_FAILED;
	}
	if (c->plan.instead & INSTEAD_CHECK && res->bad_formats) {
		fprintf(stderr, "trace-cmd: %u event formats cannot be understood\n",
			res->bad_formats);
		return EXIT_FAILED;
	}
	if (!res->damaged)
		return EXIT_WHOLE;
	err_print(stderr, &res->first);
	if (res->damaged > 1)
		fprintf(stderr, "trace-cmd: and %llu more places that are damaged\n",
			(unsigned long long)(res->damaged - 1));
	return EXIT_LOSSES;
}

static int run_report(const struct command *self, int argc, char **argv)
{
	struct report_ctx c = { .loglevel = TEP_LOG_CRITICAL };
	struct report_result res = { 0 };
	struct err e = { 0 };
	int status = parse(self, &c, argc, argv), rc;
	char *buffer;

	if (status >= 0) {
		report_plan_free(&c.plan);
		return status;
	}
	signal(SIGPIPE, SIG_IGN);
	buffer = malloc(OUT_BUFFER); /* is stdout's until the end of the process */
	if (buffer)
		setvbuf(stdout, buffer, _IOFBF, OUT_BUFFER);
	tep_set_loglevel((enum tep_loglevel)c.loglevel);
	rc = report_run(&c.plan, stdout, stderr, &res, &e);
	status = say_result(&c, &res, rc, &e);
	report_plan_free(&c.plan);
	return status;
}

const struct command cmd_report = {
	.name = "report",
	.args = "[-i FILE]... [OPTION]... [FILE]",
	.summary = "print the events of trace.dat files",
	.opts = report_opts,
	.nopts = ARRAY_SIZE(report_opts),
	.run = run_report,
};
