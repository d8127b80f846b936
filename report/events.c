// SPDX-License-Identifier: GPL-2.0
/*
 * events.c - can the formats of events be parsed?
 *
 * Theory of operation
 *
 * The metadata of this machine are collected as for a recording of all events (without the kernel's
 * symbols, which no format needs) and go the way of a report: report/tep.c says which format was
 * refused.
 */
#include "report/events.h"

#include "tracing/meta.h"

struct check {
	FILE *to;
	bool verbose;
};

/* What stands behind @key in the text, up to the end of its line. */
static struct view value_of(struct view text, const char *key)
{
	size_t n = strlen(key);
	const uint8_t *at = memmem(text.p, text.len, key, n), *end;

	if (!at)
		return (struct view){ 0 };
	text.len -= (size_t)(at - text.p) + n;
	text.p = at + n;
	end = memchr(text.p, '\n', text.len);
	return (struct view){ text.p, end ? (size_t)(end - text.p) : text.len };
}

static void put_clean(FILE *to, const char *before, struct view v)
{
	char raw[4096], clean[4096];

	snprintf(raw, sizeof(raw), "%.*s", (int)min_u64(v.len, sizeof(raw) - 1),
		 v.p ? (const char *)v.p : "");
	clean_text(clean, sizeof(clean), raw, "");
	fprintf(to, "%s%s", before, clean);
}

static void put_bad(void *ctx, const char *system, struct view text)
{
	const struct check *c = ctx;

	put_clean(c->to, "", (struct view){ (const uint8_t *)system, strlen(system) });
	put_clean(c->to, ":", value_of(text, "name: "));
	if (c->verbose)
		put_clean(c->to, "\n\tprint fmt: ", value_of(text, "print fmt: "));
	fputc('\n', c->to);
}

int events_check_head(const struct tdat_head *head, bool no_plugins, bool verbose, FILE *to,
		      struct events_checked *res, struct err *e)
{
	struct check c = { to, verbose };
	struct report_tep_setup how = { .no_plugins = no_plugins, .bad = put_bad, .ctx = &c };
	struct tdat_format_iter it = { 0 };
	struct report_tep tep;
	int ret = report_tep_init(&tep, head, &how, e);

	*res = (struct events_checked){ .bad = tep.bad_formats };
	report_tep_free(&tep);
	while (tdat_next_ftrace_format(head, &it))
		res->events++;
	it = (struct tdat_format_iter){ 0 };
	while (tdat_next_event_format(head, &it))
		res->events++;
	return ret;
}

int events_check(const struct tracefs *t, bool no_plugins, bool verbose, FILE *to,
		 struct events_checked *res, struct err *e)
{
	struct meta_opts o = { .kallsyms = "/dev/null" };
	struct tdat_head head = { 0 };
	struct buf bytes = { 0 };
	int ret = meta_collect(t, &o, &bytes, e);

	if (!ret)
		ret = tdat_head_parse(&head, bytes.data, bytes.len, e);
	if (!ret)
		ret = events_check_head(&head, no_plugins, verbose, to, res, e);
	tdat_head_free(&head);
	buf_free(&bytes);
	return ret;
}
