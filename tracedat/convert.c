// SPDX-License-Identifier: GPL-2.0
/*
 * convert.c - from the reader to the writer
 *
 * Theory of operation
 *
 * A plan for the writer is made of what the reader found: its head, with all options; its buffers,
 * the top one first; and a source for the pages of each CPU, which opens when the writer comes to
 * it and closes at its end, so one CPU is in memory at a time.
 *
 * Damage is met where it is: by a source while the file is written. Without .force that ends the
 * conversion, and with it the page or chunk is left out and the source goes on behind it.
 */
#include "tracedat/convert.h"

#include <errno.h>
#include "base/cleanup.h"
#include "tracedat/reader_local.h"

enum { EXTRAS_MAX = 2 };

struct conversion {
	struct tdat_file *f;
	struct tdat_convert *c;
	struct tdat_buffer_data *buffers; /* owned, with their .cpus */
	size_t nbuffers;
	struct cpu_source *sources; /* owned; of all CPUs of all buffers */
	size_t nsources;
	struct tdat_extra extras[EXTRAS_MAX];
	size_t nextras;
	char clock[64]; /* of latency text */
};

struct cpu_source {
	struct tdat_page_source base;
	struct conversion *v;
	size_t buffer, cpu; /* indexes of the reader */
	uint32_t page_size;
	struct tdat_pages *pages; /* owned; NULL before the first and after the last page */
	bool ended;
};

static void say(struct conversion *v, const char *line)
{
	if (v->c->say)
		v->c->say(v->c->ctx, line);
}

/* Something is damaged: 0 to go on without it. */
static int damage(struct conversion *v, int rc, struct err *e)
{
	char line[sizeof(e->what) + 64];

	if (!v->c->force || rc == -ENOMEM) {
		if (rc != -ENOMEM)
			err_hint(e, "--force leaves out what is damaged and takes the rest");
		return rc;
	}
	v->c->problems++;
	say(v, err_text(e, line, sizeof(line)));
	err_clear(e);
	return 0;
}

static int judge(struct cpu_source *s, const uint8_t *page, struct err *e)
{
	struct page_layout l = s->v->f->head.layout;
	uint32_t valid;

	l.size = s->page_size;
	valid = page_valid(&l, page);
	if (valid <= l.size - l.data_off)
		return 0;
	return err_say(e, EPROTO, "%s: the page at offset %#llx says it has %u bytes, at most %u",
		       s->v->f->path, (unsigned long long)pages_offset(s->pages), valid,
		       l.size - l.data_off);
}

/* The next page to @to: 1; 0 at the end. */
static int next_page(struct cpu_source *s, uint8_t *to, struct err *e)
{
	const uint8_t *page;
	int rc;

	for (;;) {
		rc = tdat_pages_next(s->pages, &page, e);
		if (rc > 0)
			rc = judge(s, page, e);
		else if (!rc)
			return 0;
		if (!rc) {
			memcpy(to, page, s->page_size);
			return 1;
		}
		rc = damage(s->v, rc, e);
		if (rc)
			return rc;
	}
}

static int64_t source_read(struct tdat_page_source *src, uint8_t *to, size_t room, struct err *e)
{
	struct cpu_source *s = container_of(src, struct cpu_source, base);
	struct err own = { 0 };
	size_t n = 0;
	int rc = 1;

	if (s->ended)
		return 0;
	if (!s->pages)
		s->pages = tdat_pages_new(s->v->f, s->buffer, s->cpu, e);
	if (!s->pages)
		return -ENOMEM;
	while (rc > 0 && n + s->page_size <= room) {
		rc = next_page(s, to + n, e ? e : &own);
		n += rc > 0 ? s->page_size : 0;
	}
	if (rc <= 0) {
		s->ended = true;
		tdat_pages_free(s->pages);
		s->pages = NULL;
	}
	return rc < 0 ? rc : (int64_t)n;
}

static int by_cpu(const void *a, const void *b)
{
	const struct tdat_cpu_data *x = a, *y = b;

	return x->cpu < y->cpu ? -1 : x->cpu > y->cpu;
}

static int plan_buffer(struct conversion *v, size_t from, struct tdat_buffer_data *to,
		       struct err *e)
{
	const struct tdat_file_buffer *b = &v->f->buffers[from];

	*to = (struct tdat_buffer_data){ b->name, b->clock, b->page_size };
	to->cpus = calloc(b->ncpus + 1, sizeof(*to->cpus));
	if (!to->cpus)
		return err_set(e, ENOMEM, "no memory for %zu CPUs", b->ncpus);
	to->ncpus = b->ncpus;
	for (size_t i = 0; i < b->ncpus; i++) {
		struct cpu_source *s = &v->sources[v->nsources++];

		*s = (struct cpu_source){ { source_read }, v, from, i, b->page_size };
		to->cpus[i] = (struct tdat_cpu_data){ .cpu = b->cpus[i].cpu, .source = &s->base };
	}
	qsort(to->cpus, to->ncpus, sizeof(*to->cpus), by_cpu);
	return 0;
}

/* The top buffer stands first in the plan, and is made without data where the file has none. */
static int plan_buffers(struct conversion *v, struct err *e)
{
	const struct tdat_file *f = v->f;
	size_t top = 0;
	int rc = 0;

	v->buffers = calloc(f->nbuffers + 1, sizeof(*v->buffers));
	v->sources = calloc(f->table + 1, sizeof(*v->sources));
	if (!v->buffers || !v->sources)
		return err_set(e, ENOMEM, "no memory for %zu buffers", f->nbuffers);
	while (top < f->nbuffers && f->buffers[top].name[0])
		top++;
	if (top < f->nbuffers)
		rc = plan_buffer(v, top, &v->buffers[0], e);
	else
		v->buffers[0] = (struct tdat_buffer_data){ "", v->clock, f->head.layout.size };
	v->nbuffers = 1;
	for (size_t i = 0; !rc && i < f->nbuffers; i++)
		if (i != top)
			rc = plan_buffer(v, i, &v->buffers[v->nbuffers++], e);
	return rc;
}

static int plan_extra(struct conversion *v, uint16_t id, const char *what, struct err *e)
{
	struct view body;
	char line[128];
	int rc;

	if (!tdat_head_option(&v->f->head, id) || v->f->version == 6)
		return 0;
	if (v->c->version == 6) {
		snprintf(line, sizeof(line), "version 6 has no place for %s: left out", what);
		say(v, line);
		return 0;
	}
	rc = file_section(v->f, id, &body, e);
	if (rc)
		return damage(v, rc, e);
	v->extras[v->nextras++] = (struct tdat_extra){ id, body };
	return 0;
}

/* The clock of the text, and whether there is but one. Version 7: {u64 section, name z, clock z} */
static int plan_latency(struct conversion *v, struct err *e)
{
	const struct tdat_head *h = &v->f->head;
	size_t n = 0;

	for (size_t i = 0; v->f->version == 7 && i < h->noptions; i++) {
		const struct tdat_option *o = &h->options[i];
		struct rcur c = rcur_make(o->data.p, o->data.len, h->big);
		const char *clock;

		if (o->id != TDAT_OPT_BUFFER_TEXT || n++)
			continue;
		rcur_u64(&c);
		rcur_text(&c);
		clock = rcur_text(&c);
		snprintf(v->clock, sizeof(v->clock), "%s", clock ? clock : "");
	}
	if (n < 2)
		return 0;
	return damage(v,
		      err_say(e, ENOTSUP,
			      "%s has %zu texts of latency tracers, one can be converted",
			      v->f->path, n),
		      e);
}

static int write_plan(struct conversion *v, int fd, const char *path, struct err *e)
{
	struct tdat_file_plan plan = {
		.version = v->c->version,
		.compression = v->c->compression,
		.head = &v->f->head,
		.buffers = v->buffers,
		.nbuffers = v->nbuffers,
		.extras = v->extras,
		.nextras = v->nextras,
	};

	if (v->f->has_latency) {
		plan.latency = v->f->latency.len ? (const char *)v->f->latency.p : "";
		plan.latency_len = v->f->latency.len;
	}
	return tdat_write(fd, path, &plan, e);
}

static void conversion_free(struct conversion *v)
{
	for (size_t i = 0; i < v->nsources; i++)
		tdat_pages_free(v->sources[i].pages);
	free(v->sources);
	for (size_t i = 0; i < v->nbuffers; i++)
		free(v->buffers[i].cpus);
	free(v->buffers);
}

int tdat_convert(struct tdat_file *f, int fd, const char *path, struct tdat_convert *c,
		 struct err *e)
{
	struct conversion v = { .f = f, .c = c };
	struct err own = { 0 }, *err = e ? e : &own;
	int rc;

	c->problems = 0;
	rc = plan_latency(&v, err);
	if (!rc)
		rc = plan_extra(&v, TDAT_OPT_BTF_FILE, "BTF", err);
	if (!rc)
		rc = plan_extra(&v, TDAT_OPT_MODULES, "the list of modules", err);
	if (!rc)
		rc = plan_buffers(&v, err);
	if (!rc)
		rc = write_plan(&v, fd, path, err);
	conversion_free(&v);
	return rc;
}
