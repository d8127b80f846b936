// SPDX-License-Identifier: GPL-2.0
/*
 * broker.c - commands on this host get at the guests that the server holds
 *
 * Theory of operation
 *
 * QEMU's connections end here, so whoever wants to talk to a guest's agent asks the server. It does
 * not pass on bytes: it lends the descriptors of the control channel and of the data channels, with
 * SCM_RIGHTS, and keeps its hands off them until the asker's connection ends, however that happens.
 * Then it takes them back: the agent is told CLOSE, in case it still records, and what is left in
 * the channels is thrown away as ever.
 *
 * A hostile guest that took over its QEMU may connect to the sockets in the directory; this one is
 * for root and the server's own user alone.
 */
#include "session/server_local.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "guests/broker.h"
#include "transport/unix.h"

enum { LEASES_MAX = 64 };

struct lease {
	struct server *server;
	struct watch watch; /* the asker's connection, owned */
	struct conn *conn;  /* whose channels are lent; NULL: none yet */
	size_t nchans;	    /* of them */
	struct lease *next;
	size_t n;
	char line[BROKER_LINE_MAX];
};

static void take_back(struct lease *l)
{
	struct domain *d = l->conn->domain;

	log_info(l->server->log, "guest %s: the channels are back", d->name);
	for (size_t i = 0; i < l->nchans; i++)
		chan_back(d->chans[i]);
	link_back(l->conn->link);
	l->conn = NULL;
	d->lease = NULL;
	domain_rescan(d);
}

static void lease_free(struct lease *l)
{
	struct lease **at = &l->server->leases;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	if (l->conn)
		take_back(l);
	loop_unwatch(&l->watch);
	cleanup_fd(&l->watch.fd);
	free(l);
}

void broker_forget(struct conn *c)
{
	if (c->domain->lease && c->domain->lease->conn == c)
		lease_free(c->domain->lease);
}

/* "guests" */

static const char *state_of(const struct server *s, const struct domain *d, const struct conn **who)
{
	*who = NULL;
	for (const struct conn *c = s->conns; c; c = c->next)
		if (c->domain == d && (!*who || c->agent))
			*who = c;
	if (d->run)
		return session_state_name(session_state(d->run->run.session));
	if (d->lease)
		return "leased";
	if (!*who)
		return "away";
	if (!(*who)->agent)
		return "connected";
	return (*who)->busy ? "agent busy" : "agent";
}

static int put_guests(const struct server *s, struct buf *to)
{
	for (const struct domain *d = s->domains; d; d = d->next) {
		const struct conn *who;
		const char *state = state_of(s, d, &who);

		if (buf_addf(to, "%s\t%s\t%s\t%s\n", d->name, state, who ? who->version : "",
			     d->run ? session_file(d->run->run.session) : ""))
			return -ENOMEM;
	}
	return 0;
}

static void answer_guests(struct lease *l)
{
	struct buf text = { 0 };

	/* Local and short: what does not fit into the socket is not worth waiting for. */
	if (!put_guests(l->server, &text) && text.len)
		send(l->watch.fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_free(&text);
}

/* "lease NAME" */

static struct conn *agent_of(struct server *s, const char *name, struct err *e)
{
	bool known = false, connected = false;

	for (struct domain *d = s->domains; d; d = d->next)
		known |= !strcmp(d->name, name);
	for (struct conn *c = s->conns; c; c = c->next) {
		if (strcmp(c->domain->name, name))
			continue;
		connected = true;
		if (c->agent)
			return c;
	}
	if (!known)
		err_say(e, ENOENT, "there is no guest %s", name);
	else if (!connected)
		err_say(e, ENOTCONN, "guest %s is not connected: it is off, or has no channel",
			name);
	else
		err_say(e, ENOTCONN, "no agent answers in guest %s", name);
	return NULL;
}

static int may_lend(const struct conn *c, struct err *e)
{
	const struct domain *d = c->domain;

	if (d->lease || c->busy)
		return err_say(e, EBUSY, "guest %s is being recorded for somebody else", d->name);
	if (d->run)
		return err_say(e, EBUSY, "guest %s is being recorded by itself (record --virt)",
			       d->name);
	if (!d->nchans)
		return err_say(e, ENOENT, "guest %s has no data channels", d->name);
	if (d->nchans > BROKER_CPUS_MAX)
		return err_say(e, E2BIG, "guest %s has %zu data channels; %d can be lent", d->name,
			       d->nchans, BROKER_CPUS_MAX);
	return 0;
}

static int send_fds(int to, const char *line, const int *fds, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)line, strlen(line) };
	size_t room = CMSG_SPACE(n * sizeof(int));
	AUTO_FREE char *control = calloc(1, room);
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *c;

	if (!control)
		return -ENOMEM;
	m.msg_controllen = room;
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	return sendmsg(to, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)iov.iov_len ? 0 : -EIO;
}

static int lend(struct lease *l, struct conn *c, struct err *e)
{
	struct domain *d = c->domain;
	int fds[1 + BROKER_CPUS_MAX];
	char line[BROKER_LINE_MAX];

	l->conn = c;
	d->lease = l;
	fds[0] = link_lend(c->link);
	for (l->nchans = 0; l->nchans < d->nchans; l->nchans++) {
		int fd = chan_lend(d->chans[l->nchans]);

		if (fd < 0)
			return err_say(e, ENOTCONN, "the data channel of CPU %zu is not connected",
				       l->nchans);
		fds[1 + l->nchans] = fd;
	}
	snprintf(line, sizeof(line), "ok %zu %s\n", d->nchans, c->version);
	if (send_fds(l->watch.fd, line, fds, 1 + d->nchans))
		return err_say(e, EIO, "the descriptors could not be handed over");
	log_info(l->server->log, "guest %s: its channels are lent", d->name);
	return 0;
}

static void refuse(struct lease *l, const struct err *e)
{
	char line[BROKER_LINE_MAX];
	int n = snprintf(line, sizeof(line), "error %d %s\n", e->code, e->what);

	send(l->watch.fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* False: the connection is done with. */
static bool answer_lease(struct lease *l, const char *name)
{
	struct err e = { 0 };
	struct conn *c = agent_of(l->server, name, &e);

	if (c)
		domain_rescan(c->domain);
	if (c && !may_lend(c, &e) && !lend(l, c, &e))
		return true;
	refuse(l, &e);
	return false;
}

/* The line is there. False: the connection is done with. */
static bool answer(struct lease *l)
{
	static const char lease[] = "lease ";
	struct err e = { 0 };

	if (!strncmp(l->line, lease, sizeof(lease) - 1))
		return answer_lease(l, l->line + sizeof(lease) - 1);
	if (!strcmp(l->line, "guests"))
		answer_guests(l);
	else {
		err_say(&e, EPROTO, "'%.64s' is no question", l->line);
		refuse(l, &e);
	}
	return false;
}

static void lease_ready(struct watch *w, uint32_t events)
{
	struct lease *l = container_of(w, struct lease, watch);
	ssize_t n = read(w->fd, l->line + l->n, sizeof(l->line) - l->n);
	char *end;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || l->conn) { /* nothing is to be said while a lease lasts */
		lease_free(l);
		return;
	}
	l->n += (size_t)n;
	end = memchr(l->line, '\n', l->n);
	if (end)
		*end = '\0';
	if (end ? !answer(l) : l->n == sizeof(l->line))
		lease_free(l);
}

/* Connections */

static int judge_peer(const struct server *s, int fd, struct err *e)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	unsigned int n = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		return err_set(e, errno, "cannot see who asks the broker");
	if (who.uid && who.uid != geteuid())
		return err_say(e, EPERM, "user %u (process %d) may not ask the broker", who.uid,
			       (int)who.pid);
	for (const struct lease *l = s->leases; l; l = l->next)
		n++;
	return n < LEASES_MAX ? 0 : err_say(e, EUSERS, "%u ask the broker already", n);
}

static void broker_accept(struct watch *w, uint32_t events)
{
	struct server *s = container_of(w, struct server, broker);
	AUTO_FD fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct err e = { 0 };
	struct lease *l;

	(void)events;
	if (fd < 0 || judge_peer(s, fd, &e)) {
		if (e.code)
			hub_refused(&s->hub, &e);
		return;
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		return;
	l->server = s;
	l->watch = (struct watch){ .fd = fd, .ready = lease_ready };
	if (loop_watch(s->loop, &l->watch, EPOLLIN, &e)) {
		log_err(s->log, &e);
		free(l);
		return;
	}
	steal_fd(&fd);
	l->next = s->leases;
	s->leases = l;
}

int broker_open(struct server *s, struct err *e)
{
	char path[GUESTS_PATH_MAX];
	int rc = path_fmt(path, sizeof(path), e, "%s/" BROKER_NAME, s->dir);

	if (rc)
		return rc;
	s->broker = (struct watch){ .fd = unix_listen(path, e), .ready = broker_accept };
	if (s->broker.fd < 0)
		return s->broker.fd;
	if (chmod(path, 0600))
		return err_set(e, errno, "cannot set the mode of %s", path);
	return loop_watch(s->loop, &s->broker, EPOLLIN, e);
}

void broker_close(struct server *s)
{
	while (s->leases)
		lease_free(s->leases);
	loop_unwatch(&s->broker);
	cleanup_fd(&s->broker.fd);
}
