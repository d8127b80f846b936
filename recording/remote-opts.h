/* SPDX-License-Identifier: GPL-2.0 */
/*
 * remote-opts.h - record's options for guests: -A and what stands behind it
 *
 * What follows -A NAME up to the next -A or the command belongs to that guest and is sent to its
 * agent. The rows of the option table say what is an option, and so where the command begins.
 */
#ifndef RECORDING_REMOTE_OPTS_H
#define RECORDING_REMOTE_OPTS_H

#include "base/opt.h"
#include "tracing/plan.h"
#include "tracing/tracefs.h"

/* One -A. */
struct remote_wish {
	const char *at;	      /* as typed: a name or an address; borrowed from the command line */
	const char *name;     /* --name, NULL = as @at says */
	struct names args;    /* for the agent: what follows "record" */
	bool virtio_trace;    /* its agent is the kernel tree's: it hears only start and stop */
	const char *metadata; /* for .virtio_trace: a path, NULL = none; borrowed */
	const char *clock;    /* for .virtio_trace: its -C, NULL = not given; borrowed from .args */
};

struct remote_wishes {
	struct remote_wish **list; /* owned, and each of them */
	size_t n;
	const char *interval; /* --tsync-interval as typed, NULL = not given */
	int64_t interval_ms;  /* between two rounds; 0 = none in between, < 0 = no time sync at all
			       */
};

/* Rows of the option table; .off is that of a struct remote_wishes. */
int remote_opt_guest(void *ctx, const struct opt *o, const char *val, struct err *e);
int remote_opt_name(void *ctx, const struct opt *o, const char *val, struct err *e);
int remote_opt_interval(void *ctx, const struct opt *o, const char *val, struct err *e);
int remote_opt_virtio_trace(void *ctx, const struct opt *o, const char *val, struct err *e);
int remote_opt_metadata(void *ctx, const struct opt *o, const char *val, struct err *e);

/* clang-format off */
#define REMOTE_OPTS(off_)                                                                          \
	{ 'A', NULL, "GUEST", "record this guest too; options behind it are the guest's",          \
	  remote_opt_guest, off_ },                                                                \
	{ 0, "name", "NAME", "behind -A: the name of the guest, for its file and the report",      \
	  remote_opt_name, off_ },                                                                 \
	{ 0, "virtio-trace", NULL, "behind -A: its agent is the kernel tree's, of virtio-trace",	   \
	  remote_opt_virtio_trace, off_ },                                                         \
	{ 0, "metadata", "PATH",                                                                   \
	  "behind --virtio-trace: the guest's trace.dat, or its tracefs copied",                     \
	  remote_opt_metadata, off_, "file" },                                                     \
	{ 0, "tsync-interval", "MS", "compare the clocks of guests this often (1000); 0, -1",      \
	  remote_opt_interval, off_ }
/* clang-format on */

/*
 * opts_begin() with @cmd's table, where the setters behind an -A are not called, but the words are
 * kept in @w, which is a member of @ctx.
 */
int remote_opts_begin(const struct command *cmd, void *ctx, struct remote_wishes *w, int argc,
		      char **argv, int *rest);
void remote_wishes_free(struct remote_wishes *w);

/*
 * One clock for all: the plan's -C, else the best of this kernel for comparing machines. Buffers of
 * @plan without a clock get it, and so do the guests. -EINVAL: a guest's -C is another one.
 * *clock is borrowed from @plan.
 */
int remote_clock(struct trace_plan *plan, struct remote_wishes *w, const char **clock,
		 struct err *e);

#endif
