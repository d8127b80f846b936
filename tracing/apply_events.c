// SPDX-License-Identifier: GPL-2.0
/*
 * apply_events.c - filters, triggers and switches of events
 *
 * Theory of operation
 *
 * All patterns are looked up and all filters and triggers set before the first event is switched
 * on: an event never runs unfiltered. Switches go from the large to the small, all events, whole
 * systems, single events, so that each file is written at most once; then those behind -v are
 * switched off again.
 *
 * A filter that somebody left on an event would hide records in silence: an event without -f loses
 * it for the time of the recording. Those rules come first, so that none undoes what -f set.
 *
 * A filter that is written to a system replaces the filters of its events, so those are remembered
 * first. When the kernel refuses a filter, the filter file holds its words until "0" is written,
 * which the journal does.
 */
#include "tracing/apply_local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const char *ref_name(const struct event_ref *r, char *to, size_t room)
{
	snprintf(to, room, "%s%s%s", r->system ? r->system : "all", r->event ? ":" : "",
		 r->event ? r->event : "");
	return to;
}

/* The kernel's words about a refused filter: the last line of the filter file. */
static void kernel_words(const struct tracefs *t, const char *file, char *to, size_t room)
{
	struct buf text = { 0 };
	const char *last;

	to[0] = '\0';
	if (!tfs_read_line(t, file, &text, NULL)) {
		last = strrchr((char *)text.data, '\n');
		if (last && last[1] != '#')
			snprintf(to, room, ": %s", last + 1);
	}
	buf_free(&text);
}

static int filter_refused(const struct applied_buffer *b, const struct event_ref *r,
			  const char *file, const char *filter, struct err *e)
{
	char words[256], name[256];

	if (!e || e->code != EINVAL)
		return e ? -e->code : -EINVAL;
	kernel_words(b->t, file, words, sizeof(words));
	ref_name(r, name, sizeof(name));
	err_say(e, EINVAL, "the kernel refuses the filter '%s' for %s%s", filter, name, words);
	return err_hint(e, "'trace-cmd list -e %s -F' shows its fields", name);
}

/* The filters of a system's events, before one for the whole system replaces them. */
static int remember_filters(const struct applied_buffer *b, const char *system, struct err *e)
{
	struct event_refs refs = { 0 };
	int ret = events_find(b->t, system, &refs, e);

	if (!ret)
		ret = events_expand(b->t, &refs, e);
	for (size_t i = 0; !ret && i < refs.n; i++) {
		char file[1024];

		ret = event_file(&refs.ref[i], "filter", file, sizeof(file), e);
		if (!ret && tfs_has(b->t, file))
			ret = undo_remember(b->undo, b->t, file, e);
	}
	event_refs_free(&refs);
	return ret;
}

static int set_filter(const struct applied_buffer *b, const struct event_ref *r, const char *filter,
		      struct err *e)
{
	char file[1024];
	int ret = event_file(r, "filter", file, sizeof(file), e);

	if (!ret && !r->event)
		ret = remember_filters(b, r->system, e);
	if (ret)
		return ret;
	ret = undo_write(b->undo, b->t, file, filter, e);
	return ret ? filter_refused(b, r, file, filter, e) : 0;
}

static int set_filters(const struct applied_buffer *b, const struct plan_event *ev,
		       const struct event_refs *refs, struct err *e)
{
	struct event_refs all = { 0 };
	int ret = 0;

	/* There is no filter file for all events at once. */
	if (refs->n && !refs->ref[0].system) {
		ret = events_find(b->t, "*:*", &all, e);
		refs = &all;
	}
	for (size_t i = 0; !ret && i < refs->n; i++)
		ret = set_filter(b, &refs->ref[i], ev->filter, e);
	event_refs_free(&all);
	return ret;
}

static int clear_filter(const struct applied_buffer *b, const struct event_ref *r, struct err *e)
{
	struct buf now = { 0 };
	char file[1024];
	int ret = event_file(r, "filter", file, sizeof(file), e);

	if (!ret && tfs_has(b->t, file)) {
		ret = tfs_read_line(b->t, file, &now, e);
		if (!ret && strcmp((char *)now.data, "none") != 0)
			ret = undo_write(b->undo, b->t, file, "0", e);
	}
	buf_free(&now);
	return ret;
}

static int clear_filters(const struct applied_buffer *b, const struct event_ref *r, struct err *e)
{
	struct event_refs refs = { 0 };
	int ret;

	if (r->event)
		return clear_filter(b, r, e);
	ret = events_find(b->t, r->system ? r->system : "all", &refs, e);
	if (!ret)
		ret = events_expand(b->t, &refs, e);
	for (size_t i = 0; !ret && i < refs.n; i++)
		ret = clear_filter(b, &refs.ref[i], e);
	event_refs_free(&refs);
	return ret;
}

static int set_triggers(const struct applied_buffer *b, const struct plan_event *ev,
			struct event_refs *refs, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < refs->n; i++) {
		char file[1024], name[256];

		ret = event_file(&refs->ref[i], "trigger", file, sizeof(file), e);
		if (!ret)
			ret = undo_write(b->undo, b->t, file, ev->trigger, e);
		if (ret && e && e->code == EINVAL) {
			err_say(e, EINVAL, "the kernel refuses the trigger '%s' for %s",
				ev->trigger, ref_name(&refs->ref[i], name, sizeof(name)));
			err_hint(
				e,
				"'trace-cmd list -e %s -R' shows the triggers it knows; %s/error_log has its words",
				name, tfs_path(b->t));
		}
	}
	return ret;
}

/* Move what is in @from to the end of @to. */
static int move_refs(struct event_refs *to, struct event_refs *from, struct err *e)
{
	struct event_ref *more;

	if (!from->n)
		return 0;
	more = realloc(to->ref, (to->n + from->n) * sizeof(*more));
	if (!more)
		return err_set(e, ENOMEM, "no memory for the list of events");
	to->ref = more;
	memcpy(more + to->n, from->ref, from->n * sizeof(*more));
	to->n += from->n;
	free(from->ref);
	*from = (struct event_refs){ 0 };
	return 0;
}

static int apply_rule(struct applied_buffer *b, const struct plan_event *ev, struct err *e)
{
	struct event_refs refs = { 0 }, single = { 0 };
	struct err missing = { 0 };
	int ret = events_find(b->t, ev->pattern, &refs, &missing);

	if (ret == -ENOENT && b->whole->ignore_missing)
		ret = 0;
	else if (ret && e)
		*e = missing;
	if (!ret && ev->filter)
		ret = set_filters(b, ev, &refs, e);
	for (size_t i = 0; !ret && !ev->filter && !ev->exclude && !b->whole->adding && i < refs.n;
	     i++)
		ret = clear_filters(b, &refs.ref[i], e);
	if (!ret && ev->trigger && refs.n) {
		ret = events_find(b->t, ev->pattern, &single, e);
		if (!ret)
			ret = events_expand(b->t, &single, e);
		if (!ret)
			ret = set_triggers(b, ev, &single, e);
	}
	if (!ret)
		ret = move_refs(ev->exclude ? &b->off : &b->on, &refs, e);
	event_refs_free(&single);
	event_refs_free(&refs);
	return ret;
}

int apply_event_rules(struct applied_buffer *b, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < b->plan->nevents; i++)
		if (!b->plan->events[i].filter)
			ret = apply_rule(b, &b->plan->events[i], e);
	for (size_t i = 0; !ret && i < b->plan->nevents; i++)
		if (b->plan->events[i].filter)
			ret = apply_rule(b, &b->plan->events[i], e);
	return ret;
}

/* A system where one event cannot be switched on (it is busy elsewhere) still has the others. */
static bool partly_on(const struct applied_buffer *b, const char *file)
{
	struct buf now = { 0 };
	bool some = !tfs_read_line(b->t, file, &now, NULL) &&
		    (now.data[0] == 'X' || now.data[0] == '1');

	buf_free(&now);
	return some;
}

static int switch_one(const struct applied_buffer *b, const struct event_ref *r, const char *to,
		      struct err *e)
{
	char file[1024], name[256];
	int ret = event_file(r, "enable", file, sizeof(file), e);

	if (ret)
		return ret;
	ret = undo_write(b->undo, b->t, file, to, e);
	if (!ret)
		return 0;
	if (!r->event && to[0] == '1' && partly_on(b, file))
		return undo_remember(b->undo, b->t, file, e);
	return err_prefix(e, "cannot switch %s %s", ref_name(r, name, sizeof(name)),
			  to[0] == '1' ? "on" : "off");
}

/* 0 = all events, 1 = a system, 2 = a single event */
static int width(const struct event_ref *r)
{
	return !r->system ? 0 : r->event ? 2 : 1;
}

static int switch_all(const struct applied_buffer *b, const struct event_refs *refs, const char *to,
		      struct err *e)
{
	for (int w = 0; w <= 2; w++) {
		for (size_t i = 0; i < refs->n; i++) {
			int ret = width(&refs->ref[i]) == w ? switch_one(b, &refs->ref[i], to, e)
							    : 0;

			if (ret)
				return ret;
		}
	}
	return 0;
}

int apply_event_switches(struct applied_buffer *b, struct err *e)
{
	int ret = switch_all(b, &b->on, "1", e);

	return ret ? ret : switch_all(b, &b->off, "0", e);
}
