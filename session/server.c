// SPDX-License-Identifier: GPL-2.0
/*
 * server.c - many guests, one loop
 *
 * Theory of operation
 *
 * The server owns what outlives a recording: the lock of the directory, the sockets, the domains
 * with their channels, the connections. Recordings (struct guest_run, conn.c) hang between a
 * connection and a domain and are freed when their file is made: hub.c.
 */
#include "session/server_local.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "transport/unix.h"

#define RESCAN_WAIT (20 * NSEC_PER_MSEC) /* a directory is made in several steps */

#define LOCK_NAME ".virt-server.lock"

enum { WATCHED = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR };

/* Events */

static void shared_accept(struct watch *w, uint32_t events)
{
	(void)events;
	conn_accept(container_of(w, struct server, listen), w->fd, NULL);
}

static void inotify_ready(struct watch *w, uint32_t events)
{
	struct server *s = container_of(w, struct server, inotify);
	char bytes[4096] __attribute__((aligned(8)));
	ssize_t n;

	(void)events;
	while ((n = read(w->fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev = (const void *)(bytes + at);

			if (ev->mask & IN_IGNORED)
				domain_lost(s, ev->wd);
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
	if (!s->rescan.loop)
		loop_arm(s->loop, &s->rescan, RESCAN_WAIT);
}

static void rescan_fire(struct timer *t)
{
	domains_rescan(container_of(t, struct server, rescan));
}

/* Making one */

static int take_lock(struct server *s, struct err *e)
{
	char path[GUESTS_PATH_MAX], pid[32];
	struct buf who = { 0 };
	int n, rc = path_fmt(path, sizeof(path), e, "%s/" LOCK_NAME, s->dir);

	if (rc)
		return rc;
	s->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (s->lock < 0)
		return err_set(e, errno, "cannot open %s", path);
	if (flock(s->lock, LOCK_EX | LOCK_NB)) {
		if (!read_fd_all(s->lock, &who, 32, path, NULL) && !buf_text(&who))
			who.data[strcspn((char *)who.data, "\n")] = '\0';
		err_say(e, EBUSY, "%s is served already, by the virt-server with pid %s", s->dir,
			who.data ? (char *)who.data : "?");
		buf_free(&who);
		err_hint(e, "stop that one, or serve another directory with --dir");
		return -EBUSY;
	}
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(s->lock, 0))
		return err_set(e, errno, "cannot write %s", path);
	return pwrite_all(s->lock, pid, (size_t)n, 0, path, e);
}

static int watch_dir(struct server *s, struct err *e)
{
	s->inotify.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (s->inotify.fd < 0)
		return err_set(e, errno, "cannot make an inotify descriptor");
	if (inotify_add_watch(s->inotify.fd, s->dir, WATCHED) < 0)
		return err_set(e, errno, "cannot watch directory %s", s->dir);
	return loop_watch(s->loop, &s->inotify, EPOLLIN, e);
}

static int listen_shared(struct server *s, struct err *e)
{
	char path[GUESTS_PATH_MAX];
	int rc = path_fmt(path, sizeof(path), e, "%s/" GUESTS_CTL_NAME, s->dir);

	if (rc)
		return rc;
	s->listen.fd = unix_listen(path, UNIX_FOR_GROUP, e);
	return s->listen.fd < 0 ? s->listen.fd : loop_watch(s->loop, &s->listen, EPOLLIN, e);
}

static int set_up(struct server *s, const struct server_opts *o, struct err *e)
{
	struct hub_opts ho = o->hub;
	int rc;

	ho.dir = s->dir;
	ho.who = "guest";
	ho.name = "virt-server";
	rc = hub_open(&s->hub, s->loop, &ho, e);
	if (!rc)
		rc = guests_dir_make(s->dir, e);
	if (!rc)
		rc = take_lock(s, e);
	if (!rc)
		rc = watch_dir(s, e);
	if (!rc)
		rc = listen_shared(s, e);
	return rc ? rc : broker_open(s, e);
}

struct server *server_new(struct loop *l, const struct server_opts *o, struct err *e)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s) {
		err_set(e, ENOMEM, "no memory for the server");
		return NULL;
	}
	s->loop = l;
	s->dir = o->dir;
	s->log = o->hub.log;
	s->max_conns = o->max_conns ? o->max_conns : 256;
	s->max_domain_conns = o->max_domain_conns ? o->max_domain_conns : 16;
	s->lock = -1;
	s->listen = (struct watch){ .fd = -1, .ready = shared_accept };
	s->inotify = (struct watch){ .fd = -1, .ready = inotify_ready };
	s->broker.fd = -1;
	s->rescan.fire = rescan_fire;
	if (set_up(s, o, e)) {
		server_free(s);
		return NULL;
	}
	domains_rescan(s);
	hub_restore(&s->hub);
	log_info(s->log, "trace-cmd %s serves %s, files go to %s", VERSION, s->dir, o->hub.outdir);
	return s;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	broker_close(s);
	while (s->conns)
		conn_free(s->conns);
	hub_close(&s->hub);
	while (s->domains)
		domain_free(s->domains);
	loop_disarm(&s->rescan);
	loop_unwatch(&s->listen);
	loop_unwatch(&s->inotify);
	cleanup_fd(&s->listen.fd);
	cleanup_fd(&s->inotify.fd);
	cleanup_fd(&s->lock);
	free(s);
}

void server_stop(struct server *s)
{
	loop_unwatch(&s->listen);
	broker_stop(s);
	hub_stop(&s->hub);
}

bool server_status(struct server *s, struct buf *to)
{
	return hub_status(&s->hub, to);
}
