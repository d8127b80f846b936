// SPDX-License-Identifier: GPL-2.0
/*
 * plan.c - what to record, as the options of the command line say it
 *
 * Theory of operation
 *
 * The plan remembers which buffer is the current one and whether -v was seen; every setter adds to
 * that buffer. What follows -v -B NAME goes to a buffer of its own, .gone, only to be refused.
 * Nothing is looked up: whether an event, a clock or a tracer exists is for the kernel that will
 * record it to say (tracing/apply.c). Only what is wrong on any kernel is refused here.
 */
#include "tracing/plan.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { MAX_NAME = 255, MAX_LIST = 65536, MAX_SIZE_KB = 1 << 30 };

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "no memory for the recording's plan");
}

static void list_free(struct text_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->text[i]);
	free(l->text);
	*l = (struct text_list){ 0 };
}

/* An array of @n members of @size bytes gets room for one more, zeroed; NULL without memory. */
static void *grow(void *array, size_t n, size_t size)
{
	char *more = n < MAX_LIST ? realloc(array, (n + 1) * size) : NULL;

	if (more)
		memset(more + n * size, 0, size);
	return more;
}

static int list_add(struct text_list *l, const char *text, struct err *e)
{
	char **more = grow(l->text, l->n, sizeof(*more));

	if (!more)
		return no_memory(e);
	l->text = more;
	l->text[l->n] = strdup(text);
	if (!l->text[l->n])
		return no_memory(e);
	l->n++;
	return 0;
}

static int set_text(char **to, const char *text, struct err *e)
{
	char *copy = strdup(text);

	if (!copy)
		return no_memory(e);
	free(*to);
	*to = copy;
	return 0;
}

static void buffer_free(struct plan_buffer *b)
{
	for (size_t i = 0; i < b->nevents; i++) {
		free(b->events[i].pattern);
		free(b->events[i].filter);
		free(b->events[i].trigger);
	}
	free(b->events);
	free(b->name);
	free(b->tracer);
	free(b->clock);
	free(b->cpumask);
	free(b->module);
	free(b->pids);
	list_free(&b->options);
	list_free(&b->functions);
	list_free(&b->notrace);
	list_free(&b->graph);
}

static int add_buffer(struct trace_plan *p, const char *name, struct err *e)
{
	struct plan_buffer *more = grow(p->buffers, p->nbuffers, sizeof(*more));

	if (!more)
		return no_memory(e);
	p->buffers = more;
	if (set_text(&more[p->nbuffers].name, name, e))
		return -ENOMEM;
	p->now = &more[p->nbuffers++];
	return 0;
}

struct trace_plan *plan_new(struct err *e)
{
	struct trace_plan *p = calloc(1, sizeof(*p));

	if (!p || add_buffer(p, "", e)) {
		no_memory(e);
		plan_free(p);
		return NULL;
	}
	return p;
}

void plan_free(struct trace_plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nbuffers; i++)
		buffer_free(&p->buffers[i]);
	buffer_free(&p->gone);
	list_free(&p->removed);
	free(p->buffers);
	free(p);
}

static struct plan_buffer *current(struct trace_plan *p)
{
	return p->now;
}

static int need_text(const char *text, const char *option, struct err *e)
{
	if (text && text[0])
		return 0;
	return err_say(e, EINVAL, "%s: its argument is empty", option);
}

int plan_add_buffer(struct trace_plan *p, const char *name, struct err *e)
{
	int ret = need_text(name, "-B", e);

	if (ret)
		return ret;
	if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..") ||
	    strlen(name) > MAX_NAME)
		return err_say(e, EINVAL, "-B: '%s' cannot be the name of a buffer", name);
	if (p->excluding) {
		p->excluding = false;
		p->now = &p->gone;
		return list_add(&p->removed, name, e);
	}
	for (size_t i = 1; i < p->nbuffers; i++) {
		if (!strcmp(p->buffers[i].name, name)) {
			p->now = &p->buffers[i];
			return 0;
		}
	}
	return add_buffer(p, name, e);
}

int plan_add_event(struct trace_plan *p, const char *pattern, struct err *e)
{
	struct plan_buffer *b = current(p);
	struct plan_event *more;
	int ret = need_text(pattern, "-e", e);

	if (ret)
		return ret;
	if (strlen(pattern) > MAX_NAME || strstr(pattern, "..") || pattern[0] == '/')
		return err_say(e, EINVAL, "-e: '%s' cannot be the name of an event", pattern);
	more = grow(b->events, b->nevents, sizeof(*more));
	if (!more)
		return no_memory(e);
	b->events = more;
	more[b->nevents].exclude = p->excluding;
	ret = set_text(&more[b->nevents].pattern, pattern, e);
	if (!ret)
		b->nevents++;
	return ret;
}

/* The event that @option is for, or NULL. */
static struct plan_event *last_event(struct trace_plan *p, const char *option, struct err *e)
{
	struct plan_buffer *b = current(p);

	if (b->nevents)
		return &b->events[b->nevents - 1];
	err_say(e, EINVAL, "%s must come after the event that it is for", option);
	err_hint(e, "-e EVENT %s ...", option);
	return NULL;
}

int plan_set_filter(struct trace_plan *p, const char *filter, struct err *e)
{
	AUTO_FREE char *both = NULL;
	int ret = need_text(filter, "-f", e);
	struct plan_event *ev = ret ? NULL : last_event(p, "-f", e);

	if (!ev)
		return -EINVAL;
	if (!ev->filter)
		return set_text(&ev->filter, filter, e);
	/* A second -f narrows the first one down. */
	if (asprintf(&both, "(%s)&&(%s)", ev->filter, filter) < 0)
		return no_memory(e);
	return set_text(&ev->filter, both, e);
}

int plan_set_trigger(struct trace_plan *p, const char *trigger, struct err *e)
{
	AUTO_FREE char *both = NULL;
	int ret = need_text(trigger, "-R", e);
	struct plan_event *ev = ret ? NULL : last_event(p, "-R", e);

	if (!ev)
		return -EINVAL;
	if (!ev->trigger)
		return set_text(&ev->trigger, trigger, e);
	if (asprintf(&both, "%s\n%s", ev->trigger, trigger) < 0)
		return no_memory(e);
	return set_text(&ev->trigger, both, e);
}

int plan_set_exclude(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	p->excluding = true;
	return 0;
}

int plan_set_tracer(struct trace_plan *p, const char *tracer, struct err *e)
{
	struct plan_buffer *b = current(p);
	int ret = need_text(tracer, "-p", e);

	if (ret)
		return ret;
	if (b->tracer && strcmp(b->tracer, tracer)) {
		err_say(e, EINVAL, "-p %s: the tracer of this buffer is already %s", tracer,
			b->tracer);
		return err_hint(e, "a buffer has one tracer; -B NAME -p %s makes another one",
				tracer);
	}
	return set_text(&b->tracer, tracer, e);
}

int plan_set_clock(struct trace_plan *p, const char *clock, struct err *e)
{
	int ret = need_text(clock, "-C", e);

	if (!ret && !strcmp(clock, "tsc2nsec")) {
		p->tsc2nsec = true;
		clock = "x86-tsc";
	}
	return ret ? ret : set_text(&current(p)->clock, clock, e);
}

int plan_set_size(struct trace_plan *p, const char *kb, struct err *e)
{
	return parse_u64(kb, 1, MAX_SIZE_KB, &current(p)->size_kb, "-b (KiB for each CPU)", e);
}

int plan_set_cpumask(struct trace_plan *p, const char *mask, struct err *e)
{
	int ret = need_text(mask, "-M", e);

	if (ret)
		return ret;
	if (!strncmp(mask, "0x", 2))
		mask += 2;
	if (strcmp(mask, "-1") && (!mask[0] || mask[strspn(mask, "0123456789abcdefABCDEF,")])) {
		err_say(e, EINVAL, "-M: '%s' is not a CPU mask", mask);
		return err_hint(e, "hex digits: -M 5 means CPUs 0 and 2; -M -1 means all");
	}
	return set_text(&current(p)->cpumask, mask, e);
}

static int add_text(struct text_list *l, const char *text, const char *option, struct err *e)
{
	int ret = need_text(text, option, e);

	if (!ret && strchr(text, '/'))
		ret = err_say(e, EINVAL, "%s: '%s' must not have a slash", option, text);
	return ret ? ret : list_add(l, text, e);
}

int plan_add_option(struct trace_plan *p, const char *option, struct err *e)
{
	return add_text(&current(p)->options, option, "-O", e);
}

int plan_add_function(struct trace_plan *p, const char *name, struct err *e)
{
	return add_text(&current(p)->functions, name, "-l", e);
}

int plan_add_notrace(struct trace_plan *p, const char *name, struct err *e)
{
	return add_text(&current(p)->notrace, name, "-n", e);
}

int plan_add_graph(struct trace_plan *p, const char *name, struct err *e)
{
	return add_text(&current(p)->graph, name, "-g", e);
}

int plan_set_module(struct trace_plan *p, const char *name, struct err *e)
{
	int ret = need_text(name, "--module", e);

	return ret ? ret : set_text(&current(p)->module, name, e);
}

int plan_set_graph_depth(struct trace_plan *p, const char *depth, struct err *e)
{
	return parse_u64(depth, 1, INT_MAX, &current(p)->graph_depth, "--max-graph-depth", e);
}

int plan_set_stacktrace(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	current(p)->stacktrace = true;
	return 0;
}

int plan_set_func_stack(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	current(p)->func_stack = true;
	return 0;
}

static int add_pid(struct plan_buffer *b, const char *word, struct err *e)
{
	pid_t *more;
	uint64_t pid;
	int ret = parse_u64(word, 1, INT_MAX, &pid, "-P", e);

	if (ret)
		return ret;
	more = grow(b->pids, b->npids, sizeof(*more));
	if (!more)
		return no_memory(e);
	b->pids = more;
	b->pids[b->npids++] = (pid_t)pid;
	return 0;
}

int plan_add_pids(struct trace_plan *p, const char *list, struct err *e)
{
	AUTO_FREE char *copy = strdup(list ? list : "");
	char *rest = copy;
	int ret = copy ? 0 : no_memory(e);

	while (!ret && rest)
		ret = add_pid(current(p), strsep(&rest, ","), e);
	return ret;
}

int plan_set_command_only(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	p->command_only = true;
	return 0;
}

int plan_set_follow(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	p->follow = true;
	return 0;
}

int plan_set_functions_off(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	if (p->functions == PLAN_FUNCTIONS_ON)
		p->functions = PLAN_FUNCTIONS_OFF;
	return 0;
}

int plan_set_functions_none(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	p->functions = PLAN_FUNCTIONS_NONE;
	return 0;
}

int plan_set_cmdlines(struct trace_plan *p, const char *size, struct err *e)
{
	return parse_u64(size, 1, INT_MAX, &p->cmdlines, "--cmdlines-size", e);
}

int plan_set_ignore_missing(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	p->ignore_missing = true;
	return 0;
}

int plan_set_all_formats(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	p->all_formats = true;
	return 0;
}

int plan_set_no_filter(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	p->trace_self = true;
	return 0;
}

int plan_set_tsc2nsec(struct trace_plan *p, const char *none, struct err *e)
{
	(void)none, (void)e;
	p->tsc2nsec = true;
	return 0;
}

/* Was anything said about it? */
static bool is_empty(const struct plan_buffer *b)
{
	return !b->nevents && !b->tracer && !b->clock && !b->size_kb && !b->cpumask &&
	       !b->options.n && !b->functions.n && !b->notrace.n && !b->graph.n && !b->module &&
	       !b->graph_depth && !b->stacktrace && !b->func_stack && !b->npids;
}

static int check_removed(const struct trace_plan *p, struct err *e)
{
	if (!is_empty(&p->gone)) {
		err_say(e, EINVAL, "-v -B removes a buffer, and an option after it is for it");
		return err_hint(e, "put what is for other buffers before the -v");
	}
	for (size_t i = 0; i < p->removed.n; i++)
		for (size_t b = 1; b < p->nbuffers; b++)
			if (!strcmp(p->removed.text[i], p->buffers[b].name)) {
				err_say(e, EINVAL, "-B %s: it is removed, too, by -v -B",
					p->buffers[b].name);
				return err_hint(e, "'trace-cmd reset -B %s -d' removes it alone",
						p->buffers[b].name);
			}
	return 0;
}

int plan_check(const struct trace_plan *p, bool has_command, struct err *e)
{
	bool anything = false, pids = false;

	for (size_t i = 0; i < p->nbuffers; i++) {
		anything |= p->buffers[i].nevents || p->buffers[i].tracer;
		pids |= p->buffers[i].npids > 0;
	}
	if (check_removed(p, e))
		return -EINVAL;
	if (!anything && !p->adding && !p->guests) {
		err_say(e, EINVAL,
			"no event and no tracer is given, so there is nothing to record");
		return err_hint(
			e,
			"-e 'sched*'; 'trace-cmd list -e' and 'trace-cmd list -t' say what there is");
	}
	if (p->command_only && !has_command) {
		err_say(e, EINVAL, "-F records only the command, and no command is given");
		return err_hint(e, "put the command last, or use -P PID for one that runs already");
	}
	if (p->follow && !p->command_only && !pids) {
		err_say(e, EINVAL,
			"-c follows the children of the traced process, and none is given");
		return err_hint(e, "use it with -F COMMAND or with -P PID");
	}
	return 0;
}

bool tracer_is_latency(const char *tracer)
{
	static const char *const latency[] = { "wakeup",  "wakeup_rt",	"wakeup_dl",
					       "irqsoff", "preemptoff", "preemptirqsoff" };

	for (size_t i = 0; tracer && i < ARRAY_SIZE(latency); i++)
		if (!strcmp(tracer, latency[i]))
			return true;
	return false;
}

size_t plan_latency_buffer(const struct trace_plan *p)
{
	for (size_t b = 0; b < p->nbuffers; b++)
		if (tracer_is_latency(p->buffers[b].tracer))
			return b;
	return 0;
}

bool plan_is_latency(const struct trace_plan *p)
{
	return tracer_is_latency(p->buffers[plan_latency_buffer(p)].tracer);
}
