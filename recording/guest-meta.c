// SPDX-License-Identifier: GPL-2.0
/*
 * guest-meta.c - metadata of a machine that cannot be asked
 *
 * Theory of operation
 *
 * Whatever the source is, it becomes a head: a trace.dat has one, a directory is read as a tracefs,
 * and where nothing is known one is made of this machine's page header and empty lists. A new
 * recording takes the blocks of it, and of the options those that are of the machine and not of the
 * recording: its name and its clock.
 */
#include "recording/guest-meta.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "tracing/meta.h"

enum { OPTIONS_MAX = 3, CLOCK_MAX = 64, NAME_PATH_MAX = 4096 };

/* The head of a copy ends with one option, its clock, where that was copied too. */
static int put_clock(const struct tracefs *t, struct buf *to, struct err *e)
{
	char clock[CLOCK_MAX], text[CLOCK_MAX + 8];
	int ret = tdat_put_u32(to, 0, e), n;

	if (!ret)
		ret = tdat_put_options_begin(to, e);
	if (!ret && tfs_has(t, "trace_clock")) {
		ret = tfs_clock(t, clock, sizeof(clock), e);
		n = ret ? 0 : snprintf(text, sizeof(text), "[%s]\n", clock) + 1;
		if (!ret)
			ret = tdat_put_option(to, TDAT_OPT_TRACECLOCK, text, (uint32_t)n, e);
	}
	return ret ? ret : tdat_put_options_end(to, e);
}

static int read_copy(const char *path, struct buf *to, struct err *e)
{
	struct tracefs *t = tfs_open_copy(path, e);
	char kallsyms[NAME_PATH_MAX];
	struct meta_opts o = { .kallsyms = kallsyms, .copy = true };
	int ret = t ? path_fmt(kallsyms, sizeof(kallsyms), e, "%s/kallsyms", path) : -EINVAL;

	if (!ret)
		ret = meta_collect(t, &o, to, e);
	if (!ret)
		ret = put_clock(t, to, e);
	tfs_close(t);
	return ret;
}

static int read_text(const struct tracefs *t, const char *file, struct buf *to, struct view *v,
		     struct err *e)
{
	int ret = tfs_read(t, file, to, e);

	*v = (struct view){ to->data, to->len };
	return ret;
}

/* Kernels of one architecture differ little in what is said here. */
static int guess(struct buf *to, struct err *e)
{
	struct tracefs *t = tfs_open(NULL, e);
	struct buf page = { 0 }, event = { 0 };
	struct view header_page, header_event, none = { 0 };
	int ret = t ? tdat_put_start(to, (uint32_t)sysconf(_SC_PAGESIZE), e) : -EINVAL;

	if (!ret)
		ret = read_text(t, "events/header_page", &page, &header_page, e);
	if (!ret)
		ret = read_text(t, "events/header_event", &event, &header_event, e);
	if (!ret)
		ret = tdat_put_headers(to, header_page, header_event, e);
	if (!ret)
		ret = tdat_put_u32(to, 0, e) ?: tdat_put_u32(to, 0, e); /* no formats */
	if (!ret)
		ret = tdat_put_text32(to, none, e) ?: tdat_put_text32(to, none, e);
	if (!ret)
		ret = tdat_put_text64(to, none, e);
	buf_free(&page);
	buf_free(&event);
	tfs_close(t);
	return ret;
}

static int open_bytes(struct guest_meta *m, const char *path, struct err *e)
{
	int ret = path ? read_copy(path, &m->bytes, e) : guess(&m->bytes, e);

	if (!ret)
		ret = tdat_head_parse(&m->own, m->bytes.data, m->bytes.len, e);
	m->head = &m->own;
	return ret;
}

int guest_meta_open(struct guest_meta *m, const char *path, struct err *e)
{
	struct stat st;
	int ret;

	*m = (struct guest_meta){ 0 };
	if (path && stat(path, &st))
		return err_set(e, errno, "cannot open %s", path);
	if (!path || S_ISDIR(st.st_mode)) {
		ret = open_bytes(m, path, e);
		if (ret && path)
			err_prefix(e, "--metadata %s", path);
		return ret;
	}
	m->file = tdat_open(path, e);
	if (!m->file) {
		err_prefix(e, "--metadata %s", path);
		return -EINVAL;
	}
	m->head = tdat_head(m->file);
	return 0;
}

void guest_meta_close(struct guest_meta *m)
{
	tdat_head_free(&m->own);
	tdat_close(m->file);
	buf_free(&m->bytes);
	*m = (struct guest_meta){ 0 };
}

static void add_option(struct tdat_head *h, uint16_t id, const void *p, size_t len)
{
	h->options[h->noptions++] = (struct tdat_option){ id, { (const uint8_t *)p, len } };
}

static void keep_option(struct tdat_head *h, const struct tdat_head *from, uint16_t id)
{
	const struct tdat_option *o = tdat_head_option(from, id);

	if (o)
		h->options[h->noptions++] = *o;
}

int guest_meta_put(const struct guest_meta *m, const struct guest_meta_opts *o, struct buf *to,
		   struct err *e)
{
	struct tdat_option options[OPTIONS_MAX];
	struct tdat_head h = *m->head;
	char clock[CLOCK_MAX + 8];
	uint8_t id[sizeof(uint64_t)];
	struct wcur w = wcur_make(id, sizeof(id), h.big);

	h.options = options;
	h.noptions = 0;
	h.cpus = o->cpus;
	if (o->clock) {
		snprintf(clock, sizeof(clock), "[%.*s]\n", CLOCK_MAX, o->clock);
		add_option(&h, TDAT_OPT_TRACECLOCK, clock, strlen(clock) + 1);
	} else {
		keep_option(&h, m->head, TDAT_OPT_TRACECLOCK);
	}
	keep_option(&h, m->head, TDAT_OPT_UNAME);
	wcur_u64(&w, o->trace_id);
	add_option(&h, TDAT_OPT_TRACEID, id, sizeof(id));
	return tdat_head_put(&h, to, e);
}

int guest_meta_join(const struct guest_meta *m, const struct tdat_head *file, struct tdat_head *to,
		    struct err *e)
{
	const struct page_layout *a = &m->head->layout, *b = &file->layout;

	if (a->size != b->size || a->data_off != b->data_off || a->big != b->big)
		return err_say(e, EINVAL,
			       "the metadata are of a machine with pages of %u bytes, the file has "
			       "such of %u",
			       a->size, b->size);
	*to = *m->head;
	to->options = file->options;
	to->noptions = file->noptions;
	to->cpus = file->cpus;
	return 0;
}
