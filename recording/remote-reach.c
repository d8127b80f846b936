// SPDX-License-Identifier: GPL-2.0
/*
 * remote-reach.c - how to get at the agent of a guest
 *
 * Theory of operation
 *
 * A name that virt-server knows is a guest with virtio-serial channels, which it lends. Otherwise
 * the text says itself what it is, as in the released tool: "@CID", "@CID:PORT" and digits are
 * vsock; what has a dot or a colon is a host of the network.
 *
 * A loan costs nothing, so it is taken before anything is done here. To a network's agent we
 * connect when the request is ready: it does not wait for one that says nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guests/vcpus.h"
#include "recording/remote_local.h"

#define CONNECT_WAIT (5 * NSEC_PER_SEC)

bool remote_is_served(const char *dir, const char *name)
{
	struct broker_guest *list = NULL;
	bool is = false;
	size_t n = 0;

	if (!broker_guests(dir, &list, &n, NULL))
		for (size_t i = 0; i < n; i++)
			is |= !strcmp(list[i].name, name);
	free(list);
	return is;
}

/* Is @name a guest of virt-server, or at least of its directory? */
static bool is_guest(const char *dir, const char *name)
{
	bool is = remote_is_served(dir, name);
	char **domains = NULL;

	if (is || guests_domains(dir, &domains, NULL))
		return is;
	for (char **d = domains; *d; d++)
		is |= !strcmp(*d, name);
	guests_names_free(domains);
	return is;
}

static enum net_kind kind_of(const char *dir, const char *at)
{
	if (*at == '@')
		return NET_VSOCK;
	if (is_guest(dir, at))
		return NET_NR;
	if (!at[strspn(at, "0123456789:")] && *at != ':')
		return NET_VSOCK;
	return strpbrk(at, ".:") ? NET_TCP : NET_NR;
}

/* "HOST", "HOST:PORT", "[::1]:PORT", "::1". */
static int split(enum net_kind kind, const char *at, char host[NET_NAME_MAX], uint32_t *port,
		 struct err *e)
{
	const char *colon = strchr(at, ':');

	if (*at == '[' || (colon && colon == strrchr(at, ':')))
		return net_split(kind, at, host, port, e);
	*port = AGENT_PORT;
	if (kind == NET_VSOCK && (!*at || at[strspn(at, "0123456789")]))
		return err_say(e, EINVAL, "'%s' is no CID of vsock", at);
	return path_fmt(host, NET_NAME_MAX, e, "%s", at);
}

static void say_connect(enum net_kind kind, uint32_t port, struct err *e)
{
	if (kind == NET_VSOCK)
		err_hint(e, "'trace-cmd agent -p %u' in that guest", port);
	else
		err_hint(e, "'trace-cmd agent -p %u -N THIS-HOST' there", port);
}

static int reach_net(enum net_kind kind, const char *at, struct remote_way *to, struct err *e)
{
	char host[NET_NAME_MAX];
	uint32_t port;
	int ret = split(kind, at, host, &port, e);

	if (ret)
		return ret;
	to->ctl = net_connect(kind, host, port, CONNECT_WAIT, e);
	if (to->ctl >= 0)
		return 0;
	say_connect(kind, port, e);
	return to->ctl;
}

static int reach_guest(const char *dir, const char *name, struct remote_way *to, struct err *e)
{
	int ret = broker_lease(dir, name, &to->lease, e);

	if (ret == -ENOENT && !e->hint[0])
		err_hint(e,
			 "'trace-cmd list --guests' shows them; an address has a dot, a colon or "
			 "an @: 192.0.2.7, @3");
	if (ret == -ENXIO)
		err_hint(e, "'trace-cmd setup-guest %s -c CPUS -a'", name);
	if (ret == -ENOTCONN && !e->hint[0])
		err_hint(e,
			 "'trace-cmd agent' in the guest; 'trace-cmd setup-guest %s --check' here",
			 name);
	if (ret)
		return ret;
	to->leased = true;
	to->ctl = steal_fd(&to->lease.ctl);
	return 0;
}

/*
 * What is typed, without the marks of an address that no file's name needs; of HOST:PORT the host,
 * as in the released tool; of a path its last part.
 */
int remote_name(const struct remote_wish *w, struct remote_way *to, struct err *e)
{
	char host[NET_NAME_MAX];
	const char *from = w->name ? w->name : w->at;
	const char *slash = w->name ? NULL : strrchr(from, '/');
	uint32_t port;
	int ret;

	if (slash)
		from = slash + 1;
	if (!w->name && !slash && to->kind == NET_TCP) {
		ret = split(NET_TCP, w->at, host, &port, e);
		if (ret)
			return ret;
		from = host;
	}
	from += !w->name && *from == '@';
	ret = path_fmt(to->name, sizeof(to->name), NULL, "%s", from);
	if (ret)
		return err_say(e, ENAMETOOLONG, "names have %d characters at most",
			       GUESTS_NAME_MAX);
	return guests_name_check(to->name, e);
}

int remote_reach(const char *dir, const struct remote_wish *wish, struct remote_way *to,
		 struct err *e)
{
	const char *at = wish->at;
	int ret;

	*to = (struct remote_way){ .ctl = -1, .kind = kind_of(dir, at) };
	ret = remote_name(wish, to, e);
	if (ret)
		return ret;
	return to->kind == NET_NR ? reach_guest(dir, at, to, e) : 0;
}

int remote_connect(const struct remote_wish *wish, struct remote_way *to, struct err *e)
{
	if (to->leased)
		return 0;
	return reach_net(to->kind, wish->at + (*wish->at == '@'), to, e);
}

pid_t remote_qemu(const struct remote_wish *wish, const struct remote_way *w)
{
	struct sockaddr_vm vm = { 0 };
	socklen_t len = sizeof(vm);

	if (w->leased)
		return guest_pid(wish->at);
	if (w->kind != NET_VSOCK || getpeername(w->ctl, (struct sockaddr *)&vm, &len))
		return 0;
	return guest_pid_of_cid(vm.svm_cid);
}

void remote_way_end(struct remote_way *w)
{
	cleanup_fd(&w->ctl);
	w->ctl = -1;
	if (w->leased)
		broker_end(&w->lease);
	w->leased = false;
}

int remote_data(struct remote_way *w, const struct agent_resp *resp, uint32_t cpu,
		uint64_t deadline, struct err *e)
{
	uint64_t now = now_ns();

	if (!w->leased)
		return net_connect_beside(w->kind, w->ctl, resp->port[cpu],
					  deadline > now ? deadline - now : 0, e);
	if (cpu < w->lease.cpus)
		return steal_fd(&w->lease.data[cpu]);
	err_say(e, ENOENT, "it has %u CPUs, and data channels for %u", resp->cpus, w->lease.cpus);
	return err_hint(e, "'trace-cmd setup-guest %s -c %u', and attach the new ports", w->name,
			resp->cpus);
}
