/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rows.h - a table of cases, one named test a row
 *
 * A row is a struct whose first member is its name (const char *); the test finds it as *state.
 */
#ifndef TESTS_UNIT_BASE_ROWS_H
#define TESTS_UNIT_BASE_ROWS_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/base.h"

/* The number of rows that failed; a table without rows counts as a failure. */
static inline int run_rows(const char *group, const void *rows, size_t size, size_t n,
			   CMUnitTestFunction test)
{
	struct CMUnitTest *tests = calloc(n, sizeof(*tests));
	int failed = 1;

	for (size_t i = 0; tests && i < n; i++) {
		const void *row = (const char *)rows + i * size;

		tests[i].name = *(const char *const *)row;
		tests[i].test_func = test;
		tests[i].initial_state = (void *)(uintptr_t)row;
	}
	if (tests && n)
		failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
	free(tests);
	return failed;
}

#define RUN_ROWS(group, rows, test) run_rows(group, rows, sizeof((rows)[0]), ARRAY_SIZE(rows), test)

#endif
