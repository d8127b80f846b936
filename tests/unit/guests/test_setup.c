// SPDX-License-Identifier: GPL-2.0
/* test_setup.c - making a domain's channels: modes, groups, again, changing the kind */
#include "tests/unit/transport/tree.h"
#include "tests/unit/base/rows.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "guests/setup.h"

static struct guest_setup setup_of(const struct tree *t, unsigned int cpus)
{
	return (struct guest_setup){ .dir = t->top,
				     .domain = "web1",
				     .cpus = cpus,
				     .kind = GUEST_CHAN_FIFO,
				     .mode = 0660,
				     .group = (gid_t)-1 };
}

static void expect(struct tree *t, const char *name, mode_t mode)
{
	struct stat st;

	if (lstat(tree_at(t, "%s", name), &st))
		fail_msg("%s is not there", name);
	assert_int_equal(st.st_mode, mode);
}

static void lay_socket(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	close(fd);
}

static int make_tree(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	tree_make(t);
	assert_int_equal(chmod(t->top, 0755), 0);
	*state = t;
	return 0;
}

static int remove_tree(void **state)
{
	tree_remove(*state);
	free(*state);
	return 0;
}

static void test_fresh(void **state)
{
	struct tree *t = *state;
	struct guest_setup s = setup_of(t, 2);
	struct guest_made made;
	mode_t old = umask(0077);

	assert_int_equal(guests_setup(&s, &made, NULL), 0);
	umask(old);
	assert_true(made.dir);
	assert_int_equal(made.made, 2);
	assert_int_equal(made.kept, 0);
	expect(t, "web1", S_IFDIR | 0710);
	expect(t, "web1/trace-path-cpu0.in", S_IFIFO | 0660);
	expect(t, "web1/trace-path-cpu0.out", S_IFIFO | 0660);
	expect(t, "web1/trace-path-cpu1.in", S_IFIFO | 0660);
	expect(t, "web1/trace-path-cpu1.out", S_IFIFO | 0660);
	assert_int_equal(access(tree_at(t, "web1/trace-path-cpu2.out"), F_OK), -1);
}

static void test_again_adds_missing(void **state)
{
	struct tree *t = *state;
	struct guest_setup s = setup_of(t, 2);
	struct guests_channels c;
	struct guest_made made;
	struct stat before, after;

	assert_int_equal(guests_setup(&s, &made, NULL), 0);
	assert_int_equal(stat(tree_at(t, "web1/trace-path-cpu0.out"), &before), 0);
	assert_int_equal(unlink(tree_at(t, "web1/trace-path-cpu1.in")), 0);
	s.cpus = 4;
	assert_int_equal(guests_setup(&s, &made, NULL), 0);
	assert_false(made.dir);
	assert_int_equal(made.made, 3);
	assert_int_equal(made.kept, 1);
	assert_int_equal(made.removed, 0);
	assert_int_equal(stat(tree_at(t, "web1/trace-path-cpu0.out"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* QEMU may have it open */
	assert_int_equal(guests_channels_read(t->top, "web1", &c, NULL), 0);
	assert_int_equal(c.cpus, 4);
}

static void test_modes_put_right(void **state)
{
	struct tree *t = *state;
	struct guest_setup s = setup_of(t, 1);
	struct guest_made made;

	tree_dir(t, "web1", 0777);
	tree_fifo(t, "web1/trace-path-cpu0.out");
	assert_int_equal(chmod(tree_at(t, "web1/trace-path-cpu0.out"), 0666), 0);
	s.mode = 0620;
	assert_int_equal(guests_setup(&s, &made, NULL), 0);
	expect(t, "web1", S_IFDIR | 0710);
	expect(t, "web1/trace-path-cpu0.out", S_IFIFO | 0620);
}

static void test_kinds_exclude(void **state)
{
	struct tree *t = *state;
	struct guest_setup s = setup_of(t, 2);
	struct guests_channels c;
	struct guest_made made;

	assert_int_equal(guests_setup(&s, &made, NULL), 0);
	s.kind = GUEST_CHAN_SOCKET;
	s.cpus = 1;
	assert_int_equal(guests_setup(&s, &made, NULL), 0);
	assert_int_equal(made.removed, 4);
	assert_int_equal(access(tree_at(t, "web1/trace-path-cpu0.out"), F_OK), -1);
	assert_int_equal(guests_channels_read(t->top, "web1", &c, NULL), 0);
	assert_int_equal(c.kind, GUEST_CHAN_SOCKET);
	assert_int_equal(c.cpus, 1);
	lay_socket(tree_at(t, "web1/trace-path-cpu0"));
	assert_int_equal(guests_setup(&s, &made, NULL), 0);
	assert_int_equal(made.removed, 0); /* the server's: it stays */
	s.kind = GUEST_CHAN_FIFO;
	assert_int_equal(guests_setup(&s, &made, NULL), 0);
	assert_int_equal(made.removed, 1);
	expect(t, "web1/trace-path-cpu0.out", S_IFIFO | 0660);
}

static void test_file_in_the_way(void **state)
{
	struct tree *t = *state;
	struct guest_setup s = setup_of(t, 1);
	struct guest_made made;
	struct err e = { 0 };

	tree_file(t, "web1/trace-path-cpu0.out", "precious");
	assert_int_equal(guests_setup(&s, &made, &e), -EEXIST);
	assert_non_null(strstr(e.hint, "rm "));
	expect(t, "web1/trace-path-cpu0.out", S_IFREG | 0644);
}

static void test_domain_is_link(void **state)
{
	struct tree *t = *state;
	struct guest_setup s = setup_of(t, 1);
	struct guest_made made;
	struct err e = { 0 };

	tree_dir(t, "elsewhere", 0755);
	assert_int_equal(symlink("elsewhere", tree_at(t, "web1")), 0);
	assert_true(guests_setup(&s, &made, &e) < 0);
	expect(t, "elsewhere", S_IFDIR | 0755);
	assert_int_equal(access(tree_at(t, "elsewhere/trace-path-cpu0.out"), F_OK), -1);
}

static void test_hostile_name(void **state)
{
	struct tree *t = *state;
	struct guest_setup s = setup_of(t, 1);
	struct guest_made made;

	tree_dir(t, "in", 0755);
	s.dir = tree_at(t, "in");
	s.domain = "../x";
	assert_int_equal(guests_setup(&s, &made, NULL), -EINVAL);
	assert_int_equal(access(tree_at(t, "x"), F_OK), -1);
}

static void test_group(void **state)
{
	struct tree *t = *state;
	struct guest_setup s = setup_of(t, 1);
	struct guest_made made;
	struct stat st;

	if (geteuid()) {
		print_message("not root: cannot give files to another group\n");
		skip();
	}
	s.group = 4321;
	assert_int_equal(guests_setup(&s, &made, NULL), 0);
	assert_int_equal(stat(tree_at(t, "web1"), &st), 0);
	assert_int_equal(st.st_gid, 4321);
	assert_int_equal(stat(tree_at(t, "web1/trace-path-cpu0.in"), &st), 0);
	assert_int_equal(st.st_gid, 4321);
	assert_int_equal(stat(t->top, &st), 0); /* the shared socket gets its group from here */
	assert_int_equal(st.st_gid, 4321);
	s.domain = "web2";
	s.group = 4322;
	assert_int_equal(guests_setup(&s, &made, NULL), 0);
	assert_int_equal(stat(t->top, &st), 0);
	assert_int_equal(st.st_gid, 4321); /* web1 needs it */
}

static const struct group_case {
	const char *test, *name;
	int want;
	gid_t gid;
} groups[] = {
	{ "root", "root", 0, 0 },
	{ "a number", "4321", 0, 4321 },
	{ "none such", "no-such-group-here", -ENOENT, 0 },
	{ "no group at all", "4294967295", -ENOENT, 0 },
	{ "minus", "-1", -ENOENT, 0 },
	{ "empty", "", -ENOENT, 0 },
};

static void test_group_name(void **state)
{
	const struct group_case *c = *state;
	struct err e = { 0 };
	gid_t gid;

	assert_int_equal(guests_group(c->name, &gid, &e), c->want);
	if (!c->want)
		assert_int_equal(gid, c->gid);
	else
		assert_non_null(strstr(e.hint, "-g"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_tree, remove_tree)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_fresh),	    TEST(test_again_adds_missing),
		TEST(test_modes_put_right), TEST(test_kinds_exclude),
		TEST(test_file_in_the_way), TEST(test_domain_is_link),
		TEST(test_hostile_name),    TEST(test_group),
	};
	int bad = RUN_ROWS("groups", groups, test_group_name);

	return bad + cmocka_run_group_tests_name("setup", tests, NULL, NULL);
}
