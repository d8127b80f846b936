// SPDX-License-Identifier: GPL-2.0
/*
 * trace-stop.c - the stop, restart and clear commands: one write to each of some buffers
 *
 * Theory of operation
 *
 * All three take the same choice of buffers (tracing/picks.h) and do one thing to each. An error in
 * one buffer does not keep the others from being stopped.
 */
#include "trace-cmd.h"

#include <errno.h>

#include "tracing/picks.h"

typedef int (*buffer_work)(const struct tracefs *t, struct err *e);

static int write_on(const struct tracefs *t, const char *text, struct err *e)
{
	return tfs_append(t, "tracing_on", text, e);
}

static int stop(const struct tracefs *t, struct err *e)
{
	return write_on(t, "0", e);
}

static int restart(const struct tracefs *t, struct err *e)
{
	return write_on(t, "1", e);
}

static int clear(const struct tracefs *t, struct err *e)
{
	return tfs_truncate(t, "trace", e);
}

static int work_on(struct picks *p, buffer_work work, struct err *e)
{
	struct tracefs *top = tfs_open(NULL, e);
	int ret = top ? picks_open(p, top, e) : -e->code;

	for (size_t i = 0; !e->code && i < p->n; i++) {
		struct err one = { 0 };

		if (work(p->pick[i].t, &one) && !ret) {
			ret = -one.code;
			err_print(stderr, &one);
		}
	}
	if (e->code)
		err_print(stderr, e);
	tfs_close(top);
	return ret;
}

static int run(const struct command *self, int argc, char **argv, buffer_work work, bool all_top)
{
	struct picks p = { 0 };
	struct err e = { 0 };
	int rest, status = opts_begin(self, &p, argc, argv, &rest);

	if (status < 0 && rest < argc) {
		err_say(&e, EINVAL, "%s: '%s' is no option", self->name, argv[rest]);
		err_hint(&e, "-B %s", argv[rest]);
		err_print(stderr, &e);
		status = EXIT_USAGE;
	}
	if (p.all && all_top)
		p.top = true;
	if (status < 0)
		status = work_on(&p, work, &e) ? EXIT_FAILED : EXIT_WHOLE;
	picks_free(&p);
	return status;
}

static int run_stop(const struct command *self, int argc, char **argv)
{
	return run(self, argc, argv, stop, false);
}

static int run_restart(const struct command *self, int argc, char **argv)
{
	return run(self, argc, argv, restart, false);
}

static int run_clear(const struct command *self, int argc, char **argv)
{
	return run(self, argc, argv, clear, true);
}

static const struct opt opts[] = { PICK_OPT_NAME, PICK_OPT_ALL, PICK_OPT_TOP };

static const struct opt clear_opts[] = {
	PICK_OPT_NAME,
	{ 'a', NULL, NULL, "all buffers and the top one", pick_opt_all },
};

const struct command cmd_stop = {
	.name = "stop",
	.args = "[OPTIONS]",
	.summary = "stop writing into the ring buffer, after 'start'",
	.details = "Events and tracers stay on: 'trace-cmd restart' goes on, and\n"
		   "'trace-cmd reset' switches all off.\n",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.run = run_stop,
};

const struct command cmd_restart = {
	.name = "restart",
	.args = "[OPTIONS]",
	.summary = "go on writing into the ring buffer, after 'stop'",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.run = run_restart,
};

const struct command cmd_clear = {
	.name = "clear",
	.args = "[OPTIONS]",
	.summary = "empty the ring buffer",
	.opts = clear_opts,
	.nopts = ARRAY_SIZE(clear_opts),
	.run = run_clear,
};
