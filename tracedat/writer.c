// SPDX-License-Identifier: GPL-2.0
/*
 * writer.c - make a trace.dat: judge the plan, then write the version that it asks for
 *
 * Theory of operation
 *
 * The plan is judged whole before the first byte is written, so that an error in it leaves no half
 * file. writer6.c and writer7.c know the two layouts; this file has what they
 * share: the blocks of the head, which are the same bytes in both.
 *
 * Every CPU table has one width: as many entries as the machine has CPUs, or as the highest CPU in
 * any buffer needs, because readers take the number of the last CPUCOUNT option for all buffers.
 */
#include "tracedat/out.h"

#include <errno.h>

uint64_t cpu_bytes(const struct tdat_cpu_data *cpu)
{
	uint64_t n = 0;

	for (size_t i = 0; i < cpu->nextents; i++)
		n += cpu->extents[i].len;
	return n;
}

bool option_kept(uint16_t id)
{
	static const uint16_t ours[] = {
		TDAT_OPT_DONE,		TDAT_OPT_BUFFER,	TDAT_OPT_CPUCOUNT,
		TDAT_OPT_STRINGS,	TDAT_OPT_KALLSYMS,	TDAT_OPT_PRINTK,
		TDAT_OPT_FTRACE_EVENTS, TDAT_OPT_EVENT_FORMATS, TDAT_OPT_CMDLINES,
		TDAT_OPT_BTF_FILE,	TDAT_OPT_HEADER_INFO,	TDAT_OPT_BUFFER_TEXT,
		TDAT_OPT_MODULES,
	};

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (ours[i] == id)
			return false;
	return true;
}

const char *buffer_clock(const struct tdat_buffer_data *b)
{
	return b && b->clock && b->clock[0] ? b->clock : "local";
}

void out_option(struct out *o, uint16_t id, const void *data, size_t len)
{
	out_uint(o, id, 2);
	out_uint(o, len, 4);
	out_mem(o, data, len);
}

static void put_text(struct out *o, struct view text, size_t size_bytes)
{
	out_uint(o, text.len, size_bytes);
	out_mem(o, text.p, text.len);
}

static void put_lists(struct out *o, struct view block)
{
	if (block.len)
		out_mem(o, block.p, block.len);
	else
		out_uint(o, 0, 4);
}

static void put_headers(struct out *o, const struct tdat_head *h)
{
	out_text(o, "header_page");
	put_text(o, h->header_page, 8);
	out_text(o, "header_event");
	put_text(o, h->header_event, 8);
}

static void put_ftrace(struct out *o, const struct tdat_head *h)
{
	put_lists(o, h->ftrace_formats);
}

static void put_systems(struct out *o, const struct tdat_head *h)
{
	put_lists(o, h->event_formats);
}

static void put_kallsyms(struct out *o, const struct tdat_head *h)
{
	put_text(o, h->kallsyms, 4);
}

static void put_printk(struct out *o, const struct tdat_head *h)
{
	put_text(o, h->printk, 4);
}

static void put_cmdlines(struct out *o, const struct tdat_head *h)
{
	put_text(o, h->cmdlines, 8);
}

const struct head_block head_blocks[HEAD_BLOCKS] = {
	{ TDAT_OPT_HEADER_INFO, "headers", put_headers },
	{ TDAT_OPT_FTRACE_EVENTS, "ftrace events", put_ftrace },
	{ TDAT_OPT_EVENT_FORMATS, "events format", put_systems },
	{ TDAT_OPT_KALLSYMS, "kallsyms", put_kallsyms },
	{ TDAT_OPT_PRINTK, "printk", put_printk },
	{ TDAT_OPT_CMDLINES, "command lines", put_cmdlines },
};

/*
 * Stock readers take pages of the size in the file's head, whatever header_page or the BUFFER
 * option say; so a machine with larger sub-buffers must have their size there.
 */
uint64_t file_page_size(const struct tdat_head *h)
{
	return is_pow2(h->layout.size) ? max_u64(h->page_size, h->layout.size) : h->page_size;
}

void put_machine(struct out *o, const struct tdat_head *h, const char *version)
{
	out_mem(o, TDAT_MAGIC, TDAT_MAGIC_LEN);
	out_text(o, version);
	out_uint(o, h->big, 1);
	out_uint(o, h->long_size, 1);
	out_uint(o, file_page_size(h), 4);
}

static int check_cpu(const struct tdat_cpu_data *cpu, uint32_t page_size, struct err *e)
{
	if (cpu->cpu >= TDAT_MAX_CPUS)
		return err_say(e, EINVAL, "CPU %u is too much for a trace.dat", cpu->cpu);
	for (size_t i = 0; i < cpu->nextents; i++)
		if (cpu->extents[i].len % page_size)
			return err_say(e, EINVAL, "CPU %u: %llu bytes are not whole pages of %u",
				       cpu->cpu, (unsigned long long)cpu->extents[i].len,
				       page_size);
	return 0;
}

static int check_buffer(const struct tdat_buffer_data *b, const struct tdat_file_plan *plan,
			struct err *e)
{
	uint32_t pages = plan->head->layout.size;
	int rc;

	if (!is_pow2(b->page_size) || b->page_size > TDAT_MAX_PAGE)
		return err_say(e, EINVAL, "buffer '%s': pages of %u bytes cannot be", b->name,
			       b->page_size);
	if (plan->version == 6 && b->page_size != pages) {
		err_say(e, EINVAL, "buffer '%s' has pages of %u bytes, header_page tells %u",
			b->name, b->page_size, pages);
		return err_hint(e, "--file-version 7, where each buffer has its own page size");
	}
	for (size_t i = 0; i < b->ncpus; i++) {
		rc = check_cpu(&b->cpus[i], b->page_size, e);
		if (rc)
			return rc;
		if (i && b->cpus[i].cpu <= b->cpus[i - 1].cpu)
			return err_say(e, EINVAL, "buffer '%s': CPU %u is not in order", b->name,
				       b->cpus[i].cpu);
	}
	return 0;
}

static int check_compression(const struct tdat_file_plan *plan, struct err *e)
{
	const char *name = plan->compression;

	if (!name || !strcmp(name, "none"))
		return 0;
	if (plan->in_place)
		return err_say(e, EINVAL, "pages that stand in their place cannot be compressed");
	if (plan->version != 6)
		return 0;
	err_say(e, EINVAL, "a trace.dat of version 6 cannot be compressed");
	err_hint(e, "--file-version 7, or --compression none");
	return -EINVAL;
}

static int check_latency(const struct tdat_file_plan *plan, struct err *e)
{
	for (size_t i = 0; plan->nbuffers && i < plan->buffers[0].ncpus; i++)
		if (plan->buffers[0].cpus[i].nextents || plan->buffers[0].cpus[i].source)
			return err_say(e, EINVAL, "a buffer has either latency text or pages");
	if (plan->version == 7 || plan->nbuffers < 2)
		return 0;
	err_say(e, EINVAL, "a trace.dat of version 6 has no place for buffers beside latency text");
	err_hint(e, "--file-version 7");
	return -EINVAL;
}

static int check_plan(const struct tdat_file_plan *plan, struct err *e)
{
	int rc = check_compression(plan, e);

	if (!rc && plan->latency)
		rc = check_latency(plan, e);
	if (rc)
		return rc;
	if (plan->nbuffers ? plan->buffers[0].name[0] : plan->version != 7 && !plan->latency)
		return err_say(e, EINVAL, "the first buffer of a trace.dat is not the top one");
	if (!is_pow2(plan->head->page_size) || !is_pow2(plan->head->layout.size))
		return err_say(e, EINVAL, "pages of %u bytes, sub-buffers of %u: no powers of two",
			       plan->head->page_size, plan->head->layout.size);
	for (size_t i = plan->latency ? 1 : 0; !rc && i < plan->nbuffers; i++)
		rc = check_buffer(&plan->buffers[i], plan, e);
	return rc;
}

static uint32_t table_width(const struct tdat_file_plan *plan)
{
	uint32_t cpus = plan->head->cpus ? plan->head->cpus : 1;

	for (size_t i = 0; i < plan->nbuffers; i++) {
		const struct tdat_buffer_data *b = &plan->buffers[i];

		if (b->ncpus && b->cpus[b->ncpus - 1].cpu >= cpus)
			cpus = b->cpus[b->ncpus - 1].cpu + 1;
	}
	return cpus;
}

static const struct writer {
	int version;
	void (*write)(struct out *o, const struct tdat_file_plan *plan, uint32_t cpus);
} writers[] = {
	{ 6, write_v6 },
	{ 7, write_v7 },
};

static int write_plan(struct out *o, const struct tdat_file_plan *plan)
{
	int rc = check_plan(plan, o->e);

	if (!rc)
		rc = packer_new(plan->compression, &o->packer, o->e);
	if (rc)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		if (writers[i].version != plan->version)
			continue;
		writers[i].write(o, plan, table_width(plan));
		return out_end(o);
	}
	packer_free(o->packer);
	return err_say(o->e, EINVAL, "a trace.dat of version %d cannot be written, only 6 and 7",
		       plan->version);
}

int tdat_write(int fd, const char *path, const struct tdat_file_plan *plan, struct err *e)
{
	struct out o = {
		.fd = fd, .path = path, .big = plan->head->big, .in_place = plan->in_place, .e = e
	};

	return write_plan(&o, plan);
}

int tdat_data_offset(const struct tdat_file_plan *plan, uint64_t *off, struct err *e)
{
	struct out o = { .fd = -1, .path = "", .big = plan->head->big, .dry = true, .e = e };
	int rc = write_plan(&o, plan);

	*off = o.data;
	return rc;
}
