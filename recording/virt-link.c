// SPDX-License-Identifier: GPL-2.0
/*
 * virt-link.c - the guest's end of the control channel
 *
 * Theory of operation
 *
 * The descriptor is non-blocking: a blocking write into a virtio port whose host end is not read
 * can hang the guest. Each message is one write(), so a client that is killed leaves no half
 * message behind (a port takes up to 32 KiB in one piece). Reads go through one bounded buffer.
 *
 * What an earlier client left unread may come first (it was killed between question and answer):
 * before RCONNECT everything is skipped, and a second RCONNECT before RINIT means nothing.
 */
#include "recording/virt-link.h"

#include <errno.h>
#include <poll.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/io.h"

struct virt_link {
	int fd;
	uint64_t wait_ns;
	const char *peer;
	enum msg_state state;
	uint32_t features;
	size_t have, used; /* bytes in .in; those of them that the last message took */
	uint8_t in[2 * MSG_MAX];
	uint8_t out[MSG_MAX];
};

struct virt_link *virt_link_new(const struct virt_link_opts *o, struct err *e)
{
	struct virt_link *l = calloc(1, sizeof(*l));

	if (!l) {
		err_set(e, ENOMEM, "no memory for the control channel");
		return NULL;
	}
	l->fd = o->fd;
	l->wait_ns = o->wait_ns ? o->wait_ns : 5 * NSEC_PER_SEC;
	l->peer = o->peer;
	return l;
}

void virt_link_free(struct virt_link *l)
{
	free(l);
}

int virt_link_fd(const struct virt_link *l)
{
	return l->fd;
}

static int say_gone(struct err *e)
{
	err_say(e, EPIPE, "the host has closed its end of port agent-ctl-path");
	return err_hint(
		e, "is 'trace-cmd virt-server' running on the host? its log says why it closed");
}

/* Wait until @events or the deadline; 0, -ETIMEDOUT, -EPIPE. */
static int wait_for(struct virt_link *l, short events, uint64_t deadline, struct err *e)
{
	for (;;) {
		struct pollfd p = { .fd = l->fd, .events = events };
		uint64_t now = now_ns();
		int ms = now < deadline ? (int)((deadline - now) / NSEC_PER_MSEC) + 1 : 0;
		int n = poll(&p, 1, ms);

		if (n > 0 && p.revents & events)
			return 0;
		if (n > 0 && p.revents & (POLLHUP | POLLERR))
			return say_gone(e);
		if (n < 0 && errno != EINTR)
			return err_set(e, errno, "cannot wait for the host");
		if (now_ns() < deadline)
			continue;
		err_say(e, ETIMEDOUT, "the host does not answer on port agent-ctl-path");
		return err_hint(
			e,
			"is 'trace-cmd virt-server' running on the host, and is it the server of this port?");
	}
}

static int send_bytes(struct virt_link *l, const uint8_t *at, size_t n, struct err *e)
{
	uint64_t deadline = now_ns() + l->wait_ns;

	while (n) {
		ssize_t done = write(l->fd, at, n);
		int ret;

		if (done > 0) {
			at += done;
			n -= (size_t)done;
			deadline = now_ns() + l->wait_ns;
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno != EAGAIN)
			return errno == EPIPE ? say_gone(e)
					      : err_set(e, errno, "cannot write to the host");
		ret = wait_for(l, POLLOUT, deadline, e);
		if (ret)
			return ret;
	}
	return 0;
}

static int send_msg(struct virt_link *l, const struct msg *m, struct err *e)
{
	struct wcur w = wcur_make(l->out, sizeof(l->out), true);

	if (msg_encode(&w, m))
		return err_say(e, EMSGSIZE, "%s does not fit into a message", msg_name(m->type));
	return send_bytes(l, l->out, sizeof(l->out) - w.left, e);
}

static void drop_used(struct virt_link *l)
{
	l->have -= l->used;
	memmove(l->in, l->in + l->used, l->have);
	l->used = 0;
}

/* Read what is there: returns bytes added, 0 = nothing now. */
static ssize_t fill(struct virt_link *l, struct err *e)
{
	ssize_t n;

	drop_used(l);
	n = read(l->fd, l->in + l->have, sizeof(l->in) - l->have);
	if (n > 0)
		l->have += (size_t)n;
	else if (!n)
		return say_gone(e);
	else if (errno != EAGAIN && errno != EINTR)
		return err_set(e, errno, "cannot read from the host");
	return n > 0 ? n : 0;
}

/* One message into @m, whose texts stay where they are until the next call. -EAGAIN: not here yet.
 */
static int take_msg(struct virt_link *l, struct msg *m, struct err *e)
{
	struct rcur in;
	int ret;

	drop_used(l);
	in = rcur_make(l->in, l->have, true);
	ret = msg_decode(&in, l->state, m, e);

	if (!ret && m->type == MSG_ERROR) {
		err_say(e, ECONNREFUSED, "the host refuses %s%s%s",
			msg_name(m->error.cmd) ? msg_name(m->error.cmd) : "our message",
			m->error.reason[0] ? ": " : " and gives no reason", m->error.reason);
		ret = -ECONNREFUSED;
	}
	l->used = l->have - in.left;
	return ret;
}

static int await_msg(struct virt_link *l, struct msg *m, uint64_t wait_ns, struct err *e)
{
	uint64_t deadline = now_ns() + wait_ns;

	for (;;) {
		int ret = take_msg(l, m, e);

		if (ret != -EAGAIN)
			return ret;
		ret = wait_for(l, POLLIN, deadline, e);
		if (ret)
			return ret;
		ret = (int)fill(l, e);
		if (ret < 0)
			return ret;
	}
}

/* Throw away what is there before we have said anything. */
static void skip_stale(struct virt_link *l)
{
	while (read(l->fd, l->in, sizeof(l->in)) > 0)
		;
	l->have = l->used = 0;
}

/* An RCONNECT frame somewhere in the input: what stands before it is an earlier client's. */
static int find_rconnect(struct virt_link *l, struct msg *m, struct err *e)
{
	static const uint8_t head[8] = { 0, 0, 0, 24, 0, 0, 0, MSG_RCONNECT };
	uint8_t *at = memmem(l->in, l->have, head, sizeof(head)); /* nothing is used up yet here */

	if (at && at != l->in) {
		l->have -= (size_t)(at - l->in);
		memmove(l->in, at, l->have);
	}
	return take_msg(l, m, e);
}

/* RCONNECT, or what is wrong with what came instead: what is wrong now may be the rest of an old
 * message. */
static int await_rconnect(struct virt_link *l, struct msg *m, struct err *e)
{
	uint64_t deadline = now_ns() + l->wait_ns;
	struct err odd = { 0 };

	for (;;) {
		int ret = wait_for(l, POLLIN, deadline, e);

		if (!ret)
			ret = (int)fill(l, e);
		if (ret < 0) {
			if (odd.code && e)
				*e = odd;
			return ret;
		}
		ret = find_rconnect(l, m, &odd);
		if (ret == -ECONNREFUSED && e)
			*e = odd;
		if (ret != -EAGAIN && ret != -EPROTO)
			return ret;
		if (l->have == sizeof(l->in)) /* keep only what may be the beginning of one */
			l->used = l->have - MSG_HEADER;
	}
}

static int connect_host(struct virt_link *l, struct err *e)
{
	struct msg m = { .type = MSG_TCONNECT };
	int ret;

	l->state = MSG_C_CONNECT;
	skip_stale(l);
	ret = send_msg(l, &m, e);
	if (!ret)
		ret = await_rconnect(l, &m, e);
	if (ret)
		return ret;
	if (strcmp(m.rconnect.text, MSG_GREETING))
		return err_say(e, EPROTO, "the host speaks '%.40s', expected '%s'", m.rconnect.text,
			       MSG_GREETING);
	return 0;
}

static int init(struct virt_link *l, uint32_t cpus, uint32_t page_size, bool ext,
		struct virt_terms *terms, struct err *e)
{
	struct msg m = { .type = MSG_TINIT,
			 .tinit = { .cpus = cpus,
				    .page_size = page_size,
				    .ext = { .present = ext,
					     .features = MSG_F_ALL,
					     .stream_id = terms->stream_id,
					     .peer = l->peer } } };
	int ret;

	l->state = MSG_C_INIT;
	ret = send_msg(l, &m, e);
	do {
		if (!ret)
			ret = await_msg(l, &m, l->wait_ns, e);
	} while (!ret && m.type == MSG_RCONNECT);
	if (ret)
		return ret;
	if (m.rinit.cpus != cpus)
		return err_say(e, EPROTO, "the host is ready for %u CPUs, this guest has %u",
			       m.rinit.cpus, cpus);
	terms->features = m.rinit.ext.present ? m.rinit.ext.features & MSG_F_ALL : 0;
	snprintf(terms->peer, sizeof(terms->peer), "%s",
		 m.rinit.ext.present ? m.rinit.ext.peer : "");
	l->features = terms->features;
	l->state = MSG_C_RUNNING;
	return 0;
}

int virt_link_begin(struct virt_link *l, uint32_t cpus, uint32_t page_size,
		    struct virt_terms *terms, struct err *e)
{
	struct err first;
	int ret;

	*terms = (struct virt_terms){ 0 };
	while (!terms->stream_id)
		if (getrandom(&terms->stream_id, sizeof(terms->stream_id), 0) < 0)
			terms->stream_id = now_ns();
	ret = connect_host(l, e);
	if (!ret)
		ret = init(l, cpus, page_size, true, terms, e);
	/* An old server closes, says ERROR without a word, or says nothing to an option it does not
	 * know. */
	if (ret == -ECONNREFUSED && e && strstr(e->what, "gives no reason")) {
		first = *e;
		ret = connect_host(l, e);
		if (!ret)
			ret = init(l, cpus, page_size, false, terms, e);
		if (ret)
			*e = first;
	}
	return ret;
}

int virt_link_metadata(struct virt_link *l, const uint8_t *bytes, size_t len, struct err *e)
{
	struct msg m = { .type = MSG_SENDMETA };

	while (len) {
		uint32_t n = (uint32_t)min_u64(len, MSG_META_MAX);
		int ret;

		m.meta.data = bytes;
		m.meta.len = n;
		ret = send_msg(l, &m, e);
		if (ret)
			return ret;
		bytes += n;
		len -= n;
	}
	m = (struct msg){ .type = MSG_FINMETA };
	return send_msg(l, &m, e);
}

int virt_link_check(struct virt_link *l, struct err *e)
{
	struct pollfd p = { .fd = l->fd, .events = POLLIN };
	struct msg m;
	int ret;

	if (poll(&p, 1, 0) > 0 && p.revents & POLLIN) {
		ret = (int)fill(l, e);
		if (ret < 0)
			return ret;
	} else if (p.revents & (POLLHUP | POLLERR)) {
		return say_gone(e);
	}
	ret = take_msg(l, &m, e);
	if (ret == -EAGAIN)
		return 0;
	if (!ret)
		return err_say(e, ECANCELED, "the host ends the recording");
	return ret;
}

int virt_link_close(struct virt_link *l, const struct msg_total *total, uint32_t cpus,
		    struct err *e)
{
	AUTO_FREE struct msg *m = calloc(1, sizeof(*m));

	if (!m)
		return err_set(e, ENOMEM, "no memory for CLOSE");
	m->type = MSG_CLOSE;
	m->close.cpus = l->features & MSG_F_TOTALS ? cpus : 0;
	memcpy(m->close.total, total, m->close.cpus * sizeof(*total));
	return send_msg(l, m, e);
}

int virt_link_stored(struct virt_link *l, struct msg_total *stored, uint32_t cpus, uint64_t wait_ns,
		     struct err *e)
{
	AUTO_FREE struct msg *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return err_set(e, ENOMEM, "no memory for CLOSE");
	do
		ret = await_msg(l, m, wait_ns, e);
	while (!ret && m->type == MSG_CLOSE &&
	       !m->close.cpus); /* a wish to end that crossed ours */
	if (ret)
		return ret;
	if (m->type != MSG_CLOSE || m->close.cpus != cpus)
		return err_say(e, EPROTO, "the host's CLOSE tells of %u CPUs instead of %u",
			       m->close.cpus, cpus);
	memcpy(stored, m->close.total, cpus * sizeof(*stored));
	return 0;
}
