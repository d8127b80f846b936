// SPDX-License-Identifier: GPL-2.0
/*
 * broker.c - a command on the host asks virt-server for its guests
 *
 * Theory of operation
 *
 * A connection of its own for each question. The answer's first byte carries the descriptors; the
 * rest of the line may come in pieces. What the server says is read with the same care as anything
 * else: its socket lies in a directory that others may write to if it was set up badly.
 */
#include "guests/broker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { ANSWER_MAX = 1 << 20, WAIT_MS = 5000 };

static int ask(const char *dir, const char *question, const char *name, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char line[BROKER_LINE_MAX];
	int rc = path_fmt(at.sun_path, sizeof(at.sun_path), e, "%s/" BROKER_NAME, dir);

	if (rc)
		return rc;
	if (fd < 0)
		return err_set(e, errno, "cannot make a socket");
	if (connect(fd, (struct sockaddr *)&at, sizeof(at))) {
		rc = errno == ENOENT || errno == ECONNREFUSED ? ENOTCONN : errno;
		err_set(e, rc, "no virt-server answers at %s", at.sun_path);
		err_hint(e, "start 'trace-cmd virt-server'; it serves the agents of guests");
		return -rc;
	}
	rc = path_fmt(line, sizeof(line), e, "%s%s\n", question, name);
	if (!rc)
		rc = write_all(fd, line, strlen(line), at.sun_path, e);
	return rc ? rc : steal_fd(&fd);
}

/* "guests" */

/* The next of the fields that stand between tabs, cut to @room. */
static void take_field(char **rest, char *to, size_t room)
{
	const char *field = strsep(rest, "\t");

	snprintf(to, room, "%s", field ? field : "");
}

static int parse_guests(char *text, struct broker_guest **to, size_t *n, struct err *e)
{
	char *line;

	*to = NULL;
	*n = 0;
	while ((line = strsep(&text, "\n"))) {
		struct broker_guest *more, *g;

		if (!*line)
			continue;
		more = reallocarray(*to, *n + 1, sizeof(*more));
		if (!more) {
			free(*to);
			return err_set(e, ENOMEM, "no memory for the list of guests");
		}
		*to = more;
		g = &more[(*n)++];
		take_field(&line, g->name, sizeof(g->name));
		take_field(&line, g->state, sizeof(g->state));
		take_field(&line, g->version, sizeof(g->version));
		take_field(&line, g->file, sizeof(g->file));
	}
	return 0;
}

int broker_guests(const char *dir, struct broker_guest **to, size_t *n, struct err *e)
{
	AUTO_FD fd = ask(dir, "guests", "", e);
	struct buf text = { 0 };
	int rc;

	if (fd < 0)
		return fd;
	rc = read_fd_all(fd, &text, ANSWER_MAX, "the broker", e);
	if (!rc)
		rc = buf_text(&text);
	if (!rc)
		rc = parse_guests((char *)text.data, to, n, e);
	buf_free(&text);
	return rc;
}

/* "lease" */

static void take_fds(struct msghdr *m, struct broker_lease *to, size_t *got)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (to->ctl < 0)
				to->ctl = fd;
			else if (*got < BROKER_CPUS_MAX)
				to->data[(*got)++] = fd;
			else
				close(fd);
		}
	}
}

/* The line of the answer, and the descriptors that came with it. */
static int get_answer(struct broker_lease *to, char line[BROKER_LINE_MAX], size_t *fds,
		      struct err *e)
{
	char control[CMSG_SPACE((1 + BROKER_CPUS_MAX) * sizeof(int))];
	struct pollfd p = { .fd = to->fd, .events = POLLIN };
	size_t len = 0;

	while (len + 1 < BROKER_LINE_MAX && (!len || line[len - 1] != '\n')) {
		struct iovec iov = { line + len, BROKER_LINE_MAX - 1 - len };
		struct msghdr m = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = poll(&p, 1, WAIT_MS) == 1 ? recvmsg(to->fd, &m, MSG_CMSG_CLOEXEC) : 0;

		if (n <= 0)
			return err_say(e, EIO, "virt-server did not answer");
		take_fds(&m, to, fds);
		len += (size_t)n;
	}
	line[len - (line[len - 1] == '\n')] = '\0';
	return 0;
}

static int parse_answer(char *line, struct broker_lease *to, size_t fds, struct err *e)
{
	char *rest = line, *word = strsep(&rest, " "), *number = strsep(&rest, " ");
	uint64_t n;

	if (!number || parse_u64(number, 0, UINT16_MAX, &n, "the broker's answer", e))
		return err_say(e, EPROTO, "virt-server answered '%.64s'", word);
	if (!strcmp(word, "error"))
		return err_say(e, n ? (int)n : EIO, "%s", rest ? rest : "virt-server refused");
	if (strcmp(word, "ok") || n != fds || to->ctl < 0)
		return err_say(e, EPROTO, "virt-server lent %zu data channels and says %llu", fds,
			       (unsigned long long)n);
	to->cpus = (uint32_t)n;
	snprintf(to->version, sizeof(to->version), "%s", rest ? rest : "");
	return 0;
}

int broker_lease(const char *dir, const char *guest, struct broker_lease *to, struct err *e)
{
	char line[BROKER_LINE_MAX];
	size_t fds = 0;
	int rc;

	*to = (struct broker_lease){ .ctl = -1 };
	to->fd = ask(dir, "lease ", guest, e);
	if (to->fd < 0)
		return to->fd;
	rc = get_answer(to, line, &fds, e);
	if (!rc)
		rc = parse_answer(line, to, fds, e);
	if (!rc)
		return 0;
	to->cpus = (uint32_t)fds;
	broker_end(to);
	return rc;
}

void broker_end(struct broker_lease *l)
{
	cleanup_fd(&l->ctl);
	for (uint32_t i = 0; i < l->cpus; i++)
		cleanup_fd(&l->data[i]);
	l->cpus = 0;
	cleanup_fd(&l->fd); /* the last: now the server takes them back */
}
