// SPDX-License-Identifier: GPL-2.0
/*
 * task.c - the command that is recorded
 *
 * Theory of operation
 *
 * Two pipes join parent and child. The child reads the first one: a byte means go, its end means
 * that the parent gave up, and the child leaves. The second one is close-on-exec in the child: its
 * end tells the parent that exec(2) worked, an errno in it that it did not. So a command that does
 * not exist is an error of task_go() and not an exit status that looks like the command's own.
 *
 * The command gets the signals and the mask that the parent had not changed for itself: all are
 * unblocked and set to their default before exec. Users are looked up in /etc/passwd and /etc/group
 * directly, without the name service, which a static binary cannot load.
 */
#include "tracing/task.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { MAX_GROUPS = 64 };

struct task {
	pid_t pid;
	int pidfd;
	int go;	    /* write end; -1 = it runs */
	int failed; /* read end: errno of exec */
	char *name;
	bool reaped;
	int status;
};

struct user {
	bool set;
	uid_t uid;
	gid_t gid;
	gid_t groups[MAX_GROUPS];
	size_t ngroups;
	char home[256], name[64];
};

static void add_groups(struct user *u)
{
	AUTO_FILE f = fopen("/etc/group", "re");
	const struct group *g;

	u->groups[u->ngroups++] = u->gid;
	while (f && u->ngroups < MAX_GROUPS && (g = fgetgrent(f)))
		for (char **m = g->gr_mem; *m && u->ngroups < MAX_GROUPS; m++)
			if (!strcmp(*m, u->name) && g->gr_gid != u->gid)
				u->groups[u->ngroups++] = g->gr_gid;
}

static int find_user(const char *name, struct user *u, struct err *e)
{
	AUTO_FILE f = fopen("/etc/passwd", "re");
	const struct passwd *p;
	uint64_t number = UINT64_MAX;

	if (!name)
		return 0;
	if (parse_u64(name, 0, UINT32_MAX - 1, &number, "--user", NULL))
		number = UINT64_MAX;
	u->set = true;
	while (f && (p = fgetpwent(f))) {
		if (strcmp(p->pw_name, name) && p->pw_uid != number)
			continue;
		u->uid = p->pw_uid;
		u->gid = p->pw_gid;
		snprintf(u->name, sizeof(u->name), "%s", p->pw_name);
		snprintf(u->home, sizeof(u->home), "%s", p->pw_dir);
		add_groups(u);
		return 0;
	}
	if (number == UINT64_MAX) {
		err_say(e, ENOENT, "--user: there is no user '%s'", name);
		return err_hint(e, "a name from /etc/passwd, or a number");
	}
	u->uid = (uid_t)number;
	u->gid = (gid_t)number;
	u->groups[u->ngroups++] = u->gid;
	return 0;
}

static int become(const struct user *u)
{
	if (!u->set)
		return 0;
	if (setgroups(u->ngroups, u->groups) || setgid(u->gid) || setuid(u->uid))
		return -errno;
	if (u->home[0])
		setenv("HOME", u->home, 1);
	if (u->name[0])
		setenv("USER", u->name, 1);
	return 0;
}

static void default_signals(void)
{
	sigset_t none;

	for (int s = 1; s < SIGRTMIN; s++)
		signal(s, SIG_DFL); /* refused for SIGKILL and SIGSTOP: no matter */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The child; never returns. */
static void child(const struct task_opts *o, const struct user *u, int go, int failed)
{
	char byte;
	ssize_t n;
	int code;

	do {
		n = read(go, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(0);
	default_signals();
	code = -become(u);
	if (!code) {
		execvp(o->argv[0], o->argv);
		code = errno;
	}
	if (write(failed, &code, sizeof(code)) != sizeof(code))
		_exit(126);
	_exit(127);
}

static int open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int start_child(struct task *t, const struct task_opts *o, const struct user *u,
		       const int go[2], const int failed[2], struct err *e)
{
	t->pid = fork();
	if (t->pid < 0) {
		t->pid = 0;
		return err_set(e, errno, "cannot start %s", t->name);
	}
	if (!t->pid) {
		close(go[1]);
		child(o, u, go[0], failed[1]);
	}
	t->pidfd = open_pidfd(t->pid);
	if (t->pidfd < 0)
		return err_set(e, errno, "cannot watch process %d (%s)", (int)t->pid, t->name);
	return 0;
}

struct task *task_new(const struct task_opts *o, struct err *e)
{
	struct task *t = calloc(1, sizeof(*t));
	struct user user = { 0 };
	int go[2] = { -1, -1 }, failed[2] = { -1, -1 };
	int ret;

	if (!t || !(t->name = strdup(o->argv[0]))) {
		free(t);
		err_set(e, ENOMEM, "no memory to start %s", o->argv[0]);
		return NULL;
	}
	t->pidfd = t->go = t->failed = -1;
	ret = find_user(o->user, &user, e);
	if (!ret && (pipe2(go, O_CLOEXEC) || pipe2(failed, O_CLOEXEC)))
		ret = err_set(e, errno, "cannot start %s", t->name);
	if (!ret)
		ret = start_child(t, o, &user, go, failed, e);
	t->go = go[1];
	t->failed = failed[0];
	if (go[0] >= 0)
		close(go[0]);
	if (failed[1] >= 0)
		close(failed[1]);
	if (!ret)
		return t;
	task_free(t);
	return NULL;
}

pid_t task_pid(const struct task *t)
{
	return t->pid;
}

int task_fd(const struct task *t)
{
	return t->pidfd;
}

int task_go(struct task *t, struct err *e)
{
	int code = 0;
	ssize_t n = write(t->go, "g", 1);

	if (n != 1)
		return err_set(e, n < 0 ? errno : EIO, "cannot start %s", t->name);
	close(t->go);
	t->go = -1;
	do {
		n = read(t->failed, &code, sizeof(code));
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(code))
		return 0;
	err_set(e, code, "cannot run %s", t->name);
	if (code == ENOENT && !strchr(t->name, '/'))
		err_hint(e, "its full path; it is not in $PATH");
	return -code;
}

int task_reap(struct task *t, int *status, struct err *e)
{
	while (!t->reaped) {
		pid_t got = waitpid(t->pid, &t->status, 0);

		if (got < 0 && errno != EINTR)
			return err_set(e, errno, "cannot wait for %s", t->name);
		t->reaped = got == t->pid;
	}
	if (status)
		*status = t->status;
	return 0;
}

void task_free(struct task *t)
{
	if (t && t->pid && !t->reaped) {
		kill(t->pid, SIGKILL);
		task_reap(t, NULL, NULL);
	}
	task_leave(t);
}

void task_leave(struct task *t)
{
	if (!t)
		return;
	if (t->pidfd >= 0)
		close(t->pidfd);
	if (t->go >= 0)
		close(t->go);
	if (t->failed >= 0)
		close(t->failed);
	free(t->name);
	free(t);
}

int task_watch_pid(pid_t pid, struct err *e)
{
	int fd = open_pidfd(pid);

	if (fd >= 0)
		return fd;
	err_set(e, errno, "cannot watch process %d", (int)pid);
	if (e && e->code == ESRCH)
		err_hint(e, "the pid of a process (not of a thread) that runs");
	return e ? -e->code : -EIO;
}
