// SPDX-License-Identifier: GPL-2.0
/*
 * test_run.c - whole reports over made-up files: merge, prefixes, CPUs, damage
 */
#include "tests/unit/tracedat/fixture.c"

#include "tests/unit/base/rows.h"

#include "report/report.h"

enum { MAX_FILES = 2 };

static const struct fx_file two_cpus = { "v6, 2 CPUs", &fx_le64, 6,    2, 3, 5, -1, 0, 0, 0,
					 "local",      false,	 false };
static const struct fx_file lossy = { "v7, losses", &fx_le64, 7,    1, 2, 5, -1, 9, 0, 0,
				      "local",	    false,    false };
static const struct fx_file instance = { "v7, instance", &fx_le64, 7,	 1, 1, 2, -1, 0, 1, 0,
					 "local",	 false,	   false };
static const struct fx_file other_order = { "v6, big endian", &fx_be64, 6,    1, 2, 5, -1, 0, 0, 0,
					    "local",	      false,	false };

static const struct run_case {
	const char *name;
	const struct fx_file *files[MAX_FILES];
	const char *cpus;
	uint64_t break_at; /* from the end of the first file: the byte there is set to 0xff */
	uint64_t printed, damaged;
	const char *has, *has_not; /* texts in the report */
} cases[] = {
	{ "all events", { &two_cpus }, NULL, 0, 30, 0, "cpus=2\n", "DROPPED" },
	{ "one CPU", { &two_cpus }, "1", 0, 15, 0, " [001] ", " [000] " },
	{ "losses", { &lossy }, NULL, 0, 10, 0, "CPU:0 [9 EVENTS DROPPED]\n", "CPU:1" },
	{ "an instance", { &instance }, NULL, 0, 4, 0, "cpus=1\n  ", "DROPPED" },
	{ "another byte order", { &other_order }, NULL, 0, 10, 0, "tick:", "UNKNOWN" },
	{ "two files", { &two_cpus, &lossy }, NULL, 0, 40, 0, ": cpus=2\n", "UNKNOWN" },
	{ "a file twice", { &two_cpus, &two_cpus }, NULL, 0, 60, 0, ": cpus=2\n", "DROPPED" },
	/* The commit word of the last page: it says more than the page has. */
	{ "a broken page costs its events",
	  { &two_cpus },
	  NULL,
	  4096 - 9,
	  25,
	  1,
	  "tick:",
	  "DROPPED" },
};

/* The files of the case under paths of this process; the plan names them. */
static void make_files(const struct run_case *t, int *fds, char (*paths)[64],
		       struct report_plan *plan)
{
	for (int i = 0; i < MAX_FILES && t->files[i]; i++) {
		off_t size;

		fds[i] = fx_memfile(NULL);
		assert_int_equal(fx_write(fds[i], t->files[i], NULL), 0);
		size = lseek(fds[i], 0, SEEK_END);
		if (!i && t->break_at)
			assert_int_equal(pwrite(fds[i], "\x20", 1, size - (off_t)t->break_at), 1);
		assert_int_equal(report_plan_file(plan, fx_path(fds[i], paths[i]), NULL), 0);
	}
}

/* Lines with an event, in order of time. */
static void check_lines(const char *text, uint64_t want)
{
	double last = 0;
	uint64_t n = 0;

	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		const char *at = strchr(line, ']');
		const char *end = strchr(line, '\n');
		double ts;

		assert_non_null(end);
		if (!at || at > end || strstr(line, "DROPPED]\n") == end - 8)
			continue;
		ts = strtod(at + 1, NULL);
		assert_true(ts >= last);
		last = ts;
		n++;
	}
	assert_int_equal(n, want);
}

static void test_run(void **state)
{
	const struct run_case *t = *state;
	struct report_plan plan = { .tep.no_plugins = true, .style.full_time = true };
	struct report_result res;
	int fds[MAX_FILES] = { -1, -1 };
	char paths[MAX_FILES][64], *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	struct err e = { 0 };

	make_files(t, fds, paths, &plan);
	if (t->cpus)
		assert_int_equal(cpu_set_add(&plan.cpus, t->cpus, NULL), 0);
	assert_int_equal(report_run(&plan, to, stderr, &res, &e), 0);
	fclose(to);
	assert_int_equal(res.printed, t->printed);
	assert_int_equal(res.damaged, t->damaged);
	if (t->damaged)
		assert_non_null(strstr(res.first.what, paths[0]));
	assert_non_null(strstr(text, t->has));
	assert_null(strstr(text, t->has_not));
	check_lines(text, t->printed);
	report_plan_free(&plan);
	for (int i = 0; i < MAX_FILES; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(text);
}

int main(void)
{
	return RUN_ROWS("run", cases, test_run);
}
