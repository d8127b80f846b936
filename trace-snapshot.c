// SPDX-License-Identifier: GPL-2.0
/*
 * trace-snapshot.c - the snapshot command: take, reset, free or show the kernel's snapshot
 *
 * Theory of operation
 *
 * One of the three actions, or none: then the text is shown. The work is tracing/snapshot.c.
 */
#include "trace-cmd.h"

#include <errno.h>

#include "base/io.h"
#include "tracing/snapshot.h"

struct snapshot_ctx {
	bool take, reset, release;
	const char *buffer;
	int cpu;
};

static int set_cpu(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	uint64_t cpu;
	int ret = parse_u64(val, 0, INT16_MAX, &cpu, "-c", e);

	(void)o;
	((struct snapshot_ctx *)ctx)->cpu = (int)cpu;
	return ret;
}

#define AT(member) .off = offsetof(struct snapshot_ctx, member)

static const struct opt snapshot_opts[] = {
	{ 's', NULL, NULL, "take a snapshot of the running buffer", opt_set_flag, AT(take) },
	{ 'r', NULL, NULL, "empty the snapshot", opt_set_flag, AT(reset) },
	{ 'f', NULL, NULL, "free the memory of the snapshot", opt_set_flag, AT(release) },
	{ 'B', NULL, "BUFFER", "the snapshot of this buffer (instance)", opt_set_text, AT(buffer),
	  .complete = "buffer" },
	{ 'c', NULL, "CPU", "the snapshot of this CPU only", set_cpu },
};

static int act(const struct snapshot_ctx *c, const struct tracefs *t, struct err *e)
{
	if (c->take)
		return snapshot_do(t, c->cpu, SNAPSHOT_TAKE, e);
	if (c->reset)
		return snapshot_do(t, c->cpu, SNAPSHOT_RESET, e);
	if (c->release)
		return snapshot_do(t, c->cpu, SNAPSHOT_FREE, e);
	return snapshot_print(t, c->cpu, stdout, e);
}

static int act_on_buffer(const struct snapshot_ctx *c, struct err *e)
{
	struct tracefs *top = tfs_open(NULL, e), *instance = NULL;
	int ret = top ? 0 : -EIO;

	if (top && c->buffer) {
		instance = tfs_open_instance(top, c->buffer, e);
		if (!instance)
			ret = err_hint(e, "'trace-cmd list -B' lists the buffers that there are");
	}
	if (!ret)
		ret = act(c, instance ? instance : top, e);
	tfs_close(instance);
	tfs_close(top);
	return ret;
}

static int snapshot(const struct command *self, int argc, char **argv)
{
	struct snapshot_ctx c = { .cpu = SNAPSHOT_ALL_CPUS };
	struct err e = { 0 };
	int rest, status = opts_begin(self, &c, argc, argv, &rest);

	if (status >= 0)
		return status;
	status = EXIT_USAGE;
	if (rest < argc)
		err_say(&e, EINVAL, "snapshot takes no '%s'", argv[rest]);
	else if (c.take + c.reset + c.release > 1)
		err_say(&e, EINVAL, "-s, -r and -f are one at a time");
	else
		status = act_on_buffer(&c, &e) ? EXIT_FAILED : EXIT_WHOLE;
	if (e.code)
		err_print(stderr, &e);
	return status;
}

const struct command cmd_snapshot = {
	.name = "snapshot",
	.args = "[OPTIONS]",
	.summary = "take, reset, free or show the kernel's snapshot of a ring buffer",
	.details = "Without -s, -r and -f it shows what the snapshot has.\n",
	.opts = snapshot_opts,
	.nopts = ARRAY_SIZE(snapshot_opts),
	.run = snapshot,
};
