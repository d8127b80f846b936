// SPDX-License-Identifier: GPL-2.0
/* test_unix.c - unix sockets: what may be replaced, modes, long paths */
#include "tree.h"

#include <errno.h>
#include <sys/socket.h>

#include "transport/unix.h"

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
	int fd = unix_listen(path, UNIX_FOR_GROUP, NULL);

	umask(old);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
	close(fd);
}

static void test_stale_is_replaced(void **state)
{
	const char *path = tree_at(*state, "s");
	int fd = unix_listen(path, UNIX_FOR_GROUP, NULL);

	close(fd);
	assert_int_equal(access(path, F_OK), 0);
	fd = unix_listen(path, UNIX_FOR_GROUP, NULL);
	assert_true(fd >= 0);
	close(fd);
}

static void test_file_is_kept(void **state)
{
	tree_file(*state, "s", "precious");
	assert_int_equal(unix_listen(tree_at(*state, "s"), UNIX_FOR_GROUP, NULL), -EEXIST);
	assert_int_equal(access(tree_at(*state, "s"), F_OK), 0);
}

static void test_link_is_kept(void **state)
{
	int fd = unix_listen(tree_at(*state, "real"), UNIX_FOR_GROUP, NULL);

	close(fd);
	assert_int_equal(symlink("real", tree_at(*state, "s")), 0);
	assert_int_equal(unix_listen(tree_at(*state, "s"), UNIX_FOR_GROUP, NULL), -EEXIST);
}

/* An address holds 107 bytes; longer paths are reached through their directory. */
static void test_long_path(void **state)
{
	char name[160] = "";
	struct stat st;
	int fd;

	memset(name, 'x', 120);
	memcpy(name + 120, "/s", 3);
	tree_file(*state, name, "");
	assert_int_equal(unlink(tree_at(*state, name)), 0);
	fd = unix_listen(tree_at(*state, name), UNIX_FOR_GROUP, NULL);
	assert_true(fd >= 0);
	assert_int_equal(stat(tree_at(*state, name), &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	close(fd);
}

static void test_accept_does_not_wait(void **state)
{
	int fd = unix_listen(tree_at(*state, "s"), UNIX_FOR_GROUP, NULL);

	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
}

static void test_connect(void **state)
{
	const char *path = tree_at(*state, "s");
	int fd = unix_listen(path, UNIX_FOR_OWNER, NULL),
	    mine = unix_connect(path, NSEC_PER_SEC, NULL);
	int his = accept(fd, NULL, NULL);
	char byte;

	assert_true(mine >= 0 && his >= 0);
	assert_int_equal(write(his, "x", 1), 1);
	assert_int_equal(read(mine, &byte, 1), 1);
	close(fd);
	close(mine);
	close(his);
	assert_int_equal(unix_connect(path, NSEC_PER_SEC, NULL), -ECONNREFUSED);
	assert_int_equal(unix_connect(tree_at(*state, "t"), NSEC_PER_SEC, NULL), -ENOENT);
}

/* A server that hangs: it neither answers nor accepts. */
static void test_connect_does_not_hang(void **state)
{
	const char *path = tree_at(*state, "s");
	int fd = unix_listen(path, UNIX_FOR_OWNER, NULL), got[200], n = 0;
	uint64_t from = now_ns();
	char byte;

	do {
		got[n] = unix_connect(path, 20 * NSEC_PER_MSEC, NULL);
	} while (got[n] >= 0 && ++n < 200);
	assert_in_range(n, 1, 199);
	assert_int_equal(got[n], -EAGAIN);
	assert_int_equal(read(got[0], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(now_ns() - from < 10 * NSEC_PER_SEC);
	while (n--)
		close(got[n]);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_mode_ignores_umask),
		TEST(test_stale_is_replaced),
		TEST(test_file_is_kept),
		TEST(test_link_is_kept),
		TEST(test_long_path),
		TEST(test_accept_does_not_wait),
		TEST(test_connect),
		TEST(test_connect_does_not_hang),
	};

	return cmocka_run_group_tests_name("unix sockets", tests, NULL, NULL);
}
