// SPDX-License-Identifier: GPL-2.0
/*
 * check.c - walk a whole trace.dat and tell what is wrong in it
 *
 * Theory of operation
 *
 * The reader takes what it can use; the checker asks for what a writer must have done. It opens the
 * file with the reader, whose own errors are the first problem there can be, and then goes over
 * four lists: the sections of version 7 one behind the other to the end of the file, the options,
 * the tables of the buffers, and all events of each CPU in turn.
 *
 * A problem is a line of text; the walk goes on behind it where that makes sense.
 */
#include "tracedat/check.h"

#include <errno.h>
#include <stdarg.h>
#include "tracedat/reader_local.h"

enum { LINES_MAX = 100 };

struct check {
	void (*say)(void *ctx, const char *line);
	void *ctx;
	struct tdat_file *f;
	size_t problems;
};

static void PRINTF(2, 3) problem(struct check *c, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (c->problems++ >= LINES_MAX || !c->say)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->say(c->ctx, line);
}

static void problem_err(struct check *c, const struct err *e)
{
	char line[512];

	problem(c, "%s", err_text(e, line, sizeof(line)));
}

/* --- sections */

static uint64_t strings_size(const struct tdat_file *f)
{
	uint64_t total = 0, at = f->after_head;
	struct section s;

	while (at < f->size && !section_at(f, at, true, &s, NULL)) {
		if (s.id == TDAT_OPT_STRINGS)
			total += s.flags & SECTION_PACKED ? TDAT_NO_STRING : s.len;
		at += SECTION_LEN + s.len;
	}
	return total;
}

static void check_sections(struct check *c)
{
	const struct tdat_file *f = c->f;
	uint64_t strings = strings_size(f), at = f->after_head;
	struct err e = { 0 };
	struct section s;

	while (at < f->size) {
		if (section_at(f, at, true, &s, &e)) {
			problem_err(c, &e);
			return;
		}
		if (s.string != TDAT_NO_STRING && s.string >= strings)
			problem(c, "offset %#llx: the section's name is not in the strings",
				(unsigned long long)at);
		if (s.flags & ~SECTION_PACKED)
			problem(c, "offset %#llx: the section has unknown flags %#x",
				(unsigned long long)at, (unsigned int)s.flags);
		at += SECTION_LEN + s.len;
	}
}

/* --- options */

enum { TEXT = 0xffff };

static const struct option_rule {
	uint16_t id, size; /* exact size, or TEXT: must end with NUL */
} rules[] = {
	{ TDAT_OPT_DATE, TEXT },  { TDAT_OPT_CPUSTAT, TEXT }, { TDAT_OPT_TRACECLOCK, TEXT },
	{ TDAT_OPT_UNAME, TEXT }, { TDAT_OPT_HOOK, TEXT },    { TDAT_OPT_OFFSET, TEXT },
	{ TDAT_OPT_CPUCOUNT, 4 }, { TDAT_OPT_VERSION, TEXT }, { TDAT_OPT_PROCMAPS, TEXT },
	{ TDAT_OPT_TRACEID, 8 },  { TDAT_OPT_TSC2NSEC, 16 },
};

static void check_option(struct check *c, size_t i, const struct tdat_option *o)
{
	for (size_t r = 0; r < ARRAY_SIZE(rules); r++) {
		size_t n = o->data.len;

		if (rules[r].id != o->id)
			continue;
		if (rules[r].size == TEXT ? !n || o->data.p[n - 1] : n != rules[r].size)
			problem(c, "option number %zu (id %u) has %zu bytes and the wrong form", i,
				(unsigned int)o->id, n);
	}
}

/* Sections that no reader needs. */
static void check_extra(struct check *c, uint16_t id)
{
	struct err e = { 0 };
	struct view body;

	if (c->f->version == 7 && tdat_head_option(&c->f->head, id) &&
	    file_section(c->f, id, &body, &e))
		problem_err(c, &e);
}

static void check_options(struct check *c)
{
	const struct tdat_head *h = &c->f->head;

	for (size_t i = 0; i < h->noptions; i++)
		check_option(c, i, &h->options[i]);
	check_extra(c, TDAT_OPT_BTF_FILE);
	check_extra(c, TDAT_OPT_MODULES);
	if (c->f->version == 7 && !tdat_head_option(h, TDAT_OPT_CPUCOUNT))
		problem(c, "no option says the number of CPUs");
}

/* --- buffers and pages */

static void check_table(struct check *c, const struct tdat_file_buffer *b)
{
	uint64_t page = min_u64(b->page_size, c->f->head.page_size);

	for (size_t i = 0; i < b->ncpus; i++) {
		const struct tdat_file_cpu *cpu = &b->cpus[i];

		if (cpu->len && cpu->off % page)
			problem(c, "offset %#llx: the pages of CPU %u are not aligned",
				(unsigned long long)cpu->off, cpu->cpu);
		if (c->f->head.cpus && cpu->len && cpu->cpu >= c->f->head.cpus &&
		    c->f->version == 7)
			problem(c, "CPU %u of a buffer is not within the %u CPUs of the machine",
				cpu->cpu, c->f->head.cpus);
	}
}

static void check_events(struct check *c, size_t buffer, size_t cpu)
{
	struct err e = { 0 };
	struct tdat_cursor *cur = tdat_cursor_new(c->f, buffer, cpu, &e);
	struct tdat_event ev;
	uint64_t last = 0;
	int rc;

	if (!cur) {
		problem_err(c, &e);
		return;
	}
	while ((rc = tdat_cursor_next(cur, &ev, &e)) != 0) {
		if (rc < 0) {
			problem_err(c, &e);
			continue;
		}
		if (ev.ts < last)
			problem(c, "offset %#llx: the time of CPU %u goes back from %llu to %llu",
				(unsigned long long)ev.offset, ev.cpu, (unsigned long long)last,
				(unsigned long long)ev.ts);
		if (ev.size < 2)
			problem(c, "offset %#llx: an event without an id",
				(unsigned long long)ev.offset);
		last = ev.ts;
	}
	tdat_cursor_free(cur);
}

static void check_buffers(struct check *c)
{
	for (size_t i = 0; i < c->f->nbuffers; i++) {
		check_table(c, &c->f->buffers[i]);
		for (size_t k = 0; k < c->f->buffers[i].ncpus; k++)
			check_events(c, i, k);
	}
	if (!c->f->nbuffers && !c->f->has_latency)
		problem(c, "the file has neither pages nor latency text");
}

int tdat_check(const char *path, void (*say)(void *ctx, const char *line), void *ctx, struct err *e)
{
	struct check c = { .say = say, .ctx = ctx };
	struct err own = { 0 };
	struct tdat_file *f = tdat_open(path, &own);

	if (!f && own.code != EPROTO && own.code != ENODATA) {
		if (e)
			*e = own;
		return -own.code;
	}
	if (!f) {
		problem_err(&c, &own);
		return err_say(e, EPROTO, "%s: damaged, cannot be read", path);
	}
	c.f = f;
	if (f->version == 7)
		check_sections(&c);
	check_options(&c);
	check_buffers(&c);
	tdat_close(f);
	return c.problems ? err_say(e, EPROTO, "%s: %zu problems", path, c.problems) : 0;
}
