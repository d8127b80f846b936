/* SPDX-License-Identifier: GPL-2.0 */
/*
 * net.h - TCP, UDP and vsock: listening, connecting, addresses
 *
 * All descriptors are non-blocking and close-on-exec, owned by the caller. Errors name the address
 * as it was typed.
 */
#ifndef TRANSPORT_NET_H
#define TRANSPORT_NET_H

#include <sys/socket.h>
#include "base/err.h"

enum net_kind { NET_UDP, NET_TCP, NET_VSOCK, NET_NR };

const char *net_kind_name(enum net_kind k); /* "UDP" ... */

enum {
	NET_ADDR_TEXT = 64,   /* room for net_addr_text() */
	NET_NAME_MAX = 256,   /* room for a host's name */
	NET_DATA_PORT = 1500, /* data ports are searched from here up */
	NET_DATA_PORT_MAX = 6000,
};

struct net_addr {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* "127.0.0.1", "::1" or "V3" (a vsock cid): no port. */
const char *net_addr_text(const struct net_addr *a, char *to, size_t room);
uint32_t net_addr_port(const struct net_addr *a);
/* The same host? Ports do not count; ::ffff:1.2.3.4 is 1.2.3.4. */
bool net_addr_same(const struct net_addr *a, const struct net_addr *b);

/* Is @a one of the addresses of @host (a name, or an address)? The name is looked up at each call.
 */
bool net_addr_is(const struct net_addr *a, const char *host);

/* ::ffff:1.2.3.4 becomes 1.2.3.4, as name servers know it; others stay. */
void net_addr_plain(struct net_addr *a);

/* --- net-listen.c --- */

/*
 * Listen on @port (0 = any). TCP: at @bind (a host or an address; NULL = everywhere, IPv6 and IPv4
 * with one socket where the kernel can). vsock: any cid.
 */
int net_listen(enum net_kind k, const char *bind, uint32_t port, struct err *e);

/*
 * A data port for the peer of @control (its local address is where we bind): the first free one
 * from *from up to NET_DATA_PORT_MAX; *from becomes that port + 1. UDP: a socket that counts what
 * it drops (SO_RXQ_OVFL) with the largest receive buffer that we may have.
 */
int net_data_port(enum net_kind k, int control, uint32_t *from, struct err *e);

/* accept4(2) with the peer's address (plain). -EAGAIN when nobody waits. */
int net_accept(int fd, struct net_addr *peer, struct err *e);

/* "192.0.2.0/24", "2001:db8::/32", "192.0.2.7" (one host). */
struct net_prefix {
	uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned int bits;
};

int net_prefix_parse(const char *text, struct net_prefix *to, struct err *e);
bool net_prefix_has(const struct net_prefix *p, const struct net_addr *a);

/* --- net-connect.c --- */

/*
 * "HOST:PORT", "[::1]:PORT", ":PORT" or "PORT" (this machine); vsock "CID:PORT" or "PORT" (the
 * host, cid 2). @host has NET_NAME_MAX bytes.
 */
int net_split(enum net_kind k, const char *text, char *host, uint32_t *port, struct err *e);

/*
 * Connect, waiting at most @wait_ns; all addresses of the name are tried. TCP: with TCP_NODELAY.
 */
int net_connect(enum net_kind k, const char *host, uint32_t port, uint64_t wait_ns, struct err *e);

/*
 * Connect to another port of the same peer as @control: a data port. UDP never waits; else a
 * refusal is tried again for up to a second, as the peer may not listen there yet.
 */
int net_connect_beside(enum net_kind k, int control, uint32_t port, uint64_t wait_ns,
		       struct err *e);

/*
 * TCP: acknowledge what comes without waiting for an answer to go with it. A released peer sends a
 * message in two pieces and waits with the second one until the first is acknowledged, else 40 ms.
 * It does not last, so call it before or after each read; nothing to other kinds of descriptors.
 */
void net_acknowledge_at_once(int fd);

#endif
