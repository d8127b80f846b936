// SPDX-License-Identifier: GPL-2.0
/*
 * reader7.c - the layout of version 7: follow the chain of options, gather the sections
 *
 * Theory of operation
 *
 * The head of the file points at an options section; each of these ends with the offset of the
 * next. All options are gathered in the file's head. Those that name a section are then followed:
 * the metadata sections fill the head block by block, BUFFER options become buffers.
 *
 * A compressed section is decompressed into memory that the file owns until it is closed, because
 * the head is views of it. The sum of these is limited, and the chain is limited and may not visit
 * a section twice, so a hostile file costs bounded time and memory.
 *
 * Sections that nothing points at, unknown options and unknown sections are left alone.
 */
#include "tracedat/reader_local.h"

#include <errno.h>
#include "base/cleanup.h"

int section_at(const struct tdat_file *f, uint64_t off, bool whole, struct section *to,
	       struct err *e)
{
	struct place pl = file_place(f, off);

	*to = (struct section){ .at = off };
	to->id = rcur_u16(&pl.c);
	to->flags = rcur_u16(&pl.c);
	to->string = rcur_u32(&pl.c);
	to->len = rcur_u64(&pl.c);
	if (off < f->after_head)
		return err_say(e, EPROTO, "offset %#llx is no section", (unsigned long long)off);
	if (pl.c.bad)
		return err_say(e, ENODATA, "a section expected at offset %#llx, behind the end",
			       (unsigned long long)off);
	if (whole && to->len > pl.c.left)
		return err_say(e, ENODATA, "the section at offset %#llx ends behind the file",
			       (unsigned long long)off);
	return 0;
}

/* Memory that the file owns. */
static uint8_t *own_memory(struct tdat_file *f, size_t n, struct err *e)
{
	uint8_t **more;

	if (n > TDAT_MAX_META - f->owned_bytes) {
		err_say(e, EPROTO, "the metadata decompress to more than %d bytes", TDAT_MAX_META);
		return NULL;
	}
	more = realloc(f->owned, (f->nowned + 1) * sizeof(*more));
	if (more) {
		f->owned = more;
		more[f->nowned] = malloc(n ? n : 1);
	}
	if (!more || !more[f->nowned]) {
		err_set(e, ENOMEM, "no memory for %zu bytes of metadata", n);
		return NULL;
	}
	f->owned_bytes += n;
	return f->owned[f->nowned++];
}

/* Decompress one block {u32 compressed size, u32 size, data} at @c to @to. */
static int unpack_block(struct tdat_file *f, struct rcur *c, uint8_t *to, size_t n, struct err *e)
{
	uint32_t packed = rcur_u32(c);
	const uint8_t *from;
	struct unpacker *u;
	int rc;

	rcur_u32(c);
	from = rcur_take(c, packed);
	if (!from)
		return err_say(e, ENODATA, "a compressed block is cut");
	u = unpacker_new(f->method, e);
	rc = u ? unpack(u, to, n, from, packed, e) : -ENOMEM;
	unpacker_free(u);
	return rc;
}

/* The size that the block at @c has when it is decompressed; @c stays. */
static uint32_t block_size(struct rcur c)
{
	rcur_u32(&c);
	return rcur_u32(&c);
}

/* @chunks blocks one behind the other, into one piece of memory. */
static int unpack_blocks(struct tdat_file *f, struct rcur c, uint32_t chunks, struct view *to,
			 struct err *e)
{
	struct rcur look = c;
	uint64_t total = 0;
	uint8_t *mem;
	int rc = 0;

	for (uint32_t i = 0; i < chunks && !look.bad; i++) {
		uint32_t packed = rcur_u32(&look);

		total += rcur_u32(&look);
		rcur_take(&look, packed);
	}
	if (look.bad)
		return err_say(e, ENODATA, "a compressed block is cut");
	mem = own_memory(f, total > SIZE_MAX ? SIZE_MAX : (size_t)total, e);
	if (!mem)
		return -e->code;
	*to = (struct view){ mem, (size_t)total };
	for (uint32_t i = 0; !rc && i < chunks; i++) {
		uint32_t n = block_size(c);

		rc = unpack_block(f, &c, mem, n, e);
		mem += n;
	}
	return rc;
}

/* The content of a section; its options sections and metadata are one block, texts are chunks. */
int section_body(struct tdat_file *f, const struct section *s, bool chunked, struct view *to,
		 struct err *e)
{
	struct place pl = file_place(f, s->at + SECTION_LEN);
	struct rcur c = rcur_make(pl.c.p, (size_t)s->len, pl.c.big);
	uint32_t chunks = 1;
	int rc;

	*to = (struct view){ c.p, c.left };
	if (!(s->flags & SECTION_PACKED))
		return 0;
	if (chunked)
		chunks = rcur_u32(&c);
	rc = unpack_blocks(f, c, chunks, to, e);
	if (rc)
		err_prefix(e, "section at offset %#llx", (unsigned long long)s->at);
	return rc;
}

/* The section at @off, which must have this id. */
static int load_section(struct tdat_file *f, uint64_t off, uint16_t id, bool chunked,
			struct view *body, struct section *s, struct err *e)
{
	int rc = section_at(f, off, true, s, e);

	if (rc)
		return rc;
	if (s->id != id)
		return err_say(e, EPROTO, "offset %#llx: a section %u expected, found %u",
			       (unsigned long long)off, (unsigned int)id, (unsigned int)s->id);
	return section_body(f, s, chunked, body, e);
}

/* A place in a section's body; offsets in error texts are right when it is not compressed. */
static struct place body_place(const struct tdat_file *f, const struct section *s, struct view body)
{
	bool packed = s->flags & SECTION_PACKED;

	return place_make(body.p, body.len, f->head.big, packed ? 0 : s->at + SECTION_LEN,
			  packed ? " of a decompressed section" : "");
}

int file_chain(struct tdat_file *f, void (*each)(void *ctx, const struct options_part *part),
	       void *ctx, struct err *e)
{
	AUTO_FREE uint64_t *seen = calloc(TDAT_MAX_CHAIN, sizeof(*seen));
	uint64_t next = f->first_options;
	struct options_part part;
	struct view body;

	if (!seen)
		return err_set(e, ENOMEM, "no memory for options");
	if (!next)
		return err_say(e, ENODATA,
			       "the file was not finished: offset %#llx names no options section",
			       (unsigned long long)f->after_head - 8);
	for (size_t n = 0; next; n++) {
		struct place pl;
		int rc;

		for (size_t i = 0; i < n; i++)
			if (seen[i] == next)
				n = TDAT_MAX_CHAIN;
		if (n >= TDAT_MAX_CHAIN)
			return err_say(e, EPROTO, "the chain of options loops at offset %#llx",
				       (unsigned long long)next);
		seen[n] = next;
		rc = load_section(f, next, 0, false, &body, &part.section, e);
		if (rc)
			return rc;
		pl = body_place(f, &part.section, body);
		part.first = f->head.noptions;
		part.whole = false;
		rc = head_parse_options(&f->head, &pl, &next, true, e);
		part.next = next;
		part.whole = !rc;
		if (each)
			each(ctx, &part);
		if (rc)
			return rc;
	}
	return 0;
}

static int parse_kallsyms(struct tdat_head *head, struct place *pl, struct err *e)
{
	return head_parse_text(&head->kallsyms, pl, 4, "kallsyms", e);
}

static int parse_printk(struct tdat_head *head, struct place *pl, struct err *e)
{
	return head_parse_text(&head->printk, pl, 4, "the printk formats", e);
}

static int parse_cmdlines(struct tdat_head *head, struct place *pl, struct err *e)
{
	return head_parse_text(&head->cmdlines, pl, 8, "the command lines", e);
}

const struct file_block file_blocks[FILE_BLOCKS] = {
	{ TDAT_OPT_HEADER_INFO, head_parse_headers }, /* first: it has the page layout */
	{ TDAT_OPT_FTRACE_EVENTS, head_parse_ftrace },
	{ TDAT_OPT_EVENT_FORMATS, head_parse_systems },
	{ TDAT_OPT_KALLSYMS, parse_kallsyms },
	{ TDAT_OPT_PRINTK, parse_printk },
	{ TDAT_OPT_CMDLINES, parse_cmdlines },
};

/* The section that option @id names. */
static int named_section(struct tdat_file *f, uint16_t id, struct view *body, struct section *s,
			 struct err *e)
{
	const struct tdat_option *o = tdat_head_option(&f->head, id);
	struct rcur c = o ? rcur_make(o->data.p, o->data.len, f->head.big) : (struct rcur){ 0 };
	uint64_t off = rcur_u64(&c);

	int rc;

	if (!o)
		return err_say(e, ENOENT, "no option %u", (unsigned int)id);
	rc = c.bad ? err_say(e, EPROTO, "it is cut") : load_section(f, off, id, false, body, s, e);
	return rc ? blame_option(f, o, rc, e) : 0;
}

int file_section(struct tdat_file *f, uint16_t id, struct view *body, struct err *e)
{
	struct section s = { 0 };
	int rc = named_section(f, id, body, &s, e);

	return rc ? err_prefix(e, "%s", f->path) : 0;
}

int file_read_block(struct tdat_file *f, const struct file_block *b, struct section *s,
		    struct err *e)
{
	struct view body = { 0 };
	struct place pl;
	int rc;

	if (!tdat_head_option(&f->head, b->id)) {
		if (b->id != TDAT_OPT_HEADER_INFO)
			return 0;
		return err_say(e, EPROTO, "no option from offset %#llx on names the header_page",
			       (unsigned long long)f->first_options);
	}
	rc = named_section(f, b->id, &body, s, e);
	if (rc)
		return rc;
	pl = body_place(f, s, body);
	return b->parse(&f->head, &pl, e);
}

static int read_table(struct tdat_file *f, struct tdat_file_buffer *b, struct rcur *c, uint32_t n,
		      struct err *e)
{
	uint8_t used[TDAT_MAX_CPUS / 8] = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		uint32_t cpu = rcur_u32(c);
		uint64_t off = rcur_u64(c), len = rcur_u64(c);

		if (cpu >= TDAT_MAX_CPUS || used[cpu / 8] & BIT(cpu % 8))
			return err_say(e, EPROTO, "a BUFFER option has a CPU %u too much", cpu);
		used[cpu / 8] |= BIT(cpu % 8);
		buffer_add_cpu(f, b, cpu, off, len);
	}
	return 0;
}

static int read_buffer(struct tdat_file *f, struct view option, struct err *e)
{
	struct rcur c = rcur_make(option.p, option.len, f->head.big);
	uint64_t off = rcur_u64(&c);
	const char *name = rcur_text(&c), *clock = rcur_text(&c);
	uint32_t page_size = rcur_u32(&c), ncpus = rcur_u32(&c);
	struct tdat_file_buffer *b;
	struct section s = { 0 };
	int rc;

	if (c.bad || ncpus > c.left / 20)
		return err_say(e, EPROTO, "a BUFFER option is cut");
	rc = section_at(f, off, false, &s, e);
	if (rc)
		return rc;
	if (s.id != TDAT_OPT_BUFFER)
		return err_say(e, EPROTO, "offset %#llx: the section of a buffer expected",
			       (unsigned long long)off);
	b = file_add_buffer(f, name, clock, strlen(clock), page_size, e);
	if (!b)
		return -e->code; /* tdat_open() always has one */
	b->compressed = s.flags & SECTION_PACKED;
	rc = buffer_reserve(f, b, ncpus, e);
	return rc ? rc : read_table(f, b, &c, ncpus, e);
}

static int read_text(struct tdat_file *f, struct view option, struct err *e)
{
	struct rcur c = rcur_make(option.p, option.len, f->head.big);
	uint64_t off = rcur_u64(&c);
	struct section s = { 0 };
	int rc;

	if (c.bad)
		return err_say(e, EPROTO, "a BUFFER_TEXT option is cut");
	if (f->has_latency)
		return 0; /* the first one is the top buffer */
	rc = load_section(f, off, TDAT_OPT_BUFFER_TEXT, true, &f->latency, &s, e);
	f->has_latency = !rc;
	return rc;
}

static int read_buffers(struct tdat_file *f, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < f->head.noptions; i++) {
		const struct tdat_option *o = &f->head.options[i];

		if (o->id == TDAT_OPT_BUFFER)
			rc = read_buffer(f, o->data, e);
		else if (o->id == TDAT_OPT_BUFFER_TEXT)
			rc = read_text(f, o->data, e);
		if (rc)
			blame_option(f, o, rc, e);
	}
	return rc;
}

int file_start7(struct tdat_file *f, struct err *e)
{
	struct place pl = file_place(f, TDAT_MAGIC_LEN + 2);
	const char *name, *version;
	int rc = head_parse_machine(&f->head, &pl, e);

	if (rc)
		return rc;
	name = rcur_text(&pl.c);
	version = rcur_text(&pl.c);
	f->first_options = rcur_u64(&pl.c);
	if (!version || pl.c.bad)
		return place_cut(&pl, "the compression and the offset of the options", e);
	f->after_head = place_at(&pl);
	f->method = unpack_find(name);
	if (!f->method)
		return err_say(
			e, ENOTSUP,
			"the file is compressed, and neither by zstd nor zlib: see offset 0x12");
	return 0;
}

int open_v7_head(struct tdat_file *f, struct err *e)
{
	const struct tdat_option *o;
	struct section s = { 0 };
	int rc = file_start7(f, e);

	if (!rc)
		rc = file_chain(f, NULL, NULL, e);
	for (size_t i = 0; !rc && i < FILE_BLOCKS; i++)
		rc = file_read_block(f, &file_blocks[i], &s, e);
	if (rc)
		return rc;
	o = tdat_head_option(&f->head, TDAT_OPT_CPUCOUNT);
	if (o) {
		struct rcur c = rcur_make(o->data.p, o->data.len, f->head.big);

		f->head.cpus = rcur_u32(&c);
	}
	if (o && f->head.cpus > TDAT_MAX_CPUS)
		return blame_option(f, o, err_say(e, EPROTO, "the number of CPUs cannot be"), e);
	return 0;
}

int open_v7(struct tdat_file *f, struct err *e)
{
	int rc = open_v7_head(f, e);

	return rc ? rc : read_buffers(f, e);
}
