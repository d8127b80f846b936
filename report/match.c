// SPDX-License-Identifier: GPL-2.0
/*
 * match.c - which events a regular expression of the command line means
 *
 * Theory of operation
 *
 * -n, -r and --event take a basic regular expression, as regcomp(3) defines it. One with a colon is
 * two: the system's and the event's. One without matches the event's name or its system. As in
 * stock, case does not matter, and --event is content with a part of the name, while -n and -r put
 * the expression between ^ and $.
 */
#include "report/tep.h"

#include <errno.h>
#include <regex.h>

struct event_match {
	regex_t system, name;
	bool has_system, has_name;
};

static int compile(regex_t *to, bool *has, const char *text, size_t len, unsigned int how,
		   struct err *e)
{
	char *copy, why[128];
	int rc;

	if (asprintf(&copy, how & MATCH_WHOLE ? "^%.*s$" : "%.*s", (int)len, text) < 0)
		return err_set(e, ENOMEM, "no memory for a regular expression");
	rc = regcomp(to, copy, REG_NOSUB | REG_ICASE);
	if (rc) {
		regerror(rc, to, why, sizeof(why));
		err_say(e, EINVAL, "'%.*s' is no regular expression: %s", (int)len, text, why);
	}
	*has = !rc;
	free(copy);
	return rc ? -EINVAL : 0;
}

struct event_match *event_match_new(const char *regex, unsigned int how, struct err *e)
{
	struct event_match *m = calloc(1, sizeof(*m));
	const char *colon = strchr(regex, ':');
	int rc = 0;

	if (!m) {
		err_set(e, ENOMEM, "no memory for a regular expression");
		return NULL;
	}
	if (colon)
		rc = compile(&m->system, &m->has_system, regex, (size_t)(colon - regex), how, e);
	if (!rc) {
		const char *name = colon ? colon + 1 : regex;

		rc = compile(&m->name, &m->has_name, name, strlen(name), how, e);
	}
	if (!rc)
		return m;
	event_match_free(m);
	return NULL;
}

void event_match_free(struct event_match *m)
{
	if (!m)
		return;
	if (m->has_system)
		regfree(&m->system);
	if (m->has_name)
		regfree(&m->name);
	free(m);
}

static bool is_in(const regex_t *re, const char *text)
{
	return text && !regexec(re, text, 0, NULL, 0);
}

bool event_match(const struct event_match *m, const struct tep_event *event)
{
	if (m->has_system)
		return is_in(&m->system, event->system) && is_in(&m->name, event->name);
	return is_in(&m->name, event->name) || is_in(&m->name, event->system);
}

int report_tep_mark(struct tep_handle *tep, const char *regex, int flag, struct err *e)
{
	struct event_match *m = event_match_new(regex, MATCH_WHOLE, e);
	int marked = 0;

	if (!m)
		return -EINVAL;
	for (int i = 0; i < tep_get_events_count(tep); i++) {
		struct tep_event *event = tep_get_event(tep, i);

		if (event && event_match(m, event)) {
			event->flags |= flag;
			marked++;
		}
	}
	event_match_free(m);
	return marked;
}
