// SPDX-License-Identifier: GPL-2.0
/*
 * test_io.c - numbers from text, paths, whole reads and writes
 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/base/rows.h"

static const struct number_case {
	const char *name;
	const char *text;
	uint64_t min, max;
	int ret;
	uint64_t want;
	const char *says;
} numbers[] = {
	{ "decimal", "42", 0, 100, 0, 42, NULL },
	{ "hex", "0x2a", 0, 100, 0, 42, NULL },
	{ "hex in capitals", "0X2A", 0, 100, 0, 42, NULL },
	{ "no octal", "010", 0, 100, 0, 10, NULL },
	{ "the least", "5", 5, 9, 0, 5, NULL },
	{ "the most", "9", 5, 9, 0, 9, NULL },
	{ "the most there is", "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX, NULL },
	{ "below", "4", 5, 9, -EINVAL, 0, "-x: 4 is not between 5 and 9" },
	{ "above", "10", 5, 9, -EINVAL, 0, "-x: 10 is not between 5 and 9" },
	{ "more than 64 bits", "18446744073709551616", 0, 9, -EINVAL, 0,
	  "-x: 18446744073709551616 is not between 0 and 9" },
	{ "empty", "", 0, 9, -EINVAL, 0, "-x: '' is not a number" },
	{ "minus", "-1", 0, 9, -EINVAL, 0, "-x: '-1' is not a number" },
	{ "plus", "+1", 0, 9, -EINVAL, 0, "-x: '+1' is not a number" },
	{ "space before", " 1", 0, 9, -EINVAL, 0, "-x: ' 1' is not a number" },
	{ "space behind", "1 ", 0, 9, -EINVAL, 0, "-x: '1 ' is not a number" },
	{ "letters behind", "1k", 0, 9, -EINVAL, 0, "-x: '1k' is not a number" },
	{ "letters behind too many digits", "99999999999999999999z", 0, 9, -EINVAL, 0,
	  "-x: '99999999999999999999z' is not a number" },
	{ "hex without digits", "0x", 0, 9, -EINVAL, 0, "-x: '0x' is not a number" },
};

static void test_number(void **state)
{
	const struct number_case *t = *state;
	struct err e = { 0 };
	uint64_t v = 0;

	assert_int_equal(parse_u64(t->text, t->min, t->max, &v, "-x", &e), t->ret);
	assert_int_equal(v, t->want);
	assert_string_equal(e.what, t->says ? t->says : "");
}

static const struct signed_case {
	const char *name;
	const char *text;
	int ret;
	int64_t want;
	const char *says;
} signed_numbers[] = {
	{ "plain", "42", 0, 42, NULL },
	{ "minus", "-42", 0, -42, NULL },
	{ "plus", "+42", 0, 42, NULL },
	{ "minus nothing", "-0", 0, 0, NULL },
	{ "hex", "-0x2a", 0, -42, NULL },
	{ "the most", "9223372036854775807", 0, INT64_MAX, NULL },
	{ "the least", "-9223372036854775808", 0, INT64_MIN, NULL },
	{ "above", "9223372036854775808", -EINVAL, 0,
	  "-x: 9223372036854775808 has more than 64 bits" },
	{ "below", "-9223372036854775809", -EINVAL, 0,
	  "-x: -9223372036854775809 has more than 64 bits" },
	{ "far above", "99999999999999999999", -EINVAL, 0,
	  "-x: 99999999999999999999 has more than 64 bits" },
	{ "empty", "", -EINVAL, 0, "-x: '' is not a number" },
	{ "a sign alone", "-", -EINVAL, 0, "-x: '-' is not a number" },
	{ "two signs", "--1", -EINVAL, 0, "-x: '--1' is not a number" },
	{ "letters behind", "1us", -EINVAL, 0, "-x: '1us' is not a number" },
};

static void test_signed(void **state)
{
	const struct signed_case *t = *state;
	struct err e = { 0 };
	int64_t v = 0;

	assert_int_equal(parse_i64(t->text, &v, "-x", &e), t->ret);
	assert_true(v == t->want);
	assert_string_equal(e.what, t->says ? t->says : "");
}

static const struct size_case {
	const char *name;
	const char *text;
	int ret;
	uint64_t want;
} sizes[] = {
	{ "bytes", "42", 0, 42 },
	{ "K", "64K", 0, 64 << 10 },
	{ "k", "64k", 0, 64 << 10 },
	{ "KB", "64KB", 0, 64 << 10 },
	{ "kb", "64kb", 0, 64 << 10 },
	{ "M", "10M", 0, 10 << 20 },
	{ "G", "2G", 0, 2ULL << 30 },
	{ "T", "3T", 0, 3ULL << 40 },
	{ "hex", "0x10K", 0, 16 << 10 },
	{ "the most T", "8388607T", 0, 8388607ULL << 40 },
	{ "too many T", "8388608T", -EINVAL, 0 },
	{ "more than 64 bits", "18446744073709551616", -EINVAL, 0 },
	{ "empty", "", -EINVAL, 0 },
	{ "no digits", "K", -EINVAL, 0 },
	{ "bytes by name", "4B", -EINVAL, 0 },
	{ "two units", "4KK", -EINVAL, 0 },
	{ "KiB", "4KiB", -EINVAL, 0 },
	{ "a space between", "4 K", -EINVAL, 0 },
	{ "a fraction", "1.5G", -EINVAL, 0 },
	{ "minus", "-4K", -EINVAL, 0 },
};

static void test_size(void **state)
{
	const struct size_case *t = *state;
	struct err e = { 0 };
	uint64_t v = 0;
	char want[100];

	assert_int_equal(parse_size(t->text, &v, "-x", &e), t->ret);
	assert_int_equal(v, t->want);
	snprintf(want, sizeof(want), "-x: '%s' is not a size such as 64K, 10M or 2G", t->text);
	assert_string_equal(e.what, t->ret ? want : "");
}

static const struct shown_case {
	const char *name;
	uint64_t bytes;
	const char *want;
} shown[] = {
	{ "0", 0, "0 B" },
	{ "1023", 1023, "1023 B" },
	{ "1024", 1024, "1.0 KiB" },
	{ "1.5 MiB", 3 << 19, "1.5 MiB" },
	{ "2 GiB", 2ULL << 30, "2.0 GiB" },
	{ "4096 TiB", 1ULL << 52, "4096.0 TiB" },
};

static void test_shown(void **state)
{
	const struct shown_case *t = *state;
	char to[40];

	assert_string_equal(size_text(t->bytes, to, sizeof(to)), t->want);
}

static const struct path_case {
	const char *name;
	const char *dir, *file;
	int ret;
} paths[] = {
	{ "fits", "a", "b", 0 },
	{ "fits just", "1234", "67", 0 },
	{ "one too long", "1234", "678", -ENAMETOOLONG },
	{ "far too long", "123456789012345678901234567890", "x", -ENAMETOOLONG },
};

static void test_path(void **state)
{
	const struct path_case *t = *state;
	char to[8], want[80];
	struct err e = { 0 };

	assert_int_equal(path_fmt(to, sizeof(to), &e, "%s/%s", t->dir, t->file), t->ret);
	snprintf(want, sizeof(want), "%s/%s", t->dir, t->file);
	assert_int_equal(e.code, -t->ret);
	if (!t->ret)
		assert_string_equal(to, want);
}

/* The tests with files run in a new directory, which is the current one. */
static int enter_dir(void **state)
{
	const char *top = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
	char *dir;

	if (asprintf(&dir, "%s/test_io.XXXXXX", top) < 0 || !mkdtemp(dir) || chdir(dir))
		return -1;
	umask(022);
	*state = dir;
	return 0;
}

static int drop_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static int leave_dir(void **state)
{
	int ret = chdir("/") || nftw(*state, drop_entry, 16, FTW_DEPTH | FTW_PHYS);

	free(*state);
	return ret;
}

static void put_file(const char *path, const void *bytes, size_t n)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, bytes, n, path, NULL), 0);
}

static const struct dirs_case {
	const char *name;
	const char *path;
	const char *isdir; /* what must be a directory behind it */
	int ret;
	const char *says;
} dirs[] = {
	{ "one", "one", "one", 0, NULL },
	{ "there already", "one", "one", 0, NULL },
	{ "three", "a/b/c", "a/b/c", 0, NULL },
	{ "slash at the end", "d/e/", "d/e", 0, NULL },
	{ "two slashes", "f//g", "f/g", 0, NULL },
	{ "dots", "./h/../i", "i", 0, NULL },
	{ "the root", "/", "/", 0, NULL },
	{ "through a symbolic link", "link/j", "one/j", 0, NULL },
	{ "a symbolic link to a directory", "link", "one", 0, NULL },
	{ "a file is there", "file", NULL, -ENOTDIR, "cannot make the directory file" },
	{ "a file is on the way", "file/x", NULL, -ENOTDIR, "cannot make the directory file" },
	{ "a link to nowhere", "dangling", NULL, -ENOENT, "cannot make the directory dangling" },
	{ "no name", "", NULL, -ENOENT, "cannot make a directory without a name" },
};

static void test_dirs(void **state)
{
	const struct dirs_case *t = *state;
	struct err e = { 0 };
	struct stat st;

	put_file("file", "x", 1);
	(void)!mkdir("one", 0755);
	(void)!symlink("one", "link");
	(void)!symlink("nowhere", "dangling");
	assert_int_equal(make_dirs(t->path, 0750, &e), t->ret);
	assert_string_equal(e.what, t->says ? t->says : "");
	if (!t->isdir)
		return;
	assert_int_equal(stat(t->isdir, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	if (!strcmp(t->isdir, "a/b/c"))
		assert_int_equal(st.st_mode & 0777, 0750);
}

static const struct read_case {
	const char *name;
	size_t size, max;
	int ret;
} reads[] = {
	{ "empty", 0, 0, 0 },
	{ "small", 5, 100, 0 },
	{ "as large as allowed", 1000, 1000, 0 },
	{ "a byte too large", 1001, 1000, -EFBIG },
	{ "many buffers", 300000, 300000, 0 },
	{ "many buffers, too large", 300001, 300000, -EFBIG },
	{ "no limit", 300000, SIZE_MAX, 0 },
};

static void test_read(void **state)
{
	const struct read_case *t = *state;
	AUTO_FREE uint8_t *bytes = malloc(t->size + 1);
	struct buf to = { 0 };
	struct err e = { 0 };

	for (size_t i = 0; i < t->size; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	put_file("r", bytes, t->size);
	buf_add(&to, "head", 4);
	assert_int_equal(read_file("r", &to, t->max, &e), t->ret);
	assert_int_equal(e.code, -t->ret);
	if (!t->ret) {
		assert_int_equal(to.len, 4 + t->size);
		assert_memory_equal(to.data, "head", 4);
		assert_memory_equal(to.data + 4, bytes, t->size);
	}
	buf_free(&to);
}

enum { COPY_MAX = 5 << 20 };

static const struct copy_case {
	const char *name;
	uint64_t size, from, to, n;
	bool through_memory; /* into a file where the kernel refuses to copy */
	int ret;
} copies[] = {
	{ "nothing", 10, 0, 0, 0, false, 0 },
	{ "whole", 4096, 0, 0, 4096, false, 0 },
	{ "a part to the middle", 5000, 17, 9000, 3000, false, 0 },
	{ "several MiB", COPY_MAX, 3, 5, COPY_MAX - 3, false, 0 },
	{ "the source is shorter", 1000, 0, 0, 1001, false, -ENODATA },
	{ "the source ends before the start", 1000, 2000, 0, 1, false, -ENODATA },
	{ "within one file, overlapping", COPY_MAX, 0, 100, 4096, true, 0 },
};

static void check_copy(const struct copy_case *t, int to, const uint8_t *want)
{
	AUTO_FREE uint8_t *got = malloc(t->n + 1);

	assert_int_equal(pread_all(to, got, t->n, t->to, "to", NULL), 0);
	assert_memory_equal(got, want + t->from, t->n);
}

static void test_copy(void **state)
{
	const struct copy_case *t = *state;
	AUTO_FREE uint8_t *bytes = malloc(COPY_MAX);
	AUTO_FD from = open("from", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	AUTO_FD to = open("to", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct err e = { 0 };
	int ret;

	for (size_t i = 0; i < COPY_MAX; i++)
		bytes[i] = (uint8_t)(i * 13 + i / 251);
	assert_int_equal(write_all(from, bytes, t->size, "from", NULL), 0);
	ret = copy_range(from, t->from, t->through_memory ? from : to, t->to, t->n, &e);
	assert_int_equal(ret, t->ret);
	assert_int_equal(e.code, -t->ret);
	if (!ret)
		check_copy(t, t->through_memory ? from : to, bytes);
}

/* Errors name the path, and the offset where there is one. */
static void test_names(void **state)
{
	struct buf to = { 0 };
	struct err e = { 0 };
	char mem[8];
	AUTO_FD fd = -1;

	(void)state;
	assert_int_equal(read_file("none", &to, 10, &e), -ENOENT);
	assert_string_equal(e.what, "cannot open none");
	assert_int_equal(read_file(".", &to, 10, &e), -EISDIR);
	assert_string_equal(e.what, "cannot read .");
	assert_int_equal(write_file("none", "1", &e), -ENOENT);
	put_file("w", "abcdef", 6);
	assert_int_equal(write_file("w", "XY", &e), 0);
	fd = open("w", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread_all(fd, mem, 6, 0, "w", &e), 0);
	assert_memory_equal(mem, "XYcdef", 6);
	assert_int_equal(pread_all(fd, mem, 4, 4, "w", &e), -ENODATA);
	assert_string_equal(e.what, "w ends at offset 0x6, 2 bytes too early");
	assert_int_equal(pwrite_all(fd, mem, 4, 16, "w", &e), -EBADF);
	assert_string_equal(e.what, "cannot write w at offset 0x10");
	assert_int_equal(write_all(fd, mem, 4, "w", &e), -EBADF);
	buf_free(&to);
}

static void test_buf(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(buf_text(&b), 0);
	assert_string_equal((char *)b.data, "");
	assert_int_equal(b.len, 0);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(buf_addf(&b, "%05d", i), 0);
	assert_int_equal(buf_add(&b, "", 1), 0);
	assert_int_equal(b.len, 15001);
	assert_memory_equal(b.data + 14990, "0299802999\0", 11);
	assert_int_equal(buf_add(&b, NULL, 0), 0);
	assert_int_equal(buf_add(&b, "x", SIZE_MAX), -ENOMEM);
	assert_int_equal(b.len, 15001);
	buf_free(&b);
	assert_null(b.data);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_buf),
	};
	void *dir = NULL;
	int failed = enter_dir(&dir) ? 1 : 0;

	failed += RUN_ROWS("io: parse_u64", numbers, test_number);
	failed += RUN_ROWS("io: parse_i64", signed_numbers, test_signed);
	failed += RUN_ROWS("io: parse_size", sizes, test_size);
	failed += RUN_ROWS("io: size_text", shown, test_shown);
	failed += RUN_ROWS("io: path_fmt", paths, test_path);
	failed += RUN_ROWS("io: make_dirs", dirs, test_dirs);
	failed += RUN_ROWS("io: read_file", reads, test_read);
	failed += RUN_ROWS("io: copy_range", copies, test_copy);
	failed += cmocka_run_group_tests_name("io: files", others, NULL, NULL);
	return failed + (leave_dir(&dir) ? 1 : 0);
}
