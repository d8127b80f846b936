// SPDX-License-Identifier: GPL-2.0
/*
 * vcpus.c - which of the host's threads is which guest's vCPU
 *
 * Theory of operation
 *
 * The threads of all guests stand in one array, sorted by thread id: two binary searches for each
 * sched_switch. The fields of the event are looked up once. A thread may run several CPUs of a
 * guest (an emulation's); then nobody knows which.
 */
#include "report/vcpus.h"

#include <errno.h>

enum { TAIL_MAX = 256, NAME_MAX_SHOWN = 64 };

struct thread {
	int32_t tid;
	uint32_t cpu;
	bool several;	   /* it runs others, too */
	const char *guest; /* borrowed */
};

struct vcpus {
	struct thread *threads; /* owned, ascending .tid */
	size_t n;
	struct tep_event *event; /* sched_switch; NULL until it was looked up */
	struct tep_format_field *prev, *next;
	bool looked;
	char tail[TAIL_MAX];
};

static int by_tid(const void *a, const void *b)
{
	int32_t x = ((const struct thread *)a)->tid, y = ((const struct thread *)b)->tid;

	return (x > y) - (x < y);
}

/* Each thread once. */
static void unite(struct vcpus *v)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n; i++) {
		if (n && v->threads[n - 1].tid == v->threads[i].tid)
			v->threads[n - 1].several = true;
		else
			v->threads[n++] = v->threads[i];
	}
	v->n = n;
}

struct vcpus *vcpus_new(const struct guest_refs *refs, struct err *e)
{
	struct vcpus *v = calloc(1, sizeof(*v));
	size_t room = 1;

	for (size_t i = 0; i < refs->n; i++)
		room += refs->list[i].nvcpus;
	if (v)
		v->threads = calloc(room, sizeof(*v->threads));
	if (!v || !v->threads) {
		err_set(e, ENOMEM, "no memory for %zu vCPUs", room - 1);
		vcpus_free(v);
		return NULL;
	}
	for (size_t i = 0; i < refs->n; i++)
		for (size_t k = 0; k < refs->list[i].nvcpus; k++) {
			const struct guest_vcpu *g = &refs->list[i].vcpus[k];

			if (g->tid > 0)
				v->threads[v->n++] = (struct thread){ .tid = g->tid,
								      .cpu = g->cpu,
								      .guest = refs->list[i].name };
		}
	qsort(v->threads, v->n, sizeof(*v->threads), by_tid);
	unite(v);
	return v;
}

void vcpus_free(struct vcpus *v)
{
	if (v)
		free(v->threads);
	free(v);
}

static void look_up(struct vcpus *v, struct tep_handle *tep)
{
	v->looked = true;
	v->event = tep_find_event_by_name(tep, "sched", "sched_switch");
	if (!v->event)
		return;
	v->prev = tep_find_field(v->event, "prev_pid");
	v->next = tep_find_field(v->event, "next_pid");
}

static const struct thread *thread_of(const struct vcpus *v, struct tep_format_field *field,
				      struct tep_record *rec)
{
	unsigned long long tid;
	struct thread key = { 0 };

	if (!field || tep_read_number_field(field, rec->data, &tid))
		return NULL;
	key.tid = (int32_t)tid;
	return bsearch(&key, v->threads, v->n, sizeof(key), by_tid);
}

static void put_name(const struct thread *t, char *to, size_t room)
{
	if (t && t->several)
		snprintf(to, room, "%.64s vCPUs", t->guest);
	else if (t)
		snprintf(to, room, "%.64s vCPU %u", t->guest, t->cpu);
	else
		snprintf(to, room, "host");
}

const char *vcpus_tail(struct vcpus *v, struct tep_handle *tep, struct tep_record *rec)
{
	char from[NAME_MAX_SHOWN + 32], to[NAME_MAX_SHOWN + 32];
	const struct thread *prev, *next;

	if (!v->looked)
		look_up(v, tep);
	if (!v->event || tep_data_type(tep, rec) != v->event->id)
		return NULL;
	prev = thread_of(v, v->prev, rec);
	next = thread_of(v, v->next, rec);
	if (!prev && !next)
		return NULL;
	put_name(prev, from, sizeof(from));
	put_name(next, to, sizeof(to));
	snprintf(v->tail, sizeof(v->tail), " [%s ==> %s]", from, to);
	return v->tail;
}
