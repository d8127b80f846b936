// SPDX-License-Identifier: GPL-2.0
/*
 * trace-check-events.c - the check-events command: can the event formats of this machine be parsed?
 *
 * Theory of operation
 *
 * report/events.c parses them and names those that failed; here is the exit status: 1 when there
 * is one.
 */
#include "trace-cmd.h"

#include <errno.h>

#include "report/events.h"

struct check_ctx {
	bool no_plugins, verbose;
};

#define AT(member) .off = offsetof(struct check_ctx, member)

static const struct opt check_opts[] = {
	{ 'N', NULL, NULL, "load no plugins", opt_set_flag, AT(no_plugins) },
	{ 'v', "verbose", NULL, "the number of events, and the print format of those that failed",
	  opt_set_flag, AT(verbose) },
};

/* --verbose=LEVEL of stock: a level above warnings is our --verbose. */
static void take_levels(int argc, char **argv)
{
	static char plain[] = "--verbose";

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strncmp(argv[i], "--verbose=", 10))
			argv[i] = plain;
}

static int check_events(const struct command *self, int argc, char **argv)
{
	struct events_checked res = { 0 };
	struct check_ctx c = { 0 };
	struct err e = { 0 };
	struct tracefs *t;
	int rest, status;

	take_levels(argc, argv);
	status = opts_begin(self, &c, argc, argv, &rest);
	if (status >= 0)
		return status;
	if (rest < argc) {
		err_say(&e, EINVAL, "check-events takes no '%s'", argv[rest]);
		err_print(stderr, &e);
		return EXIT_USAGE;
	}
	t = tfs_open(NULL, &e);
	if (!t || events_check(t, c.no_plugins, c.verbose, stdout, &res, &e))
		err_print(stderr, &e);
	else if (c.verbose)
		printf("%llu events, %llu of them cannot be parsed\n",
		       (unsigned long long)res.events, (unsigned long long)res.bad);
	tfs_close(t);
	return e.code || res.bad ? EXIT_FAILED : EXIT_WHOLE;
}

const struct command cmd_check_events = {
	.name = "check-events",
	.args = "[OPTIONS]",
	.summary = "parse the formats of all events of this machine",
	.details = "It prints the events whose format cannot be parsed.\n"
		   "Exit status: 0 all can be parsed, 1 some cannot, 2 usage.\n",
	.opts = check_opts,
	.nopts = ARRAY_SIZE(check_opts),
	.run = check_events,
};
