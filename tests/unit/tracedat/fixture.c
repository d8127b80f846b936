// SPDX-License-Identifier: GPL-2.0
/*
 * fixture.c - made-up machines, pages and heads
 *
 * Theory of operation
 *
 * Everything is appended to a struct buf in the byte order of a struct fx_machine. Nothing here
 * uses the code of tracedat/ for laying out bytes.
 */
#include "tests/unit/tracedat/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include "base/cleanup.h"
#include "base/cursor.h"

const struct fx_machine fx_le64 = { "le64", false, 8, 4096, 0 };
const struct fx_machine fx_be64 = { "be64", true, 8, 4096, 0 };
const struct fx_machine fx_le32 = { "le32", false, 4, 4096, 0 };
const struct fx_machine fx_be32 = { "be32", true, 4, 4096, 0 };
const struct fx_machine fx_sub8k = { "sub8k", false, 8, 8192, 4096 };

static const char tick_format[] =
	"name: tick\n"
	"ID: 1001\n"
	"format:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
	"\n"
	"\tfield:unsigned int seq;\toffset:8;\tsize:4;\tsigned:0;\n"
	"\n"
	"print fmt: \"seq=%u\", REC->seq\n";

static const char header_event[] = "# compressed entry header\n"
				   "\ttype_len    :    5 bits\n"
				   "\ttime_delta  :   27 bits\n"
				   "\tarray       :   32 bits\n"
				   "\n"
				   "\tpadding     : type == 29\n"
				   "\ttime_extend : type == 30\n"
				   "\ttime_stamp : type == 31\n"
				   "\tdata max type_len  == 28\n";

void fx_mem(struct buf *to, const void *from, size_t n)
{
	if (buf_add(to, from, n))
		abort();
}

void fx_text(struct buf *to, const char *text)
{
	fx_mem(to, text, strlen(text) + 1);
}

void fx_uint(const struct fx_machine *m, struct buf *to, uint64_t v, size_t size)
{
	uint8_t b[8];

	for (size_t i = 0; i < size; i++)
		b[m->big ? size - 1 - i : i] = (uint8_t)(v >> (8 * i));
	fx_mem(to, b, size);
}

void fx_option(const struct fx_machine *m, struct buf *to, uint16_t id, const void *data,
	       size_t len)
{
	fx_uint(m, to, id, 2);
	fx_uint(m, to, len, 4);
	fx_mem(to, data, len);
}

struct page_layout fx_layout(const struct fx_machine *m)
{
	return (struct page_layout){ .size = m->page_size,
				     .data_off = 8U + m->long_size,
				     .commit_off = 8,
				     .commit_size = m->long_size,
				     .big = m->big };
}

static void sized(const struct fx_machine *m, struct buf *to, const char *text, size_t size_bytes)
{
	fx_uint(m, to, strlen(text), size_bytes);
	fx_mem(to, text, strlen(text));
}

static void header_page(const struct fx_machine *m, struct buf *to)
{
	struct buf text = { 0 };
	unsigned int data = 8U + m->long_size;

	if (buf_addf(&text,
		     "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
		     "\tfield: local_t commit;\toffset:8;\tsize:%u;\tsigned:1;\n"
		     "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
		     "\tfield: char data;\toffset:%u;\tsize:%u;\tsigned:1;\n",
		     m->long_size, data, m->page_size - data) ||
	    buf_text(&text))
		abort();
	sized(m, to, (const char *)text.data, 8);
	buf_free(&text);
}

static void head_options(const struct fx_machine *m, const struct fx_head_plan *plan,
			 struct buf *to)
{
	struct buf text = { 0 };

	fx_mem(to, "options  ", 10);
	if (plan->clock) {
		if (buf_addf(&text, "other [%s]\n", plan->clock))
			abort();
		fx_option(m, to, TDAT_OPT_TRACECLOCK, text.data, text.len + 1);
	}
	buf_free(&text);
	fx_option(m, to, TDAT_OPT_UNAME, "Linux fixture 6 x", 18);
	if (plan->wire_buffer_option) {
		fx_uint(m, &text, 0, 8);
		fx_text(&text, "from-the-wire");
		fx_option(m, to, TDAT_OPT_BUFFER, text.data, text.len);
	}
	buf_free(&text);
	fx_uint(m, to, TDAT_OPT_DONE, 2);
}

void fx_head(const struct fx_machine *m, const struct fx_head_plan *plan, struct buf *to)
{
	fx_mem(to, "\x17\x08\x44tracing6", 12);
	fx_uint(m, to, m->big, 1);
	fx_uint(m, to, m->long_size, 1);
	fx_uint(m, to, m->machine_page ? m->machine_page : m->page_size, 4);
	fx_text(to, "header_page");
	header_page(m, to);
	fx_text(to, "header_event");
	sized(m, to, header_event, 8);
	fx_uint(m, to, 0, 4); /* ftrace formats */
	fx_uint(m, to, 1, 4); /* systems */
	fx_text(to, "fixture");
	fx_uint(m, to, 1, 4);
	sized(m, to, tick_format, 8);
	sized(m, to, "ffffffff81000000 T fixture_text\n", 4);
	sized(m, to, "", 4); /* printk */
	sized(m, to, "42 ticker\n", 8);
	if (plan->no_cpus)
		return;
	fx_uint(m, to, plan->cpus, 4);
	if (!plan->no_options)
		head_options(m, plan, to);
}

void fx_page_begin(struct fx_page *p, const struct fx_machine *m, uint64_t ts)
{
	*p = (struct fx_page){ .m = m };
	fx_uint(m, &p->bytes, ts, 8);
	fx_uint(m, &p->bytes, 0, m->long_size);
}

void fx_word(struct fx_page *p, uint32_t type, uint32_t delta)
{
	fx_uint(p->m, &p->bytes, p->m->big ? type << 27 | delta : delta << 5 | type, 4);
}

void fx_record(struct fx_page *p, uint32_t delta, const void *data, size_t len)
{
	fx_word(p, (uint32_t)(len / 4), delta);
	fx_mem(&p->bytes, data, len);
}

void fx_long_record(struct fx_page *p, uint32_t delta, const void *data, size_t len)
{
	fx_word(p, 0, delta);
	fx_uint(p->m, &p->bytes, len + 4, 4);
	fx_mem(&p->bytes, data, len);
}

void fx_tick(struct fx_page *p, uint32_t delta, uint32_t seq)
{
	fx_word(p, FX_TICK_SIZE / 4, delta);
	fx_uint(p->m, &p->bytes, FX_TICK_ID, 2);
	fx_uint(p->m, &p->bytes, 0, 2);
	fx_uint(p->m, &p->bytes, 42, 4);
	fx_uint(p->m, &p->bytes, seq, 4);
}

void fx_page_end(struct fx_page *p, uint32_t flags, uint64_t lost, struct buf *to)
{
	const struct fx_machine *m = p->m;
	size_t valid = p->bytes.len - 8 - m->long_size;
	uint64_t commit = valid | flags | (flags & BIT(31) ? 0xffffffffULL << 32 : 0);
	struct buf word = { 0 };

	fx_uint(m, &word, commit, m->long_size);
	memcpy(p->bytes.data + 8, word.data, m->long_size);
	buf_free(&word);
	if (flags & BIT(30))
		fx_uint(m, &p->bytes, lost, m->long_size);
	while (p->bytes.len < m->page_size)
		fx_mem(&p->bytes, "", 1);
	if (p->bytes.len != m->page_size)
		abort();
	fx_mem(to, p->bytes.data, p->bytes.len);
	buf_free(&p->bytes);
}

void fx_pages(const struct fx_machine *m, unsigned int n, unsigned int per_page, uint32_t seq,
	      uint64_t ts, int64_t lost, struct buf *to)
{
	for (unsigned int i = 0; i < n; i++) {
		uint32_t flags = i != 1 || !lost ? 0 : lost < 0 ? BIT(31) : BIT(31) | BIT(30);
		struct fx_page p;

		fx_page_begin(&p, m, ts);
		for (unsigned int k = 0; k < per_page; k++)
			fx_tick(&p, k ? FX_STEP : 0, seq++);
		ts += (uint64_t)FX_STEP * per_page;
		fx_page_end(&p, flags, (uint64_t)lost, to);
	}
}

uint32_t fx_seq(const struct fx_machine *m, const uint8_t *data)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v |= (uint32_t)data[8 + i] << 8 * (m->big ? 3 - i : i);
	return v;
}

int fx_memfile(const struct buf *bytes)
{
	int fd = memfd_create("fixture", MFD_CLOEXEC);

	if (fd < 0 || (bytes && pwrite_all(fd, bytes->data, bytes->len, 0, "fixture", NULL)))
		abort();
	return fd;
}

const char *fx_path(int fd, char path[64])
{
	snprintf(path, 64, "/proc/%d/fd/%d", getpid(), fd);
	return path;
}

uint32_t fx_first_seq(unsigned int buffer, uint32_t cpu)
{
	return (buffer * 100 + cpu + 1) * 100000;
}

uint64_t fx_first_ts(unsigned int buffer, uint32_t cpu)
{
	return 1000000 + 200 * buffer + cpu;
}

uint32_t fx_buffer_cpus(const struct fx_file *t, unsigned int buffer)
{
	return t->cpus + (buffer ? t->more_cpus : 0);
}

/* The second half of the pages lies in front of the first in the part file. */
static struct tdat_extent *make_part(const struct fx_file *t, unsigned int buffer, uint32_t cpu)
{
	struct tdat_extent *x = calloc(2, sizeof(*x));
	size_t first = t->pages / 2 * t->m->page_size, all = t->pages * t->m->page_size;
	struct buf pages = { 0 };
	int fd = fx_memfile(NULL);

	fx_pages(t->m, t->pages, t->per_page, fx_first_seq(buffer, cpu), fx_first_ts(buffer, cpu),
		 t->lost, &pages);
	if (!x || pwrite_all(fd, pages.data + first, all - first, 4096, "part", NULL) ||
	    pwrite_all(fd, pages.data, first, 4096 + all - first, "part", NULL))
		abort();
	buf_free(&pages);
	x[0] = (struct tdat_extent){ fd, 4096 + all - first, first };
	x[1] = (struct tdat_extent){ fd, 4096, all - first };
	return x;
}

/* Pages that are made while the file is written: one, two, three, one ... at a time. */
struct fx_source {
	struct tdat_page_source base;
	const struct fx_file *t;
	unsigned int buffer, at;
	uint32_t cpu;
};

static int64_t source_read(struct tdat_page_source *base, uint8_t *to, size_t room, struct err *e)
{
	struct fx_source *s = container_of(base, struct fx_source, base);
	const struct fx_file *t = s->t;
	unsigned int n = s->at % 3 + 1;
	struct buf pages = { 0 };

	(void)e;
	if (n > room / t->m->page_size)
		n = (unsigned int)(room / t->m->page_size);
	if (n > t->pages - s->at)
		n = t->pages - s->at;
	fx_pages(t->m, t->pages, t->per_page, fx_first_seq(s->buffer, s->cpu),
		 fx_first_ts(s->buffer, s->cpu), t->lost, &pages);
	memcpy(to, pages.data + s->at * t->m->page_size, n * t->m->page_size);
	buf_free(&pages);
	s->at += n;
	return n * (int64_t)t->m->page_size;
}

static struct tdat_page_source *make_source(const struct fx_file *t, unsigned int buffer,
					    uint32_t cpu)
{
	struct fx_source *s = calloc(1, sizeof(*s));

	*s = (struct fx_source){ { source_read }, t, buffer, 0, cpu };
	if ((int)cpu == t->empty_cpu)
		s->at = t->pages;
	return &s->base;
}

static void make_buffer(const struct fx_file *t, unsigned int i, struct tdat_buffer_data *b)
{
	static const char *const names[] = { "", "first", "second" };

	*b = (struct tdat_buffer_data){ .name = names[i],
					.clock = t->clock,
					.page_size = t->m->page_size,
					.ncpus = fx_buffer_cpus(t, i) };
	b->cpus = calloc(b->ncpus, sizeof(*b->cpus));
	for (uint32_t cpu = 0; cpu < b->ncpus; cpu++) {
		b->cpus[cpu].cpu = cpu;
		if (t->source) {
			b->cpus[cpu].source = make_source(t, i, cpu);
			continue;
		}
		if ((int)cpu == t->empty_cpu)
			continue;
		b->cpus[cpu].extents = make_part(t, i, cpu);
		b->cpus[cpu].nextents = 2;
	}
}

static void free_buffer(struct tdat_buffer_data *b)
{
	for (size_t i = 0; i < b->ncpus; i++) {
		if (b->cpus[i].extents)
			close(b->cpus[i].extents[0].fd);
		free(b->cpus[i].extents);
		free(b->cpus[i].source);
	}
	free(b->cpus);
}

int fx_write(int fd, const struct fx_file *t, struct err *e)
{
	struct fx_head_plan plan = { .cpus = t->cpus,
				     .clock = t->clock,
				     .no_cpus = t->wire_head,
				     .wire_buffer_option = t->wire_buffer_option };
	struct tdat_buffer_data buffers[3];
	struct tdat_head head;
	struct buf bytes = { 0 };
	int rc;

	fx_head(t->m, &plan, &bytes);
	if (tdat_head_parse(&head, bytes.data, bytes.len, e))
		abort();
	for (unsigned int i = 0; i <= t->instances; i++)
		make_buffer(t, i, &buffers[i]);
	rc = tdat_write(fd, "the test file",
			&(struct tdat_file_plan){ .version = t->version,
						  .head = &head,
						  .buffers = buffers,
						  .nbuffers = t->instances + 1,
						  .compression = t->compression },
			e);
	for (unsigned int i = 0; i <= t->instances; i++)
		free_buffer(&buffers[i]);
	tdat_head_free(&head);
	buf_free(&bytes);
	return rc;
}

/* --- the same file, compressed */

struct repack {
	const struct fx_machine *m;
	const char *method;
	unsigned int pages_per_chunk;
	const uint8_t *from;
	size_t len;
	struct buf *to;
	uint64_t moved[64][2]; /* old and new offset of each section */
	size_t nmoved;
};

static uint64_t get(const struct repack *r, uint64_t at, size_t size)
{
	struct rcur c = rcur_make(r->from + at, r->len - at, r->m->big);

	return rcur_uint(&c, size);
}

static void put_at(const struct repack *r, uint64_t at, uint64_t v, size_t size)
{
	struct wcur w = wcur_make(r->to->data + at, r->to->len - at, r->m->big);

	wcur_uint(&w, v, size);
	if (w.bad)
		abort();
}

/* {u32 compressed size, u32 size, data}; zstd as a stream, so without the size in its frame. */
static void put_chunk(struct repack *r, const uint8_t *from, size_t n)
{
	size_t room = ZSTD_compressBound(n) + compressBound(n), packed;
	uint8_t *mem = malloc(room);
	uLongf zn = room;

	if (!strcmp(r->method, "zlib")) {
		if (compress2(mem, &zn, from, n, 9) != Z_OK)
			abort();
		packed = zn;
	} else {
		ZSTD_CCtx *z = ZSTD_createCCtx();

		ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
		packed = ZSTD_compress2(z, mem, room, from, n);
		ZSTD_freeCCtx(z);
		if (ZSTD_isError(packed))
			abort();
	}
	fx_uint(r->m, r->to, packed, 4);
	fx_uint(r->m, r->to, n, 4);
	fx_mem(r->to, mem, packed);
	free(mem);
}

static uint64_t moved_to(const struct repack *r, uint64_t old)
{
	for (size_t i = 0; i < r->nmoved; i++)
		if (r->moved[i][0] == old)
			return r->moved[i][1];
	return 0;
}

static void begin_packed(struct repack *r, uint64_t at)
{
	r->moved[r->nmoved][0] = at;
	r->moved[r->nmoved++][1] = r->to->len;
	fx_mem(r->to, r->from + at, 16);
	put_at(r, r->to->len - 14, 1, 2);
}

static void end_packed(struct repack *r)
{
	uint64_t at = r->moved[r->nmoved - 1][1];

	put_at(r, at + 8, r->to->len - at - 16, 8);
}

static void put_chunks(struct repack *r, const uint8_t *from, size_t n)
{
	size_t chunk = r->pages_per_chunk * r->m->page_size;

	fx_uint(r->m, r->to, (n + chunk - 1) / chunk, 4);
	for (size_t at = 0; at < n; at += chunk)
		put_chunk(r, from + at, n - at < chunk ? n - at : chunk);
}

/*
 * A buffer: its table is in the options section behind it, at @options. The new table is put into a
 * copy of that section's bytes.
 */
static void pack_buffer(struct repack *r, uint64_t at, uint64_t options, uint8_t *copy)
{
	size_t name = strlen((const char *)r->from + options + 30) + 1;
	size_t clock = strlen((const char *)r->from + options + 30 + name) + 1;
	size_t table = 30 + name + clock + 4;
	uint64_t n = get(r, options + table, 4);

	begin_packed(r, at);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t e = table + 4 + 20 * i + 4;
		struct wcur w = wcur_make(copy + e, 16, r->m->big);

		uint64_t off;

		while (r->to->len % r->m->page_size)
			fx_mem(r->to, "", 1);
		off = r->to->len;
		put_chunks(r, r->from + get(r, options + e, 8), get(r, options + e + 8, 8));
		wcur_u64(&w, off);
		wcur_u64(&w, r->to->len - off - 4); /* stock does not count the number of chunks */
	}
	end_packed(r);
}

/* Section offsets in the options at @at (in the new file) follow what moved. */
static void pack_options(struct repack *r, uint64_t at, size_t len)
{
	for (size_t o = at; o + 6 <= at + len;) {
		struct rcur c = rcur_make(r->to->data + o, len, r->m->big);
		uint16_t id = rcur_u16(&c);
		uint32_t n = rcur_u32(&c);

		if (id >= TDAT_OPT_HEADER_INFO || id == TDAT_OPT_BUFFER)
			put_at(r, o + 6, moved_to(r, rcur_u64(&c)), 8);
		o += 6 + n;
	}
}

void fx_compress(const struct fx_machine *m, const struct buf *plain, const char *method,
		 unsigned int pages_per_chunk, struct buf *to)
{
	struct repack r = { m, method, pages_per_chunk, plain->data, plain->len, to, { { 0 } }, 0 };
	AUTO_FREE uint8_t *copy = malloc(plain->len);
	uint64_t at = 0x12 + 5 + 1 + 8, link;

	memcpy(copy, plain->data, plain->len);
	fx_mem(to, plain->data, 0x12);
	fx_text(to, method);
	fx_text(to, "1.0");
	link = to->len;
	fx_uint(m, to, 0, 8);
	while (at < plain->len) {
		uint16_t id = (uint16_t)get(&r, at, 2);
		size_t len = get(&r, at + 8, 8);

		if (id == TDAT_OPT_BUFFER) {
			pack_buffer(&r, at, at + 16 + len, copy + at + 16 + len);
		} else if (id == 0) {
			put_at(&r, link, to->len, 8);
			fx_mem(to, copy + at, 16 + len);
			link = to->len - 8;
			pack_options(&r, to->len - len, len);
			put_at(&r, link, 0, 8);
		} else {
			begin_packed(&r, at);
			put_chunk(&r, plain->data + at + 16, len);
			end_packed(&r);
		}
		at += 16 + len;
	}
}

void fx_make(const struct fx_file *t, const char *method, struct buf *to)
{
	AUTO_FD fd = fx_memfile(NULL);
	struct buf plain = { 0 };

	if (fx_write(fd, t, NULL) || lseek(fd, 0, SEEK_SET) ||
	    read_fd_all(fd, &plain, 1 << 26, "fixture", NULL))
		abort();
	if (!method) {
		*to = plain;
		return;
	}
	fx_compress(t->m, &plain, method, 10, to);
	buf_free(&plain);
}
