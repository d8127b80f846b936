// SPDX-License-Identifier: GPL-2.0
/* test_vport.c - virtio ports in fake trees of /dev and /sys. */
#include "tree.h"
#include "tests/unit/base/rows.h"

#include <errno.h>
#include <sys/socket.h>

#include "transport/virtio-port.h"

/* What lies in a tree: '=' separates a file from its text; "dev/..." or "sys/...". */
static const struct find_case {
	const char *test, *name;
	const char *files[6];
	int want;
	const char *path; /* below the top */
	const char *hint; /* a part of it */
} finds[] = {
	{ "link of udev",
	  "agent-ctl-path",
	  { "dev/virtio-ports/agent-ctl-path=",
	    "sys/class/virtio-ports/vport0p1/name=agent-ctl-path" },
	  0,
	  "dev/virtio-ports/agent-ctl-path",
	  NULL },
	{ "no link: the kernel's list",
	  "agent-ctl-path",
	  { "dev/vport0p1=", "sys/class/virtio-ports/vport0p1/name=agent-ctl-path\n" },
	  0,
	  "dev/vport0p1",
	  NULL },
	{ "second controller",
	  "trace-path-cpu1",
	  { "dev/vport0p2=", "dev/vport1p1=",
	    "sys/class/virtio-ports/vport0p2/name=trace-path-cpu0\n",
	    "sys/class/virtio-ports/vport1p1/name=trace-path-cpu1\n" },
	  0,
	  "dev/vport1p1",
	  NULL },
	{ "a name that begins the same",
	  "trace-path-cpu1",
	  { "dev/vport0p2=", "sys/class/virtio-ports/vport0p2/name=trace-path-cpu10\n" },
	  -ENOENT,
	  NULL,
	  "name=trace-path-cpu1" },
	{ "no driver",
	  "agent-ctl-path",
	  { "sys/class/x=" },
	  -ENOENT,
	  NULL,
	  "modprobe virtio_console" },
	{ "no port at all",
	  "agent-ctl-path",
	  { "sys/class/virtio-ports/.x=" },
	  -ENOENT,
	  NULL,
	  "name=agent-ctl-path" },
	{ "only a console, without a name",
	  "agent-ctl-path",
	  { "dev/vport0p0=", "sys/class/virtio-ports/vport0p0/guest_connected=" },
	  -ENOENT,
	  NULL,
	  "setup-guest" },
	{ "no device node",
	  "agent-ctl-path",
	  { "dev/x=", "sys/class/virtio-ports/vport0p1/name=agent-ctl-path\n" },
	  -ENODEV,
	  NULL,
	  "devtmpfs" },
	{ "name with a slash", "../vport0p1", { "dev/vport0p1=" }, -EINVAL, NULL, "" },
	{ "name with a dot first", "..", { "dev/x=" }, -EINVAL, NULL, "" },
	{ "empty name", "", { "dev/x=" }, -EINVAL, NULL, "" },
};

static void lay(struct tree *t, const char *const *files, size_t n)
{
	for (size_t i = 0; i < n && files[i]; i++) {
		char name[200];
		const char *eq = strchr(files[i], '=');

		snprintf(name, sizeof(name), "%.*s", (int)(eq - files[i]), files[i]);
		tree_file(t, name, eq + 1);
	}
}

static void test_find(void **state)
{
	const struct find_case *c = *state;
	char dev[TREE_PATH], sys[TREE_PATH], path[VPORT_PATH_MAX];
	struct vport_roots roots = { dev, sys };
	struct err e = { 0 };
	struct tree t;

	tree_make(&t);
	snprintf(dev, sizeof(dev), "%s/dev", t.top);
	snprintf(sys, sizeof(sys), "%s/sys", t.top);
	lay(&t, c->files, ARRAY_SIZE(c->files));
	assert_int_equal(vport_find_in(&roots, c->name, path, sizeof(path), &e), c->want);
	if (!c->want)
		assert_string_equal(path, tree_at(&t, "%s", c->path));
	else if (!strstr(e.hint, c->hint))
		fail_msg("hint '%s' has no '%s'", e.hint, c->hint);
	tree_remove(&t);
}

static void test_stale_link(void **state)
{
	char dev[TREE_PATH], sys[TREE_PATH], path[VPORT_PATH_MAX];
	struct vport_roots roots = { dev, sys };
	struct tree t;

	(void)state;
	tree_make(&t);
	snprintf(dev, sizeof(dev), "%s/dev", t.top);
	snprintf(sys, sizeof(sys), "%s/sys", t.top);
	tree_file(&t, "sys/class/virtio-ports/vport3p4/name", "agent-ctl-path\n");
	tree_file(&t, "dev/vport3p4", "");
	tree_dir(&t, "dev/virtio-ports", 0755);
	assert_int_equal(symlink("../vport0p1", tree_at(&t, "dev/virtio-ports/agent-ctl-path")), 0);
	assert_int_equal(vport_find_in(&roots, "agent-ctl-path", path, sizeof(path), NULL), 0);
	assert_string_equal(path, tree_at(&t, "dev/vport3p4"));
	tree_remove(&t);
}

static void test_open_is_nonblocking(void **state)
{
	char dev[TREE_PATH];
	struct vport_roots roots = { dev, "/nonexistent" };
	struct tree t;
	int fd;

	(void)state;
	tree_make(&t);
	snprintf(dev, sizeof(dev), "%s/dev", t.top);
	tree_file(&t, "dev/virtio-ports/x", "");
	fd = vport_open_in(&roots, "x", O_RDWR, NULL);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	tree_remove(&t);
}

static void test_list_sorted(void **state)
{
	static const char *const want[] = { "agent-ctl-path", "trace-path-cpu2",
					    "trace-path-cpu10" };
	char dev[TREE_PATH], sys[TREE_PATH];
	struct vport_roots roots = { dev, sys };
	struct vport *ports;
	struct tree t;
	size_t n;

	(void)state;
	tree_make(&t);
	snprintf(dev, sizeof(dev), "%s/dev", t.top);
	snprintf(sys, sizeof(sys), "%s/sys", t.top);
	tree_file(&t, "sys/class/virtio-ports/vport0p3/name", "trace-path-cpu10\n");
	tree_file(&t, "sys/class/virtio-ports/vport0p2/name", "trace-path-cpu2\n");
	tree_file(&t, "sys/class/virtio-ports/vport0p1/name", "agent-ctl-path\n");
	tree_file(&t, "sys/class/virtio-ports/vport0p4/name", "\n");
	assert_int_equal(vport_list_in(&roots, &ports, &n, NULL), 0);
	assert_int_equal(n, ARRAY_SIZE(want));
	for (size_t i = 0; i < n; i++)
		assert_string_equal(ports[i].name, want[i]);
	assert_string_equal(ports[1].path, tree_at(&t, "dev/vport0p2"));
	free(ports);
	tree_remove(&t);
}

static void test_host_gone(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_false(vport_host_gone(fd[0]));
	close(fd[1]);
	assert_true(vport_host_gone(fd[0]));
	close(fd[0]);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_stale_link),
		cmocka_unit_test(test_open_is_nonblocking),
		cmocka_unit_test(test_list_sorted),
		cmocka_unit_test(test_host_gone),
	};
	int bad = RUN_ROWS("virtio port: find", finds, test_find);

	return bad + cmocka_run_group_tests_name("virtio port", others, NULL, NULL);
}
