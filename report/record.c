// SPDX-License-Identifier: GPL-2.0
/*
 * record.c - judge a record before libtraceevent reads it
 *
 * Theory of operation
 *
 * For each event id the fixed part of its format has an end: the largest offset + size of a field.
 * A record that is shorter is legal (kernel_stack has fewer entries than its format says). Where
 * the page has the bytes behind it, they are read, as stock does; else the record is copied and
 * gets zeros behind it.
 *
 * A dynamic array says where it is, as u16 length and u16 offset in one u32: both are checked
 * against the record. The ends are found out once per id.
 */
#include "report/record.h"

#include <errno.h>

enum { IDS = 65536, ID_BYTES = 2, KNOWN = 1, DYNAMIC = 2, MAX_FIXED = 65536 };

struct id_facts {
	uint32_t end; /* bytes up to the end of the last fixed field */
	uint8_t flags;
};

struct record_guard {
	struct tep_handle *tep; /* borrowed */
	struct id_facts *ids;	/* owned, IDS entries */
	uint8_t *copy;		/* owned */
	size_t room;
};

struct record_guard *record_guard_new(struct tep_handle *tep, struct err *e)
{
	struct record_guard *g = calloc(1, sizeof(*g));

	if (g)
		g->ids = calloc(IDS, sizeof(*g->ids));
	if (!g || !g->ids) {
		record_guard_free(g);
		err_set(e, ENOMEM, "no memory for the table of events");
		return NULL;
	}
	g->tep = tep;
	return g;
}

void record_guard_free(struct record_guard *g)
{
	if (!g)
		return;
	free(g->ids);
	free(g->copy);
	free(g);
}

static void add_field(struct id_facts *f, const struct tep_format_field *field)
{
	int64_t end = (int64_t)field->offset + field->size;

	if (field->offset >= 0 && field->size >= 0 && end > f->end)
		f->end = (uint32_t)(end < MAX_FIXED ? end : MAX_FIXED);
	if (field->flags & TEP_FIELD_IS_DYNAMIC)
		f->flags |= DYNAMIC;
}

static void find_facts(struct id_facts *f, const struct tep_event *event)
{
	f->flags = KNOWN;
	f->end = 8; /* the common fields: type, flags, preempt count, pid */
	if (!event)
		return;
	for (struct tep_format_field *i = event->format.common_fields; i; i = i->next)
		add_field(f, i);
	for (struct tep_format_field *i = event->format.fields; i; i = i->next)
		add_field(f, i);
}

/* Whether every dynamic array of the record lies inside it. */
static bool arrays_fit(const struct record_guard *g, const struct tep_event *event,
		       const struct tep_record *rec)
{
	for (const struct tep_format_field *f = event->format.fields; f; f = f->next) {
		uint64_t where, at;

		if (!(f->flags & TEP_FIELD_IS_DYNAMIC) || f->size < 4)
			continue;
		where = tep_read_number(g->tep, (const uint8_t *)rec->data + f->offset, 4);
		at = where & 0xffff;
		if (f->flags & TEP_FIELD_IS_RELATIVE)
			at += (uint64_t)f->offset + 4;
		if (at + (where >> 16 & 0xffff) > (uint64_t)rec->size)
			return false;
	}
	return true;
}

/* The record with zeros behind it, up to @n bytes. */
static void *padded(struct record_guard *g, const struct tdat_event *ev, size_t n)
{
	if (n > g->room) {
		uint8_t *mem = realloc(g->copy, n);

		if (!mem)
			return NULL;
		g->copy = mem;
		g->room = n;
	}
	memset(g->copy, 0, n);
	if (ev->size)
		memcpy(g->copy, ev->data, ev->size);
	return g->copy;
}

bool record_make(struct record_guard *g, const struct tdat_event *ev, uint64_t ts, size_t readable,
		 struct tep_record *rec)
{
	struct id_facts *facts;
	int id;

	*rec = (struct tep_record){
		.ts = ts,
		.offset = ev->offset,
		.missed_events = ev->lost,
		.record_size = (int)ev->size,
		.size = (int)ev->size,
		.data = (void *)(uintptr_t)ev->data,
		.cpu = (int)ev->cpu,
		.ref_count = 1,
	};
	if (ev->size < ID_BYTES)
		return false;
	id = tep_data_type(g->tep, rec);
	if (id < 0 || id >= IDS)
		return false;
	facts = &g->ids[id];
	if (!facts->flags)
		find_facts(facts, tep_find_event(g->tep, id));
	if (facts->end > ev->size && facts->end > readable) {
		rec->data = padded(g, ev, facts->end);
		if (!rec->data)
			return false;
	}
	return !(facts->flags & DYNAMIC) || arrays_fit(g, tep_find_event(g->tep, id), rec);
}
