// SPDX-License-Identifier: GPL-2.0
/*
 * recording.c - one recording of this machine, from the plan to the loss table
 *
 * Theory of operation
 *
 * The order is made so that tracing is on early and nothing is lost on the way:
 *
 *	are all the guests there that are to be recorded, too?
 *	open the destination (is there a host?)  -> before tracefs is touched
 *	fork the command, which waits
 *	apply the plan, tracing still off: some seconds on a slow machine
 *	collect the metadata, if the destination will not wait for them later
 *	say to the destination that it begins    -> a host expects the rest soon
 *	start the pumps, a thread a CPU
 *	tracing on; let the command run
 *	collect the metadata and hand them over, while pages flow already
 *	wait: for the command, a signal, the host
 *	tracing off; the pumps take what is left; what is known only now; the end
 *	wait for the command, if it runs still
 *	put tracefs back
 *
 * The steps are rows of one table. recording_end() undoes them, and copes with any that was not
 * reached. What went wrong first is what is reported.
 */
#include "recording/recording.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/loop.h"
#include "recording/extras.h"
#include "recording/rings.h"
#include "tracing/apply.h"
#include "tracing/task.h"

struct pid_watch {
	struct watch watch; /* of a pidfd, owned */
	struct recording *recording;
};

struct recording {
	const struct recording_opts *opts;
	struct recording_result *result;
	struct rings rings;
	struct task *task;
	struct extras *extras;
	struct applied *applied;
	bool tracing, aborted;
	struct loop *loop;
	struct watch task_watch, dest_watch;
	struct watch remotes_watch;
	int remotes_said;
	bool remote;		/* the guests record, and are not saved yet */
	struct pid_watch *pids; /* owned: the processes of -P, where no command sets the end */
	size_t npids, pids_left;
	struct timer tick;
	uint64_t started, last_moved;
	struct err *err;
};

static int open_tracefs(struct recording *r)
{
	const struct trace_plan *plan = r->opts->plan;

	if (plan->nbuffers > RINGS_MAX_BUFFERS)
		return err_say(r->err, E2BIG, "%zu buffers; %d are possible", plan->nbuffers,
			       RINGS_MAX_BUFFERS);
	r->rings.dest = r->opts->dest;
	r->rings.plan = plan;
	r->rings.version = r->opts->version;
	r->rings.trace_id = r->opts->trace_id;
	r->rings.rate = r->opts->rate;
	r->rings.nbuffers = plan->nbuffers;
	for (size_t i = 0; i < plan->nbuffers; i++)
		r->rings.names[i] = plan->buffers[i].name;
	return rings_open(&r->rings, r->err);
}

static int open_dest(struct recording *r)
{
	return rings_open_dest(&r->rings, r->err);
}

static int prepare_command(struct recording *r)
{
	struct task_opts o = { .argv = r->opts->command, .user = r->opts->user };

	if (!o.argv)
		return 0;
	r->task = task_new(&o, r->err);
	return r->task ? 0 : -r->err->code;
}

static void on_signal(void *ctx, int signo)
{
	struct recording *r = ctx;

	(void)signo;
	loop_stop(r->loop);
}

static int make_loop(struct recording *r)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, 0 };

	r->loop = loop_new(r->err);
	if (!r->loop)
		return -ENOMEM;
	return r->opts->until_dest ? 0 : loop_signals(r->loop, ends, on_signal, r, r->err);
}

static int apply_plan(struct recording *r)
{
	r->applied = trace_apply(r->opts->plan, r->rings.top, r->err);
	if (!r->applied)
		return -r->err->code;
	for (size_t i = 0; i < r->rings.nbuffers; i++)
		r->rings.buffers[i] = applied_buffer(r->applied, i);
	if (r->task && r->opts->plan->command_only)
		return trace_only_pid(r->applied, task_pid(r->task), r->err);
	return 0;
}

static int put_extras(void *ctx, struct buf *tail, struct err *e)
{
	struct recording *r = ctx;

	int ret = extras_put(r->extras, tail, e);

	return ret || !r->opts->remotes ? ret : remotes_put(r->opts->remotes, tail, e);
}

static int begin_extras(struct recording *r)
{
	struct extras_opts o = { .date = r->opts->date,
				 .ts_offset = r->opts->ts_offset,
				 .maps = r->opts->proc_map ? r->opts->plan : NULL,
				 .child = r->task ? task_pid(r->task) : 0,
				 .tsc2nsec = r->opts->plan->tsc2nsec && !r->opts->remotes,
				 .clock = applied_clock(r->applied, 0) };

	r->rings.more = put_extras;
	r->rings.more_ctx = r;
	if (!o.date && !o.ts_offset && !o.maps && !o.tsc2nsec)
		return 0;
	r->extras = extras_begin(&o, r->rings.top, r->err);
	if (!r->extras)
		return -r->err->code;
	return r->opts->remotes
		       ? extras_put_times(r->extras, remotes_times(r->opts->remotes), r->err)
		       : 0;
}

static int open_sources(struct recording *r)
{
	return rings_open_sources(&r->rings, r->err);
}

static int collect_early(struct recording *r)
{
	return r->opts->dest->ops->early_head ? rings_collect_head(&r->rings, r->err) : 0;
}

static int begin_dest(struct recording *r)
{
	return rings_begin_dest(&r->rings, r->err);
}

static int hide_threads(struct recording *r)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < r->rings.cpus.n; i++)
		if (r->rings.pumps[i])
			ret = trace_hide(r->applied, pump_tid(r->rings.pumps[i]), r->err);
	return ret;
}

static int run_pumps(struct recording *r)
{
	int ret;

	r->rings.keep_bytes = r->opts->keep_bytes;
	r->rings.rt_prio = r->opts->rt_prio;
	r->rings.busy = r->opts->busy;
	ret = rings_start(&r->rings, r->opts->interval_ns, r->err);
	return ret ? ret : hide_threads(r);
}

static int start_pumps(struct recording *r)
{
	return r->opts->dest->head_first ? 0 : run_pumps(r);
}

static int start_late_pumps(struct recording *r)
{
	return r->opts->dest->head_first ? run_pumps(r) : 0;
}

/* Guests */

static void remotes_told(struct watch *w, uint32_t events)
{
	struct recording *r = container_of(w, struct recording, remotes_watch);

	(void)events;
	r->remotes_said = remotes_look(r->opts->remotes, r->err);
	if (r->remotes_said != -EAGAIN)
		loop_stop(r->loop);
}

/* -EAGAIN: a signal came first. */
static int wait_for_remotes(struct recording *r)
{
	int ret;

	r->remotes_said = -EAGAIN;
	r->remotes_watch =
		(struct watch){ .fd = remotes_fd(r->opts->remotes), .ready = remotes_told };
	ret = loop_watch(r->loop, &r->remotes_watch, EPOLLIN, r->err);
	if (!ret)
		ret = loop_run(r->loop, r->err);
	loop_unwatch(&r->remotes_watch);
	return ret ? ret : r->remotes_said;
}

static int reach_remotes(struct recording *r)
{
	return r->opts->remotes ? remotes_reach(r->opts->remotes, r->err) : 0;
}

/* All guests record before we do: the first event of ours may be the cause of one of theirs. */
static int ask_remotes(struct recording *r)
{
	int ret;

	if (!r->opts->remotes)
		return 0;
	ret = remotes_ask(r->opts->remotes, r->err);
	if (!ret)
		ret = wait_for_remotes(r);
	if (ret == -EAGAIN)
		return err_say(r->err, EINTR, "ended before all guests recorded");
	r->remote = !ret;
	return ret ? ret : trace_hide(r->applied, remotes_tid(r->opts->remotes), r->err);
}

static void end_remotes(struct recording *r)
{
	if (r->remote)
		remotes_end(r->opts->remotes);
}

/* A signal: what is there by now is enough. */
static int save_remotes(struct recording *r)
{
	int ret;

	if (!r->remote)
		return 0;
	r->remote = false;
	ret = wait_for_remotes(r);
	if (ret == -EAGAIN) {
		remotes_hurry(r->opts->remotes);
		ret = wait_for_remotes(r);
	}
	return ret == -EAGAIN ? err_say(r->err, EINTR, "ended before the guests were saved") : ret;
}

static int switch_on(struct recording *r)
{
	int ret = r->opts->hide ? trace_hide(r->applied, r->opts->hide, r->err) : 0;

	if (!ret)
		ret = trace_on(r->applied, r->err);
	r->tracing = !ret;
	if (!ret && r->task)
		ret = task_go(r->task, r->err);
	r->started = ret ? 0 : now_ns();
	return ret;
}

static int send_head(struct recording *r)
{
	return rings_send_head(&r->rings, r->err);
}

static void command_ended(struct watch *w, uint32_t events)
{
	struct recording *r = container_of(w, struct recording, task_watch);

	(void)events;
	loop_stop(r->loop);
}

static void pid_ended(struct watch *w, uint32_t events)
{
	struct recording *r = container_of(w, struct pid_watch, watch)->recording;

	(void)events;
	loop_unwatch(w);
	if (!--r->pids_left)
		loop_stop(r->loop);
}

/* Without a command, the end of the last process of -P is the end. */
static int watch_pids(struct recording *r)
{
	const struct trace_plan *plan = r->opts->plan;

	for (size_t b = 0; !r->task && !r->opts->until_dest && b < plan->nbuffers; b++)
		r->npids += plan->buffers[b].npids;
	r->pids = calloc(r->npids + 1, sizeof(*r->pids));
	if (!r->pids)
		return err_set(r->err, ENOMEM, "no memory for the processes of -P");
	for (size_t b = 0, n = 0; n < r->npids; b++)
		for (size_t i = 0; i < plan->buffers[b].npids; i++, n++) {
			struct pid_watch *p = &r->pids[n];
			int fd = task_watch_pid(plan->buffers[b].pids[i], r->err);

			*p = (struct pid_watch){ { .fd = fd, .ready = pid_ended }, r };
			if (fd < 0 || loop_watch(r->loop, &p->watch, EPOLLIN, r->err))
				return -r->err->code;
			r->pids_left++;
		}
	return 0;
}

static void unwatch_pids(struct recording *r)
{
	for (size_t i = 0; r->pids && i < r->npids; i++) {
		loop_unwatch(&r->pids[i].watch);
		if (r->pids[i].watch.fd > 0)
			close(r->pids[i].watch.fd);
	}
	free(r->pids);
	r->pids = NULL;
}

static void host_spoke(struct watch *w, uint32_t events)
{
	struct recording *r = container_of(w, struct recording, dest_watch);
	int ret = r->opts->dest->ops->check(r->opts->dest, r->err);

	(void)events;
	if (!ret)
		return;
	r->result->ended_by_host = ret == -ECANCELED;
	r->aborted = ret != -ECANCELED;
	if (ret == -ECANCELED)
		err_clear(r->err);
	loop_stop(r->loop);
}

static void tick(struct timer *t)
{
	struct recording *r = container_of(t, struct recording, tick);
	uint64_t moved = rings_moved(&r->rings);
	char rate[32], sum[32];

	if (r->opts->status)
		fprintf(stderr, "\r%4llu s  %s/s  %s  %llu events lost\033[K",
			(unsigned long long)((now_ns() - r->started) / NSEC_PER_SEC),
			size_text(moved - r->last_moved, rate, sizeof(rate)),
			size_text(moved, sum, sizeof(sum)),
			(unsigned long long)rings_lost(&r->rings));
	r->last_moved = moved;
	if (rings_all_failed(&r->rings))
		loop_stop(r->loop);
	else
		loop_arm(r->loop, &r->tick, NSEC_PER_SEC);
}

static int wait_for_end(struct recording *r)
{
	int fd = r->opts->dest->ops->watch_fd(r->opts->dest);
	int ret = 0;

	r->task_watch =
		(struct watch){ .fd = r->task ? task_fd(r->task) : -1, .ready = command_ended };
	r->dest_watch = (struct watch){ .fd = fd, .ready = host_spoke };
	r->tick.fire = tick;
	if (r->task)
		ret = loop_watch(r->loop, &r->task_watch, EPOLLIN, r->err);
	if (!ret && fd >= 0)
		ret = loop_watch(r->loop, &r->dest_watch, EPOLLIN, r->err);
	if (!ret) {
		loop_arm(r->loop, &r->tick, NSEC_PER_SEC);
		ret = loop_run(r->loop, r->err);
	}
	loop_disarm(&r->tick);
	loop_unwatch(&r->task_watch);
	loop_unwatch(&r->dest_watch);
	if (r->opts->status)
		fprintf(stderr, "\r\033[K");
	return r->aborted ? -r->err->code : ret;
}

static int stop(struct recording *r)
{
	int ret = trace_off(r->applied, r->err);

	r->tracing = false;
	extras_command_ended(r->extras);
	return ret;
}

static int stop_and_finish(struct recording *r)
{
	int ret = stop(r);

	end_remotes(r);
	rings_join(&r->rings, RINGS_PATIENCE_S * NSEC_PER_SEC);
	return ret ? ret : rings_finish(&r->rings, &r->result->totals, true, r->err);
}

/* A latency tracer: its text is the recording. */
static int stop_and_store_text(struct recording *r)
{
	size_t b = plan_latency_buffer(r->opts->plan);
	int ret = stop(r);

	r->result->text = true;
	return ret ? ret : rings_store_text(&r->rings, r->rings.buffers[b], r->err);
}

/* Behind the end of the recording: the other end, which may have asked for it, does not wait. */
static int reap_command(struct recording *r)
{
	struct err ignored = { 0 };

	if (r->task && task_reap(r->task, &r->result->command_status, &ignored))
		r->result->command_status = 0;
	return 0;
}

/* Ours has failed: what the guests have is not to be lost with it. */
static void rescue_remotes(struct recording *r)
{
	struct err *first = r->err, later = { 0 };

	r->err = &later;
	remotes_end(r->opts->remotes);
	save_remotes(r);
	r->err = first;
}

typedef int (*step_fn)(struct recording *r);

static const step_fn steps[] = {
	reach_remotes, open_tracefs, open_dest,	    prepare_command,  make_loop,    apply_plan,
	begin_extras,  open_sources, collect_early, begin_dest,	      start_pumps,  ask_remotes,
	watch_pids,    switch_on,    send_head,	    start_late_pumps, wait_for_end, stop_and_finish,
	save_remotes,  reap_command, NULL,
};

static const step_fn text_steps[] = {
	open_tracefs, prepare_command, make_loop,	    apply_plan,	  watch_pids,
	switch_on,    wait_for_end,    stop_and_store_text, reap_command, NULL,
};

/* Leave nothing behind, wherever the steps ended. */
static int recording_end(struct recording *r, int ret)
{
	struct err later = { 0 };
	struct err *e = ret ? &later : r->err;
	int undone = 0;

	if (r->tracing)
		trace_off(r->applied, &later);
	rings_join(&r->rings, 0);
	if (r->remote && r->started)
		rescue_remotes(r);
	if (ret && !r->started)
		rings_abandon_dest(&r->rings);
	extras_free(r->extras);
	task_free(r->task);
	unwatch_pids(r);
	rings_close_sources(&r->rings); /* an instance that is open cannot be removed */
	if (r->applied && r->opts->keep)
		trace_keep(r->applied);
	else if (r->applied)
		undone = trace_undo(r->applied, e);
	applied_free(r->applied);
	loop_free(r->loop);
	rings_close(&r->rings);
	return ret ? ret : undone;
}

int recording_run(const struct recording_opts *o, struct recording_result *to, struct err *e)
{
	struct recording r = { .opts = o, .result = to, .err = e };
	int ret = 0;

	for (const step_fn *s = plan_is_latency(o->plan) ? text_steps : steps; !ret && *s; s++)
		ret = (*s)(&r);
	return recording_end(&r, ret);
}
