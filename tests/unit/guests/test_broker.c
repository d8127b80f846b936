// SPDX-License-Identifier: GPL-2.0
/* test_broker.c - what a command makes of virt-server's answers, those of a false one too */
#include "tests/unit/base/rows.h"
#include "tests/unit/transport/tree.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "serve.h"

enum { NOBODY = 65534 };

static const struct row {
	const char *name;
	const char *answer; /* "x": SERVE_LONG times; NULL: closes without a word */
	int fds;	    /* of a lease: this many come with it */
	int want;
	const char *text; /* part of the error; of what was parsed where want is 0 */
	bool pieces;	  /* a byte at a time */
} leases[] = {
	{ "a lease", "ok 2 trace-cmd 1.0\n", 3, 0, "trace-cmd 1.0" },
	{ "a lease in pieces", "ok 2 trace-cmd 1.0\n", 3, 0, "trace-cmd 1.0", true },
	{ "no version", "ok 2\n", 3, 0, "" },
	{ "as many as there may be", "ok 252 v\n", 253, 0, "v" },
	{ "nothing", NULL, 0, -EIO, "did not answer" },
	{ "half a line", "ok 2 trace", 3, -EIO, "did not answer" },
	{ "a line without end", "x", 3, -EPROTO, "answered 'xxxx" },
	{ "an empty line", "\n", 0, -EPROTO, "answered ''" },
	{ "no number", "ok\n", 3, -EPROTO, "answered 'ok'" },
	{ "a number that is none", "ok two v\n", 3, -EPROTO, "answered 'ok'" },
	{ "a negative number", "ok -1 v\n", 3, -EPROTO, "answered 'ok'" },
	{ "no descriptors", "ok 2 v\n", 0, -EPROTO, "lent 0 data channels and says 2" },
	{ "the control channel alone", "ok 0 v\n", 1, 0, "v" },
	{ "too few", "ok 2 v\n", 2, -EPROTO, "lent 1 data channels and says 2" },
	{ "too many", "ok 2 v\n", 4, -EPROTO, "lent 3 data channels and says 2" },
	{ "a refusal", "error 16 guest web1 is busy\n", 0, -EBUSY, "guest web1 is busy" },
	{ "a refusal with descriptors", "error 16 busy\n", 3, -EBUSY, "busy" },
	{ "a refusal without words", "error 16\n", 0, -EBUSY, "virt-server refused" },
	{ "a refusal for no reason", "error 0 because\n", 0, -EIO, "because" },
	{ "no errno", "error 65000 because\n", 0, -EIO, "because" },
};

/* Of broker_ports(): the control channel may be missing. */
static const struct row ports[] = {
	{ "with a control channel", "ok 2 -\n", 3, 0, "-" },
	{ "data channels alone", "ok 2 -\n", 2, 0, "-" },
	{ "data channels alone, in pieces", "ok 2 -\n", 2, 0, "-", true },
	{ "as many as there may be, alone", "ok 252 -\n", 252, 0, "-" },
	{ "no descriptors", "ok 2 -\n", 0, -EPROTO, "lent 0 data channels and says 2" },
	{ "too few", "ok 3 -\n", 2, -EPROTO, "lent 1 data channels and says 3" },
	{ "too many", "ok 2 -\n", 4, -EPROTO, "lent 3 data channels and says 2" },
	{ "a refusal", "error 16 an agent answers\n", 0, -EBUSY, "an agent answers" },
};

static const struct row lists[] = {
	{ "no guests", "ok 0\n", 0, 0, "" },
	{ "two", "ok 2\nweb1\tagent\ttrace-cmd 1.0\t\t0\nweb2\tlent\tv\t/x/y.dat\t77\n", 0, 0,
	  "web1|agent|trace-cmd 1.0||0;web2|lent|v|/x/y.dat|77;" },
	{ "in pieces", "ok 1\nweb1\taway\t\t\t0\n", 0, 0, "web1|away|||0;", true },
	{ "more than was said", "ok 1\nweb1\taway\t\t\t0\nweb2\taway\t\t\t0\n", 0, 0,
	  "web1|away|||0;" },
	{ "nothing", NULL, 0, -EIO, "did not answer" },
	{ "cut off", "ok 2\nweb1\taway\t\t\t0\n", 0, -EPROTO, "cut off" },
	{ "cut off in a line", "ok 1\nweb1\taway\t\t\t0", 0, -EPROTO, "cut off" },
	{ "so many as cannot be", "ok 99999999\n", 0, -EPROTO, "answered 'ok'" },
	{ "fields are missing", "ok 1\nweb1\taway\n", 0, -EPROTO, "no guest" },
	{ "no name", "ok 1\n\taway\t\t\t0\n", 0, -EPROTO, "no guest" },
	{ "a name that is none", "ok 1\n../x\taway\t\t\t0\n", 0, -EPROTO, "no guest" },
	{ "no process", "ok 1\nweb1\taway\t\t\tx\n", 0, -EPROTO, "no guest" },
	{ "a refusal", "error 1 not you\n", 0, -EPERM, "not you" },
};

static size_t count_fds(void)
{
	size_t n = 0;
	AUTO_DIR d = opendir("/proc/self/fd");

	while (readdir(d))
		n++;
	return n;
}

static void assert_error(const struct row *row, int got, const struct err *e)
{
	assert_int_equal(got, row->want);
	assert_int_equal(e->code, -row->want);
	if (got && !strstr(e->what, row->text))
		fail_msg("'%s' is not in '%s'", row->text, e->what);
}

static void test_lease(void **state)
{
	const struct row *row = *state;
	size_t fds = count_fds();
	struct broker_lease l;
	struct err e = { 0 };
	struct tree t;
	pid_t pid;

	tree_make(&t);
	pid = serve(tree_at(&t, BROKER_NAME), row->answer, row->fds, row->pieces);
	assert_error(row, broker_lease(t.top, "web1", &l, &e), &e);
	if (!row->want) {
		assert_string_equal(l.version, row->text);
		assert_int_equal(l.cpus, row->fds - 1);
		assert_true(fcntl(l.ctl, F_GETFL) & O_NONBLOCK);
		assert_true(!l.cpus || fcntl(l.data[0], F_GETFD) & FD_CLOEXEC);
		broker_end(&l);
	}
	waitpid(pid, NULL, 0);
	assert_int_equal(count_fds(), fds);
	tree_remove(&t);
}

static void on_alarm(int signo)
{
	(void)signo;
}

/* A signal while the answer comes is no end of it. */
static void test_interrupted(void **state)
{
	const struct sigaction act = { .sa_handler = on_alarm };
	const struct itimerval often = { { 0, 3000 }, { 0, 3000 } }, never = { 0 };
	struct broker_lease l;
	struct err e = { 0 };
	struct tree t;
	pid_t pid;

	(void)state;
	tree_make(&t);
	pid = serve(tree_at(&t, BROKER_NAME), "ok 2 trace-cmd 1.0\n", 3, true);
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_int_equal(broker_lease(t.top, "web1", &l, &e), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_string_equal(l.version, "trace-cmd 1.0");
	broker_end(&l);
	waitpid(pid, NULL, 0);
	tree_remove(&t);
}

static void test_ports(void **state)
{
	const struct row *row = *state;
	size_t fds = count_fds();
	struct broker_lease l;
	struct err e = { 0 };
	struct tree t;
	pid_t pid;

	tree_make(&t);
	pid = serve(tree_at(&t, BROKER_NAME), row->answer, row->fds, row->pieces);
	assert_error(row, broker_ports(t.top, "web1", &l, &e), &e);
	if (!row->want) {
		assert_int_equal(l.cpus, strtoul(row->answer + 3, NULL, 10));
		assert_int_equal(l.ctl >= 0, row->fds > (int)l.cpus);
		for (uint32_t i = 0; i < l.cpus; i++)
			assert_true(fcntl(l.data[i], F_GETFL) & O_NONBLOCK);
		broker_end(&l);
	}
	waitpid(pid, NULL, 0);
	assert_int_equal(count_fds(), fds);
	tree_remove(&t);
}

static void test_list(void **state)
{
	const struct row *row = *state;
	struct broker_guest *list;
	struct buf text = { 0 };
	size_t n, fds = count_fds();
	struct err e = { 0 };
	struct tree t;
	pid_t pid;

	tree_make(&t);
	pid = serve(tree_at(&t, BROKER_NAME), row->answer, row->fds, row->pieces);
	assert_error(row, broker_guests(t.top, &list, &n, &e), &e);
	for (size_t i = 0; list && i < n; i++)
		buf_addf(&text, "%s|%s|%s|%s|%d;", list[i].name, list[i].state, list[i].version,
			 list[i].file, (int)list[i].pid);
	buf_text(&text);
	assert_true(!!list == !row->want);
	if (list)
		assert_string_equal((char *)text.data, row->text);
	free(list);
	buf_free(&text);
	waitpid(pid, NULL, 0);
	assert_int_equal(count_fds(), fds);
	tree_remove(&t);
}

/* --- who is there --- */

static void test_nobody_serves(void **state)
{
	struct broker_lease l;
	struct err e = { 0 };
	struct tree t;

	(void)state;
	tree_make(&t);
	assert_int_equal(broker_lease(t.top, "web1", &l, &e), -ENOTCONN);
	assert_non_null(strstr(e.hint, "virt-server"));
	close(unix_listen(tree_at(&t, BROKER_NAME), UNIX_FOR_OWNER, NULL)); /* one that died */
	assert_int_equal(broker_lease(t.top, "web1", &l, &e), -ENOTCONN);
	assert_int_equal(broker_lease(tree_at(&t, "not/there"), "web1", &l, &e), -ENOTCONN);
	tree_remove(&t);
}

/* An address holds 107 bytes; the server's directory may be deeper. */
static void test_long_directory(void **state)
{
	char name[160] = "";
	struct broker_guest *list;
	struct tree t;
	size_t n;
	pid_t pid;

	(void)state;
	tree_make(&t);
	memset(name, 'x', 120);
	assert_int_equal(mkdir(tree_at(&t, "%s", name), 0755), 0);
	pid = serve(tree_at(&t, "%s/" BROKER_NAME, name), "ok 0\n", 0, false);
	assert_int_equal(broker_guests(tree_at(&t, "%s", name), &list, &n, NULL), 0);
	free(list);
	waitpid(pid, NULL, 0);
	tree_remove(&t);
}

/* As another user: 0 when @want is what asking gives. */
static int ask_as_nobody(const char *dir, int want)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		struct broker_lease l;
		struct err e = { 0 };

		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(2);
		_exit(broker_lease(dir, "web1", &l, &e) != want || !e.hint[0]);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void test_it_is_not_for_us(void **state)
{
	struct tree t;
	int fd;

	(void)state;
	if (geteuid())
		skip();
	tree_make(&t);
	assert_int_equal(chmod(t.top, 0755), 0);
	fd = unix_listen(tree_at(&t, BROKER_NAME), UNIX_FOR_OWNER, NULL);
	assert_int_equal(ask_as_nobody(t.top, -EACCES), 0);
	close(fd);
	tree_remove(&t);
}

/* A user that is neither root nor we has laid a socket there. */
static void test_false_server(void **state)
{
	struct broker_lease l;
	struct err e = { 0 };
	struct tree t;
	pid_t pid;
	int fd;

	(void)state;
	if (geteuid())
		skip();
	tree_make(&t);
	assert_int_equal(chmod(t.top, 0777), 0);
	pid = fork();
	if (!pid) {
		char byte;

		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(2);
		fd = unix_listen(tree_at(&t, BROKER_NAME), 0666, NULL);
		fcntl(fd, F_SETFL, 0);
		fd = accept(fd, NULL, NULL);
		_exit(read(fd, &byte, 1) != 0); /* nothing is asked */
	}
	while (access(tree_at(&t, BROKER_NAME), F_OK))
		usleep(1000);
	do {
		usleep(1000); /* until it listens */
	} while (broker_lease(t.top, "web1", &l, &e) == -ENOTCONN);
	assert_int_equal(e.code, EPERM);
	assert_non_null(strstr(e.what, "65534"));
	waitpid(pid, &fd, 0);
	assert_int_equal(fd, 0);
	tree_remove(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_serves),	 cmocka_unit_test(test_long_directory),
		cmocka_unit_test(test_it_is_not_for_us), cmocka_unit_test(test_false_server),
		cmocka_unit_test(test_interrupted),
	};

	return RUN_ROWS("leases", leases, test_lease) + RUN_ROWS("ports", ports, test_ports) +
	       RUN_ROWS("lists", lists, test_list) +
	       cmocka_run_group_tests_name("who serves", tests, NULL, NULL);
}
