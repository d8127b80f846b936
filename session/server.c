// SPDX-License-Identifier: GPL-2.0
/*
 * server.c - many guests, one loop
 *
 * Theory of operation
 *
 * The server owns what outlives a recording: the lock of the directory, the sockets, the domains
 * with their channels, the connections. Recordings (struct run, conn.c) hang between a connection
 * and a domain and are freed when their file is made.
 *
 * Stopping: guests that understand it are asked with CLOSE, so that they send their totals; the
 * others, and those who do not answer in STOP_WAIT, are ended as if their connection had broken.
 * When no recording and no job is left, .stopped is called.
 */
#include "session/server_local.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "session/restore.h"
#include "transport/unix.h"

#define RESCAN_WAIT (20 * NSEC_PER_MSEC) /* a directory is made in several steps */
#define STOP_WAIT   (3 * NSEC_PER_SEC)
#define STOP_QUIET  (300 * NSEC_PER_MSEC)

#define LOCK_NAME ".virt-server.lock"

enum { WATCHED = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR };

/* Orphans */

struct orphan {
	struct job job;
	struct server *server;
	struct orphan *next;
	char *meta; /* owned */
	struct restored result;
};

static void orphan_free(struct orphan *o)
{
	struct orphan **at = &o->server->orphans;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	free(o->meta);
	free(o);
}

static void orphan_work(struct job *j)
{
	struct orphan *o = container_of(j, struct orphan, job);

	restore_one(&o->server->place, o->meta, &o->result);
}

static void orphan_done(struct job *j)
{
	struct orphan *o = container_of(j, struct orphan, job);
	struct server *s = o->server;
	char line[256];

	if (o->result.err.code == EBUSY)
		log_info(s->log, "%s", o->result.err.what);
	else if (o->result.err.code)
		log_err(s->log, &o->result.err);
	else
		log_info(s->log, "restored %s: %s", o->result.made.path,
			 totals_line(&o->result.totals, line, sizeof(line)));
	orphan_free(o);
	server_look_stopped(s);
}

static void restore_orphans(struct server *s)
{
	struct err e = { 0 };
	char **names;

	if (restore_list(&s->place, &names, &e)) {
		log_err(s->log, &e);
		return;
	}
	for (char **n = names; *n; n++) {
		struct orphan *o = calloc(1, sizeof(*o));

		if (!o)
			break;
		o->server = s;
		o->next = s->orphans;
		s->orphans = o;
		o->meta = strdup(*n);
		o->job = (struct job){ .work = orphan_work, .done = orphan_done };
		if (o->meta)
			jobs_add(s->jobs, &o->job);
	}
	restore_free(names);
}

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
	int n, rc = path_fmt(path, sizeof(path), e, "%s/" LOCK_NAME, s->o.dir);

	if (rc)
		return rc;
	s->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (s->lock < 0)
		return err_set(e, errno, "cannot open %s", path);
	if (flock(s->lock, LOCK_EX | LOCK_NB)) {
		if (!read_fd_all(s->lock, &who, 32, path, NULL) && !buf_text(&who))
			who.data[strcspn((char *)who.data, "\n")] = '\0';
		err_say(e, EBUSY, "%s is served already, by the virt-server with pid %s", s->o.dir,
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

static int open_outdir(struct server *s, struct err *e)
{
	s->place = (struct store_place){ .outdir = s->o.outdir,
					 .prefix = s->o.prefix ? s->o.prefix : "trace",
					 .version = s->o.version };
	s->place.dirfd = open(s->o.outdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->place.dirfd < 0)
		return err_set(e, errno, "cannot open the output directory %s", s->o.outdir);
	if (faccessat(s->place.dirfd, ".", W_OK | X_OK, AT_EACCESS))
		return err_set(e, errno, "cannot write into the output directory %s", s->o.outdir);
	return 0;
}

static int watch_dir(struct server *s, struct err *e)
{
	s->inotify.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (s->inotify.fd < 0)
		return err_set(e, errno, "cannot make an inotify descriptor");
	if (inotify_add_watch(s->inotify.fd, s->o.dir, WATCHED) < 0)
		return err_set(e, errno, "cannot watch directory %s", s->o.dir);
	return loop_watch(s->loop, &s->inotify, EPOLLIN, e);
}

static int listen_shared(struct server *s, struct err *e)
{
	char path[GUESTS_PATH_MAX];
	int rc = path_fmt(path, sizeof(path), e, "%s/" GUESTS_CTL_NAME, s->o.dir);

	if (rc)
		return rc;
	s->listen.fd = unix_listen(path, e);
	return s->listen.fd < 0 ? s->listen.fd : loop_watch(s->loop, &s->listen, EPOLLIN, e);
}

/* A channel is up to three descriptors, and there are 256 CPUs: take what we may have. */
static void raise_files(void)
{
	struct rlimit rl;

	if (!getrlimit(RLIMIT_NOFILE, &rl) && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static int set_up(struct server *s, struct err *e)
{
	int rc = guests_dir_make(s->o.dir, e);

	if (!rc)
		rc = take_lock(s, e);
	if (!rc)
		rc = open_outdir(s, e);
	if (rc)
		return rc;
	raise_files();
	s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s->jobs = jobs_new(s->loop, e);
	s->chan_env = (struct chan_env){ s->loop, s->log, malloc(CHAN_SCRATCH) };
	if (!s->jobs || !s->chan_env.scratch)
		return s->jobs ? err_set(e, ENOMEM, "no memory for the channels") : -e->code;
	s->env = (struct session_env){ .loop = s->loop,
				       .log = s->log,
				       .jobs = s->jobs,
				       .limits = &s->o.limits,
				       .place = &s->place,
				       .dir = s->o.dir };
	rc = watch_dir(s, e);
	return rc ? rc : listen_shared(s, e);
}

static void stop_fire(struct timer *t);

struct server *server_new(struct loop *l, const struct server_opts *o, struct err *e)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s) {
		err_set(e, ENOMEM, "no memory for the server");
		return NULL;
	}
	s->loop = l;
	s->o = *o;
	s->log = o->log;
	s->o.max_sessions = o->max_sessions ? o->max_sessions : 64;
	s->o.max_conns = o->max_conns ? o->max_conns : 256;
	s->o.max_domain_conns = o->max_domain_conns ? o->max_domain_conns : 16;
	session_limits_defaults(&s->o.limits);
	s->lock = s->spare = s->place.dirfd = -1;
	s->listen = (struct watch){ .fd = -1, .ready = shared_accept };
	s->inotify = (struct watch){ .fd = -1, .ready = inotify_ready };
	s->rescan.fire = rescan_fire;
	s->stop.fire = stop_fire;
	if (set_up(s, e)) {
		server_free(s);
		return NULL;
	}
	domains_rescan(s);
	if (!o->no_restore)
		restore_orphans(s);
	log_info(s->log, "trace-cmd %s serves %s, files go to %s", VERSION, o->dir, o->outdir);
	return s;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	jobs_free(s->jobs);
	while (s->conns)
		conn_free(s->conns);
	while (s->runs)
		run_free(s->runs);
	while (s->domains)
		domain_free(s->domains);
	while (s->orphans)
		orphan_free(s->orphans);
	loop_disarm(&s->rescan);
	loop_disarm(&s->stop);
	loop_unwatch(&s->listen);
	loop_unwatch(&s->inotify);
	cleanup_fd(&s->listen.fd);
	cleanup_fd(&s->inotify.fd);
	cleanup_fd(&s->place.dirfd);
	cleanup_fd(&s->spare);
	cleanup_fd(&s->lock);
	free(s->chan_env.scratch);
	free(s);
}

/* Stopping */

void server_look_stopped(struct server *s)
{
	if (!s->stopping || s->stopped || s->runs || !jobs_idle(s->jobs))
		return;
	s->stopped = true;
	s->o.stopped(s->o.ctx);
}

/* End those who did not end themselves. */
static void stop_fire(struct timer *t)
{
	struct server *s = container_of(t, struct server, stop);

	for (struct run *r = s->runs, *next; r; r = next) {
		next = r->next;
		session_end(r->session, SESSION_STOPPED, STOP_QUIET);
	}
	server_look_stopped(s);
}

static void ask_to_stop(struct run *r)
{
	static const struct msg bye = { .type = MSG_CLOSE };

	if (session_state(r->session) == SESSION_RECORDING && session_polite(r->session) && r->conn)
		link_send(r->conn->link, &bye);
	else if (session_state(r->session) < SESSION_DRAINING)
		session_end(r->session, SESSION_STOPPED, STOP_QUIET);
}

void server_stop(struct server *s)
{
	if (s->stopping) {
		if (!s->stopped) {
			s->stopped = true;
			s->o.stopped(s->o.ctx);
		}
		return;
	}
	s->stopping = true;
	log_info(s->log, "stopping: %u recordings are finished first", s->nruns);
	loop_unwatch(&s->listen);
	for (struct run *r = s->runs, *next; r; r = next) {
		next = r->next;
		ask_to_stop(r);
	}
	loop_arm(s->loop, &s->stop, STOP_WAIT);
	server_look_stopped(s);
}

/* The status line */

bool server_status(struct server *s, struct buf *to)
{
	uint64_t now = now_ns();
	bool any = false;

	for (struct run *r = s->runs; r; r = r->next) {
		char rate[32], all[32], lost[32];
		struct session_now n;
		double secs = r->shown_ns ? (double)(now - r->shown_ns) / NSEC_PER_SEC : 0;

		if (session_state(r->session) < SESSION_RECORDING)
			continue;
		session_now(r->session, &n);
		size_text(
			secs > 0 ? (uint64_t)((double)(n.bytes - min_u64(n.bytes, r->shown_bytes)) /
					      secs)
				 : 0,
			rate, sizeof(rate));
		buf_addf(to, "%s%s: %s/s, %s, lost %s", any ? " | " : "",
			 session_domain(r->session), rate, size_text(n.bytes, all, sizeof(all)),
			 size_text(n.lost, lost, sizeof(lost)));
		r->shown_bytes = n.bytes;
		r->shown_ns = now;
		any = true;
	}
	return any && !buf_text(to);
}
