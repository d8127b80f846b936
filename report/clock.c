// SPDX-License-Identifier: GPL-2.0
/*
 * clock.c - timestamps: from the file's to the report's
 *
 * Theory of operation
 *
 * The options of a head are read once into a struct report_clock; a timestamp then costs a few
 * branches. Sums wrap as the file's do: a corrupt offset gives a silly time and no error.
 *
 * Formulas and payloads: trace-cmd.dat.v6(5) and v7(5), of the stock trace-cmd, options DATE,
 * OFFSET and TSC2NSEC; TIME_SHIFT is tracedat/shift.h.
 */
#include "report/clock.h"

#include <errno.h>

#include "base/cursor.h"

/* Stock 3.1.6 prints the times of "boot" as a plain number, as it does for counters and cycles. */
static const char *const ns_clocks[] = { "local", "global",   "uptime", "perf",
					 "mono",  "mono_raw", "tai",	"tsc2nsec" };

bool clock_is_ns(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ns_clocks); i++)
		if (!strcmp(name, ns_clocks[i]))
			return true;
	return false;
}

/* Text with a number in any base, as DATE and OFFSET have it; 0 where it is none. */
static uint64_t option_number(struct view v, bool with_sign)
{
	char text[40];
	size_t n = v.len < sizeof(text) ? v.len : sizeof(text) - 1;

	memcpy(text, v.p, n);
	text[n] = '\0';
	return with_sign || text[0] == '-' ? (uint64_t)strtoll(text, NULL, 0)
					   : strtoull(text, NULL, 0);
}

static int read_option(struct report_clock *c, const struct tdat_head *head,
		       const struct tdat_option *o, const struct clock_wish *wish)
{
	struct rcur r = rcur_make(o->data.p, o->data.len, head->big);

	switch (o->id) {
	case TDAT_OPT_DATE:
		if (!wish->no_date)
			c->offset += option_number(o->data, false) * 1000;
		return 0;
	case TDAT_OPT_OFFSET:
		c->offset += option_number(o->data, true);
		return 0;
	case TDAT_OPT_TSC2NSEC:
		c->mult = rcur_u32(&r);
		c->rshift = rcur_u32(&r);
		return r.bad || c->rshift > 63 ? -EPROTO : 0;
	case TDAT_OPT_TIME_SHIFT:
		return c->shift.cpus ? 0 : tdat_shift_parse(&c->shift, o->data, head->big);
	}
	return 0;
}

int report_clock_init(struct report_clock *c, const struct tdat_head *head,
		      const struct clock_wish *wish, struct err *e)
{
	*c = (struct report_clock){ .raw = wish->raw, .ts_offset = wish->ts_offset };
	if (wish->hz)
		c->factor = 1e9 / (double)wish->hz;
	for (size_t i = 0; i < head->noptions; i++) {
		int rc = read_option(c, head, &head->options[i], wish);

		if (rc == -ENOMEM)
			return err_set(e, ENOMEM, "no memory for the clock's corrections");
		if (rc)
			return err_say(e, EPROTO, "option %u of the file (a clock) is damaged",
				       head->options[i].id);
	}
	return 0;
}

void report_clock_free(struct report_clock *c)
{
	tdat_shift_free(&c->shift);
	*c = (struct report_clock){ 0 };
}

/* By the user's factor, in double precision as stock does it. */
static uint64_t rated(uint64_t t, double factor)
{
	double x = (double)t * factor;

	return x < (double)UINT64_MAX ? (uint64_t)x : UINT64_MAX;
}

uint64_t report_clock_time(const struct report_clock *c, uint32_t cpu, uint64_t raw)
{
	uint64_t t = raw;

	if (c->raw)
		return t;
	t += (uint64_t)c->ts_offset;
	t = tdat_shift_time(&c->shift, cpu, t);
	if (c->factor)
		t = rated(t, c->factor);
	else if (c->mult)
		t = tdat_scale(t, c->mult, c->rshift);
	return t + c->offset;
}
