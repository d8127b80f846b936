// SPDX-License-Identifier: GPL-2.0
/*
 * assemble.c - from metadata and part files to a trace.dat
 *
 * Theory of operation
 *
 * Where the stream vouches for the pages, each CPU's are one extent, all extents are in the data
 * file, and that becomes the trace.dat (regions.c): nothing is copied, and pages are read only to
 * count what is in them (tally.c).
 * Where the head names several buffers, or nothing vouches for the stream (a peer without marks, or
 * a killed server's parts), the pages are read once: mark pages say which buffer the next ones are
 * of, and a page whose header cannot be is left out and counted. If extents are scattered then, or
 * the file system cannot take holes out, the file is to be compressed, or the parts are in a
 * directory of their own, the writer copies them into a new file.
 *
 * The file appears under its name only when it is whole and on the disk: <name>.tmp or .data,
 * fsync, a rename that never replaces. Only then are the parts removed. So at any moment either the
 * parts or the file are complete, and a second try is always possible.
 *
 * Memory: the head is mapped; extents are bounded by EXTENTS_MAX, however often a guest switches
 * buffers; what exceeds them is left out and counted.
 */
#include "session/local.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "trace-recorder.h"
#include "tracedat/writer.h"

enum {
	EXTENTS_MAX = 1 << 17, /* of all buffers and CPUs: 3 MiB */
	BUFFERS_MAX = 256,
	WINDOW = 256 << 10, /* bytes read at once when pages are looked at */
	TRIES = 1000,
};

struct assembly {
	struct store *st;
	struct totals *t;
	struct store_head sh;
	bool check;
	uint32_t page_size; /* bytes */
	char clock[32];
	struct tdat_buffer_data *buffers; /* [0] = top; owned */
	size_t nbuffers;
	struct tdat_cpu_data *cpus; /* nbuffers * ncpus, buffer by buffer; owned, with .extents */
	uint32_t ncpus;
	size_t nextents;
	uint64_t dropped; /* pages left out */
	uint8_t *window;
	struct tdat_file_plan file;
};

/* The word in brackets of "local [global] counter\n", else the first word. */
static void find_clock(const struct tdat_head *h, char *to, size_t room)
{
	const struct tdat_option *o = tdat_head_option(h, TDAT_OPT_TRACECLOCK);
	const char *text = o ? (const char *)o->data.p : "";
	size_t len = o ? strnlen(text, o->data.len) : 0, at = 0, n = 0;
	const char *open = len ? memchr(text, '[', len) : NULL;

	if (open)
		at = (size_t)(open - text) + 1;
	while (at + n < len && n + 1 < room && text[at + n] > ' ' && text[at + n] != ']')
		n++;
	if (n)
		memcpy(to, text + at, n);
	to[n] = '\0';
	if (!n)
		snprintf(to, room, "local");
}

/* The last VERSION option is ours; the others go. */
static void keep_last_version(struct tdat_head *h)
{
	const struct tdat_option *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < h->noptions; i++)
		if (h->options[i].id == TDAT_OPT_VERSION)
			last = &h->options[i];
	for (size_t i = 0; i < h->noptions; i++)
		if (h->options[i].id != TDAT_OPT_VERSION || &h->options[i] == last)
			h->options[n++] = h->options[i];
	h->noptions = n;
}

/* The command lines of the end, which came behind the head, know more tasks than those in it. */
static void use_last_cmdlines(struct tdat_head *h)
{
	for (size_t i = 0; i < h->noptions; i++)
		if (h->options[i].id == TDAT_OPT_CMDLINES)
			h->cmdlines = h->options[i].data;
}

/* Name of a BUFFER option (u64 offset, name z), borrowed; NULL: not acceptable. */
static const char *buffer_name(const struct tdat_head *h, const struct tdat_option *o)
{
	struct rcur c = rcur_make(o->data.p, o->data.len, h->big);

	rcur_u64(&c);
	return rcur_text(&c);
}

static int set_buffer(struct assembly *a, size_t i, const char *name)
{
	struct tdat_buffer_data *b = &a->buffers[i];

	*b = (struct tdat_buffer_data){ .name = name,
					.clock = a->clock,
					.page_size = a->page_size };
	b->cpus = a->cpus + i * a->ncpus;
	b->ncpus = a->ncpus;
	for (uint32_t cpu = 0; cpu < a->ncpus; cpu++)
		b->cpus[cpu].cpu = cpu;
	return 0;
}

static int make_buffers(struct assembly *a, struct err *e)
{
	const struct tdat_head *h = &a->sh.head;
	size_t n = 1, i = 0;

	for (size_t k = 0; k < h->noptions; k++)
		n += h->options[k].id == TDAT_OPT_BUFFER;
	if (n > BUFFERS_MAX)
		return err_say(e, E2BIG, "the metadata name %zu buffers; %d are possible", n,
			       BUFFERS_MAX);
	a->nbuffers = n;
	a->buffers = calloc(n, sizeof(*a->buffers));
	a->cpus = calloc(n * a->ncpus, sizeof(*a->cpus));
	if (!a->buffers || !a->cpus)
		return err_set(e, ENOMEM, "no memory for %zu buffers", n);
	set_buffer(a, i++, "");
	for (size_t k = 0; k < h->noptions; k++) {
		const char *name;

		if (h->options[k].id != TDAT_OPT_BUFFER)
			continue;
		name = buffer_name(h, &h->options[k]);
		if (!name)
			return err_say(e, EPROTO, "the name of buffer %zu in the metadata is cut",
				       i);
		set_buffer(a, i++, name);
	}
	return 0;
}

/* Add [off, off + len) of @fd; grows by doubling. */
static int add_extent(struct assembly *a, struct tdat_cpu_data *to, int fd, uint64_t off,
		      uint64_t len, struct err *e)
{
	struct tdat_extent *last = to->nextents ? &to->extents[to->nextents - 1] : NULL;
	struct tdat_extent *more;

	if (last && last->fd == fd && last->off + last->len == off) {
		last->len += len;
		return 0;
	}
	if (a->nextents >= EXTENTS_MAX) {
		a->dropped += len / a->page_size;
		a->t->cpu[to->cpu].transport += len / a->page_size;
		return 0;
	}
	if (!to->extents || !(to->nextents & (to->nextents - 1))) {
		more = realloc(to->extents, (to->nextents ? 2 * to->nextents : 1) * sizeof(*more));
		if (!more)
			return err_set(e, ENOMEM, "no memory for the extents of a part file");
		to->extents = more;
	}
	to->extents[to->nextents++] = (struct tdat_extent){ .fd = fd, .off = off, .len = len };
	a->nextents++;
	return 0;
}

static bool page_may_be(const struct assembly *a, const uint8_t *page)
{
	const struct page_layout *l = &a->sh.head.layout;

	return page_valid(l, page) <= l->size - l->data_off;
}

/* One page at @off of a part; *buffer is where pages go, and moves at marks. */
static int place_page(struct assembly *a, uint32_t cpu, const uint8_t *page, uint64_t off,
		      size_t *buffer, struct err *e)
{
	struct rec_mark m;

	if (rec_mark_get(page, a->page_size, &m)) {
		*buffer = m.kind == REC_MARK_BUFFER ? m.buffer : 0;
		return 0;
	}
	if (*buffer >= a->nbuffers || (a->check && !page_may_be(a, page))) {
		a->dropped++;
		a->t->cpu[cpu].transport++;
		return 0;
	}
	return add_extent(a, &a->buffers[*buffer].cpus[cpu], a->st->parts[cpu], off, a->page_size,
			  e);
}

static int look_at_pages(struct assembly *a, uint32_t cpu, uint64_t start, uint64_t size,
			 struct err *e)
{
	size_t buffer = 0;

	for (uint64_t off = 0; off < size;) {
		size_t n = min_u64(WINDOW, size - off);
		int rc = pread_all(a->st->parts[cpu], a->window, n, start + off, "a part file", e);

		for (size_t at = 0; at < n && !rc; at += a->page_size)
			rc = place_page(a, cpu, a->window + at, start + off + at, &buffer, e);
		if (rc)
			return rc;
		off += n;
	}
	return 0;
}

/*
 * What a killed writer left in a region ends somewhere in a block: the page there is whole, or its
 * records end in zeros.
 */
static int cut_last_page(struct assembly *a, uint32_t cpu, uint64_t start, uint64_t *size,
			 struct err *e)
{
	struct page_record rec;
	struct page_walk w;
	int rc;

	if (!*size || !a->st->adopted)
		return 0;
	rc = pread_all(a->st->parts[cpu], a->window, a->page_size, start + *size - a->page_size,
		       "a part file", e);
	if (rc)
		return rc;
	page_walk_begin(&w, &a->sh.head.layout, a->window);
	while (page_walk_next(&w, &rec))
		;
	if (!w.broken)
		return 0;
	*size -= a->page_size;
	a->t->cpu[cpu].transport++; /* the page in flight */
	return 0;
}

static int place_part(struct assembly *a, uint32_t cpu, struct err *e)
{
	int fd = a->st->parts[cpu], rc;
	uint64_t start, size;

	if (fd < 0)
		return 0;
	rc = store_part_range(a->st, cpu, &start, &size, e);
	if (rc)
		return rc;
	if (size % a->page_size && !a->t->told)
		a->t->cpu[cpu].transport++; /* the page in flight */
	size -= size % a->page_size;
	rc = cut_last_page(a, cpu, start, &size, e);
	if (rc || !size)
		return rc;
	if (!a->check && a->nbuffers == 1)
		return add_extent(a, &a->buffers[0].cpus[cpu], fd, start, size, e);
	return look_at_pages(a, cpu, start, size, e);
}

static int take_head(struct assembly *a, struct err *e)
{
	int rc = store_head_open(a->st, &a->sh, e);

	if (rc)
		return err_prefix(e, "incomplete or bad metadata");
	a->page_size = a->sh.head.layout.size;
	a->ncpus = a->sh.head.cpus > a->st->nparts ? a->sh.head.cpus : a->st->nparts;
	if (!a->ncpus)
		a->ncpus = 1;
	a->sh.head.cpus = a->ncpus;
	if (!a->page_size || a->page_size > WINDOW || (a->page_size & (a->page_size - 1)) ||
	    a->ncpus > MSG_MAX_CPUS)
		return err_say(e, EPROTO, "the metadata say %u CPUs and pages of %u bytes",
			       a->ncpus, a->page_size);
	if (!a->t->cpus)
		a->t->cpus = a->ncpus;
	a->t->page_size = a->page_size;
	find_clock(&a->sh.head, a->clock, sizeof(a->clock));
	keep_last_version(&a->sh.head);
	use_last_cmdlines(&a->sh.head);
	return make_buffers(a, e);
}

/* Rename <name>.tmp to <name> or, as long as there is such a file already, <name less .dat>-n.dat
 */
static int publish(struct assembly *a, const char *tmp, struct store_result *res, struct err *e)
{
	const struct store *st = a->st;
	size_t stem = strlen(st->name) - (strlen(st->name) > 4 ? strlen(".dat") : 0);
	char name[STORE_NAME_MAX + 16];

	for (unsigned int i = 0; i < TRIES; i++) {
		int rc = i ? path_fmt(name, sizeof(name), e, "%.*s-%u.dat", (int)stem, st->name, i)
			   : path_fmt(name, sizeof(name), e, "%s", st->name);

		if (rc)
			return rc;
		if (st->place->exact && !renameat(st->place->dirfd, tmp, st->place->dirfd, name))
			return path_fmt(res->path, sizeof(res->path), e, "%s/%s", st->place->outdir,
					name);
		/* linkat: never replaces, on any file system that has links; else rename. */
		if (!linkat(st->place->dirfd, tmp, st->place->dirfd, name, 0)) {
			unlinkat(st->place->dirfd, tmp, 0);
			return path_fmt(res->path, sizeof(res->path), e, "%s/%s", st->place->outdir,
					name);
		}
		if (errno == EEXIST)
			continue;
		if (faccessat(st->place->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) &&
		    !renameat(st->place->dirfd, tmp, st->place->dirfd, name))
			return path_fmt(res->path, sizeof(res->path), e, "%s/%s", st->place->outdir,
					name);
		return err_set(e, errno, "cannot rename %s/%s to %s", st->place->outdir, tmp, name);
	}
	return err_say(e, EEXIST, "%s/%s: all names are taken", st->place->outdir, st->name);
}

/* Finish @fd, the file of that suffix, and give it its name. */
static int finish_file(struct assembly *a, int fd, const char *suffix, struct store_result *res,
		       struct err *e)
{
	char name[STORE_NAME_MAX + 8];
	int dir = a->st->place->dirfd, rc;

	rc = path_fmt(name, sizeof(name), e, "%s%s", a->st->name, suffix);
	if (!rc && (fchmod(fd, 0644) || fsync(fd)))
		rc = err_set(e, errno, "cannot write %s/%s", a->st->place->outdir, name);
	if (!rc)
		rc = publish(a, name, res, e);
	if (!rc)
		fsync(dir); /* refused by some file systems: the name is then as durable as they
			       make it */
	return rc;
}

static int write_copy(struct assembly *a, struct store_result *res, struct err *e)
{
	char tmp[STORE_NAME_MAX + 8], path[STORE_PATH_MAX];
	int dir = a->st->place->dirfd, rc;
	AUTO_FD fd = -1;

	rc = path_fmt(tmp, sizeof(tmp), e, "%s.tmp", a->st->name);
	if (rc)
		return rc;
	store_path(a->st, ".tmp", path, sizeof(path));
	fd = openat(dir, tmp, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, errno, "cannot make %s", path);
	rc = tdat_write(fd, path, &a->file, e);
	if (!rc)
		rc = finish_file(a, fd, ".tmp", res, e);
	if (rc)
		unlinkat(dir, tmp, 0);
	return rc;
}

static bool packs(const struct assembly *a)
{
	return a->file.compression && strcmp(a->file.compression, "none") != 0;
}

/*
 * In place: a plan, if all pages of each CPU stand at the beginning of its region, in their order,
 * and the region's file where the trace.dat is to be.
 */
static bool plan_in_place(const struct assembly *a, struct region_plan *p)
{
	uint64_t block = max_u64(max_u64(a->sh.head.page_size, a->page_size), 4096);
	bool any = false;

	if (a->st->data < 0 || a->nbuffers != 1 || packs(a) || a->st->place->tempdir)
		return false;
	*p = (struct region_plan){ .regions = a->st->regions,
				   .version = (uint32_t)a->file.version };
	for (uint32_t cpu = 0; cpu < a->ncpus; cpu++) {
		const struct tdat_cpu_data *c = &a->cpus[cpu];

		if (!c->nextents)
			continue;
		if (cpu >= p->regions.cpus || c->nextents > 1 || c->extents[0].len % block ||
		    c->extents[0].off != regions_start(&p->regions, cpu))
			return false;
		p->len[cpu] = c->extents[0].len;
		any = true;
	}
	return any;
}

static int write_in_place(struct assembly *a, struct region_plan *p, struct store_result *res,
			  struct err *e)
{
	char path[STORE_PATH_MAX];
	uint64_t head;
	int rc = regions_collapse(a->st->data, p, e);

	if (rc)
		return rc;
	a->file.in_place = true;
	a->file.compression = NULL; /* a cut that was begun without is ended without */
	a->file.version = (int)p->version;
	rc = tdat_data_offset(&a->file, &head, e);
	if (!rc && head != p->head)
		rc = err_say(e, EPROTO, "the head of the file has %llu bytes, planned were %llu",
			     (unsigned long long)head, (unsigned long long)p->head);
	if (rc)
		return rc;
	rc = tdat_write(a->st->data, store_part_path(a->st, ".data", path, sizeof(path)), &a->file,
			e);
	return rc ? rc : finish_file(a, a->st->data, ".data", res, e);
}

static int write_file_of(struct assembly *a, struct store_result *res, struct err *e)
{
	struct region_plan p;
	int rc;

	if (!plan_in_place(a, &p))
		return write_copy(a, res, e);
	rc = tdat_data_offset(&a->file, &p.head, e);
	if (!rc && (p.head > REGIONS_HEAD || p.head % 4096))
		return write_copy(a, res, e);
	if (!rc)
		rc = store_put_plan(a->st, &p, e);
	if (!rc)
		rc = write_in_place(a, &p, res, e);
	if (rc != -EOPNOTSUPP)
		return rc;
	err_clear(e);
	return write_copy(a, res, e);
}

/* Restore of a file whose holes were being taken out: the plan says where the pages are to be. */
static int resume(struct assembly *a, struct region_plan *p, struct err *e)
{
	uint64_t at = p->head;
	int rc = regions_collapse(a->st->data, p, e);

	for (uint32_t cpu = 0; cpu < p->regions.cpus && cpu < a->ncpus && !rc; cpu++) {
		if (p->len[cpu])
			rc = add_extent(a, &a->cpus[cpu], a->st->data, at, p->len[cpu], e);
		at += p->len[cpu];
	}
	return rc;
}

static bool must_resume(const struct assembly *a, struct region_plan *p)
{
	return a->st->adopted && a->st->data >= 0 && !store_get_plan(a->st, p, NULL) &&
	       regions_begun(a->st->data, p);
}

static void free_assembly(struct assembly *a)
{
	for (size_t i = 0; a->cpus && i < a->nbuffers * a->ncpus; i++)
		free(a->cpus[i].extents);
	free(a->cpus);
	free(a->buffers);
	free(a->window);
	store_head_close(&a->sh);
}

static int place_parts(struct assembly *a, struct err *e)
{
	int rc = 0;

	for (uint32_t cpu = 0; cpu < a->ncpus && cpu < a->st->nparts && !rc; cpu++)
		rc = place_part(a, cpu, e);
	return rc;
}

static int put_together(struct assembly *a, struct store_result *res, struct err *e)
{
	struct region_plan p;
	bool again;
	int rc = take_head(a, e);

	if (rc)
		return rc;
	a->window = malloc(WINDOW);
	if (!a->window)
		return err_set(e, ENOMEM, "no memory to read part files");
	a->file = (struct tdat_file_plan){ .version = a->st->version,
					   .compression = a->st->version == 7
								  ? a->st->place->compression
								  : NULL,
					   .head = &a->sh.head,
					   .buffers = a->buffers,
					   .nbuffers = a->nbuffers };
	again = must_resume(a, &p);
	rc = again ? resume(a, &p, e) : place_parts(a, e);
	rc = rc ? rc : tally_file(&a->file, a->t, e);
	if (rc)
		return rc;
	return again ? write_in_place(a, &p, res, e) : write_file_of(a, res, e);
}

int store_assemble(struct store *st, struct totals *t, bool check, struct store_result *res,
		   struct err *e)
{
	struct assembly a = { .st = st, .t = t, .check = check };
	char meta[STORE_PATH_MAX];
	int rc;

	*res = (struct store_result){ 0 };
	rc = put_together(&a, res, e);
	if (!rc && a.dropped)
		snprintf(res->note, sizeof(res->note),
			 "%llu damaged or unattributable pages were left out",
			 (unsigned long long)a.dropped);
	if (!rc && a.sh.tail_cut)
		snprintf(res->note + strlen(res->note), sizeof(res->note) - strlen(res->note),
			 "%sthe last options of the metadata were cut off",
			 res->note[0] ? "; " : "");
	free_assembly(&a);
	if (!rc)
		store_remove(st);
	else if (e && !e->hint[0] && !st->stay)
		err_hint(e, "the parts are kept; when the cause is removed: trace-cmd restore %s",
			 store_part_path(st, ".meta", meta, sizeof(meta)));
	return rc;
}
