// SPDX-License-Identifier: GPL-2.0
/*
 * text.c - QEMU's options and libvirt's XML for a domain's channels
 *
 * Theory of operation
 *
 * Both are made from one list: channel 0 is control, channel n is the data of CPU n - 1. What is on
 * the host behind a port does not matter to the guest; the port's name is the protocol.
 *
 * Sockets reconnect, so that guests boot before the server and outlive its restarts. QEMU's pipe
 * chardev has its FIFO open for reading and writing and needs no such thing.
 *
 * libvirt's system daemon gives a socket it connects to to QEMU's user, and takes it back when that
 * one guest ends: wrong for a socket that the server made for all guests, and an error when the
 * server is not up yet. <seclabel relabel='no'> stops that. The session daemon has no such model
 * and refuses the element, so it is there for the system daemon only.
 */
#include <errno.h>

#include "guests/setup.h"

/*
 * A controller tells the guest of its ports in a queue of 32 messages, some for each port, and QEMU
 * drops what finds no room: of 17 ports, 3 stayed closed for ever in the guest (QEMU 7.2). With 8
 * there is room. A PCI bus has no place for as many controllers as 256 CPUs would want then.
 */
enum { PORTS_MIN = 8, CONTROLLERS_MAX = 20 };

static unsigned int ports_per_controller(const struct guest_text *t)
{
	unsigned int n = (t->cpus + 1 + CONTROLLERS_MAX - 1) / CONTROLLERS_MAX;

	return n > PORTS_MIN ? n : PORTS_MIN;
}

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "no memory for the text");
}

static int control_path(const struct guest_text *t, char *path, size_t size, struct err *e)
{
	if (t->own_socket)
		return path_fmt(path, size, e, "%s/%s/" GUESTS_CTL_NAME, t->dir, t->domain);
	return path_fmt(path, size, e, "%s/" GUESTS_CTL_NAME, t->dir);
}

struct chan_text {
	bool socket;
	char path[GUESTS_PATH_MAX];
	char port[32]; /* the port's name in the guest */
	char id[32];   /* QEMU's name for the chardev */
};

static int chan_text(const struct guest_text *t, unsigned int chan, struct chan_text *c,
		     struct err *e)
{
	c->socket = !chan || t->kind == GUEST_CHAN_SOCKET;
	if (!chan) {
		snprintf(c->port, sizeof(c->port), GUESTS_CTL_NAME);
		snprintf(c->id, sizeof(c->id), "tracectl");
		return control_path(t, c->path, sizeof(c->path), e);
	}
	snprintf(c->port, sizeof(c->port), "trace-path-cpu%u", chan - 1);
	snprintf(c->id, sizeof(c->id), "tracecpu%u", chan - 1);
	return guests_data_path(t->dir, t->domain, chan - 1, c->path, sizeof(c->path), e);
}

/* A path within a QEMU option list within a word of the shell: ",," for a comma, then quoted. */
static int add_option_path(struct buf *to, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-+@:,%=";
	bool quote = strspn(path, plain) != strlen(path);
	int ret = quote ? buf_add(to, "'", 1) : 0;

	for (; !ret && *path; path++) {
		if (*path == '\'')
			ret = buf_addf(to, "'\\''");
		else
			ret = buf_addf(to, *path == ',' ? ",," : "%c", *path);
	}
	return ret ? ret : quote ? buf_add(to, "'", 1) : 0;
}

static int qemu_chan(const struct guest_text *t, unsigned int chan, struct buf *to, struct err *e)
{
	const char *reconnect = t->reconnect_ms ? ",reconnect-ms=1000" : ",reconnect=1";
	unsigned int each = ports_per_controller(t), bus = chan / each, nr = chan % each + 1;
	struct chan_text c;
	int ret = chan_text(t, chan, &c, e);

	if (ret)
		return ret;
	if (buf_addf(to, "-chardev %s,id=%s,path=", c.socket ? "socket" : "pipe", c.id) ||
	    add_option_path(to, c.path) || buf_addf(to, "%s \\\n", c.socket ? reconnect : "") ||
	    buf_addf(
		    to,
		    "-device virtserialport,bus=traceserial%u.0,nr=%u,chardev=%s,id=%s-port,name=%s",
		    bus, nr, c.id, c.id, c.port) ||
	    buf_addf(to, chan == t->cpus ? "\n" : " \\\n"))
		return no_memory(e);
	return 0;
}

int guests_qemu_text(const struct guest_text *t, struct buf *to, struct err *e)
{
	unsigned int each = ports_per_controller(t);

	/* The shared socket's peer is known by QEMU's -name alone. */
	if (!t->own_socket && buf_addf(to, "-name guest=%s \\\n", t->domain))
		return no_memory(e);
	for (unsigned int chan = 0; chan <= t->cpus; chan++) {
		int ret = 0;

		if (chan % each == 0 &&
		    buf_addf(to, "-device virtio-serial-pci,id=traceserial%u,max_ports=%u \\\n",
			     chan / each, each + 1))
			return no_memory(e);
		ret = qemu_chan(t, chan, to, e);
		if (ret)
			return ret;
	}
	return 0;
}

static int add_xml_path(struct buf *to, const char *path)
{
	static const char *const entity[] = {
		['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['\''] = "&apos;"
	};
	int ret = 0;

	for (; !ret && *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (c < ARRAY_SIZE(entity) && entity[c])
			ret = buf_addf(to, "%s", entity[c]);
		else
			ret = buf_add(to, path, 1);
	}
	return ret;
}

static int socket_source(const struct guest_text *t, const char *path, struct buf *to)
{
	if (buf_addf(to, "  <source mode='connect' path='") || add_xml_path(to, path) ||
	    buf_addf(to, "'>\n") ||
	    (t->system && buf_addf(to, "    <seclabel model='dac' relabel='no'/>\n")) ||
	    buf_addf(to, "    <reconnect enabled='yes' timeout='1'/>\n  </source>\n"))
		return -ENOMEM;
	return 0;
}

static int pipe_source(const char *path, struct buf *to)
{
	if (buf_addf(to, "  <source path='") || add_xml_path(to, path) || buf_addf(to, "'/>\n"))
		return -ENOMEM;
	return 0;
}

/* @each: ports of a controller, 0 = libvirt chooses; the first one is left to other channels. */
static int libvirt_channel(const struct guest_text *t, unsigned int chan, unsigned int each,
			   struct buf *to, struct err *e)
{
	struct chan_text c;
	int ret = chan_text(t, chan, &c, e);

	if (ret)
		return ret;
	if (buf_addf(to, "<channel type='%s'>\n", c.socket ? "unix" : "pipe") ||
	    (c.socket ? socket_source(t, c.path, to) : pipe_source(c.path, to)) ||
	    buf_addf(to, "  <target type='virtio' name='%s'/>\n", c.port) ||
	    (each &&
	     buf_addf(to, "  <address type='virtio-serial' controller='%u' bus='0' port='%u'/>\n",
		      chan / each + 1, chan % each + 1)) ||
	    buf_addf(to, "</channel>\n"))
		return no_memory(e);
	return 0;
}

int guests_libvirt_channel(const struct guest_text *t, unsigned int chan, struct buf *to,
			   struct err *e)
{
	return libvirt_channel(t, chan, 0, to, e);
}

int guests_libvirt_text(const struct guest_text *t, struct buf *to, struct err *e)
{
	unsigned int each = t->cpus < PORTS_MIN ? 0 : ports_per_controller(t);
	int ret = 0;

	for (unsigned int chan = 0; !ret && chan <= t->cpus; chan++)
		ret = libvirt_channel(t, chan, each, to, e);
	return ret;
}
