// SPDX-License-Identifier: GPL-2.0
/*
 * dest-net.c - a recording that goes to a listener on the network
 *
 * Theory of operation
 *
 * The control connection (net-link.c) is TCP or vsock; the pages of CPU N go to the port that the
 * listener names for it: over UDP a datagram each, over TCP and vsock a stream. Pages are never
 * waited for, see pump.c. A page that is too large for a datagram makes it TCP.
 *
 * Streams are connected to all ports at once, also those of CPUs that have nothing to say: an old
 * listener waits for each of them, and until it looks they wait in its backlog. They are closed
 * when all pages are in them, and before CLOSE: their end is how a listener knows that it has all.
 *
 * A listener gives us 5 s for each message up to FINMETA, so the metadata that take long are
 * collected before the greeting (.early_head). How much of them it takes depends on its generation:
 * V1 and V2 know version 6 up to the command lines. V3 takes a whole head of either version; the
 * listener puts the buffers behind it. Version 7 has no place for the names of further buffers
 * before their pages are there: they go to a listener of ours with the tail.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recording/dest-wire.h"
#include "recording/net-link.h"
#include "tracedat/writer.h"

enum {
	DATAGRAM_MAX =
		65515, /* bytes of the largest page that fits, as other implementations say */
	DATA_WAIT_S = 10,
};

struct dest_net {
	struct dest base;
	struct dest_net_opts opts;
	char host[NET_NAME_MAX];
	struct dest_shape shape;
	struct net_link *link;
	struct client_terms terms;
	enum net_kind kind; /* of the data */
	int *data;	    /* owned: one for each CPU number */
	struct buf tail;    /* owned: what version 7 has no place for in the head */
};

static struct dest_net *net_of(const struct dest *d)
{
	return container_of(d, struct dest_net, base);
}

static int refuse_buffers(const struct dest_net *n, struct err *e)
{
	if (n->kind == NET_UDP) {
		err_say(e, EOPNOTSUPP, "UDP cannot keep several buffers apart: no -B");
		err_hint(e, "-t sends the trace over TCP");
	} else {
		err_say(e, EOPNOTSUPP, "this listener cannot keep several buffers apart: no -B");
		err_hint(
			e, "%s",
			n->opts.gen && n->opts.gen < WIRE_V3
				? "leave out --protocol: version 3 may be able to"
				: "a 'trace-cmd listen' of this version can, or record into a file");
	}
	return -EOPNOTSUPP;
}

static int net_open(struct dest *d, const struct dest_shape *shape, struct err *e)
{
	struct dest_net *n = net_of(d);
	struct net_link_opts o = { .vsock = n->opts.kind == NET_VSOCK,
				   .host = n->host,
				   .port = n->opts.port,
				   .most = WIRE_V3,
				   .least = n->opts.kind == NET_VSOCK ? WIRE_V3 : WIRE_V1,
				   .peer = n->opts.peer };

	if (n->opts.gen)
		o.most = o.least = n->opts.gen;
	n->shape = *shape;
	n->kind = n->opts.kind;
	if (n->kind == NET_UDP && shape->page_size > DATAGRAM_MAX)
		n->kind = NET_TCP;
	if (n->kind == NET_UDP && shape->nbuffers > 1)
		return refuse_buffers(n, e);
	n->data = malloc(shape->cpu_count * sizeof(*n->data));
	if (!n->data)
		return err_set(e, ENOMEM, "no memory for %u connections", shape->cpu_count);
	for (uint32_t i = 0; i < shape->cpu_count; i++)
		n->data[i] = -1;
	n->link = net_link_new(&o, e);
	return n->link ? net_link_connect(n->link, e) : -ENOMEM;
}

static int connect_data(struct dest_net *n, struct err *e)
{
	int control = client_fd(net_link_client(n->link));

	for (uint32_t i = 0; i < n->shape.cpu_count; i++) {
		n->data[i] = net_connect_beside(n->kind, control, n->terms.port[i],
						DATA_WAIT_S * NSEC_PER_SEC, e);
		if (n->data[i] < 0)
			return n->data[i];
	}
	return 0;
}

static int net_begin(struct dest *d, struct err *e)
{
	struct dest_net *n = net_of(d);
	struct client_wish wish = { .cpus = n->shape.cpu_count,
				    .page_size = n->shape.page_size,
				    .tcp = n->kind == NET_TCP,
				    .vsock = n->kind == NET_VSOCK,
				    .features = n->kind == NET_UDP ? MSG_F_ALL_UDP : MSG_F_ALL };
	int ret = net_link_begin(n->link, &wish, &n->terms, e);

	if (!ret && n->shape.nbuffers > 1 && !(n->terms.features & MSG_F_MARKS))
		ret = refuse_buffers(n, e);
	return ret ? ret : connect_data(n, e);
}

static int net_sink(struct dest *d, size_t cpu_index, struct pump_opts *o, struct err *e)
{
	struct dest_net *n = net_of(d);

	(void)e;
	o->sink = n->data[n->shape.cpus[cpu_index]];
	o->datagram = n->kind == NET_UDP;
	o->seq = n->terms.features & MSG_F_SEQ;
	o->start_mark = n->terms.features & MSG_F_MARKS;
	o->stream_id = n->terms.stream_id;
	return 0;
}

/* The names of the further buffers, as option records for the tail. */
static int keep_buffers(struct dest_net *n, const struct tdat_head *head, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < head->noptions; i++)
		if (head->options[i].id == TDAT_OPT_BUFFER)
			ret = tdat_put_option(&n->tail, TDAT_OPT_BUFFER, head->options[i].data.p,
					      (uint32_t)head->options[i].data.len, e);
	return ret;
}

/* A file of version 7 without buffers, into @to. */
static int make_v7(const struct tdat_head *head, struct buf *to, struct err *e)
{
	struct tdat_file_plan plan = { .version = 7, .head = head };
	AUTO_FD fd = memfd_create("trace-metadata", MFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return err_set(e, errno, "cannot make version 7 metadata");
	ret = tdat_write(fd, "the metadata", &plan, e);
	if (!ret && lseek(fd, 0, SEEK_SET))
		ret = err_set(e, errno, "cannot read the metadata back");
	return ret ? ret : read_fd_all(fd, to, SIZE_MAX / 2, "the metadata", e);
}

static int send_v7(struct dest_net *n, const uint8_t *bytes, size_t len, struct err *e)
{
	struct buf file = { 0 };
	struct tdat_head head;
	int ret = tdat_head_parse(&head, bytes, len, e);

	if (ret)
		return ret;
	ret = keep_buffers(n, &head, e);
	if (!ret)
		ret = make_v7(&head, &file, e);
	if (!ret)
		ret = client_metadata(net_link_client(n->link), file.data, file.len, e);
	tdat_head_free(&head);
	buf_free(&file);
	return ret;
}

static int net_head(struct dest *d, const uint8_t *bytes, size_t len, struct err *e)
{
	struct dest_net *n = net_of(d);
	int ret = 0;

	if (n->terms.gen == WIRE_V3 && n->opts.version == 7)
		return send_v7(n, bytes, len, e);
	if (n->terms.gen != WIRE_V3)
		ret = dest_wire_cut(bytes, &len, e);
	return ret ? ret : client_metadata(net_link_client(n->link), bytes, len, e);
}

static int net_check(struct dest *d, struct err *e)
{
	return client_check(net_link_client(net_of(d)->link), e);
}

static int net_watch_fd(const struct dest *d)
{
	return client_fd(net_link_client(net_of(d)->link));
}

static void close_data(struct dest_net *n)
{
	for (uint32_t i = 0; n->data && i < n->shape.cpu_count; i++) {
		cleanup_fd(&n->data[i]);
		n->data[i] = -1;
	}
}

static int net_finish(struct dest *d, const struct dest_end *end, struct err *e)
{
	struct dest_net *n = net_of(d);
	struct dest_end own = *end;

	close_data(n);
	if (n->tail.len) {
		if (buf_add(&n->tail, end->tail, end->tail_len))
			return err_set(e, ENOMEM, "no memory for the end of the metadata");
		own.tail = n->tail.data;
		own.tail_len = n->tail.len;
	}
	return dest_wire_finish(net_link_client(n->link), &n->terms, &n->shape, &own, e);
}

static const char *net_note(const struct dest *d)
{
	const struct dest_net *n = net_of(d);

	if (n->kind != NET_UDP || n->terms.features & MSG_F_TOTALS)
		return NULL;
	return "the listener does not count what comes: pages that UDP lost on the way are unknown (-t would lose none)";
}

static void net_free(struct dest *d)
{
	struct dest_net *n = net_of(d);

	close_data(n);
	free(n->data);
	buf_free(&n->tail);
	net_link_free(n->link);
	free(n);
}

static const struct dest_ops net_ops = {
	.name = "network",
	.early_head = true,
	.open = net_open,
	.begin = net_begin,
	.sink = net_sink,
	.head = net_head,
	.check = net_check,
	.watch_fd = net_watch_fd,
	.finish = net_finish,
	.note = net_note,
	.free = net_free,
};

struct dest *dest_net_new(const struct dest_net_opts *o, struct err *e)
{
	struct dest_net *n = calloc(1, sizeof(*n));

	if (!n) {
		err_set(e, ENOMEM, "no memory for a recording");
		return NULL;
	}
	n->base.ops = &net_ops;
	n->opts = *o;
	snprintf(n->host, sizeof(n->host), "%s", o->host);
	return &n->base;
}
