// SPDX-License-Identifier: GPL-2.0
/*
 * client.c - the recording side of a control channel: from TINIT to CLOSE, in any dialect
 *
 * Theory of operation
 *
 * The descriptor is non-blocking: a blocking write into a virtio port whose host end is not read
 * can hang the guest. Each message is one write(), so a client that is killed leaves no half
 * message behind (a port takes up to 32 KiB in one piece). Reads go through one bounded buffer.
 *
 * Which generation is spoken was found before TINIT; wire/dialect.h puts the messages in its words,
 * and what it has no words for is sent by sending nothing.
 */
#include <errno.h>
#include <poll.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "recording/client_local.h"

struct client *client_new(const struct client_opts *o, struct err *e)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		err_set(e, ENOMEM, "no memory for the control channel");
		return NULL;
	}
	c->fd = o->fd;
	c->wait_ns = o->wait_ns ? o->wait_ns : 5 * NSEC_PER_SEC;
	c->peer = o->peer;
	c->words = o->words;
	c->gen = WIRE_V2;
	return c;
}

void client_free(struct client *c)
{
	free(c);
}

int client_fd(const struct client *c)
{
	return c->fd;
}

void client_use(struct client *c, int fd)
{
	c->fd = fd;
	c->have = c->used = 0;
}

uint64_t client_stream_id(void)
{
	uint64_t id = 0;

	while (!id)
		if (getrandom(&id, sizeof(id), 0) < 0)
			id = now_ns();
	return id;
}

static int say_gone(const struct client *c, struct err *e)
{
	err_say(e, EPIPE, "%s", c->words->gone);
	err_hint(e, "%s", c->words->gone_hint);
	return -EPIPE;
}

static int say_silent(const struct client *c, struct err *e)
{
	err_say(e, ETIMEDOUT, "%s", c->words->silent);
	err_hint(e, "%s", c->words->silent_hint);
	return -ETIMEDOUT;
}

/* What read(2) and write(2) say when a socket's other end was closed under them. */
static bool means_gone(int code)
{
	return code == EPIPE || code == ECONNRESET;
}

int client_wait(struct client *c, short events, uint64_t deadline, struct err *e)
{
	for (;;) {
		struct pollfd p = { .fd = c->fd, .events = events };
		uint64_t now = now_ns();
		int ms = now < deadline ? (int)((deadline - now) / NSEC_PER_MSEC) + 1 : 0;
		int n = poll(&p, 1, ms);

		if (n > 0 && p.revents & events)
			return 0;
		if (n > 0 && p.revents & (POLLHUP | POLLERR))
			return say_gone(c, e);
		if (n < 0 && errno != EINTR)
			return err_set(e, errno, "cannot wait for %s", c->words->who);
		if (now_ns() >= deadline)
			return say_silent(c, e);
	}
}

int client_send_bytes(struct client *c, const uint8_t *at, size_t n, struct err *e)
{
	uint64_t deadline = now_ns() + c->wait_ns;

	while (n) {
		ssize_t done = write(c->fd, at, n);
		int ret;

		if (done > 0) {
			at += done;
			n -= (size_t)done;
			deadline = now_ns() + c->wait_ns;
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && means_gone(errno))
			return say_gone(c, e);
		if (done < 0 && errno != EAGAIN)
			return err_set(e, errno, "cannot write to %s", c->words->who);
		ret = client_wait(c, POLLOUT, deadline, e);
		if (ret)
			return ret;
	}
	return 0;
}

int client_send(struct client *c, const struct msg *m, struct err *e)
{
	struct wcur w = wcur_make(c->out, sizeof(c->out), true);

	if (wire_encode(c->gen, &w, m))
		return err_say(e, EMSGSIZE, "%s does not fit into a message", msg_name(m->type));
	return client_send_bytes(c, c->out, sizeof(c->out) - w.left, e);
}

static void drop_used(struct client *c)
{
	c->have -= c->used;
	memmove(c->in, c->in + c->used, c->have);
	c->used = 0;
}

int client_fill(struct client *c, struct err *e)
{
	ssize_t n;

	drop_used(c);
	n = read(c->fd, c->in + c->have, sizeof(c->in) - c->have);
	if (n > 0)
		c->have += (size_t)n;
	else if (!n || means_gone(errno))
		return say_gone(c, e);
	else if (errno != EAGAIN && errno != EINTR)
		return err_set(e, errno, "cannot read from %s", c->words->who);
	return n > 0 ? (int)n : 0;
}

static int say_refused(const struct client *c, const struct msg *m, struct err *e)
{
	const char *name = m->error.cmd == MSG_ERROR ? NULL : msg_name(m->error.cmd);

	return err_say(e, ECONNREFUSED, "%s refuses %s%s%s", c->words->who,
		       name ? name : "our message",
		       m->error.reason[0] ? ": " : " and gives no reason", m->error.reason);
}

int client_take(struct client *c, struct msg *m, struct err *e)
{
	struct rcur in;
	int ret;

	drop_used(c);
	in = rcur_make(c->in, c->have, true);
	ret = wire_decode(c->gen, &in, c->state, m, e);
	if (ret == -EPROTO)
		err_prefix(e, "%s", c->words->who);
	if (!ret && m->type == MSG_ERROR)
		ret = say_refused(c, m, e);
	c->used = c->have - in.left;
	return ret;
}

static int await_msg(struct client *c, struct msg *m, uint64_t wait_ns, struct err *e)
{
	uint64_t deadline = now_ns() + wait_ns;

	for (;;) {
		int ret = client_take(c, m, e);

		if (ret != -EAGAIN)
			return ret;
		ret = client_wait(c, POLLIN, deadline, e);
		if (ret)
			return ret;
		ret = client_fill(c, e);
		if (ret < 0)
			return ret;
	}
}

static void take_terms(struct client *c, const struct msg *m, const struct client_wish *wish,
		       struct client_terms *terms)
{
	terms->gen = c->gen;
	terms->features = m->rinit.ext.present ? m->rinit.ext.features & wish->features : 0;
	snprintf(terms->peer, sizeof(terms->peer), "%s",
		 m->rinit.ext.present ? m->rinit.ext.peer : "");
	terms->nports = m->rinit.nports;
	memcpy(terms->port, m->rinit.port, m->rinit.nports * sizeof(*terms->port));
	c->features = terms->features;
	c->state = MSG_C_RUNNING;
}

int client_init(struct client *c, const struct client_wish *wish, struct client_terms *terms,
		struct err *e)
{
	struct msg m = { .type = MSG_TINIT,
			 .tinit = { .cpus = wish->cpus,
				    .page_size = wish->page_size,
				    .use_tcp = wish->tcp,
				    .use_vsock = wish->vsock,
				    .ext = { .present = wish->ext,
					     .features = wish->features,
					     .stream_id = terms->stream_id,
					     .peer = c->peer } } };
	int ret;

	c->state = MSG_C_INIT;
	ret = client_send(c, &m, e);
	do { /* RCONNECT: a late one, see virt-link.c */
		if (!ret)
			ret = await_msg(c, &m, c->wait_ns, e);
	} while (!ret && m.type == MSG_RCONNECT);
	if (ret)
		return ret;
	if (m.type != MSG_RINIT)
		return err_say(e, ECANCELED, "%s ends the recording before it begins",
			       c->words->who);
	if (m.rinit.cpus != wish->cpus)
		return err_say(e, EPROTO, "%s is ready for %u CPUs, this machine has %u",
			       c->words->who, m.rinit.cpus, wish->cpus);
	take_terms(c, &m, wish, terms);
	return 0;
}

int client_metadata(struct client *c, const uint8_t *bytes, size_t len, struct err *e)
{
	struct msg m = { .type = MSG_SENDMETA };

	while (len) {
		uint32_t n = (uint32_t)min_u64(len, MSG_META_MAX);
		int ret;

		m.meta.data = bytes;
		m.meta.len = n;
		ret = client_send(c, &m, e);
		if (ret)
			return ret;
		bytes += n;
		len -= n;
	}
	m = (struct msg){ .type = MSG_FINMETA };
	return client_send(c, &m, e);
}

int client_check(struct client *c, struct err *e)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	struct msg m;
	int ret;

	if (poll(&p, 1, 0) > 0 && p.revents & POLLIN) {
		ret = client_fill(c, e);
		if (ret < 0)
			return ret;
	} else if (p.revents & (POLLHUP | POLLERR)) {
		return say_gone(c, e);
	}
	ret = client_take(c, &m, e);
	if (ret == -EAGAIN)
		return 0;
	if (!ret)
		return err_say(e, ECANCELED, "%s ends the recording", c->words->who);
	return ret;
}

int client_close(struct client *c, const struct msg_total *total, uint32_t cpus, struct err *e)
{
	AUTO_FREE struct msg *m = calloc(1, sizeof(*m));

	if (!m)
		return err_set(e, ENOMEM, "no memory for CLOSE");
	m->type = MSG_CLOSE;
	m->close.cpus = c->features & MSG_F_TOTALS ? cpus : 0;
	memcpy(m->close.total, total, m->close.cpus * sizeof(*total));
	return client_send(c, m, e);
}

int client_stored(struct client *c, struct msg_total *stored, uint32_t cpus, uint64_t wait_ns,
		  struct err *e)
{
	AUTO_FREE struct msg *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return err_set(e, ENOMEM, "no memory for CLOSE");
	do
		ret = await_msg(c, m, wait_ns, e);
	while (!ret && m->type == MSG_CLOSE &&
	       !m->close.cpus); /* a wish to end that crossed ours */
	if (ret)
		return ret;
	if (m->type != MSG_CLOSE || m->close.cpus != cpus)
		return err_say(e, EPROTO, "the CLOSE of %s tells of %u CPUs instead of %u",
			       c->words->who, m->close.cpus, cpus);
	memcpy(stored, m->close.total, cpus * sizeof(*stored));
	return 0;
}
