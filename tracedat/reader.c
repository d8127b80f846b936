// SPDX-License-Identifier: GPL-2.0
/*
 * reader.c - open a trace.dat, and the layout of version 6
 *
 * Theory of operation
 *
 * The file is mapped for reading; its size is that at open, and every offset in it is judged
 * against it. The version decides who reads the rest: open_v6() here, open_v7() in reader7.c. Both
 * fill the same head and the same list of buffers, so nobody behind tdat_open() sees a difference.
 *
 * A file may be cut within its pages (a full disk, a crash): what is whole opens, and the rest is
 * counted in .missing of the CPU, which its cursor reports at the end. A file that is cut within
 * its metadata or tables does not open.
 *
 * Memory is bounded: the tables of all buffers together have a limit, so that many BUFFER options
 * that point at one table do not cost more than the file could honestly say.
 */
#include "tracedat/reader_local.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "base/cleanup.h"

struct place file_place(const struct tdat_file *f, uint64_t off)
{
	uint64_t at = off < f->size ? off : f->size;

	return place_make(f->map + at, f->size - at, f->head.big, at, "");
}

int blame_option(const struct tdat_file *f, const struct tdat_option *o, int rc, struct err *e)
{
	bool mapped = o->data.p >= f->map && o->data.p <= f->map + f->size;
	unsigned int id = o->id;

	if (mapped)
		err_prefix(e, "option %u at offset %#llx", id,
			   (unsigned long long)(o->data.p - f->map));
	else
		err_prefix(e, "option %u in the decompressed options of offset %#llx", id,
			   (unsigned long long)f->first_options);
	return rc;
}

static char *copy_text(const char *text, size_t len, struct err *e)
{
	char *to = strndup(text, len);

	if (!to)
		err_set(e, ENOMEM, "no memory for a name");
	return to;
}

struct tdat_file_buffer *file_add_buffer(struct tdat_file *f, const char *name, const char *clock,
					 size_t clock_len, uint32_t page_size, struct err *e)
{
	struct tdat_file_buffer *more, *b;

	if (f->nbuffers >= TDAT_MAX_BUFFERS) {
		err_say(e, EPROTO, "more than %d buffers", TDAT_MAX_BUFFERS);
		return NULL;
	}
	if (page_size <= f->head.layout.data_off || page_size > TDAT_MAX_PAGE || page_size % 4) {
		err_say(e, EPROTO, "a buffer has pages of %u bytes", page_size);
		return NULL;
	}
	more = realloc(f->buffers, (f->nbuffers + 1) * sizeof(*more));
	if (!more) {
		err_set(e, ENOMEM, "no memory for buffers");
		return NULL;
	}
	f->buffers = more;
	b = &more[f->nbuffers++];
	*b = (struct tdat_file_buffer){ .page_size = page_size };
	b->name = copy_text(name, strlen(name), e);
	b->clock = copy_text(clock, clock_len, e);
	return b->name && b->clock ? b : NULL;
}

int buffer_reserve(struct tdat_file *f, struct tdat_file_buffer *b, size_t ncpus, struct err *e)
{
	if (ncpus > TDAT_MAX_CPUS || ncpus > TDAT_MAX_TABLE - f->table)
		return err_say(e, EPROTO, "the CPU tables have more than %d entries",
			       TDAT_MAX_TABLE);
	f->table += ncpus;
	b->cpus = calloc(ncpus ? ncpus : 1, sizeof(*b->cpus));
	return b->cpus ? 0 : err_set(e, ENOMEM, "no memory for %zu CPUs", ncpus);
}

void buffer_add_cpu(const struct tdat_file *f, struct tdat_file_buffer *b, uint32_t cpu,
		    uint64_t off, uint64_t len)
{
	uint64_t there = off < f->size ? f->size - off : 0, whole;

	if (there > len)
		there = len;
	whole = b->compressed ? there : there - there % b->page_size;
	b->cpus[b->ncpus++] = (struct tdat_file_cpu){ cpu, off, whole, len - whole };
}

/* The word in brackets, or all of it. */
static struct view clock_word(struct view text)
{
	const uint8_t *open = text.len ? memchr(text.p, '[', text.len) : NULL, *close;

	if (!open)
		return text;
	open++;
	close = memchr(open, ']', text.len - (size_t)(open - text.p));
	return close ? (struct view){ open, (size_t)(close - open) } : text;
}

/* The clock record behind a CPU table; files without a TRACECLOCK option have none. */
static struct view v6_clock(const struct tdat_file *f, struct place *pl)
{
	static const struct view local = { (const uint8_t *)"local", 5 };
	struct view text;

	if (!tdat_head_option(&f->head, TDAT_OPT_TRACECLOCK) ||
	    head_parse_text(&text, pl, 8, "the clock", NULL))
		return local;
	text = clock_word(text);
	while (text.len && strchr("\n ", text.p[text.len - 1]))
		text.len--;
	return text.len && text.len < 64 ? text : local;
}

/* @pl stands behind the tag "flyrecord". */
static int v6_flyrecord(struct tdat_file *f, const char *name, struct place pl, uint32_t cpus,
			struct err *e)
{
	struct rcur table = rcur_sub(&pl.c, cpus * (size_t)16);
	struct tdat_file_buffer *b;
	struct view clock;
	int rc;

	if (table.bad)
		return place_cut(&pl, "the table of the CPUs", e);
	clock = v6_clock(f, &pl);
	b = file_add_buffer(f, name, (const char *)clock.p, clock.len, f->head.layout.size, e);
	if (!b)
		return -e->code; /* tdat_open() always has one */
	rc = buffer_reserve(f, b, cpus, e);
	for (uint32_t cpu = 0; !rc && cpu < cpus; cpu++) {
		uint64_t off = rcur_u64(&table);

		buffer_add_cpu(f, b, cpu, off, rcur_u64(&table));
	}
	return rc;
}

/* A further buffer: its option is {u64 offset of a tag, name}. */
static int v6_instance(struct tdat_file *f, struct view option, uint32_t cpus, struct err *e)
{
	struct rcur c = rcur_make(option.p, option.len, f->head.big);
	uint64_t off = rcur_u64(&c);
	const char *name = rcur_text(&c);
	struct place pl = file_place(f, off);

	if (!name)
		return err_say(e, EPROTO, "a BUFFER option is cut");
	if (pl.c.left < TAG_LEN || memcmp(pl.c.p, TAG_FLYRECORD, TAG_LEN))
		return err_say(e, EPROTO, "offset %#llx: the data of a buffer expected",
			       (unsigned long long)off);
	rcur_take(&pl.c, TAG_LEN);
	return v6_flyrecord(f, name, pl, cpus, e);
}

uint32_t file_cpus(const struct tdat_file *f)
{
	const struct tdat_option *o = tdat_head_option(&f->head, TDAT_OPT_CPUCOUNT);
	struct rcur c = o ? rcur_make(o->data.p, o->data.len, f->head.big) : (struct rcur){ 0 };
	uint32_t n = o ? rcur_u32(&c) : 0;

	return o && !c.bad ? n : f->head.cpus;
}

static int v6_data(struct tdat_file *f, struct err *e)
{
	struct place pl = file_place(f, f->head.used);
	const uint8_t *tag = rcur_take(&pl.c, TAG_LEN);
	uint32_t cpus = file_cpus(f);
	int rc;

	if (!tag)
		return place_cut(&pl, "the data", e);
	if (!memcmp(tag, TAG_LATENCY, TAG_LEN)) {
		f->latency = (struct view){ pl.c.p, pl.c.left };
		f->has_latency = true;
		return 0;
	}
	if (memcmp(tag, TAG_FLYRECORD, TAG_LEN))
		return place_bad(&pl, "neither trace pages nor latency text", e);
	rc = v6_flyrecord(f, "", pl, cpus, e);
	if (rc)
		return rc == -ENODATA ? rc
				      : err_prefix(e, "data at offset %#llx",
						   (unsigned long long)f->head.used);
	for (size_t i = 0; !rc && i < f->head.noptions; i++) {
		const struct tdat_option *o = &f->head.options[i];

		if (o->id == TDAT_OPT_BUFFER)
			rc = v6_instance(f, o->data, cpus, e);
		if (rc)
			blame_option(f, o, rc, e);
	}
	return rc;
}

int open_v6(struct tdat_file *f, struct err *e)
{
	int rc = tdat_head_parse(&f->head, f->map, f->size, e);

	if (rc)
		return rc;
	f->method = unpack_find("none");
	if (f->head.no_cpus)
		return err_say(
			e, ENODATA,
			"the number of CPUs expected at offset %#llx, but the file ends there",
			(unsigned long long)f->head.used);
	return v6_data(f, e);
}

int file_version(struct tdat_file *f, struct err *e)
{
	struct view all = { f->map, f->size };
	uint8_t digit;

	if (!view_is(all, TDAT_MAGIC, TDAT_MAGIC_LEN) || all.len < TDAT_MAGIC_LEN + 2)
		return err_say(e, EPROTO,
			       "this is no trace.dat: its magic and version expected at offset 0");
	digit = f->map[TDAT_MAGIC_LEN];
	f->version = digit - '0';
	if ((digit == '6' || digit == '7') && !f->map[TDAT_MAGIC_LEN + 1])
		return 0;
	if (digit >= '0' && digit <= '9')
		return err_say(
			e, ENOTSUP,
			"a trace.dat of version %c... (at offset 0xa), only 6 and 7 can be read",
			(int)digit);
	return err_say(e, EPROTO, "offset 0xa: the version of the file expected");
}

/* Map the file; an empty one has no mapping. */
static int map_file(struct tdat_file *f, struct err *e)
{
	AUTO_FD fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st))
		return err_set(e, errno, "cannot open");
	if (!S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "not a file");
	if (!st.st_size)
		return err_say(e, ENODATA, "the file is empty");
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_set(e, errno, "cannot map");
	f->map = map;
	f->size = (size_t)st.st_size;
	f->mapped = true;
	return 0;
}

struct tdat_file *file_map(const char *path, struct err *e)
{
	struct tdat_file *f = calloc(1, sizeof(*f));

	if (f)
		f->path = strdup(path);
	if (!f || !f->path) {
		err_set(e, ENOMEM, "no memory to open %s", path);
		free(f);
		return NULL;
	}
	if (!map_file(f, e))
		return f;
	err_prefix(e, "%s", path);
	tdat_close(f);
	return NULL;
}

struct tdat_file *tdat_open(const char *path, struct err *e)
{
	struct err own = { 0 }, *err = e ? e : &own;
	struct tdat_file *f = file_map(path, err);
	int rc = f ? file_version(f, err) : 0;

	if (f && !rc)
		rc = f->version == 6 ? open_v6(f, err) : open_v7(f, err);
	if (!rc)
		return f;
	err_prefix(err, "%s", path);
	tdat_close(f);
	return NULL;
}

void tdat_close(struct tdat_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->nbuffers; i++) {
		free(f->buffers[i].name);
		free(f->buffers[i].clock);
		free(f->buffers[i].cpus);
	}
	free(f->buffers);
	for (size_t i = 0; i < f->nowned; i++)
		free(f->owned[i]);
	free(f->owned);
	tdat_head_free(&f->head);
	if (f->map)
		munmap((void *)(uintptr_t)f->map, f->size);
	free(f->path);
	free(f);
}

int tdat_version(const struct tdat_file *f)
{
	return f->version;
}

const char *tdat_compression(const struct tdat_file *f)
{
	return unpack_name(f->method);
}

const char *tdat_path(const struct tdat_file *f)
{
	return f->path;
}

const struct tdat_head *tdat_head(const struct tdat_file *f)
{
	return &f->head;
}

bool tdat_latency_text(const struct tdat_file *f, struct view *text)
{
	if (f->has_latency)
		*text = f->latency;
	return f->has_latency;
}

size_t tdat_nbuffers(const struct tdat_file *f)
{
	return f->nbuffers;
}

const struct tdat_file_buffer *tdat_buffer(const struct tdat_file *f, size_t i)
{
	return i < f->nbuffers ? &f->buffers[i] : NULL;
}
