// SPDX-License-Identifier: GPL-2.0
/* test_method.c - which method is chosen for which guest */
#include "tests/unit/base/rows.h"

#include <errno.h>

#include "timesync/control.h"
#include "timesync/method.h"

enum { MAX_NAMES = 3 };

static const struct choose_case {
	const char *name;
	enum ts_role role;
	const char *clock;
	const char *kvm_why; /* why kvm cannot be used here; NULL: it can */
	const char *peer[MAX_NAMES];
	const char *offered[MAX_NAMES];
	const char *chosen; /* NULL: none */
	const char *says;
} cases[] = {
	{ "host with KVM",
	  TS_ROLE_HOST,
	  "x86-tsc",
	  NULL,
	  { "ptp", "kvm" },
	  { "kvm", "ptp" },
	  "kvm",
	  NULL },
	{ "host with KVM, a guest that only knows ptp",
	  TS_ROLE_HOST,
	  "x86-tsc",
	  NULL,
	  { "ptp" },
	  { "kvm", "ptp" },
	  "ptp",
	  NULL },
	{ "host without debugfs",
	  TS_ROLE_HOST,
	  "x86-tsc",
	  "no debugfs",
	  { "ptp", "kvm" },
	  { "ptp" },
	  "ptp",
	  NULL },
	{ "host with another clock",
	  TS_ROLE_HOST,
	  "local",
	  NULL,
	  { "ptp", "kvm" },
	  { "ptp" },
	  "ptp",
	  NULL },
	{ "guest with any clock",
	  TS_ROLE_GUEST,
	  "local",
	  NULL,
	  { "ptp", "kvm" },
	  { "kvm", "ptp" },
	  "kvm",
	  NULL },
	{ "guest with a clock of a newer kernel",
	  TS_ROLE_GUEST,
	  "tai",
	  NULL,
	  { "ptp" },
	  { "kvm", "ptp" },
	  "ptp",
	  NULL },
	{ "network", TS_ROLE_CLIENT, "x86-tsc", NULL, { "kvm", "ptp" }, { "ptp" }, "ptp", NULL },
	{ "network, host's side",
	  TS_ROLE_SERVER,
	  "x86-tsc",
	  NULL,
	  { "kvm" },
	  { "ptp" },
	  NULL,
	  "kvm: not over a network; ptp: the other end does not offer it" },
	{ "nothing in common",
	  TS_ROLE_HOST,
	  "x86-tsc",
	  "no debugfs",
	  { "kvm", "ntp" },
	  { "ptp" },
	  NULL,
	  "kvm: no debugfs; ptp: the other end" },
	{ "the peer has nothing",
	  TS_ROLE_HOST,
	  "local",
	  NULL,
	  { NULL },
	  { "ptp" },
	  NULL,
	  "kvm: not with this trace clock" },
};

static void test_choose(void **state)
{
	const struct choose_case *t = *state;
	struct ts_can can = { .role = t->role, .clock = ts_clock_bit(t->clock) };
	const char *names[TS_NR_METHODS];
	const struct ts_method *m;
	struct err e = { 0 };
	size_t n = 0, offered;

	if (t->kvm_why)
		err_say(&can.why_not[TS_METHOD_KVM], ENOENT, "%s", t->kvm_why);
	offered = ts_methods_offered(&can, names, NULL);
	for (size_t i = 0; i < offered; i++)
		assert_string_equal(names[i], t->offered[i]);
	assert_true(offered == MAX_NAMES || !t->offered[offered]);
	while (n < MAX_NAMES && t->peer[n])
		n++;
	m = ts_method_choose(&can, t->peer, n, &e);
	if (t->chosen)
		assert_string_equal(m->name, t->chosen);
	else
		assert_true(!m && strstr(e.what, t->says));
}

/* The choice of one guest is none of another's. */
static void test_each_its_own(void **state)
{
	const char *const both[] = { "kvm", "ptp" };
	struct ts_can a = { .role = TS_ROLE_HOST, .clock = TS_CLOCK_X86_TSC }, b = a, c = a;
	struct err e = { 0 };
	const char *names[TS_NR_METHODS];

	(void)state;
	err_say(&b.why_not[TS_METHOD_KVM], ESRCH, "no VM");
	err_say(&c.why_not[TS_METHOD_KVM], ESRCH, "no VM");
	err_say(&c.why_not[TS_METHOD_PTP], EACCES, "no instance");
	assert_int_equal(ts_method_choose(&a, both, 2, &e)->id, TS_METHOD_KVM);
	assert_int_equal(ts_method_choose(&b, both, 2, &e)->id, TS_METHOD_PTP);
	assert_null(ts_method_choose(&c, both, 2, &e));
	assert_int_equal(ts_methods_offered(&c, names, &e), 0);
	assert_non_null(strstr(e.what, "kvm: no VM; ptp: no instance"));
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < TS_NR_METHODS; i++) {
		assert_int_equal(ts_methods[i].id, i);
		assert_true(ts_control_knows(ts_methods[i].name));
		assert_true(!i || ts_methods[i].accuracy > ts_methods[i - 1].accuracy);
	}
	assert_int_equal(ts_methods[TS_METHOD_PTP].accuracy, 6000);
	assert_int_equal(ts_clock_bit("local"), 1);
	assert_int_equal(ts_clock_bit("mono_raw"), 64);
	assert_int_equal(ts_clock_bit("x86-tsc"), 256);
	assert_int_equal(ts_clock_bit(""), TS_CLOCK_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_its_own),
					    cmocka_unit_test(test_table) };
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed + RUN_ROWS("choice", cases, test_choose);
}
