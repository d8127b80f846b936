// SPDX-License-Identifier: GPL-2.0
/*
 * dest-agent.c - a recording that a host has asked for, from TRACE_RESP on
 *
 * Theory of operation
 *
 * Where the host has virtio ports of this guest, the pages go there, as soon as there are any.
 * Otherwise a port is opened for each CPU at the address that the host has reached already, and the
 * host connects when it has the head: until then the rings keep what comes. TRACE_RESP names the
 * ports, so it is sent when all else is prepared, and a host that waits for it waits for no more
 * than that. Only the host of the control connection is let in.
 *
 * The agent's loop says when it is over (dest_agent_end()), through an eventfd, on which each wait
 * here has an eye as well.
 */
#include "recording/dest-agent.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recording/dest-wire.h"
#include "recording/virt-ports.h"

enum { CONNECT_WAIT_S = 120 }; /* a released host first compares its clock with each CPU of ours */

struct dest_agent {
	struct dest base;
	struct dest_agent_opts opts;
	struct dest_shape shape;	     /* its .cpus only as long as the recording runs */
	bool ports;			     /* virtio */
	int *sinks;			     /* owned: of each CPU of the shape */
	struct msg_total sent[MSG_MAX_CPUS]; /* by CPU number, from .finish on */
	int listener[MSG_MAX_CPUS];
	uint32_t port[MSG_MAX_CPUS];
	uint32_t features;
	_Atomic bool finished;
	int wake; /* eventfd: .ended is set */
	pthread_mutex_t lock;
	bool ended;
	struct err why; /* .code 0: the host wants it */
};

static struct dest_agent *agent_of(const struct dest *d)
{
	return container_of(d, struct dest_agent, base);
}

static int has_ended(struct dest_agent *a, struct err *e)
{
	int ret = 0;

	pthread_mutex_lock(&a->lock);
	if (a->ended) {
		ret = a->why.code ? -a->why.code : -ECANCELED;
		if (e)
			*e = a->why;
	}
	pthread_mutex_unlock(&a->lock);
	if (ret == -ECANCELED)
		return err_say(e, ECANCELED, "the host ends the recording");
	return ret;
}

void dest_agent_end(struct dest *d, const struct err *why)
{
	struct dest_agent *a = agent_of(d);
	uint64_t one = 1;

	pthread_mutex_lock(&a->lock);
	if (!a->ended && why)
		a->why = *why;
	a->ended = true;
	pthread_mutex_unlock(&a->lock);
	(void)!write(a->wake, &one, sizeof(one)); /* an eventfd takes a 1 always */
}

bool dest_agent_finished(const struct dest *d)
{
	return agent_of(d)->finished;
}

/* Before tracefs is touched */

static int open_listeners(struct dest_agent *a, struct err *e)
{
	uint32_t from = NET_DATA_PORT;

	a->sinks = malloc(a->shape.ncpus * sizeof(*a->sinks));
	if (!a->sinks)
		return err_set(e, ENOMEM, "no memory for %zu CPUs", a->shape.ncpus);
	for (size_t i = 0; i < a->shape.ncpus; i++)
		a->sinks[i] = -1;
	for (uint32_t cpu = 0; cpu < a->shape.cpu_count; cpu++) {
		a->listener[cpu] = net_data_port(a->opts.kind, a->opts.control, &from, e);
		if (a->listener[cpu] < 0)
			return a->listener[cpu];
		a->port[cpu] = from - 1;
	}
	return 0;
}

/* Does the host read virtio ports of this guest, or want to? */
static bool wants_ports(const struct dest_agent *a)
{
	return a->opts.control < 0 || a->opts.fifos;
}

/* A CPU that is plugged in later has a port where there are more ports than CPUs. */
static uint32_t agent_places(struct dest *d)
{
	return wants_ports(agent_of(d)) ? virt_ports_count() : 0;
}

static int agent_open(struct dest *d, const struct dest_shape *shape, struct err *e)
{
	struct dest_agent *a = agent_of(d);
	struct err missing = { 0 };
	int ret;

	a->shape = *shape;
	if (a->opts.ext.present)
		a->features = a->opts.ext.features & MSG_F_ALL & ~MSG_F_SEQ;
	if (shape->nbuffers > 1 && !(a->features & MSG_F_MARKS))
		return err_say(e, EOPNOTSUPP, "this host cannot keep several buffers apart: no -B");
	if (wants_ports(a)) {
		ret = virt_ports_open(shape->cpus, shape->ncpus, &a->sinks, &missing);
		a->ports = !ret;
		if (!ret || a->opts.control < 0) {
			if (ret && e)
				*e = missing;
			return ret;
		}
		virt_ports_close(a->sinks, shape->ncpus);
		a->sinks = NULL;
	}
	d->head_first = true;
	return open_listeners(a, e);
}

/* TRACE_RESP */
static int agent_begin(struct dest *d, struct err *e)
{
	struct dest_agent *a = agent_of(d);
	struct agent_resp resp = { .fifos = a->ports,
				   .cpus = a->shape.cpu_count,
				   .page_size = a->shape.page_size,
				   .trace_id = a->opts.trace_id,
				   .sync_port = a->opts.sync_port };
	uint8_t frame[MSG3_MAX];
	struct wcur w = wcur_make(frame, sizeof(frame), true);
	int ret = has_ended(a, e);

	if (ret)
		return ret;
	snprintf(resp.proto, sizeof(resp.proto), "%s", a->opts.proto);
	memcpy(resp.port, a->port, sizeof(resp.port));
	if (a->opts.ext.present)
		resp.ext = (struct msg_ext){ .present = true,
					     .features = a->features,
					     .peer = a->opts.peer };
	if (agent_resp_put(&w, &resp))
		return err_say(e, EMSGSIZE, "the answer for %u CPUs does not fit into a message",
			       resp.cpus);
	ret = guest_link_send(a->opts.link, frame, sizeof(frame) - w.left, e);
	return ret;
}

/* While pages flow, or before */

static int accept_host(struct dest_agent *a, uint32_t cpu, struct err *e)
{
	uint64_t deadline = now_ns() + CONNECT_WAIT_S * NSEC_PER_SEC;
	struct pollfd p[] = { { .fd = a->listener[cpu], .events = POLLIN },
			      { .fd = a->wake, .events = POLLIN } };

	while (now_ns() < deadline) {
		struct net_addr who;
		int ret, fd = net_accept(a->listener[cpu], &who, e);

		if (fd < 0 && fd != -EAGAIN)
			return fd;
		if (fd >= 0 && net_addr_same(&who, &a->opts.host))
			return fd;
		cleanup_fd(&fd);
		/* Only now: a host may connect and say CLOSE at once. */
		ret = has_ended(a, e);
		if (ret)
			return ret;
		poll(p, ARRAY_SIZE(p), 1000);
	}
	return err_say(e, ETIMEDOUT, "the host has not connected to port %u for CPU %u",
		       a->port[cpu], cpu);
}

static int agent_sink(struct dest *d, size_t cpu_index, struct pump_opts *o, struct err *e)
{
	struct dest_agent *a = agent_of(d);

	if (!a->ports) {
		int fd = accept_host(a, a->shape.cpus[cpu_index], e);

		if (fd < 0)
			return fd;
		a->sinks[cpu_index] = fd;
	}
	o->sink = a->sinks[cpu_index];
	o->start_mark = a->features & MSG_F_MARKS;
	o->stream_id = a->opts.ext.stream_id;
	return 0;
}

/* SEND_DATA .. FIN_DATA */
static int send_data(struct dest_agent *a, const uint8_t *bytes, size_t len, struct err *e)
{
	uint8_t frame[MSG3_MAX];
	int ret = 0;

	do {
		uint32_t n = (uint32_t)min_u64(len, MSG3_DATA_MAX);
		struct msg3 m = { .type = n ? MSG3_SEND_DATA : MSG3_FIN_DATA,
				  .buf = bytes,
				  .len = n };
		struct wcur w = wcur_make(frame, sizeof(frame), true);

		if (msg3_encode(&w, &m))
			return err_say(e, EMSGSIZE, "metadata do not fit into a message");
		ret = guest_link_send(a->opts.link, frame, sizeof(frame) - w.left, e);
		if (m.type == MSG3_FIN_DATA)
			return ret;
		bytes += n;
		len -= n;
	} while (!ret);
	return ret;
}

static int agent_head(struct dest *d, const uint8_t *bytes, size_t len, struct err *e)
{
	return send_data(agent_of(d), bytes, len, e);
}

static int agent_check(struct dest *d, struct err *e)
{
	return has_ended(agent_of(d), e);
}

static int agent_watch_fd(const struct dest *d)
{
	return agent_of(d)->wake;
}

/* The end */

static void close_sinks(struct dest_agent *a)
{
	virt_ports_close(a->sinks, a->shape.ncpus);
	a->sinks = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(a->listener); i++) {
		cleanup_fd(&a->listener[i]);
		a->listener[i] = -1;
	}
}

int dest_agent_closed(const struct dest *d, struct wcur *to)
{
	const struct dest_agent *a = agent_of(d);
	struct msg3 plain = { .type = MSG3_CLOSE_RESP };

	return a->features & MSG_F_TOTALS ? agent_closed_put(to, a->shape.cpu_count, a->sent)
					  : msg3_encode(to, &plain);
}

static int agent_finish(struct dest *d, const struct dest_end *end, struct err *e)
{
	struct dest_agent *a = agent_of(d);
	int ret = 0;

	close_sinks(a); /* for sockets: the end of the streams */
	if (a->features & MSG_F_TAIL)
		ret = send_data(a, end->tail, end->tail_len, e);
	dest_wire_sent(&a->shape, end->totals, a->sent);
	a->finished = !ret;
	return ret;
}

static void agent_free(struct dest *d)
{
	struct dest_agent *a = agent_of(d);

	close_sinks(a);
	cleanup_fd(&a->wake);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static const struct dest_ops agent_ops = {
	.name = "agent",
	.early_head = true,
	.places = agent_places,
	.open = agent_open,
	.begin = agent_begin,
	.sink = agent_sink,
	.head = agent_head,
	.check = agent_check,
	.watch_fd = agent_watch_fd,
	.finish = agent_finish,
	.free = agent_free,
};

struct dest *dest_agent_new(const struct dest_agent_opts *o, struct err *e)
{
	struct dest_agent *a = calloc(1, sizeof(*a));

	if (!a) {
		err_set(e, ENOMEM, "no memory for a recording");
		return NULL;
	}
	a->base.ops = &agent_ops;
	a->opts = *o;
	for (size_t i = 0; i < ARRAY_SIZE(a->listener); i++)
		a->listener[i] = -1;
	pthread_mutex_init(&a->lock, NULL);
	a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->wake >= 0)
		return &a->base;
	err_set(e, errno, "cannot make an eventfd");
	agent_free(&a->base);
	return NULL;
}
