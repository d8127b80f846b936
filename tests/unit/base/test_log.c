// SPDX-License-Identifier: GPL-2.0
/*
 * test_log.c - lines of a log: form, level, and that no text can forge or drive anything
 */
#include "base/log.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tests/unit/base/rows.h"

enum { STAMP = 24 }; /* "2026-01-31 12:00:00.123 " */

static const struct line_case {
	const char *name;
	enum log_level level, at;
	const char *text;
	const char *want; /* behind the time; NULL = no line */
} lines[] = {
	{ "info", LOG_INFO, LOG_INFO, "guest a: up", "guest a: up" },
	{ "debug below the level", LOG_INFO, LOG_DEBUG, "x", NULL },
	{ "debug at the level", LOG_DEBUG, LOG_DEBUG, "x", "x" },
	{ "warnings are marked", LOG_INFO, LOG_WARN, "x", "warning: x" },
	{ "errors are marked", LOG_ERROR, LOG_ERROR, "x", "error: x" },
	{ "warning below the level", LOG_ERROR, LOG_WARN, "x", NULL },
	{ "empty", LOG_INFO, LOG_INFO, "", "" },
	{ "a newline forges no line", LOG_INFO, LOG_INFO, "a\nerror: b", "a\\x0aerror: b" },
	{ "escape", LOG_INFO, LOG_INFO, "a\033[31m", "a\\x1b[31m" },
	{ "delete, tab, return", LOG_INFO, LOG_INFO, "\177\t\r", "\\x7f\\x09\\x0d" },
	{ "UTF-8 stays", LOG_INFO, LOG_INFO, "gr\303\274n \342\202\254",
	  "gr\303\274n \342\202\254" },
	{ "UTF-8 control characters", LOG_INFO, LOG_INFO, "a\302\2332J", "a\\xc2\\x9b2J" },
	{ "UTF-8 next to them", LOG_INFO, LOG_INFO, "\302\240", "\302\240" },
};

/* An empty file for a log. */
static void temp_log(char *path, size_t room)
{
	int fd;

	snprintf(path, room, "%s/test_log.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
}

static void read_log(const char *path, struct buf *to)
{
	assert_int_equal(read_file(path, to, 1 << 20, NULL), 0);
	assert_int_equal(buf_text(to), 0);
}

static void test_line(void **state)
{
	const struct line_case *t = *state;
	struct buf text = { 0 };
	char path[200], want[200];
	struct log *l;
	unsigned int d[7];

	temp_log(path, sizeof(path));
	l = log_open(path, t->level, NULL);
	assert_non_null(l);
	log_line(l, t->at, "%s", t->text);
	log_close(l);
	read_log(path, &text);
	unlink(path);
	snprintf(want, sizeof(want), "%s\n", t->want ? t->want : "");
	assert_int_equal(text.len, t->want ? STAMP + strlen(want) : 0);
	if (t->want) {
		assert_string_equal((char *)text.data + STAMP, want);
		assert_int_equal(sscanf((char *)text.data, "%4u-%2u-%2u %2u:%2u:%2u.%3u ", &d[0],
					&d[1], &d[2], &d[3], &d[4], &d[5], &d[6]),
				 7);
	}
	buf_free(&text);
}

/* A line that is too long is cut, and still one line. */
static void test_long(void **state)
{
	char path[200], text[6000];
	struct buf got = { 0 };
	struct log *l;

	(void)state;
	temp_log(path, sizeof(path));
	l = log_open(path, LOG_INFO, NULL);
	memset(text, '\1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info(l, "%s", text);
	log_info(l, "second");
	log_close(l);
	read_log(path, &got);
	unlink(path);
	assert_string_equal((char *)strchr((char *)got.data, '\n') + 1 + STAMP, "second\n");
	assert_int_equal(((char *)strchr((char *)got.data, '\n') - (char *)got.data - STAMP) % 4,
			 0);
	buf_free(&got);
}

static void test_err(void **state)
{
	struct buf got = { 0 };
	struct err e = { 0 };
	char path[200];
	struct log *l;

	(void)state;
	temp_log(path, sizeof(path));
	l = log_open(path, LOG_ERROR, NULL);
	err_set(&e, ENOENT, "cannot open x");
	log_err(l, &e);
	err_hint(&e, "make it");
	log_err(l, &e);
	log_close(l);
	read_log(path, &got);
	unlink(path);
	assert_non_null(strstr((char *)got.data, " error: cannot open x: No such file"));
	assert_non_null(strstr((char *)got.data, " error:   try: make it\n"));
	buf_free(&got);
}

/* No log is fine; a log is appended to; a symbolic link and a missing folder are refused. */
static void test_open(void **state)
{
	char path[200], link[220];
	struct buf got = { 0 };
	struct err e = { 0 };
	struct log *l;

	(void)state;
	log_info(NULL, "nowhere");
	log_close(NULL);
	temp_log(path, sizeof(path));
	for (int i = 0; i < 2; i++) {
		l = log_open(path, LOG_INFO, NULL);
		log_info(l, "n");
		log_close(l);
	}
	read_log(path, &got);
	assert_int_equal(got.len, 2 * (STAMP + 2));
	snprintf(link, sizeof(link), "%s.link", path);
	assert_int_equal(symlink(path, link), 0);
	assert_null(log_open(link, LOG_INFO, &e));
	assert_int_equal(e.code, ELOOP);
	unlink(link);
	unlink(path);
	snprintf(link, sizeof(link), "%s/no/log", path);
	assert_null(log_open(link, LOG_INFO, &e));
	assert_non_null(strstr(e.what, link));
	buf_free(&got);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_err),
		cmocka_unit_test(test_open),
	};
	int failed = RUN_ROWS("log: lines", lines, test_line);

	return failed + cmocka_run_group_tests_name("log: files", others, NULL, NULL);
}
