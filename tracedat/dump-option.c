// SPDX-License-Identifier: GPL-2.0
/*
 * dump-option.c - print the options of a trace.dat, each in its own form
 *
 * Theory of operation
 *
 * A table says the name and how the payload is printed. All payloads are read through a cursor:
 * what a cut one does not have prints as 0 or not at all, and tdat_check() is who complains.
 *
 * Two kinds of options are printed for more than --options: buffers belong to --flyrecord too, and
 * the list of clocks to --clock.
 */
#include "tracedat/dump_local.h"

static struct rcur cursor(const struct dump *d, const struct tdat_option *o)
{
	return rcur_make(o->data.p, o->data.len, d->f->head.big);
}

static unsigned long long u64(struct rcur *c)
{
	return rcur_u64(c);
}

static void put_name(struct dump *d, struct rcur *c, const char *before, const char *after)
{
	const char *name = rcur_text(c);

	fprintf(d->to, "%s", before);
	if (name)
		dump_text(d, (struct view){ (const uint8_t *)name, strlen(name) });
	fprintf(d->to, "%s", after);
}

static void text(struct dump *d, const struct tdat_option *o)
{
	dump_text(d, o->data);
	putc('\n', d->to);
}

static void number(struct dump *d, const struct tdat_option *o)
{
	struct rcur c = cursor(d, o);

	fprintf(d->to, "%u\n", rcur_u32(&c));
}

static void trace_id(struct dump *d, const struct tdat_option *o)
{
	struct rcur c = cursor(d, o);

	fprintf(d->to, "0x%llX\n", u64(&c));
}

static void tsc2nsec(struct dump *d, const struct tdat_option *o)
{
	struct rcur c = cursor(d, o);
	uint32_t mult = rcur_u32(&c), shift = rcur_u32(&c);

	fprintf(d->to, "%u %u %llu [multiplier, shift, offset]\n", mult, shift, u64(&c));
}

static void guest(struct dump *d, const struct tdat_option *o)
{
	struct rcur c = cursor(d, o);
	uint32_t cpus;

	put_name(d, &c, "", " [Guest name]\n");
	fprintf(d->to, "0x%llX [trace id]\n", u64(&c));
	cpus = rcur_u32(&c);
	fprintf(d->to, "%u [Guest CPUs]\n", cpus);
	while (cpus-- && !c.bad) {
		uint32_t cpu = rcur_u32(&c), pid = rcur_u32(&c);

		if (!c.bad)
			fprintf(d->to, "  %u %d [guest cpu, host pid]\n", cpu, (int)pid);
	}
	putc('\n', d->to);
}

/* One CPU's arrays of times, offsets and scalings; the fractions come from behind the last CPU. */
static void shift_samples(struct dump *d, struct rcur *c, struct rcur *fractions)
{
	uint32_t n = rcur_u32(c);
	struct rcur times, offsets, scalings;

	if (c->bad || n > c->left / 24)
		return;
	times = rcur_sub(c, n * (size_t)8);
	offsets = rcur_sub(c, n * (size_t)8);
	scalings = rcur_sub(c, n * (size_t)8);
	for (uint32_t i = 0; i < n; i++) {
		unsigned long long off = u64(&offsets), scale = u64(&scalings);
		unsigned long long fraction = u64(fractions);

		fprintf(d->to, "\t%lld %llu %llu %llu[offset * scaling >> fraction @ time]\n",
			(long long)off, scale, fraction, u64(&times));
	}
}

static void time_shift(struct dump *d, const struct tdat_option *o)
{
	struct rcur c = cursor(d, o), samples, look;
	unsigned long long peer = u64(&c);
	uint32_t flags = rcur_u32(&c), cpus = rcur_u32(&c);

	fprintf(d->to, "0x%llx [peer's trace id]\n0x%x [peer's protocol flags]\n", peer, flags);
	fprintf(d->to, "0x%x [peer's CPU count]\n", cpus);
	samples = look = c;
	for (uint32_t i = 0; i < cpus && !look.bad; i++) {
		uint32_t n = rcur_u32(&look);

		if (n > look.left / 24)
			look.bad = true;
		else
			rcur_take(&look, n * (size_t)24);
		if (!look.bad)
			fprintf(d->to, "%u [samples count for CPU %u]\n", n, i);
	}
	for (uint32_t i = 0; i < cpus && !samples.bad && samples.left; i++)
		shift_samples(d, &samples, &look);
}

/* Version 6: {u64 offset, name}; version 7: {.., clock, page size, CPUs}. */
static void buffer(struct dump *d, const struct tdat_option *o)
{
	struct rcur c = cursor(d, o);
	uint32_t page_size, cpus;

	fprintf(d->to, "%llu [offset]\n", u64(&c));
	put_name(d, &c, "\"", "\" [name]\n");
	if (d->f->version == 6)
		return;
	put_name(d, &c, "\"", "\" [clock]\n");
	if (o->id == TDAT_OPT_BUFFER_TEXT)
		return;
	page_size = rcur_u32(&c);
	cpus = rcur_u32(&c);
	fprintf(d->to, "%u [Page size, bytes]\n%u [CPUs]:\n", page_size, cpus);
	while (cpus-- && !c.bad) {
		uint32_t cpu = rcur_u32(&c);
		unsigned long long off = u64(&c), len = u64(&c);

		if (!c.bad)
			fprintf(d->to, "   %u %llu\t%llu\t[id, data offset and size]\n", cpu, off,
				len);
	}
}

/* Behind the option's name, on its line. */
static void section(struct dump *d, const struct tdat_option *o)
{
	struct rcur c = cursor(d, o);

	fprintf(d->to, " @ %llu\n", u64(&c));
}

static const struct option_form {
	uint16_t id;
	bool same_line; /* the payload's text begins behind the name */
	const char *name;
	void (*print)(struct dump *d, const struct tdat_option *o);
	unsigned int also; /* printed for these bits too */
} forms[] = {
	{ TDAT_OPT_DATE, false, "DATE", text, 0 },
	{ TDAT_OPT_CPUSTAT, false, "CPUSTAT", text, 0 },
	{ TDAT_OPT_BUFFER, false, "BUFFER", buffer, DUMP_FLYRECORD },
	{ TDAT_OPT_TRACECLOCK, false, "TRACECLOCK", text, DUMP_CLOCK },
	{ TDAT_OPT_UNAME, false, "UNAME", text, 0 },
	{ TDAT_OPT_HOOK, false, "HOOK", text, 0 },
	{ TDAT_OPT_OFFSET, false, "OFFSET", text, 0 },
	{ TDAT_OPT_CPUCOUNT, false, "CPUCOUNT", number, 0 },
	{ TDAT_OPT_VERSION, false, "VERSION", text, 0 },
	{ TDAT_OPT_PROCMAPS, false, "PROCMAPS", text, 0 },
	{ TDAT_OPT_TRACEID, false, "TRACEID", trace_id, 0 },
	{ TDAT_OPT_TIME_SHIFT, false, "TimeShift", time_shift, 0 },
	{ TDAT_OPT_GUEST, false, "GUEST", guest, 0 },
	{ TDAT_OPT_TSC2NSEC, false, "TSC2NSEC", tsc2nsec, 0 },
	{ TDAT_OPT_HEADER_INFO, true, "HEADERS", section, 0 },
	{ TDAT_OPT_FTRACE_EVENTS, true, "FTRACE EVENTS", section, 0 },
	{ TDAT_OPT_EVENT_FORMATS, true, "EVENT FORMATS", section, 0 },
	{ TDAT_OPT_KALLSYMS, true, "KALLSYMS", section, 0 },
	{ TDAT_OPT_PRINTK, true, "PRINTK", section, 0 },
	{ TDAT_OPT_CMDLINES, true, "CMDLINES", section, 0 },
	{ TDAT_OPT_BUFFER_TEXT, false, "BUFFER", buffer, DUMP_FLYRECORD },
};

void dump_option(struct dump *d, const struct tdat_option *o)
{
	const struct option_form *form = NULL;
	bool named;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].id == o->id)
			form = &forms[i];
	if (!dump_wants(d, DUMP_OPTIONS | (form ? form->also : 0)))
		return;
	if (!form) {
		fprintf(d->to, " %u %zu\t[Unknown option, size - skipping]\n", (unsigned int)o->id,
			o->data.len);
		return;
	}
	/* --clock alone is the text alone. */
	named = o->id != TDAT_OPT_TRACECLOCK || dump_wants(d, DUMP_OPTIONS);
	if (named)
		fprintf(d->to, "\t\t[Option %s, %zu bytes]%s", form->name, o->data.len,
			form->same_line ? "" : "\n");
	form->print(d, o);
}
