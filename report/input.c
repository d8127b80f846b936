// SPDX-License-Identifier: GPL-2.0
/*
 * input.c - a file on its way into the merge
 *
 * Theory of operation
 *
 * A lane pulls records from a tdat_cursor and puts their times on the report's timeline, so that
 * the merge compares what will be printed. All buffers of a file share its formats and its clock
 * corrections; what differs is the clock's name, which says how times are printed.
 */
#include "report/input.h"

#include <errno.h>

static int open_sources(struct input *in, bool rated, struct err *e)
{
	size_t n = tdat_nbuffers(in->file);

	in->sources = calloc(n + 1, sizeof(*in->sources));
	if (!in->sources)
		return err_set(e, ENOMEM, "no memory for %zu buffers", n);
	for (size_t i = 0; i < n; i++)
		in->sources[i] = (struct print_source){
			.tep = in->tep.tep,
			.prefix = "",
			.ns = in->clock.mult || clock_is_ns(tdat_buffer(in->file, i)->clock),
			.rated = rated,
		};
	return 0;
}

int input_open(struct input *in, const struct input_setup *how, struct err *e)
{
	const struct tdat_head *head;
	int rc;

	*in = (struct input){ .path = how->path };
	in->file = tdat_open(how->path, e);
	if (!in->file)
		return -EINVAL;
	head = tdat_head(in->file);
	rc = report_tep_init(&in->tep, head, &how->tep, e);
	if (!rc)
		rc = report_clock_init(&in->clock, head, &how->clock, e);
	if (rc)
		return err_prefix(e, "%s", how->path);
	in->filter = filter_new(in->tep.tep, e);
	in->guard = in->filter ? record_guard_new(in->tep.tep, e) : NULL;
	if (!in->guard)
		return -ENOMEM;
	return open_sources(in, how->clock.hz != 0, e);
}

void input_close(struct input *in)
{
	for (size_t i = 0; i < in->nlanes; i++)
		tdat_cursor_free(in->lanes[i].cursor);
	free(in->lanes);
	free(in->sources);
	record_guard_free(in->guard);
	filter_free(in->filter);
	report_clock_free(&in->clock);
	report_tep_free(&in->tep);
	tdat_close(in->file);
	*in = (struct input){ 0 };
}

struct input_lane *input_lane_of(struct lane *l)
{
	return container_of(l, struct input_lane, lane);
}

static int pull(struct lane *l, struct tdat_event *ev, struct err *e)
{
	struct input_lane *il = input_lane_of(l);
	int rc = tdat_cursor_next(il->cursor, ev, e);

	if (rc > 0)
		ev->ts = report_clock_time(&il->in->clock, ev->cpu, ev->ts);
	return rc;
}

static int add_lane(struct input *in, size_t buffer, size_t cpu, struct lane lane, struct err *e)
{
	const struct tdat_file_buffer *b = tdat_buffer(in->file, buffer);
	struct input_lane *l = &in->lanes[in->nlanes];

	*l = (struct input_lane){
		.lane = lane,
		.in = in,
		.cursor = tdat_cursor_new(in->file, buffer, cpu, e),
		.buffer = buffer,
		.off = b->cpus[cpu].off,
		.page_size = b->page_size,
	};
	if (!l->cursor)
		return -EINVAL;
	in->nlanes++;
	return 0;
}

int input_add_lanes(struct input *in, const struct cpu_set *cpus, uint32_t *rank, struct err *e)
{
	size_t total = 0;

	for (size_t b = 0; b < tdat_nbuffers(in->file); b++)
		total += tdat_buffer(in->file, b)->ncpus;
	in->lanes = calloc(total + 1, sizeof(*in->lanes));
	if (!in->lanes)
		return err_set(e, ENOMEM, "%s: no memory for %zu CPUs", in->path, total);
	for (size_t b = 0; b < tdat_nbuffers(in->file); b++) {
		const struct tdat_file_buffer *buffer = tdat_buffer(in->file, b);
		uint32_t group = *rank + 1; /* the rank of the buffer's first CPU */

		for (size_t i = 0; i < buffer->ncpus; i++) {
			int rc = 0;

			struct lane lane = { .pull = pull, .rank = ++*rank, .group = group };

			if (buffer->cpus[i].len && cpu_set_has(cpus, buffer->cpus[i].cpu))
				rc = add_lane(in, b, i, lane, e);
			if (rc)
				return rc;
		}
	}
	return 0;
}

bool input_record(struct input_lane *l, const struct tdat_event *ev, struct tep_record *rec)
{
	uint64_t in_page = (ev->offset - l->off) % l->page_size;
	size_t readable = lane_is_copied(&l->lane) ? ev->size : (size_t)(l->page_size - in_page);
	bool ok = record_make(l->in->guard, ev, ev->ts, readable, rec);

	l->in->refused += !ok;
	return ok;
}

const char *input_name(const struct input *in)
{
	const char *slash = strrchr(in->path, '/');

	if (in->machine)
		return in->machine;
	return slash ? slash + 1 : in->path;
}
