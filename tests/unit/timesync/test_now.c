// SPDX-License-Identifier: GPL-2.0
/* test_now.c - clocks as user space reads them, how fast the TSC runs, which CPU this is */
#include "tests/unit/base/rows.h"

#include <sched.h>
#include <unistd.h>

#include "timesync/now.h"

static const struct clock_case {
	const char *name;
	bool can, per_cpu;
} clocks[] = {
	{ "mono", true, false },   { "mono_raw", true, false }, { "boot", true, false },
	{ "tai", true, false },	   { "local", false, true },	{ "global", false, false },
	{ "x86-tsc", true, true }, /* on an x86 */
};

static void test_clock(void **state)
{
	const struct clock_case *c = *state;
	uint64_t a = ts_now(c->name), b = ts_now(c->name);

	assert_int_equal(ts_now_is_per_cpu(c->name), c->per_cpu);
	if (c->can && c->per_cpu && !ts_now_can(c->name))
		skip();
	assert_int_equal(ts_now_can(c->name), c->can);
	assert_true(c->can ? a && b >= a : !a);
}

static bool measure(unsigned int ms, uint32_t *mult, uint32_t *shift)
{
	struct ts_rate r;

	ts_rate_begin(&r);
	usleep(ms * 1000);
	return ts_rate_end(&r, mult, shift);
}

/*
 * Two measurements of 0.3 s agree to 3 ppm, a reading being good to some 0.1 us at either end: of a
 * minute it is 10 ppb, 0.6 us at its end. The number has room for less than that.
 */
static void test_rate(void **state)
{
	uint32_t mult[2], shift[2];
	double a, b;

	(void)state;
	if (!measure(300, &mult[0], &shift[0]))
		skip();
	assert_true(measure(300, &mult[1], &shift[1]));
	assert_int_equal(shift[0], shift[1]);
	a = mult[0];
	b = mult[1];
	print_message("%.4f ppm apart, a unit is %.1f ppb\n", (a - b) / a * 1e6, 1e9 / a);
	assert_true(a - b < a * 3e-6 && b - a < a * 3e-6);
	assert_true(mult[0] > 100000000);
}

/* What the CPU says of itself is what the kernel says of it. */
static void test_apic(void **state)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	unsigned int cpu = 0, id;
	char line[4096];
	size_t known = 0;

	(void)state;
	while (f && fgets(line, sizeof(line), f)) {
		cpu_set_t set;

		sscanf(line, "processor : %u", &cpu);
		if (sscanf(line, "apicid : %u", &id) != 1)
			continue;
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			continue;
		assert_int_equal(ts_apic_id(), id);
		known++;
	}
	if (f)
		fclose(f);
	if (!known)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rate),
					    cmocka_unit_test(test_apic) };

	return cmocka_run_group_tests(tests, NULL, NULL) + RUN_ROWS("clock", clocks, test_clock);
}
