// SPDX-License-Identifier: GPL-2.0
/* test_agent_args.c - how often a host may have each CPU looked at */
#include "tests/unit/base/rows.h"

#include "recording/agent-args.h"

static const struct row {
	const char *name;
	const char *us;
	uint64_t want;
} rows[] = {
	{ "none given", NULL, 1000000 },
	{ "a second", "1000000", 1000000 },
	{ "too often", "1", 1000 },
	{ "hardly ever", "18446744073709551", 18446744073709551 },
	{ "one that is small again in ns", "18446744073709552", 18446744073709551 },
	{ "the largest", "18446744073709551615", 18446744073709551 },
};

static void test_interval(void **state)
{
	const struct row *row = *state;
	const char *const words[] = { "-e", "all", "-s", row->us };
	struct agent_args a;
	struct err e = { 0 };

	assert_int_equal(agent_args_parse(&a, row->us ? 4 : 2, words, &e), 0);
	assert_int_equal(a.interval_us, row->want);
	agent_args_free(&a);
}

int main(void)
{
	return RUN_ROWS("agent args", rows, test_interval);
}
