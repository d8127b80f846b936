// SPDX-License-Identifier: GPL-2.0
/*
 * events.c - which events a pattern means
 *
 * Theory of operation
 *
 * A literal "system" or "system:event" costs one look at that directory. A glob of systems reads
 * events/ alone. Only a pattern that may mean single events of any system ("sched_switch",
 * "*stat*") needs them all, and takes them from available_events: one file instead of a hundred
 * directories (on a kernel that makes tracefs directories on demand, reading those is most of a
 * start's time).
 *
 * A pattern without a colon means systems and events at once, as in stock trace-cmd: "sched*" is
 * the system sched, and all events of that name elsewhere.
 */
#include "tracing/events.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/opt.h"

enum { PATTERN_MAX = 256 };

void event_refs_free(struct event_refs *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->ref[i].system);
		free(r->ref[i].event);
	}
	free(r->ref);
	*r = (struct event_refs){ 0 };
}

static int add_ref(struct event_refs *to, const char *system, const char *event)
{
	struct event_ref new = { 0 }, *more = to->ref;

	if (!(to->n & (to->n - 1)))
		more = realloc(to->ref, (to->n ? 2 * to->n : 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	to->ref = more;
	new.system = system ? strdup(system) : NULL;
	new.event = event ? strdup(event) : NULL;
	if ((system && !new.system) || (event && !new.event)) {
		free(new.system);
		free(new.event);
		return -ENOMEM;
	}
	more[to->n++] = new;
	return 0;
}

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "no memory for the list of events");
}

int event_file(const struct event_ref *r, const char *file, char *to, size_t room, struct err *e)
{
	return path_fmt(to, room, e, "events/%s%s%s%s%s", r->system ? r->system : "",
			r->system ? "/" : "", r->event ? r->event : "", r->event ? "/" : "", file);
}

static bool is_glob(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

/* A name of one directory, and not a way to another one. */
static bool is_name(const char *text)
{
	return !text || (text[0] != '.' && !strchr(text, '/'));
}

static bool has_enable(const struct tracefs *t, const char *system, const char *event)
{
	const struct event_ref r = { (char *)(uintptr_t)system, (char *)(uintptr_t)event };
	char path[1024];

	return is_name(system) && is_name(event) &&
	       !event_file(&r, "enable", path, sizeof(path), NULL) && tfs_has(t, path);
}

/* The systems that match, whole. */
static int find_systems(const struct tracefs *t, const char *pattern, struct event_refs *to,
			struct err *e)
{
	struct names systems = { 0 };
	int ret;

	if (!is_glob(pattern)) {
		if (has_enable(t, pattern, NULL) && add_ref(to, pattern, NULL))
			return no_memory(e);
		return 0;
	}
	ret = tfs_dirs(t, "events", &systems, e);
	for (size_t i = 0; !ret && i < systems.n; i++)
		if (!fnmatch(pattern, systems.name[i], 0) && has_enable(t, systems.name[i], NULL) &&
		    add_ref(to, systems.name[i], NULL))
			ret = no_memory(e);
	names_free(&systems);
	return ret;
}

static bool has_system(const struct event_refs *refs, size_t from, const char *system)
{
	for (size_t i = from; i < refs->n; i++)
		if (!refs->ref[i].event &&
		    (!refs->ref[i].system || !strcmp(refs->ref[i].system, system)))
			return true;
	return false;
}

/* An instance has no such file: its events are those of the directory two levels above. */
static int read_available(const struct tracefs *t, struct buf *to, struct err *e)
{
	return tfs_read(t, tfs_name(t)[0] ? "../../available_events" : "available_events", to, e);
}

/* Single events, of the systems that match and are not in @to (from @from on) as a whole. */
static int find_events(const struct tracefs *t, const char *system, const char *event,
		       struct event_refs *to, struct err *e)
{
	struct buf all = { 0 };
	size_t from = to->n;
	char *line, *rest;
	int ret = read_available(t, &all, e);

	while (from && !to->ref[from - 1].event)
		from--;
	for (rest = (char *)all.data; !ret && (line = strsep(&rest, "\n"));) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		if (!fnmatch(event, colon + 1, 0) && !fnmatch(system, line, 0) &&
		    !has_system(to, from, line) && add_ref(to, line, colon + 1))
			ret = no_memory(e);
	}
	buf_free(&all);
	return ret;
}

/* One system's events from its directory: for a literal system, where a scan is cheap. */
static int find_in_system(const struct tracefs *t, const char *system, const char *event,
			  struct event_refs *to, struct err *e)
{
	struct names events = { 0 };
	char dir[512];
	int ret = path_fmt(dir, sizeof(dir), e, "events/%s", system);

	if (!ret && tfs_has(t, dir))
		ret = tfs_dirs(t, dir, &events, e);
	for (size_t i = 0; !ret && i < events.n; i++)
		if (!fnmatch(event, events.name[i], 0) && has_enable(t, system, events.name[i]) &&
		    add_ref(to, system, events.name[i]))
			ret = no_memory(e);
	names_free(&events);
	return ret;
}

static int find_pair(const struct tracefs *t, const char *system, const char *event,
		     struct event_refs *to, struct err *e)
{
	if (!event[0] || !strcmp(event, "*"))
		return find_systems(t, system, to, e);
	if (is_glob(system))
		return find_events(t, system, event, to, e);
	if (is_glob(event))
		return find_in_system(t, system, event, to, e);
	if (has_enable(t, system, event) && add_ref(to, system, event))
		return no_memory(e);
	return 0;
}

static int find_word(const struct tracefs *t, const char *word, struct event_refs *to,
		     struct err *e)
{
	size_t had = to->n;
	int ret;

	if (!strcmp(word, "all") || !strcmp(word, "*"))
		return add_ref(to, NULL, NULL) ? no_memory(e) : 0;
	ret = find_systems(t, word, to, e);
	/* The name of a system is no event's name, but for a few: those take "system:event". */
	if (ret || (to->n > had && !is_glob(word)))
		return ret;
	return find_events(t, "*", word, to, e);
}

/* Hint: the system or event whose name is nearest to @pattern. */
static void hint_nearest(const struct tracefs *t, const char *pattern, struct err *e)
{
	struct names names = { 0 };
	struct buf all = { 0 };
	char *line, *rest;
	const char *near;
	bool pair = strchr(pattern, ':') != NULL;
	int ret = read_available(t, &all, NULL);

	if (!ret && !pair)
		tfs_dirs(t, "events", &names, NULL);
	for (rest = (char *)all.data; !ret && (line = strsep(&rest, "\n"));) {
		const char *colon = strchr(line, ':');

		if (colon && names_add(&names, pair ? line : colon + 1))
			break;
	}
	near = nearest_word(pattern, (const char *const *)names.name, names.n);
	if (near)
		err_hint(e, "-e %s; 'trace-cmd list -e' lists all", near);
	else
		err_hint(e, "'trace-cmd list -e' lists all events");
	names_free(&names);
	buf_free(&all);
}

int events_find(const struct tracefs *t, const char *pattern, struct event_refs *to, struct err *e)
{
	const char *cut = strpbrk(pattern, ":/");
	char system[PATTERN_MAX];
	size_t had = to->n;
	int ret;

	if (cut) {
		ret = path_fmt(system, sizeof(system), e, "%.*s", (int)(cut - pattern), pattern);
		if (!ret)
			ret = find_pair(t, system, cut + 1, to, e);
	} else {
		ret = find_word(t, pattern, to, e);
	}
	if (ret || to->n > had)
		return ret;
	err_say(e, ENOENT, "no event is named '%s' on this kernel", pattern);
	if (e)
		hint_nearest(t, pattern, e);
	return -ENOENT;
}

static int expand_system(const struct tracefs *t, const char *system, struct event_refs *to,
			 struct err *e)
{
	if (!strcmp(system, "ftrace")) /* block 3 of a head: they are there anyhow */
		return 0;
	return find_in_system(t, system, "*", to, e);
}

static int expand_one(const struct tracefs *t, const struct event_ref *r, struct event_refs *to,
		      struct err *e)
{
	struct names systems = { 0 };
	int ret = 0;

	if (r->event)
		return add_ref(to, r->system, r->event) ? no_memory(e) : 0;
	if (r->system)
		return expand_system(t, r->system, to, e);
	ret = tfs_dirs(t, "events", &systems, e);
	for (size_t i = 0; !ret && i < systems.n; i++)
		ret = expand_system(t, systems.name[i], to, e);
	names_free(&systems);
	return ret;
}

/* The events of @system that have a format in a copy, where nothing says what could be enabled. */
static int copied_system(const struct tracefs *t, const char *system, struct event_refs *to,
			 struct err *e)
{
	struct names events = { 0 };
	char path[1024];
	int ret = path_fmt(path, sizeof(path), e, "events/%s", system);

	if (!ret)
		ret = tfs_dirs(t, path, &events, e);
	for (size_t i = 0; !ret && i < events.n; i++) {
		ret = path_fmt(path, sizeof(path), e, "events/%s/%s/format", system,
			       events.name[i]);
		if (!ret && tfs_has(t, path) && add_ref(to, system, events.name[i]))
			ret = no_memory(e);
	}
	names_free(&events);
	return ret;
}

int events_copied(const struct tracefs *t, struct event_refs *to, struct err *e)
{
	struct names systems = { 0 };
	int ret = tfs_dirs(t, "events", &systems, e);

	for (size_t i = 0; !ret && i < systems.n; i++)
		if (strcmp(systems.name[i], "ftrace") != 0)
			ret = copied_system(t, systems.name[i], to, e);
	names_free(&systems);
	return ret;
}

struct numbered {
	const struct event_ref *ref;
	size_t at;
};

static int by_name(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;
	int ret = strcmp(x->ref->system, y->ref->system);

	if (!ret)
		ret = strcmp(x->ref->event, y->ref->event);
	return ret ? ret : (x->at > y->at) - (x->at < y->at);
}

/* Keep the first of equal ones, in the order that they have. */
static int drop_repeated(struct event_refs *refs, struct err *e)
{
	AUTO_FREE struct numbered *sorted = calloc(refs->n + 1, sizeof(*sorted));
	AUTO_FREE bool *drop = calloc(refs->n + 1, sizeof(*drop));
	size_t kept = 0;

	if (!sorted || !drop)
		return no_memory(e);
	for (size_t i = 0; i < refs->n; i++)
		sorted[i] = (struct numbered){ &refs->ref[i], i };
	qsort(sorted, refs->n, sizeof(*sorted), by_name);
	for (size_t i = 1; i < refs->n; i++)
		drop[sorted[i].at] = !strcmp(sorted[i].ref->system, sorted[i - 1].ref->system) &&
				     !strcmp(sorted[i].ref->event, sorted[i - 1].ref->event);
	for (size_t i = 0; i < refs->n; i++) {
		if (drop[i]) {
			free(refs->ref[i].system);
			free(refs->ref[i].event);
		} else {
			refs->ref[kept++] = refs->ref[i];
		}
	}
	refs->n = kept;
	return 0;
}

int events_expand(const struct tracefs *t, struct event_refs *refs, struct err *e)
{
	struct event_refs out = { 0 };
	int ret = 0;

	for (size_t i = 0; !ret && i < refs->n; i++)
		ret = expand_one(t, &refs->ref[i], &out, e);
	if (!ret)
		ret = drop_repeated(&out, e);
	event_refs_free(refs);
	*refs = out;
	return ret;
}
