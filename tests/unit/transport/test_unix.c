// SPDX-License-Identifier: GPL-2.0
/* test_unix.c - unix sockets: who may replace whom, modes, accept without waiting. */
#include "tree.h"

#include <errno.h>

#include "transport/unix.h"

static const struct unix_access open_to_group = { .mode = 0660, .group = (gid_t)-1 };

static int setup(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	tree_make(t);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	tree_remove(*state);
	free(*state);
	return 0;
}

static void test_mode_ignores_umask(void **state)
{
	const char *path = tree_at(*state, "s");
	mode_t old = umask(0077);
	struct stat st;
	int fd = unix_listen(path, &open_to_group, NULL);

	umask(old);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
	close(fd);
}

static void test_live_is_kept(void **state)
{
	const char *path = tree_at(*state, "s");
	struct err e = { 0 };
	int fd = unix_listen(path, &open_to_group, NULL);

	assert_true(fd >= 0);
	assert_int_equal(unix_listen(path, &open_to_group, &e), -EADDRINUSE);
	assert_non_null(strstr(e.hint, "--dir"));
	close(fd);
}

static void test_stale_is_replaced(void **state)
{
	const char *path = tree_at(*state, "s");
	int fd = unix_listen(path, &open_to_group, NULL);

	close(fd);
	assert_int_equal(access(path, F_OK), 0);
	fd = unix_listen(path, &open_to_group, NULL);
	assert_true(fd >= 0);
	close(fd);
}

static void test_file_is_kept(void **state)
{
	tree_file(*state, "s", "precious");
	assert_int_equal(unix_listen(tree_at(*state, "s"), &open_to_group, NULL), -EEXIST);
	assert_int_equal(access(tree_at(*state, "s"), F_OK), 0);
}

static void test_link_is_kept(void **state)
{
	int fd = unix_listen(tree_at(*state, "real"), &open_to_group, NULL);

	close(fd);
	assert_int_equal(symlink("real", tree_at(*state, "s")), 0);
	assert_int_equal(unix_listen(tree_at(*state, "s"), &open_to_group, NULL), -EEXIST);
}

static void test_long_path(void **state)
{
	char path[200];
	struct err e = { 0 };

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(unix_listen(path, &open_to_group, &e), -ENAMETOOLONG);
	assert_int_equal(unix_connect(path, &e), -ENAMETOOLONG);
	assert_non_null(strstr(e.hint, "107"));
}

static void test_accept(void **state)
{
	const char *path = tree_at(*state, "s");
	int fd = unix_listen(path, &open_to_group, NULL), to, from;
	char got = 0;

	assert_int_equal(unix_accept(fd, NULL), -EAGAIN);
	to = unix_connect(path, NULL);
	assert_true(to >= 0);
	from = unix_accept(fd, NULL);
	assert_true(from >= 0);
	assert_int_equal(write(to, "x", 1), 1);
	assert_int_equal(read(from, &got, 1), 1);
	assert_int_equal(got, 'x');
	assert_int_equal(read(from, &got, 1), -1); /* does not wait */
	close(to);
	close(from);
	close(fd);
}

static void test_unlink(void **state)
{
	const char *path = tree_at(*state, "s");
	int fd = unix_listen(path, &open_to_group, NULL), next;

	unix_unlink(fd, path);
	assert_int_equal(access(path, F_OK), -1);
	close(fd);
	fd = unix_listen(path, &open_to_group, NULL);
	assert_int_equal(unlink(path), 0);
	next = unix_listen(path, &open_to_group, NULL);
	unix_unlink(fd, path);
	assert_int_equal(access(path, F_OK), 0); /* a successor's */
	close(fd);
	close(next);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_mode_ignores_umask),
		TEST(test_live_is_kept),
		TEST(test_stale_is_replaced),
		TEST(test_file_is_kept),
		TEST(test_link_is_kept),
		TEST(test_long_path),
		TEST(test_accept),
		TEST(test_unlink),
	};

	return cmocka_run_group_tests_name("unix sockets", tests, NULL, NULL);
}
