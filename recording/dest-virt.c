// SPDX-License-Identifier: GPL-2.0
/*
 * dest-virt.c - a recording that goes to the host over virtio-serial
 *
 * Theory of operation
 *
 * The control port speaks trace-msg V2 (virt-link.c). The pages of CPU N are spliced into the port
 * trace-path-cpuN. Ports are opened before anything is said: a guest without them is told so at
 * once. All ports are non-blocking: see pump.c for why the guest is never held up.
 *
 * Pages may flow as soon as the host said RINIT and granted marks: it finds their beginning by the
 * mark page, metadata or not. An old host reads only after FINMETA; its pages wait in the port.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recording/dest-wire.h"
#include "recording/virt-link.h"
#include "recording/virt-ports.h"
#include "transport/virtio-port.h"

struct dest_virt {
	struct dest base;
	const char *peer;
	struct dest_shape shape;
	struct client *client;
	struct client_terms terms;
	int ctl;
	int *ports; /* owned: one for each CPU of the shape */
};

static struct dest_virt *virt_of(const struct dest *d)
{
	return container_of(d, struct dest_virt, base);
}

/* A guest may have more ports than CPUs, for those that are plugged in later. */
static uint32_t virt_places(struct dest *d)
{
	(void)d;
	return virt_ports_count();
}

static int virt_open(struct dest *d, const struct dest_shape *shape, struct err *e)
{
	struct dest_virt *v = virt_of(d);
	struct virt_link_opts o = { .peer = v->peer };
	int ret;

	v->shape = *shape;
	v->ctl = vport_open(VIRT_CTL_PORT, O_RDWR, e);
	if (v->ctl < 0)
		return v->ctl;
	if (vport_host_gone(v->ctl)) {
		err_say(e, ENOTCONN, "no virt-server: nothing on the host is connected to port %s",
			VIRT_CTL_PORT);
		return err_hint(
			e,
			"start 'trace-cmd virt-server' on the host; QEMU finds one that is started later only with reconnect=1");
	}
	ret = virt_ports_open(v->shape.cpus, v->shape.ncpus, &v->ports, e);
	if (ret)
		return ret;
	o.fd = v->ctl;
	v->client = virt_link_new(&o, e);
	return v->client ? 0 : -ENOMEM;
}

static int virt_begin(struct dest *d, struct err *e)
{
	struct dest_virt *v = virt_of(d);
	int ret = virt_link_begin(v->client, v->shape.cpu_count, v->shape.page_size, &v->terms, e);

	if (!ret && v->shape.nbuffers > 1 && !(v->terms.features & MSG_F_MARKS))
		ret = err_say(e, EOPNOTSUPP,
			      "this host's virt-server cannot keep several buffers apart: no -B");
	return ret;
}

static int virt_sink(struct dest *d, size_t cpu_index, struct pump_opts *o, struct err *e)
{
	struct dest_virt *v = virt_of(d);

	(void)e;
	o->sink = v->ports[cpu_index];
	o->start_mark = v->terms.features & MSG_F_MARKS;
	o->stream_id = v->terms.stream_id;
	return 0;
}

/* A peer without MSG_F_TAIL wants the metadata to end behind the command lines. */
static int virt_head(struct dest *d, const uint8_t *bytes, size_t len, struct err *e)
{
	struct dest_virt *v = virt_of(d);
	int ret = v->terms.features & MSG_F_TAIL ? 0 : dest_wire_cut(bytes, &len, e);

	return ret ? ret : client_metadata(v->client, bytes, len, e);
}

static int virt_check(struct dest *d, struct err *e)
{
	return client_check(virt_of(d)->client, e);
}

static int virt_watch_fd(const struct dest *d)
{
	return virt_of(d)->ctl;
}

static int virt_finish(struct dest *d, const struct dest_end *end, struct err *e)
{
	struct dest_virt *v = virt_of(d);

	return dest_wire_finish(v->client, &v->terms, &v->shape, end, e);
}

static void virt_free(struct dest *d)
{
	struct dest_virt *v = virt_of(d);

	virt_ports_close(v->ports, v->shape.ncpus);
	cleanup_fd(&v->ctl);
	client_free(v->client);
	free(v);
}

static const struct dest_ops virt_ops = {
	.name = "virtio-serial",
	.places = virt_places,
	.open = virt_open,
	.begin = virt_begin,
	.sink = virt_sink,
	.head = virt_head,
	.check = virt_check,
	.watch_fd = virt_watch_fd,
	.finish = virt_finish,
	.free = virt_free,
};

struct dest *dest_virt_new(const char *peer, struct err *e)
{
	struct dest_virt *v = calloc(1, sizeof(*v));

	if (!v) {
		err_set(e, ENOMEM, "no memory for a recording");
		return NULL;
	}
	v->base.ops = &virt_ops;
	v->peer = peer;
	v->ctl = -1;
	return &v->base;
}
