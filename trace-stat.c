// SPDX-License-Identifier: GPL-2.0
/*
 * trace-stat.c - the stat command: what tracing is set to
 *
 * Theory of operation
 *
 * The text of a buffer is made by tracing/status.c; here each goes behind its name, with a line
 * between two.
 */
#include "trace-cmd.h"

#include <errno.h>

#include "tracing/picks.h"
#include "tracing/status.h"

struct stat_ctx {
	struct picks picks;
	bool options;
};

static const struct opt stat_opts[] = {
	PICK_OPT_NAME,
	{ 't', NULL, NULL, "the top buffer too, with -B", pick_opt_top },
	{ 'o', NULL, NULL, "all trace options, with \"no\" before those that are off", opt_set_flag,
	  offsetof(struct stat_ctx, options) },
};

static int show(struct stat_ctx *c, struct err *e)
{
	struct tracefs *top = tfs_open(NULL, e);
	int ret = top ? picks_open(&c->picks, top, e) : -e->code;

	for (size_t i = 0; !ret && i < c->picks.n; i++) {
		const struct pick *p = &c->picks.pick[i];
		struct buf text = { 0 };

		ret = tracing_status(p->t, c->options, &text, e);
		if (!ret && i)
			puts("---------------");
		if (!ret && p->name[0])
			printf("Instance: %s\n", p->name);
		if (!ret)
			fwrite(text.data, 1, text.len, stdout);
		buf_free(&text);
	}
	tfs_close(top);
	return ret;
}

static int run_stat(const struct command *self, int argc, char **argv)
{
	struct stat_ctx c = { 0 };
	struct err e = { 0 };
	int rest, status = opts_begin(self, &c, argc, argv, &rest);

	if (status < 0 && rest < argc) {
		err_say(&e, EINVAL, "stat: '%s' is no option", argv[rest]);
		err_hint(&e, "-B %s", argv[rest]);
		status = EXIT_USAGE;
	}
	if (status < 0)
		status = show(&c, &e) ? EXIT_FAILED : EXIT_WHOLE;
	if (e.code) {
		fflush(stdout);
		err_print(stderr, &e);
	}
	picks_free(&c.picks);
	return status;
}

const struct command cmd_stat = {
	.name = "stat",
	.args = "[OPTIONS]",
	.summary = "what tracing is set to on this machine",
	.opts = stat_opts,
	.nopts = ARRAY_SIZE(stat_opts),
	.run = run_stat,
};
