// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_session.c - a link and its sessions under hostile bytes
 *
 * The input is cut into pieces: byte 0 of each is its length. 1 to 253 bytes come on the control
 * connection; 0: a little time passes; 254 and 255: they come on a data channel. The rest of the
 * server is as small as can be: two channels that are FIFOs, files in a directory of their own.
 * What must hold:
 *   - states change along the table, and .expects always names a state
 *   - each session that began is closed exactly once, and a file is named only where one is
 *   - after LINK_MAX_FAULTS faults without a recording the link is over
 *   - no descriptor is left behind, and no file but those that were named, unless one failed
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "session/link.h"
#include "session/session.h"
#include "tests/fuzz/scratch.h"

enum { CPUS = 2 };

struct world {
	struct loop *loop;
	struct jobs *jobs;
	struct session_limits limits;
	struct store_place place;
	struct session_env env;
	struct chan_env chan_env;
	struct chan *chans[CPUS];
	int fifo[CPUS]; /* the guest's ends */
	struct link *link;
	struct session *session; /* the link's */
	enum session_state seen;
	unsigned int begun, closed, files;
	bool over, kept; /* kept: a file could not be made, so its parts stay */
	char dir[64];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any number of steps may have been made since the last look. */
static void look(struct world *w)
{
	enum session_state now;
	bool way[SESSION_NR_STATES] = { false };

	if (!w->session)
		return;
	now = session_state(w->session);
	must(now < SESSION_NR_STATES);
	way[w->seen] = true;
	for (unsigned int from = w->seen; from < SESSION_NR_STATES; from++)
		for (unsigned int to = 0; to < SESSION_NR_STATES; to++)
			if (way[from] && session_may_go(from, to))
				way[to] = true;
	must(way[now]);
	must(msg_state_name(session_expects(w->session)));
	w->seen = now;
}

static void on_send(void *ctx, const struct msg *m)
{
	struct world *w = ctx;

	if (w->link)
		link_send(w->link, m);
}

static void on_late(void *ctx, struct session *s, const struct err *e)
{
	struct world *w = ctx;

	must(e->what[0]);
	link_error(w->link, e);
	session_end(s, SESSION_TIMEOUT, 0);
}

static void on_released(void *ctx, struct session *s)
{
	struct world *w = ctx;

	if (w->session == s)
		w->session = NULL;
}

static void on_closed(void *ctx, struct session *s, const struct session_result *r)
{
	struct world *w = ctx;

	must(session_state(s) == SESSION_CLOSED);
	must(!r->path || r->totals);
	must(r->path || r->status == EXIT_FAILED);
	w->closed++;
	w->files += r->path != NULL;
	w->kept |= r->totals && !r->path;
	session_free(s);
}

static enum msg_state expects(void *ctx)
{
	struct world *w = ctx;

	look(w);
	return w->session ? session_expects(w->session) : MSG_S_IDLE;
}

static int message(void *ctx, const struct msg *m, struct err *e)
{
	struct world *w = ctx;
	struct session_owner owner = { w, on_send, on_late, on_released, on_closed };
	struct msg hello = { .type = MSG_RCONNECT, .rconnect.text = MSG_GREETING };

	if (m->type != MSG_TCONNECT)
		return w->session ? session_msg(w->session, m, w->chans, CPUS, e) : 0;
	if (w->session)
		session_end(w->session, SESSION_BEGAN_ANEW, 0);
	for (int i = 0; i < 1000 && w->session; i++)
		loop_once(w->loop, NSEC_PER_MSEC, NULL);
	must(!w->session); /* a drain ends */
	w->session = session_new(&w->env, &owner, "fuzz", e);
	must(w->session);
	w->seen = SESSION_HELLO;
	w->begun++;
	link_send(w->link, &hello);
	return 0;
}

static void on_fault(void *ctx, const struct err *e)
{
	struct world *w = ctx;

	must(e->code && e->what[0]);
	if (w->session)
		session_end(w->session, SESSION_FAULT, 0);
}

static void gone(void *ctx, const struct err *e)
{
	struct world *w = ctx;

	(void)e;
	link_free(w->link);
	w->link = NULL;
	w->over = true;
	if (w->session)
		session_end(w->session, SESSION_CUT_OFF, 0);
}

static void make_world(struct world *w)
{
	struct link_owner owner = { w, expects, message, on_fault, gone };

	snprintf(w->dir, sizeof(w->dir), "/dev/shm/fuzz-session.XXXXXX");
	must(mkdtemp(w->dir));
	w->limits = (struct session_limits){ .cpus = 4,
					     .meta_bytes = 1 << 16,
					     .disk_bytes = 1 << 20,
					     .hello_ns = 1000 * NSEC_PER_SEC,
					     .drain_ns = 20 * NSEC_PER_MSEC,
					     .quiet_ns = 1 };
	session_limits_defaults(&w->limits);
	w->loop = loop_new(NULL);
	w->jobs = jobs_new(w->loop, NULL);
	w->place = (struct store_place){ .outdir = w->dir, .prefix = "f", .version = 7 };
	w->place.dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->chan_env = (struct chan_env){ w->loop, NULL, malloc(CHAN_SCRATCH) };
	w->env = (struct session_env){ .loop = w->loop,
				       .jobs = w->jobs,
				       .limits = &w->limits,
				       .place = &w->place,
				       .dir = w->dir };
	for (unsigned int i = 0; i < CPUS; i++) {
		struct guest_chan at = { .cpu = i, .kind = GUEST_CHAN_FIFO };

		snprintf(at.path, sizeof(at.path), "%s/fifo%u", w->dir, i);
		must(!mkfifo(at.path, 0600));
		w->chans[i] = chan_open(&w->chan_env, &at, NULL);
		must(w->chans[i]);
		w->fifo[i] = open(at.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		must(w->fifo[i] >= 0);
	}
	w->link = link_new(w->loop, -1, &owner, UINT64_MAX, NULL);
	must(w->link);
}

static void end_world(struct world *w)
{
	link_free(w->link);
	for (unsigned int i = 0; i < CPUS; i++) {
		const struct chan_counts *n = chan_counts(w->chans[i]);

		must(n->received == n->stored + n->quota + n->disk);
		chan_close(w->chans[i]);
		close(w->fifo[i]);
	}
	jobs_free(w->jobs);
	loop_free(w->loop);
	free(w->chan_env.scratch);
	close(w->place.dirfd);
	end_dir(w->dir, w->files, w->kept);
}

static void play(struct world *w, const uint8_t *data, size_t size)
{
	while (size && !w->over) {
		size_t n = min_u64(*data, size - 1);

		if (*data >= 254)
			must(write(w->fifo[*data & 1], data + 1, n) == (ssize_t)n ||
			     errno == EAGAIN);
		else if (n)
			link_feed(w->link, data + 1, n);
		else
			loop_once(w->loop, 0, NULL);
		look(w);
		data += 1 + n;
		size -= 1 + n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int fds = count_fds();
	struct world w = { 0 };

	make_world(&w);
	play(&w, data, size);
	if (w.session)
		session_end(w.session, SESSION_CUT_OFF, 0);
	for (int i = 0; i < 5000 && (w.closed < w.begun || !jobs_idle(w.jobs)); i++)
		loop_once(w.loop, NSEC_PER_MSEC, NULL);
	must(w.closed == w.begun && !w.session);
	end_world(&w);
	must(count_fds() == fds);
	return 0;
}
