// SPDX-License-Identifier: GPL-2.0
/*
 * test_head.c - metadata: where they may end, what is refused, and that what is put is parsed
 */
#include "tests/unit/tracedat/fixture.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct fx_machine *const machines[] = { &fx_le64, &fx_be64, &fx_le32, &fx_be32 };

/* --- the places where a head may end */

static const struct end_case {
	const char *name;
	struct fx_head_plan plan;
	const char *behind; /* bytes that follow the head */
	size_t behind_len;
	size_t drop; /* bytes taken off the end */
	bool no_cmdlines, no_cpus, no_options;
} end_cases[] = {
	{ "whole", { 3, "tai", false, false, true }, "", 0, 0, false, false, false },
	{ "no options", { 3, NULL, false, true, false }, "", 0, 0, false, false, true },
	{ "no CPU count", { 3, NULL, true, false, false }, "", 0, 0, false, true, true },
	{ "no command lines", { 3, NULL, true, false, false }, "", 0, 18, true, true, true },
	{ "data behind", { 3, "tai" }, "flyrecord", 10, 0, false, false, false },
	{ "old file without options",
	  { 3, NULL, false, true },
	  "flyrecord",
	  10,
	  0,
	  false,
	  false,
	  true },
};

static void parse_end(const struct end_case *t, const struct fx_machine *m)
{
	struct buf bytes = { 0 };
	struct tdat_head head;
	struct err e = { 0 };

	fx_head(m, &t->plan, &bytes);
	bytes.len -= t->drop;
	fx_mem(&bytes, t->behind, t->behind_len);
	if (tdat_head_parse(&head, bytes.data, bytes.len, &e))
		fail_msg("%s", e.what);
	assert_int_equal(head.used, bytes.len - t->behind_len);
	assert_int_equal(head.no_cmdlines, t->no_cmdlines);
	assert_int_equal(head.no_cpus, t->no_cpus);
	assert_int_equal(head.no_options, t->no_options);
	assert_int_equal(head.cpus, t->no_cpus ? 0 : t->plan.cpus);
	assert_int_equal(head.page_size, 4096);
	assert_int_equal(head.layout.commit_size, m->long_size);
	assert_int_equal(head.kallsyms.len, 32);
	assert_int_equal(head.printk.len, 0);
	assert_int_equal(head.cmdlines.len, t->no_cmdlines ? 0 : 10);
	assert_int_equal(head.noptions,
			 t->no_options ? 0 : 1 + !!t->plan.clock + t->plan.wire_buffer_option);
	tdat_head_free(&head);
	buf_free(&bytes);
}

static void test_end(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		parse_end(*state, machines[i]);
}

/* A head cut anywhere else asks for more. */
static void test_cut(void **state)
{
	struct fx_head_plan plan = { 3, "tai", false, false, true };
	struct buf bytes = { 0 };
	size_t whole = 0;

	(void)state;
	fx_head(&fx_be64, &plan, &bytes);
	for (size_t n = 0; n < bytes.len; n++) {
		AUTO_FREE uint8_t *exact = malloc(n ? n : 1); /* ASan judges */
		struct tdat_head head;
		struct err e = { 0 };
		int rc;

		memcpy(exact, bytes.data, n);
		rc = tdat_head_parse(&head, exact, n, &e);
		if (!rc) {
			assert_true(head.no_options && head.used == n);
			tdat_head_free(&head);
			whole++;
			continue;
		}
		assert_int_equal(rc, -ENODATA);
		assert_non_null(strstr(e.what, "expected at offset"));
	}
	assert_int_equal(whole, 3); /* behind printk, cmdlines, the CPU count */
	buf_free(&bytes);
}

/* --- refused */

static const struct bad_case {
	const char *name;
	const char *find; /* the bytes to change, after the first place where these are */
	size_t find_len;
	int at; /* relative to them */
	const char *to;
	size_t to_len;
	int want;
	const char *says;
} bad_cases[] = {
	{ "magic", "tracing", 7, 0, "x", 1, -EPROTO, "magic" },
	{ "version 7", "tracing", 7, 7, "7", 1, -EPROTO, "version 6" },
	{ "long of 2 bytes", "tracing", 7, 10, "\2", 1, -EPROTO, "size of long" },
	{ "page size 0", "tracing", 7, 11, "\0\0\0\0", 4, -EPROTO, "page size" },
	{ "header_page's name", "header_page", 11, 0, "x", 1, -EPROTO, "'header_page'" },
	{ "header_page's size", "header_page", 12, 12, "\377\377", 2, -ENODATA, "header_page" },
	{ "commit of 5 bytes", "offset:8;\tsize:", 15, 15, "5", 1, -EPROTO, "commit" },
	{ "header_event's name", "header_event", 12, 4, "x", 1, -EPROTO, "'header_event'" },
	{ "systems count", "fixture", 8, -1, "\377", 1, -ENODATA, "expected at offset" },
	{ "format size", "name: tick", 10, -4, "\1", 1, -ENODATA, "format" },
	{ "options' tag", "options  ", 9, 8, "\0\0", 2, 0, NULL },
	{ "option's size", "Linux fixture", 13, -4, "\377\377\377\377", 4, -ENODATA, "option" },
	{ "CPU count", "options  ", 9, -4, "\1\0\0\0", 4, -EPROTO, "CPUs" },
};

static void test_bad(void **state)
{
	const struct bad_case *t = *state;
	struct fx_head_plan plan = { 3, "tai" };
	struct buf bytes = { 0 };
	struct tdat_head head;
	struct err e = { 0 };
	uint8_t *at;

	fx_head(&fx_be64, &plan, &bytes);
	at = memmem(bytes.data, bytes.len, t->find, t->find_len);
	assert_non_null(at);
	memcpy(at + t->at, t->to, t->to_len);
	assert_int_equal(tdat_head_parse(&head, bytes.data, bytes.len, &e), t->want);
	if (t->want)
		assert_non_null(strstr(e.what, t->says));
	else
		assert_true(head.no_options); /* other data behind the CPU count */
	tdat_head_free(&head);
	buf_free(&bytes);
}

/* --- built by the traced machine */

static void test_put(void **state)
{
	struct fx_head_plan plan = { 5, "tai" };
	struct buf by_hand = { 0 }, put = { 0 };
	struct view empty = { NULL, 0 };
	struct tdat_head h;

	(void)state;
	fx_head(&fx_le64, &plan, &by_hand);
	assert_int_equal(tdat_head_parse(&h, by_hand.data, by_hand.len, NULL), 0);
	assert_int_equal(tdat_put_start(&put, 4096, NULL), 0);
	assert_int_equal(tdat_put_headers(&put, h.header_page, h.header_event, NULL), 0);
	assert_int_equal(buf_add(&put, h.ftrace_formats.p, h.ftrace_formats.len), 0);
	assert_int_equal(buf_add(&put, h.event_formats.p, h.event_formats.len), 0);
	assert_int_equal(tdat_put_text32(&put, h.kallsyms, NULL), 0);
	assert_int_equal(tdat_put_text32(&put, empty, NULL), 0);
	assert_int_equal(tdat_put_text64(&put, h.cmdlines, NULL), 0);
	assert_int_equal(tdat_put_u32(&put, 5, NULL), 0);
	assert_int_equal(tdat_put_options_begin(&put, NULL), 0);
	for (size_t i = 0; i < h.noptions; i++)
		assert_int_equal(tdat_put_option(&put, h.options[i].id, h.options[i].data.p,
						 (uint32_t)h.options[i].data.len, NULL),
				 0);
	assert_int_equal(tdat_put_options_end(&put, NULL), 0);
	assert_int_equal(put.len, by_hand.len); /* this test runs on such a machine only */
	assert_memory_equal(put.data, by_hand.data, put.len);
	tdat_head_free(&h);
	buf_free(&put);
	buf_free(&by_hand);
}

/* --- formats and options */

static void test_formats(void **state)
{
	const struct fx_machine *m = &fx_be32;
	struct tdat_format_iter it = { 0 };
	struct buf b = { 0 };
	struct tdat_head h = { .big = true };
	char seen[64] = "";

	(void)state;
	fx_uint(m, &b, 4, 4);
	for (const char *s = "abcd"; *s; s++) { /* a: 0 events, b: 1, c: 2, d: 3 */
		fx_mem(&b, (char[]){ *s, 0 }, 2);
		fx_uint(m, &b, (uint64_t)(*s - 'a'), 4);
		for (char k = 'a'; k < *s; k++) {
			fx_uint(m, &b, 1, 8);
			fx_mem(&b, &k, 1);
		}
	}
	h.event_formats = (struct view){ b.data, b.len };
	while (tdat_next_event_format(&h, &it)) {
		size_t n = strlen(seen);

		snprintf(seen + n, sizeof(seen) - n, "%s%.*s ", it.system, (int)it.text.len,
			 (const char *)it.text.p);
	}
	assert_string_equal(seen, "ba ca cb da db dc ");
	assert_false(it.bad);
	it = (struct tdat_format_iter){ 0 };
	assert_false(tdat_next_ftrace_format(&h, &it)); /* there is no such block */
	h.event_formats.len--;
	it = (struct tdat_format_iter){ 0 };
	while (tdat_next_event_format(&h, &it))
		;
	assert_true(it.bad);
	buf_free(&b);
}

static void test_ftrace_formats(void **state)
{
	static const uint8_t block[] = { 2, 0,	 0, 0, 1, 0, 0, 0, 0, 0, 0,
					 0, 'x', 0, 0, 0, 0, 0, 0, 0, 0 };
	struct tdat_head h = { .ftrace_formats = { block, sizeof(block) } };
	struct tdat_format_iter it = { 0 };

	(void)state;
	assert_true(tdat_next_ftrace_format(&h, &it));
	assert_string_equal(it.system, "ftrace");
	assert_int_equal(it.text.len, 1);
	assert_true(tdat_next_ftrace_format(&h, &it));
	assert_int_equal(it.text.len, 0);
	assert_false(tdat_next_ftrace_format(&h, &it));
	assert_false(it.bad);
}

static void test_many_options(void **state)
{
	struct tdat_head h = { 0 };
	struct buf b = { 0 };
	struct err e = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		fx_option(&fx_le64, &b, (uint16_t)(i + 1), &i, 4);
	assert_int_equal(tdat_head_add_options(&h, b.data, b.len, &e), 0);
	assert_int_equal(h.noptions, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_memory_equal(tdat_head_option(&h, (uint16_t)(i + 1))->data.p, &i, 4);
	assert_null(tdat_head_option(&h, 1001));
	assert_int_equal(tdat_head_add_options(&h, b.data, b.len - 1, &e), -ENODATA);
	for (int i = 0; i < 65; i++)
		tdat_head_add_options(&h, b.data, b.len, &e);
	assert_int_equal(e.code, EPROTO); /* no end of memory for options without end */
	tdat_head_free(&h);
	buf_free(&b);
}

#define ROW(fn, row)                                                    \
	{                                                               \
		(row).name, fn, NULL, NULL, (void *)(uintptr_t) & (row) \
	}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(end_cases) + ARRAY_SIZE(bad_cases) + 5];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(end_cases); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_end, end_cases[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad_cases); i++)
		tests[n++] = (struct CMUnitTest)ROW(test_bad, bad_cases[i]);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_cut);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_put);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_formats);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_ftrace_formats);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_many_options);
	return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
