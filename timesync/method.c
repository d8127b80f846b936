// SPDX-License-Identifier: GPL-2.0
/*
 * method.c - the choice of a method
 *
 * Theory of operation
 *
 * The table is in order of accuracy. An end goes down the table and takes the first row that its
 * role and clock allow, that nothing speaks against, and that the peer has, too.
 */
#include "timesync/method.h"

#include <errno.h>

enum {
	ALL_CLOCKS = ~0U,
	ALL_ROLES = TS_ROLE_HOST | TS_ROLE_GUEST | TS_ROLE_CLIENT | TS_ROLE_SERVER
};

const struct ts_method ts_methods[TS_NR_METHODS] = {
	[TS_METHOD_KVM] = { TS_METHOD_KVM, "kvm", 0, TS_STEPS, TS_ROLE_HOST | TS_ROLE_GUEST,
			    TS_CLOCK_X86_TSC, ALL_CLOCKS },
	[TS_METHOD_PTP] = { TS_METHOD_PTP, "ptp", 6000, TS_MEASURED, ALL_ROLES, ALL_CLOCKS,
			    ALL_CLOCKS },
};

static const char *const clocks[] = { "local", "global",   "counter", "uptime", "perf",
				      "mono",  "mono_raw", "boot",    "x86-tsc" };

uint32_t ts_clock_bit(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
		if (!strcmp(clocks[i], name))
			return BIT(i);
	return TS_CLOCK_OTHER;
}

/* NULL: @m can be used; else why not. */
static const char *why_not(const struct ts_method *m, const struct ts_can *can)
{
	uint32_t of = can->role & (TS_ROLE_HOST | TS_ROLE_SERVER) ? m->host_clocks
								  : m->guest_clocks;

	if (!(m->roles & can->role))
		return "not over a network";
	if (!(of & can->clock))
		return "not with this trace clock";
	return can->why_not[m->id].code ? can->why_not[m->id].what : NULL;
}

static bool has_name(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* Add "kvm: REASON" to the text of all reasons. */
static void add_reason(char *all, size_t room, const char *name, const char *why)
{
	size_t len = strlen(all);

	snprintf(all + len, room - len, "%s%s: %s", len ? "; " : "", name, why);
}

static int none_left(const char *reasons, struct err *e)
{
	return err_say(e, EOPNOTSUPP, "no method to find the guest's clock (%s)", reasons);
}

size_t ts_methods_offered(const struct ts_can *can, const char **names, struct err *e)
{
	char reasons[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < TS_NR_METHODS; i++) {
		const char *why = why_not(&ts_methods[i], can);

		if (why)
			add_reason(reasons, sizeof(reasons), ts_methods[i].name, why);
		else
			names[n++] = ts_methods[i].name;
	}
	if (!n)
		none_left(reasons, e);
	return n;
}

const struct ts_method *ts_method_choose(const struct ts_can *can, const char *const *names,
					 size_t n, struct err *e)
{
	char reasons[512] = "";

	for (size_t i = 0; i < TS_NR_METHODS; i++) {
		const char *why = why_not(&ts_methods[i], can);

		if (!why && has_name(names, n, ts_methods[i].name))
			return &ts_methods[i];
		add_reason(reasons, sizeof(reasons), ts_methods[i].name,
			   why ? why : "the other end does not offer it");
	}
	none_left(reasons, e);
	return NULL;
}
