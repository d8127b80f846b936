// SPDX-License-Identifier: GPL-2.0
/*
 * trace-reset.c - the reset command: switch all tracing off, as after boot
 *
 * Theory of operation
 *
 * What a buffer is reset to is in tracing/reset.c; here is which buffers, and what -b and -d say of
 * the one before them. Every buffer is done, also after an error in another one. Instances go
 * before the top buffer, whose dynamic events (kprobes) cannot be removed while an instance has
 * them on.
 */
#include "trace-cmd.h"

#include <errno.h>

#include "tracing/picks.h"
#include "tracing/reset.h"

enum { MAX_SIZE_KB = 1 << 30 };

static int set_size(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	return parse_u64(val, 1, MAX_SIZE_KB, &picks_rule(ctx)->size_kb, "-b (KiB for each CPU)",
			 e);
}

static int set_remove(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct picks *p = ctx;

	(void)o, (void)val;
	if (p->last == PICK_TOP) {
		err_say(e, EINVAL, "-d: the top buffer cannot be removed");
		return err_hint(e, "-B NAME -d, or -a -d; the order counts");
	}
	picks_rule(p)->remove = true;
	return 0;
}

static const struct opt reset_opts[] = {
	PICK_OPT_NAME,
	PICK_OPT_ALL,
	PICK_OPT_TOP,
	{ 'b', NULL, "KB", "size of the ring of the buffer before it, in KiB for each CPU",
	  set_size },
	{ 'd', NULL, NULL, "remove the buffer of the -B, or those of the -a, before it",
	  set_remove },
};

static int reset_one(const struct tracefs *top, const struct pick *pick, struct err *e)
{
	bool is_top = !pick->name[0];
	int ret = tracing_reset(pick->t, pick->rule.size_kb, e);

	if (is_top && reset_ftrace_enabled(NULL, ret ? NULL : e) && !ret)
		ret = -e->code;
	if (!pick->rule.remove)
		return ret;
	/* What was refused does not matter any more when the buffer is gone. */
	err_clear(e);
	return reset_remove(top, pick->t, e);
}

static int reset_all(struct picks *p)
{
	struct err e = { 0 };
	struct tracefs *top = tfs_open(NULL, &e);
	int failed = !top || picks_open(p, top, &e);

	if (failed)
		err_print(stderr, &e);
	for (size_t i = failed ? 0 : p->n; i-- > 0;) {
		struct err one = { 0 };

		if (!reset_one(top, &p->pick[i], &one))
			continue;
		err_print(stderr, &one);
		failed = 1;
	}
	tfs_close(top);
	return failed ? EXIT_FAILED : EXIT_WHOLE;
}

static int reset(const struct command *self, int argc, char **argv)
{
	struct picks p = { 0 };
	struct err e = { 0 };
	int rest, status = opts_begin(self, &p, argc, argv, &rest);

	if (status < 0 && rest < argc) {
		err_say(&e, EINVAL, "reset: '%s' is no option", argv[rest]);
		err_hint(&e, "-B %s", argv[rest]);
		err_print(stderr, &e);
		status = EXIT_USAGE;
	}
	if (status < 0)
		status = reset_all(&p);
	picks_free(&p);
	return status;
}

const struct command cmd_reset = {
	.name = "reset",
	.args = "[OPTIONS]",
	.summary = "switch all tracing off and forget its settings",
	.details = "Without -B and -a: of the top buffer. The order of the options counts.\n",
	.opts = reset_opts,
	.nopts = ARRAY_SIZE(reset_opts),
	.run = reset,
};
