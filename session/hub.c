// SPDX-License-Identifier: GPL-2.0
/*
 * hub.c - what every server of recordings needs
 *
 * Theory of operation
 *
 * A recording (struct run) is a member of what its server knows of it, and is freed when its file
 * is made; its connection may be gone by then, or be in its next recording.
 *
 * Stopping: peers that understand it are asked with CLOSE, so that they send their totals; the
 * others, and those who do not answer in STOP_WAIT, are ended as if their connection had broken.
 * When no recording and no job is left, .stopped is called.
 */
#include "session/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "session/restore.h"

#define STOP_WAIT  (3 * NSEC_PER_SEC)
#define STOP_QUIET (300 * NSEC_PER_MSEC)

/* Stopping */

static void look_stopped(struct hub *h)
{
	if (!h->stopping || h->stopped || h->runs || h->held || !jobs_idle(h->jobs))
		return;
	h->stopped = true;
	h->o.stopped(h->o.ctx);
}

void hub_hold(struct hub *h)
{
	h->held++;
}

void hub_let_go(struct hub *h)
{
	h->held--;
	look_stopped(h);
}

/* End those who did not end themselves. */
static void stop_fire(struct timer *t)
{
	struct hub *h = container_of(t, struct hub, stop);

	for (struct run *r = h->runs, *next; r; r = next) {
		next = r->next;
		session_end(r->session, SESSION_STOPPED, STOP_QUIET);
	}
	look_stopped(h);
}

static void ask_to_stop(struct run *r)
{
	static const struct msg bye = { .type = MSG_CLOSE };

	if (session_state(r->session) == SESSION_RECORDING && session_polite(r->session) && r->link)
		link_send(r->link, &bye);
	else if (session_state(r->session) < SESSION_DRAINING)
		session_end(r->session, SESSION_STOPPED, STOP_QUIET);
}

void hub_stop(struct hub *h)
{
	if (h->stopping) {
		if (!h->stopped) {
			h->stopped = true;
			h->o.stopped(h->o.ctx);
		}
		return;
	}
	h->stopping = true;
	log_info(h->log, "stopping: %u recordings are finished first", h->nruns);
	for (struct run *r = h->runs, *next; r; r = next) {
		next = r->next;
		ask_to_stop(r);
	}
	loop_arm(h->loop, &h->stop, STOP_WAIT);
	look_stopped(h);
}

/* Orphans */

struct orphan {
	struct job job;
	struct hub *hub;
	struct orphan *next;
	char *meta; /* owned */
	struct restored result;
};

static void orphan_free(struct orphan *o)
{
	struct orphan **at = &o->hub->orphans;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	free(o->meta);
	free(o);
}

static void orphan_work(struct job *j)
{
	struct orphan *o = container_of(j, struct orphan, job);

	restore_one(&o->hub->place, o->meta, &o->result);
}

static void orphan_done(struct job *j)
{
	struct orphan *o = container_of(j, struct orphan, job);
	struct hub *h = o->hub;
	char line[256];

	if (o->result.err.code == EBUSY)
		log_info(h->log, "%s", o->result.err.what);
	else if (o->result.err.code)
		log_err(h->log, &o->result.err);
	else
		log_info(h->log, "restored %s: %s", o->result.made.path,
			 totals_line(&o->result.totals, line, sizeof(line)));
	orphan_free(o);
	look_stopped(h);
}

void hub_restore(struct hub *h)
{
	struct err e = { 0 };
	char **names;

	if (h->o.no_restore)
		return;
	if (restore_list(&h->place, &names, &e)) {
		log_err(h->log, &e);
		return;
	}
	for (char **n = names; *n; n++) {
		struct orphan *o = calloc(1, sizeof(*o));

		if (!o)
			break;
		o->hub = h;
		o->next = h->orphans;
		h->orphans = o;
		o->meta = strdup(*n);
		o->job = (struct job){ .work = orphan_work, .done = orphan_done };
		if (o->meta)
			jobs_add(h->jobs, &o->job);
	}
	restore_free(names);
}

/* Runs */

int hub_may_begin(const struct hub *h, struct err *e)
{
	if (h->stopping)
		return err_say(e, ESHUTDOWN, "the server is being stopped");
	if (h->nruns >= h->o.max_sessions)
		return err_say(e, EUSERS,
			       "%u recordings are running or being saved, as many as allowed",
			       h->nruns);
	return 0;
}

int run_begin(struct hub *h, struct run *r, const struct session_env *env,
	      const struct session_owner *owner, const char *domain, struct err *e)
{
	r->session = session_new(env, owner, domain, e);
	if (!r->session)
		return -ENOMEM;
	r->hub = h;
	r->next = h->runs;
	h->runs = r;
	h->nruns++;
	return 0;
}

void run_free(struct run *r)
{
	struct run **at = &r->hub->runs;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	r->hub->nruns--;
	session_free(r->session);
	r->free(r);
}

void run_closed(struct run *r, const struct session_result *res)
{
	struct hub *h = r->hub;
	bool recorded = res->totals;

	h->o.finished(h->o.ctx, res);
	run_free(r);
	if (recorded && h->o.once && !h->stopping)
		hub_stop(h);
	look_stopped(h);
}

/* Refusing */

void hub_refused(struct hub *h, const struct err *e)
{
	uint64_t now = now_ns();

	h->nrefused++;
	if (h->refused_ns && now - h->refused_ns < NSEC_PER_SEC)
		return;
	log_warn(h->log, "%u connections refused: %s", h->nrefused, e->what);
	h->refused_ns = now;
	h->nrefused = 0;
}

bool hub_shed(struct hub *h, int listen_fd, int code)
{
	struct err e = { 0 };
	int fd;

	if (code != EMFILE && code != ENFILE)
		return false;
	err_set(&e, code, "cannot accept a connection");
	hub_refused(h, &e);
	cleanup_fd(&h->spare);
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	cleanup_fd(&fd);
	h->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return true;
}

/* Making one */

static int open_outdir(struct hub *h, struct err *e)
{
	h->place = (struct store_place){ .outdir = h->o.outdir,
					 .prefix = h->o.prefix ? h->o.prefix : "trace",
					 .version = h->o.version,
					 .compression = h->o.compression };
	h->place.dirfd = open(h->o.outdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->place.dirfd < 0)
		return err_set(e, errno, "cannot open the output directory %s", h->o.outdir);
	if (faccessat(h->place.dirfd, ".", W_OK | X_OK, AT_EACCESS))
		return err_set(e, errno, "cannot write into the output directory %s", h->o.outdir);
	return 0;
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

int hub_open(struct hub *h, struct loop *l, const struct hub_opts *o, struct err *e)
{
	int rc;

	*h = (struct hub){ .loop = l, .o = *o, .log = o->log, .spare = -1, .place.dirfd = -1 };
	h->o.max_sessions = o->max_sessions ? o->max_sessions : 64;
	session_limits_defaults(&h->o.limits);
	h->stop.fire = stop_fire;
	rc = open_outdir(h, e);
	if (rc)
		return rc;
	raise_files();
	h->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	h->jobs = jobs_new(l, e);
	if (!h->jobs)
		return -e->code;
	h->chan_env = (struct chan_env){ l, h->log, malloc(CHAN_SCRATCH) };
	if (!h->chan_env.scratch)
		return err_set(e, ENOMEM, "no memory for the channels");
	h->env = (struct session_env){ .loop = l,
				       .log = h->log,
				       .jobs = h->jobs,
				       .limits = &h->o.limits,
				       .place = &h->place,
				       .dir = o->dir,
				       .who = o->who,
				       .by = o->name };
	return 0;
}

void hub_end_jobs(struct hub *h)
{
	jobs_free(h->jobs);
	h->jobs = NULL;
}

void hub_close(struct hub *h)
{
	hub_end_jobs(h);
	while (h->runs)
		run_free(h->runs);
	while (h->orphans)
		orphan_free(h->orphans);
	loop_disarm(&h->stop);
	cleanup_fd(&h->place.dirfd);
	cleanup_fd(&h->spare);
	free(h->chan_env.scratch);
}

/* The status line */

bool hub_status(struct hub *h, struct buf *to)
{
	uint64_t now = now_ns();
	bool any = false;

	for (struct run *r = h->runs; r; r = r->next) {
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
