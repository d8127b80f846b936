// SPDX-License-Identifier: GPL-2.0
/*
 * apply_functions.c - the tracer, and which functions it traces
 *
 * Theory of operation
 *
 * The filters are set before the tracer, because patching every function of the kernel first and
 * all but a few back afterwards takes seconds. A name is handed to the kernel, which knows globs; a
 * regular expression (it begins with ^ or ends with $, as in stock trace-cmd) is matched here
 * against available_filter_functions.
 *
 * The filter files are refused by some kernels (lockdown). That is an error only when functions
 * were named; a filter that somebody else left there is taken away where that is possible.
 */
#include "tracing/apply_local.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/opt.h"

bool is_function_tracer(const char *tracer)
{
	return tracer && !strncmp(tracer, "function", 8);
}

int hint_word(const struct tracefs *t, const char *file, const char *word, const char *option,
	      const char *fallback, struct err *e)
{
	struct names names = { 0 };
	struct buf text = { 0 };
	char *rest, *one;
	const char *near;

	if (!e)
		return -EINVAL;
	if (!tfs_read_line(t, file, &text, NULL))
		for (rest = (char *)text.data; (one = strsep(&rest, " []\n"));)
			if (one[0] && names_add(&names, one))
				break;
	near = nearest_word(word, (const char *const *)names.name, names.n);
	if (near)
		err_hint(e, "%s %s; %s", option, near, fallback);
	else
		err_hint(e, "%s", fallback);
	names_free(&names);
	buf_free(&text);
	return -e->code;
}

static bool is_regex(const char *text)
{
	size_t len = strlen(text);

	return text[0] == '^' || (len && text[len - 1] == '$');
}

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "no memory for the list of functions");
}

static int add_name(struct buf *to, const char *name, const char *module, struct err *e)
{
	bool plain = !module || strchr(name, ':');

	return buf_addf(to, "%s%s%s%s", to->len ? "\n" : "", name,
			plain ? "" : ":mod:", plain ? "" : module)
		       ? no_memory(e)
		       : 0;
}

static int add_matching(const struct tracefs *t, const char *pattern, const char *module,
			struct buf *to, struct err *e)
{
	struct buf all = { 0 };
	size_t had = to->len;
	char *line, *rest;
	regex_t re;
	int ret;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return err_say(e, EINVAL, "'%s' is not a regular expression", pattern);
	ret = tfs_read(t, "available_filter_functions", &all, e);
	for (rest = (char *)all.data; !ret && (line = strsep(&rest, "\n"));) {
		line[strcspn(line, " \t")] = '\0'; /* "name [module]" */
		if (line[0] && !regexec(&re, line, 0, NULL, 0))
			ret = add_name(to, line, module, e);
	}
	regfree(&re);
	buf_free(&all);
	if (!ret && to->len == had) {
		err_say(e, ENOENT, "no function of this kernel matches '%s'", pattern);
		ret = err_hint(e, "'trace-cmd list -f' lists all that can be traced");
	}
	return ret;
}

/* The lines of one filter file. */
static int join(const struct tracefs *t, const struct text_list *l, const char *module,
		struct buf *to, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < l->n; i++) {
		if (is_regex(l->text[i]))
			ret = add_matching(t, l->text[i], module, to, e);
		else
			ret = add_name(to, l->text[i], module, e);
	}
	if (!ret && !l->n && module && buf_addf(to, ":mod:%s", module))
		ret = no_memory(e);
	return ret ? ret : buf_text(to) ? no_memory(e) : 0;
}

/* The kernel's word is only EPERM, or that a file is not there. */
static int hint_forbidden(struct err *e)
{
	if (!e || e->hint[0])
		return e ? -e->code : -EIO;
	if (e->code == EPERM || e->code == EACCES)
		err_hint(e, "-e, for events; this kernel lets nobody trace functions (lockdown?)");
	else if (e->code == ENOENT)
		err_hint(e, "a kernel built with CONFIG_FUNCTION_TRACER, or -e, for events");
	return -e->code;
}

static int function_refused(const struct applied_buffer *b, const char *file,
			    const struct text_list *l, struct err *e)
{
	if (!e || e->code != EINVAL)
		return hint_forbidden(e);
	err_say(e, EINVAL, "%s/%s: the kernel has no function that '%s'%s names", tfs_path(b->t),
		file, l->n ? l->text[0] : "", l->n > 1 ? ", ..." : "");
	return err_hint(e, "'trace-cmd list -f' lists all that can be traced");
}

static int set_functions(const struct applied_buffer *b, const char *file,
			 const struct text_list *l, const char *module, struct err *e)
{
	struct buf text = { 0 };
	int ret;

	if (!l->n && !module) {
		/* Nobody asked for it: only an old filter is in the way, and it may stay. */
		if (is_function_tracer(b->plan->tracer) && !b->whole->adding && tfs_has(b->t, file))
			undo_write(b->undo, b->t, file, "", NULL);
		return 0;
	}
	ret = join(b->t, l, module, &text, e);
	if (!ret && (ret = undo_write(b->undo, b->t, file, (char *)text.data, e)))
		ret = function_refused(b, file, l, e);
	buf_free(&text);
	return ret;
}

int apply_functions(struct applied_buffer *b, struct err *e)
{
	const struct plan_buffer *p = b->plan;
	char depth[24];
	int ret = set_functions(b, "set_ftrace_filter", &p->functions,
				p->functions.n || !p->notrace.n ? p->module : NULL, e);

	if (!ret)
		ret = set_functions(b, "set_ftrace_notrace", &p->notrace,
				    p->notrace.n ? p->module : NULL, e);
	if (!ret && (p->graph.n || (p->tracer && !strcmp(p->tracer, "function_graph"))))
		ret = set_functions(b, "set_graph_function", &p->graph, NULL, e);
	if (ret || !p->graph_depth)
		return ret;
	snprintf(depth, sizeof(depth), "%llu", (unsigned long long)p->graph_depth);
	return undo_write(b->undo, b->t, "max_graph_depth", depth, e);
}

int apply_tracer(struct applied_buffer *b, struct err *e)
{
	const char *tracer = b->plan->tracer;
	int ret = tracer ? undo_write(b->undo, b->t, "current_tracer", tracer, e) : 0;

	if (ret == -EINVAL) {
		err_say(e, EINVAL, "this kernel has no tracer '%s'%s", tracer,
			tfs_name(b->t)[0] ? " for further buffers" : "");
		ret = hint_word(b->t, "available_tracers", tracer, "-p",
				"'trace-cmd list -t' lists all", e);
	}
	if (ret == -EPERM && is_function_tracer(tracer))
		hint_forbidden(e);
	if (ret || !b->plan->func_stack)
		return ret;
	if (!b->plan->functions.n) {
		err_say(e, EINVAL,
			"--func-stack without -l: a stack for every function would stop the machine");
		return err_hint(e, "-l FUNCTION --func-stack");
	}
	return undo_write(b->undo, b->t, "options/func_stack_trace", "1", e);
}
