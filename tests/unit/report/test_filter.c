// SPDX-License-Identifier: GPL-2.0
/*
 * test_filter.c - which events filters show, and what lists of CPUs hold
 */
#include "tests/unit/report/machine.h"

#include <errno.h>

#include "report/filter.h"
#include "report/tep.h"

enum { MAX_FILTERS = 3 };

static const struct filter_case {
	const char *name;
	const char *filters[MAX_FILTERS]; /* one that begins with '-' hides */
	unsigned int hide_flags;
	/* Shown of: tick 1 of task 7, tick 2 of task 9, tock 1 of task 7 in a hard interrupt. */
	const char *want;
} cases[] = {
	{ "no filter", { NULL }, 0, "123" },
	{ "an event", { "tick" }, 0, "12" },
	{ "an event of a system", { "test/tock" }, 0, "3" },
	{ "a system", { "test" }, 0, "123" },
	{ "a condition", { "tick:seq==2" }, 0, "2" },
	{ "a condition on all events of a system", { "test:seq==1" }, 0, "13" },
	{ "a field that an event has not", { "test:name==\"x\"" }, 0, "" },
	{ "the task's name", { ".*:COMM==\"task\"" }, 0, "13" },
	{ "several mean or", { "tick:seq==2", "tock" }, 0, "23" },
	{ "several on one event mean or, too", { "tick:seq==2", "tick:seq==1" }, 0, "12" },
	{ "hide", { "-tick" }, 0, "3" },
	{ "hide by a condition", { "-tick:seq==2" }, 0, "13" },
	{ "show some, of them hide some", { "tick", "-tick:seq==1" }, 0, "2" },
	{ "hiding wins whatever the order", { "-tick:seq==1", "tick" }, 0, "2" },
	{ "hard interrupts", { NULL }, TRACE_FLAG_HARDIRQ, "12" },
	{ "soft interrupts", { NULL }, TRACE_FLAG_SOFTIRQ, "123" },
	{ "flags and a filter", { "test:seq==1" }, TRACE_FLAG_HARDIRQ, "1" },
};

static void make_three(struct made_record *r)
{
	made_tick(&r[0], 7, 1, "a");
	made_tick(&r[1], 9, 2, "b");
	made_begin(&r[2], TOCK, TRACE_FLAG_HARDIRQ, 0, 7);
	wcur_u32(&r[2].w, 1);
}

static void test_shows(void **state)
{
	const struct filter_case *t = *state;
	struct tep_handle *tep = machine_new();
	struct filter *f = filter_new(tep, NULL);
	struct made_record records[3];
	char got[4] = "";
	size_t n = 0;

	for (int i = 0; i < MAX_FILTERS && t->filters[i]; i++) {
		bool hide = t->filters[i][0] == '-';

		assert_int_equal(filter_add(f, t->filters[i] + hide, hide, NULL), 0);
	}
	filter_hide_flags(f, t->hide_flags);
	make_three(records);
	for (int i = 0; i < 3; i++) {
		struct tep_record rec = made_tep(&records[i], 0, 0);

		if (filter_shows(f, &rec))
			got[n++] = (char)('1' + i);
	}
	assert_string_equal(got, t->want);
	filter_free(f);
	tep_free(tep);
}

static const struct bad_case {
	const char *name, *filter;
} bad[] = {
	{ "no such event", "nothing" },	  { "no such system", "nothing/tick" },
	{ "open brackets", "tick:((" },	  { "half a condition", "tick:seq==" },
	{ "no regular expression", "[" }, { "nothing", "" },
};

static void test_bad(void **state)
{
	const struct bad_case *t = *state;
	struct tep_handle *tep = machine_new();
	struct filter *f = filter_new(tep, NULL);
	struct err e = { 0 };

	assert_int_equal(filter_add(f, t->filter, false, &e), -EINVAL);
	assert_non_null(strstr(e.what, t->filter));
	filter_free(f);
	tep_free(tep);
}

static void test_texts(void **state)
{
	struct tep_handle *tep = machine_new();
	struct filter *f = filter_new(tep, NULL);
	static const char *const want[] = { "dyn: FALSE", "tock: seq == 1", "tick: seq == 1",
					    "tock: TRUE" };
	size_t at = 0, n = 0;

	(void)state;
	assert_int_equal(filter_add(f, "test:seq==1", false, NULL), 0);
	assert_int_equal(filter_add(f, "tock", true, NULL), 0);
	for (char *text; (text = filter_next_text(f, &at)); free(text)) {
		assert_true(n < ARRAY_SIZE(want));
		assert_string_equal(text, want[n++]);
	}
	assert_int_equal(n, ARRAY_SIZE(want));
	filter_free(f);
	tep_free(tep);
}

static const struct mark_case {
	const char *name, *regex;
	int rc; /* how many, or an error */
} marks[] = {
	{ "a name", "tick", 1 },
	{ "another case", "TICK", 1 },
	{ "a part is not enough", "tic", 0 },
	{ "a system", "test", 3 },
	{ "a star", "t.*k", 2 },
	{ "either", "tick\\|tock", 2 },
	{ "system and name", "test:t.*", 2 },
	{ "another system", "ftrace:tick", 0 },
	{ "no expression", "[x", -EINVAL },
};

static void test_mark(void **state)
{
	const struct mark_case *t = *state;
	struct tep_handle *tep = machine_new();
	struct err e = { 0 };

	assert_int_equal(report_tep_mark(tep, t->regex, TEP_EVENT_FL_PRINTRAW, &e), t->rc);
	if (t->rc < 0)
		assert_non_null(strstr(e.what, t->regex));
	tep_free(tep);
}

static const struct cpu_case {
	const char *name, *lists[2];
	int rc;
	const char *want; /* which of the CPUs 0 to 7 */
} cpus[] = {
	{ "none given", { NULL }, 0, "01234567" },
	{ "one", { "3" }, 0, "3" },
	{ "some", { "0,3" }, 0, "03" },
	{ "colons", { "0:3" }, 0, "03" },
	{ "a range", { "2-4" }, 0, "234" },
	{ "mixed", { "7,0-1:5" }, 0, "0157" },
	{ "two lists", { "1", "6-7" }, 0, "167" },
	{ "blanks", { "1, 2" }, 0, "12" },
	{ "none of them", { "99" }, 0, "" },
	{ "letters", { "abc" }, -EINVAL, NULL },
	{ "nothing", { "" }, -EINVAL, NULL },
	{ "an open end", { "1-" }, -EINVAL, NULL },
	{ "a comma at the end", { "1," }, -EINVAL, NULL },
	{ "backwards", { "4-2" }, -EINVAL, NULL },
	{ "a tail", { "1x" }, -EINVAL, NULL },
	{ "negative", { "-1" }, -EINVAL, NULL },
	{ "too large", { "99999999999999999999" }, -EINVAL, NULL },
};

static void test_cpus(void **state)
{
	const struct cpu_case *t = *state;
	struct cpu_set l = { 0 };
	struct err e = { 0 };
	char got[9] = "";
	size_t n = 0;
	int rc = 0;

	for (int i = 0; !rc && i < 2 && t->lists[i]; i++)
		rc = cpu_set_add(&l, t->lists[i], &e);
	assert_int_equal(rc, t->rc);
	if (rc) {
		assert_non_null(strstr(e.what, "no list of CPUs"));
	} else {
		for (uint32_t cpu = 0; cpu < 8; cpu++)
			if (cpu_set_has(&l, cpu))
				got[n++] = (char)('0' + cpu);
		assert_string_equal(got, t->want);
	}
	cpu_set_free(&l);
}

int main(void)
{
	const struct CMUnitTest texts[] = { cmocka_unit_test(test_texts) };
	int failed = RUN_ROWS("filter", cases, test_shows);

	failed += RUN_ROWS("filter, not understood", bad, test_bad);
	failed += cmocka_run_group_tests_name("filter texts", texts, NULL, NULL);
	failed += RUN_ROWS("marked events", marks, test_mark);
	return failed + RUN_ROWS("cpu lists", cpus, test_cpus);
}
