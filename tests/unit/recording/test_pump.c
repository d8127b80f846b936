// SPDX-License-Identifier: GPL-2.0
/*
 * test_pump.c - a CPU's thread between sources and a sink, with pipes in the place of tracefs and
 * port
 *
 * Pages are 4096 bytes, each filled with one letter: what comes out says which pages came, from
 * which buffer, in which order. A mark page shows as '<' and the number of its buffer.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording/pump.h"

enum { PAGE = 4096, ID = 77 };

struct rig {
	int in[2][2]; /* two sources */
	int out[2];
	struct pump *pump;
	struct pump_result result;
};

static void set_up(struct rig *r, size_t nsources, bool start_mark)
{
	struct pump_opts o = { .cpu = 3,
			       .page_size = PAGE,
			       .interval_ns = 10 * NSEC_PER_MSEC,
			       .nsources = nsources,
			       .start_mark = start_mark,
			       .stream_id = ID };
	struct err e = { 0 };
	int sources[2];

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe2(r->in[i], O_NONBLOCK), 0);
		sources[i] = r->in[i][0];
	}
	assert_int_equal(pipe2(r->out, O_NONBLOCK), 0);
	o.sources = sources;
	o.sink = r->out[1];
	r->pump = pump_start(&o, &e);
	assert_non_null(r->pump);
}

static void put_pages(int fd, const char *letters)
{
	char page[PAGE];

	for (; *letters; letters++) {
		memset(page, *letters, PAGE);
		assert_int_equal(write(fd, page, PAGE), PAGE);
	}
}

/* The pages in the sink as letters, into @to. */
static void read_out(struct rig *r, char *to)
{
	uint8_t page[PAGE];
	struct rec_mark m;

	while (read(r->out[0], page, PAGE) == PAGE) {
		if (!rec_mark_get(page, PAGE, &m)) {
			*to++ = (char)page[PAGE - 1];
			continue;
		}
		assert_int_equal(m.stream_id, ID);
		assert_int_equal(m.cpu, 3);
		*to++ = m.kind == REC_MARK_START ? '^' : '<';
		if (m.kind == REC_MARK_BUFFER)
			*to++ = (char)('0' + m.buffer);
	}
	*to = '\0';
}

static void end(struct rig *r, uint64_t patience_ns)
{
	pump_finish(r->pump, patience_ns);
	pump_join(r->pump, &r->result);
}

static void tear_down(struct rig *r)
{
	int *fds = &r->in[0][0];

	for (int i = 0; i < 6; i++)
		close(fds[i]);
}

static void test_moves_all(void **state)
{
	struct rig r;
	char seen[64];

	(void)state;
	set_up(&r, 1, false);
	put_pages(r.in[0][1], "abc");
	end(&r, 0);
	read_out(&r, seen);
	assert_string_equal(seen, "abc");
	assert_int_equal(r.result.sent, 3 * PAGE);
	assert_int_equal(r.result.stuck, 0);
	assert_int_equal(r.result.err.code, 0);
	tear_down(&r);
}

/* A window in a file, which begins behind another CPU's pages: the newest half to all of it. */
static void test_keeps_the_newest(void **state)
{
	char name[] = "/tmp/test_pump.XXXXXX", page[PAGE], seen[64] = "";
	struct pump_opts o = {
		.page_size = PAGE, .interval_ns = NSEC_PER_MSEC, .nsources = 1, .keep = 4 * PAGE
	};
	int in[2], sink = mkstemp(name);
	struct pump_result result;
	struct err e = { 0 };
	struct pump *p;
	off_t end;

	(void)state;
	unlink(name);
	assert_int_equal(pipe2(in, O_NONBLOCK), 0);
	memset(page, '#', PAGE);
	assert_int_equal(write(sink, page, PAGE), PAGE);
	o.sources = in;
	o.sink = sink;
	p = pump_start(&o, &e);
	assert_non_null(p);
	for (const char *at = "abcdefghijk"; *at; at++) {
		char letter[2] = { *at, '\0' };

		put_pages(in[1], letter);
		usleep(3000);
	}
	pump_finish(p, 0);
	pump_join(p, &result);
	end = lseek(sink, 0, SEEK_CUR);
	assert_int_equal(pread(sink, page, PAGE, 0), PAGE);
	assert_int_equal(page[0], '#');
	for (off_t at = PAGE; at < end; at += PAGE) {
		assert_int_equal(pread(sink, page, PAGE, at), PAGE);
		seen[at / PAGE - 1] = page[PAGE - 1];
	}
	assert_int_equal(result.err.code, 0);
	assert_int_equal(result.sent, end - PAGE);
	assert_int_equal(result.sent + result.trimmed, 11 * PAGE);
	assert_in_range(strlen(seen), 2, 4);
	assert_string_equal(seen, "abcdefghijk" + 11 - strlen(seen));
	close(sink);
	close(in[0]);
	close(in[1]);
}

static void test_start_mark_is_not_sent_data(void **state)
{
	struct rig r;
	char seen[64];

	(void)state;
	set_up(&r, 1, true);
	put_pages(r.in[0][1], "ab");
	end(&r, 0);
	read_out(&r, seen);
	assert_string_equal(seen, "^ab");
	assert_int_equal(r.result.sent, 2 * PAGE);
	tear_down(&r);
}

/* Wait, with a deadline, until the pump has given @bytes to the sink. */
static void wait_moved(struct rig *r, uint64_t bytes)
{
	uint64_t deadline = now_ns() + 5 * NSEC_PER_SEC;

	while (pump_moved(r->pump) < bytes && now_ns() < deadline)
		usleep(1000);
	assert_int_equal(pump_moved(r->pump), bytes);
}

static void test_buffers_have_marks_only_where_pages_come(void **state)
{
	struct rig r;
	char seen[64];

	(void)state;
	set_up(&r, 2, true);
	put_pages(r.in[1][1], "x");
	wait_moved(&r, 3 * PAGE);
	put_pages(r.in[0][1], "a");
	wait_moved(&r, 5 * PAGE);
	usleep(50000); /* several intervals in which nothing comes: no marks either */
	end(&r, 0);
	read_out(&r, seen);
	assert_string_equal(seen, "^<1x<0a");
	assert_int_equal(r.result.sent, 4 * PAGE); /* marks but the first count */
	tear_down(&r);
}

/* 16 pages fit into the sink; the rest waits in the source and nothing is lost. */
static void test_full_sink_is_waited_for(void **state)
{
	struct rig r;
	char seen[128], more[64];

	(void)state;
	set_up(&r, 1, false);
	put_pages(r.in[0][1], "abcdefghijklmnop");
	wait_moved(&r, 16 * PAGE);
	put_pages(r.in[0][1], "qrs");
	pump_finish(r.pump, 5 * NSEC_PER_SEC);
	usleep(20000);
	read_out(&r, seen);
	pump_join(r.pump, &r.result);
	read_out(&r, more);
	strncat(seen, more, sizeof(seen) - strlen(seen) - 1);
	assert_string_equal(seen, "abcdefghijklmnopqrs");
	assert_int_equal(r.result.stuck, 0);
	tear_down(&r);
}

static void test_a_sink_that_stays_full_is_given_up(void **state)
{
	struct rig r;

	(void)state;
	set_up(&r, 1, false);
	put_pages(r.in[0][1], "abcdefghijklmnop");
	wait_moved(&r, 16 * PAGE);
	put_pages(r.in[0][1], "q");
	end(&r, 100 * NSEC_PER_MSEC);
	assert_int_equal(r.result.err.code, ETIMEDOUT);
	assert_int_equal(r.result.sent, 16 * PAGE);
	assert_int_equal(r.result.stuck, PAGE);
	tear_down(&r);
}

static void test_a_closed_sink_ends_it(void **state)
{
	struct rig r;
	uint64_t deadline = now_ns() + 5 * NSEC_PER_SEC;

	(void)state;
	set_up(&r, 1, false);
	close(r.out[0]);
	put_pages(r.in[0][1], "a");
	while (!pump_failed(r.pump) && now_ns() < deadline)
		usleep(1000);
	assert_true(pump_failed(r.pump));
	end(&r, 0);
	assert_int_equal(r.result.err.code, EPIPE);
	assert_int_equal(r.result.sent, 0);
	r.out[0] = dup(r.out[1]);
	tear_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves_all),
		cmocka_unit_test(test_keeps_the_newest),
		cmocka_unit_test(test_start_mark_is_not_sent_data),
		cmocka_unit_test(test_buffers_have_marks_only_where_pages_come),
		cmocka_unit_test(test_full_sink_is_waited_for),
		cmocka_unit_test(test_a_sink_that_stays_full_is_given_up),
		cmocka_unit_test(test_a_closed_sink_ends_it),
	};

	return cmocka_run_group_tests_name("pump", tests, NULL, NULL);
}
