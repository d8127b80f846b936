// SPDX-License-Identifier: GPL-2.0
/*
 * test_live.c - lanes of a running trace: what comes out up to the horizon, and what stays; names
 *
 * The ring buffers are files with pages of ticks, time 1000 apart. Rounds are written down as
 * words: "lane:sequence number".
 */
#include "tests/unit/tracedat/fixture.c"

#include "tests/unit/base/rows.h"

#include <errno.h>
#include <unistd.h>

#include "report/events.h"
#include "report/live_lane.h"
#include "report/live_names.h"

enum { LANES = 2 };

struct rings {
	struct page_layout layout;
	struct live_lane lanes[LANES];
	int fds[LANES];
};

static void rings_make(struct rings *r)
{
	*r = (struct rings){ .layout = fx_layout(&fx_le64) };
	for (uint32_t i = 0; i < LANES; i++) {
		r->fds[i] = fx_memfile(NULL);
		r->lanes[i] = (struct live_lane){
			.lane = { .rank = i }, .fd = r->fds[i], .cpu = i, .layout = &r->layout
		};
		live_lane_init(&r->lanes[i]);
	}
}

static void rings_free(struct rings *r)
{
	for (size_t i = 0; i < LANES; i++) {
		live_lane_free(&r->lanes[i]);
		close(r->fds[i]);
	}
}

/* More pages behind those that the file has; its position stays. */
static void add_pages(struct rings *r, size_t lane, unsigned int n, unsigned int per_page,
		      uint32_t seq, uint64_t ts, int64_t lost)
{
	struct buf pages = { 0 };
	off_t end = lseek(r->fds[lane], 0, SEEK_CUR);
	off_t size = lseek(r->fds[lane], 0, SEEK_END);

	lseek(r->fds[lane], end, SEEK_SET);
	fx_pages(&fx_le64, n, per_page, seq, ts, lost, &pages);
	assert_int_equal(pwrite(r->fds[lane], pages.data, pages.len, size), pages.len);
	buf_free(&pages);
}

/* Merge up to @horizon: "0:1 1:7 ..." */
static void expect(struct rings *r, uint64_t horizon, const char *want)
{
	struct merge *m = merge_new(LANES, NULL);
	struct buf got = { 0 };
	struct lane *at;

	for (size_t i = 0; i < LANES; i++) {
		r->lanes[i].horizon = horizon;
		merge_add(m, &r->lanes[i].lane);
	}
	while (merge_next(m, &at, NULL) > 0) {
		struct live_lane *l = container_of(at, struct live_lane, lane);

		assert_true(live_lane_readable(l) >= at->ev.size);
		buf_addf(&got, "%s%u:%u", got.len ? " " : "", at->ev.cpu,
			 fx_seq(&fx_le64, at->ev.data));
		if (at->ev.lost)
			buf_addf(&got, "!%lld", (long long)at->ev.lost);
	}
	merge_free(m);
	assert_int_equal(buf_text(&got), 0);
	assert_string_equal((char *)got.data, want);
	buf_free(&got);
}

static void test_horizon(void **state)
{
	struct rings r;

	(void)state;
	rings_make(&r);
	add_pages(&r, 0, 1, 3, 1, 1000, 0); /* 1000, 2000, 3000 */
	add_pages(&r, 1, 2, 2, 11, 1500, 0);
	assert_int_equal(live_lane_read(&r.lanes[0], NULL), 1);
	assert_int_equal(live_lane_read(&r.lanes[1], NULL), 2);
	assert_true(r.lanes[0].drained && r.lanes[1].drained);
	assert_int_equal(r.lanes[0].last_ts, 3000);
	assert_int_equal(r.lanes[1].last_ts, 4500);
	expect(&r, 999, "");
	expect(&r, 2000, "0:1 1:11 0:2");
	add_pages(&r, 0, 1, 2, 4, 4000, 0);
	assert_int_equal(live_lane_read(&r.lanes[0], NULL), 1);
	assert_int_equal(live_lane_read(&r.lanes[1], NULL), 0);
	expect(&r, 4000, "1:12 0:3 1:13 0:4");
	expect(&r, UINT64_MAX, "1:14 0:5");
	expect(&r, UINT64_MAX, "");
	rings_free(&r);
}

static void test_lost(void **state)
{
	struct rings r;

	(void)state;
	rings_make(&r);
	add_pages(&r, 0, 2, 1, 1, 1000, 7);
	add_pages(&r, 1, 2, 1, 11, 1500, PAGE_LOST_UNKNOWN);
	live_lane_read(&r.lanes[0], NULL);
	live_lane_read(&r.lanes[1], NULL);
	expect(&r, 1999, "0:1 1:11");
	expect(&r, UINT64_MAX, "0:2!7 1:12!-1");
	rings_free(&r);
}

/* However much there is: so much a turn, so much in all, and nothing of it is lost. */
static void test_bounds(void **state)
{
	struct rings r;
	unsigned int total = LIVE_HELD + 10, seen = 0;
	struct tdat_event ev;

	(void)state;
	rings_make(&r);
	add_pages(&r, 0, total, 1, 0, 1000, 0);
	for (unsigned int held = LIVE_TURN; held <= LIVE_HELD; held += LIVE_TURN) {
		assert_int_equal(live_lane_read(&r.lanes[0], NULL), LIVE_TURN);
		assert_false(r.lanes[0].drained);
	}
	assert_int_equal(live_lane_read(&r.lanes[0], NULL), 0);
	assert_false(r.lanes[0].drained);
	r.lanes[0].horizon = UINT64_MAX;
	do {
		while (r.lanes[0].lane.pull(&r.lanes[0].lane, &ev, NULL) > 0)
			assert_int_equal(fx_seq(&fx_le64, ev.data), seen++);
	} while (live_lane_read(&r.lanes[0], NULL) > 0);
	assert_int_equal(seen, total);
	assert_true(r.lanes[0].drained);
	assert_true(r.lanes[0].room <= LIVE_HELD + 1);
	rings_free(&r);
}

static void test_cut_page(void **state)
{
	struct err e = { 0 };
	struct rings r;

	(void)state;
	rings_make(&r);
	assert_int_equal(write(r.fds[0], "half a page", 11), 11);
	lseek(r.fds[0], 0, SEEK_SET);
	assert_int_equal(live_lane_read(&r.lanes[0], &e), -EPROTO);
	r.lanes[1].fd = -1;
	assert_int_equal(live_lane_read(&r.lanes[1], &e), -EBADF);
	rings_free(&r);
}

static void test_names(void **state)
{
	char text[] = "7 ls\n8 a name\nx bad\n9\n7 cat\n10 last";
	struct tep_handle *tep = tep_alloc();

	(void)state;
	live_names_parse(tep, text);
	assert_string_equal(tep_data_comm_from_pid(tep, 7), "cat");
	assert_string_equal(tep_data_comm_from_pid(tep, 8), "a name");
	assert_string_equal(tep_data_comm_from_pid(tep, 10), "last");
	assert_false(tep_is_pid_registered(tep, 9));
	tep_free(tep);
}

#define FIELD "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"

static const char bad_format[] = "name: broken\x1b\nID: 77\nformat:\n" FIELD
				 "\nprint fmt: \"%d\", REC->nosuch\n";

/* A head with the fixture's event, and one that cannot be parsed. */
static void test_events(void **state)
{
	struct fx_head_plan plan = { .cpus = 1, .clock = "local" };
	struct events_checked res;
	struct buf bytes = { 0 }, block = { 0 };
	struct tdat_head head;
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	fx_head(&fx_le64, &plan, &bytes);
	assert_int_equal(tdat_head_parse(&head, bytes.data, bytes.len, NULL), 0);
	assert_int_equal(events_check_head(&head, true, true, to, &res, NULL), 0);
	fflush(to);
	assert_true(res.events > 0 && !res.bad && !len);
	fx_uint(&fx_le64, &block, 1, 4);
	fx_text(&block, "sys");
	fx_uint(&fx_le64, &block, 1, 4);
	fx_uint(&fx_le64, &block, strlen(bad_format), 8);
	fx_mem(&block, bad_format, strlen(bad_format));
	head.event_formats = (struct view){ block.data, block.len };
	assert_int_equal(events_check_head(&head, true, true, to, &res, NULL), 0);
	fclose(to);
	assert_int_equal(res.bad, 1);
	assert_string_equal(text, "sys:broken\\x1b\n\tprint fmt: \"%d\", REC->nosuch\n");
	free(text);
	tdat_head_free(&head);
	buf_free(&bytes);
	buf_free(&block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_horizon), cmocka_unit_test(test_lost),
		cmocka_unit_test(test_bounds),	cmocka_unit_test(test_cut_page),
		cmocka_unit_test(test_names),	cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
