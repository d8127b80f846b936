/* SPDX-License-Identifier: GPL-2.0 */
/* serve.h - a process that answers in the place of virt-server's broker */
#ifndef TESTS_UNIT_GUESTS_SERVE_H
#define TESTS_UNIT_GUESTS_SERVE_H

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guests/broker.h"
#include "transport/unix.h"

enum { SERVE_LONG = 2000 };

static inline void serve_first(int to, const char *at, size_t n, int fds)
{
	char control[CMSG_SPACE(300 * sizeof(int))] = "";
	struct iovec iov = { (void *)(uintptr_t)at, n };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = CMSG_SPACE((size_t)fds * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)fds * sizeof(int));
	for (int i = 0; i < fds; i++)
		memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &to, sizeof(to));
	if (!fds)
		m.msg_controllen = 0;
	sendmsg(to, &m, MSG_NOSIGNAL);
}

/* The server: a process that answers one connection with @answer, "x" meaning SERVE_LONG of them
 * (NULL: without a word), and @fds descriptors. */
static inline pid_t serve(const char *path, const char *answer, int fds, bool pieces)
{
	char line[BROKER_LINE_MAX], text[SERVE_LONG];
	const char *at = answer;
	int fd, listener = unix_listen(path, UNIX_FOR_OWNER, NULL);
	pid_t pid = fork();

	if (pid) {
		close(listener);
		return pid;
	}
	fcntl(listener, F_SETFL, 0);
	fd = accept(listener, NULL, NULL);
	(void)!read(fd, line, sizeof(line));
	memset(text, 'x', sizeof(text));
	if (at) {
		size_t n = *at == 'x' ? SERVE_LONG : strlen(at), first = pieces ? 1 : n;

		at = *at == 'x' ? text : at;
		serve_first(fd, at, first, fds);
		for (; first < n; first++) {
			usleep(1000);
			send(fd, at + first, 1, MSG_NOSIGNAL);
		}
	}
	_exit(0);
}

#endif
