// SPDX-License-Identifier: GPL-2.0
/*
 * run.c - from a plan to a report
 *
 * Theory of operation
 *
 * All files are opened first and their heads told ("cpus=2"). Every CPU of every buffer of every
 * file is a lane of one merge; its rank (file, buffer, CPU) decides between equal times. Then: take
 * the next event, filter, print. Memory does not grow with the files.
 *
 * Damage does not end a report: it is counted, the first place is kept, and the merge goes on with
 * what is whole behind it.
 */
#include "report/run_local.h"

#include <errno.h>

#include "report/info.h"

/* What stands before the events of a buffer: its name, or the file's where there are many. */
static const char *buffer_name(const struct run *r, size_t file, size_t buffer)
{
	const char *name = tdat_buffer(r->in[file].file, buffer)->name;

	if (*name)
		return name;
	return r->opened > 1 ? input_name(&r->in[file]) : "";
}

static int name_width(const struct run *r)
{
	size_t width = 0;

	for (size_t i = 0; i < r->opened; i++) {
		if (r->opened > 1)
			width = max_u64(width, strlen(input_name(&r->in[i])));
		for (size_t b = 0; b < tdat_nbuffers(r->in[i].file); b++)
			width = max_u64(width, strlen(buffer_name(r, i, b)));
	}
	return (int)width;
}

static int make_prefixes(struct run *r, struct err *e)
{
	int width = name_width(r);
	size_t n = 0;

	for (size_t i = 0; i < r->opened; i++)
		n += tdat_nbuffers(r->in[i].file);
	r->prefixes = calloc(n + 1, sizeof(char *));
	if (!r->prefixes)
		return err_set(e, ENOMEM, "no memory for %zu buffers", n);
	for (size_t i = 0; width && i < r->opened; i++) {
		for (size_t b = 0; b < tdat_nbuffers(r->in[i].file); b++) {
			const char *name = buffer_name(r, i, b);
			char *text;

			if (asprintf(&text, "%*s%s", width, name, *name ? ": " : "  ") < 0)
				return err_set(e, ENOMEM, "no memory for %zu buffers", n);
			r->prefixes[r->nprefixes++] = text;
			r->in[i].sources[b].prefix = text;
		}
	}
	return 0;
}

static int put_instead(struct run *r, const struct input *in, struct err *e)
{
	const struct info_times times = { r->plan->first, r->plan->last, r->plan->style.full_time };
	unsigned int what = r->plan->instead & -r->plan->instead;
	struct event_match *match = NULL;

	switch (what) {
	case INSTEAD_ENDIAN:
		info_endian(in, r->to);
		break;
	case INSTEAD_CPUS:
		return info_cpus(in, &times, r->to, e);
	case INSTEAD_FUNCTIONS:
		tep_print_funcs(in->tep.tep);
		break;
	case INSTEAD_PRINTK:
		tep_print_printk(in->tep.tep);
		break;
	case INSTEAD_NAMES:
		info_event_names(in, r->to);
		break;
	case INSTEAD_FORMATS:
		if (r->plan->format_regex) {
			match = event_match_new(r->plan->format_regex, 0, e);
			if (!match)
				return -EINVAL;
		}
		info_formats(in, match, r->to);
		event_match_free(match);
		break;
	case INSTEAD_UNAME:
		info_option(in, TDAT_OPT_UNAME, r->to);
		info_option(in, TDAT_OPT_VERSION, r->to);
		break;
	case INSTEAD_VERSION:
		info_option(in, TDAT_OPT_VERSION, r->to);
		break;
	case INSTEAD_STAT:
		return info_stat(in, r->to, e);
	}
	return 0;
}

/* The conditions that the filters became (-T). */
static void put_filters(struct run *r)
{
	for (size_t i = 0; i < r->opened; i++) {
		size_t at = 0;

		for (char *text; (text = filter_next_text(r->in[i].filter, &at)); free(text))
			fprintf(r->to, " '%s'\n", text);
	}
}

/* The line that stands before all events of a file. */
static void put_head(struct run *r, size_t i)
{
	const struct tdat_head *head = tdat_head(r->in[i].file);
	char clock[256];

	if (r->opened > 1)
		fprintf(r->to, "%*s: ", name_width(r), input_name(&r->in[i]));
	fprintf(r->to, "cpus=%u\n", head->cpus);
	if (r->guests.n && link_clock_text(head, clock, sizeof(clock)))
		fprintf(r->to, "%*s: clock: %s\n", name_width(r), input_name(&r->in[i]), clock);
}

static int add_lanes(struct run *r, struct err *e)
{
	size_t total = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < r->opened; i++) {
		if (run_shows(r, &r->in[i]))
			rc = input_add_lanes(&r->in[i], &r->plan->cpus, &r->ranks, e);
		total += r->in[i].nlanes;
	}
	if (rc)
		return rc;
	r->merge = merge_new(total, e);
	r->lane_times = calloc(r->ranks + 1, sizeof(*r->lane_times));
	if (!r->merge || !r->lane_times)
		return err_set(e, ENOMEM, "no memory to merge %zu CPUs", total);
	for (size_t i = 0; i < r->opened; i++)
		for (size_t l = 0; l < r->in[i].nlanes; l++)
			merge_add(r->merge, &r->in[i].lanes[l].lane);
	return 0;
}

static void check_time(struct run *r, const struct lane *l, const struct tep_record *rec)
{
	uint64_t last = r->lane_times[l->rank];

	if (rec->ts < last) {
		fprintf(r->warn,
			"  WARNING: Record on cpu %d went backwards: %llu to %llu delta: -%llu\n\n",
			rec->cpu, (unsigned long long)last, rec->ts,
			(unsigned long long)(last - rec->ts));
		r->res->backwards++;
	}
	r->lane_times[l->rank] = rec->ts;
}

static void count_event(struct input *in, const struct tdat_event *ev)
{
	in->events++;
	if (ev->lost > 0)
		in->lost += (uint64_t)ev->lost;
	in->gaps += ev->lost < 0;
}

static void one_event(struct run *r, struct lane *l)
{
	struct input_lane *il = input_lane_of(l);
	struct graph *graph = r->graphs[il->in - r->in];
	const char *tail = NULL;
	struct tep_record rec;

	count_event(il->in, &l->ev);
	if (graph && !r->plan->style.raw)
		graph_before(graph, r->merge, l);
	if (!input_record(il, &l->ev, &rec))
		return;
	if (!filter_shows(il->in->filter, &rec))
		return;
	if (r->plan->check_times)
		check_time(r, l, &rec);
	if (r->plan->align) {
		if (!r->started)
			r->start = rec.ts;
		r->started = true;
		rec.ts -= r->start;
	}
	if (r->wakeup)
		tail = wakeup_event(r->wakeup, il->in->tep.tep, &rec);
	else if (r->vcpus && il->in == &r->in[0])
		tail = vcpus_tail(r->vcpus, il->in->tep.tep, &rec);
	printer_event(r->printer, &il->in->sources[il->buffer], &rec, tail);
	if (graph)
		graph_after(graph, r->merge, l);
	r->res->printed++;
}

static void add_damage(struct report_result *res, const struct err *e)
{
	if (!res->damaged++)
		res->first = *e;
}

/* What each machine lost, where there are several: a host and its guests. */
static void put_losses(const struct run *r)
{
	for (size_t i = 0; r->guests.n && i < r->opened; i++) {
		const struct input *in = &r->in[i];

		if (!run_shows(r, in))
			continue;
		fprintf(r->to, "%*s: %llu events, %llu lost", name_width(r), input_name(in),
			(unsigned long long)in->events, (unsigned long long)in->lost);
		if (in->gaps)
			fprintf(r->to, ", and %llu gaps of unknown size",
				(unsigned long long)in->gaps);
		fputc('\n', r->to);
	}
}

static int put_events(struct run *r, struct err *e)
{
	struct err damage = { 0 };
	struct lane *l;
	int rc;

	r->printer = printer_new(r->to, &r->plan->style, e);
	if (!r->printer)
		return -ENOMEM;
	if (r->plan->wakeup) {
		r->wakeup = wakeup_new(e);
		if (!r->wakeup)
			return -ENOMEM;
	}
	while ((rc = merge_next(r->merge, &l, &damage)) && !ferror(r->to)) {
		if (rc < 0)
			add_damage(r->res, &damage);
		else
			one_event(r, l);
	}
	if (r->wakeup)
		wakeup_print(r->wakeup, r->to);
	put_losses(r);
	return 0;
}

/* Records of a file that came without metadata, or that are damaged. */
static void say_refused(const struct input *in, struct err *e)
{
	unsigned long long n = in->refused;

	if (tdat_head_has_formats(tdat_head(in->file))) {
		err_say(e, EPROTO, "%s: %llu records point outside of themselves", in->path, n);
		return;
	}
	err_say(e, EPROTO, "%s has no event formats, so its %llu records cannot be read", in->path,
		n);
	err_hint(e,
		 "'trace-cmd convert -i %s -o FILE --metadata PATH' adds those of another "
		 "recording of that machine, or of a copy of its tracefs",
		 in->path);
}

static void sum_refused(struct run *r)
{
	for (size_t i = 0; i < r->opened; i++) {
		struct err damage = { 0 };

		if (!r->in[i].refused)
			continue;
		say_refused(&r->in[i], &damage);
		add_damage(r->res, &damage);
	}
}

static bool is_latency(struct run *r, struct view *text)
{
	return r->opened == 1 && tdat_latency_text(r->in[0].file, text);
}

static int put_files(struct run *r, struct err *e)
{
	const unsigned int with_head = INSTEAD_VERSION | INSTEAD_UNAME | INSTEAD_STAT;
	unsigned int instead = r->plan->instead & -r->plan->instead;
	struct view text;
	int rc = 0;

	if (instead && instead != INSTEAD_CPUS && !(instead & with_head))
		return put_instead(r, &r->in[0], e);
	for (size_t i = 0; !rc && i < r->opened; i++) {
		if (instead != INSTEAD_CPUS)
			put_head(r, i);
		if (instead)
			rc = put_instead(r, &r->in[i], e);
	}
	if (rc || instead)
		return rc;
	if (is_latency(r, &text)) {
		fwrite(text.p, 1, text.len, r->to);
		return 0;
	}
	rc = make_prefixes(r, e);
	if (!rc)
		rc = add_lanes(r, e);
	return rc ? rc : put_events(r, e);
}

int report_run(const struct report_plan *p, FILE *to, FILE *warn, struct report_result *res,
	       struct err *e)
{
	struct run r = { .plan = p, .res = res, .to = to, .warn = warn };
	int rc;

	*res = (struct report_result){ 0 };
	rc = run_open(&r, e);
	if (!rc && p->test_filters && p->filters.n)
		put_filters(&r);
	else if (!rc)
		rc = put_files(&r, e);
	sum_refused(&r);
	run_close(&r);
	if (fflush(to) || ferror(to))
		return rc ? rc : err_set(e, errno ? errno : EIO, "cannot write the report");
	return rc;
}
