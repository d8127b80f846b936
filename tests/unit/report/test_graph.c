// SPDX-License-Identifier: GPL-2.0
/*
 * test_graph.c - the texts of function graph, stacks and raw data
 */
#include "tests/unit/report/machine.h"

#include "report/graph.h"
#include "report/print.h"

enum { TASK = 7, MAX_EVENTS = 4, INFO_AT = 66 };

struct graph_event {
	uint16_t id;
	int32_t pid; /* 0: TASK */
	uint64_t func;
	uint32_t depth;
	uint64_t calltime, rettime;
	int64_t lost;
};

static const struct graph_case {
	const char *name;
	struct graph_options how;
	struct graph_event events[MAX_EVENTS];
	const char *want; /* the lines behind their first columns */
} cases[] = {
	{ "a leaf",
	  { 0 },
	  { { ENTRY, 0, 0x1000 }, { EXIT, 0, 0x1000, 0, 1000, 3500 } },
	  "  2.500 us   |  first();\n" },
	{ "a leaf, deep",
	  { 0 },
	  { { ENTRY, 0, 0x1000, 3 }, { EXIT, 0, 0x1000, 3, 0, 9 } },
	  "  0.009 us   |        first();\n" },
	{ "another function ends",
	  { 0 },
	  { { ENTRY, 0, 0x1000 }, { EXIT, 0, 0x2000, 0, 1, 2 } },
	  "             |  first() {\n  0.001 us   |  }\n" },
	{ "another task",
	  { 0 },
	  { { ENTRY, 0, 0x1000 }, { EXIT, 8, 0x1000, 0, 1, 2 } },
	  "             |  first() {\n  0.001 us   |  }\n" },
	{ "something in between",
	  { 0 },
	  { { ENTRY, 0, 0x1000 }, { TICK }, { EXIT, 0, 0x1000, 0, 1, 2 } },
	  "             |  first() {\nseq=0 name=\n  0.001 us   |  }\n" },
	{ "a loss before the exit is told",
	  { 0 },
	  { { ENTRY, 0, 0x1000 }, { EXIT, 0, 0x1000, 0, 1, 2, 5 } },
	  "             |  first() {\n  0.001 us   |  }\n" },
	{ "the end of the trace", { 0 }, { { ENTRY, 0, 0x1000 } }, "             |  first() {\n" },
	{ "no name", { 0 }, { { ENTRY, 0, 0x42, 1 } }, "             |    42() {\n" },
	{ "nested",
	  { 0 },
	  { { ENTRY, 0, 0x1000 },
	    { ENTRY, 0, 0x2000, 1 },
	    { EXIT, 0, 0x2000, 1, 0, 1 },
	    { EXIT, 0, 0x1000, 0, 0, 2 } },
	  "             |  first() {\n  0.001 us   |    second();\n  0.002 us   |  }\n" },
	{ "10 us", { 0 }, { { EXIT, 0, 0, 0, 0, 10000 } }, "  10.000 us  |  }\n" },
	{ "above 10 us", { 0 }, { { EXIT, 0, 0, 0, 0, 10001 } }, "+ 10.001 us  |  }\n" },
	{ "above 100 us", { 0 }, { { EXIT, 0, 0, 0, 0, 100001 } }, "! 100.001 us |  }\n" },
	{ "above 1 ms", { 0 }, { { EXIT, 0, 0, 0, 0, 1000001 } }, "# 1000.001 us |  }\n" },
	{ "1 s", { 0 }, { { EXIT, 0, 0, 0, 0, 1000000000 } }, "# 1000000 us |  }\n" },
	{ "above 1 s", { 0 }, { { EXIT, 0, 0, 0, 0, 1000000001 } }, "$ 1000000 us |  }\n" },
	{ "tailprint",
	  { .tailprint = true },
	  { { EXIT, 0, 0x2000, 1, 0, 1 } },
	  "  0.001 us   |    } /* second */\n" },
	{ "depth",
	  { .depth = true },
	  { { EXIT, 0, 0x2000, 1, 0, 1 } },
	  "  0.001 us   |    } (1)\n" },
	{ "a stack",
	  { 0 },
	  { { STACK } },
	  "<stack trace >\n=> first (1004)\n=> 42\n=> second (2000)\n" },
	{ "raw data", { 0 }, { { RAW } }, "# abcd 01 ff 00 00\n" },
};

struct made_lane {
	struct lane lane;
	const struct graph_event *events;
	size_t at;
	struct made_record record;
};

static void make(struct made_record *r, const struct graph_event *e)
{
	static const uint64_t stack[] = { 0x1004, 0x42, 0x2000, UINT64_MAX, 0x1000 };

	if (e->id == TICK) {
		made_tick(r, TASK, 0, "");
		return;
	}
	made_begin(r, e->id, 0, 0, e->pid ? e->pid : TASK);
	if (e->id == STACK) {
		wcur_u64(&r->w, 0);
		for (size_t i = 0; i < ARRAY_SIZE(stack); i++)
			wcur_u64(&r->w, stack[i]);
	} else if (e->id == RAW) {
		wcur_u32(&r->w, 0xabcd);
		wcur_u32(&r->w, 0xff01);
	} else {
		wcur_u64(&r->w, e->func);
		wcur_u32(&r->w, e->depth);
		wcur_u32(&r->w, 0);
		wcur_u64(&r->w, e->calltime);
		wcur_u64(&r->w, e->rettime);
	}
}

static int pull(struct lane *l, struct tdat_event *ev, struct err *e)
{
	struct made_lane *m = container_of(l, struct made_lane, lane);

	(void)e;
	if (m->at == MAX_EVENTS || !m->events[m->at].id)
		return 0;
	make(&m->record, &m->events[m->at]);
	*ev = made_event(&m->record);
	ev->lost = m->events[m->at++].lost;
	return 1;
}

/* All events of the case, each line from column INFO_AT - 1 on. */
static void print_all(const struct graph_case *t, struct tep_handle *tep, FILE *to)
{
	struct made_lane lane = { .lane.pull = pull, .events = t->events };
	const struct print_source src = { tep, "", true, false };
	const struct print_style style = { 0 };
	struct graph *g = graph_new(tep, &t->how, NULL);
	struct printer *p = printer_new(to, &style, NULL);
	struct merge *m = merge_new(1, NULL);
	struct lane *l;

	assert_non_null(g);
	assert_non_null(p);
	assert_non_null(m);
	merge_add(m, &lane.lane);
	while (merge_next(m, &l, NULL) > 0) {
		struct tep_record rec = { 0 };

		graph_before(g, m, l);
		rec.data = (void *)(uintptr_t)l->ev.data;
		rec.size = (int)l->ev.size;
		printer_event(p, &src, &rec, NULL);
		graph_after(g, m, l);
	}
	merge_free(m);
	printer_free(p);
	graph_free(g);
}

static void test_graph(void **state)
{
	const struct graph_case *t = *state;
	struct tep_handle *tep = machine_new();
	char *text = NULL, got[512] = "";
	size_t size = 0, n = 0;
	FILE *to = open_memstream(&text, &size);

	print_all(t, tep, to);
	fclose(to);
	for (char *line = text, *end; *line; line = end + 1) {
		size_t skip = line[0] == '=' ? 0 : INFO_AT - 1; /* further lines of a stack */

		end = strchr(line, '\n');
		assert_non_null(end);
		assert_true((size_t)(end - line) >= skip);
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%.*s\n",
				      (int)(end - line - (ptrdiff_t)skip), line + skip);
	}
	assert_string_equal(got, t->want);
	free(text);
	tep_free(tep);
}

int main(void)
{
	return RUN_ROWS("graph", cases, test_graph);
}
