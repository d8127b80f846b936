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
 * The descriptions of the sections are gathered while writing and are the last section.
 */
#include "tracedat/out.h"

struct w7 {
	struct out *o;
	struct buf strings; /* owned */
	uint64_t link;	    /* file offset of the u64 that must name the next options section */
	uint64_t section;   /* file offset of the header of the section that is being written */
};

static void begin_section(struct w7 *w, uint16_t id, const char *what, const char *name)
{
	uint64_t string = w->strings.len;

	if (buf_addf(&w->strings, "%s%s", what, name) || buf_add(&w->strings, "", 1))
		string = TDAT_NO_STRING;
	w->section = w->o->at;
	out_uint(w->o, id, 2);
	out_uint(w->o, 0, 2); /* flags: not compressed */
	out_uint(w->o, string, 4);
	out_uint(w->o, 0, 8);
}

static void end_section(struct w7 *w)
{
	out_patch(w->o, w->section + 8, w->o->at - w->section - SECTION_LEN, 8);
}

static void put_start(struct w7 *w, const struct tdat_head *h)
{
	struct out *o = w->o;

	put_machine(o, h, "7");
	out_text(o, "none");
	out_text(o, "");
	w->link = o->at;
	out_uint(o, 0, 8);
}

static void begin_options(struct w7 *w)
{
	out_patch(w->o, w->link, w->o->at, 8);
	begin_section(w, 0, "options", "");
}

static void end_options(struct w7 *w)
{
	out_uint(w->o, TDAT_OPT_DONE, 2);
	out_uint(w->o, 8, 4);
	w->link = w->o->at;
	out_uint(w->o, 0, 8);
	end_section(w);
}

/* @at: where the section of each block is. */
static void put_general_options(struct w7 *w, const struct tdat_head *h, uint32_t cpus,
				const uint64_t *at)
{
	struct out *o = w->o;

	begin_options(w);
	for (size_t i = 0; i < HEAD_BLOCKS; i++) {
		out_uint(o, head_blocks[i].id, 2);
		out_uint(o, 8, 4);
		out_uint(o, at[i], 8);
	}
	for (size_t i = 0; i < h->noptions; i++)
		if (option_kept(h->options[i].id))
			out_option(o, h->options[i].id, h->options[i].data.p,
				   h->options[i].data.len);
	out_uint(o, TDAT_OPT_CPUCOUNT, 2);
	out_uint(o, 4, 4);
	out_uint(o, cpus, 4);
	end_options(w);
}

/* The BUFFER option of the section at @section; the data of each CPU begin at the next page. */
static void put_buffer_option(struct out *o, const struct tdat_buffer_data *b, uint64_t section,
			      uint64_t align)
{
	uint64_t off = align_up(section + SECTION_LEN, align);
	uint32_t filled = 0;

	for (size_t i = 0; i < b->ncpus; i++)
		filled += cpu_bytes(&b->cpus[i]) != 0;
	out_uint(o, TDAT_OPT_BUFFER, 2);
	out_uint(o, 8 + strlen(b->name) + 1 + strlen(buffer_clock(b)) + 1 + 8 + 20ULL * filled, 4);
	out_uint(o, section, 8);
	out_text(o, b->name);
	out_text(o, buffer_clock(b));
	out_uint(o, b->page_size, 4);
	out_uint(o, filled, 4);
	for (size_t i = 0; i < b->ncpus; i++) {
		uint64_t n = cpu_bytes(&b->cpus[i]);

		if (!n)
			continue;
		out_uint(o, b->cpus[i].cpu, 4);
		out_uint(o, off, 8);
		out_uint(o, n, 8);
		off = align_up(off + n, align);
	}
}

static void put_buffer(struct w7 *w, const struct tdat_file_plan *plan,
		       const struct tdat_buffer_data *b)
{
	uint64_t align = max_u64(file_page_size(plan->head), b->page_size), section;

	begin_section(w, TDAT_OPT_BUFFER, "buffer flyrecord ", b->name);
	section = w->section;
	for (size_t i = 0; i < b->ncpus; i++) {
		if (!cpu_bytes(&b->cpus[i]))
			continue;
		out_align(w->o, align);
		out_extents(w->o, &b->cpus[i]);
	}
	end_section(w);
	begin_options(w);
	put_buffer_option(w->o, b, section, align);
	end_options(w);
}

static void put_strings(struct w7 *w)
{
	begin_section(w, TDAT_OPT_STRINGS, "strings", "");
	out_mem(w->o, w->strings.data, w->strings.len);
	end_section(w);
	buf_free(&w->strings);
}

void write_v7(struct out *o, const struct tdat_file_plan *plan, uint32_t cpus)
{
	uint64_t at[HEAD_BLOCKS];
	struct w7 w = { .o = o };

	put_start(&w, plan->head);
	for (size_t i = 0; i < HEAD_BLOCKS; i++) {
		begin_section(&w, head_blocks[i].id, head_blocks[i].what, "");
		at[i] = w.section;
		head_blocks[i].put(o, plan->head);
		end_section(&w);
	}
	put_general_options(&w, plan->head, cpus, at);
	for (size_t i = 0; i < plan->nbuffers; i++)
		put_buffer(&w, plan, &plan->buffers[i]);
	put_strings(&w);
}
