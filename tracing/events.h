/* SPDX-License-Identifier: GPL-2.0 */
/* events.h - which events a pattern means (private to tracing/) */
#ifndef TRACING_EVENTS_H
#define TRACING_EVENTS_H

#include "tracing/tracefs.h"

/* .event NULL = the whole system; .system NULL too = all systems. */
struct event_ref {
	char *system, *event;
};

struct event_refs {
	struct event_ref *ref; /* owned, and the texts */
	size_t n;
};

/*
 * Append what @pattern of -e means: "all", a system, "system:event", an event of any system, with
 * globs in either part. Nothing is read but what the pattern needs. -ENOENT when nothing matches,
 * with the nearest name there is as a hint.
 */
int events_find(const struct tracefs *t, const char *pattern, struct event_refs *to, struct err *e);

/* Replace whole systems by their events (and all by all), each event once, in order. */
int events_expand(const struct tracefs *t, struct event_refs *refs, struct err *e);

/* Append all events, but for those of ftrace, that have a format in @t, which is a copy. */
int events_copied(const struct tracefs *t, struct event_refs *to, struct err *e);

void event_refs_free(struct event_refs *r);

/* "events/SYSTEM/EVENT/FILE", "events/SYSTEM/FILE" or "events/FILE" into @to. */
int event_file(const struct event_ref *r, const char *file, char *to, size_t room, struct err *e);

#endif
