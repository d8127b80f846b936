// SPDX-License-Identifier: GPL-2.0
/*
 * graph.c - function graph, kernel stacks and raw data as text
 *
 * Theory of operation
 *
 * Handlers are registered with libtraceevent for four events of the system "ftrace"; the texts are
 * those of stock 3.1.6. A function that calls nothing prints as one line, "name();", when its exit
 * is the next event of its buffer, on any CPU. The handler cannot look ahead: graph_before() does,
 * and leaves the event for the handler; graph_after() drops it when the handler has used it.
 *
 * An exit before which events were lost stays an event of its own, so that the loss is told.
 */
#include "report/graph.h"

#include <errno.h>

enum { INDENT = 2, DURATION_WIDTH = 11, LONG_DIGITS = 1000000 };

struct graph {
	struct tep_handle *tep; /* borrowed */
	struct graph_options how;
	int entry_id, exit_id;		/* -1: no such event */
	const struct tdat_event *ahead; /* what follows the event that is being printed, or NULL */
	struct lane *ahead_in;
	bool used; /* .ahead was printed */
};

/* Marks for long functions: longer than .ns. */
static const struct {
	uint64_t ns;
	char mark;
} marks[] = { { 1000000000, '$' }, { 1000000, '#' }, { 100000, '!' }, { 10000, '+' } };

static void put_duration(struct trace_seq *s, uint64_t ns)
{
	char text[32];
	unsigned long long us = ns / 1000;
	char mark = ' ';

	for (size_t i = 0; i < ARRAY_SIZE(marks) && mark == ' '; i++)
		if (ns > marks[i].ns)
			mark = marks[i].mark;
	if (us < LONG_DIGITS)
		snprintf(text, sizeof(text), "%llu.%03llu us ", us, (unsigned long long)ns % 1000);
	else
		snprintf(text, sizeof(text), "%llu us ", us);
	trace_seq_printf(s, "%c %-*s|  ", mark, DURATION_WIDTH, text);
}

static void put_indent(struct trace_seq *s, uint64_t depth)
{
	uint64_t n = depth * INDENT;

	for (; n > 64; n -= 64) /* a depth is a u32 of the file: stop at what a line can bear */
		if (n > 65536)
			n = 65536;
		else
			trace_seq_printf(s, "%64s", "");
	trace_seq_printf(s, "%*s", (int)n, "");
}

static void put_name(const struct graph *g, struct trace_seq *s, uint64_t func)
{
	const char *name = tep_find_function(g->tep, func);

	if (name)
		trace_seq_puts(s, name);
	else
		trace_seq_printf(s, "%llx", (unsigned long long)func);
}

static void put_depth(const struct graph *g, struct trace_seq *s, uint64_t depth)
{
	if (g->how.depth)
		trace_seq_printf(s, " (%lld)", (long long)depth);
}

static bool get(struct trace_seq *s, struct tep_event *event, const char *field,
		struct tep_record *rec, uint64_t *to)
{
	unsigned long long v = 0;
	int rc = tep_get_field_val(s, event, field, rec, &v, s != NULL);

	*to = v;
	return !rc;
}

/* Whether the event ahead is the exit of @func of the same task; then its duration. */
static bool is_leaf(struct graph *g, struct tep_record *rec, uint64_t func, uint64_t *ns)
{
	struct tep_event *event = tep_find_event(g->tep, g->exit_id);
	uint64_t exit_func, from, to;
	struct tep_record next = { 0 };

	if (!g->ahead || !event || g->ahead->lost)
		return false;
	next.data = (void *)(uintptr_t)g->ahead->data;
	next.size = (int)g->ahead->size;
	if (next.size < 8 || tep_data_type(g->tep, &next) != g->exit_id ||
	    tep_data_pid(g->tep, &next) != tep_data_pid(g->tep, rec))
		return false;
	for (const struct tep_format_field *f = event->format.fields; f; f = f->next)
		if (f->offset < 0 || f->size < 0 || f->offset + f->size > next.size)
			return false;
	if (!get(NULL, event, "func", &next, &exit_func) || exit_func != func ||
	    !get(NULL, event, "calltime", &next, &from) || !get(NULL, event, "rettime", &next, &to))
		return false;
	*ns = to - from;
	return true;
}

static int on_entry(struct trace_seq *s, struct tep_record *rec, struct tep_event *event, void *ctx)
{
	struct graph *g = ctx;
	uint64_t func, depth, ns;
	bool leaf;

	if (!get(s, event, "func", rec, &func) || !get(s, event, "depth", rec, &depth))
		return 1;
	leaf = is_leaf(g, rec, func, &ns);
	if (leaf)
		put_duration(s, ns);
	else
		trace_seq_printf(s, "%*s|  ", DURATION_WIDTH + 2, "");
	put_indent(s, depth);
	put_name(g, s, func);
	trace_seq_puts(s, leaf ? "();" : "() {");
	put_depth(g, s, depth);
	g->used = leaf;
	return 0;
}

static int on_exit_event(struct trace_seq *s, struct tep_record *rec, struct tep_event *event,
			 void *ctx)
{
	const struct graph *g = ctx;
	uint64_t func, depth, from, to;

	if (!get(s, event, "depth", rec, &depth) || !get(s, event, "calltime", rec, &from) ||
	    !get(s, event, "rettime", rec, &to))
		return 1;
	put_duration(s, to - from);
	put_indent(s, depth);
	trace_seq_puts(s, "}");
	if (g->how.tailprint && get(s, event, "func", rec, &func)) {
		trace_seq_puts(s, " /* ");
		put_name(g, s, func);
		trace_seq_puts(s, " */");
	}
	put_depth(g, s, depth);
	return 0;
}

/* Addresses up to the end of the record, or to one that has all bits set. */
static int on_stack(struct trace_seq *s, struct tep_record *rec, struct tep_event *event, void *ctx)
{
	const struct graph *g = ctx;
	struct tep_format_field *f = tep_find_any_field(event, "caller");
	int size = tep_get_long_size(g->tep);
	uint64_t all = size == 4 ? UINT32_MAX : UINT64_MAX;

	if (!f) {
		trace_seq_puts(s, "<CANT FIND FIELD caller>");
		return 0;
	}
	trace_seq_puts(s, "<stack trace >\n");
	for (int at = f->offset; at >= 0 && at <= rec->size - size; at += size) {
		uint64_t addr = tep_read_number(g->tep, (const uint8_t *)rec->data + at, size);
		const char *name;

		if (addr == all)
			break;
		name = tep_find_function(g->tep, addr);
		if (name)
			trace_seq_printf(s, "=> %s (%llx)\n", name, (unsigned long long)addr);
		else
			trace_seq_printf(s, "=> %llx\n", (unsigned long long)addr);
	}
	return 0;
}

static int on_raw(struct trace_seq *s, struct tep_record *rec, struct tep_event *event, void *ctx)
{
	struct tep_format_field *f = tep_find_any_field(event, "buf");
	uint64_t id;

	(void)ctx;
	if (!f || !get(s, event, "id", rec, &id))
		return 1;
	trace_seq_printf(s, "# %llx", (unsigned long long)id);
	for (int at = f->offset; at >= 0 && at < rec->size; at++)
		trace_seq_printf(s, " %02x", ((const uint8_t *)rec->data)[at]);
	return 0;
}

static const struct {
	const char *name;
	tep_event_handler_func handler;
} handlers[] = {
	{ "funcgraph_entry", on_entry },
	{ "funcgraph_exit", on_exit_event },
	{ "kernel_stack", on_stack },
	{ "raw_data", on_raw },
};

static int id_of(struct tep_handle *tep, const char *name)
{
	const struct tep_event *event = tep_find_event_by_name(tep, "ftrace", name);

	return event ? event->id : -1;
}

struct graph *graph_new(struct tep_handle *tep, const struct graph_options *how, struct err *e)
{
	struct graph *g = calloc(1, sizeof(*g));

	if (!g) {
		err_set(e, ENOMEM, "no memory for the function graph");
		return NULL;
	}
	g->tep = tep;
	g->how = *how;
	g->entry_id = id_of(tep, "funcgraph_entry");
	g->exit_id = id_of(tep, "funcgraph_exit");
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		tep_register_event_handler(tep, -1, "ftrace", handlers[i].name, handlers[i].handler,
					   g);
	return g;
}

void graph_free(struct graph *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		tep_unregister_event_handler(g->tep, -1, "ftrace", handlers[i].name,
					     handlers[i].handler, g);
	free(g);
}

void graph_before(struct graph *g, struct merge *m, struct lane *l)
{
	struct tep_record rec = { .data = (void *)(uintptr_t)l->ev.data, .size = (int)l->ev.size };

	g->ahead = NULL;
	g->used = false;
	if (g->entry_id >= 0 && rec.size >= 8 && tep_data_type(g->tep, &rec) == g->entry_id)
		g->ahead = merge_peek(m, l, &g->ahead_in);
}

void graph_after(struct graph *g, struct merge *m, const struct lane *l)
{
	if (g->used)
		merge_drop(m, l, g->ahead_in);
	g->used = false;
	g->ahead = NULL;
}

bool graph_option(struct graph_options *to, const char *name)
{
	static const char prefix[] = "fgraph:";

	if (!strncmp(name, prefix, sizeof(prefix) - 1))
		name += sizeof(prefix) - 1;
	if (!strcmp(name, "tailprint"))
		to->tailprint = true;
	else if (!strcmp(name, "depth"))
		to->depth = true;
	else
		return false;
	return true;
}
