// SPDX-License-Identifier: GPL-2.0
/*
 * open.c - the files of a report: those that were named, and those of a host's guests
 *
 * Theory of operation
 *
 * Where one file is named and it is a host's (it has GUEST options), the guests' files are looked
 * for beside it, as record -A has written them. Each must have the trace id that the host's file
 * gives; what is missing or another's is said, and the report goes on without it. From then on a
 * file goes by its machine's name, and what the command line wants for the one file it wants for
 * all.
 *
 * A filter for several files need not mean something in each: where a machine has no such events it
 * shows none of its own. In none of them it is an error.
 */
#include "report/run_local.h"

#include <errno.h>
#include <unistd.h>

static bool is_for(const struct run *r, const struct report_text *t, size_t file)
{
	if (t->machine)
		return !strcmp(t->machine, input_name(&r->in[file]));
	return t->file == ALL_FILES || (size_t)t->file == file || file >= r->plan->nfiles;
}

static int mark_events(const struct run *r, const struct report_texts *texts, size_t file, int flag,
		       struct err *e)
{
	for (size_t i = 0; i < texts->n; i++) {
		int rc;

		if (!is_for(r, &texts->list[i], file))
			continue;
		rc = report_tep_mark(r->in[file].tep.tep, texts->list[i].text, flag, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* To all files that it is for. */
static int add_filter(struct run *r, const struct report_text *t, struct err *e)
{
	size_t known = 0, unknown = 0;

	for (size_t i = 0; i < r->opened; i++) {
		int rc;

		if (!is_for(r, t, i))
			continue;
		rc = filter_add(r->in[i].filter, t->text, t->exclude, e);
		if (rc && rc != -EINVAL)
			return rc;
		if (rc)
			filter_add_nothing(r->in[i].filter, t->exclude);
		unknown += rc != 0;
		known += !rc;
	}
	if (unknown && !known)
		return -EINVAL;
	err_clear(e);
	return 0;
}

/* Filters and marks of all files. */
static int set_up(struct run *r, struct err *e)
{
	const struct report_plan *p = r->plan;
	int rc = 0;

	for (size_t f = 0; !rc && f < p->filters.n; f++)
		rc = add_filter(r, &p->filters.list[f], e);
	for (size_t i = 0; !rc && i < r->opened; i++) {
		rc = mark_events(r, &p->raw_events, i, TEP_EVENT_FL_PRINTRAW, e);
		if (!rc)
			rc = mark_events(r, &p->plain_events, i, TEP_EVENT_FL_NOHANDLE, e);
		filter_hide_flags(r->in[i].filter, p->hide_flags);
	}
	return rc;
}

/* Times inside of the plugins' texts look like those in front of the line. */
static void set_time_format(const struct report_plan *p, const struct input *in)
{
	bool plain = p->style.raw_time || (tdat_nbuffers(in->file) && !in->sources[0].ns);
	const char *seconds = p->style.full_time ? "%9d" : "%6.1000d";

	report_tep_time_format(&in->tep, plain ? "%12d" : seconds);
}

static int open_input(struct run *r, size_t i, const struct report_file *f, struct err *e)
{
	const struct report_plan *p = r->plan;
	struct input_setup how = {
		.path = f->path,
		.tep = p->tep,
		.clock = { .raw = p->style.raw_time,
			   .no_date = p->no_date,
			   .ts_offset = f->ts_offset,
			   .hz = f->hz },
	};
	int rc;

	r->opened = i + 1;
	rc = input_open(&r->in[i], &how, e);
	if (rc)
		return rc;
	set_time_format(p, &r->in[i]);
	r->res->bad_formats += r->in[i].tep.bad_formats;
	if (!p->tep.no_plugins) {
		r->graphs[i] = graph_new(r->in[i].tep.tep, &p->graph, e);
		if (!r->graphs[i])
			return -ENOMEM;
	}
	return 0;
}

/* Room for @n files. */
static int grow_inputs(struct run *r, size_t n, struct err *e)
{
	struct input *in = calloc(n + 1, sizeof(*in));
	struct graph **graphs = calloc(n + 1, sizeof(struct graph *));

	if (!in || !graphs) {
		free(in);
		free(graphs);
		return err_set(e, ENOMEM, "no memory for %zu files", n);
	}
	if (r->opened) {
		memcpy(in, r->in, r->opened * sizeof(*in));
		memcpy(graphs, r->graphs, r->opened * sizeof(struct graph *));
	}
	free(r->in);
	free(r->graphs);
	r->in = in;
	r->graphs = graphs;
	return 0;
}

/* Take the file of a guest that cannot be read, or is another's, out again. */
static void drop_last_input(struct run *r)
{
	size_t i = --r->opened;

	graph_free(r->graphs[i]);
	r->graphs[i] = NULL;
	input_close(&r->in[i]);
}

static int open_guest(struct run *r, const struct guest_ref *g, char **path, struct err *e)
{
	const struct report_file *host = &r->plan->files[0];
	struct report_file f = { .ts_offset = host->ts_offset, .hz = host->hz };
	size_t i = r->opened;
	int rc;

	*path = link_guest_path(host->path, g->name);
	if (!*path)
		return err_set(e, ENOMEM, "no memory for the file of guest %s", g->name);
	f.path = *path;
	if (access(*path, F_OK))
		return err_say(e, ENOENT, "guest %s: its file %s is not there", g->name, *path);
	rc = open_input(r, i, &f, e);
	if (!rc && link_trace_id(tdat_head(r->in[i].file)) != g->trace_id)
		rc = err_say(e, EXDEV, "guest %s: %s is of another recording", g->name, *path);
	if (!rc)
		r->in[i].machine = g->name;
	else if (r->opened > i)
		drop_last_input(r);
	return rc;
}

/* One file was named, and it is a host's: its guests' files are found beside it. */
static int open_guests(struct run *r, struct err *e)
{
	int rc = guest_refs_get(&r->guests, tdat_head(r->in[0].file), e);

	if (rc || !r->guests.n)
		return rc;
	r->guest_paths = calloc(r->guests.n, sizeof(char *));
	if (!r->guest_paths)
		return err_set(e, ENOMEM, "no memory for %zu guests", r->guests.n);
	rc = grow_inputs(r, 1 + r->guests.n, e);
	if (rc)
		return rc;
	r->in[0].machine = REPORT_HOST;
	for (size_t i = 0; i < r->guests.n; i++) {
		struct err why = { 0 };

		if (open_guest(r, &r->guests.list[i], &r->guest_paths[i], &why))
			err_print(r->warn, &why);
	}
	return 0;
}

static bool has_guests(const struct run *r)
{
	return r->plan->nfiles == 1 && !r->plan->alone && !r->plan->instead && !r->plan->wakeup;
}

static bool is_machine(const struct run *r, const char *name)
{
	for (size_t i = 0; i < r->opened; i++)
		if (!strcmp(input_name(&r->in[i]), name))
			return true;
	return false;
}

/* Each --guest is one of the machines. */
static int check_machines(const struct run *r, struct err *e)
{
	const struct report_machines *m = &r->plan->machines;

	for (size_t i = 0; i < m->n; i++) {
		if (is_machine(r, m->list[i]))
			continue;
		err_say(e, ENOENT, "%s names no guest '%s', or its file is not there",
			r->plan->files[0].path, m->list[i]);
		err_hint(e, "'trace-cmd dump --options FILE' shows its guests");
		return -ENOENT;
	}
	return 0;
}

int run_open(struct run *r, struct err *e)
{
	size_t n = r->plan->nfiles;
	int rc = grow_inputs(r, n, e);

	for (size_t i = 0; !rc && i < n; i++)
		rc = open_input(r, i, &r->plan->files[i], e);
	if (!rc && has_guests(r))
		rc = open_guests(r, e);
	if (!rc && r->plan->vcpus) {
		r->vcpus = vcpus_new(&r->guests, e);
		rc = r->vcpus ? 0 : -ENOMEM;
	}
	if (!rc)
		rc = check_machines(r, e);
	return rc ? rc : set_up(r, e);
}

bool run_shows(const struct run *r, const struct input *in)
{
	const struct report_machines *m = &r->plan->machines;

	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->list[i], input_name(in)))
			return true;
	return !m->n;
}

void run_close(struct run *r)
{
	merge_free(r->merge); /* before the lanes that it borrows */
	for (size_t i = 0; i < r->opened; i++) {
		graph_free(r->graphs[i]);
		input_close(&r->in[i]);
	}
	for (size_t i = 0; i < r->nprefixes; i++)
		free(r->prefixes[i]);
	free(r->prefixes);
	for (size_t i = 0; r->guest_paths && i < r->guests.n; i++)
		free(r->guest_paths[i]);
	free(r->guest_paths);
	guest_refs_free(&r->guests);
	vcpus_free(r->vcpus);
	free(r->graphs);
	free(r->in);
	free(r->lane_times);
	printer_free(r->printer);
	wakeup_free(r->wakeup);
}
