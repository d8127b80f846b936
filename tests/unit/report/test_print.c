// SPDX-License-Identifier: GPL-2.0
/*
 * test_print.c - the line of an event: columns, times, losses, differences
 *
 * The expected lines were compared with those of stock 3.1.6; tests/cli/report_stock.sh compares
 * whole files.
 */
#include "tests/unit/report/machine.h"

#include "report/print.h"

struct shown {
	uint64_t ts;
	int cpu;
	int64_t lost;
	int32_t pid;
	uint16_t id; /* 0: TICK */
	uint8_t flags, preempt;
	const char *name, *tail;
};

static const struct print_case {
	const char *name;
	struct print_style style;
	bool plain_clock, rated;
	const char *prefix;
	struct shown events[3]; /* ends with pid 0 */
	const char *want;
} cases[] = {
	{ "a line",
	  { 0 },
	  .prefix = "",
	  .events = { { .ts = 1234567891499, .cpu = 1, .pid = 7 } },
	  .want = "            task-7     [001]  1234.567891: tick:                 seq=5 name=ab\n" },
	{ "the time is rounded up",
	  { 0 },
	  .prefix = "",
	  .events = { { .ts = 1999999500, .cpu = 12, .pid = 7 } },
	  .want = "            task-7     [012]     2.000000: tick:                 seq=5 name=ab\n" },
	{ "full time",
	  { .full_time = true },
	  .prefix = "",
	  .events = { { .ts = 1999999500, .cpu = 0, .pid = 7 } },
	  .want = "            task-7     [000]     1.999999500: tick:                 seq=5 "
		  "name=ab\n" },
	{ "a clock without seconds",
	  { .full_time = true },
	  .plain_clock = true,
	  .prefix = "",
	  .events = { { .ts = 372, .cpu = 0, .pid = 7 } },
	  .want = "            task-7     [000]         372: tick:                 seq=5 name=ab\n" },
	{ "raw time",
	  { .raw_time = true },
	  .prefix = "",
	  .events = { { .ts = 1234567890123, .cpu = 0, .pid = 7 } },
	  .want = "            task-7     [000]1234567890123: tick:                 seq=5 name=ab\n" },
	{ "raw fields",
	  { .raw = true },
	  .prefix = "",
	  .events = { { .ts = 1000, .cpu = 0, .pid = 7 } },
	  .want = "            task-7     [000]     0.000001: tick:                  seq=5 name=ab\n" },
	{ "latency flags",
	  { .latency = true },
	  .prefix = "",
	  .events = { { .ts = 1000, .cpu = 2, .pid = 123456, .flags = 0x1d, .preempt = 3 } },
	  .want = "quitealo-123456   2dNH3.     0.000001: tick:                 seq=5 name=ab\n" },
	{ "latency flags, raw",
	  { .latency = true, .raw = true },
	  .prefix = "",
	  .events = { { .ts = 1000, .cpu = 2, .pid = 7, .flags = 0x1d } },
	  .want = "    task-7       2-0x1d     0.000001: tick:                  seq=5 name=ab\n" },
	{ "losses stand behind the prefix, the event without",
	  { 0 },
	  .prefix = "foo: ",
	  .events = { { .ts = 1000, .cpu = 2, .pid = 7, .lost = 42 } },
	  .want = "foo: CPU:2 [42 EVENTS DROPPED]\n"
		  "            task-7     [002]     0.000001: tick:                 seq=5 name=ab\n" },
	{ "an unknown number of losses",
	  { 0 },
	  .prefix = "",
	  .events = { { .ts = 1000, .cpu = 2, .pid = 7, .lost = -1 } },
	  .want = "CPU:2 [EVENTS DROPPED]\n"
		  "            task-7     [002]     0.000001: tick:                 seq=5 name=ab\n" },
	{ "an id without a format",
	  { 0 },
	  .prefix = "",
	  .events = { { .ts = 1000, .pid = 7, .id = 999 } },
	  .want = "[UNKNOWN EVENT][UNKNOWN EVENT] (NULL):               [UNKNOWN EVENT]\n" },
	{ "an id without a format, latency",
	  { .latency = true },
	  .prefix = "",
	  .events = { { .ts = 1000, .pid = 7, .id = 999 } },
	  .want = "[UNKNOWN EVENT][UNKNOWN EVENT][UNKNOWN EVENT] (NULL):               "
		  "[UNKNOWN EVENT]\n" },
	{ "differences, rounded as the times are",
	  { .diff = true },
	  .prefix = "",
	  .events = { { .ts = 1500, .pid = 7 }, { .ts = 2499, .pid = 7 } },
	  .want = "            task-7     [000]     0.000002:          tick:                 "
		  "seq=5 name=ab\n"
		  "            task-7     [000]     0.000002: (+0)     tick:                 "
		  "seq=5 name=ab\n" },
	{ "differences, full time, backwards",
	  { .diff = true, .full_time = true },
	  .prefix = "",
	  .events = { { .ts = 2000000, .pid = 7 }, { .ts = 500000, .pid = 7 } },
	  .want = "            task-7     [000]     0.002000000:          tick:                 "
		  "seq=5 name=ab\n"
		  "            task-7     [000]     0.000500000: (+-1500000) tick:                 "
		  "seq=5 name=ab\n" },
	{ "differences, the user knows the rate",
	  { .diff = true },
	  .rated = true,
	  .prefix = "",
	  .events = { { .ts = 2000, .pid = 7 }, { .ts = 2345, .pid = 7 } },
	  .want = "            task-7     [000]     0.000002:          tick:                 "
		  "seq=5 name=ab\n"
		  "            task-7     [000]     0.000002: (+345)   tick:                 "
		  "seq=5 name=ab\n" },
	{ "a tail",
	  { 0 },
	  .prefix = "",
	  .events = { { .ts = 1000, .pid = 7, .tail = " Latency: 1.000 usecs" } },
	  .want = "            task-7     [000]     0.000001: tick:                 seq=5 name=ab "
		  "Latency: 1.000 usecs\n" },
	{ "an event that ends its line itself",
	  { 0 },
	  .prefix = "",
	  .events = { { .ts = 1000, .pid = 7, .name = "ab\n" } },
	  .want = "            task-7     [000]     0.000001: tick:                 seq=5 name=ab\n" },
	{ "an unknown task",
	  { 0 },
	  .prefix = "",
	  .events = { { .ts = 1000, .pid = 99999999 } },
	  .want = "           <...>-99999999 [000]     0.000001: tick:                 seq=5 "
		  "name=ab\n" },
};

static void print_one(struct printer *p, const struct print_source *src, const struct shown *s)
{
	struct made_record r;
	struct tep_record rec;

	made_tick(&r, s->pid, 5, s->name ? s->name : "ab");
	if (s->id)
		memcpy(r.bytes, (uint8_t[]){ (uint8_t)s->id, (uint8_t)(s->id >> 8) }, 2);
	r.bytes[2] = s->flags;
	r.bytes[3] = s->preempt;
	rec = made_tep(&r, s->ts, s->cpu);
	rec.missed_events = s->lost;
	printer_event(p, src, &rec, s->tail);
}

static void test_print(void **state)
{
	const struct print_case *t = *state;
	struct tep_handle *tep = machine_new();
	const struct print_source src = { tep, t->prefix, !t->plain_clock, t->rated };
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	struct printer *p = printer_new(to, &t->style, NULL);

	assert_non_null(p);
	for (size_t i = 0; i < ARRAY_SIZE(t->events) && t->events[i].pid; i++)
		print_one(p, &src, &t->events[i]);
	fclose(to);
	assert_string_equal(text, t->want);
	printer_free(p);
	free(text);
	tep_free(tep);
}

int main(void)
{
	return RUN_ROWS("print", cases, test_print);
}
