// SPDX-License-Identifier: GPL-2.0
/*
 * net-listen.c - sockets that wait for clients: the control port, and the data ports
 *
 * Theory of operation
 *
 * Without an address to bind to, one IPv6 socket takes IPv4 clients too; where the kernel has no
 * IPv6 it is an IPv4 one. A data port is opened at the address that the client has reached already,
 * so that it is no wider open than the control port, and counted upward from 1500 as clients expect
 * (a firewall may know that range).
 */
#include "transport/net.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum {
	BACKLOG = 128,
	UDP_BUFFER = 16 << 20, /* bytes asked for; the kernel gives what we may have */
	DEAD_AFTER = 60,       /* seconds without a sign of life, then probes; see tcp(7) */
	DEAD_EVERY = 10,
	DEAD_TRIES = 6,
};

/* An address of this machine, "*" for all. */
static struct net_addr any_addr(int family)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_vm vm = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };
	struct net_addr a = { .len = sizeof(in) };

	if (family == AF_INET6)
		memcpy(&a.sa, &in6, a.len = sizeof(in6));
	else if (family == AF_VSOCK)
		memcpy(&a.sa, &vm, a.len = sizeof(vm));
	else
		memcpy(&a.sa, &in, sizeof(in));
	return a;
}

static void set_port(struct net_addr *a, uint32_t port)
{
	uint16_t be = htons((uint16_t)port);

	if (a->sa.ss_family == AF_VSOCK)
		memcpy((char *)&a->sa + offsetof(struct sockaddr_vm, svm_port), &port,
		       sizeof(port));
	else /* at the same place in sockaddr_in and sockaddr_in6 */
		memcpy((char *)&a->sa + offsetof(struct sockaddr_in6, sin6_port), &be, sizeof(be));
}

/* A bound socket; 0 and *fd, or the negative errno of what refused. */
static int bound(const struct net_addr *a, int type, int *fd)
{
	AUTO_FD s = socket(a->sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, off = 0;

	if (s < 0)
		return -errno;
	if (a->sa.ss_family == AF_INET6)
		setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	/* A data port of an ended recording may be used again at once; one in use is refused. */
	if (type == SOCK_STREAM)
		setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s, (const struct sockaddr *)&a->sa, a->len))
		return -errno;
	if (type == SOCK_STREAM && listen(s, BACKLOG))
		return -errno;
	*fd = steal_fd(&s);
	return 0;
}

/* The address that @bind means. */
static int resolve(const char *bind, struct net_addr *to, struct err *e)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE };
	struct addrinfo *list;
	int rc = getaddrinfo(bind, NULL, &hints, &list);

	if (rc) {
		err_say(e, EADDRNOTAVAIL, "cannot find the address %s: %s", bind, gai_strerror(rc));
		err_hint(e, "'ip address' shows the addresses of this machine");
		return -EADDRNOTAVAIL;
	}
	*to = (struct net_addr){ .len = list->ai_addrlen };
	memcpy(&to->sa, list->ai_addr, list->ai_addrlen);
	freeaddrinfo(list);
	return 0;
}

static int cannot_listen(enum net_kind k, const char *bind, uint32_t port, int code, struct err *e)
{
	err_set(e, code, "cannot listen on %s port %u%s%s", net_kind_name(k), port,
		bind ? " of " : "", bind ? bind : "");
	if (code == EADDRINUSE)
		err_hint(e, "another program listens there: give another port with -p");
	else if (code == EACCES)
		err_hint(e, "ports below 1024 are root's: give a larger one with -p");
	else if (code == EADDRNOTAVAIL)
		err_hint(e, "'ip address' shows the addresses of this machine");
	else if (k == NET_VSOCK)
		err_hint(e, "vsock needs the module vhost_vsock on the host: modprobe vhost_vsock");
	return -code;
}

int net_listen(enum net_kind k, const char *bind, uint32_t port, struct err *e)
{
	struct net_addr a = any_addr(k == NET_VSOCK ? AF_VSOCK : AF_INET6);
	int fd = -1, rc = bind ? resolve(bind, &a, e) : 0;

	if (rc)
		return rc;
	if (k == NET_VSOCK && !port)
		port = VMADDR_PORT_ANY;
	set_port(&a, port);
	rc = bound(&a, SOCK_STREAM, &fd);
	if (!bind && k != NET_VSOCK && (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL)) {
		a = any_addr(AF_INET);
		set_port(&a, port);
		rc = bound(&a, SOCK_STREAM, &fd);
	}
	return rc ? cannot_listen(k, bind, port, -rc, e) : fd;
}

/* As large as we may: by right of root beyond the limit, else up to it. */
static void count_and_buffer(int fd)
{
	int on = 1, size = UDP_BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

int net_data_port(enum net_kind k, int control, uint32_t *from, struct err *e)
{
	struct net_addr a = { .len = sizeof(a.sa) };
	int fd = -1, rc = -EADDRINUSE;

	if (getsockname(control, (struct sockaddr *)&a.sa, &a.len))
		return err_set(e, errno, "cannot tell which address the client has reached");
	if (k == NET_VSOCK)
		a = any_addr(AF_VSOCK);
	for (uint32_t port = *from; port <= NET_DATA_PORT_MAX; port++) {
		set_port(&a, port);
		rc = bound(&a, k == NET_UDP ? SOCK_DGRAM : SOCK_STREAM, &fd);
		if (!rc) {
			*from = port + 1;
			if (k == NET_UDP)
				count_and_buffer(fd);
			return fd;
		}
		if (rc != -EADDRINUSE && rc != -EACCES)
			break;
	}
	return err_set(e, -rc, "no free %s port for data from %u to %u", net_kind_name(k), *from,
		       NET_DATA_PORT_MAX);
}

/* Answers at once, and a peer that vanished is noticed. vsock knows neither, nor needs it. */
static void tune(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, DEAD_AFTER },
		{ IPPROTO_TCP, TCP_KEEPINTVL, DEAD_EVERY },
		{ IPPROTO_TCP, TCP_KEEPCNT, DEAD_TRIES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

int net_accept(int fd, struct net_addr *peer, struct err *e)
{
	int s;

	*peer = (struct net_addr){ .len = sizeof(peer->sa) };
	s = accept4(fd, (struct sockaddr *)&peer->sa, &peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (s < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
		return -EAGAIN;
	if (s < 0)
		return err_set(e, errno, "cannot accept a connection");
	net_addr_plain(peer);
	if (peer->sa.ss_family != AF_VSOCK)
		tune(s);
	return s;
}
