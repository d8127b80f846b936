// SPDX-License-Identifier: GPL-2.0
/*
 * dump.c - print a trace.dat part by part, and the sequence of version 6
 *
 * Theory of operation
 *
 * The steps are those of the reader, one after the other, and each prints what it has got: so a
 * damaged file is printed up to the damage, and the error says where that is. Version 6 is printed
 * in the order of the file, version 7 (dump7.c) in that of the stock tool: options first.
 *
 * The words, tabs and orders are the stock tool's 3.1.6, for people and scripts that compare; a few
 * of them are odd (a size of 0 is blank) and are kept.
 */
#include "tracedat/dump_local.h"

#include <ctype.h>
#include <errno.h>

void dump_text(const struct dump *d, struct view text)
{
	uint8_t last = 0;

	for (size_t i = 0; i < text.len && text.p[i]; i++) {
		uint8_t c = text.p[i];

		/* Also the control characters that UTF-8 has beyond ASCII. */
		if ((iscntrl(c) && !strchr("\n\t", c)) || (last == 0xc2 && c >= 0x80 && c < 0xa0))
			fprintf(d->to, "\\x%02x", c);
		else
			putc(c, d->to);
		last = c;
	}
}

const unsigned int dump_block_bits[FILE_BLOCKS] = {
	DUMP_HEAD_PAGE | DUMP_HEAD_EVENT,
	DUMP_FTRACE_EVENTS,
	DUMP_SYSTEMS | DUMP_EVENTS,
	DUMP_KALLSYMS,
	DUMP_PRINTK,
	DUMP_CMDLINES,
};

/* "[WHAT, N bytes]" and, where @bit asks for it, the text. */
static void text_block(const struct dump *d, const char *what, struct view text, unsigned int bit)
{
	if (!dump_wants(d, bit | DUMP_SUMMARY))
		return;
	fprintf(d->to, "\t[%s, %zu bytes]\n", what, text.len);
	if (!dump_wants(d, bit))
		return;
	dump_text(d, text);
	putc('\n', d->to);
}

static void headers(const struct dump *d)
{
	text_block(d, "Header page", d->f->head.header_page, DUMP_HEAD_PAGE);
	text_block(d, "Header event", d->f->head.header_event, DUMP_HEAD_EVENT);
}

/* @count formats; printed with @print, skipped without. */
static void formats(const struct dump *d, struct place *pl, uint32_t count, bool print)
{
	struct view text;

	while (count-- && !head_parse_text(&text, pl, 8, "", NULL)) {
		if (!print)
			continue;
		dump_text(d, text);
		putc('\n', d->to);
	}
}

static struct place list_place(const struct dump *d, struct view list)
{
	return place_make(list.p, list.len, d->f->head.big, 0, "");
}

static void ftrace_events(const struct dump *d)
{
	struct place pl = list_place(d, d->f->head.ftrace_formats);
	uint32_t count = rcur_u32(&pl.c);

	if (!dump_wants(d, DUMP_FTRACE_EVENTS | DUMP_SUMMARY))
		return;
	fprintf(d->to, "\t[Ftrace format, %u events]\n", count);
	formats(d, &pl, count, dump_wants(d, DUMP_FTRACE_EVENTS));
}

static void systems(const struct dump *d)
{
	struct place pl = list_place(d, d->f->head.event_formats);
	uint32_t n = rcur_u32(&pl.c);

	if (!dump_wants(d, DUMP_SYSTEMS | DUMP_EVENTS | DUMP_SUMMARY))
		return;
	fprintf(d->to, "\t[Events format, %u systems]\n", n);
	while (n-- && !pl.c.bad) {
		const char *name = rcur_text(&pl.c);
		uint32_t count = rcur_u32(&pl.c);

		if (pl.c.bad)
			return;
		if (dump_wants(d, DUMP_SYSTEMS)) {
			fprintf(d->to, "\t\t");
			dump_text(d, (struct view){ (const uint8_t *)name, strlen(name) });
			fprintf(d->to, " %u [system, events]\n", count);
		}
		formats(d, &pl, count, dump_wants(d, DUMP_EVENTS));
	}
}

static void kallsyms(const struct dump *d)
{
	text_block(d, "Kallsyms", d->f->head.kallsyms, DUMP_KALLSYMS);
}

static void printks(const struct dump *d)
{
	text_block(d, "Trace printk", d->f->head.printk, DUMP_PRINTK);
}

static void cmdlines(const struct dump *d)
{
	text_block(d, "Saved command lines", d->f->head.cmdlines, DUMP_CMDLINES);
}

void dump_block(const struct dump *d, size_t block)
{
	static void (*const print[FILE_BLOCKS])(const struct dump *d) = {
		headers, ftrace_events, systems, kallsyms, printks, cmdlines,
	};

	print[block](d);
}

/* --- version 6 */

static int options_v6(struct dump *d, struct place *pl, struct err *e)
{
	struct tdat_head *h = &d->f->head;
	int rc;

	if (pl->c.left < TAG_LEN || memcmp(pl->c.p, TAG_OPTIONS, TAG_LEN))
		return 0;
	rcur_take(&pl->c, TAG_LEN);
	rc = head_parse_options(h, pl, NULL, true, e);
	for (size_t i = 0; i < h->noptions; i++)
		dump_option(d, &h->options[i]);
	if (!rc && dump_wants(d, DUMP_SUMMARY | DUMP_OPTIONS))
		fprintf(d->to, "\t[%zu options]\n", h->noptions);
	return rc;
}

static void table_v6(const struct dump *d, struct rcur *table, uint32_t cpus)
{
	if (dump_wants(d, DUMP_SUMMARY | DUMP_FLYRECORD))
		fprintf(d->to, "\t[Flyrecord tracing data]\n");
	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		uint64_t off = rcur_u64(table), len = rcur_u64(table);

		if (!table->bad && dump_wants(d, DUMP_FLYRECORD))
			fprintf(d->to, "\t %10.0lld %10.0lld\t[offset, size of cpu %u]\n",
				(long long)off, (long long)len, cpu);
	}
}

static int clock_v6(const struct dump *d, struct place *pl, struct err *e)
{
	struct view text;
	int rc;

	if (!dump_wants(d, DUMP_SUMMARY | DUMP_CLOCK))
		return 0;
	fprintf(d->to, "\t[Tracing clock]\n");
	if (!tdat_head_option(&d->f->head, TDAT_OPT_TRACECLOCK)) {
		fprintf(d->to, "\t\t No tracing clock saved in the file\n");
		return 0;
	}
	rc = head_parse_text(&text, pl, 8, "the clock", e);
	if (rc)
		return rc;
	fprintf(d->to, "\t\t");
	dump_text(d, text);
	putc('\n', d->to);
	return 0;
}

/* The data of one buffer, behind the tag. */
static int flyrecord_v6(const struct dump *d, struct place *pl, uint32_t cpus, struct err *e)
{
	struct rcur table = rcur_sub(&pl->c, cpus * (size_t)16);

	if (table.bad)
		return place_cut(pl, "the table of the CPUs", e);
	table_v6(d, &table, cpus);
	return clock_v6(d, pl, e);
}

static int instance_v6(const struct dump *d, struct view option, uint32_t cpus, struct err *e)
{
	struct rcur c = rcur_make(option.p, option.len, d->f->head.big);
	struct place pl = file_place(d->f, rcur_u64(&c));
	const uint8_t *tag;

	if (c.bad)
		return err_say(e, EPROTO, "a BUFFER option is cut");
	tag = rcur_take(&pl.c, TAG_LEN);
	if (!tag)
		return place_cut(&pl, "the data of a buffer", e);
	if (memcmp(tag, TAG_FLYRECORD, TAG_LEN))
		return err_say(e, EPROTO, "offset %#llx: the data of a buffer expected",
			       (unsigned long long)(place_at(&pl) - TAG_LEN));
	return flyrecord_v6(d, &pl, cpus, e);
}

static int data_v6(const struct dump *d, struct place *pl, uint32_t cpus, struct err *e)
{
	const struct tdat_head *h = &d->f->head;
	const uint8_t *tag = rcur_take(&pl->c, TAG_LEN);
	int rc;

	if (!tag)
		return place_cut(pl, "the data", e);
	if (!memcmp(tag, TAG_LATENCY, TAG_LEN)) {
		if (dump_wants(d, DUMP_SUMMARY))
			fprintf(d->to, "\t[Latency tracing data]\n");
		return 0;
	}
	if (memcmp(tag, TAG_FLYRECORD, TAG_LEN))
		return place_bad(pl, "neither trace pages nor latency text", e);
	rc = flyrecord_v6(d, pl, cpus, e);
	for (size_t i = 0; !rc && i < h->noptions; i++)
		if (h->options[i].id == TDAT_OPT_BUFFER)
			rc = instance_v6(d, h->options[i].data, cpus, e);
	return rc;
}

static int dump_v6(struct dump *d, struct place *pl, struct err *e)
{
	struct tdat_head *h = &d->f->head;
	int rc = 0;

	for (size_t i = 0; !rc && i < FILE_BLOCKS; i++) {
		rc = file_blocks[i].parse(h, pl, e);
		if (!rc)
			dump_block(d, i);
	}
	if (rc)
		return rc;
	h->cpus = rcur_u32(&pl->c);
	if (pl->c.bad)
		return place_cut(pl, "the number of CPUs", e);
	if (dump_wants(d, DUMP_SUMMARY))
		fprintf(d->to, "\t%u [CPUs with tracing data]\n", h->cpus);
	rc = options_v6(d, pl, e);
	return rc ? rc : data_v6(d, pl, file_cpus(d->f), e);
}

/* --- both */

static void initial(const struct dump *d)
{
	const struct tdat_head *h = &d->f->head;

	if (!dump_wants(d, DUMP_SUMMARY))
		return;
	fprintf(d->to, "\n Tracing meta data in file ");
	dump_text(d, (struct view){ (const uint8_t *)d->f->path, strlen(d->f->path) });
	fprintf(d->to, ":\n\t[Initial format]\n\t\t%d\t[Version]\n", d->f->version);
	fprintf(d->to, "\t\t%d\t[%s endian]\n", h->big, h->big ? "Big" : "Little");
	fprintf(d->to, "\t\t%d\t[Bytes in a long]\n", h->long_size);
	fprintf(d->to, "\t\t%u\t[Page size, bytes]\n", h->page_size);
}

static int dump_file(struct dump *d, struct err *e)
{
	struct place pl = file_place(d->f, TDAT_MAGIC_LEN + 2);
	int rc = file_version(d->f, e);

	if (!rc)
		rc = head_parse_machine(&d->f->head, &pl, e);
	if (rc)
		return rc;
	initial(d);
	return d->f->version == 6 ? dump_v6(d, &pl, e) : dump_v7(d, e);
}

int tdat_dump(const char *path, unsigned int what, FILE *to, struct err *e)
{
	struct dump d = { .to = to, .what = what, .f = file_map(path, e) };
	int rc;

	if (!d.f)
		return -EINVAL;
	rc = dump_file(&d, e);
	if (rc)
		err_prefix(e, "%s", path);
	buf_free(&d.strings);
	tdat_close(d.f);
	return rc;
}
