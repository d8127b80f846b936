// SPDX-License-Identifier: GPL-2.0
/* test_peer.c - which guest is it: command lines, pid files, processes of a fake /proc. */
#include "tests/unit/transport/tree.h"
#include "tests/unit/base/rows.h"

#include <errno.h>
#include <sys/socket.h>

#include "guests/local.h"

/* Words of the command line are separated by | here. */
static const struct cmdline_case {
	const char *test, *words;
	int want;
	const char *name;
} cmdlines[] = {
	{ "plain", "qemu|-name|web1|-m|1G", 0, "web1" },
	{ "two dashes", "qemu|--name|web1", 0, "web1" },
	{ "guest=", "qemu|-name|guest=web1,debug-threads=on", 0, "web1" },
	{ "guest= last", "qemu|-name|debug-threads=on,guest=web1", 0, "web1" },
	{ "plain and more", "qemu|-name|web1,process=foo", 0, "web1" },
	{ "given twice: the last counts", "qemu|-name|a|-name|guest=b", 0, "b" },
	{ "the second adds to the first", "qemu|-name|guest=a|-name|debug-threads=on", 0, "a" },
	{ "not a word that begins so", "qemu|-names|x|-name|a", 0, "a" },
	{ "none", "qemu|-m|1G", -ENOENT, NULL },
	{ "no argument behind it", "qemu|-name", -ENOENT, NULL },
	{ "only other keys", "qemu|-name|debug-threads=on", -ENOENT, NULL },
	{ "empty argument", "qemu|-name|", -ENOENT, NULL },
	{ "empty guest", "qemu|-name|guest=", -EINVAL, NULL },
	{ "escaped comma", "qemu|-name|guest=a,,b", -EINVAL, NULL },
	{ "escaped comma, hostile", "qemu|-name|guest=a,,guest=b", -EINVAL, NULL },
	{ "up", "qemu|-name|guest=../x", -EINVAL, NULL },
	{ "up, plain", "qemu|-name|../x", -EINVAL, NULL },
	{ "slash", "qemu|-name|guest=a/b", -EINVAL, NULL },
	{ "blank", "qemu|-name|my guest", -EINVAL, NULL },
	{ "too long",
	  "qemu|-name|aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  -EINVAL, NULL },
	{ "nothing", "", -ENOENT, NULL },
};

static size_t to_nuls(const char *words, char *bytes)
{
	size_t len = strlen(words) + 1;

	for (size_t i = 0; i < len; i++)
		bytes[i] = words[i] == '|' ? '\0' : words[i];
	return *words ? len : 0;
}

static void test_cmdline(void **state)
{
	const struct cmdline_case *c = *state;
	char bytes[400], name[GUESTS_NAME_MAX + 1];
	size_t len = to_nuls(c->words, bytes);
	struct err e = { 0 };

	assert_int_equal(guest_name_from_cmdline(bytes, len, name, sizeof(name), &e), c->want);
	if (c->name)
		assert_string_equal(name, c->name);
	else
		assert_true(*e.what);
	if (c->want == -EINVAL)
		assert_true(strstr(e.what, "QEMU's -name") && *e.hint);
}

/* A range that does not end with NUL is not read beyond its end (the sanitizer watches). */
static void test_cmdline_cut(void **state)
{
	static const char whole[] = "qemu\0-name\0guest=web1";
	char name[GUESTS_NAME_MAX + 1];

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		char *bytes = malloc(len + !len);

		memcpy(bytes, whole, len);
		assert_int_equal(guest_name_from_cmdline(bytes, len, name, sizeof(name), NULL),
				 -ENOENT);
		free(bytes);
	}
}

static const struct proc_case {
	const char *test, *words;
	bool is;
	const char *name;
	unsigned int vcpus;
	uint32_t cid;
} procs[] = {
	{ "one vCPU", "qemu-system-x86_64|-name|a", true, "a", 1 },
	{ "-smp 4", "/usr/bin/qemu-system-x86_64|-smp|4|-name|a", true, "a", 4 },
	{ "-smp 4 and more", "/usr/libexec/qemu-kvm|-name|a|-smp|4,maxcpus=8", true, "a", 4 },
	{ "-smp cpus=", "qemu-system-aarch64|-name|a|-smp|sockets=1,cpus=3", true, "a", 3 },
	{ "topology only", "qemu-system-x86_64|-name|a|-smp|sockets=2,cores=3,threads=2", true, "a",
	  12 },
	{ "-smp nonsense", "qemu-system-x86_64|-name|a|-smp|cpus=x", true, "a", 0 },
	{ "no name", "qemu-system-x86_64|-m|1", true, "pid-77", 1 },
	{ "vsock", "kvm|-device|e1000|-device|vhost-vsock-pci,id=v,guest-cid=42|-name|a", true, "a",
	  1, 42 },
	{ "vsock in JSON", "kvm|-name|a|-device|{\"driver\":\"vhost-vsock-pci\",\"guest-cid\":7}",
	  true, "a", 1, 7 },
	{ "the host's cid", "kvm|-name|a|-device|vhost-vsock-pci,guest-cid=2", true, "a", 1, 0 },
	{ "no number", "kvm|-name|a|-device|{\"guest-cid\":\"x\"}", true, "a", 1, 0 },
	{ "cut off", "kvm|-name|a|-device", true, "a", 1, 0 },
	{ "libvirt's pid file", "kvm|-m|1", true, "pid-77", 1 },
	{ "refused name", "qemu-system-x86_64|-name|../x", false, NULL, 0 },
	{ "not QEMU", "/usr/bin/qemu-img|-name|a", false, NULL, 0 },
	{ "kernel thread", "", false, NULL, 0 },
};

/* A tree with process 77; the file system needs NULs written as they are. */
static void lay_proc(struct tree *t, const char *words)
{
	char bytes[400];
	size_t len = to_nuls(words, bytes);
	int fd;

	tree_file(t, "proc/77/cmdline", "");
	tree_dir(t, "proc/self", 0755);
	tree_dir(t, "run", 0755);
	fd = open(tree_at(t, "proc/77/cmdline"), O_WRONLY);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void test_procs(void **state)
{
	const struct proc_case *c = *state;
	char proc[TREE_PATH], run[TREE_PATH];
	struct guest_roots roots = { proc, run };
	struct guest_proc *list;
	struct tree t;
	size_t n;

	tree_make(&t);
	snprintf(proc, sizeof(proc), "%s/proc", t.top);
	snprintf(run, sizeof(run), "%s/run", t.top);
	lay_proc(&t, c->words);
	assert_int_equal(guest_procs_in(&roots, &list, &n, NULL), 0);
	assert_int_equal(n, c->is);
	if (c->is) {
		assert_int_equal(list->pid, 77);
		assert_string_equal(list->name, c->name);
		assert_int_equal(list->vcpus, c->vcpus);
		assert_int_equal(list->cid, c->cid);
	}
	free(list);
	tree_remove(&t);
}

/* libvirt's pid files, when the command line has no name. */
static const struct pid_case {
	const char *test, *file, *text;
	int want;
	const char *name;
} pids[] = {
	{ "found", "run/web7.pid", "77", 0, "web7" },
	{ "with a line end", "run/web7.pid", "77\n", 0, "web7" },
	{ "of another process", "run/web7.pid", "771\n", 0, "pid-77" },
	{ "not a pid file", "run/web7.xml", "77\n", 0, "pid-77" },
	{ "nonsense in it", "run/web7.pid", "77 78\n", 0, "pid-77" },
	{ "hostile name", "run/..x.pid", "77\n", -EINVAL, NULL },
};

static void test_pid_file(void **state)
{
	const struct pid_case *c = *state;
	char proc[TREE_PATH], run[TREE_PATH], name[GUESTS_NAME_MAX + 1];
	struct guest_roots roots = { proc, run };
	struct tree t;

	tree_make(&t);
	snprintf(proc, sizeof(proc), "%s/proc", t.top);
	snprintf(run, sizeof(run), "%s/run", t.top);
	lay_proc(&t, "qemu-system-x86_64|-m|1");
	tree_file(&t, c->file, c->text);
	assert_int_equal(guest_name_of_pid(&roots, 77, name, sizeof(name), NULL), c->want);
	if (c->name)
		assert_string_equal(name, c->name);
	tree_remove(&t);
}

static void test_peer_is_us(void **state)
{
	struct guest_peer peer;
	char name[GUESTS_NAME_MAX + 1];
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(guest_peer_of(fd[0], &peer, NULL), 0);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.uid, geteuid());
	snprintf(name, sizeof(name), "pid-%d", (int)getpid());
	assert_string_equal(peer.name, name);
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_cmdline_cut),
		cmocka_unit_test(test_peer_is_us),
	};
	int bad = RUN_ROWS("name from a command line", cmdlines, test_cmdline);

	bad += RUN_ROWS("QEMU processes", procs, test_procs);
	bad += RUN_ROWS("libvirt's pid files", pids, test_pid_file);
	return bad + cmocka_run_group_tests_name("peer", others, NULL, NULL);
}
