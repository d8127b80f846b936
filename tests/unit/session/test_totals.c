// SPDX-License-Identifier: GPL-2.0
/* test_totals.c - the table of losses, and the table of states */
#include "tests/unit/base/rows.h"

#include "session/session.h"
#include "session/totals.h"

struct row {
	const char *name;
	struct cpu_totals cpu;
	bool lost;
	const char *line;
	const char *reader, *below; /* what is said of it in the table; NULL = nothing */
};

static const struct row rows[] = {
	{ "whole", { .events = 10, .bytes = 4096 }, false, "10 events, 4.0 KiB; nothing lost" },
	{ "ring", { .events = 10, .ring = 3 }, true, "lost: 3 events in the ring" },
	{ "gaps of unknown size", { .gaps = true }, true, "lost: 0+ events" },
	{ "transport", { .transport = 2 }, true, "2 transport" },
	{ "quota", { .quota = 5 }, true, "5 quota" },
	{ "disk", { .disk = 7 }, true, "7 disk" },
	{ "another reader",
	  { .other = 9 },
	  true,
	  "9 to another reader",
	  "",
	  "ring buffer; it is not known who that was" },
	{ "another reader, known",
	  { .other = 9 },
	  true,
	  "9 to another reader",
	  "process 77 (cat) has trace_pipe open",
	  "ring buffer; process 77 (cat) has trace_pipe open; 'record -B NAME'" },
	{ "one who may have taken something",
	  { .events = 1 },
	  false,
	  "nothing lost",
	  "process 77 (cat) has trace_pipe open",
	  "(process 77 (cat) has trace_pipe open: what it takes is not in this recording" },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	struct totals t = { .cpus = 2, .page_size = 4096, .told = true };
	struct buf text = { 0 };
	char line[256];

	t.cpu[1] = row->cpu;
	snprintf(t.reader, sizeof(t.reader), "%s", row->reader ? row->reader : "");
	assert_int_equal(totals_lost(&t), row->lost);
	assert_non_null(strstr(totals_line(&t, line, sizeof(line)), row->line));
	assert_int_equal(totals_print(&t, &text), 0);
	assert_int_equal(buf_text(&text), 0);
	assert_null(strstr((char *)text.data, "\n  0 ")); /* CPU 0 has nothing */
	assert_non_null(strstr((char *)text.data, "\n  1 "));
	assert_non_null(strstr((char *)text.data, "\n  all "));
	assert_int_equal(strstr((char *)text.data, " other reader\n") != NULL, row->cpu.other != 0);
	if (row->below)
		assert_non_null(strstr((char *)text.data, row->below));
	else
		assert_null(strstr((char *)text.data, "record -B"));
	buf_free(&text);
}

static void test_pages(void **state)
{
	struct totals t = { .page_size = 4096 };

	(void)state;
	assert_int_equal(totals_pages(&t, 0), 0);
	assert_int_equal(totals_pages(&t, 1), 1);
	assert_int_equal(totals_pages(&t, 4096), 1);
	assert_int_equal(totals_pages(&t, 4097), 2);
	assert_int_equal(totals_pages(&t, UINT64_MAX), 1ULL << 52);
	t.page_size = 0;
	assert_int_equal(totals_pages(&t, 100), 0);
}

/* What a guest says may be anything: two losses never add up to none. */
static void test_sum_of_lies(void **state)
{
	struct totals t = { .cpus = 3, .page_size = 4096, .told = true };
	struct cpu_totals sum;
	char line[256];

	(void)state;
	t.cpu[0].ring = t.cpu[2].ring = 1ULL << 63;
	t.cpu[1].events = 7;
	assert_true(totals_lost(&t));
	totals_sum(&t, &sum);
	assert_true(sum.ring == UINT64_MAX);
	assert_int_equal(sum.events, 7);
	assert_null(strstr(totals_line(&t, line, sizeof(line)), "nothing lost"));
}

static void test_short_line(void **state)
{
	struct totals t = { .cpus = 1, .told = true };
	char line[8];

	(void)state;
	assert_int_equal(strlen(totals_line(&t, line, sizeof(line))), 7);
}

/* A session begins in hello, ends in closed, and never goes back. */
static void test_states(void **state)
{
	(void)state;
	for (unsigned int from = 0; from < SESSION_NR_STATES; from++) {
		unsigned int ways = 0;

		for (unsigned int to = 0; to < SESSION_NR_STATES; to++) {
			ways += session_may_go(from, to);
			if (to <= from)
				assert_false(session_may_go(from, to));
		}
		assert_int_equal(!ways, from == SESSION_CLOSED);
	}
	assert_false(session_may_go(SESSION_HELLO, SESSION_RECORDING));
	assert_false(session_may_go(SESSION_RECORDING, SESSION_CLOSED)); /* never without a drain */
}

int main(void)
{
	static const struct CMUnitTest more[] = { cmocka_unit_test(test_pages),
						  cmocka_unit_test(test_sum_of_lies),
						  cmocka_unit_test(test_short_line),
						  cmocka_unit_test(test_states) };

	return cmocka_run_group_tests(more, NULL, NULL) + RUN_ROWS("totals", rows, test_row);
}
