// SPDX-License-Identifier: GPL-2.0
/*
 * dump7.c - print a trace.dat of version 7
 *
 * Theory of operation
 *
 * The order is the stock tool's: the names of the sections, the list of the sections, the options
 * of the chain with the buffers where they are met, then the blocks of the head from the last to
 * the first. The first damage ends the chain or a block; what else can be reached is still printed,
 * and that first damage is the error.
 */
#include "tracedat/dump_local.h"

#include <errno.h>

/* Names and list of the sections need no option, only the walk from one to the next. */
static int each_section(struct dump *d, void (*each)(struct dump *d, const struct section *s),
			size_t *n, struct err *e)
{
	uint64_t at = d->f->after_head;
	struct section s;

	for (*n = 0; at < d->f->size; ++*n) {
		int rc = section_at(d->f, at, true, &s, e);

		if (rc)
			return rc;
		each(d, &s);
		at += SECTION_LEN + s.len;
	}
	return 0;
}

static void gather_strings(struct dump *d, const struct section *s)
{
	struct view body;

	if (s->id == TDAT_OPT_STRINGS && !section_body(d->f, s, false, &body, NULL))
		buf_add(&d->strings, body.p, body.len);
}

static struct view string_at(const struct dump *d, uint32_t id)
{
	size_t left = id < d->strings.len ? d->strings.len - id : 0;

	return (struct view){ left ? d->strings.data + id : (const uint8_t *)"", left };
}

static void put_strings(const struct dump *d)
{
	size_t at = 0;

	if (!dump_wants(d, DUMP_STRINGS))
		return;
	fprintf(d->to, "\t[String @ offset]\n");
	while (at < d->strings.len) {
		struct view s = string_at(d, (uint32_t)at);
		size_t n = strnlen((const char *)s.p, s.len);

		fprintf(d->to, "\t\t\"");
		dump_text(d, s);
		fprintf(d->to, "\" @ %zu\n", at);
		at += n + 1;
	}
}

void dump_section_head(const struct dump *d, const struct section *s)
{
	fprintf(d->to, "\t[Section %u @ %llu: \"", (unsigned int)s->id, (unsigned long long)s->at);
	dump_text(d, string_at(d, s->string));
	fprintf(d->to, "\", flags 0x%x, %llu bytes]\n", (unsigned int)s->flags,
		(unsigned long long)s->len);
}

/* A line of --sections. */
static void list_section(struct dump *d, const struct section *s)
{
	struct place pl = file_place(d->f, s->at + SECTION_LEN);
	bool packed = s->flags & SECTION_PACKED;
	uint32_t from, to;

	if (!dump_wants(d, DUMP_SECTIONS))
		return;
	fprintf(d->to, "\t[Section %2u @ %-16llu\t\"", (unsigned int)s->id,
		(unsigned long long)s->at);
	dump_text(d, string_at(d, s->string));
	fprintf(d->to, "\", flags 0x%x, ", (unsigned int)s->flags);
	from = rcur_u32(&pl.c);
	to = rcur_u32(&pl.c);
	if (packed && s->id != TDAT_OPT_BUFFER && s->id != TDAT_OPT_BUFFER_TEXT)
		fprintf(d->to, "%u compressed, %u uncompressed]\n", from, to);
	else
		fprintf(d->to, "%llu %sbytes]\n", (unsigned long long)s->len,
			packed ? "compressed " : "");
}

/* "[buffer ...]" of the summary, from a BUFFER or BUFFER_TEXT option. */
static void sum_buffer(const struct dump *d, const struct tdat_option *o)
{
	struct rcur c = rcur_make(o->data.p, o->data.len, d->f->head.big);
	unsigned long long total = 0;
	const char *name, *clock;
	uint32_t page_size, cpus;

	rcur_u64(&c);
	name = rcur_text(&c);
	clock = rcur_text(&c);
	if (!clock)
		return;
	fprintf(d->to, "\t[buffer \"");
	dump_text(d, (struct view){ (const uint8_t *)name, strlen(name) });
	fprintf(d->to, "\", \"");
	dump_text(d, (struct view){ (const uint8_t *)clock, strlen(clock) });
	fprintf(d->to, "\" clock, ");
	if (o->id == TDAT_OPT_BUFFER_TEXT) {
		fprintf(d->to, "latency data]\n");
		return;
	}
	page_size = rcur_u32(&c);
	cpus = rcur_u32(&c);
	for (uint32_t i = 0; i < cpus && !c.bad; i++) {
		rcur_take(&c, 4 + 8);
		total += rcur_u64(&c);
	}
	fprintf(d->to, "%u page size, %u cpus, %llu bytes flyrecord data]\n", page_size, cpus,
		total);
}

static void put_buffer(struct dump *d, const struct tdat_option *o)
{
	struct rcur c = rcur_make(o->data.p, o->data.len, d->f->head.big);
	struct section s;

	if (dump_wants(d, DUMP_FLYRECORD) && !section_at(d->f, rcur_u64(&c), false, &s, NULL))
		dump_section_head(d, &s);
	dump_option(d, o);
	if (dump_wants(d, DUMP_SUMMARY))
		sum_buffer(d, o);
}

static void put_options(void *ctx, const struct options_part *part)
{
	struct dump *d = ctx;
	const struct tdat_head *h = &d->f->head;
	bool wanted = dump_wants(d, DUMP_OPTIONS);

	d->parts++;

	if (wanted && part->first)
		fprintf(d->to, "\n\n");
	if (wanted)
		dump_section_head(d, &part->section);
	for (size_t i = part->first; i < h->noptions; i++) {
		const struct tdat_option *o = &h->options[i];

		if (o->id == TDAT_OPT_BUFFER || o->id == TDAT_OPT_BUFFER_TEXT)
			put_buffer(d, o);
		else
			dump_option(d, o);
	}
	if (wanted && part->whole)
		fprintf(d->to, "\t\t[Option DONE, 8 bytes]\n%llu\n",
			(unsigned long long)part->next);
}

/* Blocks that are not asked for are not even unpacked. */
static int put_block(struct dump *d, size_t i, struct err *e)
{
	struct section s;
	int rc;

	if (!dump_wants(d, DUMP_SUMMARY | dump_block_bits[i]) ||
	    !tdat_head_option(&d->f->head, file_blocks[i].id))
		return 0;
	rc = file_read_block(d->f, &file_blocks[i], &s, e);
	if (rc)
		return rc;
	if (dump_wants(d, dump_block_bits[i]))
		dump_section_head(d, &s);
	dump_block(d, i);
	return 0;
}

/* Keep the first of the errors. */
static void note(int *rc, int more, struct err *e, const struct err *own)
{
	if (*rc || !more)
		return;
	*rc = more;
	if (e)
		*e = *own;
}

static int put_all(struct dump *d, struct err *e)
{
	struct err own = { 0 }, walk = { 0 };
	size_t n;
	int rc = 0, walked = each_section(d, gather_strings, &n, &walk);

	put_strings(d);
	if (dump_wants(d, DUMP_SECTIONS))
		each_section(d, list_section, &n, NULL);
	note(&rc, file_chain(d->f, put_options, d, &own), e, &own);
	if (dump_wants(d, DUMP_SUMMARY | DUMP_OPTIONS))
		fprintf(d->to, "\t[%zu options]\n", d->f->head.noptions + d->parts);
	for (size_t i = FILE_BLOCKS; i--;)
		note(&rc, put_block(d, i, &own), e, &own);
	if (dump_wants(d, DUMP_SUMMARY | DUMP_SECTIONS))
		fprintf(d->to, "\t[%zu sections]\n", n);
	note(&rc, walked, e, &walk);
	return rc;
}

int dump_v7(struct dump *d, struct err *e)
{
	struct place pl = file_place(d->f, TDAT_MAGIC_LEN + 2);
	const char *name, *version;
	int rc = file_start7(d->f, e);

	if (rc)
		return rc;
	head_parse_machine(&d->f->head, &pl, NULL);
	name = rcur_text(&pl.c);
	version = rcur_text(&pl.c);
	if (dump_wants(d, DUMP_SUMMARY)) {
		fprintf(d->to, "\t\t");
		dump_text(d, (struct view){ (const uint8_t *)name, strlen(name) });
		fprintf(d->to, "\t[Compression algorithm]\n\t\t");
		dump_text(d, (struct view){ (const uint8_t *)version, strlen(version) });
		fprintf(d->to, "\t[Compression version]\n");
	}
	return put_all(d, e);
}
