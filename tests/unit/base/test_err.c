// SPDX-License-Identifier: GPL-2.0
/*
 * test_err.c - the texts of an error, and what is printed of it
 */
#include "base/err.h"

#include <errno.h>

#include "tests/unit/base/rows.h"

/* A letter a step: s err_set, y err_say, h err_hint, p err_prefix, c err_clear, L a long err_say.
 */
static const struct text_case {
	const char *name;
	const char *steps;
	int code; /* of the first s or y */
	int want;
	const char *text;
	const char *hint;
} texts[] = {
	{ "set adds the cause", "s", ENOENT, -ENOENT, "cannot open x: No such file or directory",
	  "" },
	{ "say adds nothing", "y", ENOENT, -ENOENT, "x is gone", "" },
	{ "a negative code is taken as its errno", "s", -ENOENT, -ENOENT,
	  "cannot open x: No such file or directory", "" },
	{ "code 0 is an I/O error", "s", 0, -EIO, "cannot open x: Input/output error", "" },
	{ "hint", "yh", ENOENT, -ENOENT, "x is gone", "do 7" },
	{ "a second error drops the hint", "yhs", EPERM, -EPERM,
	  "cannot open x: Operation not permitted", "" },
	{ "say after set forgets the cause", "sy", EPERM, -EPERM, "x is gone", "" },
	{ "prefix of set", "sp", EPERM, -EPERM, "guest 3: cannot open x: Operation not permitted",
	  "" },
	{ "prefix of say keeps the hint", "yhp", EPERM, -EPERM, "guest 3: x is gone", "do 7" },
	{ "two prefixes", "ypp", EPERM, -EPERM, "guest 3: guest 3: x is gone", "" },
	{ "cleared", "yhc", EPERM, 0, "", "" },
};

static int take_step(struct err *e, char step, int code)
{
	switch (step) {
	case 's':
		return err_set(e, code, "cannot open %s", "x");
	case 'y':
		return err_say(e, code, "%s is gone", "x");
	case 'h':
		return err_hint(e, "do %d", 7);
	case 'p':
		return err_prefix(e, "guest %d", 3);
	default:
		err_clear(e);
		return 0;
	}
}

static void test_text(void **state)
{
	const struct text_case *t = *state;
	struct err e = { 0 };
	char line[1024];
	int ret = 1;

	for (const char *s = t->steps; *s; s++)
		ret = take_step(&e, *s, t->code);
	assert_int_equal(ret, t->want);
	assert_int_equal(e.code, -t->want);
	assert_string_equal(err_text(&e, line, sizeof(line)), t->text);
	assert_string_equal(e.hint, t->hint);
}

/* Every call takes NULL for the error, and still returns the code. */
static void test_null(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ENOENT, "x"), -ENOENT);
	assert_int_equal(err_say(NULL, EPERM, "x"), -EPERM);
	assert_true(err_hint(NULL, "x") < 0);
	assert_true(err_prefix(NULL, "x") < 0);
	err_clear(NULL);
}

/* Texts that do not fit are cut, and what was said last stands first. */
static void test_long(void **state)
{
	char long_text[5000], line[1024];
	struct err e = { 0 };

	(void)state;
	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_int_equal(err_set(&e, EIO, "%s", long_text), -EIO);
	assert_int_equal(strlen(e.what), sizeof(e.what) - 1);
	assert_int_equal(err_prefix(&e, "guest"), -EIO);
	assert_int_equal(strlen(e.what), sizeof(e.what) - 1);
	assert_memory_equal(e.what, "guest: aaa", 10);
	assert_int_equal(err_prefix(&e, "%s", long_text), -EIO);
	assert_int_equal(err_hint(&e, "%s", long_text), -EIO);
	assert_int_equal(strlen(e.hint), sizeof(e.hint) - 1);
	err_text(&e, line, 8);
	assert_string_equal(line, "aaaaaaa");
}

static const struct print_case {
	const char *name;
	const char *what, *hint;
	const char *want;
} prints[] = {
	{ "no hint", "x is gone", NULL, "trace-cmd: x is gone\n" },
	{ "hint", "x is gone", "make it", "trace-cmd: x is gone\n  try: make it\n" },
	{ "escape sequences", "a\033[2Jb\177", "c\rd",
	  "trace-cmd: a\\x1b[2Jb\\x7f\n  try: c\\x0dd\n" },
	{ "the kernel's words may have lines", "a\n\tb", NULL, "trace-cmd: a\n\tb\n" },
};

static void test_print(void **state)
{
	const struct print_case *t = *state;
	struct err e = { 0 };
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	err_say(&e, EIO, "%s", t->what);
	if (t->hint)
		err_hint(&e, "%s", t->hint);
	err_print(to, &e);
	fclose(to);
	assert_string_equal(text, t->want);
	free(text);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_long),
	};
	int failed = RUN_ROWS("err: texts", texts, test_text);

	failed += cmocka_run_group_tests_name("err: limits", others, NULL, NULL);
	return failed + RUN_ROWS("err: print", prints, test_print);
}
