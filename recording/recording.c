// SPDX-License-Identifier: GPL-2.0
/*
 * recording.c - one recording of this machine, from the plan to the loss table
 *
 * Theory of operation
 *
 * The order is made so that tracing is on early and nothing is lost on the way:
 *
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
 *	put tracefs back
 *
 * The steps are rows of one table. recording_end() undoes them, and copes with any that was not
 * reached. What went wrong first is what is reported.
 */
#include "recording/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "tracedat/head.h"
#include "tracing/apply.h"
#include "tracing/meta.h"
#include "tracing/pages.h"
#include "tracing/task.h"

enum { MAX_BUFFERS = 64, PATIENCE_S = 5 };

/* CPUSTAT payloads: those of the top buffer, then for each instance a heading and its own. */
struct stat_texts {
	struct buf *text; /* owned */
	size_t n;
};

struct pid_watch {
	struct watch watch; /* of a pidfd, owned */
	struct recording *recording;
};

struct recording {
	const struct recording_opts *opts;
	struct recording_result *result;
	struct tracefs *top;
	struct page_layout layout;
	struct cpu_list cpus;
	struct task *task;
	struct applied *applied;
	size_t nbuffers;
	const char *names[MAX_BUFFERS];
	int *sources;	     /* owned: [cpu index * nbuffers + buffer] */
	struct pump **pumps; /* owned: one for each CPU, NULL = not started */
	struct pump_result *pumped;
	struct cpu_stats *before; /* owned: as .sources */
	struct buf head, tail;
	bool dest_open, tracing, aborted;
	struct loop *loop;
	struct watch task_watch, dest_watch;
	struct pid_watch *pids; /* owned: the processes of -P, where no command sets the end */
	size_t npids, pids_left;
	struct timer tick;
	uint64_t started, last_moved;
	struct err *err;
};

/* Those that are offline are among them: one may come online while we record. */
#define CPUS_PRESENT "/sys/devices/system/cpu/present"

static int open_tracefs(struct recording *r)
{
	const struct trace_plan *plan = r->opts->plan;
	int ret;

	r->top = tfs_open(NULL, r->err);
	if (!r->top)
		return -r->err->code;
	if (plan->nbuffers > MAX_BUFFERS)
		return err_say(r->err, E2BIG, "%zu buffers; %d are possible", plan->nbuffers,
			       MAX_BUFFERS);
	ret = pages_layout(r->top, &r->layout, r->err);
	if (!ret)
		ret = pages_online(CPUS_PRESENT, &r->cpus, r->err);
	if (!ret && cpu_list_count(&r->cpus) > MSG_MAX_CPUS)
		ret = err_say(r->err, E2BIG, "there is a CPU %u; at most %d CPUs can be recorded",
			      cpu_list_count(&r->cpus) - 1, MSG_MAX_CPUS);
	r->nbuffers = plan->nbuffers;
	for (size_t i = 0; i < r->nbuffers; i++)
		r->names[i] = plan->buffers[i].name;
	return ret;
}

static int open_dest(struct recording *r)
{
	struct dest_shape shape = { .cpus = r->cpus.cpu,
				    .ncpus = r->cpus.n,
				    .cpu_count = cpu_list_count(&r->cpus),
				    .page_size = r->layout.size,
				    .nbuffers = r->nbuffers };
	int ret = r->opts->dest->ops->open(r->opts->dest, &shape, r->err);

	r->dest_open = !ret;
	return ret;
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
	return r->loop ? loop_signals(r->loop, ends, on_signal, r, r->err) : -ENOMEM;
}

static int apply_plan(struct recording *r)
{
	r->applied = trace_apply(r->opts->plan, r->top, r->err);
	if (!r->applied)
		return -r->err->code;
	if (r->task && r->opts->plan->command_only)
		return trace_only_pid(r->applied, task_pid(r->task), r->err);
	return 0;
}

/* What takes long of the metadata, once. */
static int collect_head(struct recording *r)
{
	struct meta_opts o = { .plan = r->opts->plan, .cmdlines_later = true };

	return r->head.len ? 0 : meta_collect(r->top, &o, &r->head, r->err);
}

static int collect_early(struct recording *r)
{
	return r->opts->dest->ops->early_head ? collect_head(r) : 0;
}

static int begin_dest(struct recording *r)
{
	const struct dest_ops *ops = r->opts->dest->ops;

	return ops->begin ? ops->begin(r->opts->dest, r->err) : 0;
}

static struct cpu_stats *stats_of(struct recording *r, size_t cpu, size_t buffer)
{
	return &r->before[cpu * r->nbuffers + buffer];
}

static int *sources_of(struct recording *r, size_t cpu)
{
	return &r->sources[cpu * r->nbuffers];
}

static int open_sources(struct recording *r)
{
	size_t n = r->cpus.n * r->nbuffers;
	int ret;

	r->sources = malloc(n * sizeof(*r->sources));
	r->before = calloc(n, sizeof(*r->before));
	r->pumps = calloc(r->cpus.n, sizeof(*r->pumps));
	r->pumped = calloc(r->cpus.n, sizeof(*r->pumped));
	if (!r->sources || !r->before || !r->pumps || !r->pumped)
		return err_set(r->err, ENOMEM, "no memory for %zu CPUs", r->cpus.n);
	for (size_t i = 0; i < n; i++)
		r->sources[i] = -1;
	for (size_t i = 0; i < n; i++) {
		struct tracefs *t = applied_buffer(r->applied, i % r->nbuffers);
		uint32_t cpu = r->cpus.cpu[i / r->nbuffers];

		ret = pages_open(t, cpu, r->err);
		if (ret < 0)
			return ret;
		r->sources[i] = ret;
		ret = cpu_stats_read(t, cpu, &r->before[i], r->err);
		if (ret)
			return ret;
	}
	return 0;
}

static int start_pumps(struct recording *r)
{
	for (size_t i = 0; i < r->cpus.n; i++) {
		struct pump_opts o = { .cpu = r->cpus.cpu[i],
				       .page_size = r->layout.size,
				       .interval_ns = r->opts->interval_ns,
				       .sources = sources_of(r, i),
				       .nsources = r->nbuffers };
		int ret = r->opts->dest->ops->sink(r->opts->dest, i, &o, r->err);

		if (ret)
			return ret;
		r->pumps[i] = pump_start(&o, r->err);
		if (!r->pumps[i])
			return -r->err->code;
		ret = trace_hide(r->applied, pump_tid(r->pumps[i]), r->err);
		if (ret)
			return ret;
	}
	return 0;
}

static int switch_on(struct recording *r)
{
	int ret = trace_on(r->applied, r->err);

	r->tracing = !ret;
	if (!ret && r->task)
		ret = task_go(r->task, r->err);
	r->started = ret ? 0 : now_ns();
	return ret;
}

/* CPU count and options, as a head has them. */
static int put_options(struct recording *r, struct buf *to)
{
	struct meta_option_opts o = { .cpus = cpu_list_count(&r->cpus),
				      .trace_id = meta_trace_id(),
				      .version = r->opts->version,
				      .buffers = r->names + 1,
				      .nbuffers = r->nbuffers - 1 };

	return meta_options(r->top, &o, to, r->err);
}

/* The metadata as they are now, after tracing is on: nothing waits for them. */
static int send_head(struct recording *r)
{
	int ret = collect_head(r);

	if (!ret)
		ret = meta_cmdlines(r->top, &r->head, r->err);
	if (!ret)
		ret = put_options(r, &r->head);
	if (!ret)
		ret = r->opts->dest->ops->head(r->opts->dest, r->head.data, r->head.len, r->err);
	buf_free(&r->head);
	return ret;
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

	for (size_t b = 0; !r->task && b < plan->nbuffers; b++)
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

static uint64_t moved_now(const struct recording *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->cpus.n; i++)
		sum += r->pumps[i] ? pump_moved(r->pumps[i]) : 0;
	return sum;
}

/* Events that the ring buffers have lost since the start. */
static uint64_t lost_now(struct recording *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->cpus.n * r->nbuffers; i++) {
		const struct cpu_stats *b = &r->before[i];
		struct cpu_stats now;

		if (!cpu_stats_read(applied_buffer(r->applied, i % r->nbuffers),
				    r->cpus.cpu[i / r->nbuffers], &now, NULL))
			sum += now.overrun + now.commit_overrun + now.dropped - b->overrun -
			       b->commit_overrun - b->dropped;
	}
	return sum;
}

static bool all_pumps_failed(const struct recording *r)
{
	for (size_t i = 0; i < r->cpus.n; i++)
		if (!pump_failed(r->pumps[i]))
			return false;
	return true;
}

static void tick(struct timer *t)
{
	struct recording *r = container_of(t, struct recording, tick);
	uint64_t moved = moved_now(r);
	char rate[32], sum[32];

	if (r->opts->status)
		fprintf(stderr, "\r%4llu s  %s/s  %s  %llu events lost\033[K",
			(unsigned long long)((now_ns() - r->started) / NSEC_PER_SEC),
			size_text(moved - r->last_moved, rate, sizeof(rate)),
			size_text(moved, sum, sizeof(sum)), (unsigned long long)lost_now(r));
	r->last_moved = moved;
	if (all_pumps_failed(r))
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

static void join_pumps(struct recording *r, uint64_t patience_ns)
{
	for (size_t i = 0; r->pumps && i < r->cpus.n; i++)
		if (r->pumps[i])
			pump_finish(r->pumps[i], patience_ns);
	for (size_t i = 0; r->pumps && i < r->cpus.n; i++) {
		if (!r->pumps[i])
			continue;
		pump_join(r->pumps[i], &r->pumped[i]);
		r->pumps[i] = NULL;
	}
}

/* What the kernel counted for one CPU since the start, over all buffers. */
static int count_events(struct recording *r, size_t i, struct cpu_totals *c)
{
	for (size_t b = 0; b < r->nbuffers; b++) {
		const struct cpu_stats *was = stats_of(r, i, b);
		struct cpu_stats now;
		int ret =
			cpu_stats_read(applied_buffer(r->applied, b), r->cpus.cpu[i], &now, r->err);

		if (ret)
			return ret;
		c->events += now.read - was->read;
		/* .entries: what a full channel kept us from reading before the end */
		c->ring += now.entries + now.overrun - was->overrun + now.commit_overrun -
			   was->commit_overrun + now.dropped - was->dropped;
	}
	return 0;
}

static int fill_totals(struct recording *r)
{
	struct totals *t = &r->result->totals;
	int ret = 0;

	t->cpus = cpu_list_count(&r->cpus);
	t->page_size = r->layout.size;
	t->told = true;
	for (size_t i = 0; !ret && i < r->cpus.n; i++) {
		struct cpu_totals *c = &t->cpu[r->cpus.cpu[i]];

		c->bytes = r->pumped[i].sent;
		c->transport = totals_pages(t, r->pumped[i].stuck);
		ret = count_events(r, i, c);
	}
	return ret;
}

static int collect_stats(struct recording *r, struct stat_texts *s)
{
	s->text = calloc(r->nbuffers * (r->cpus.n + 1), sizeof(*s->text));
	if (!s->text)
		return err_set(r->err, ENOMEM, "no memory for the statistics");
	for (size_t b = 0; b < r->nbuffers; b++) {
		if (b && buf_addf(&s->text[s->n++], "\nBuffer: %s\n\n%c", r->names[b], '\0'))
			return err_set(r->err, ENOMEM, "no memory for the statistics");
		for (size_t i = 0; i < r->cpus.n; i++) {
			int ret = meta_cpustat(applied_buffer(r->applied, b), r->cpus.cpu[i],
					       &s->text[s->n++], r->err);

			if (ret)
				return ret;
		}
	}
	return 0;
}

static void stat_texts_free(struct stat_texts *s)
{
	for (size_t i = 0; i < s->n; i++)
		buf_free(&s->text[i]);
	free(s->text);
}

/* Option records that are known only now: the statistics, and the names of all that ran. */
static int make_tail(struct recording *r, const struct stat_texts *s)
{
	struct buf names = { 0 };
	int ret = 0;

	for (size_t i = 0; !ret && i < s->n; i++)
		ret = tdat_put_option(&r->tail, TDAT_OPT_CPUSTAT, s->text[i].data,
				      (uint32_t)s->text[i].len, r->err);
	if (!ret)
		ret = tfs_read(r->top, "saved_cmdlines", &names, r->err);
	if (!ret)
		ret = tdat_put_option(&r->tail, TDAT_OPT_CMDLINES, names.data, (uint32_t)names.len,
				      r->err);
	buf_free(&names);
	return ret;
}

static int finish_dest(struct recording *r)
{
	struct dest_end end = { .totals = &r->result->totals };
	struct stat_texts stats = { 0 };
	int ret = collect_stats(r, &stats);

	if (!ret)
		ret = make_tail(r, &stats);
	end.tail = r->tail.data;
	end.tail_len = r->tail.len;
	if (!ret)
		ret = r->opts->dest->ops->finish(r->opts->dest, &end, r->err);
	stat_texts_free(&stats);
	return ret;
}

static int stop_and_finish(struct recording *r)
{
	int ret = trace_off(r->applied, r->err);

	r->tracing = false;
	if (r->task && !ret) {
		struct err ignored = { 0 };

		if (task_reap(r->task, &r->result->command_status, &ignored))
			r->result->command_status = 0;
	}
	join_pumps(r, PATIENCE_S * NSEC_PER_SEC);
	if (!ret)
		ret = fill_totals(r);
	for (size_t i = 0; !ret && i < r->cpus.n; i++)
		if (r->pumped[i].err.code && r->pumped[i].err.code != ETIMEDOUT &&
		    !r->pumped[i].sent) {
			*r->err = r->pumped[i].err;
			ret = -r->err->code;
		}
	return ret ? ret : finish_dest(r);
}

static int (*const steps[])(struct recording *r) = {
	open_tracefs, open_dest,     prepare_command, make_loop,       apply_plan,
	open_sources, collect_early, begin_dest,      start_pumps,     watch_pids,
	switch_on,    send_head,     wait_for_end,    stop_and_finish,
};

/* Leave nothing behind, wherever the steps ended. */
static int recording_end(struct recording *r, int ret)
{
	struct err later = { 0 };
	struct err *e = ret ? &later : r->err;
	int undone = 0;

	if (r->tracing)
		trace_off(r->applied, &later);
	join_pumps(r, 0);
	if (ret && r->dest_open && !r->started && r->opts->dest->ops->abandon)
		r->opts->dest->ops->abandon(r->opts->dest);
	task_free(r->task);
	unwatch_pids(r);
	for (size_t i = 0; r->sources && i < r->cpus.n * r->nbuffers; i++)
		if (r->sources[i] >= 0)
			close(r->sources[i]);
	if (r->applied && r->opts->keep)
		trace_keep(r->applied);
	else if (r->applied)
		undone = trace_undo(r->applied, e);
	applied_free(r->applied);
	loop_free(r->loop);
	tfs_close(r->top);
	cpu_list_free(&r->cpus);
	buf_free(&r->head);
	buf_free(&r->tail);
	free(r->sources);
	free(r->before);
	free(r->pumps);
	free(r->pumped);
	return ret ? ret : undone;
}

int recording_run(const struct recording_opts *o, struct recording_result *to, struct err *e)
{
	struct recording r = { .opts = o, .result = to, .err = e };
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(steps); i++)
		ret = steps[i](&r);
	return recording_end(&r, ret);
}
