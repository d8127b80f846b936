// SPDX-License-Identifier: GPL-2.0
/*
 * link.c - one control connection: bytes from and to a guest, as messages
 *
 * Theory of operation
 *
 * One buffer of the largest message's size each way is all that a guest can make us keep. Input is
 * decoded from its buffer as soon as a message is whole; msg_decode() judges the header before the
 * rest has come. A message that has begun has a deadline that its later bytes do not move, so one
 * byte a second holds a buffer, but not for ever.
 *
 * After a fault the link is lost in the stream: bytes are thrown away until the eight bytes of
 * TCONNECT are met at any offset.
 *
 * On a network the first bytes are those of the greeting, and there is no second chance: after a
 * fault, or when all is done, our direction is closed and what comes is thrown away until the peer
 * closes his, or LINGER is over. Closed at once, unread bytes would make the kernel throw away what
 * the peer has not read yet: the reason.
 *
 * A link never ends inside a call: it is marked, and .gone is called by a timer of no delay. So the
 * owner may free it there and nowhere else has to think of it.
 */
#include "session/link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum {
	ROUND = 65536,	  /* bytes read in one callback: others are served too */
	HELLO_ROOM = 256, /* of one answer of the greeting */
};

#define LINGER NSEC_PER_SEC

static const uint8_t tconnect[MSG_HEADER] = { 0, 0, 0, 8, 0, 0, 0, MSG_TCONNECT };
/* An agent's hello, behind its size: its command and the size of its fixed part. */
static const uint8_t agent_hello[] = { 0x74, 0x63, 0x78, 0x02, 0, 0, 0, 8 };
static const uint8_t agent_close[MSG3_HEADER] = { 0, 0, 0, MSG3_HEADER };
enum { HELLO_SIZE_LEN = 4 };

struct link {
	struct loop *loop;
	struct link_owner owner;
	struct watch watch; /* fd -1: none */
	struct timer patience, end;
	uint64_t patience_ns;
	bool net;
	struct hello_server hello;
	enum wire_gen gen; /* network: 0 until the greeting is over */
	unsigned int faults;
	bool parting;		    /* network: nothing is sent or understood any more */
	bool lost;		    /* skipping to the next TCONNECT */
	bool paused, busy;	    /* busy: in work_off() */
	bool over;		    /* .gone is due */
	struct err why;		    /* of .gone */
	uint32_t bad_size, bad_cmd; /* header of the message at hand, 0 = not known */
	size_t nin, nout;
	uint8_t in[MSG_MAX], out[MSG_MAX];
};

static void give_up(struct link *k, const struct err *e)
{
	if (k->over)
		return;
	k->over = true;
	if (e)
		k->why = *e;
	loop_disarm(&k->patience);
	loop_unwatch(&k->watch);
	loop_arm(k->loop, &k->end, 0);
}

static void end_fire(struct timer *t)
{
	struct link *k = container_of(t, struct link, end);

	k->owner.gone(k->owner.ctx, &k->why);
}

/* Output */

static void rewatch(struct link *k)
{
	struct err e = { 0 };

	if (!k->over && k->watch.loop &&
	    loop_rewatch(&k->watch, (k->paused ? 0 : EPOLLIN) | (k->nout ? EPOLLOUT : 0), &e))
		give_up(k, &e);
}

static void flush(struct link *k)
{
	struct err e = { 0 };
	ssize_t n;

	if (k->over || !k->nout)
		return;
	n = k->watch.fd < 0 ? (ssize_t)k->nout
			    : send(k->watch.fd, k->out, k->nout, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		err_set(&e, errno, "cannot answer on the control channel");
		give_up(k, &e);
		return;
	}
	if (n > 0) {
		k->nout -= (size_t)n;
		memmove(k->out, k->out + n, k->nout);
	}
	if (!k->nout && k->parting)
		shutdown(k->watch.fd, SHUT_WR);
	rewatch(k);
}

/* Nobody takes what is sent: the rest would be kept for ever. */
static void give_up_unread(struct link *k)
{
	struct err e = { 0 };

	err_say(&e, ENOBUFS, "the peer does not read its answers");
	give_up(k, &e);
}

static void send_bytes(struct link *k, const uint8_t *from, size_t n)
{
	if (n > sizeof(k->out) - k->nout) {
		give_up_unread(k);
		return;
	}
	memcpy(k->out + k->nout, from, n);
	k->nout += n;
	flush(k);
}

static int encode(const struct link *k, struct wcur *w, const struct msg *m)
{
	if (!k->net)
		return msg_encode(w, m);
	return k->gen ? wire_encode(k->gen, w, m) : 0;
}

void link_send(struct link *k, const struct msg *m)
{
	struct wcur w = wcur_make(k->out + k->nout, sizeof(k->out) - k->nout, true);

	if (k->over || k->parting)
		return;
	if (encode(k, &w, m)) {
		give_up_unread(k);
		return;
	}
	k->nout = sizeof(k->out) - w.left;
	flush(k);
}

void link_part(struct link *k)
{
	if (k->over || k->parting)
		return;
	k->parting = k->lost = true;
	k->paused = false;
	loop_disarm(&k->patience);
	if (!k->nout)
		shutdown(k->watch.fd, SHUT_WR);
	rewatch(k);
	if (!k->over)
		loop_arm(k->loop, &k->end, LINGER);
}

/* Faults */

void link_error(struct link *k, const struct err *e)
{
	struct msg m = { .type = MSG_ERROR };
	char text[MSG_MAX_REASON + sizeof(e->what) + sizeof(e->hint)];
	size_t n;

	err_text(e, text, sizeof(text));
	n = strlen(text);
	if (e->hint[0])
		snprintf(text + n, sizeof(text) - n, "; try: %s", e->hint);
	m.error.size = k->bad_size;
	m.error.cmd = k->bad_cmd;
	m.error.reason = text;
	link_send(k, &m);
	if (k->net) {
		link_part(k);
		return;
	}
	k->lost = true;
	loop_disarm(&k->patience);
	if (++k->faults >= LINK_MAX_FAULTS) {
		struct err many = { 0 };

		err_say(&many, EPROTO, "%u faults on one connection: it is closed", k->faults);
		give_up(k, &many);
	}
}

void link_forgive(struct link *k)
{
	k->faults = 0;
}

static void fault(struct link *k, const struct err *e)
{
	link_error(k, e);
	k->owner.fault(k->owner.ctx, e);
}

static void patience_fire(struct timer *t)
{
	struct link *k = container_of(t, struct link, patience);
	struct rcur c = rcur_make(k->in, k->nin, true);
	uint32_t size = rcur_u32(&c), cmd = rcur_u32(&c);
	const char *name = c.bad || k->net ? NULL : msg_name(cmd);
	struct err e = { 0 };

	k->bad_size = c.bad ? 0 : size;
	k->bad_cmd = c.bad ? 0 : cmd;
	if (name)
		err_say(&e, ETIMEDOUT, "only %zu of %u bytes of %s came in %.1f s", k->nin, size,
			name, (double)k->patience_ns / NSEC_PER_SEC);
	else
		err_say(&e, ETIMEDOUT, "only %zu bytes of a message came in %.1f s", k->nin,
			(double)k->patience_ns / NSEC_PER_SEC);
	fault(k, &e);
}

/* Input */

static void drop_input(struct link *k, size_t n)
{
	k->nin -= n;
	memmove(k->in, k->in + n, k->nin);
}

/* Where TCONNECT or an agent's hello begins, whatever comes first; NULL: nowhere. */
static const uint8_t *find_start(const struct link *k)
{
	const uint8_t *a = memmem(k->in, k->nin, tconnect, sizeof(tconnect)), *b = NULL;

	if (k->nin > HELLO_SIZE_LEN)
		b = memmem(k->in + HELLO_SIZE_LEN, k->nin - HELLO_SIZE_LEN, agent_hello,
			   sizeof(agent_hello));
	b = b ? b - HELLO_SIZE_LEN : NULL;
	return a && (!b || a < b) ? a : b;
}

/* Lost: find a start, or keep the few bytes that may be the beginning of one. */
static bool find_again(struct link *k)
{
	const uint8_t *at = k->net ? NULL : find_start(k);
	size_t keep = HELLO_SIZE_LEN + sizeof(agent_hello) - 1;

	if (at) {
		drop_input(k, (size_t)(at - k->in));
		k->lost = false;
		return true;
	}
	if (k->nin > keep)
		drop_input(k, k->nin - keep);
	return false;
}

/* A step of the greeting; false: more bytes are needed. */
static bool greet(struct link *k)
{
	struct rcur in = rcur_make(k->in, k->nin, true);
	uint8_t bytes[HELLO_ROOM];
	struct wcur out = wcur_make(bytes, sizeof(bytes), true);
	size_t before = k->nin;
	struct err e = { 0 };
	int rc = hello_server_step(&k->hello, &in, &out, &e);

	if (rc == HELLO_MORE && in.left == sizeof(k->in))
		rc = err_say(&e, EPROTO, "sent %zu bytes that are no greeting", in.left);
	if (rc < 0) {
		fault(k, &e);
		return false;
	}
	drop_input(k, k->nin - in.left);
	send_bytes(k, bytes, sizeof(bytes) - out.left);
	if (rc == HELLO_MORE || k->over)
		return k->nin < before;
	k->gen = k->hello.gen;
	loop_disarm(&k->patience);
	k->owner.greeted(k->owner.ctx, k->gen);
	return true;
}

static int decode(const struct link *k, struct rcur *in, struct msg *m, struct err *e)
{
	enum msg_state s = k->owner.expects(k->owner.ctx);

	return k->net ? wire_decode(k->gen, in, s, m, e) : msg_decode(in, s, m, e);
}

/* An agent's hello where a message begins. False: it is none, or not whole; *more says which. */
static bool take_agent(struct link *k, bool *more)
{
	struct rcur in = rcur_make(k->in, k->nin, true);
	struct agent_hello h;
	int rc = agent_hello_get(&in, &h, NULL);

	*more = rc == -EAGAIN && k->nin >= MSG_HEADER;
	if (rc)
		return false;
	loop_disarm(&k->patience);
	k->owner.agent(k->owner.ctx, &h);
	drop_input(k, k->nin - in.left);
	return true;
}

/* One message; false: there is none (yet). */
static bool one_message(struct link *k)
{
	bool more = false;

	struct rcur in = rcur_make(k->in, k->nin, true), head = in;
	struct err e = { 0 };
	struct msg m;
	int rc;

	if (k->lost && !find_again(k))
		return false;
	if (k->net && !k->gen)
		return greet(k);
	if (k->owner.agent && take_agent(k, &more))
		return true;
	if (more)
		return false;
	in = head = rcur_make(k->in, k->nin, true);
	k->bad_size = rcur_u32(&head);
	k->bad_cmd = rcur_u32(&head);
	rc = decode(k, &in, &m, &e);
	if (rc == -EAGAIN)
		return false;
	if (!rc)
		rc = k->owner.message(k->owner.ctx, &m, &e);
	loop_disarm(&k->patience); /* what comes behind it has its own time */
	/* Borrowed parts of @m end here. After a fault in the frame, skip it byte by byte. */
	drop_input(k, rc == -EPROTO && in.left == k->nin ? 1 : k->nin - in.left);
	if (rc)
		fault(k, &e);
	return true;
}

static void work_off(struct link *k)
{
	if (k->busy)
		return;
	k->busy = true;
	while (!k->over && !k->paused && one_message(k))
		;
	k->busy = false;
	if (k->over)
		return;
	if (!k->nin || k->lost || k->paused || k->patience_ns == UINT64_MAX)
		loop_disarm(&k->patience);
	else if (!k->patience.loop)
		loop_arm(k->loop, &k->patience, k->patience_ns);
}

bool link_feed(struct link *k, const uint8_t *bytes, size_t len)
{
	while (len && !k->over) {
		size_t n = min_u64(len, sizeof(k->in) - k->nin);

		if (!n)
			return !k->over; /* paused and full: the rest is dropped */
		memcpy(k->in + k->nin, bytes, n);
		k->nin += n;
		bytes += n;
		len -= n;
		work_off(k);
	}
	return !k->over;
}

static void read_some(struct link *k)
{
	struct err e = { 0 };

	for (size_t done = 0; done < ROUND && !k->over && !k->paused;) {
		size_t room = sizeof(k->in) - k->nin;
		ssize_t n = read(k->watch.fd, k->in + k->nin, room);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0)
			err_set(&e, errno, "cannot read the control channel");
		if (n <= 0) {
			give_up(k, &e);
			return;
		}
		k->nin += (size_t)n;
		done += (size_t)n;
		work_off(k);
	}
}

static void link_ready(struct watch *w, uint32_t events)
{
	struct link *k = container_of(w, struct link, watch);

	if (events & EPOLLOUT)
		flush(k);
	if (!k->over && k->paused && (events & (EPOLLHUP | EPOLLERR)))
		give_up(k, NULL);
	if (!k->over && !k->paused)
		read_some(k);
}

void link_pause(struct link *k, bool on)
{
	k->paused = on;
	rewatch(k);
	if (!on)
		work_off(k);
}

bool link_is_quiet(const struct link *k)
{
	return !k->over && !k->paused && !k->lost && !k->nin && !k->nout;
}

int link_lend(struct link *k)
{
	k->paused = true;
	loop_disarm(&k->patience);
	rewatch(k); /* for its end alone */
	return k->watch.fd;
}

void link_say_close(struct link *k)
{
	if (!k->over)
		send_bytes(k, agent_close, sizeof(agent_close));
}

void link_say_stop(struct link *k)
{
	if (!k->over)
		send_bytes(k, (const uint8_t *)"0\n", 2);
}

void link_dismiss(struct link *k)
{
	k->lost = true;
	link_say_close(k);
}

void link_back(struct link *k)
{
	struct err e = { 0 };

	if (k->over)
		return;
	k->paused = false;
	k->lost = true;
	if (set_nonblock(k->watch.fd, &e)) {
		give_up(k, &e);
		return;
	}
	rewatch(k);
	link_say_close(k);
}

struct link *link_new(struct loop *l, int fd, const struct link_owner *owner, uint64_t patience_ns,
		      struct err *e)
{
	struct link *k = calloc(1, sizeof(*k));

	if (!k) {
		err_set(e, ENOMEM, "no memory for a connection");
		return NULL;
	}
	k->loop = l;
	k->owner = *owner;
	k->patience_ns = patience_ns;
	k->watch = (struct watch){ .fd = fd, .ready = link_ready };
	k->patience.fire = patience_fire;
	k->end.fire = end_fire;
	if (fd >= 0 && loop_watch(l, &k->watch, EPOLLIN, e)) {
		free(k);
		return NULL;
	}
	return k;
}

struct link *link_new_net(struct loop *l, int fd, enum wire_gen most,
			  const struct link_owner *owner, uint64_t patience_ns, struct err *e)
{
	uint8_t bytes[HELLO_ROOM];
	struct wcur out = wcur_make(bytes, sizeof(bytes), true);
	struct link *k = link_new(l, fd, owner, patience_ns, e);

	if (!k)
		return NULL;
	k->net = true;
	hello_server_begin(&k->hello, most);
	hello_server_greet(&out);
	send_bytes(k, bytes, sizeof(bytes) - out.left);
	return k;
}

void link_free(struct link *k)
{
	if (!k)
		return;
	loop_disarm(&k->patience);
	loop_disarm(&k->end);
	loop_unwatch(&k->watch);
	cleanup_fd(&k->watch.fd);
	free(k);
}
