// SPDX-License-Identifier: GPL-2.0
/*
 * test_recorder_order.c - what is inserted, refused or failed keeps its place in the stream
 */
#include "stream.h"

#include <signal.h>
#include <sys/eventfd.h>

/* What is inserted comes behind what was read, also when that is still on its way. */
static void insert(bool copy, bool turn)
{
	struct channel from = channel_open(END_PIPE), to = channel_open(END_PIPE);
	struct recorder *r = open_recorder(from.out, to.in, 0);

	assert_int_equal(fcntl(to.in, F_SETPIPE_SZ, PAGE), PAGE);
	if (copy)
		assert_int_equal(recorder_copy(r, NULL), 0);
	assert_int_equal(recorder_insert(r, "START", 5, NULL), 0);
	assert_int_equal(recorder_pending(r), 5);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_text(to.out, "START");

	feed(from.in, 0, 3 * PAGE);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_BLOCKED);
	assert_int_equal(recorder_insert(r, "ONE", 3, NULL), 0);
	assert_int_equal(recorder_insert(r, "TWO", 3, NULL), 0);
	assert_int_equal(recorder_insert(r, "", 0, NULL), 0);
	assert_int_equal(recorder_pending(r), 2 * PAGE + 6);
	feed(from.in, 3 * PAGE, PAGE);
	if (turn)
		assert_int_equal(recorder_copy(r, NULL), 0); /* with bytes in the pipe and held */
	assert_int_equal(recorder_pending(r), 2 * PAGE + 6);
	for (size_t seen = 0; seen < 3 * PAGE;) {
		size_t now = check(to.out, seen, PAGE);

		assert_true(now > seen);
		seen = now;
		assert_true(recorder_pump(r, UINT64_MAX, NULL) >= 0);
	}
	assert_text(to.out, "ONETWO");
	for (size_t seen = 3 * PAGE; seen < 4 * PAGE; seen = check(to.out, seen, PAGE))
		assert_true(recorder_pump(r, UINT64_MAX, NULL) >= 0);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_int_equal(recorder_stats(r)->bytes_in, 4 * PAGE);
	assert_int_equal(recorder_stats(r)->bytes_out, 4 * PAGE + 11);
	assert_int_equal(recorder_stats(r)->copying, copy || turn);
	recorder_free(r);
	channel_close(&from);
	channel_close(&to);
}

static void test_insert_splice(void **state)
{
	(void)state;
	insert(false, false);
}

static void test_insert_copy(void **state)
{
	(void)state;
	insert(true, false);
}

static void test_insert_turn(void **state)
{
	(void)state;
	insert(false, true);
}

/* The sink's splice is refused while something inserted waits: still in order. */
static void test_refused_sink_insert(void **state)
{
	struct channel from = channel_open(END_PIPE), to = channel_open(END_PIPE);
	struct channel file = channel_open(END_APPEND);
	struct recorder *r = open_recorder(from.out, to.in, 0);
	size_t there = feed(to.in, 0, SIZE_MAX);

	(void)state;
	assert_true(there > 0);
	feed(from.in, 0, 2 * PAGE);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_BLOCKED);
	assert_int_equal(recorder_insert(r, "MARK", 4, NULL), 0);
	assert_true(dup2(file.in, to.in) >= 0);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_true(recorder_stats(r)->copying);
	lseek(file.out, 0, SEEK_SET);
	assert_int_equal(check(file.out, 0, 2 * PAGE), 2 * PAGE);
	assert_text(file.out, "MARK");
	recorder_free(r);
	channel_close(&from);
	channel_close(&to);
	channel_close(&file);
}

/* An eventfd has no splice: the first refusal turns to read, for good. */
static void test_refused_source(void **state)
{
	int source = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct channel to = channel_open(END_PIPE), from = channel_open(END_PIPE);
	struct recorder *r = open_recorder(source, to.in, 0);
	uint64_t n = 7;

	(void)state;
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_true(recorder_stats(r)->copying);
	assert_int_equal(write(source, &n, sizeof(n)), sizeof(n));
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	n = 0;
	assert_int_equal(read(to.out, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, 7);
	assert_int_equal(recorder_switch(r, from.out, NULL, 0, NULL), 0);
	feed(from.in, 0, PAGE);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_int_equal(check(to.out, 0, PAGE), PAGE);
	assert_true(recorder_stats(r)->copying);
	recorder_free(r);
	channel_close(&to);
	channel_close(&from);
	close(source);
}

/* A lead goes before the first bytes of its source, once, and nowhere if there are none. */
static void lead(bool copy)
{
	struct channel a = channel_open(END_PIPE), b = channel_open(END_PIPE);
	struct channel to = channel_open(END_PIPE);
	struct recorder *r = open_recorder(a.out, to.in, 0);

	if (copy)
		assert_int_equal(recorder_copy(r, NULL), 0);
	feed(a.in, 0, PAGE);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_int_equal(recorder_switch(r, b.out, "NEVER", 5, NULL), 0);
	assert_int_equal(recorder_pending(r), 0);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_int_equal(recorder_switch(r, a.out, "A", 1, NULL), 0);
	assert_int_equal(recorder_insert(r, "I", 1, NULL), 0);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	feed(a.in, PAGE, PAGE);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	feed(a.in, 2 * PAGE, PAGE);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_int_equal(recorder_switch(r, b.out, "B", 1, NULL), 0);
	feed(b.in, 3 * PAGE, PAGE);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_int_equal(check(to.out, 0, PAGE), PAGE);
	assert_text(to.out, "IA");
	assert_int_equal(check(to.out, PAGE, 2 * PAGE), 3 * PAGE);
	assert_text(to.out, "B");
	assert_int_equal(check(to.out, 3 * PAGE, 2 * PAGE), 4 * PAGE);
	assert_int_equal(recorder_stats(r)->bytes_in, 4 * PAGE);
	assert_int_equal(recorder_stats(r)->bytes_out, 4 * PAGE + 3);
	assert_int_equal(recorder_stats(r)->copying, copy);
	recorder_free(r);
	channel_close(&a);
	channel_close(&b);
	channel_close(&to);
}

static void test_lead_splice(void **state)
{
	(void)state;
	lead(false);
}

static void test_lead_copy(void **state)
{
	(void)state;
	lead(true);
}

/* A lead before a full sink is pending as a whole, and cannot be replaced then. */
static void test_lead_blocked(void **state)
{
	struct channel a = channel_open(END_PIPE), b = channel_open(END_PIPE);
	struct channel to = channel_open(END_PIPE);
	struct recorder *r = open_recorder(a.out, to.in, 0);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(fcntl(to.in, F_SETPIPE_SZ, PAGE), PAGE);
	feed(to.in, 0, PAGE);
	assert_int_equal(recorder_switch(r, b.out, "B", 1, NULL), 0);
	feed(b.in, PAGE, PAGE);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_BLOCKED);
	assert_int_equal(recorder_pending(r), PAGE + 1);
	assert_int_equal(recorder_switch(r, a.out, "A", 1, &e), -EBUSY);
	assert_int_equal(e.code, EBUSY);
	assert_int_equal(recorder_insert(r, "END", 3, NULL), 0);
	assert_int_equal(check(to.out, 0, PAGE), PAGE);
	assert_true(recorder_pump(r, UINT64_MAX, NULL) >= 0);
	assert_text(to.out, "B");
	for (size_t seen = PAGE; seen < 2 * PAGE; seen = check(to.out, seen, 2 * PAGE - seen))
		assert_true(recorder_pump(r, UINT64_MAX, NULL) >= 0);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_text(to.out, "END");
	recorder_free(r);
	channel_close(&a);
	channel_close(&b);
	channel_close(&to);
}

/* Nobody reads any more: an error, and what was read stays for a sink that is put in its place. */
static void sink_error(int bad_sink, int code, bool copy)
{
	struct channel from = channel_open(END_PIPE), to = channel_open(END_PIPE);
	struct recorder *r = open_recorder(from.out, bad_sink, 0);
	struct err e = { 0 };

	if (copy)
		assert_int_equal(recorder_copy(r, NULL), 0);
	feed(from.in, 0, 3 * PAGE);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(recorder_pump(r, UINT64_MAX, &e), -code);
		assert_int_equal(e.code, code);
		assert_string_equal(e.what, "cannot write trace data");
		assert_true(recorder_stats(r)->sink_failed);
		assert_int_equal(recorder_pending(r), 3 * PAGE);
	}
	assert_int_equal(recorder_stats(r)->bytes_out, 0);
	assert_true(dup2(to.in, bad_sink) >= 0);
	assert_int_equal(recorder_pump(r, UINT64_MAX, &e), REC_IDLE);
	assert_int_equal(check(to.out, 0, 4 * PAGE), 3 * PAGE);
	assert_int_equal(recorder_stats(r)->bytes_out, 3 * PAGE);
	recorder_free(r);
	channel_close(&from);
	channel_close(&to);
	close(bad_sink);
}

static void test_sink_gone(void **state)
{
	(void)state;
	for (int copy = 0; copy < 2; copy++) {
		struct channel dead = channel_open(END_PIPE);

		close(dead.out);
		sink_error(dead.in, EPIPE, copy);
	}
}

static void test_sink_full_disk(void **state)
{
	(void)state;
	for (int copy = 0; copy < 2; copy++) {
		int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

		assert_true(full >= 0);
		sink_error(full, ENOSPC, copy);
	}
}

static void test_source_error(void **state)
{
	struct channel to = channel_open(END_PIPE);
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct recorder *r = open_recorder(dir, to.in, 0);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(recorder_pump(r, UINT64_MAX, &e), -EISDIR);
	assert_string_equal(e.what, "cannot read trace data");
	assert_false(recorder_stats(r)->sink_failed);
	assert_int_equal(recorder_stats(r)->bytes_in, 0);
	assert_int_equal(recorder_pending(r), 0);
	/* After an error of the sink, too. */
	close(to.out);
	to.out = -1;
	assert_int_equal(recorder_insert(r, "x", 1, NULL), 0);
	assert_int_equal(recorder_pump(r, UINT64_MAX, &e), -EPIPE);
	assert_true(recorder_stats(r)->sink_failed);
	assert_true(dup2(null, to.in) >= 0);
	assert_int_equal(recorder_pump(r, UINT64_MAX, &e), -EISDIR);
	assert_false(recorder_stats(r)->sink_failed);
	recorder_free(r);
	close(null);
	channel_close(&to);
	close(dir);
}

static void test_discard(void **state)
{
	struct channel from = channel_open(END_PIPE);
	struct recorder_opts o = {
		.source = from.out, .sink = -1, .page_size = PAGE, .discard = true
	};
	struct recorder *r = recorder_new(&o, NULL);
	size_t fed;

	(void)state;
	assert_non_null(r);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	fed = feed(from.in, 0, SIZE_MAX);
	assert_int_equal(recorder_insert(r, "MARK", 4, NULL), 0);
	assert_int_equal(recorder_pump(r, PAGE, NULL), REC_BUDGET);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_int_equal(recorder_pending(r), 0);
	assert_int_equal(recorder_stats(r)->bytes_in, fed);
	assert_int_equal(recorder_stats(r)->bytes_out, 0);
	close(from.in);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_END);
	recorder_free(r);
	close(from.out);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_insert_splice),  cmocka_unit_test(test_insert_copy),
		cmocka_unit_test(test_insert_turn),    cmocka_unit_test(test_refused_sink_insert),
		cmocka_unit_test(test_refused_source), cmocka_unit_test(test_lead_splice),
		cmocka_unit_test(test_lead_copy),      cmocka_unit_test(test_lead_blocked),
		cmocka_unit_test(test_sink_gone),      cmocka_unit_test(test_sink_full_disk),
		cmocka_unit_test(test_source_error),   cmocka_unit_test(test_discard),
	};

	signal(SIGPIPE, SIG_IGN); /* as the commands do */
	return cmocka_run_group_tests_name("recorder order", tests, NULL, NULL);
}
