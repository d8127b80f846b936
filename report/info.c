// SPDX-License-Identifier: GPL-2.0
/*
 * info.c - what a trace.dat says about itself
 *
 * Theory of operation
 *
 * Everything here is read from the head and the tables; only --first-event, --last-event and the
 * size of compressed data walk over pages. The texts are those of stock 3.1.6.
 */
#include "report/info.h"

#include <errno.h>

static const char *endian(bool big)
{
	return big ? "big" : "little";
}

void info_endian(const struct input *in, FILE *to)
{
	fprintf(to, "file is %s endian and host is %s endian\n",
		endian(tep_is_file_bigendian(in->tep.tep)),
		endian(tep_is_local_bigendian(in->tep.tep)));
}

void info_event_names(const struct input *in, FILE *to)
{
	struct tep_event **events = tep_list_events(in->tep.tep, TEP_EVENT_SORT_SYSTEM);

	for (size_t i = 0; events && events[i]; i++)
		fprintf(to, "%s:%s\n", events[i]->system, events[i]->name);
}

/* The value of "ID:" in a format text, or -1. */
static int format_id(struct view text)
{
	static const char key[] = "\nID: ";
	const uint8_t *at = memmem(text.p, text.len, key, sizeof(key) - 1);
	size_t i = at ? (size_t)(at - text.p) + sizeof(key) - 1 : text.len;
	int id = at ? 0 : -1;

	for (; i < text.len && text.p[i] >= '0' && text.p[i] <= '9' && id < 65536; i++)
		id = id * 10 + (text.p[i] - '0');
	return id;
}

void info_formats(const struct input *in, const struct event_match *match, FILE *to)
{
	struct tdat_format_iter it = { 0 };
	const char *system = NULL;

	while (tdat_next_event_format(tdat_head(in->file), &it)) {
		if (match) {
			struct tep_event *event = tep_find_event(in->tep.tep, format_id(it.text));

			if (!event || !event_match(match, event))
				continue;
		}
		if (it.system != system)
			fprintf(to, "\nsystem: %s\n", it.system);
		system = it.system;
		fwrite(it.text.p, 1, it.text.len, to);
		fputc('\n', to);
	}
}

void info_option(const struct input *in, uint16_t id, FILE *to)
{
	const struct tdat_head *head = tdat_head(in->file);

	for (size_t i = 0; i < head->noptions; i++) {
		const struct view *v = &head->options[i].data;

		if (head->options[i].id == id)
			fprintf(to, "%.*s\n", (int)strnlen((const char *)v->p, v->len),
				(const char *)v->p);
	}
}

/* The index of the top buffer; false where the file has none, as it may when that was empty. */
static bool find_top(const struct input *in, size_t *to)
{
	for (*to = 0; *to < tdat_nbuffers(in->file); ++*to)
		if (!*tdat_buffer(in->file, *to)->name)
			return true;
	return false;
}

/* Bytes of the pages of a CPU, when they are unpacked. */
static int unpacked_size(const struct input *in, size_t top, size_t cpu, uint64_t *to,
			 struct err *e)
{
	const struct tdat_file_buffer *b = tdat_buffer(in->file, top);
	struct tdat_cursor *c;
	struct tdat_event ev;
	int rc;

	*to = b->cpus[cpu].len;
	if (!b->cpus[cpu].len || !strcmp(tdat_compression(in->file), "none"))
		return 0;
	c = tdat_cursor_new(in->file, top, cpu, e);
	if (!c)
		return -EINVAL;
	for (*to = 0; (rc = tdat_cursor_next(c, &ev, e));)
		if (rc > 0)
			*to = align_up(ev.offset - b->cpus[cpu].off + 1, b->page_size);
	tdat_cursor_free(c);
	return 0;
}

static void put_region(unsigned int cpu, uint64_t off, uint64_t size, FILE *to)
{
	fprintf(to, "CPU%u data recorded at offset=0x%llx\n    %llu bytes in size\n", cpu,
		(unsigned long long)off, (unsigned long long)size);
}

/*
 * Where the data of each CPU are. Of compressed data stock says where they are in the temporary
 * file that it unpacks them to, which has one page in front. A CPU that the buffer's table leaves
 * out, as it has no data, is at 0 where one with a higher number has some, and not there otherwise.
 */
static int put_data(const struct input *in, size_t top, FILE *to, struct err *e)
{
	const struct tdat_file_buffer *b = tdat_buffer(in->file, top);
	bool packed = strcmp(tdat_compression(in->file), "none") != 0;
	uint64_t next = b->page_size;
	unsigned int cpu = 0;

	for (size_t i = 0; i < b->ncpus; i++) {
		uint64_t size;
		int rc = unpacked_size(in, top, i, &size, e);

		if (rc)
			return rc;
		while (cpu < b->cpus[i].cpu)
			put_region(cpu++, 0, 0, to);
		put_region(b->cpus[i].cpu, packed ? next : b->cpus[i].off, size, to);
		cpu = b->cpus[i].cpu + 1;
		next += size;
	}
	return 0;
}

int info_stat(const struct input *in, FILE *to, struct err *e)
{
	size_t top;

	fputs("\nKernel buffer statistics:\n"
	      "  Note: \"entries\" are the entries left in the kernel ring buffer and are not\n"
	      "        recorded in the trace data. They should all be zero.\n\n",
	      to);
	info_option(in, TDAT_OPT_CPUSTAT, to);
	fputc('\n', to);
	return find_top(in, &top) ? put_data(in, top, to, e) : 0;
}

static void put_time(const struct print_source *src, const char *what, uint64_t ts, bool full,
		     FILE *to)
{
	unsigned long long t = ts;

	fprintf(to, "\t%s event:", what);
	if (!src->ns)
		fprintf(to, "%12llu", t);
	else if (full)
		fprintf(to, "%5llu.%09llu", t / 1000000000, t % 1000000000);
	else
		fprintf(to, "%5llu.%06llu", (t + 500) / 1000 / 1000000, (t + 500) / 1000 % 1000000);
}

static int put_times(const struct input *in, size_t top, size_t cpu, const struct info_times *which,
		     FILE *to, struct err *e)
{
	struct tdat_cursor *c = tdat_cursor_new(in->file, top, cpu, e);
	struct tdat_event ev, first = { 0 };
	bool any = false;
	int rc;

	if (!c)
		return -EINVAL;
	while ((rc = tdat_cursor_next(c, &ev, e))) {
		if (rc < 0)
			continue;
		if (!any)
			first = ev;
		any = true;
		if (!which->last)
			break;
	}
	tdat_cursor_free(c);
	if (!any)
		return 0;
	if (which->first)
		put_time(&in->sources[top], "First",
			 report_clock_time(&in->clock, first.cpu, first.ts), which->full_time, to);
	if (which->last)
		put_time(&in->sources[top], "Last", report_clock_time(&in->clock, ev.cpu, ev.ts),
			 which->full_time, to);
	return 0;
}

int info_cpus(const struct input *in, const struct info_times *which, FILE *to, struct err *e)
{
	const struct tdat_file_buffer *b;
	size_t top;

	fprintf(to, "List of CPUs in %s with data:\n", in->path);
	if (!find_top(in, &top))
		return 0;
	b = tdat_buffer(in->file, top);
	for (size_t i = 0; i < b->ncpus; i++) {
		int rc = 0;

		if (!b->cpus[i].len)
			continue;
		fprintf(to, "  %u", b->cpus[i].cpu);
		if (which->first || which->last)
			rc = put_times(in, top, i, which, to, e);
		fputc('\n', to);
		if (rc)
			return rc;
	}
	return 0;
}
