// SPDX-License-Identifier: GPL-2.0
/*
 * broker.c - a command on the host asks virt-server for its guests
 *
 * Theory of operation
 *
 * A connection of its own for each question. The answer's first byte carries the descriptors; the
 * rest of the line may come in pieces. What the server says is read with the same care as anything
 * else: its socket lies in a directory that others may write to if it was set up badly. So it must
 * be of root or of the user who asks, and nothing is waited for for ever.
 */
#include "guests/broker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "transport/unix.h"

enum { ANSWER_MAX = 1 << 20, GUESTS_MAX = ANSWER_MAX / 16, ERRNO_MAX = 4096 };

#define WAIT	   (3 * NSEC_PER_SEC)
#define LEASE_WAIT (15 * NSEC_PER_SEC) /* an agent may have to end its last recording first */

static int say_connect(const char *path, int code, struct err *e)
{
	if (code == EACCES || code == EPERM) {
		err_set(e, code, "cannot ask virt-server at %s", path);
		return err_hint(e, "ask as root, or as the user whose virt-server it is"), -code;
	}
	if (code == ENOENT || code == ECONNREFUSED)
		code = ENOTCONN;
	err_say(e, code, "no virt-server answers at %s", path);
	return err_hint(e, "start 'trace-cmd virt-server'; it serves the agents of guests"), -code;
}

/* Who laid the socket there would be given what is asked, and give us what he likes. */
static int judge_server(int fd, const char *path, struct err *e)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		return err_set(e, errno, "cannot see who serves %s", path);
	if (!who.uid || who.uid == geteuid())
		return 0;
	err_say(e, EPERM, "%s is served by user %u, who is neither root nor you", path, who.uid);
	return err_hint(e, "ask as that user, or see who made the directory"), -EPERM;
}

static int ask(const char *dir, const char *question, const char *name, uint64_t wait_ns,
	       struct err *e)
{
	char path[GUESTS_PATH_MAX + sizeof(BROKER_NAME)], line[BROKER_LINE_MAX];
	struct err none = { 0 };
	int rc = path_fmt(path, sizeof(path), e, "%s/" BROKER_NAME, dir);
	AUTO_FD fd = rc ? rc : unix_connect(path, wait_ns, &none);

	if (rc)
		return rc;
	if (fd < 0)
		return say_connect(path, none.code, e);
	rc = judge_server(fd, path, e);
	if (!rc)
		rc = path_fmt(line, sizeof(line), e, "%s%s\n", question, name);
	/* One that refused us closed already, and its reason is to be read. */
	if (!rc && send(fd, line, strlen(line), MSG_NOSIGNAL) < 0 && errno != EPIPE &&
	    errno != ECONNRESET)
		rc = err_set(e, errno, "cannot ask virt-server at %s", path);
	return rc ? rc : steal_fd(&fd);
}

static int no_answer(struct err *e)
{
	return err_say(e, EIO, "virt-server did not answer");
}

/* "ok NUMBER REST" or "error NUMBER TEXT"; *rest (borrowed) may be "". */
static int parse_head(char *line, uint64_t max, uint64_t *n, const char **rest, struct err *e)
{
	char *word = strsep(&line, " "), *number = strsep(&line, " ");
	bool error = !strcmp(word, "error");

	*rest = line ? line : "";
	if ((!error && strcmp(word, "ok")) || !number ||
	    parse_u64(number, 0, max, n, "the broker's answer", NULL))
		return err_say(e, EPROTO, "virt-server answered '%.64s'", word);
	if (!error)
		return 0;
	return err_say(e, *n && *n < ERRNO_MAX ? (int)*n : EIO, "%s",
		       **rest ? *rest : "virt-server refused");
}

/* "guests" */

/* The next of the fields that stand between tabs, cut to @room. */
static void take_field(char **rest, char *to, size_t room)
{
	const char *field = strsep(rest, "\t");

	snprintf(to, room, "%s", field ? field : "");
}

static int parse_guest(char *line, struct broker_guest *g, struct err *e)
{
	uint64_t pid;

	take_field(&line, g->name, sizeof(g->name));
	take_field(&line, g->state, sizeof(g->state));
	take_field(&line, g->version, sizeof(g->version));
	take_field(&line, g->file, sizeof(g->file));
	if (!line || parse_u64(line, 0, INT32_MAX, &pid, "a process", NULL) ||
	    guests_name_check(g->name, NULL))
		return err_say(e, EPROTO, "virt-server answered a line that is no guest");
	g->pid = (pid_t)pid;
	return 0;
}

static int parse_guests(char *text, struct broker_guest **to, size_t *n, struct err *e)
{
	AUTO_FREE struct broker_guest *list = NULL;
	const char *rest;
	uint64_t count;
	int rc = parse_head(strsep(&text, "\n"), GUESTS_MAX, &count, &rest, e);

	if (rc)
		return rc;
	list = calloc(count + 1, sizeof(*list));
	if (!list)
		return err_set(e, ENOMEM, "no memory for the list of guests");
	for (*n = 0; *n < count; ++*n) {
		char *line = strsep(&text, "\n");

		if (!text)
			return err_say(e, EPROTO, "virt-server's answer was cut off");
		rc = parse_guest(line, &list[*n], e);
		if (rc)
			return rc;
	}
	*to = steal_ptr(list);
	return 0;
}

int broker_guests(const char *dir, struct broker_guest **to, size_t *n, struct err *e)
{
	AUTO_FD fd = ask(dir, "guests", "", WAIT, e);
	struct buf text = { 0 };
	struct err none = { 0 };
	int rc;

	*to = NULL;
	*n = 0;
	if (fd < 0)
		return fd;
	rc = read_fd_all(fd, &text, ANSWER_MAX, "the broker", &none);
	if (!rc)
		rc = buf_text(&text);
	if (rc || !text.len)
		rc = no_answer(e);
	else
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
	size_t len = 0;

	while (len + 1 < BROKER_LINE_MAX && (!len || line[len - 1] != '\n')) {
		struct iovec iov = { line + len, BROKER_LINE_MAX - 1 - len };
		struct msghdr m = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(to->fd, &m, MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR)
			continue; /* also for one that was stopped (^Z) and goes on */
		if (n <= 0)
			return no_answer(e);
		take_fds(&m, to, fds);
		len += (size_t)n;
	}
	line[len - (line[len - 1] == '\n')] = '\0';
	return 0;
}

/* There is no control channel: what came first is the first data channel. */
static void drop_ctl(struct broker_lease *to)
{
	memmove(to->data + 1, to->data, to->cpus * sizeof(*to->data));
	to->data[0] = to->ctl;
	to->ctl = -1;
	to->cpus++;
}

static int take_answer(char *line, struct broker_lease *to, bool ports, struct err *e)
{
	const char *version;
	uint64_t n;
	int rc = parse_head(line, UINT16_MAX, &n, &version, e);

	if (rc)
		return rc;
	if (ports && to->ctl >= 0 && to->cpus + 1 == n && n <= BROKER_CPUS_MAX)
		drop_ctl(to);
	else if (n != to->cpus || to->ctl < 0)
		return err_say(e, EPROTO, "virt-server lent %u data channels and says %llu",
			       to->cpus, (unsigned long long)n);
	snprintf(to->version, sizeof(to->version), "%s", version);
	rc = to->ctl < 0 ? 0 : set_nonblock(to->ctl, e);
	for (uint32_t i = 0; !rc && i < to->cpus; i++)
		rc = set_nonblock(to->data[i], e);
	return rc;
}

static int borrow(const char *dir, const char *question, const char *guest, bool ports,
		  struct broker_lease *to, struct err *e)
{
	char line[BROKER_LINE_MAX];
	size_t fds = 0;
	int rc;

	*to = (struct broker_lease){ .ctl = -1 };
	to->fd = ask(dir, question, guest, LEASE_WAIT, e);
	if (to->fd < 0)
		return to->fd;
	rc = get_answer(to, line, &fds, e);
	to->cpus = (uint32_t)fds;
	if (!rc)
		rc = take_answer(line, to, ports, e);
	if (rc)
		broker_end(to);
	return rc;
}

int broker_lease(const char *dir, const char *guest, struct broker_lease *to, struct err *e)
{
	return borrow(dir, "lease ", guest, false, to, e);
}

int broker_ports(const char *dir, const char *guest, struct broker_lease *to, struct err *e)
{
	return borrow(dir, "ports ", guest, true, to, e);
}

void broker_end(struct broker_lease *l)
{
	cleanup_fd(&l->ctl);
	for (uint32_t i = 0; i < l->cpus; i++)
		cleanup_fd(&l->data[i]);
	l->cpus = 0;
	cleanup_fd(&l->fd); /* the last: now the server takes them back */
}
