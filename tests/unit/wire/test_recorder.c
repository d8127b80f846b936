// SPDX-License-Identifier: GPL-2.0
/*
 * test_recorder.c - trace pages from every kind of source to every kind of sink
 */
#include "stream.h"

#include <signal.h>

static const char *const end_names[NR_ENDS] = { "pipe", "socket", "file", "memfd",
						"append-only file" };

/* Every source to every sink, by splice and by copy: all bytes, in order, counted. */
struct way {
	char name[96];
	enum end source, sink;
	uint32_t chunk;
	bool copy;
};

static void test_way(void **state)
{
	const struct way *w = *state;
	struct channel from = channel_open(w->source), to = channel_open(w->sink);
	bool to_file = to.in == to.out, from_file = from.in == from.out;
	struct recorder *r = open_recorder(from.out, to.in, w->chunk);
	size_t fed = 0, seen = 0;
	struct err e = { 0 };
	int ret = REC_IDLE;

	if (w->copy)
		assert_int_equal(recorder_copy(r, &e), 0);
	if (from_file) {
		fed = feed(from.in, 0, TOTAL);
		lseek(from.in, 0, SEEK_SET);
	}
	for (size_t step = 0; ret != REC_END; step++) {
		assert_true(step < 10000);
		if (fed < TOTAL)
			fed = feed(from.in, fed, min_u64(TOTAL - fed, 1000 + 7777 * (step % 9)));
		if (fed == TOTAL && !from_file && from.in >= 0) {
			close(from.in);
			from.in = -1;
		}
		ret = recorder_pump(r, 1 + 5000 * (step % 17), &e);
		if (ret < 0)
			fail_msg("%s: %s", e.what, strerror(e.code));
		assert_true(ret == REC_IDLE || ret == REC_BLOCKED || ret == REC_BUDGET ||
			    ret == REC_END);
		if (!to_file && (step % 3 == 0 || ret == REC_BLOCKED || fed == TOTAL))
			seen = check(to.out, seen, 1 + 9999 * (step % 5));
	}
	assert_int_equal(recorder_pending(r), 0);
	if (to_file)
		lseek(to.out, 0, SEEK_SET);
	assert_int_equal(check(to.out, seen, 2 * TOTAL), TOTAL);
	assert_int_equal(recorder_stats(r)->bytes_in, TOTAL);
	assert_int_equal(recorder_stats(r)->bytes_out, TOTAL);
	assert_int_equal(recorder_stats(r)->copying, w->copy || w->sink == END_APPEND);
	assert_int_equal(recorder_pump(r, 1, &e), REC_END);
	recorder_free(r);
	channel_close(&from);
	channel_close(&to);
}

/* A sink of 4 KiB that nobody reads; nothing is read ahead, and nothing is lost. */
static void blocked(bool copy)
{
	struct channel from = channel_open(END_FILE), to = channel_open(END_PIPE);
	struct recorder *r = open_recorder(from.out, to.in, 4 * PAGE);
	size_t seen = 0;
	uint64_t in;

	assert_int_equal(fcntl(to.in, F_SETPIPE_SZ, PAGE), PAGE);
	feed(from.in, 0, 10 * PAGE);
	lseek(from.in, 0, SEEK_SET);
	if (copy)
		assert_int_equal(recorder_copy(r, NULL), 0);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_BLOCKED);
	in = recorder_stats(r)->bytes_in;
	assert_int_equal(in, 4 * PAGE);
	assert_int_equal(recorder_stats(r)->bytes_out, PAGE);
	assert_int_equal(recorder_pending(r), 3 * PAGE);
	assert_int_equal(recorder_stats(r)->blocked, 1);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_BLOCKED);
	assert_int_equal(recorder_stats(r)->bytes_in, in);
	assert_int_equal(recorder_stats(r)->blocked, 2);
	assert_int_equal(recorder_stats(r)->copying, copy);
	/* Half a page of room: a pipe takes a write of more than its atomic size in parts. */
	for (int i = 0; i < 100 && seen < 10 * PAGE; i++) {
		seen = check(to.out, seen, PAGE);
		assert_true(recorder_pump(r, UINT64_MAX, NULL) >= 0);
	}
	assert_int_equal(seen, 10 * PAGE);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_END);
	recorder_free(r);
	channel_close(&from);
	channel_close(&to);
}

static void test_blocked_splice(void **state)
{
	(void)state;
	blocked(false);
}

static void test_blocked_copy(void **state)
{
	(void)state;
	blocked(true);
}

static void test_budget(void **state)
{
	static const struct {
		uint64_t budget, moved;
		int want;
	} steps[] = {
		{ 0, 0, REC_BUDGET },
		{ 1, PAGE, REC_BUDGET },
		{ 3 * PAGE, 3 * PAGE, REC_BUDGET },
		{ 2 * PAGE + 1, 3 * PAGE, REC_BUDGET },
		{ 3 * PAGE - 1, 3 * PAGE, REC_BUDGET },
		{ 10 * PAGE, 0, REC_END },
	};

	(void)state;
	for (int copy = 0; copy < 2; copy++) {
		struct channel from = channel_open(END_FILE), to = channel_open(END_FILE);
		struct recorder *r = open_recorder(from.out, to.in, 2 * PAGE);
		uint64_t in = 0;

		feed(from.in, 0, 10 * PAGE);
		lseek(from.in, 0, SEEK_SET);
		if (copy)
			assert_int_equal(recorder_copy(r, NULL), 0);
		for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
			assert_int_equal(recorder_pump(r, steps[i].budget, NULL), steps[i].want);
			in += steps[i].moved;
			assert_int_equal(recorder_stats(r)->bytes_in, in);
			assert_int_equal(recorder_stats(r)->bytes_out, in);
		}
		recorder_free(r);
		channel_close(&from);
		channel_close(&to);
	}
}

/* A chunk is whole pages: what tracefs wants. */
static void test_chunk(void **state)
{
	static const struct {
		uint32_t chunk, first;
	} rows[] = {
		{ 1, PAGE }, { PAGE + 100, PAGE }, { 3 * PAGE - 1, 2 * PAGE }, { 0, 16 * PAGE }
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct channel from = channel_open(END_FILE), to = channel_open(END_PIPE);
		struct recorder *r = open_recorder(from.out, to.in, rows[i].chunk);

		/* The sink is full, so one chunk is read and no second one. */
		assert_int_equal(fcntl(to.in, F_SETPIPE_SZ, PAGE), PAGE);
		feed(to.in, 0, PAGE);
		feed(from.in, 0, 32 * PAGE);
		lseek(from.in, 0, SEEK_SET);
		assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_BLOCKED);
		assert_int_equal(recorder_stats(r)->bytes_in, rows[i].first);
		recorder_free(r);
		channel_close(&from);
		channel_close(&to);
	}
}

/* A file is written where it stands. */
static void test_file_position(void **state)
{
	struct channel from = channel_open(END_PIPE), to = channel_open(END_FILE);
	struct recorder *r = open_recorder(from.out, to.in, 0);

	(void)state;
	assert_int_equal(write(to.in, "head", 4), 4);
	feed(from.in, 0, PAGE);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_int_equal(recorder_insert(r, "tail", 4, NULL), 0);
	assert_int_equal(recorder_pump(r, UINT64_MAX, NULL), REC_IDLE);
	assert_int_equal(lseek(to.in, 0, SEEK_CUR), PAGE + 8);
	lseek(to.in, 0, SEEK_SET);
	assert_text(to.out, "head");
	assert_int_equal(check(to.out, 0, PAGE), PAGE);
	assert_text(to.out, "tail");
	assert_false(recorder_stats(r)->copying);
	recorder_free(r);
	channel_close(&from);
	channel_close(&to);
}

static void test_bad_options(void **state)
{
	static const struct {
		uint32_t page_size, chunk;
	} bad[] = {
		{ 0, 0 },
		{ 3000, 0 },
		{ 1U << 31, 0 },
		{ PAGE, 1U << 31 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct recorder_opts o = { .page_size = bad[i].page_size, .chunk = bad[i].chunk };
		struct err e = { 0 };

		assert_null(recorder_new(&o, &e));
		assert_int_equal(e.code, EINVAL);
	}
	recorder_free(NULL);
}

static void test_mark(void **state)
{
	static const uint8_t want[REC_MARK_LEN] =
		"\xff\x00trace-mark\x00\x01\x00\xff\x01\x02\x03\x04\x05\x06\x07\x08"
		"\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04";
	struct rec_mark m = { 0x0102030405060708, REC_MARK_BUFFER, 3, 4 }, got = { 0 };
	uint8_t page[PAGE + 1];

	(void)state;
	memset(page, 0xa5, sizeof(page));
	rec_mark_put(page, PAGE, &m);
	assert_memory_equal(page, want, REC_MARK_LEN);
	for (size_t i = REC_MARK_LEN; i < PAGE; i++)
		assert_int_equal(page[i], 0);
	assert_int_equal(page[PAGE], 0xa5);
	assert_true(rec_mark_get(page, PAGE, &got));
	assert_int_equal(got.stream_id, m.stream_id);
	assert_int_equal(got.kind, m.kind);
	assert_int_equal(got.cpu, m.cpu);
	assert_int_equal(got.buffer, m.buffer);
	for (size_t len = 0; len < REC_MARK_LEN; len++)
		assert_false(rec_mark_get(page, len, &got));
	assert_true(rec_mark_get(page, REC_MARK_LEN, &got));
}

static void test_no_mark(void **state)
{
	const struct rec_mark m = { 1, REC_MARK_START, 0, 0 };
	struct rec_mark got;
	uint8_t page[PAGE];

	(void)state;
	for (size_t i = 0; i < REC_MARK_MAGIC_LEN; i++) {
		rec_mark_put(page, PAGE, &m);
		page[i] ^= 1;
		assert_false(rec_mark_get(page, PAGE, &got));
	}
	for (uint32_t kind = 0; kind < 5; kind++) {
		rec_mark_put(page, PAGE, &(struct rec_mark){ 1, kind, 0, 0 });
		assert_int_equal(rec_mark_get(page, PAGE, &got), kind == 1 || kind == 2);
	}
}

int main(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test(test_blocked_splice), cmocka_unit_test(test_blocked_copy),
		cmocka_unit_test(test_budget),	       cmocka_unit_test(test_chunk),
		cmocka_unit_test(test_file_position),  cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_mark),	       cmocka_unit_test(test_no_mark),
	};
	static struct way ways[(END_FILE + 1) * NR_ENDS * 2 * 2];
	struct CMUnitTest tests[ARRAY_SIZE(ways) + ARRAY_SIZE(single)];

	signal(SIGPIPE, SIG_IGN); /* as the commands do */
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct way *w = &ways[i];

		w->copy = i & 1;
		w->chunk = i & 2 ? PAGE : 0;
		w->sink = (enum end)(i / 4 % NR_ENDS);
		w->source = (enum end)(i / 4 / NR_ENDS);
		snprintf(w->name, sizeof(w->name), "%s to %s, %s, chunks of %s",
			 end_names[w->source], end_names[w->sink], w->copy ? "copy" : "splice",
			 w->chunk ? "4 KiB" : "64 KiB");
		tests[i] = (struct CMUnitTest){ .name = w->name,
						.test_func = test_way,
						.initial_state = w };
	}
	memcpy(tests + ARRAY_SIZE(ways), single, sizeof(single));
	return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
