// SPDX-License-Identifier: GPL-2.0
/*
 * net-connect.c - connections to a listener: by name, and to another port of the same peer
 *
 * Theory of operation
 *
 * All connects are non-blocking and then waited for, so that a host that drops packets costs the
 * caller's patience and not the kernel's minutes. The patience is for all addresses of a name
 * together. A number is taken as an address before any resolver is asked: a static binary in a
 * guest has none.
 *
 * The port of a host is split off by hand: an address of IPv6 has colons of its own and stands in
 * brackets. A data port is reached at the address that the control connection has found to work,
 * scope of a link-local one included.
 */
#include "transport/net.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define THIS_MACHINE "localhost"
#define HOST_CID     "2" /* VMADDR_CID_HOST */

enum { PORT_MAX = 65535, LATE_MS = 1000, LATE_STEP_MS = 10 };

/* "HOST:PORT", "[HOST]:PORT", ":PORT", "PORT" */

static int say_address(enum net_kind k, const char *text, const char *why, struct err *e)
{
	err_say(e, EINVAL, "'%s': %s", text, why);
	err_hint(e, "%s",
		 k == NET_VSOCK ? "CID:PORT, or PORT for the host of this guest"
				: "HOST:PORT, [IPV6-ADDRESS]:PORT, or PORT for this machine");
	return -EINVAL;
}

/* The host's part of @text with its length, *port = what stands behind; NULL: no address. */
static const char *find_host(const char *text, size_t *len, const char **port)
{
	const char *colon = strrchr(text, ':');
	const char *close;

	if (*text == '[') {
		close = strchr(text, ']');
		if (!close || close[1] != ':')
			return NULL;
		*len = (size_t)(close - text) - 1;
		*port = close + 2;
		return *len ? text + 1 : NULL;
	}
	if (strchr(text, ':') != colon)
		return NULL;
	*len = colon ? (size_t)(colon - text) : 0;
	*port = colon ? colon + 1 : text;
	return text;
}

int net_split(enum net_kind k, const char *text, char *host, uint32_t *port, struct err *e)
{
	const char *from, *number;
	uint64_t v;
	size_t len;

	from = find_host(text, &len, &number);
	if (!from)
		return say_address(k, text, "that is no host and port", e);
	if (len >= NET_NAME_MAX)
		return say_address(k, text, "the name is too long", e);
	if (*number < '0' || *number > '9' ||
	    parse_u64(number, 1, k == NET_VSOCK ? UINT32_MAX - 1 : PORT_MAX, &v, "the port", NULL))
		return say_address(k, text, "the port is missing, or no number that a port can be",
				   e);
	*port = (uint32_t)v;
	if (len)
		snprintf(host, NET_NAME_MAX, "%.*s", (int)len, from);
	else
		snprintf(host, NET_NAME_MAX, "%s", k == NET_VSOCK ? HOST_CID : THIS_MACHINE);
	if (k == NET_VSOCK && parse_u64(host, 0, UINT32_MAX - 1, &v, "the cid", NULL))
		return say_address(k, text, "a vsock address begins with a number, the cid", e);
	return 0;
}

/* Connecting */

static int wait_connected(int fd, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int code = 0, n;
	socklen_t len = sizeof(code);

	do {
		uint64_t now = now_ns();

		n = poll(&p, 1, now < deadline ? (int)((deadline - now) / NSEC_PER_MSEC) + 1 : 0);
	} while (n < 0 && errno == EINTR);
	if (!n)
		return -ETIMEDOUT;
	if (n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len))
		return -errno;
	return -code;
}

/* A connected socket or a negative errno, without words. */
static int connect_to(enum net_kind k, const struct net_addr *to, uint64_t deadline)
{
	int type = (k == NET_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	AUTO_FD fd = socket(to->sa.ss_family, type, 0);
	int one = 1, ret = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&to->sa, to->len))
		ret = errno == EINPROGRESS || errno == EINTR ? wait_connected(fd, deadline)
							     : -errno;
	if (ret)
		return ret;
	if (k == NET_TCP) /* a refusal costs time and nothing else */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return steal_fd(&fd);
}

static int say_connect(enum net_kind k, int code, const char *host, uint32_t port, struct err *e)
{
	err_set(e, code, "cannot connect to %s:%u over %s", host, port,
		k == NET_VSOCK ? "vsock"
		: k == NET_UDP ? "UDP"
			       : "TCP");
	if (code == ECONNREFUSED || code == ECONNRESET || code == ENODEV)
		err_hint(e, "start 'trace-cmd listen %s %u' there", k == NET_VSOCK ? "-V" : "-p",
			 port);
	else if (code == ETIMEDOUT)
		err_hint(e, "is that the right host, and does a firewall let port %u through?",
			 port);
	return -code;
}

static int connect_vsock(const char *host, uint32_t port, uint64_t deadline, struct err *e)
{
	struct sockaddr_vm vm = { .svm_family = AF_VSOCK, .svm_port = port };
	struct net_addr to = { .len = sizeof(vm) };
	uint64_t cid;
	int ret = parse_u64(host, 0, UINT32_MAX - 1, &cid, "the cid", e);

	if (ret)
		return ret;
	vm.svm_cid = (unsigned int)cid;
	memcpy(&to.sa, &vm, sizeof(vm));
	ret = connect_to(NET_VSOCK, &to, deadline);
	return ret < 0 ? say_connect(NET_VSOCK, -ret, host, port, e) : ret;
}

/* Numbers first, then the resolver. Freed by the caller; NULL with @e. */
static struct addrinfo *resolve(enum net_kind k, const char *host, uint32_t port, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = k == NET_UDP ? SOCK_DGRAM : SOCK_STREAM };
	struct addrinfo *list = NULL;
	char service[16];
	int ret;

	snprintf(service, sizeof(service), "%u", port);
	hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	ret = getaddrinfo(host, service, &hints, &list);
	hints.ai_flags = AI_NUMERICSERV;
	if (ret)
		ret = getaddrinfo(host, service, &hints, &list);
	if (!ret)
		return list;
	err_say(e, EHOSTUNREACH, "cannot find the host '%s': %s", host,
		ret == EAI_SYSTEM ? strerror(errno) : gai_strerror(ret));
	err_hint(e, "give its address, such as 192.0.2.7:%u", port);
	return NULL;
}

int net_connect(enum net_kind k, const char *host, uint32_t port, uint64_t wait_ns, struct err *e)
{
	uint64_t deadline = now_ns() + wait_ns;
	struct addrinfo *list;
	int ret = -EHOSTUNREACH;

	if (k == NET_VSOCK)
		return connect_vsock(host, port, deadline, e);
	list = resolve(k, host, port, e);
	if (!list)
		return -EHOSTUNREACH;
	for (const struct addrinfo *a = list; a && ret < 0; a = a->ai_next) {
		struct net_addr to = { .len = a->ai_addrlen };

		memcpy(&to.sa, a->ai_addr, a->ai_addrlen);
		ret = connect_to(k, &to, deadline);
	}
	freeaddrinfo(list);
	return ret < 0 ? say_connect(k, -ret, host, port, e) : ret;
}

static void set_port(struct net_addr *a, uint32_t port)
{
	struct sockaddr_vm vm;
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	switch (a->sa.ss_family) {
	case AF_VSOCK:
		memcpy(&vm, &a->sa, sizeof(vm));
		vm.svm_port = port;
		memcpy(&a->sa, &vm, sizeof(vm));
		break;
	case AF_INET6:
		memcpy(&in6, &a->sa, sizeof(in6));
		in6.sin6_port = htons((uint16_t)port);
		memcpy(&a->sa, &in6, sizeof(in6));
		break;
	default:
		memcpy(&in, &a->sa, sizeof(in));
		in.sin_port = htons((uint16_t)port);
		memcpy(&a->sa, &in, sizeof(in));
	}
}

/*
 * The stock listener names a data port before the process that reads there listens at it: a refusal
 * is final only after a while.
 */
static int connect_late(enum net_kind k, const struct net_addr *to, uint64_t deadline)
{
	uint64_t patience = now_ns() + LATE_MS * NSEC_PER_MSEC;

	if (patience > deadline)
		patience = deadline;
	for (;;) {
		int ret = connect_to(k, to, deadline);

		if ((ret != -ECONNREFUSED && ret != -ECONNRESET) || now_ns() >= patience)
			return ret;
		(void)poll(NULL, 0, LATE_STEP_MS);
	}
}

int net_connect_beside(enum net_kind k, int control, uint32_t port, uint64_t wait_ns, struct err *e)
{
	struct net_addr to = { .len = sizeof(to.sa) };
	int ret;

	if (!port || (k != NET_VSOCK && port > PORT_MAX))
		return err_say(e, EPROTO, "the listener names data port %u, which cannot be", port);
	if (getpeername(control, (struct sockaddr *)&to.sa, &to.len))
		return err_set(e, errno, "cannot find out who the listener is");
	set_port(&to, port);
	ret = connect_late(k, &to, now_ns() + wait_ns);
	if (ret >= 0)
		return ret;
	err_set(e, -ret, "cannot connect to the listener's data port %u", port);
	err_hint(e, "a firewall must let the ports from %d on through", NET_DATA_PORT);
	return ret;
}

void net_acknowledge_at_once(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}
