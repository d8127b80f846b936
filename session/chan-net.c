// SPDX-License-Identifier: GPL-2.0
/*
 * chan-net.c - a data channel on the network: a stream of its own, or datagrams
 *
 * Theory of operation
 *
 * The port is open to everybody who can reach it, so each connection and each datagram is compared
 * with the address of the control connection. A stream (TCP, vsock) is taken once; then the port is
 * closed, and all else is as with a unix socket (chan.c).
 *
 * A datagram is one page. It may be lost, come late or come twice, and the reader of the file must
 * know: the next page that is kept says that events were lost before it (page_set_missed()), and
 * the bytes are counted. What is missing is known
 *   - from the number behind each page, where that was agreed on (MSG_F_SEQ): what was sent before
 *     it. Whatever is behind its place by then is dropped
 *   - else only where our own socket was full: the kernel counts what it drops (SO_RXQ_OVFL), in
 *     front of which datagram; at the end of the stream SO_MEMINFO has the last of them
 * Pages are received side by side, as many as the scratch holds, and go to the disk with one write.
 */
#include "session/chan_local.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/io.h"
#include "tracedat/page.h"

enum {
	BATCH = 64,  /* datagrams of one call */
	SEQ_LEN = 8, /* the be64 behind a page */
};

/* --- streams --- */

static void net_accept_ready(struct watch *w, uint32_t events)
{
	struct chan *c = container_of(w, struct chan, listen);
	char text[NET_ADDR_TEXT];
	struct net_addr from;
	struct err e = { 0 };
	AUTO_FD fd = net_accept(w->fd, &from, &e);

	(void)events;
	if (fd == -EAGAIN)
		return;
	if (fd < 0) { /* it would be tried without end: the recording ends without this CPU */
		log_err(c->env->log, &e);
		c->n.ended = true;
		chan_deaf(c);
		return;
	}
	if (!net_addr_same(&from, &c->peer)) {
		log_warn(c->env->log, "%s: a connection from %s is refused", c->at.path,
			 net_addr_text(&from, text, sizeof(text)));
		return;
	}
	chan_deaf(c);
	c->n.will_end = true;
	chan_take(c, steal_fd(&fd));
}

/* --- datagrams --- */

struct batch {
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH][2];
	struct net_addr from[BATCH];
	uint8_t behind[BATCH][SEQ_LEN + 1]; /* one more: a datagram that is too long is seen */
	uint8_t control[BATCH][CMSG_SPACE(sizeof(uint32_t))] __attribute__((aligned(8)));
};

static void prepare(struct chan *c, struct batch *b, unsigned int n)
{
	uint32_t page = c->use.page_size;

	for (unsigned int i = 0; i < n; i++) {
		b->iov[i][0] = (struct iovec){ c->env->scratch + (size_t)i * page, page };
		b->iov[i][1] = (struct iovec){ b->behind[i], sizeof(b->behind[i]) };
		b->msgs[i].msg_hdr = (struct msghdr){ .msg_name = &b->from[i].sa,
						      .msg_namelen = sizeof(b->from[i].sa),
						      .msg_iov = b->iov[i],
						      .msg_iovlen = 2,
						      .msg_control = b->control[i],
						      .msg_controllen = sizeof(b->control[i]) };
	}
}

/* From the peer? The first one fixes its port, and from then on the kernel refuses others. */
static bool is_peers(struct chan *c, const struct net_addr *from)
{
	if (!net_addr_same(from, &c->peer))
		return false;
	if (c->bound)
		return net_addr_port(from) == net_addr_port(&c->peer);
	c->bound = true;
	c->peer = *from;
	if (connect(c->watch.fd, (const struct sockaddr *)&from->sa, from->len))
		errno = 0; /* then only we refuse them */
	return true;
}

/* @n bytes of pages will not come. */
static void missed(struct chan *c, uint64_t n)
{
	c->n.missed += n;
	c->gap |= n > 0;
}

/* @now: how many datagrams the socket has dropped since it was made, modulo 2^32. */
static void dropped(struct chan *c, uint32_t now)
{
	missed(c, (uint64_t)(uint32_t)(now - c->dropped) * c->use.page_size);
	c->dropped = now;
}

/* What the socket dropped before this datagram. */
static void look_before(struct chan *c, struct msghdr *m)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	uint32_t now;

	if (c->use.seq || !h || h->cmsg_level != SOL_SOCKET || h->cmsg_type != SO_RXQ_OVFL)
		return;
	memcpy(&now, CMSG_DATA(h), sizeof(now));
	dropped(c, now);
}

/* What it dropped behind the last one. */
static void look_behind(struct chan *c)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (!c->use.seq && !getsockopt(c->watch.fd, SOL_SOCKET, SO_MEMINFO, info, &len) &&
	    len > SK_MEMINFO_DROPS * sizeof(info[0]))
		dropped(c, info[SK_MEMINFO_DROPS]);
}

static bool odd(struct chan *c, const struct net_addr *from, unsigned int len, const char *why)
{
	char text[NET_ADDR_TEXT];

	c->n.odd++;
	log_line(c->env->log, c->told ? LOG_DEBUG : LOG_WARN,
		 "%s: a datagram of %u bytes from %s is dropped: %s", c->at.path, len,
		 net_addr_text(from, text, sizeof(text)), why);
	c->told = true;
	return false;
}

/* Is this page in its place? */
static bool in_order(struct chan *c, const uint8_t *behind)
{
	struct rcur r = rcur_make(behind, SEQ_LEN, true);
	uint64_t before = rcur_u64(&r), page = c->use.page_size;

	if (before % page || before < c->next || before > UINT64_MAX - page)
		return false;
	missed(c, before - c->next);
	c->next = before + page;
	return true;
}

/* Datagram @i: does its page belong into the file? Marked, if some are missing before it. */
static bool is_page(struct chan *c, struct batch *b, unsigned int i)
{
	uint32_t page = c->use.page_size;
	unsigned int len = b->msgs[i].msg_len;

	b->from[i].len = b->msgs[i].msg_hdr.msg_namelen;
	look_before(c, &b->msgs[i].msg_hdr);
	if (!is_peers(c, &b->from[i]))
		return odd(c, &b->from[i], len, "another one is being recorded");
	if (len != page + (c->use.seq ? SEQ_LEN : 0)) {
		if (!c->use.seq)
			missed(c, page); /* else the next one says it */
		return odd(c, &b->from[i], len, "it is no page");
	}
	if (c->use.seq && !in_order(c, b->behind[i]))
		return odd(c, &b->from[i], len, "it is late, or came twice");
	if (c->gap)
		c->n.marked += page_set_missed(c->env->scratch + (size_t)i * page, page);
	c->gap = false;
	return true;
}

/* Pages [from, to) of the scratch: what the session and the disk allow. */
static void keep_run(struct chan *c, unsigned int from, unsigned int to)
{
	uint64_t page = c->use.page_size, n = (to - from) * page;
	uint64_t keep = c->disk_failed ? 0 : c->use.allow(c->use.ctx, n) / page * page;

	if (!n)
		return;
	chan_keep(c, c->env->scratch + from * page, keep);
	if (keep == n)
		return;
	chan_lose(c, n - keep);
	c->gap = true;
}

static unsigned int keep_batch(struct chan *c, struct batch *b, unsigned int n)
{
	unsigned int start = 0, good = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (is_page(c, b, i)) {
			good++;
			continue;
		}
		keep_run(c, start, i);
		start = i + 1;
	}
	keep_run(c, start, n);
	return good;
}

static void throw_away(struct chan *c)
{
	while (recv(c->watch.fd, c->env->scratch, CHAN_SCRATCH, MSG_DONTWAIT) >= 0)
		;
}

int chan_pump_datagrams(struct chan *c, uint64_t budget)
{
	uint64_t done = 0, good = 0;
	struct batch b;

	if (c->mode == CHAN_IDLE) {
		throw_away(c);
		return REC_IDLE;
	}
	while (done < budget) {
		unsigned int most = min_u64(BATCH, CHAN_SCRATCH / c->use.page_size);
		int n;

		prepare(c, &b, most);
		n = recvmmsg(c->watch.fd, b.msgs, most, MSG_DONTWAIT, NULL);
		if (n <= 0) { /* also what ICMP has to say about a peer that closed its socket */
			look_behind(c);
			break;
		}
		good += keep_batch(c, &b, (unsigned int)n);
		done += (uint64_t)n * c->use.page_size;
	}
	return good ? REC_BUDGET : REC_IDLE;
}

/* --- */

struct chan *chan_open_net(const struct chan_env *env, enum net_kind kind, int control,
			   const struct net_addr *peer, uint32_t cpu, uint32_t *port, struct err *e)
{
	struct guest_chan at = { .cpu = cpu, .kind = GUEST_CHAN_SOCKET };
	AUTO_FD fd = net_data_port(kind, control, port, e);
	struct chan *c;

	if (fd < 0)
		return NULL;
	snprintf(at.path, sizeof(at.path), "%s port %u", net_kind_name(kind), *port - 1);
	c = chan_alloc(env, &at, net_accept_ready, e);
	if (!c)
		return NULL;
	c->port = *port - 1;
	c->peer = *peer;
	c->datagrams = kind == NET_UDP;
	if (c->datagrams) {
		chan_take(c, steal_fd(&fd));
		return c;
	}
	c->listen.fd = steal_fd(&fd);
	if (!loop_watch(env->loop, &c->listen, EPOLLIN, e))
		return c;
	chan_close(c);
	return NULL;
}

uint32_t chan_port(const struct chan *c)
{
	return c->port;
}
