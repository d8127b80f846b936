// SPDX-License-Identifier: GPL-2.0
/*
 * now.c - the time of a trace clock now, read without the tracer
 *
 * Theory of operation
 *
 * The tracer's clock "x86-tsc" is the TSC, the others here are the kernel's clocks of the same
 * names: a fast read of the same time base, so the difference is below what a message takes.
 *
 * The TSC's rate is measured against CLOCK_MONOTONIC_RAW, which is the TSC (or a clock as good)
 * scaled by a constant. Each end is the tightest of some readings, so that an interrupt between the
 * two clocks does not count.
 */
#include "timesync/now.h"

#include <time.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

#include "tracedat/head.h"

enum { READINGS = 16, RATE_SHIFT = 31 };

static uint64_t tsc_now(void)
{
#if defined(__x86_64__) || defined(__i386__)
	_mm_lfence();
	return __rdtsc();
#else
	return 0;
#endif
}

static uint64_t ns_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static const struct {
	const char *name;
	clockid_t id;
} clocks[] = {
	{ "mono", CLOCK_MONOTONIC },
	{ "mono_raw", CLOCK_MONOTONIC_RAW },
	{ "boot", CLOCK_BOOTTIME },
	{ "tai", CLOCK_TAI },
};

bool ts_now_can(const char *clock)
{
	if (!strcmp(clock, "x86-tsc"))
		return tsc_now();
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
		if (!strcmp(clocks[i].name, clock))
			return true;
	return false;
}

uint64_t ts_now(const char *clock)
{
	if (!strcmp(clock, "x86-tsc"))
		return tsc_now();
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
		if (!strcmp(clocks[i].name, clock))
			return ns_of(clocks[i].id);
	return 0;
}

bool ts_now_is_per_cpu(const char *clock)
{
	static const char *const shared[] = { "global", "uptime" };

	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		if (!strcmp(shared[i], clock))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
		if (!strcmp(clocks[i].name, clock))
			return false;
	return true;
}

uint32_t ts_apic_id(void)
{
#if defined(__x86_64__) || defined(__i386__)
	uint32_t a, b, c, d;

	/* The leaf of topology has all 32 bits of it in edx, the old one 8 in ebx. */
	if (__get_cpuid_count(0xb, 0, &a, &b, &c, &d) && b)
		return d;
	if (__get_cpuid(1, &a, &b, &c, &d))
		return b >> 24;
#endif
	return UINT32_MAX;
}

void ts_rate_begin(struct ts_rate *r)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < READINGS; i++) {
		uint64_t before = tsc_now(), ns = ns_of(CLOCK_MONOTONIC_RAW), after = tsc_now();

		if (after - before >= best)
			continue;
		best = after - before;
		r->tsc = before + best / 2;
		r->ns = ns;
	}
}

bool ts_rate_end(const struct ts_rate *r, uint32_t *mult, uint32_t *shift)
{
	struct ts_rate now;
	double scaled;

	ts_rate_begin(&now);
	if (now.tsc <= r->tsc || now.ns <= r->ns)
		return false;
	/* ns a tick, below 2 on all machines above 500 MHz; scaled to fill 32 bits. */
	scaled = (double)(now.ns - r->ns) / (double)(now.tsc - r->tsc) *
		 (double)(1ULL << RATE_SHIFT);
	if (scaled < 1 || scaled > UINT32_MAX)
		return false;
	*mult = (uint32_t)(scaled + 0.5);
	*shift = RATE_SHIFT;
	return true;
}

int ts_rate_put(uint32_t mult, uint32_t shift, struct buf *to, struct err *e)
{
	struct {
		uint32_t mult, shift;
		uint64_t offset;
	} rate = { mult, shift, 0 };

	return tdat_put_option(to, TDAT_OPT_TSC2NSEC, &rate, sizeof(rate), e);
}
