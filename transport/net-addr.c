// SPDX-License-Identifier: GPL-2.0
/*
 * net-addr.c - addresses of peers: their text, their comparison, prefixes of them
 *
 * Theory of operation
 *
 * One socket serves IPv6 and IPv4, and then an IPv4 peer is seen as ::ffff:a.b.c.d. Everything that
 * compares or prints goes through the 16 bytes of that form, so it never matters which way a peer
 * came. A vsock peer is its cid; no prefix holds it.
 */
#include "transport/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>

#include "base/io.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

const char *net_kind_name(enum net_kind k)
{
	static const char *const names[NET_NR] = { "UDP", "TCP", "vsock" };

	return (unsigned int)k < NET_NR ? names[k] : "?";
}

/* The IPv6 form; false: neither IPv4 nor IPv6. */
static bool to_ip6(const struct net_addr *a, uint8_t *ip)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (a->sa.ss_family == AF_INET6) {
		memcpy(&in6, &a->sa, sizeof(in6));
		memcpy(ip, &in6.sin6_addr, 16);
		return true;
	}
	if (a->sa.ss_family != AF_INET)
		return false;
	memcpy(&in, &a->sa, sizeof(in));
	memcpy(ip, mapped, sizeof(mapped));
	memcpy(ip + sizeof(mapped), &in.sin_addr, 4);
	return true;
}

static struct sockaddr_vm to_vm(const struct net_addr *a)
{
	struct sockaddr_vm vm;

	memcpy(&vm, &a->sa, sizeof(vm));
	return vm;
}

const char *net_addr_text(const struct net_addr *a, char *to, size_t room)
{
	uint8_t ip[16];

	if (a->sa.ss_family == AF_VSOCK)
		snprintf(to, room, "V%u", to_vm(a).svm_cid);
	else if (!to_ip6(a, ip))
		snprintf(to, room, "unknown");
	else if (!memcmp(ip, mapped, sizeof(mapped)))
		inet_ntop(AF_INET, ip + sizeof(mapped), to, (socklen_t)room);
	else
		inet_ntop(AF_INET6, ip, to, (socklen_t)room);
	return to;
}

uint32_t net_addr_port(const struct net_addr *a)
{
	struct sockaddr_in6 in6; /* its port is where sockaddr_in has it */

	if (a->sa.ss_family == AF_VSOCK)
		return to_vm(a).svm_port;
	memcpy(&in6, &a->sa, sizeof(in6));
	return ntohs(in6.sin6_port);
}

bool net_addr_same(const struct net_addr *a, const struct net_addr *b)
{
	uint8_t x[16], y[16];

	if (a->sa.ss_family == AF_VSOCK || b->sa.ss_family == AF_VSOCK)
		return a->sa.ss_family == b->sa.ss_family && to_vm(a).svm_cid == to_vm(b).svm_cid;
	return to_ip6(a, x) && to_ip6(b, y) && !memcmp(x, y, sizeof(x));
}

void net_addr_plain(struct net_addr *a)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6;

	memcpy(&in6, &a->sa, sizeof(in6));
	if (a->sa.ss_family != AF_INET6 || memcmp(&in6.sin6_addr, mapped, sizeof(mapped)))
		return;
	in.sin_port = in6.sin6_port;
	memcpy(&in.sin_addr, in6.sin6_addr.s6_addr + sizeof(mapped), 4);
	*a = (struct net_addr){ .len = sizeof(in) };
	memcpy(&a->sa, &in, sizeof(in));
}

/* Prefixes */

static bool parse_ip(const char *text, uint8_t *ip, unsigned int *most)
{
	if (inet_pton(AF_INET6, text, ip) == 1) {
		*most = 128;
		return true;
	}
	memcpy(ip, mapped, sizeof(mapped));
	*most = 32;
	return inet_pton(AF_INET, text, ip + sizeof(mapped)) == 1;
}

static bool has_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	uint8_t mask = (uint8_t)(0xff00U >> bits % 8);

	return !memcmp(a, b, bits / 8) && (!(bits % 8) || !((a[bits / 8] ^ b[bits / 8]) & mask));
}

/* No bit is set behind the prefix: "192.0.2.7/24" is a slip of the hand. */
static bool is_clean(const struct net_prefix *p)
{
	for (unsigned int i = p->bits; i < 128; i++)
		if (p->addr[i / 8] & 0x80U >> i % 8)
			return false;
	return true;
}

int net_prefix_parse(const char *text, struct net_prefix *to, struct err *e)
{
	size_t len = strcspn(text, "/");
	char host[INET6_ADDRSTRLEN];
	unsigned int most = 0;
	uint64_t bits;

	if (path_fmt(host, sizeof(host), NULL, "%.*s", (int)len, text) ||
	    !parse_ip(host, to->addr, &most)) {
		err_say(e, EINVAL, "'%s' is no address", text);
		err_hint(e, "an IPv4 or IPv6 address, or a prefix such as 192.0.2.0/24");
		return -EINVAL;
	}
	bits = most;
	if (text[len] && parse_u64(text + len + 1, 0, most, &bits, "the length of the prefix", e))
		return err_prefix(e, "'%s'", text);
	to->bits = (unsigned int)bits + 128 - most;
	if (is_clean(to))
		return 0;
	err_say(e, EINVAL, "'%s' has bits behind the prefix", text);
	err_hint(e, "without the /%u for this one host, or with zeros there for all of the net",
		 (unsigned int)bits);
	return -EINVAL;
}

bool net_prefix_has(const struct net_prefix *p, const struct net_addr *a)
{
	uint8_t ip[16];

	return to_ip6(a, ip) && has_bits(ip, p->addr, p->bits);
}
