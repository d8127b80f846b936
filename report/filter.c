// SPDX-License-Identifier: GPL-2.0
/*
 * filter.c - -F, -v, -I and -S of report, and lists of CPUs
 *
 * Theory of operation
 *
 * Each -F is a tep_event_filter of its own: in one filter a later condition on an event would take
 * the place of an earlier one, while several -F mean "or". Hidden are events that match any filter
 * after -v; of the others, where there are filters without -v, only what matches one of them shows.
 */
#include "report/filter.h"

#include <ctype.h>
#include <errno.h>

enum { MAX_CPU = 1 << 20 };

struct part {
	struct tep_event_filter *filter; /* owned */
	bool exclude;
};

struct filter {
	struct tep_handle *tep; /* borrowed */
	struct part *parts;	/* owned */
	size_t n;
	size_t includes; /* how many of the parts show, and of those that match nothing */
	unsigned int hide_flags;
};

struct filter *filter_new(struct tep_handle *tep, struct err *e)
{
	struct filter *f = calloc(1, sizeof(*f));

	if (!f) {
		err_set(e, ENOMEM, "no memory for a filter");
		return NULL;
	}
	f->tep = tep;
	return f;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		tep_filter_free(f->parts[i].filter);
	free(f->parts);
	free(f);
}

/* A condition that ends in an operator: libtraceevent 1.7.1 reads on behind it, and crashes. */
static bool is_half(const char *text)
{
	size_t n = strlen(text);

	if (!strchr(text, ':'))
		return false;
	while (n && isspace((unsigned char)text[n - 1]))
		n--;
	return n && strchr("=<>&|^+-*/%!~", text[n - 1]);
}

int filter_add(struct filter *f, const char *text, bool exclude, struct err *e)
{
	struct tep_event_filter *tf;
	struct part *parts;
	enum tep_errno rc;

	if (is_half(text))
		return err_say(e, EINVAL, "the filter '%s' ends in an operator", text);
	parts = realloc(f->parts, (f->n + 1) * sizeof(*parts));
	tf = tep_filter_alloc(f->tep);
	if (parts)
		f->parts = parts;
	if (!parts || !tf) {
		tep_filter_free(tf);
		return err_set(e, ENOMEM, "no memory for the filter '%s'", text);
	}
	rc = tep_filter_add_filter_str(tf, text);
	if (rc) {
		char why[256] = "";

		tep_filter_strerror(tf, rc, why, sizeof(why));
		tep_filter_free(tf);
		err_say(e, EINVAL, "the filter '%s' is not understood: %s", text, why);
		return err_hint(e, "'trace-cmd report --events' lists the events and fields");
	}
	f->parts[f->n++] = (struct part){ tf, exclude };
	f->includes += !exclude;
	return 0;
}

void filter_add_nothing(struct filter *f, bool exclude)
{
	f->includes += !exclude;
}

void filter_hide_flags(struct filter *f, unsigned int flags)
{
	f->hide_flags |= flags;
}

bool filter_shows(struct filter *f, struct tep_record *rec)
{
	bool included = !f->includes;

	if (f->hide_flags && ((unsigned int)tep_data_flags(f->tep, rec) & f->hide_flags))
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (included && !f->parts[i].exclude)
			continue;
		if (tep_filter_match(f->parts[i].filter, rec) != TEP_ERRNO__FILTER_MATCH)
			continue;
		if (f->parts[i].exclude)
			return false;
		included = true;
	}
	return included;
}

/* @at counts over all parts; in one, stock goes from the highest event id down. */
char *filter_next_text(const struct filter *f, size_t *at)
{
	size_t i = *at;

	for (size_t p = 0; p < f->n; p++) {
		const struct tep_event_filter *tf = f->parts[p].filter;
		char *condition, *text = NULL;

		if (i >= (size_t)tf->filters) {
			i -= (size_t)tf->filters;
			continue;
		}
		++*at;
		i = (size_t)tf->filters - 1 - i;
		condition =
			tep_filter_make_string(f->parts[p].filter, tf->event_filters[i].event_id);
		if (asprintf(&text, "%s: %s", tf->event_filters[i].event->name,
			     condition ? condition : "") < 0)
			text = NULL;
		free(condition);
		return text;
	}
	return NULL;
}

static int parse_cpu(const char **at, uint32_t *to, const char *text, struct err *e)
{
	unsigned long cpu;
	char *end;

	while (isspace((unsigned char)**at))
		++*at;
	if (!isdigit((unsigned char)**at))
		return err_say(e, EINVAL, "'%s' is no list of CPUs: a number is missing at '%s'",
			       text, *at);
	errno = 0;
	cpu = strtoul(*at, &end, 10);
	if (errno || cpu >= MAX_CPU)
		return err_say(e, EINVAL, "'%s' is no list of CPUs: %.20s is too large", text, *at);
	*at = end;
	*to = (uint32_t)cpu;
	return 0;
}

static int add_range(struct cpu_set *l, uint32_t first, uint32_t last, struct err *e)
{
	uint32_t *ranges = realloc(l->ranges, (l->n + 1) * 2 * sizeof(*ranges));

	if (!ranges)
		return err_set(e, ENOMEM, "no memory for a list of CPUs");
	l->ranges = ranges;
	ranges[2 * l->n] = first;
	ranges[2 * l->n + 1] = last;
	l->n++;
	return 0;
}

int cpu_set_add(struct cpu_set *l, const char *text, struct err *e)
{
	const char *at = text;
	uint32_t first, last;
	int rc;

	for (;;) {
		rc = parse_cpu(&at, &first, text, e);
		if (rc)
			return rc;
		last = first;
		if (*at == '-') {
			at++;
			rc = parse_cpu(&at, &last, text, e);
			if (rc)
				return rc;
		}
		if (last < first)
			return err_say(e, EINVAL, "'%s' is no list of CPUs: %u-%u goes backwards",
				       text, first, last);
		rc = add_range(l, first, last, e);
		if (rc || !*at)
			return rc;
		if (*at != ',' && *at != ':')
			return err_say(e, EINVAL, "'%s' is no list of CPUs: what is '%s'?", text,
				       at);
		at++;
	}
}

bool cpu_set_has(const struct cpu_set *l, uint32_t cpu)
{
	for (size_t i = 0; i < l->n; i++)
		if (cpu >= l->ranges[2 * i] && cpu <= l->ranges[2 * i + 1])
			return true;
	return !l->n;
}

void cpu_set_free(struct cpu_set *l)
{
	free(l->ranges);
	*l = (struct cpu_set){ 0 };
}
