// SPDX-License-Identifier: GPL-2.0
/*
 * tool.c - run another program
 *
 * Theory of operation
 *
 * The input is small, so all of it is in the pipe before the program starts: nothing to be fed
 * while it runs, and no SIGPIPE when it ends early. env(1) in front sets the locale, so that
 * messages are the ones we know, without touching the environment of this process.
 */
#include "guests/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { ARGS_MAX = 16 };

extern char **environ;

/* A descriptor from which @input can be read, then its end. */
static int input_fd(const char *input, struct err *e)
{
	size_t len = input ? strlen(input) : 0;
	int fd[2], ret;

	if (len > TOOL_INPUT_MAX)
		return err_say(e, E2BIG, "more than %d bytes of input", TOOL_INPUT_MAX);
	if (pipe2(fd, O_CLOEXEC))
		return err_set(e, errno, "cannot make a pipe");
	ret = write_all(fd[1], input, len, "a pipe", e);
	close(fd[1]);
	if (!ret)
		return fd[0];
	close(fd[0]);
	return ret;
}

static int start(const char *const argv[], int in, int out, pid_t *pid, struct err *e)
{
	const char *full[ARGS_MAX + 3] = { "env", "LC_ALL=C" };
	posix_spawn_file_actions_t fa;
	size_t n = 0;
	int ret;

	for (; n < ARGS_MAX && argv[n]; n++)
		full[n + 2] = argv[n];
	if (posix_spawn_file_actions_init(&fa))
		return err_set(e, ENOMEM, "cannot run %s", argv[0]);
	ret = posix_spawn_file_actions_adddup2(&fa, in, 0);
	ret = ret ? ret : posix_spawn_file_actions_adddup2(&fa, out, 1);
	ret = ret ? ret : posix_spawn_file_actions_adddup2(&fa, out, 2);
	ret = ret ? ret : posix_spawnp(pid, "env", &fa, NULL, (char **)full, environ);
	posix_spawn_file_actions_destroy(&fa);
	return ret ? err_set(e, ret, "cannot run %s", argv[0]) : 0;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 255;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int tool_run(const char *const argv[], const char *input, struct buf *out, struct err *e)
{
	int fd[2], ret, status;
	AUTO_FD in = input_fd(input, e);
	pid_t pid;

	if (in < 0)
		return in;
	if (pipe2(fd, O_CLOEXEC))
		return err_set(e, errno, "cannot make a pipe");
	ret = start(argv, in, fd[1], &pid, e);
	close(fd[1]);
	if (!ret) {
		ret = read_fd_all(fd[0], out, TOOL_OUTPUT_MAX, argv[0], e);
		close(fd[0]); /* ends one that writes on */
		status = wait_for(pid);
		if (!ret)
			ret = buf_text(out) ? err_set(e, ENOMEM, "%s", argv[0]) : status;
	} else {
		close(fd[0]);
	}
	return ret;
}
