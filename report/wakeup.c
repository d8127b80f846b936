// SPDX-License-Identifier: GPL-2.0
/*
 * wakeup.c - how long a task waits from its wakeup to its turn
 *
 * Theory of operation
 *
 * A wakeup (sched_wakeup, sched_wakeup_new) puts the task with its time in a table; the switch to
 * the task takes it out and tells the difference. Only events that are printed are looked at, so
 * filters choose the tasks. A task of priority below 100 is a real-time task and is summed up
 * once more by itself.
 */
#include "report/wakeup.h"

#include <errno.h>

enum { BUCKETS = 1024, RT_PRIO_END = 100 };

struct woken {
	struct woken *next;
	int pid;
	uint64_t ts; /* 0 = not waiting */
	bool rt;
};

struct timing {
	uint64_t sum, n, max, max_ts, min, min_ts; /* ns */
};

struct fields {
	struct tep_event *wakeup, *wakeup_new, *turn; /* of .tep */
	struct tep_handle *tep;
};

struct wakeup {
	struct woken *buckets[BUCKETS]; /* owned lists */
	struct timing all, rt;
	struct fields of; /* what was looked up last: files are printed in runs */
	char text[64];
};

struct wakeup *wakeup_new(struct err *e)
{
	struct wakeup *w = calloc(1, sizeof(*w));

	if (!w)
		err_set(e, ENOMEM, "no memory for the table of wakeups");
	return w;
}

void wakeup_free(struct wakeup *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (w->buckets[i]) {
			struct woken *next = w->buckets[i]->next;

			free(w->buckets[i]);
			w->buckets[i] = next;
		}
	}
	free(w);
}

static struct woken *find(struct wakeup *w, int pid, bool make)
{
	struct woken **bucket = &w->buckets[(unsigned int)pid % BUCKETS], *i;

	for (i = *bucket; i; i = i->next)
		if (i->pid == pid)
			return i;
	if (!make)
		return NULL;
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL; /* a latency less in the sum */
	i->pid = pid;
	i->next = *bucket;
	*bucket = i;
	return i;
}

static void look_up(struct fields *f, struct tep_handle *tep)
{
	if (f->tep == tep)
		return;
	f->tep = tep;
	f->wakeup = tep_find_event_by_name(tep, "sched", "sched_wakeup");
	f->wakeup_new = tep_find_event_by_name(tep, "sched", "sched_wakeup_new");
	f->turn = tep_find_event_by_name(tep, "sched", "sched_switch");
}

static void on_wakeup(struct wakeup *w, struct tep_event *event, struct tep_record *rec)
{
	unsigned long long pid, prio, success = 1;
	struct woken *t;

	if (tep_get_field_val(NULL, event, "pid", rec, &pid, 0) ||
	    tep_get_field_val(NULL, event, "prio", rec, &prio, 0))
		return;
	tep_get_field_val(NULL, event, "success", rec, &success, 0);
	t = success ? find(w, (int)pid, true) : NULL;
	if (!t)
		return;
	t->ts = rec->ts;
	t->rt = prio < RT_PRIO_END;
}

static void add(struct timing *t, uint64_t delta, uint64_t ts)
{
	t->sum += delta;
	if (!t->n++ || delta < t->min) {
		t->min = delta;
		t->min_ts = ts;
	}
	if (delta > t->max) { /* a longest one of 0 has no time, as in stock */
		t->max = delta;
		t->max_ts = ts;
	}
}

static void on_turn(struct wakeup *w, struct tep_event *event, struct tep_record *rec)
{
	unsigned long long pid;
	struct woken *t;
	uint64_t delta;

	if (tep_get_field_val(NULL, event, "next_pid", rec, &pid, 0))
		return;
	t = find(w, (int)pid, false);
	if (!t || !t->ts)
		return;
	delta = rec->ts - t->ts;
	t->ts = 0;
	add(&w->all, delta, rec->ts);
	if (t->rt)
		add(&w->rt, delta, rec->ts);
	snprintf(w->text, sizeof(w->text), " Latency: %llu.%03llu usecs",
		 (unsigned long long)delta / 1000, (unsigned long long)delta % 1000);
}

const char *wakeup_event(struct wakeup *w, struct tep_handle *tep, struct tep_record *rec)
{
	int id = tep_data_type(tep, rec);

	w->text[0] = '\0';
	look_up(&w->of, tep);
	if (w->of.wakeup && id == w->of.wakeup->id)
		on_wakeup(w, w->of.wakeup, rec);
	else if (w->of.wakeup_new && id == w->of.wakeup_new->id)
		on_wakeup(w, w->of.wakeup_new, rec);
	else if (w->of.turn && id == w->of.turn->id)
		on_turn(w, w->of.turn, rec);
	return w->text;
}

static void put_extreme(const char *what, uint64_t ns, uint64_t ts, FILE *to)
{
	unsigned long long us = (ts + 500) / 1000;

	fprintf(to, "%s Latency: %llu.%03llu usecs at timestamp: %llu.%06llu\n", what,
		(unsigned long long)ns / 1000, (unsigned long long)ns % 1000, us / 1000000,
		us % 1000000);
}

static void put_timing(const struct timing *t, FILE *to)
{
	uint64_t mean = t->sum / t->n;

	fprintf(to, "\nAverage wakeup latency: %llu.%03llu usecs\n",
		(unsigned long long)mean / 1000, (unsigned long long)mean % 1000);
	put_extreme("Maximum", t->max, t->max_ts, to);
	put_extreme("Minimum", t->min, t->min_ts, to);
}

void wakeup_print(const struct wakeup *w, FILE *to)
{
	if (!w->all.n)
		return;
	put_timing(&w->all, to);
	if (w->rt.n) {
		fputs("\nRT task timings:\n", to);
		put_timing(&w->rt, to);
	}
	fputc('\n', to);
}
