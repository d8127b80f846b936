// SPDX-License-Identifier: GPL-2.0
/*
 * domain.c - a guest by name: its directory, its socket, its data channels
 *
 * Theory of operation
 *
 * What lies in the directory is compared with what is open, whenever inotify or a guest that begins
 * gives a reason; so directories may come, go and change in any order. Channels are kept open while
 * nobody records, because somebody must take the bytes (chan.c). While a recording has them they
 * are left alone; it is looked again when it gives them back.
 */
#include "session/server_local.h"

#include <errno.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "transport/unix.h"

enum { WATCHED = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR };

struct domain *domain_find(struct server *s, const char *name)
{
	struct domain *d = s->domains;

	while (d && strcmp(d->name, name))
		d = d->next;
	return d;
}

static void domain_accept(struct watch *w, uint32_t events)
{
	struct domain *d = container_of(w, struct domain, listen);

	(void)events;
	conn_accept(d->server, w->fd, d);
}

struct domain *domain_get(struct server *s, const char *name, struct err *e)
{
	struct domain *d = domain_find(s, name);

	if (d)
		return d;
	if (guests_name_check(name, e))
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d || path_fmt(d->name, sizeof(d->name), e, "%s", name)) {
		if (!d)
			err_set(e, ENOMEM, "no memory for guest %s", name);
		free(d);
		return NULL;
	}
	d->server = s;
	d->wd = -1;
	d->listen = (struct watch){ .fd = -1, .ready = domain_accept };
	d->next = s->domains;
	s->domains = d;
	return d;
}

static void close_listen(struct domain *d)
{
	loop_unwatch(&d->listen);
	cleanup_fd(&d->listen.fd);
	d->listen.fd = -1;
}

static void close_chans(struct domain *d, size_t from)
{
	while (d->nchans > from)
		chan_close(d->chans[--d->nchans]);
}

void domain_free(struct domain *d)
{
	struct domain **at = &d->server->domains;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	if (d->wd >= 0)
		inotify_rm_watch(d->server->inotify.fd, d->wd);
	close_listen(d);
	close_chans(d, 0);
	free(d->chans);
	free(d);
}

void domain_put(struct domain *d)
{
	if (!d->present && !d->run && !d->lease && !d->nconns)
		domain_free(d);
}

/* What the channels should be: those that are there, or the sockets that setup-guest asked for. */
static int wanted_chans(struct domain *d, struct guest_chan **to, size_t *n, struct err *e)
{
	const char *dir = d->server->dir;
	struct guests_channels c;
	struct guest_chan *list;
	int rc = guests_channels_read(dir, d->name, &c, e);

	if (rc || c.kind != GUEST_CHAN_SOCKET) {
		if (rc && rc != -ENOENT)
			log_err(d->server->log, e);
		err_clear(e);
		return guests_chans(dir, d->name, to, n, e);
	}
	list = calloc(c.cpus, sizeof(*list));
	if (!list)
		return err_set(e, ENOMEM, "no memory for the data channels of %s", d->name);
	for (unsigned int i = 0; i < c.cpus && !rc; i++) {
		list[i].cpu = i;
		list[i].kind = GUEST_CHAN_SOCKET;
		rc = guests_data_path(dir, d->name, i, list[i].path, sizeof(list[i].path), e);
	}
	if (rc) {
		free(list);
		return rc;
	}
	*to = list;
	*n = c.cpus;
	return 0;
}

static bool same_chan(const struct chan *c, const struct guest_chan *want)
{
	const struct guest_chan *have = chan_where(c);

	return have->cpu == want->cpu && have->kind == want->kind &&
	       !strcmp(have->path, want->path) && !chan_is_stale(c);
}

/* Open what is wanted and not open; the first one that cannot be opened ends the list. */
static int open_chans(struct domain *d, const struct guest_chan *want, size_t n, struct err *e)
{
	struct chan **more = realloc(d->chans, (n ? n : 1) * sizeof(*more));
	size_t same = 0;

	if (!more)
		return err_set(e, ENOMEM, "no memory for the data channels of %s", d->name);
	d->chans = more;
	while (same < n && same < d->nchans && same_chan(d->chans[same], &want[same]))
		same++;
	close_chans(d, same);
	while (d->nchans < n) {
		struct chan *c = chan_open(&d->server->hub.chan_env, &want[d->nchans], e);

		if (!c)
			return -e->code;
		d->chans[d->nchans++] = c;
	}
	return 0;
}

static int rescan_chans(struct domain *d, struct err *e)
{
	AUTO_FREE struct guest_chan *want = NULL;
	size_t before = d->nchans, n = 0;
	int rc;

	if (d->lease || (d->run && session_state(d->run->run.session) != SESSION_HELLO))
		return 0; /* lent */
	rc = wanted_chans(d, &want, &n, e);
	/* realloc() may only shrink what is not in use: close first what goes. */
	if (!rc && n < d->nchans)
		close_chans(d, n);
	if (!rc)
		rc = open_chans(d, want, n, e);
	if (d->nchans != before)
		log_info(d->server->log, "guest %s: %zu data channels", d->name, d->nchans);
	return rc;
}

static int open_listen(struct domain *d, struct err *e)
{
	char path[GUESTS_PATH_MAX];
	int rc = path_fmt(path, sizeof(path), e, "%s/%s/" GUESTS_CTL_NAME, d->server->dir, d->name);

	if (rc || d->listen.fd >= 0)
		return rc;
	d->listen.fd = unix_listen(path, UNIX_FOR_GROUP, e);
	if (d->listen.fd < 0)
		return d->listen.fd;
	rc = loop_watch(d->server->loop, &d->listen, EPOLLIN, e);
	if (rc)
		close_listen(d);
	return rc;
}

/* Say each reason once, not at every event in the directory. */
static void refuse(struct domain *d, const struct err *e)
{
	if (d->refused.code == e->code && !strcmp(d->refused.what, e->what))
		return;
	d->refused = *e;
	log_err(d->server->log, e);
}

static int open_domain(struct domain *d, struct err *e)
{
	char path[GUESTS_PATH_MAX];
	int rc = path_fmt(path, sizeof(path), e, "%s/%s", d->server->dir, d->name);

	if (!rc)
		rc = guests_dir_check(path, true, e);
	if (rc)
		return rc;
	if (d->wd < 0)
		d->wd = inotify_add_watch(d->server->inotify.fd, path, WATCHED);
	d->present = true;
	rc = open_listen(d, e);
	return rc ? rc : rescan_chans(d, e);
}

static void leave_domain(struct domain *d)
{
	if (d->wd >= 0)
		inotify_rm_watch(d->server->inotify.fd, d->wd);
	d->wd = -1;
	d->present = false;
	close_listen(d);
	if (!d->run && !d->lease)
		close_chans(d, 0);
}

void domain_rescan(struct domain *d)
{
	struct err e = { 0 };
	int rc = open_domain(d, &e);

	if (!rc) {
		d->refused.code = 0;
		return;
	}
	if (rc == -ENOENT)
		err_clear(&e);
	else
		refuse(d, &e);
	if (rc == -ENOENT || rc == -EPERM)
		leave_domain(d);
}

void domain_lost(struct server *s, int wd)
{
	for (struct domain *d = s->domains; d; d = d->next) {
		if (d->wd != wd)
			continue;
		d->wd = -1;
		leave_domain(d);
		return;
	}
}

static bool listed(char **names, const char *name)
{
	while (*names && strcmp(*names, name))
		names++;
	return *names;
}

void domains_rescan(struct server *s)
{
	struct err e = { 0 };
	struct domain *next;
	char **names;

	if (guests_domains(s->dir, &names, &e)) {
		log_err(s->log, &e);
		return;
	}
	for (char **n = names; *n; n++) {
		struct domain *d = domain_get(s, *n, &e);

		if (d)
			domain_rescan(d);
		else
			log_err(s->log, &e);
	}
	for (struct domain *d = s->domains; d; d = next) {
		next = d->next;
		if (d->present && !listed(names, d->name)) {
			log_info(s->log, "guest %s: its directory is gone", d->name);
			leave_domain(d);
		}
		if (!listed(names, d->name))
			domain_put(d);
	}
	guests_names_free(names);
}
