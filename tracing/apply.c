// SPDX-License-Identifier: GPL-2.0
/*
 * apply.c - a plan becomes the state of the kernel, and goes away again
 *
 * Theory of operation
 *
 * A table of steps, each run over all buffers before the next one, every write through the journal
 * (tracing/undo.h). First everything is made quiet: tracing off, the events that somebody left on
 * remembered and switched off, tracer nop. Then what empties or resizes the rings (clock, size),
 * then options, rules and switches of events, pids, and the tracer last. Nothing records until
 * trace_on().
 *
 * A plan that adds (.adding) leaves alone what it does not name: the steps that make quiet or take
 * away what others left do nothing then.
 *
 * A start is paid for in accesses to tracefs, so: a file that says the right thing already is not
 * written; a system is switched by its one file; formats are not read (tracing/meta.c does that
 * while tracing runs).
 */
#include "tracing/apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tracing/apply_local.h"
#include "tracing/holders.h"
#include "tracing/meta.h"
#include "tracing/pages.h"
#include "tracing/reset.h"

struct applied {
	struct undo *undo;
	struct applied_buffer *b;
	size_t n;
};

static int step_off(struct applied_buffer *b, struct err *e)
{
	return b->whole->adding ? 0 : undo_write(b->undo, b->t, "tracing_on", "0", e);
}

/* What others left on. set_event lists the events, and is emptied by one open(). */
static int step_quiet(struct applied_buffer *b, struct err *e)
{
	int ret = b->whole->adding ? 0 : undo_write(b->undo, b->t, "set_event", "", e);

	return ret || b->whole->adding ? ret
				       : undo_write(b->undo, b->t, "current_tracer", "nop", e);
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if ((at == text || strchr(" [", at[-1])) && strchr(" ]\n", at[len]))
			return true;
	return false;
}

static int step_clock(struct applied_buffer *b, struct err *e)
{
	struct buf text = { 0 };
	int ret = tfs_read(b->t, "trace_clock", &text, e);

	if (!ret && b->plan->clock && !has_word((char *)text.data, b->plan->clock)) {
		err_say(e, EINVAL, "this kernel has no clock '%s'", b->plan->clock);
		ret = hint_word(b->t, "trace_clock", b->plan->clock, "-C",
				"'trace-cmd list -C' lists all", e);
	}
	if (!ret && b->plan->clock)
		ret = undo_write(b->undo, b->t, "trace_clock", b->plan->clock, e);
	if (!ret && (b->plan->clock ? snprintf(b->clock, sizeof(b->clock), "%s", b->plan->clock) < 0
				    : tfs_bracketed((char *)text.data, b->clock, sizeof(b->clock))))
		ret = err_say(e, EPROTO, "%s/trace_clock does not say which clock is used",
			      tfs_path(b->t));
	buf_free(&text);
	return ret;
}

static int step_size(struct applied_buffer *b, struct err *e)
{
	char kb[24];
	int ret;

	if (!b->plan->size_kb)
		return 0;
	snprintf(kb, sizeof(kb), "%llu", (unsigned long long)b->plan->size_kb);
	ret = undo_write(b->undo, b->t, "buffer_size_kb", kb, e);
	if (ret == -ENOMEM)
		err_hint(e, "a smaller -b: it is in KiB, and for each CPU");
	return ret;
}

static int step_cpumask(struct applied_buffer *b, struct err *e)
{
	struct buf all = { 0 };
	const char *mask = b->plan->cpumask;
	int ret = 0;

	if (mask && !strcmp(mask, "-1")) {
		ret = pages_mask(b->t, &all, e);
		mask = (char *)all.data;
	}
	if (!ret && mask)
		ret = undo_write(b->undo, b->t, "tracing_cpumask", mask, e);
	if (ret == -EOVERFLOW || ret == -EINVAL)
		err_hint(e, "-M -1 means all CPUs; -M 5 means CPUs 0 and 2");
	buf_free(&all);
	return ret;
}

/* 1 = there is no such option now (some come with their tracer); else 0 or a negative errno. */
static int set_option(struct undo *u, const struct tracefs *t, const char *option, struct err *e)
{
	char file[512];
	int ret = path_fmt(file, sizeof(file), e, "options/%s", option);

	if (!ret && tfs_has(t, file))
		return undo_write(u, t, file, "1", e);
	if (strncmp(option, "no", 2))
		return ret ? ret : 1;
	ret = path_fmt(file, sizeof(file), e, "options/%s", option + 2);
	if (!ret && tfs_has(t, file))
		return undo_write(u, t, file, "0", e);
	return ret ? ret : 1;
}

/* -d, -D. Top buffer only: ftrace_enabled is one for all, also for users beyond tracefs. */
static int step_no_functions(struct applied_buffer *b, struct err *e)
{
	enum plan_functions how = b->whole->functions;
	bool option = tfs_has(b->t, "options/function-trace");
	int ret = 0;

	if (how == PLAN_FUNCTIONS_ON)
		return 0;
	if (option)
		ret = undo_write(b->undo, b->t, "options/function-trace", "0", e);
	if (ret || tfs_name(b->t)[0] || (option && how == PLAN_FUNCTIONS_OFF))
		return ret;
	if (!tfs_has(b->t, FTRACE_ENABLED)) /* absolute; no function tracer, so nothing to do */
		return 0;
	ret = undo_write(b->undo, b->t, FTRACE_ENABLED, "0", e);
	if (!ret)
		return 0;
	err_set(e, -ret, "-D: cannot write 0 to " FTRACE_ENABLED);
	if (option)
		err_hint(e, "-d, which keeps only our tracers from tracing functions");
	return ret;
}

static int step_cmdlines(struct applied_buffer *b, struct err *e)
{
	char text[24];

	if (!b->whole->cmdlines || tfs_name(b->t)[0])
		return 0;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)b->whole->cmdlines);
	return undo_write(b->undo, b->t, "saved_cmdlines_size", text, e);
}

static int step_options(struct applied_buffer *b, struct err *e)
{
	int ret = b->plan->stacktrace ? undo_write(b->undo, b->t, "options/stacktrace", "1", e) : 0;

	for (size_t i = 0; ret >= 0 && i < b->plan->options.n; i++)
		ret = set_option(b->undo, b->t, b->plan->options.text[i], e);
	return ret < 0 ? ret : 0;
}

int trace_option(struct undo *u, const struct tracefs *t, const char *option, struct err *e)
{
	int ret = set_option(u, t, option, e);

	if (ret <= 0)
		return ret;
	err_say(e, EINVAL, "this kernel has no trace option '%s'", option);
	return hint_word(t, "trace_options", option, "-O", "'trace-cmd list -o' lists all", e);
}

/* Those that came with the tracer. */
static int step_late_options(struct applied_buffer *b, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < b->plan->options.n; i++)
		ret = trace_option(b->undo, b->t, b->plan->options.text[i], e);
	return ret;
}

static int write_pids(const struct applied_buffer *b, const char *file, pid_t more, struct err *e)
{
	struct buf text = { 0 };
	int ret = 0;

	for (size_t i = 0; !ret && i < b->plan->npids; i++)
		ret = buf_addf(&text, "%s%d", text.len ? "\n" : "", (int)b->plan->pids[i]);
	if (!ret && more)
		ret = buf_addf(&text, "%s%d", text.len ? "\n" : "", (int)more);
	if (ret || buf_text(&text))
		ret = err_set(e, ENOMEM, "no memory for the list of pids");
	else
		ret = undo_write(b->undo, b->t, file, (char *)text.data, e);
	buf_free(&text);
	return ret;
}

static int follow_forks(const struct applied_buffer *b, const char *option, struct err *e)
{
	if (!b->whole->follow)
		return 0;
	if (tfs_has(b->t, option))
		return undo_write(b->undo, b->t, option, "1", e);
	err_say(e, ENOTSUP, "-c: this kernel cannot follow children (it has no %s)", option);
	return err_hint(e, "record without -c, or a kernel from 4.7 on");
}

/* @more: one besides those of the plan, 0 = none. */
static int restrict_to(const struct applied_buffer *b, pid_t more, struct err *e)
{
	int ret = 0;

	if (b->plan->nevents || b->whole->adding)
		ret = write_pids(b, "set_event_pid", more, e);
	if (!ret && (b->plan->nevents || b->whole->adding))
		ret = follow_forks(b, "options/event-fork", e);
	if (ret || !is_function_tracer(b->plan->tracer))
		return ret;
	ret = write_pids(b, "set_ftrace_pid", more, e);
	return ret ? ret : follow_forks(b, "options/function-fork", e);
}

/* What others left in the pid files would hide events from us, so they are emptied too. */
static int step_pids(struct applied_buffer *b, struct err *e)
{
	if (b->plan->npids)
		return restrict_to(b, 0, e);
	return b->plan->nevents && !b->whole->adding && tfs_has(b->t, "set_event_pid")
		       ? undo_write(b->undo, b->t, "set_event_pid", "", e)
		       : 0;
}

/* Records or losses of an earlier recording; the kernel's counters go into the file as they are. */
static bool has_past(const struct tracefs *t, uint32_t cpu)
{
	struct cpu_stats s;

	return cpu_stats_read(t, cpu, &s, NULL) || s.entries || s.overrun || s.commit_overrun ||
	       s.dropped;
}

/* What is old is not of this recording; clearing takes a while, looking does not. */
static int step_clear(struct applied_buffer *b, struct err *e)
{
	struct cpu_list cpus = { 0 };
	bool old = false;
	int ret = b->whole->adding ? 0 : pages_cpus(b->t, &cpus, e);

	for (size_t i = 0; !ret && !old && i < cpus.n; i++)
		old = has_past(b->t, cpus.cpu[i]);
	cpu_list_free(&cpus);
	return !ret && old ? tfs_truncate(b->t, "trace", e) : ret;
}

static int (*const steps[])(struct applied_buffer *b, struct err *e) = {
	step_off,	   step_quiet,		 step_clock,   step_size,	  step_cpumask,
	step_no_functions, step_cmdlines,	 step_options, apply_event_rules, apply_functions,
	step_pids,	   apply_event_switches, apply_tracer, step_late_options, step_clear,
};

static int open_buffers(struct applied *a, const struct trace_plan *plan, struct tracefs *top,
			struct err *e)
{
	a->b = calloc(plan->nbuffers, sizeof(*a->b));
	if (!a->b)
		return err_set(e, ENOMEM, "no memory for the recording");
	for (size_t i = 0; i < plan->nbuffers; i++) {
		struct applied_buffer *b = &a->b[a->n++];

		b->plan = &plan->buffers[i];
		b->whole = plan;
		b->undo = a->undo;
		b->t = i ? undo_instance(a->undo, top, b->plan->name, e) : top;
		if (!b->t)
			return e ? -e->code : -EIO;
	}
	return 0;
}

static int run_steps(struct applied *a, struct err *e)
{
	for (size_t s = 0; s < ARRAY_SIZE(steps); s++) {
		for (size_t i = 0; i < a->n; i++) {
			int ret = steps[s](&a->b[i], e);

			if (!ret)
				continue;
			if (ret == -EBUSY)
				hint_holders(a->b[i].t, NULL, e);
			if (i)
				err_prefix(e, "buffer %s", a->b[i].plan->name);
			return ret;
		}
	}
	return 0;
}

/* -v -B, last: this alone cannot be put back. */
static int remove_instances(const struct trace_plan *plan, const struct tracefs *top, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < plan->removed.n; i++) {
		struct tracefs *t = tfs_open_instance(top, plan->removed.text[i], e);

		ret = t ? reset_remove(top, t, e) : -ENOENT;
		tfs_close(t);
		if (t)
			continue;
		err_say(e, ENOENT, "-v -B: there is no buffer '%s'", plan->removed.text[i]);
		err_hint(e, "'trace-cmd list -B' lists all");
	}
	return ret;
}

struct applied *trace_apply(const struct trace_plan *plan, struct tracefs *top, struct err *e)
{
	struct applied *a = calloc(1, sizeof(*a));
	struct err local = { 0 };
	int ret;

	if (!e)
		e = &local;
	if (!a) {
		err_set(e, ENOMEM, "no memory for the recording");
		return NULL;
	}
	a->undo = undo_new(e);
	ret = a->undo ? open_buffers(a, plan, top, e) : -ENOMEM;
	if (!ret)
		ret = run_steps(a, e);
	if (!ret)
		ret = remove_instances(plan, top, e);
	if (!ret)
		return a;
	applied_free(a);
	return NULL;
}

static int switch_tracing(struct applied *a, const char *to, struct err *e)
{
	int first = 0;

	for (size_t i = a->n; a->undo && i-- > 0;) {
		struct err one = { 0 };
		int ret = undo_write(a->undo, a->b[i].t, "tracing_on", to, &one);

		if (ret && !first) {
			first = ret;
			if (e)
				*e = one;
		}
	}
	return first;
}

int trace_off(struct applied *a, struct err *e)
{
	return switch_tracing(a, "0", e);
}

int trace_only_pid(struct applied *a, pid_t pid, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < a->n; i++)
		ret = restrict_to(&a->b[i], pid, e);
	return ret;
}

/* One more pid: writing the whole list again would cost the kernel a grace period for each. */
static int hide_in(const struct applied_buffer *b, const char *file, pid_t tid, struct err *e)
{
	char text[24];
	int ret;

	if (!tfs_has(b->t, file))
		return 0;
	ret = undo_remember(b->undo, b->t, file, e);
	snprintf(text, sizeof(text), "%d\n", (int)tid);
	return ret ? ret : tfs_append(b->t, file, text, e);
}

int trace_hide(struct applied *a, pid_t tid, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < a->n; i++)
		if (!a->b[i].whole->trace_self && a->b[i].plan->nevents)
			ret = hide_in(&a->b[i], "set_event_notrace_pid", tid, e);
	return ret;
}

int trace_on(struct applied *a, struct err *e)
{
	int ret = switch_tracing(a, "1", e);

	/* Afterwards: it takes longer than all the rest, and hides only ourselves. */
	return ret ? ret : trace_hide(a, getpid(), e);
}

int trace_undo(struct applied *a, struct err *e)
{
	return a->undo ? undo_all(a->undo, e) : 0;
}

static void forget_refs(struct applied *a)
{
	for (size_t i = 0; a->b && i < a->n; i++) {
		event_refs_free(&a->b[i].on);
		event_refs_free(&a->b[i].off);
	}
	a->n = 0;
}

void trace_keep(struct applied *a)
{
	forget_refs(a);
	undo_free(a->undo); /* closes the handles too */
	a->undo = NULL;
}

void applied_free(struct applied *a)
{
	if (!a)
		return;
	if (a->undo)
		undo_all(a->undo, NULL);
	undo_free(a->undo);
	forget_refs(a);
	free(a->b);
	free(a);
}

size_t applied_nbuffers(const struct applied *a)
{
	return a->n;
}

struct tracefs *applied_buffer(const struct applied *a, size_t i)
{
	return a->b[i].t;
}

const char *applied_clock(const struct applied *a, size_t i)
{
	return a->b[i].clock;
}
