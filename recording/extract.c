// SPDX-License-Identifier: GPL-2.0
/*
 * extract.c - what is in the ring buffers of this machine now
 *
 * Theory of operation
 *
 * A recording without its middle: tracing is switched off and not on, so the pumps of
 * recording/rings.c find all pages there, the half-filled ones too, and end at once. Then the rings
 * are cleared: there is nothing in them any more, but the kernel's counters of lost events begin
 * anew, and the next extraction does not tell the same losses again. A snapshot stands still by
 * itself: nothing is switched off for it.
 *
 * The text of a latency tracer is read, not taken: it stays until the tracer is reset.
 *
 * What is written to tracefs goes through the journal (tracing/undo.h). The work is short, so
 * signals wait until it is done, and nothing is left half way.
 */
#include "recording/extract.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "recording/extras.h"
#include "recording/rings.h"
#include "tracing/apply.h"

struct extraction {
	const struct extract_opts *opts;
	struct extract_result *result;
	struct rings rings;
	struct names names;	    /* of the instances */
	struct tracefs **instances; /* owned handles, as .names */
	struct extras *extras;
	struct undo *undo;
	bool taken; /* from here on the pages are ours: the parts stay */
	struct err *err;
};

static bool has_name(const struct names *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->name[i], name))
			return true;
	return false;
}

/* The instances of the command line in its order, then, with -a, all others. */
static int find_names(struct extraction *x)
{
	const struct trace_plan *plan = x->opts->plan;
	struct names there = { 0 };
	int ret = 0;

	for (size_t i = 1; !ret && i < plan->nbuffers; i++)
		if (!has_name(&x->names, plan->buffers[i].name))
			ret = names_add(&x->names, plan->buffers[i].name);
	if (!ret && x->opts->all && tfs_has(x->rings.top, "instances"))
		ret = tfs_dirs(x->rings.top, "instances", &there, x->err);
	for (size_t i = 0; !ret && i < there.n; i++)
		if (!has_name(&x->names, there.name[i]))
			ret = names_add(&x->names, there.name[i]);
	names_free(&there);
	if (!ret && x->names.n >= RINGS_MAX_BUFFERS)
		ret = err_say(x->err, E2BIG, "%zu buffers; %d are possible", x->names.n + 1,
			      RINGS_MAX_BUFFERS);
	return ret == -ENOMEM ? err_set(x->err, ENOMEM, "no memory for the names") : ret;
}

static int open_instances(struct extraction *x)
{
	struct rings *r = &x->rings;

	x->instances = calloc(x->names.n + 1, sizeof(struct tracefs *));
	if (!x->instances)
		return err_set(x->err, ENOMEM, "no memory for %zu buffers", x->names.n);
	for (size_t i = 0; i < x->names.n; i++) {
		x->instances[i] = tfs_open_instance(r->top, x->names.name[i], x->err);
		if (!x->instances[i]) {
			if (x->err->code == ENOENT)
				err_say(x->err, ENOENT, "there is no buffer '%s'",
					x->names.name[i]);
			return err_hint(x->err, "'trace-cmd list -B' lists all");
		}
		r->names[r->nbuffers] = x->names.name[i];
		r->buffers[r->nbuffers++] = x->instances[i];
	}
	return 0;
}

static int open_buffers(struct extraction *x)
{
	struct rings *r = &x->rings;
	int ret;

	r->dest = x->opts->dest;
	r->version = x->opts->version;
	r->snapshot = x->opts->snapshot;
	r->names[0] = "";
	r->nbuffers = 1;
	ret = rings_open(r, x->err);
	if (!ret)
		ret = find_names(x);
	if (!ret)
		ret = open_instances(x);
	if (!ret && x->opts->all && r->nbuffers == 1 && !x->opts->top) {
		err_say(x->err, ENOENT, "-a: there are no buffers but the top one");
		return err_hint(x->err, "-t extracts that, and so does extract without -a");
	}
	if (r->nbuffers == 1 || x->opts->top)
		r->buffers[0] = r->top;
	return ret;
}

static int put_extras(void *ctx, struct buf *tail, struct err *e)
{
	struct extraction *x = ctx;

	return extras_put(x->extras, tail, e);
}

/* Before anything stands still: the date takes a while, and has a buffer of its own. */
static int begin_extras(struct extraction *x)
{
	char clock[32];
	struct extras_opts o = { .date = x->opts->date,
				 .ts_offset = x->opts->ts_offset,
				 .clock = clock };
	size_t b = x->rings.buffers[0] ? 0 : 1;
	int ret;

	if (!o.date && !o.ts_offset)
		return 0;
	ret = tfs_clock(x->rings.buffers[b], clock, sizeof(clock), x->err);
	if (ret)
		return ret;
	x->extras = extras_begin(&o, x->rings.top, x->err);
	x->rings.more = put_extras;
	x->rings.more_ctx = x;
	return x->extras ? 0 : -x->err->code;
}

static int open_dest(struct extraction *x)
{
	return rings_open_dest(&x->rings, x->err);
}

static int pause_tracing(struct extraction *x)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < x->rings.nbuffers; i++)
		if (x->rings.buffers[i] && !x->rings.snapshot)
			ret = undo_write(x->undo, x->rings.buffers[i], "tracing_on", "0", x->err);
	return ret;
}

static int take_pages(struct extraction *x)
{
	int ret = rings_open_sources(&x->rings, x->err);

	if (!ret && x->opts->dest->ops->early_head)
		ret = rings_collect_head(&x->rings, x->err);
	if (!ret)
		ret = rings_begin_dest(&x->rings, x->err);
	if (ret)
		return ret;
	x->taken = true;
	ret = rings_start(&x->rings, NSEC_PER_SEC, x->err);
	if (!ret)
		ret = rings_send_head(&x->rings, x->err);
	rings_join(&x->rings, RINGS_PATIENCE_S * NSEC_PER_SEC);
	return ret;
}

static int finish(struct extraction *x)
{
	return rings_finish(&x->rings, &x->result->totals, false, x->err);
}

static int clear_rings(struct extraction *x)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < x->rings.nbuffers; i++)
		if (x->rings.buffers[i] && !x->rings.snapshot)
			ret = tfs_truncate(x->rings.buffers[i], "trace", x->err);
	return ret;
}

static int store_text(struct extraction *x)
{
	const struct text_list *options = &x->opts->plan->buffers[0].options;
	size_t b = x->rings.buffers[0] ? 0 : 1;
	int ret = pause_tracing(x);

	for (size_t i = 0; !ret && i < options->n; i++)
		ret = trace_option(x->undo, x->rings.buffers[b], options->text[i], x->err);
	x->result->text = true;
	return ret ? ret : rings_store_text(&x->rings, x->rings.buffers[b], x->err);
}

static int (*const page_steps[])(struct extraction *x) = {
	open_buffers, begin_extras, open_dest, pause_tracing, take_pages, finish, clear_rings, NULL,
};

static int (*const text_steps[])(struct extraction *x) = { open_buffers, store_text, NULL };

static int end(struct extraction *x, int ret)
{
	struct err later = { 0 };
	int undone;

	rings_join(&x->rings, 0);
	if (ret && !x->taken)
		rings_abandon_dest(&x->rings);
	extras_free(x->extras);
	rings_close_sources(&x->rings);
	undone = undo_all(x->undo, ret ? &later : x->err);
	undo_free(x->undo);
	for (size_t i = 0; x->instances && i < x->names.n; i++)
		tfs_close(x->instances[i]);
	free(x->instances);
	names_free(&x->names);
	rings_close(&x->rings);
	return ret ? ret : undone;
}

int extract_run(const struct extract_opts *o, struct extract_result *to, struct err *e)
{
	struct extraction x = { .opts = o, .result = to, .err = e };
	int (*const *step)(struct extraction * x) = plan_is_latency(o->plan) ? text_steps
									     : page_steps;
	sigset_t ends, before;
	int ret = 0;

	x.undo = undo_new(e);
	if (!x.undo)
		return -ENOMEM;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigaddset(&ends, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, &ends, &before);
	for (; !ret && *step; step++)
		ret = (*step)(&x);
	ret = end(&x, ret);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}
