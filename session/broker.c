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
 * the channels is thrown away as ever. Until the agent has said hello again, which it answers CLOSE
 * with when it is idle, words of the last talk may come; so nothing is lent before that, and an
 * asker waits for it. He does not wait for a recording that runs: he is told of it.
 *
 * What the asker holds are the same open files, so two readers would tear the pages. That is why a
 * guest's end does not end the lease at once (what its channels still hold is the asker's), and why
 * a server that stops tells the agents CLOSE and waits for the askers: the next server would throw
 * away their pages. Both have a limit. An asker who does not ask in time is cut off; nothing is
 * sent that would have to wait.
 *
 * A hostile guest that took over its QEMU may connect to the sockets in the directory; this one is
 * for root and the server's own user alone.
 */
#include "session/server_local.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "guests/broker.h"
#include "transport/unix.h"

enum { LEASES_MAX = 64 };

static const char lease_word[] = "lease ", ports_word[] = "ports "; /* of one length */

/* The rest is in the server's limits: .hello_ns for the question, .drain_ns for last bytes. */
#define READY_WAIT ((AGENT_HELLO_S + 1) * NSEC_PER_SEC) /* for an agent that ends its last one */
#define READY_LOOK (50 * NSEC_PER_MSEC)			/* how often it is looked */
#define STOP_WAIT  (3 * NSEC_PER_SEC)			/* at most, as for recordings */
#define SILENT	   (3 * (uint64_t)AGENT_HELLO_S * NSEC_PER_SEC) /* no hello: it is gone */

/* One who asks, and to whom something may be lent. */
struct lease {
	struct server *server;
	struct watch watch;    /* his connection, owned */
	struct timer timer;    /* what .fire says is due */
	pid_t pid;	       /* he */
	uint64_t until;	       /* now_ns() time: he is told then that the agent is not ready */
	struct domain *domain; /* whose channels are lent; NULL: none */
	struct conn *conn;     /* its control channel, lent too; NULL: none, or gone */
	bool ports;	       /* "ports": no agent of ours is there */
	struct lease *next;
	size_t n;
	char line[BROKER_LINE_MAX];
};

static void take_back(struct lease *l)
{
	struct domain *d = l->domain;

	log_info(l->server->log, "guest %s: the channels are back", d->name);
	for (size_t i = 0; i < d->nchans; i++)
		chan_back(d->chans[i]);
	if (l->conn) {
		l->conn->busy = l->conn->agent; /* until it says otherwise */
		l->conn->heard_ns = now_ns();
		link_back(l->conn->link);
		if (l->ports)
			link_say_stop(l->conn->link);
	}
	l->domain = NULL;
	l->conn = NULL;
	d->lease = NULL;
	domain_rescan(d);
	domain_put(d);
	hub_let_go(&l->server->hub);
}

static void lease_free(struct lease *l)
{
	struct lease **at = &l->server->leases;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	loop_disarm(&l->timer);
	if (l->domain)
		take_back(l);
	loop_unwatch(&l->watch);
	cleanup_fd(&l->watch.fd);
	free(l);
}

static void lease_over(struct timer *t)
{
	lease_free(container_of(t, struct lease, timer));
}

static void end_in(struct lease *l, uint64_t wait_ns)
{
	l->timer.fire = lease_over;
	loop_arm(l->server->loop, &l->timer, wait_ns);
}

void broker_forget(struct conn *c)
{
	struct lease *l = c->domain->lease;

	if (!l || l->conn != c)
		return;
	l->conn = NULL;
	end_in(l, l->server->hub.o.limits.drain_ns);
}

static void refuse(struct lease *l, const struct err *e)
{
	char line[BROKER_LINE_MAX];
	int n = snprintf(line, sizeof(line), "error %d %s\n", e->code, e->what);

	send(l->watch.fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The connection of the agent that was heard last; else of none. NULL: the guest is away. */
static struct conn *conn_of(const struct server *s, const struct domain *d)
{
	struct conn *best = NULL;

	for (struct conn *c = s->conns; c; c = c->next)
		if (c->domain == d &&
		    (!best || (c->agent && (!best->agent || c->heard_ns > best->heard_ns))))
			best = c;
	return best;
}

static bool is_silent(const struct conn *c)
{
	return now_ns() - c->heard_ns > SILENT;
}

/* "guests" */

static const char *state_of(const struct domain *d, const struct conn *c)
{
	if (d->run)
		return session_state_name(session_state(d->run->run.session));
	if (d->lease)
		return d->lease->ports ? BROKER_PORTS : BROKER_LENT;
	if (!c)
		return BROKER_AWAY;
	if (!c->agent)
		return BROKER_NO_AGENT;
	if (is_silent(c))
		return BROKER_SILENT;
	return c->busy ? BROKER_BUSY : BROKER_IDLE;
}

static int put_guests(const struct server *s, struct buf *to)
{
	size_t n = 0;
	int rc;

	for (const struct domain *d = s->domains; d; d = d->next)
		n++;
	rc = buf_addf(to, "ok %zu\n", n);
	for (const struct domain *d = s->domains; !rc && d; d = d->next) {
		const struct conn *c = conn_of(s, d);
		char file[STORE_PATH_MAX] = "";

		if (d->run)
			clean_text(file, sizeof(file), session_file(d->run->run.session), NULL);
		rc = buf_addf(to, "%s\t%s\t%s\t%s\t%d\n", d->name, state_of(d, c),
			      c && c->agent ? c->version : "", file,
			      d->lease ? (int)d->lease->pid : 0);
	}
	return rc;
}

static void answer_guests(struct lease *l)
{
	struct buf text = { 0 };

	/* Local and short: what does not fit into the socket is not worth waiting for. */
	if (!put_guests(l->server, &text))
		send(l->watch.fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_free(&text);
}

/* "lease NAME" */

static int judge_agent(const struct domain *d, const struct conn *c, struct err *e)
{
	if (!c)
		return err_say(e, ENOTCONN,
			       "guest %s is not connected: it is off, or has no channel", d->name);
	if (!c->agent)
		return err_say(e, ENOTCONN, "no agent answers in guest %s", d->name);
	if (is_silent(c))
		return err_say(e, ENOTCONN, "the agent in guest %s was not heard for %llu s",
			       d->name,
			       (unsigned long long)((now_ns() - c->heard_ns) / NSEC_PER_SEC));
	return c->busy || !link_is_quiet(c->link) ? -EAGAIN : 0;
}

/* "ports": whoever is there hears only start and stop. */
static int judge_ports(const struct domain *d, const struct conn *c, struct err *e)
{
	if (c && c->agent && !is_silent(c))
		return err_say(e, EBUSY, "an agent of trace-cmd answers in guest %s", d->name);
	return 0;
}

/* -EAGAIN: not yet. */
static int may_lend(const struct domain *d, const struct conn *c, bool ports, struct err *e)
{
	if (d->server->hub.stopping)
		return err_say(e, ESHUTDOWN, "the server is being stopped");
	if (d->lease)
		return err_say(e, EBUSY, "guest %s is being recorded for process %d", d->name,
			       (int)d->lease->pid);
	if (d->run)
		return err_say(e, EBUSY, "guest %s is being recorded by itself (record --virt)",
			       d->name);
	if (!d->nchans)
		return err_say(e, ENXIO, "guest %s has no data channels", d->name);
	if (d->nchans > BROKER_CPUS_MAX)
		return err_say(e, E2BIG, "guest %s has %zu data channels; %d can be lent", d->name,
			       d->nchans, BROKER_CPUS_MAX);
	return ports ? judge_ports(d, c, e) : judge_agent(d, c, e);
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

/* All channels of @d into @fds, or none. */
static int lend_chans(struct domain *d, int *fds, struct err *e)
{
	for (size_t i = 0; i < d->nchans; i++) {
		fds[i] = chan_lend(d->chans[i]);
		if (fds[i] >= 0)
			continue;
		while (i--)
			chan_back(d->chans[i]);
		return err_say(e, ENOTCONN,
			       "guest %s: not all of its %zu data channels are connected", d->name,
			       d->nchans);
	}
	return 0;
}

/* @c NULL: no control channel. */
static int lend(struct lease *l, struct domain *d, struct conn *c, struct err *e)
{
	int fds[1 + BROKER_CPUS_MAX];
	char line[BROKER_LINE_MAX];
	int rc = lend_chans(d, fds + 1, e);

	if (rc)
		return rc;
	l->domain = d;
	l->conn = c;
	d->lease = l;
	hub_hold(&l->server->hub);
	fds[0] = c ? link_lend(c->link) : -1;
	snprintf(line, sizeof(line), "ok %zu %s\n", d->nchans, c && c->agent ? c->version : "-");
	if (send_fds(l->watch.fd, line, fds + !c, !!c + d->nchans))
		return err_say(e, EIO, "the descriptors could not be handed over");
	log_info(l->server->log, "guest %s: its channels are lent to process %d", d->name,
		 (int)l->pid);
	return 0;
}

static int find_and_lend(struct lease *l, const char *name, struct err *e)
{
	struct domain *d = domain_find(l->server, name);
	struct conn *c = d ? conn_of(l->server, d) : NULL;
	int rc;

	if (!d)
		return err_say(e, ENOENT, "there is no guest %s", name);
	domain_rescan(d);
	rc = may_lend(d, c, l->ports, e);
	if (rc != -EAGAIN)
		return rc ? rc : lend(l, d, c, e);
	if (now_ns() < l->until)
		return rc;
	return err_say(e, EBUSY, "the agent in guest %s has not ended its last recording", name);
}

/* Lend, look again soon, or refuse. */
static void try_lease(struct lease *l)
{
	struct err e = { 0 };
	int rc = find_and_lend(l, l->line + sizeof(lease_word) - 1, &e);

	if (!rc)
		return;
	if (rc == -EAGAIN) {
		loop_arm(l->server->loop, &l->timer, READY_LOOK);
		return;
	}
	refuse(l, &e);
	lease_free(l);
}

static void look_again(struct timer *t)
{
	try_lease(container_of(t, struct lease, timer));
}

/* The line is there. */
static void answer(struct lease *l)
{
	struct err e = { 0 };

	loop_disarm(&l->timer);
	l->ports = !strncmp(l->line, ports_word, sizeof(ports_word) - 1);
	if (l->ports || !strncmp(l->line, lease_word, sizeof(lease_word) - 1)) {
		l->until = now_ns() + READY_WAIT;
		l->timer.fire = look_again;
		try_lease(l);
		return;
	}
	if (!strcmp(l->line, "guests"))
		answer_guests(l);
	else {
		err_say(&e, EPROTO, "'%.64s' is no question", l->line);
		refuse(l, &e);
	}
	lease_free(l);
}

static void lease_ready(struct watch *w, uint32_t events)
{
	struct lease *l = container_of(w, struct lease, watch);
	ssize_t n = recv(w->fd, l->line + l->n, sizeof(l->line) - l->n, MSG_DONTWAIT);
	char *end;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || l->until) { /* nothing is to be said behind the question */
		lease_free(l);
		return;
	}
	l->n += (size_t)n;
	end = memchr(l->line, '\n', l->n);
	if (end) {
		*end = '\0';
		answer(l);
	} else if (l->n == sizeof(l->line)) {
		lease_free(l);
	}
}

/* Connections */

static int judge_peer(const struct server *s, int fd, pid_t *pid, struct err *e)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	unsigned int n = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		return err_set(e, errno, "cannot see who asks the broker");
	*pid = who.pid;
	if (who.uid && who.uid != geteuid())
		return err_say(e, EPERM, "user %u (process %d) may not ask for guests", who.uid,
			       (int)who.pid);
	for (const struct lease *l = s->leases; l; l = l->next)
		n++;
	return n < LEASES_MAX ? 0 : err_say(e, EUSERS, "%u ask for guests already", n);
}

static struct lease *lease_new(struct server *s, int *fd, pid_t pid, struct err *e)
{
	struct lease *l = calloc(1, sizeof(*l));

	if (!l) {
		err_set(e, ENOMEM, "no memory for a lease");
		return NULL;
	}
	l->server = s;
	l->pid = pid;
	l->watch = (struct watch){ .fd = *fd, .ready = lease_ready };
	if (loop_watch(s->loop, &l->watch, EPOLLIN, e)) {
		free(l);
		return NULL;
	}
	*fd = -1;
	l->next = s->leases;
	s->leases = l;
	end_in(l, s->hub.o.limits.hello_ns);
	return l;
}

static void broker_accept(struct watch *w, uint32_t events)
{
	struct server *s = container_of(w, struct server, broker);
	AUTO_FD fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct lease none = { .watch.fd = fd };
	struct err e = { 0 };
	pid_t pid = 0;

	(void)events;
	if (fd < 0) {
		hub_shed(&s->hub, w->fd, errno);
		return;
	}
	if (!judge_peer(s, fd, &pid, &e) && lease_new(s, &fd, pid, &e))
		return;
	hub_refused(&s->hub, &e);
	refuse(&none, &e);
}

int broker_open(struct server *s, struct err *e)
{
	char path[GUESTS_PATH_MAX];
	int rc = path_fmt(path, sizeof(path), e, "%s/" BROKER_NAME, s->dir);

	if (rc)
		return rc;
	s->broker = (struct watch){ .fd = unix_listen(path, UNIX_FOR_OWNER, e),
				    .ready = broker_accept };
	return s->broker.fd < 0 ? s->broker.fd : loop_watch(s->loop, &s->broker, EPOLLIN, e);
}

static void stop_listening(struct server *s)
{
	loop_unwatch(&s->broker);
	cleanup_fd(&s->broker.fd);
	s->broker.fd = -1;
}

void broker_stop(struct server *s)
{
	struct err e = { 0 };

	if (s->broker.fd < 0)
		return;
	stop_listening(s);
	err_say(&e, ESHUTDOWN, "the server is being stopped");
	for (struct lease *l = s->leases, *next; l; l = next) {
		next = l->next;
		if (!l->domain) {
			refuse(l, &e);
			lease_free(l);
			continue;
		}
		if (l->conn)
			link_say_close(l->conn->link);
		end_in(l, min_u64(s->hub.o.limits.drain_ns, STOP_WAIT));
	}
}

void broker_close(struct server *s)
{
	while (s->leases)
		lease_free(s->leases);
	stop_listening(s);
}
