// SPDX-License-Identifier: GPL-2.0
/* test_fifo.c - FIFOs: what may be opened, and how it is made. */
#include "tree.h"
#include "tests/unit/base/rows.h"

#include <errno.h>

#include "transport/fifo.h"

enum kind { K_FIFO, K_FILE, K_LINK, K_NONE };

static const struct open_case {
	const char *test;
	enum kind kind;
	mode_t dir, fifo;
	bool other_owner; /* of the directory; needs root */
	int want;
} opens[] = {
	{ "as setup-guest makes it", K_FIFO, 0710, 0660, false, 0 },
	{ "stock's modes", K_FIFO, 0755, 0644, false, 0 },
	{ "open to all, but the directory is closed", K_FIFO, 0710, 0666, false, 0 },
	{ "open to all", K_FIFO, 0755, 0666, false, -EPERM },
	{ "the group may write to the directory", K_FIFO, 0770, 0660, false, -EPERM },
	{ "all may write to the directory", K_FIFO, 01777, 0660, false, -EPERM },
	{ "the directory is another user's", K_FIFO, 0755, 0660, true, -EPERM },
	{ "a file", K_FILE, 0710, 0660, false, -EINVAL },
	{ "a link to a FIFO", K_LINK, 0710, 0660, false, -EINVAL },
	{ "nothing", K_NONE, 0710, 0660, false, -ENOENT },
};

static void lay(struct tree *t, const struct open_case *c)
{
	tree_dir(t, "d", 0755);
	if (c->kind == K_FILE)
		tree_file(t, "d/f", "x");
	if (c->kind == K_FIFO)
		tree_fifo(t, "d/f");
	if (c->kind == K_LINK) {
		tree_fifo(t, "d/g");
		assert_int_equal(symlink("g", tree_at(t, "d/f")), 0);
	}
	if (c->kind == K_FIFO)
		assert_int_equal(chmod(tree_at(t, "d/f"), c->fifo), 0);
	assert_int_equal(chmod(tree_at(t, "d"), c->dir), 0);
	if (c->other_owner)
		assert_int_equal(chown(tree_at(t, "d"), 12345, 12345), 0);
}

static void test_open(void **state)
{
	const struct open_case *c = *state;
	struct err e = { 0 };
	struct tree t;
	int fd;

	if (c->other_owner && geteuid()) {
		print_message("not root: cannot give a directory away\n");
		skip();
	}
	tree_make(&t);
	lay(&t, c);
	fd = fifo_open(tree_at(&t, "d/f"), &e);
	if (c->want) {
		assert_int_equal(fd, c->want);
		assert_true(*e.what && *e.hint);
	} else {
		assert_true(fd >= 0);
		assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK),
				 O_RDWR | O_NONBLOCK);
		assert_int_equal(fifo_width(fd), FIFO_WIDTH);
		close(fd);
	}
	tree_remove(&t);
}

static void test_make(void **state)
{
	struct tree t;
	struct stat st;
	mode_t old;

	(void)state;
	tree_make(&t);
	old = umask(0777);
	assert_int_equal(fifo_make(tree_at(&t, "f"), 0620, (gid_t)-1, NULL), 1);
	umask(old);
	assert_int_equal(stat(tree_at(&t, "f"), &st), 0);
	assert_int_equal(st.st_mode, S_IFIFO | 0620);
	assert_int_equal(fifo_make(tree_at(&t, "f"), 0660, (gid_t)-1, NULL), 0);
	assert_int_equal(stat(tree_at(&t, "f"), &st), 0);
	assert_int_equal(st.st_mode, S_IFIFO | 0660);
	tree_file(&t, "file", "precious");
	assert_int_equal(fifo_make(tree_at(&t, "file"), 0660, (gid_t)-1, NULL), -EEXIST);
	tree_remove(&t);
}

static void test_make_group(void **state)
{
	struct tree t;
	struct stat st;

	(void)state;
	if (geteuid()) {
		print_message("not root: cannot give a FIFO to another group\n");
		skip();
	}
	tree_make(&t);
	assert_int_equal(fifo_make(tree_at(&t, "f"), 0660, 4321, NULL), 1);
	assert_int_equal(stat(tree_at(&t, "f"), &st), 0);
	assert_int_equal(st.st_gid, 4321);
	assert_int_equal(st.st_mode, S_IFIFO | 0660);
	tree_remove(&t);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_make_group),
	};
	int bad = RUN_ROWS("FIFO: open", opens, test_open);

	return bad + cmocka_run_group_tests_name("FIFO", others, NULL, NULL);
}
