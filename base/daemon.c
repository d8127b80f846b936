// SPDX-License-Identifier: GPL-2.0
/*
 * daemon.c - a command that goes on in the background
 *
 * Theory of operation
 *
 * The parent waits for one byte in a pipe: until then, errors of the child still go to the
 * terminal, and the exit status of the command is that of the start.
 */
#include "base/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"

static void leave_terminal(void)
{
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
}

int daemon_fork(int *ready_fd, pid_t *pid, struct err *e)
{
	AUTO_FD in = -1;
	AUTO_FD out = -1;
	ssize_t n;
	int p[2];
	char ok;

	if (pipe2(p, O_CLOEXEC))
		return err_set(e, errno, "cannot make a pipe");
	in = p[0];
	out = p[1];
	*pid = fork();
	if (*pid < 0)
		return err_set(e, errno, "cannot fork");
	if (!*pid) {
		leave_terminal();
		*ready_fd = steal_fd(&out);
		return 0;
	}
	close(steal_fd(&out));
	do
		n = read(in, &ok, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 1 : -ECHILD;
}

int daemon_ready(int ready_fd, struct err *e)
{
	if (write(ready_fd, "", 1) != 1)
		return err_set(e, errno, "cannot report to the command that started the daemon");
	close(ready_fd);
	dup2(STDOUT_FILENO, STDERR_FILENO); /* that is /dev/null by now */
	return 0;
}
