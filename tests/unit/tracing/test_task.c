// SPDX-License-Identifier: GPL-2.0
/* test_task.c - the recorded command: it waits for the word, and its errors are told apart */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/base/rows.h"
#include "tests/unit/transport/tree.h"
#include "tracing/task.h"

static const struct run {
	const char *name;
	const char *script; /* of sh -c; NULL: .program is run */
	const char *program;
	int ret; /* of task_go() */
	int exit, signo;
} runs[] = {
	{ "success", "exit 0", NULL, 0, 0, 0 },
	{ "its own status", "exit 7", NULL, 0, 7, 0 },
	{ "127 of its own is its own", "exit 127", NULL, 0, 127, 0 },
	{ "killed", "kill -9 $$", NULL, 0, 0, SIGKILL },
	{ "SIGPIPE and SIGINT are as usual", "kill -INT $$", NULL, 0, 0, SIGINT },
	{ "not there", NULL, "/nonexistent/x", -ENOENT, 0, 0 },
	{ "not in PATH", NULL, "no-such-command-here", -ENOENT, 0, 0 },
	{ "no program", NULL, "/tmp", -EACCES, 0, 0 },
};

static void test_run(void **state)
{
	const struct run *row = *state;
	char *argv[] = { (char *)(uintptr_t)(row->script ? "sh" : row->program),
			 (char *)(uintptr_t) "-c", (char *)(uintptr_t)row->script, NULL };
	struct task_opts o = { .argv = argv };
	struct err e = { 0 };
	struct task *t;
	struct pollfd p;
	int status;

	signal(SIGINT, SIG_IGN);
	t = task_new(&o, &e);
	assert_non_null(t);
	p = (struct pollfd){ .fd = task_fd(t), .events = POLLIN };
	assert_int_equal(poll(&p, 1, 0), 0); /* it waits */
	assert_int_equal(task_go(t, &e), row->ret);
	if (row->ret) {
		assert_non_null(strstr(e.what, row->program));
	} else {
		assert_int_equal(poll(&p, 1, 10000), 1);
		assert_int_equal(task_reap(t, &status, &e), 0);
		assert_int_equal(task_reap(t, &status, &e), 0);
		if (row->signo)
			assert_int_equal(WTERMSIG(status), row->signo);
		else
			assert_int_equal(WEXITSTATUS(status), row->exit);
	}
	task_free(t);
	signal(SIGINT, SIG_DFL);
}

/* It must not have done anything before task_go(), and nothing at all without it. */
static void test_waits(void **state)
{
	char script[128],
		*argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", script, NULL };
	struct task_opts o = { .argv = argv };
	struct err e = { 0 };
	struct tree t;
	struct task *task;
	pid_t pid;

	(void)state;
	tree_make(&t);
	snprintf(script, sizeof(script), "echo > %s/ran", t.top);
	task = task_new(&o, &e);
	assert_non_null(task);
	pid = task_pid(task);
	assert_int_equal(kill(pid, 0), 0);
	task_free(task);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(access(tree_at(&t, "ran"), F_OK), -1);
	task = task_new(&o, &e);
	assert_int_equal(task_go(task, &e), 0);
	assert_int_equal(task_reap(task, NULL, &e), 0);
	assert_int_equal(access(tree_at(&t, "ran"), F_OK), 0);
	task_free(task);
	tree_remove(&t);
}

static void test_user(void **state)
{
	char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
			 (char *)(uintptr_t) "exit $(($(id -u) == 65534 && $(id -g) == 65534))",
			 NULL };
	struct task_opts o = { .argv = argv, .user = "65534" };
	struct err e = { 0 };
	struct task *t;
	int status;

	(void)state;
	if (geteuid())
		skip();
	t = task_new(&o, &e);
	assert_non_null(t);
	assert_int_equal(task_go(t, &e), 0);
	assert_int_equal(task_reap(t, &status, &e), 0);
	assert_int_equal(WEXITSTATUS(status), 1);
	task_free(t);
}

static void test_no_such_user(void **state)
{
	char *argv[] = { (char *)(uintptr_t) "true", NULL };
	struct task_opts o = { .argv = argv, .user = "no-such-user" };
	struct err e = { 0 };

	(void)state;
	assert_null(task_new(&o, &e));
	assert_int_equal(e.code, ENOENT);
	assert_non_null(strstr(e.what, "no-such-user"));
	assert_true(e.hint[0] != '\0');
}

static void test_watch(void **state)
{
	struct err e = { 0 };
	int fd = task_watch_pid(getpid(), &e);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(task_watch_pid(0x3fffffff, &e), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest singles[] = {
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_no_such_user),
		cmocka_unit_test(test_watch),
	};
	int failed = RUN_ROWS("task: ends", runs, test_run);

	return failed + cmocka_run_group_tests_name("task: start", singles, NULL, NULL);
}
