// SPDX-License-Identifier: GPL-2.0
/*
 * net-name.c - the name of a peer, looked up beside the loop
 *
 * Theory of operation
 *
 * getnameinfo(3) blocks for as long as a name server does, and cannot be called off. So it runs in
 * a thread of its own that shares nothing with us: it owns its question, and writes the answer into
 * a pipe (short enough to go at once). Whoever does not want to wait any longer closes the pipe's
 * other end, and the thread ends when it ends. Clients come as fast as they like and a name server
 * may be as slow as it likes, so the threads are counted, and without a free one there is no name.
 */
#include "transport/net-name.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

struct net_names {
	atomic_uint users; /* the owner, and each thread: the last one frees */
	unsigned int most;
};

struct question {
	struct net_names *names; /* counted */
	struct net_addr addr;
	int to; /* owned */
};

struct net_name {
	struct watch watch; /* the pipe */
	struct timer timer;
	void (*done)(void *ctx, const char *name);
	void *ctx;
};

static void put_names(struct net_names *names)
{
	if (atomic_fetch_sub(&names->users, 1) == 1)
		free(names);
}

static void *ask(void *arg)
{
	AUTO_FREE struct question *q = arg;
	AUTO_FD to = q->to;
	char name[NET_NAME_MAX] = "";
	int rc = getnameinfo((struct sockaddr *)&q->addr.sa, q->addr.len, name, sizeof(name), NULL,
			     0, NI_NAMEREQD);

	if (!rc && write(to, name, strlen(name) + 1) < 0)
		errno = 0; /* nobody reads any more: then nobody needs it */
	put_names(q->names);
	return NULL;
}

static int start_thread(struct net_names *names, const struct net_addr *a, int to, struct err *e)
{
	struct question *q = calloc(1, sizeof(*q));
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (!q)
		return err_set(e, ENOMEM, "no memory for the name of a client");
	*q = (struct question){ names, *a, to };
	atomic_fetch_add(&names->users, 1);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, ask, q);
	pthread_attr_destroy(&attr);
	if (!rc)
		return 0;
	free(q);
	put_names(names);
	return err_set(e, rc, "cannot look up the name of a client");
}

static void answered(struct net_name *n, const char *name)
{
	loop_disarm(&n->timer);
	loop_unwatch(&n->watch);
	n->done(n->ctx, name);
}

static void name_ready(struct watch *w, uint32_t events)
{
	char name[NET_NAME_MAX];
	ssize_t len = read(w->fd, name, sizeof(name));

	(void)events;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	answered(container_of(w, struct net_name, watch), len > 1 && !name[len - 1] ? name : NULL);
}

static void name_late(struct timer *t)
{
	answered(container_of(t, struct net_name, timer), NULL);
}

struct net_names *net_names_new(unsigned int most, struct err *e)
{
	struct net_names *names = calloc(1, sizeof(*names));

	if (!names) {
		err_set(e, ENOMEM, "no memory for the names of clients");
		return NULL;
	}
	names->most = most;
	atomic_init(&names->users, 1);
	return names;
}

void net_names_free(struct net_names *names)
{
	if (names)
		put_names(names);
}

/* A thread with our question, and the pipe that it answers into. */
static int begin(struct net_name *n, struct net_names *names, struct loop *l,
		 const struct net_addr *a, struct err *e)
{
	int p[2], rc;

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK))
		return err_set(e, errno, "cannot make a pipe");
	n->watch.fd = p[0];
	rc = loop_watch(l, &n->watch, EPOLLIN, e);
	if (!rc)
		rc = start_thread(names, a, p[1], e);
	if (rc)
		close(p[1]);
	return rc;
}

struct net_name *net_name_begin(struct net_names *names, struct loop *l, const struct net_addr *a,
				uint64_t wait_ns, void (*done)(void *ctx, const char *name),
				void *ctx, struct err *e)
{
	struct net_name *n = calloc(1, sizeof(*n));

	if (!n) {
		err_set(e, ENOMEM, "no memory for the name of a client");
		return NULL;
	}
	*n = (struct net_name){ { -1, name_ready, NULL }, { .fire = name_late }, done, ctx };
	if (atomic_load(&names->users) > names->most)
		wait_ns = 0;
	else if (begin(n, names, l, a, e)) {
		net_name_free(n);
		return NULL;
	}
	loop_arm(l, &n->timer, wait_ns);
	return n;
}

void net_name_free(struct net_name *n)
{
	if (!n)
		return;
	loop_disarm(&n->timer);
	loop_unwatch(&n->watch);
	cleanup_fd(&n->watch.fd);
	free(n);
}
