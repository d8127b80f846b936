// SPDX-License-Identifier: GPL-2.0
/*
 * writer7.c - the layout of version 7: sections, found through a chain of options
 *
 * Theory of operation
 *
 * Each block of the head becomes a section. The first options section tells where they are, and
 * each buffer is a section with pages followed by one more options section with its BUFFER option.
 * The file's head points at the first options section and each of these, with its DONE option, at
 * the next: .link is the place where the next offset goes.
 *
 * With compression all sections but the options are packed: a block of the head is gathered in
 * memory and becomes one compressed block, pages and latency text become chunks.
 *
 * The descriptions of the sections are gathered while writing and are the last section.
 */
#include "tracedat/out.h"

#include <errno.h>

struct w7 {
	struct out *o;
	struct buf strings; /* owned */
	struct buf body;    /* owned; of the section that is being written, when it is packed */
	struct out packed;  /* writes to .body */
	uint64_t link;	    /* file offset of the u64 that must name the next options section */
	uint64_t section;   /* file offset of the header of the section that is being written */
};

static void begin_section(struct w7 *w, uint16_t id, uint16_t flags, const char *what,
			  const char *name)
{
	uint64_t string = w->strings.len;

	if (buf_addf(&w->strings, "%s%s", what, name) || buf_add(&w->strings, "", 1))
		string = TDAT_NO_STRING;
	w->section = w->o->at;
	out_uint(w->o, id, 2);
	out_uint(w->o, flags, 2);
	out_uint(w->o, string, 4);
	out_uint(w->o, 0, 8);
}

static void end_section(struct w7 *w)
{
	out_patch(w->o, w->section + 8, w->o->at - w->section - SECTION_LEN, 8);
}

static uint16_t packed_flag(const struct w7 *w)
{
	return w->o->packer ? SECTION_PACKED : 0;
}

/* A section that is one block; returns where its content goes. */
static struct out *begin_block(struct w7 *w, uint16_t id, const char *what)
{
	struct out *o = w->o;

	begin_section(w, id, packed_flag(w), what, "");
	if (!o->packer)
		return o;
	w->body.len = 0;
	w->packed = (struct out){
		.fd = -1, .path = o->path, .big = o->big, .mem = &w->body, .e = o->e
	};
	return &w->packed;
}

static void end_block(struct w7 *w)
{
	if (w->o->packer) {
		if (!w->o->rc)
			w->o->rc = w->packed.rc;
		out_block(w->o, w->body.data, w->body.len);
	}
	end_section(w);
}

static void put_start(struct w7 *w, const struct tdat_head *h)
{
	struct out *o = w->o;

	put_machine(o, h, "7");
	out_text(o, packer_name(o->packer));
	out_text(o, packer_version(o->packer));
	w->link = o->at;
	out_uint(o, 0, 8);
}

static void begin_options(struct w7 *w)
{
	out_patch(w->o, w->link, w->o->at, 8);
	begin_section(w, 0, 0, "options", "");
}

static void end_options(struct w7 *w)
{
	out_uint(w->o, TDAT_OPT_DONE, 2);
	out_uint(w->o, 8, 4);
	w->link = w->o->at;
	out_uint(w->o, 0, 8);
	end_section(w);
}

static void put_where(struct out *o, uint16_t id, uint64_t section)
{
	out_uint(o, id, 2);
	out_uint(o, 8, 4);
	out_uint(o, section, 8);
}

/* @at: where the section of each block is, then of each extra one. */
static void put_general_options(struct w7 *w, const struct tdat_file_plan *plan, uint32_t cpus,
				const uint64_t *at)
{
	const struct tdat_head *h = plan->head;
	struct out *o = w->o;

	begin_options(w);
	for (size_t i = 0; i < HEAD_BLOCKS; i++)
		put_where(o, head_blocks[i].id, *at++);
	for (size_t i = 0; i < plan->nextras; i++)
		put_where(o, plan->extras[i].id, *at++);
	for (size_t i = 0; i < h->noptions; i++)
		if (option_kept(h->options[i].id))
			out_option(o, h->options[i].id, h->options[i].data.p,
				   h->options[i].data.len);
	out_uint(o, TDAT_OPT_CPUCOUNT, 2);
	out_uint(o, 4, 4);
	out_uint(o, cpus, 4);
	end_options(w);
}

/* The BUFFER option of the section at @section; @ranges: of each of its CPUs. */
static void put_buffer_option(struct out *o, const struct tdat_buffer_data *b, uint64_t section,
			      const struct out_range *ranges)
{
	uint32_t filled = 0;

	for (size_t i = 0; i < b->ncpus; i++)
		filled += ranges[i].len != 0;
	out_uint(o, TDAT_OPT_BUFFER, 2);
	out_uint(o, 8 + strlen(b->name) + 1 + strlen(buffer_clock(b)) + 1 + 8 + 20ULL * filled, 4);
	out_uint(o, section, 8);
	out_text(o, b->name);
	out_text(o, buffer_clock(b));
	out_uint(o, b->page_size, 4);
	out_uint(o, filled, 4);
	for (size_t i = 0; i < b->ncpus; i++) {
		if (!ranges[i].len)
			continue;
		out_uint(o, b->cpus[i].cpu, 4);
		out_uint(o, ranges[i].off, 8);
		out_uint(o, ranges[i].len, 8);
	}
}

static void put_buffer(struct w7 *w, const struct tdat_file_plan *plan,
		       const struct tdat_buffer_data *b)
{
	uint64_t align = max_u64(file_page_size(plan->head), b->page_size), section;
	AUTO_FREE struct out_range *ranges = calloc(b->ncpus + 1, sizeof(*ranges));

	if (!ranges) {
		w->o->rc = err_set(w->o->e, ENOMEM, "no memory to write %s", w->o->path);
		return;
	}
	begin_section(w, TDAT_OPT_BUFFER, packed_flag(w), "buffer flyrecord ", b->name);
	section = w->section;
	for (size_t i = 0; i < b->ncpus; i++)
		out_cpu(w->o, &b->cpus[i], b->page_size, align, &ranges[i]);
	end_section(w);
	begin_options(w);
	put_buffer_option(w->o, b, section, ranges);
	end_options(w);
}

static void put_latency(struct w7 *w, const struct tdat_file_plan *plan)
{
	const char *clock = buffer_clock(plan->nbuffers ? &plan->buffers[0] : NULL);
	struct out *o = w->o;
	uint64_t section;

	begin_section(w, TDAT_OPT_BUFFER_TEXT, packed_flag(w), "buffer latency", "");
	section = w->section;
	out_latency(o, plan->latency, plan->latency_len, plan->head->layout.size);
	end_section(w);
	begin_options(w);
	out_uint(o, TDAT_OPT_BUFFER_TEXT, 2);
	out_uint(o, 8 + 1 + strlen(clock) + 1, 4);
	out_uint(o, section, 8);
	out_text(o, "");
	out_text(o, clock);
	end_options(w);
}

static void put_strings(struct w7 *w)
{
	struct out *o = begin_block(w, TDAT_OPT_STRINGS, "strings");

	out_mem(o, w->strings.data, w->strings.len);
	end_block(w);
}

/* Blocks of the head and further sections; fills @at. */
static void put_blocks(struct w7 *w, const struct tdat_file_plan *plan, uint64_t *at)
{
	for (size_t i = 0; i < HEAD_BLOCKS; i++) {
		struct out *o = begin_block(w, head_blocks[i].id, head_blocks[i].what);

		*at++ = w->section;
		head_blocks[i].put(o, plan->head);
		end_block(w);
	}
	for (size_t i = 0; i < plan->nextras; i++) {
		bool btf = plan->extras[i].id == TDAT_OPT_BTF_FILE;
		struct out *o = begin_block(w, plan->extras[i].id, btf ? "BTF" : "modules");

		*at++ = w->section;
		out_mem(o, plan->extras[i].body.p, plan->extras[i].body.len);
		end_block(w);
	}
}

void write_v7(struct out *o, const struct tdat_file_plan *plan, uint32_t cpus)
{
	AUTO_FREE uint64_t *at = calloc(HEAD_BLOCKS + plan->nextras, sizeof(*at));
	struct w7 w = { .o = o };

	if (!at) {
		o->rc = err_set(o->e, ENOMEM, "no memory to write %s", o->path);
		return;
	}
	put_start(&w, plan->head);
	put_blocks(&w, plan, at);
	put_general_options(&w, plan, cpus, at);
	if (plan->latency)
		put_latency(&w, plan);
	for (size_t i = plan->latency ? 1 : 0; i < plan->nbuffers; i++)
		put_buffer(&w, plan, &plan->buffers[i]);
	put_strings(&w);
	buf_free(&w.strings);
	buf_free(&w.body);
}
