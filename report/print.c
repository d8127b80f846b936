// SPDX-License-Identifier: GPL-2.0
/*
 * print.c - the text of one event
 *
 * Theory of operation
 *
 * A line is: prefix of the buffer, "[CPU:n [m EVENTS DROPPED]\n]", task and CPU, time, difference,
 * name, and what libtraceevent makes of the fields. The columns in front are formatted here, as
 * they are the same for every event; only the latency flags and the fields are libtraceevent's.
 * Everything goes to one trace_seq that is used again for each line.
 *
 * An event whose id is in no format prints as it does in stock: one "[UNKNOWN EVENT]" for each
 * part that needs the format, and the name "(NULL)".
 *
 * A record may be shorter than its format says. libtraceevent does not look: such a record gets
 * zeros behind it. Stock reads on into the next record there, and so do we where the caller has
 * made sure that the bytes are there (see record.c).
 */
#include "report/print.h"

#include <errno.h>

enum { NAME_WIDTH = 20, DIFF_WIDTH = 8, USEC = 1000000, NSEC = 1000000000 };

static const char unknown[] = "[UNKNOWN EVENT]";

struct printer {
	FILE *to; /* borrowed */
	struct print_style style;
	struct trace_seq seq;
	uint64_t last; /* time of the line before, as it was rounded; 0 = none, as in stock */
};

struct printer *printer_new(FILE *to, const struct print_style *style, struct err *e)
{
	struct printer *p = calloc(1, sizeof(*p));

	if (!p) {
		err_set(e, ENOMEM, "no memory to print with");
		return NULL;
	}
	p->to = to;
	p->style = *style;
	trace_seq_init(&p->seq);
	return p;
}

void printer_free(struct printer *p)
{
	if (!p)
		return;
	trace_seq_destroy(&p->seq);
	free(p);
}

static void put_lost(struct trace_seq *s, const struct tep_record *rec)
{
	if (rec->missed_events > 0)
		trace_seq_printf(s, "CPU:%d [%lld EVENTS DROPPED]\n", rec->cpu, rec->missed_events);
	else if (rec->missed_events < 0)
		trace_seq_printf(s, "CPU:%d [EVENTS DROPPED]\n", rec->cpu);
}

static void put_task(const struct printer *p, struct trace_seq *s, struct tep_handle *tep,
		     struct tep_record *rec)
{
	int pid = tep_data_pid(tep, rec);
	const char *comm = tep_data_comm_from_pid(tep, pid);

	if (!p->style.latency) {
		trace_seq_printf(s, "%16s-%-5d [%03d]", comm, pid, rec->cpu);
		return;
	}
	trace_seq_printf(s, "%8.8s-%-5d %3d", comm, pid, rec->cpu);
	if (p->style.raw)
		trace_seq_printf(s, "-0x%x", (unsigned int)tep_data_flags(tep, rec));
	else
		tep_print_event(tep, s, rec, "%s", TEP_PRINT_LATENCY);
}

static uint64_t rounded(uint64_t ns)
{
	return (ns + 500) / 1000;
}

static void put_time(const struct printer *p, struct trace_seq *s, const struct print_source *src,
		     uint64_t ts)
{
	unsigned long long t = ts;

	if (!src->ns || p->style.raw_time) {
		trace_seq_printf(s, "%12llu:", t);
	} else if (p->style.full_time) {
		trace_seq_printf(s, " %5llu.%09llu:", t / NSEC, t % NSEC);
	} else {
		t = rounded(ts);
		trace_seq_printf(s, " %5llu.%06llu:", t / USEC, t % USEC);
	}
}

/* " (+31)   ", or blanks on the first line, and behind a time of 0. */
static void put_diff(struct printer *p, struct trace_seq *s, const struct print_source *src,
		     uint64_t ts)
{
	char text[32] = "";
	uint64_t t = p->style.full_time || src->rated ? ts : rounded(ts);

	if (p->last)
		snprintf(text, sizeof(text), "(+%lld)", (long long)(t - p->last));
	trace_seq_printf(s, " %-*s", DIFF_WIDTH, text);
	p->last = t;
}

static void put_name(struct trace_seq *s, const char *name)
{
	size_t len = strlen(name);

	trace_seq_printf(s, " %s: %*s", name, len < NAME_WIDTH ? (int)(NAME_WIDTH - len) : 0, "");
}

void printer_event(struct printer *p, const struct print_source *src, struct tep_record *rec,
		   const char *tail)
{
	struct tep_event *event = tep_find_event_by_record(src->tep, rec);
	struct trace_seq *s = &p->seq;

	trace_seq_reset(s);
	trace_seq_puts(s, src->prefix);
	put_lost(s, rec);
	if (event) {
		put_task(p, s, src->tep, rec);
		put_time(p, s, src, rec->ts);
	} else {
		trace_seq_puts(s, unknown);
		if (p->style.latency && p->style.raw)
			trace_seq_printf(s, "-0x%x", (unsigned int)tep_data_flags(src->tep, rec));
		else if (p->style.latency)
			trace_seq_puts(s, unknown);
		trace_seq_puts(s, unknown);
	}
	if (p->style.diff)
		put_diff(p, s, src, rec->ts);
	put_name(s, event ? event->name : "(NULL)");
	if (event)
		tep_print_event(src->tep, s, rec, "%s",
				p->style.raw ? TEP_PRINT_INFO_RAW : TEP_PRINT_INFO);
	else
		trace_seq_puts(s, unknown);
	if (tail)
		trace_seq_puts(s, tail);
	if (!s->len || s->buffer[s->len - 1] != '\n')
		trace_seq_putc(s, '\n');
	trace_seq_terminate(s);
	fwrite(s->buffer, 1, strnlen(s->buffer, s->len), p->to);
}
