// SPDX-License-Identifier: GPL-2.0
/*
 * test_chan.c - a data channel: the mark among stale bytes, quota, a full disk
 *
 * A stream is written as a word: j = 1000 bytes of junk, h = half a page, M = our mark, O = the
 * mark of another recording, B = a mark of buffer 1, and 0-9 = a page filled with that digit. It
 * comes in pieces of several sizes; what is stored must not depend on them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "session/chan.h"
#include "trace-recorder.h"

enum { PAGE = 4096, ID = 4711 };

struct row {
	const char *name;
	const char *stream;
	bool marks;
	const char *allowed;   /* per page asked for: y or n; the last one goes on */
	const char *stored;    /* the pages in the part, B = a mark of buffer 1 */
	uint64_t stale, quota; /* bytes; stale UINT64_MAX = not looked at */
	bool found;
};

static const struct row rows[] = {
	{ "pages", "0123", false, "y", "0123", 0, 0, true },
	{ "a mark and pages", "M012", true, "y", "012", 0, 0, true },
	{ "junk before the mark", "jjM012", true, "y", "012", 2000, 0, true },
	{ "half a page before the mark", "hM0", true, "y", "0", PAGE / 2, 0, true },
	{ "more than a pipe's page of junk", "jjjjjjjjjjjjjjjjjjM5", true, "y", "5", 18000, 0,
	  true },
	{ "the mark of another one", "O01M23", true, "y", "23", 3 * PAGE, 0, true },
	{ "no mark", "jj0123", true, "y", "", UINT64_MAX, 0, false },
	{ "a mark alone", "M", true, "y", "", 0, 0, true },
	{ "marks of buffers stay in the part", "M0B12", true, "y", "0B12", 0, 0, true },
	{ "no quota", "0123", false, "n", "", 0, 4 * PAGE, true },
	{ "no quota behind the mark", "M0123", true, "n", "", 0, 4 * PAGE, true },
};

static const size_t pieces[] = { 1 << 20, 5000, 4096, 997, 61 };

struct bench {
	const struct row *row;
	struct loop *loop;
	struct chan *chan;
	struct chan_env env;
	char dir[64], path[96];
	int part, in;
	size_t asked;
	unsigned int errors;
};

static uint64_t allow(void *ctx, uint64_t want)
{
	struct bench *b = ctx;

	return b->row->allowed[0] == 'y' ? want : 0;
}

static void kept(void *ctx, uint64_t bytes)
{
	(void)ctx, (void)bytes;
}

static void moved(void *ctx, struct chan *c, const struct err *e)
{
	struct bench *b = ctx;

	(void)c;
	b->errors += e != NULL;
}

static void put_stream(struct buf *to, const char *word)
{
	uint8_t page[PAGE];

	for (; *word; word++) {
		struct rec_mark m = { .stream_id = *word == 'O' ? ID + 1 : ID,
				      .kind = *word == 'B' ? REC_MARK_BUFFER : REC_MARK_START,
				      .buffer = *word == 'B' };

		memset(page, *word, sizeof(page));
		if (strchr("MOB", *word))
			rec_mark_put(page, PAGE, &m);
		assert_int_equal(buf_add(to, page,
					 *word == 'j'	? 1000
					 : *word == 'h' ? PAGE / 2
							: PAGE),
				 0);
	}
}

static void open_bench(struct bench *b, const struct row *row, bool marks)
{
	struct chan_use use = { .page_size = PAGE,
				.marks = marks,
				.stream_id = ID,
				.ctx = b,
				.allow = allow,
				.kept = kept,
				.moved = moved };
	struct guest_chan at = { .kind = GUEST_CHAN_FIFO };
	struct err e = { 0 };

	memset(b, 0, sizeof(*b));
	b->row = row;
	snprintf(b->dir, sizeof(b->dir), "/tmp/test-chan.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(at.path, sizeof(at.path), "%s/fifo", b->dir);
	snprintf(b->path, sizeof(b->path), "%s/fifo", b->dir);
	assert_int_equal(mkfifo(at.path, 0600), 0);
	b->loop = loop_new(&e);
	b->env = (struct chan_env){ b->loop, NULL, malloc(CHAN_SCRATCH) };
	b->chan = chan_open(&b->env, &at, &e);
	assert_non_null(b->chan);
	b->in = open(at.path, O_WRONLY | O_NONBLOCK);
	b->part = memfd_create("part", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(b->in >= 0 && b->part >= 0);
	use.part = b->part;
	chan_begin(b->chan, &use);
}

static void close_bench(struct bench *b)
{
	chan_close(b->chan);
	loop_free(b->loop);
	free(b->env.scratch);
	close(b->in);
	close(b->part);
	unlink(b->path);
	rmdir(b->dir);
}

static void feed(struct bench *b, const struct buf *all, size_t piece)
{
	for (size_t at = 0; at < all->len;) {
		size_t n = min_u64(piece, all->len - at);
		ssize_t done = write(b->in, all->data + at, n);

		assert_true(done > 0);
		at += (size_t)done;
		assert_int_equal(loop_once(b->loop, 0, NULL), 0);
		chan_flush(b->chan, 1 << 30);
	}
}

/* The part as a word, marks and pages. */
static void read_part(int fd, char *to, size_t room)
{
	uint8_t page[PAGE];
	off_t at = 0;
	size_t n = 0;

	while (pread(fd, page, PAGE, at) == PAGE && n + 1 < room) {
		struct rec_mark m;

		to[n++] = rec_mark_get(page, PAGE, &m) ? (m.kind == REC_MARK_BUFFER ? 'B' : 'M')
						       : (char)page[PAGE - 1];
		at += PAGE;
	}
	to[n] = '\0';
}

static void test_row(void **state)
{
	const struct row *row = *state;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		const struct chan_counts *n;
		struct buf all = { 0 };
		struct bench b;
		char got[64];

		open_bench(&b, row, row->marks);
		put_stream(&all, row->stream);
		feed(&b, &all, pieces[i]);
		n = chan_counts(b.chan);
		read_part(b.part, got, sizeof(got));
		assert_string_equal(got, row->stored);
		assert_int_equal(n->stored, strlen(row->stored) * PAGE);
		assert_int_equal(n->quota, row->quota);
		assert_int_equal(n->received, n->stored + n->quota + n->disk);
		assert_int_equal(n->found, row->found);
		if (row->stale != UINT64_MAX)
			assert_int_equal(n->stale, row->stale);
		buf_free(&all);
		close_bench(&b);
	}
}

/* Quota that comes back: the pages behind are stored behind a mark that names their buffer. */
static void test_quota_again(void **state)
{
	static const struct row none = { .allowed = "n" }, some = { .allowed = "y" };
	struct buf first = { 0 }, second = { 0 }, third = { 0 };
	struct bench b;
	char got[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		first.len = second.len = third.len = 0;
		open_bench(&b, &some, true);
		put_stream(&first, "M01");
		put_stream(&second, "2B3");
		put_stream(&third, "45");
		feed(&b, &first, pieces[i]);
		b.row = &none;
		feed(&b, &second, pieces[i]);
		b.row = &some;
		feed(&b, &third, pieces[i]);
		read_part(b.part, got, sizeof(got));
		assert_string_equal(got, "01B45");
		assert_int_equal(chan_counts(b.chan)->quota, 3 * PAGE);
		assert_int_equal(chan_counts(b.chan)->received, 7 * PAGE);
		close_bench(&b);
	}
	buf_free(&first);
	buf_free(&second);
	buf_free(&third);
}

/* The part file refuses: told once, everything is still taken, and counted. */
static void test_disk_refuses(void **state)
{
	static const struct row some = { .allowed = "y" };
	struct buf all = { 0 };
	struct bench b;

	(void)state;
	open_bench(&b, &some, false);
	put_stream(&all, "0123456789");
	assert_int_equal(ftruncate(b.part, 3 * PAGE), 0);
	assert_int_equal(fcntl(b.part, F_ADD_SEALS, F_SEAL_GROW), 0);
	feed(&b, &all, PAGE);
	assert_int_equal(b.errors, 1);
	assert_int_equal(chan_counts(b.chan)->stored, 3 * PAGE);
	assert_int_equal(chan_counts(b.chan)->disk, 7 * PAGE);
	buf_free(&all);
	close_bench(&b);
}

/* Nobody records: the FIFO is emptied, so that a guest never waits for us. */
static void test_idle_takes(void **state)
{
	static const struct row some = { .allowed = "y" };
	struct buf all = { 0 };
	struct bench b;

	(void)state;
	open_bench(&b, &some, false);
	chan_end(b.chan);
	for (int i = 0; i < 100; i++)
		put_stream(&all, "0123456789");
	feed(&b, &all, 1 << 16); /* 4 MB, four times what the FIFO holds */
	assert_int_equal(chan_counts(b.chan)->stored, 0);
	buf_free(&all);
	close_bench(&b);
}

/* A connection that was made for this recording has nothing old. */
static void test_adopted_is_new(void **state)
{
	static const struct row some = { .allowed = "y" };
	struct guest_chan at = { .kind = GUEST_CHAN_SOCKET };
	struct bench b = { .row = &some };
	struct chan_use use = {
		.page_size = PAGE, .ctx = &b, .allow = allow, .kept = kept, .moved = moved
	};
	struct buf all = { 0 };
	struct err e = { 0 };
	char got[8];
	int pair[2];

	(void)state;
	b.loop = loop_new(&e);
	b.env = (struct chan_env){ b.loop, NULL, malloc(CHAN_SCRATCH) };
	use.part = b.part = memfd_create("part", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	put_stream(&all, "012");
	assert_int_equal(write(pair[1], all.data, all.len), (ssize_t)all.len);
	close(pair[1]);
	b.chan = chan_adopt(&b.env, &at, pair[0], &e);
	assert_non_null(b.chan);
	chan_flush(b.chan, 1 << 30);
	chan_begin(b.chan, &use);
	for (int i = 0; i < 10 && !chan_counts(b.chan)->ended; i++)
		assert_int_equal(loop_once(b.loop, 0, NULL), 0);
	read_part(b.part, got, sizeof(got));
	assert_string_equal(got, "012");
	assert_true(chan_counts(b.chan)->ended);
	buf_free(&all);
	chan_close(b.chan);
	loop_free(b.loop);
	free(b.env.scratch);
	close(b.part);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows) + 4];
	size_t n = 0;

	for (; n < ARRAY_SIZE(rows); n++)
		tests[n] = (struct CMUnitTest){ .name = rows[n].name,
						.test_func = test_row,
						.initial_state = (void *)(uintptr_t)&rows[n] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_quota_again);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_disk_refuses);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_idle_takes);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_adopted_is_new);
	return cmocka_run_group_tests_name("chan", tests, NULL, NULL);
}
