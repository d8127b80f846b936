// SPDX-License-Identifier: GPL-2.0
/*
 * writer6.c - the layout of version 6: one sequence of blocks, then the data of each buffer
 *
 * Theory of operation
 *
 * The blocks of the head are written as they came. An instance is announced by a BUFFER option with
 * the offset of its data; that is not known yet, so its place is remembered and patched. The data
 * of a buffer are a tag, the CPU table, the clock and then the pages, all page aligned; the table
 * is filled in when the pages are written, because a source does not say how many it will have.
 *
 * The CPU count in the head is the width of all tables, so no CPUCOUNT option is needed. A
 * TRACECLOCK option is: without it readers skip the clock of each buffer. But not with latency
 * text, which goes from its tag to the end of the file: stock readers would take its first bytes
 * for a clock.
 */
#include "tracedat/out.h"

#include <errno.h>

void put_blocks_v6(struct out *o, const struct tdat_head *h, uint32_t cpus)
{
	put_machine(o, h, "6");
	for (size_t i = 0; i < HEAD_BLOCKS; i++)
		head_blocks[i].put(o, h);
	out_uint(o, cpus, 4);
}

static void put_clock_option(struct out *o, const struct tdat_buffer_data *top)
{
	struct buf text = { 0 };

	if (!buf_addf(&text, "[%s]\n", buffer_clock(top)))
		out_option(o, TDAT_OPT_TRACECLOCK, text.data, text.len + 1);
	buf_free(&text);
}

/* A BUFFER option; returns where its offset is. */
static uint64_t put_buffer_option(struct out *o, const char *name)
{
	uint64_t at;

	out_uint(o, TDAT_OPT_BUFFER, 2);
	out_uint(o, 8 + strlen(name) + 1, 4);
	at = o->at;
	out_uint(o, 0, 8);
	out_text(o, name);
	return at;
}

void put_options_v6(struct out *o, const struct tdat_head *h, bool keep_clock)
{
	out_mem(o, TAG_OPTIONS, TAG_LEN);
	for (size_t i = 0; i < h->noptions; i++)
		if (option_kept(h->options[i].id) &&
		    (keep_clock || h->options[i].id != TDAT_OPT_TRACECLOCK))
			out_option(o, h->options[i].id, h->options[i].data.p,
				   h->options[i].data.len);
}

/* @patch: one place an instance. */
static void put_options(struct out *o, const struct tdat_file_plan *plan, uint64_t *patch)
{
	const struct tdat_head *h = plan->head;

	put_options_v6(o, h, !plan->latency);
	if (!plan->latency && !tdat_head_option(h, TDAT_OPT_TRACECLOCK))
		put_clock_option(o, &plan->buffers[0]);
	for (size_t i = 1; i < plan->nbuffers; i++)
		patch[i - 1] = put_buffer_option(o, plan->buffers[i].name);
	out_uint(o, TDAT_OPT_DONE, 2);
}

/* The data of CPU @cpu, or NULL. *@at goes on over the sorted array. */
static const struct tdat_cpu_data *data_of(const struct tdat_buffer_data *b, uint32_t cpu,
					   size_t *at)
{
	if (*at < b->ncpus && b->cpus[*at].cpu == cpu)
		return &b->cpus[(*at)++];
	return NULL;
}

static void put_table(struct out *o, const struct out_range *ranges, uint32_t cpus, uint64_t at)
{
	struct buf bytes = { 0 };
	struct out table = { .big = o->big, .mem = &bytes, .path = o->path, .e = o->e };

	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		out_uint(&table, ranges[cpu].off, 8);
		out_uint(&table, ranges[cpu].len, 8);
	}
	if (!o->rc)
		o->rc = table.rc;
	out_patch_mem(o, at, bytes.data, bytes.len);
	buf_free(&bytes);
}

static void put_buffer(struct out *o, const struct tdat_buffer_data *b, uint32_t cpus,
		       uint64_t align)
{
	AUTO_FREE struct out_range *ranges = calloc(cpus, sizeof(*ranges));
	static const struct tdat_cpu_data none;
	const char *clock = buffer_clock(b);
	uint64_t table;
	size_t at = 0;

	if (!ranges) {
		o->rc = err_set(o->e, ENOMEM, "no memory to write %s", o->path);
		return;
	}
	out_mem(o, TAG_FLYRECORD, TAG_LEN);
	table = o->at;
	out_skip(o, cpus * 16ULL);
	out_uint(o, strlen(clock) + 2, 8);
	out_mem(o, "[", 1);
	out_mem(o, clock, strlen(clock));
	out_mem(o, "]", 1);
	out_align(o, align);
	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		const struct tdat_cpu_data *data = data_of(b, cpu, &at);

		out_cpu(o, data ? data : &none, b->page_size, align, &ranges[cpu]);
		out_align(o, align);
	}
	put_table(o, ranges, cpus, table);
}

static void put_buffers(struct out *o, const struct tdat_file_plan *plan, uint32_t cpus,
			const uint64_t *patch)
{
	uint64_t align = file_page_size(plan->head);

	for (size_t i = 0; i < plan->nbuffers; i++) {
		if (i) {
			out_align(o, align);
			out_patch(o, patch[i - 1], o->at, 8);
		}
		put_buffer(o, &plan->buffers[i], cpus, align);
	}
}

void write_v6(struct out *o, const struct tdat_file_plan *plan, uint32_t cpus)
{
	AUTO_FREE uint64_t *patch = calloc(plan->nbuffers + 1, sizeof(*patch));

	if (!patch) {
		o->rc = err_set(o->e, ENOMEM, "no memory to write %s", o->path);
		return;
	}
	put_blocks_v6(o, plan->head, cpus);
	put_options(o, plan, patch);
	if (plan->latency) {
		out_mem(o, TAG_LATENCY, TAG_LEN);
		out_mem(o, plan->latency, plan->latency_len);
	} else {
		put_buffers(o, plan, cpus, patch);
	}
}
