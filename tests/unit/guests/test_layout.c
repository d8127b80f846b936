// SPDX-License-Identifier: GPL-2.0
/* test_layout.c - names of domains, unsafe directories, channels, the file "channels" */
#include "tests/unit/transport/tree.h"
#include "tests/unit/base/rows.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "guests/layout.h"

static const struct name_case {
	const char *test, *name;
	const char *why; /* part of the reason; NULL = a good name */
} names[] = {
	{ "plain", "web1", NULL },
	{ "all that is allowed", "A-z_0.9+x@host:1", NULL },
	{ "64 characters", "0123456789012345678901234567890123456789012345678901234567890123",
	  NULL },
	{ "65 characters", "01234567890123456789012345678901234567890123456789012345678901234",
	  "65" },
	{ "empty", "", "empty" },
	{ "up", "../x", "dot" },
	{ "up only", "..", "dot" },
	{ "hidden", ".x", "dot" },
	{ "down and up", "a/../../x", "'/'" },
	{ "absolute", "/etc", "'/'" },
	{ "blank", "a b", "' '" },
	{ "line end", "a\nb", "'?'" },
	{ "escape sequence", "a\033[31m", "'?'" },
	{ "high bit", "caf\303\251", "'?'" },
	{ "percent", "a%s", "'%'" },
	{ "comma", "a,b", "','" },
};

static void test_name(void **state)
{
	const struct name_case *c = *state;
	struct err e = { 0 };
	int ret = guests_name_check(c->name, &e);

	assert_int_equal(ret, c->why ? -EINVAL : 0);
	if (c->why && !strstr(e.what, c->why))
		fail_msg("'%s' has no '%s'", e.what, c->why);
	assert_null(strpbrk(e.what, "\n\033"));
}

enum { OTHER = 12345 }; /* a user that is nobody here */

/* The directory is <top>/p/d; p is its parent. */
static const struct dir_case {
	const char *test;
	mode_t parent, dir;
	bool parent_other, dir_other, group_ok;
	const char *link; /* "d" or "p" is a link to the real one */
	int want;
	const char *hint;
} dirs[] = {
	{ "as made", 0755, 0755, false, false, false, NULL, 0, NULL },
	{ "closed", 0755, 0700, false, false, false, NULL, 0, NULL },
	{ "sticky parent", 01777, 0755, false, false, false, NULL, 0, NULL },
	{ "group may write, allowed", 0755, 0770, false, false, true, NULL, 0, NULL },
	{ "group may write", 0755, 0770, false, false, false, NULL, -EPERM, "chmod g-w" },
	{ "all may write", 0755, 0757, false, false, true, NULL, -EPERM, "chmod o-w" },
	{ "all may write, sticky", 0755, 01777, false, false, true, NULL, -EPERM, "chmod o-w" },
	{ "open parent", 0777, 0755, false, false, false, NULL, -EPERM, "chmod o-w" },
	{ "another owner", 0755, 0755, false, true, false, NULL, -EPERM, "--dir" },
	{ "another owner's parent", 0755, 0755, true, false, false, NULL, -EPERM, "--dir" },
	{ "a link", 0755, 0755, false, false, false, "d", -EPERM, "--dir" },
	{ "our link among the parents", 0755, 0755, false, false, false, "p", 0, NULL },
	{ "our link to an open parent", 0777, 0755, false, false, false, "p", -EPERM, "chmod o-w" },
};

static void lay_dir(struct tree *t, const struct dir_case *c)
{
	const char *p = c->link && *c->link == 'p' ? "real" : "p";
	const char *d = c->link && *c->link == 'd' ? "real" : "d";
	char name[40];

	snprintf(name, sizeof(name), "%s/%s", p, d);
	tree_dir(t, name, c->dir);
	if (c->link)
		assert_int_equal(symlink("real", tree_at(t, *c->link == 'p' ? "p" : "p/d")), 0);
	if (c->dir_other)
		assert_int_equal(chown(tree_at(t, "%s", name), OTHER, OTHER), 0);
	if (c->parent_other)
		assert_int_equal(chown(tree_at(t, "%s", p), OTHER, OTHER), 0);
	assert_int_equal(chmod(tree_at(t, "%s", p), c->parent), 0);
}

static void test_dir(void **state)
{
	const struct dir_case *c = *state;
	struct err e = { 0 };
	struct tree t;

	if ((c->dir_other || c->parent_other) && geteuid()) {
		print_message("not root: cannot give a directory away\n");
		skip();
	}
	tree_make(&t);
	lay_dir(&t, c);
	assert_int_equal(guests_dir_check(tree_at(&t, "p/d"), c->group_ok, &e), c->want);
	if (c->hint && !strstr(e.hint, c->hint))
		fail_msg("'%s' has no '%s'", e.hint, c->hint);
	tree_remove(&t);
}

static void test_dir_file(void **state)
{
	struct err e = { 0 };
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_file(&t, "f", "");
	assert_int_equal(guests_dir_check(tree_at(&t, "f"), true, &e), -EPERM);
	assert_int_equal(guests_dir_check(tree_at(&t, "none"), true, &e), -ENOENT);
	assert_non_null(strstr(e.hint, "setup-guest"));
	assert_int_equal(guests_dir_check("", true, &e), -EINVAL);
	tree_remove(&t);
}

static void test_dir_make(void **state)
{
	mode_t old;
	struct stat st;
	struct tree t;

	(void)state;
	tree_make(&t);
	old = umask(0077);
	assert_int_equal(guests_dir_make(tree_at(&t, "a/b/c//"), NULL), 0);
	umask(old);
	assert_int_equal(stat(tree_at(&t, "a"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(stat(tree_at(&t, "a/b/c"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(guests_dir_make(tree_at(&t, "a/b/c"), NULL), 0);
	/* What was there is judged and not changed. */
	tree_dir(&t, "open", 0777);
	assert_int_equal(guests_dir_make(tree_at(&t, "open"), NULL), -EPERM);
	assert_int_equal(guests_dir_make(tree_at(&t, "open/below"), NULL), -EPERM);
	assert_int_equal(access(tree_at(&t, "open/below"), F_OK), -1);
	tree_remove(&t);
}

static void test_dir_choice(void **state)
{
	(void)state;
	unsetenv(GUESTS_DIR_ENV);
	assert_string_equal(guests_dir(NULL), "/tmp/trace-cmd/virt");
	setenv(GUESTS_DIR_ENV, "", 1);
	assert_string_equal(guests_dir(NULL), "/tmp/trace-cmd/virt");
	setenv(GUESTS_DIR_ENV, "/env", 1);
	assert_string_equal(guests_dir(NULL), "/env");
	assert_string_equal(guests_dir("/option"), "/option");
	unsetenv(GUESTS_DIR_ENV);
}

static void lay_socket(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	close(fd);
}

/* What lies in the directory: |FIFO, =socket, else a file. */
static const struct chan_case {
	const char *test;
	const char *files[8];
	const char *want; /* the names, in order */
} chans[] = {
	{ "none", { NULL }, "" },
	{ "two FIFOs",
	  { "|trace-path-cpu0.in", "|trace-path-cpu0.out", "|trace-path-cpu1.in",
	    "|trace-path-cpu1.out" },
	  "trace-path-cpu0.out trace-path-cpu1.out " },
	{ "a gap ends it",
	  { "|trace-path-cpu0.out", "|trace-path-cpu2.out" },
	  "trace-path-cpu0.out " },
	{ "no CPU 0", { "|trace-path-cpu1.out" }, "" },
	{ "only .in", { "|trace-path-cpu0.in" }, "" },
	{ "stock's",
	  { "|trace-pipe-cpu0.out", "|trace-pipe-cpu1.out" },
	  "trace-pipe-cpu0.out trace-pipe-cpu1.out " },
	{ "ours before stock's",
	  { "|trace-pipe-cpu0.out", "|trace-path-cpu0.out" },
	  "trace-path-cpu0.out " },
	{ "sockets",
	  { "=trace-path-cpu0", "=trace-path-cpu1" },
	  "=trace-path-cpu0 =trace-path-cpu1 " },
	{ "FIFO before socket",
	  { "=trace-path-cpu0", "|trace-path-cpu0.out" },
	  "trace-path-cpu0.out " },
	{ "mixed",
	  { "|trace-path-cpu0.out", "=trace-path-cpu1" },
	  "trace-path-cpu0.out =trace-path-cpu1 " },
	{ "a file is no FIFO", { "trace-path-cpu0.out" }, "" },
	{ "a file is no socket", { "trace-path-cpu0" }, "" },
	{ "stock's socket is none", { "=trace-pipe-cpu0" }, "" },
};

static void test_chans(void **state)
{
	const struct chan_case *c = *state;
	struct guest_chan *list;
	char got[300] = "", name[80];
	struct tree t;
	size_t n;

	tree_make(&t);
	tree_dir(&t, "web1", 0710);
	for (size_t i = 0; i < ARRAY_SIZE(c->files) && c->files[i]; i++) {
		const char *f = c->files[i];

		snprintf(name, sizeof(name), "web1/%s", f + (*f == '|' || *f == '='));
		if (*f == '|')
			tree_fifo(&t, name);
		else if (*f == '=')
			lay_socket(tree_at(&t, "%s", name));
		else
			tree_file(&t, name, "");
	}
	assert_int_equal(guests_chans(t.top, "web1", &list, &n, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(got);

		assert_int_equal(list[i].cpu, i);
		snprintf(got + at, sizeof(got) - at, "%s%s ",
			 list[i].kind == GUEST_CHAN_SOCKET ? "=" : "",
			 strrchr(list[i].path, '/') + 1);
	}
	assert_string_equal(got, c->want);
	free(list);
	tree_remove(&t);
}

static void test_chans_bad_name(void **state)
{
	struct guest_chan *list;
	size_t n;

	(void)state;
	assert_int_equal(guests_chans("/tmp", "../x", &list, &n, NULL), -EINVAL);
}

static void test_domains(void **state)
{
	struct err e = { 0 };
	struct tree t;
	char **list;

	(void)state;
	tree_make(&t);
	tree_dir(&t, "web2", 0710);
	tree_dir(&t, "db", 0710);
	tree_dir(&t, ".hidden", 0755);
	tree_dir(&t, "a b", 0755);
	tree_file(&t, "file", "");
	assert_int_equal(symlink("db", tree_at(&t, "link")), 0);
	assert_int_equal(guests_domains(t.top, &list, NULL), 0);
	assert_string_equal(list[0], "db");
	assert_string_equal(list[1], "web2");
	assert_null(list[2]);
	guests_names_free(list);
	assert_int_equal(guests_domains(tree_at(&t, "none"), &list, &e), -ENOENT);
	tree_remove(&t);
}

static const struct channels_case {
	const char *test, *text;
	int want;
	enum guest_chan_kind kind;
	unsigned int cpus;
} channels[] = {
	{ "FIFOs", "kind fifo\ncpus 4\n", 0, GUEST_CHAN_FIFO, 4 },
	{ "sockets, a comment, no line end", "# x\ncpus 256\nkind socket", 0, GUEST_CHAN_SOCKET,
	  256 },
	{ "words of a later version", "kind fifo\ncpus 1\ncolour blue\n", 0, GUEST_CHAN_FIFO, 1 },
	{ "empty", "", -EINVAL, 0, 0 },
	{ "no CPUs", "kind fifo\n", -EINVAL, 0, 0 },
	{ "no kind", "cpus 1\n", -EINVAL, 0, 0 },
	{ "0 CPUs", "kind fifo\ncpus 0\n", -EINVAL, 0, 0 },
	{ "257 CPUs", "kind fifo\ncpus 257\n", -EINVAL, 0, 0 },
	{ "4 billion CPUs", "kind fifo\ncpus 4294967297\n", -EINVAL, 0, 0 },
	{ "minus", "kind fifo\ncpus -1\n", -EINVAL, 0, 0 },
	{ "another kind", "kind tape\ncpus 1\n", -EINVAL, 0, 0 },
};

static void test_channels(void **state)
{
	const struct channels_case *c = *state;
	struct guests_channels got;
	struct err e = { 0 };
	struct tree t;

	tree_make(&t);
	tree_file(&t, "web1/channels", c->text);
	assert_int_equal(guests_channels_read(t.top, "web1", &got, &e), c->want);
	if (!c->want) {
		assert_int_equal(got.kind, c->kind);
		assert_int_equal(got.cpus, c->cpus);
	} else {
		assert_non_null(strstr(e.hint, "setup-guest web1"));
	}
	tree_remove(&t);
}

static void test_channels_hostile(void **state)
{
	const struct guests_channels good = { GUEST_CHAN_SOCKET, 3 };
	struct guests_channels got;
	struct tree t;
	char big[5000];

	(void)state;
	tree_make(&t);
	tree_dir(&t, "web1", 0710);
	assert_int_equal(guests_channels_read(t.top, "web1", &got, NULL), -ENOENT);
	tree_fifo(&t, "web1/channels"); /* must not hang */
	assert_int_equal(guests_channels_read(t.top, "web1", &got, NULL), -EINVAL);
	assert_int_equal(guests_channels_write(t.top, "web1", &good, NULL), 0);
	assert_int_equal(guests_channels_read(t.top, "web1", &got, NULL), 0);
	assert_int_equal(got.kind, GUEST_CHAN_SOCKET);
	assert_int_equal(got.cpus, 3);
	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	tree_file(&t, "web1/channels", big);
	assert_int_equal(guests_channels_read(t.top, "web1", &got, NULL), -EINVAL);
	assert_int_equal(unlink(tree_at(&t, "web1/channels")), 0);
	assert_int_equal(symlink("/etc/passwd", tree_at(&t, "web1/channels")), 0);
	assert_int_equal(guests_channels_read(t.top, "web1", &got, NULL), -ELOOP);
	assert_int_equal(guests_channels_read(t.top, "../web1", &got, NULL), -EINVAL);
	tree_remove(&t);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_dir_file),   cmocka_unit_test(test_dir_make),
		cmocka_unit_test(test_dir_choice), cmocka_unit_test(test_chans_bad_name),
		cmocka_unit_test(test_domains),	   cmocka_unit_test(test_channels_hostile),
	};
	int bad = RUN_ROWS("domain names", names, test_name);

	bad += RUN_ROWS("unsafe directories", dirs, test_dir);
	bad += RUN_ROWS("channels by looking", chans, test_chans);
	bad += RUN_ROWS("the file channels", channels, test_channels);
	return bad + cmocka_run_group_tests_name("layout", others, NULL, NULL);
}
