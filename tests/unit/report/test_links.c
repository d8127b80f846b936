// SPDX-License-Identifier: GPL-2.0
/*
 * test_links.c - options that tie the files of a host and its guests together
 */
#include "tests/unit/base/rows.h"

#include <errno.h>

#include "base/cursor.h"
#include "report/links.h"

enum { ROOM = 512, MAX_OPTIONS = 3 };

struct made {
	uint8_t bytes[MAX_OPTIONS][ROOM];
	struct tdat_option options[MAX_OPTIONS];
	struct tdat_head head;
};

static void add(struct made *m, uint16_t id, void (*put)(struct wcur *w))
{
	size_t i = m->head.noptions++;
	struct wcur w = wcur_make(m->bytes[i], ROOM, m->head.big);

	put(&w);
	m->options[i] = (struct tdat_option){ id, { m->bytes[i], ROOM - w.left } };
	m->head.options = m->options;
}

static void web1(struct wcur *w)
{
	wcur_text(w, "web1");
	wcur_u64(w, 0x1122334455667788);
	wcur_u32(w, 2);
	wcur_u32(w, 0);
	wcur_u32(w, 4711);
	wcur_u32(w, 8);
	wcur_u32(w, (uint32_t)-1);
}

static void db(struct wcur *w)
{
	wcur_text(w, "db");
	wcur_u64(w, 7);
	wcur_u32(w, 0);
}

static void too_many(struct wcur *w)
{
	wcur_text(w, "web1");
	wcur_u64(w, 1);
	wcur_u32(w, 0x20000001); /* times 8 it is 8 in 32 bits */
	wcur_u64(w, 0);
}

static void no_nul(struct wcur *w)
{
	wcur_mem(w, "web1web1web1", 12);
}

static void id_5(struct wcur *w)
{
	wcur_u64(w, 5);
}

static void stats(struct wcur *w)
{
	wcur_text(w, "CPU: 0\nentries: 5\n");
}

static void clock_text(struct wcur *w)
{
	wcur_text(w, LINK_CLOCK "method probe; offset 5 ns\nmore\n");
}

static void test_guests(void **state)
{
	struct guest_refs refs;

	(void)state;
	for (int big = 0; big < 2; big++) {
		struct made m = { .head.big = big };

		add(&m, TDAT_OPT_GUEST, web1);
		add(&m, TDAT_OPT_TRACEID, id_5);
		add(&m, TDAT_OPT_GUEST, db);
		assert_int_equal(guest_refs_get(&refs, &m.head, NULL), 0);
		assert_int_equal(refs.n, 2);
		assert_string_equal(refs.list[0].name, "web1");
		assert_true(refs.list[0].trace_id == 0x1122334455667788);
		assert_int_equal(refs.list[0].nvcpus, 2);
		assert_int_equal(refs.list[0].vcpus[0].tid, 4711);
		assert_int_equal(refs.list[0].vcpus[1].cpu, 8);
		assert_int_equal(refs.list[0].vcpus[1].tid, -1);
		assert_string_equal(refs.list[1].name, "db");
		assert_int_equal(refs.list[1].nvcpus, 0);
		assert_int_equal(link_trace_id(&m.head), 5);
		assert_int_equal(link_peer_id(&m.head), 0);
		guest_refs_free(&refs);
	}
}

static const struct bad_case {
	const char *name;
	void (*put)(struct wcur *w);
} bad_cases[] = {
	{ "more vCPUs than there are bytes", too_many },
	{ "a name without end", no_nul },
	{ "no name at all", id_5 },
};

static void test_bad(void **state)
{
	const struct bad_case *t = *state;
	struct guest_refs refs;
	struct made m = { 0 };
	struct err e = { 0 };

	add(&m, TDAT_OPT_GUEST, t->put);
	assert_int_equal(guest_refs_get(&refs, &m.head, &e), -EPROTO);
	assert_non_null(strstr(e.what, "GUEST"));
	guest_refs_free(&refs);
}

static void test_peer_and_clock(void **state)
{
	struct made m = { 0 };
	char text[64], tiny[7];

	(void)state;
	add(&m, TDAT_OPT_CPUSTAT, stats);
	assert_false(link_clock_text(&m.head, text, sizeof(text)));
	add(&m, TDAT_OPT_TIME_SHIFT, id_5);
	add(&m, TDAT_OPT_CPUSTAT, clock_text);
	assert_int_equal(link_peer_id(&m.head), 5);
	assert_true(link_clock_text(&m.head, text, sizeof(text)));
	assert_string_equal(text, "method probe; offset 5 ns");
	assert_true(link_clock_text(&m.head, tiny, sizeof(tiny)));
	assert_string_equal(tiny, "method");
}

static const struct path_case {
	const char *host, *guest, *path;
} path_cases[] = {
	{ "trace.dat", "web1", "trace-web1.dat" },
	{ "dir.dat/x", "web1", "dir.dat/x-web1.dat" },
	{ "/a/b.dat", "g", "/a/b-g.dat" },
	{ ".dat", "g", ".dat-g.dat" },
};

static void test_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(path_cases); i++) {
		char *path = link_guest_path(path_cases[i].host, path_cases[i].guest);

		assert_non_null(path);
		assert_string_equal(path, path_cases[i].path);
		free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guests),
		cmocka_unit_test(test_peer_and_clock),
		cmocka_unit_test(test_path),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed + RUN_ROWS("bad GUEST options", bad_cases, test_bad);
}
