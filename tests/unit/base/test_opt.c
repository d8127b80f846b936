// SPDX-License-Identifier: GPL-2.0
/*
 * test_opt.c - command lines against an option table: values, errors, hints, help
 */
#include "base/opt.h"

#include <errno.h>

#include "tests/unit/base/rows.h"

struct ctx {
	bool flag, on;
	const char *text;
	uint64_t number, size;
	int level;
	char order[32]; /* letters of -e and -f as they came */
};

static int set_order(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct ctx *c = ctx;
	size_t n = strlen(c->order);

	if (!strcmp(val, "bad"))
		return err_say(e, EINVAL, "-%c does not like '%s'", o->s, val);
	snprintf(c->order + n, sizeof(c->order) - n, "%c%s", o->s, val);
	return 0;
}

#define AT(member) .off = offsetof(struct ctx, member)

static const struct opt opts[] = {
	{ 0, "virt", NULL, "over virtio-serial", opt_set_flag, AT(flag) },
	{ 'q', "quiet", NULL, "no table", opt_clear_flag, AT(on) },
	{ 'o', NULL, "FILE", "write this file", opt_set_text, AT(text) },
	{ 0, "file-version", "VERSION", "6 or 7", opt_set_u64, AT(number) },
	{ 's', "size", "SIZE", "how much", opt_set_size, AT(size) },
	{ 'e', NULL, "EVENT", "an event", set_order },
	{ 'f', NULL, "FILTER", "a filter", set_order },
	{ 'V', "verbose", NULL, "say more", opt_set_level, AT(level), .optional = true },
};

static const struct command cmd = {
	.name = "record",
	.args = "[OPTIONS]",
	.summary = "record a trace",
	.details = "More words.\n",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
};

enum { MAX_ARGS = 8 };

static const struct parse_case {
	const char *name;
	const char *argv[MAX_ARGS];
	int ret, rest;
	struct ctx want;
	const char *what, *hint;
} parses[] = {
	{ "nothing", { NULL }, 0, 1, { .on = true }, "", "" },
	{ "long flag", { "--virt" }, 0, 2, { .on = true, .flag = true }, "", "" },
	{ "abbreviated", { "--vi" }, 0, 2, { .on = true, .flag = true }, "", "" },
	{ "short flag that clears", { "-q" }, 0, 2, { .on = false }, "", "" },
	{ "its long form", { "--quiet" }, 0, 2, { .on = false }, "", "" },
	{ "argument behind a space", { "-o", "x" }, 0, 3, { .on = true, .text = "x" }, "", "" },
	{ "argument in the same word", { "-ox" }, 0, 2, { .on = true, .text = "x" }, "", "" },
	{ "empty argument", { "-o", "" }, 0, 3, { .on = true, .text = "" }, "", "" },
	{ "argument with a dash", { "-o", "-q" }, 0, 3, { .on = true, .text = "-q" }, "", "" },
	{ "the last one counts", { "-ox", "-oy" }, 0, 3, { .on = true, .text = "y" }, "", "" },
	{ "letters together", { "-qox" }, 0, 2, { .text = "x" }, "", "" },
	{ "long with =", { "--file-version=6" }, 0, 2, { .on = true, .number = 6 }, "", "" },
	{ "long with a space", { "--size", "2K" }, 0, 3, { .on = true, .size = 2048 }, "", "" },
	{ "order is kept",
	  { "-e", "a", "-f", "b", "-e", "c" },
	  0,
	  7,
	  { .on = true, .order = "eafbec" },
	  "",
	  "" },
	{ "stops at the first word", { "-q", "ls", "--virt" }, 0, 2, { 0 }, "", "" },
	{ "stops behind --", { "-q", "--", "--virt" }, 0, 3, { 0 }, "", "" },
	{ "a single dash is a word", { "-", "-q" }, 0, 1, { .on = true }, "", "" },
	{ "-h", { "-h" }, OPTS_HELP, 0, { .on = true }, "", "" },
	{ "--help", { "-q", "--help", "--none" }, OPTS_HELP, 0, { 0 }, "", "" },
	{ "help with an argument",
	  { "--help=x" },
	  -EINVAL,
	  0,
	  { .on = true },
	  "record: option --help takes no argument",
	  "" },
	{ "help is an argument here", { "-o", "-h" }, 0, 3, { .on = true, .text = "-h" }, "", "" },
	{ "no such letter",
	  { "-x" },
	  -EINVAL,
	  0,
	  { .on = true },
	  "record: no option '-x'",
	  "'trace-cmd record --help' lists the options" },
	{ "no such letter among others",
	  { "-qxo" },
	  -EINVAL,
	  0,
	  { 0 },
	  "record: no option '-x'",
	  "'trace-cmd record --help' lists the options" },
	{ "nearly a long one",
	  { "--vitr" },
	  -EINVAL,
	  0,
	  { .on = true },
	  "record: no option '--vitr'",
	  "--virt; 'trace-cmd record --help' lists all" },
	{ "nearly a long one with a value",
	  { "--file-versoin=7" },
	  -EINVAL,
	  0,
	  { .on = true },
	  "record: no option '--file-versoin=7'",
	  "--file-version; 'trace-cmd record --help' lists all" },
	{ "like no long one",
	  { "--xyzzy" },
	  -EINVAL,
	  0,
	  { .on = true },
	  "record: no option '--xyzzy'",
	  "'trace-cmd record --help' lists the options" },
	{ "short one without its argument",
	  { "-q", "-o" },
	  -EINVAL,
	  0,
	  { 0 },
	  "record: option -o needs an argument: FILE",
	  "" },
	{ "long one without its argument",
	  { "--file-version" },
	  -EINVAL,
	  0,
	  { .on = true },
	  "record: option --file-version needs an argument: VERSION",
	  "" },
	{ "flag with an argument",
	  { "--virt=yes" },
	  -EINVAL,
	  0,
	  { .on = true },
	  "record: option --virt takes no argument",
	  "" },
	{ "no number",
	  { "--file-version", "six" },
	  -EINVAL,
	  0,
	  { .on = true },
	  "--file-version: 'six' is not a number",
	  "" },
	{ "no size",
	  { "-s", "much" },
	  -EINVAL,
	  0,
	  { .on = true },
	  "--size: 'much' is not a size such as 64K, 10M or 2G",
	  "" },
	{ "optional, and left out", { "-V", "ls" }, 0, 2, { .on = true, .level = 4 }, "", "" },
	{ "optional, the word behind it is none",
	  { "--verbose", "1" },
	  0,
	  2,
	  { .on = true, .level = 4 },
	  "",
	  "" },
	{ "optional, behind =", { "--verbose=debug" }, 0, 2, { .on = true, .level = 5 }, "", "" },
	{ "optional, behind its letter", { "-qV2" }, 0, 2, { .level = 2 }, "", "" },
	{ "a level's long name",
	  { "--verbose=warning" },
	  0,
	  2,
	  { .on = true, .level = 3 },
	  "",
	  "" },
	{ "no level",
	  { "--verbose=" },
	  -EINVAL,
	  0,
	  { .on = true, .level = 4 },
	  "'' is no level",
	  "levels are none crit err warn info debug all, or 0 to 6" },
	{ "a setter's own error ends it",
	  { "-e", "bad", "-e", "a" },
	  -EINVAL,
	  0,
	  { .on = true },
	  "-e does not like 'bad'",
	  "" },
};

static void test_parse(void **state)
{
	const struct parse_case *t = *state;
	char *argv[MAX_ARGS + 2] = { (char *)(uintptr_t) "record" };
	struct ctx got = { .on = true };
	struct err e = { 0 };
	int argc = 1, rest = 0;

	for (; argc <= MAX_ARGS && t->argv[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)t->argv[argc - 1];
	assert_int_equal(opts_parse(&cmd, &got, argc, argv, &rest, &e), t->ret);
	assert_int_equal(rest, t->rest);
	assert_string_equal(e.what, t->what);
	assert_string_equal(e.hint, t->hint);
	assert_int_equal(got.flag, t->want.flag);
	assert_int_equal(got.on, t->want.on);
	assert_string_equal(got.text ? got.text : "(null)", t->want.text ? t->want.text : "(null)");
	assert_int_equal(got.number, t->want.number);
	assert_int_equal(got.size, t->want.size);
	assert_string_equal(got.order, t->want.order);
	assert_int_equal(got.level, t->want.level);
}

static const char *const words[] = { "record", "report", "virt-server", NULL, "list", "restore" };

static const struct near_case {
	const char *name;
	const char *word;
	const char *want;
} nears[] = {
	{ "itself", "list", "list" },
	{ "a letter wrong", "lisp", "list" },
	{ "a letter more", "recordd", "record" },
	{ "a letter less", "recrd", "record" },
	{ "two letters swapped", "reocrd", "record" },
	{ "the first of two equally near", "repord", "record" },
	{ "the nearer one, though later", "restor", "restore" },
	{ "far from all", "xyzzy", NULL },
	{ "short and far", "x", NULL },
	{ "empty", "", NULL },
	{ "longer than any word is looked at", "virt-servervirt-servervirt-servervirt-servervirt",
	  NULL },
};

static void test_near(void **state)
{
	const struct near_case *t = *state;
	const char *got = nearest_word(t->word, words, ARRAY_SIZE(words));

	assert_string_equal(got ? got : "(none)", t->want ? t->want : "(none)");
}

static void test_help(void **state)
{
	static const char want[] = "usage: trace-cmd record [OPTIONS]\n"
				   "\n"
				   "record a trace\n"
				   "\n"
				   "      --virt                     over virtio-serial\n"
				   "  -q, --quiet                    no table\n"
				   "  -o FILE                        write this file\n"
				   "      --file-version VERSION     6 or 7\n"
				   "  -s, --size SIZE                how much\n"
				   "  -e EVENT                       an event\n"
				   "  -f FILTER                      a filter\n"
				   "  -V, --verbose                  say more\n"
				   "\n"
				   "More words.\n";
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	assert_non_null(to);
	opts_help(to, &cmd);
	fclose(to);
	assert_string_equal(text, want);
	free(text);
}

/* A table that has -h itself: then only --help is help. */
static void test_own_h(void **state)
{
	static const struct opt own[] = {
		{ 'h', NULL, "HOOK", "a hook", opt_set_text, AT(text) },
	};
	static const struct command c = { .name = "x", .opts = own, .nopts = ARRAY_SIZE(own) };
	char *argv[] = { (char *)(uintptr_t) "x", (char *)(uintptr_t) "-h", (char *)(uintptr_t) "v",
			 (char *)(uintptr_t) "--help", NULL };
	struct ctx got = { 0 };
	int rest;

	(void)state;
	assert_int_equal(opts_parse(&c, &got, 3, argv, &rest, NULL), 0);
	assert_string_equal(got.text, "v");
	assert_int_equal(opts_parse(&c, &got, 4, argv, &rest, NULL), OPTS_HELP);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_own_h),
	};
	int failed = RUN_ROWS("opt: parse", parses, test_parse);

	failed += RUN_ROWS("opt: nearest word", nears, test_near);
	return failed + cmocka_run_group_tests_name("opt: help", others, NULL, NULL);
}
