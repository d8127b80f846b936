// SPDX-License-Identifier: GPL-2.0
/*
 * extras.c - what a recording stores besides the trace, when it is asked to: --date,
 * --ts-offset, --proc-map, --tsc2nsec
 *
 * Theory of operation
 *
 * All are option records at the end of the metadata. The distance of the trace clock to the time
 * of day is measured before tracing is on: what cannot be measured is an error before there is
 * anything to lose. The maps of the processes of -P are read at the start and again at the end, as
 * far as they are there then; the command's is taken at its exit (tracing/procmap.c). The rate of
 * the TSC is measured from the start to the end.
 */
#include "recording/extras.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>

#include "base/cleanup.h"
#include "timesync/now.h"
#include "tracedat/head.h"
#include "tracing/procmap.h"
#include "tracing/walltime.h"

struct extras {
	bool date, tsc2nsec;
	int64_t offset_us; /* of the date */
	int64_t ts_offset;
	struct ts_rate rate; /* where its measurement began */
	pid_t child;
	struct procmap_watch *watch;
	struct process {
		pid_t pid;
		struct buf map;
	} * process; /* owned: those of -P, and then the command */
	size_t n;
};

int extras_check(bool date, int64_t ts_offset, bool text, struct err *e)
{
	if (date && ts_offset)
		return err_usage(e, "one of them",
				 "--date and --ts-offset are both added to times");
	if (text && (date || ts_offset))
		return err_usage(e, "leave it out",
				 "--date and --ts-offset are not for the text of a latency tracer");
	return 0;
}

static int add_process(struct extras *x, pid_t pid, struct err *e)
{
	struct process *more = realloc(x->process, (x->n + 1) * sizeof(*more));

	if (!more)
		return err_set(e, ENOMEM, "no memory for the maps of processes");
	x->process = more;
	more[x->n] = (struct process){ .pid = pid };
	return procmap_read(NULL, pid, &more[x->n++].map, e);
}

static int begin_maps(struct extras *x, const struct trace_plan *plan, struct err *e)
{
	int ret = 0;

	for (size_t b = 0; !ret && b < plan->nbuffers; b++)
		for (size_t i = 0; !ret && i < plan->buffers[b].npids; i++)
			ret = add_process(x, plan->buffers[b].pids[i], e);
	if (ret || !x->child)
		return ret;
	x->watch = procmap_watch(x->child, e);
	return x->watch ? 0 : -EIO;
}

struct extras *extras_begin(const struct extras_opts *o, const struct tracefs *top, struct err *e)
{
	struct extras *x = calloc(1, sizeof(*x));
	int ret = 0;

	if (!x) {
		err_set(e, ENOMEM, "no memory for the recording");
		return NULL;
	}
	x->date = o->date;
	x->tsc2nsec = o->tsc2nsec;
	x->ts_offset = o->ts_offset;
	ts_rate_begin(&x->rate);
	x->child = o->maps ? o->child : 0;
	if (x->date)
		ret = walltime_measure(top, o->clock, &x->offset_us, e);
	if (!ret && o->maps)
		ret = begin_maps(x, o->maps, e);
	if (!ret)
		return x;
	extras_free(x);
	return NULL;
}

void extras_command_ended(struct extras *x)
{
	struct process *more;

	if (!x || !x->watch)
		return;
	more = realloc(x->process, (x->n + 1) * sizeof(*more));
	if (more) {
		x->process = more;
		more[x->n] = (struct process){ .pid = x->child };
		procmap_end(x->watch, &more[x->n++].map);
	} else {
		procmap_end(x->watch, NULL);
	}
	x->watch = NULL;
}

static int put_date(const struct extras *x, struct buf *to, struct err *e)
{
	char date[32];
	int len = snprintf(date, sizeof(date), "0x%" PRIx64, (uint64_t)x->offset_us);

	return tdat_put_option(to, TDAT_OPT_DATE, date, (uint32_t)len + 1, e);
}

static int put_offset(const struct extras *x, struct buf *to, struct err *e)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%" PRId64, x->ts_offset);

	return tdat_put_option(to, TDAT_OPT_OFFSET, text, (uint32_t)len + 1, e);
}

static int put_rate(const struct extras *x, struct buf *to, struct err *e)
{
	uint32_t mult, shift;

	if (!ts_rate_end(&x->rate, &mult, &shift))
		return err_say(e, EOPNOTSUPP, "--tsc2nsec: this machine has no TSC that runs");
	return ts_rate_put(mult, shift, to, e);
}

int extras_put_times(const struct extras *x, struct buf *to, struct err *e)
{
	int ret = 0;

	if (x && x->date)
		ret = put_date(x, to, e);
	if (!ret && x && x->ts_offset)
		ret = put_offset(x, to, e);
	return ret;
}

int extras_put(struct extras *x, struct buf *to, struct err *e)
{
	int ret;

	if (!x)
		return 0;
	ret = extras_put_times(x, to, e);
	if (!ret && x->tsc2nsec)
		ret = put_rate(x, to, e);
	for (size_t i = 0; !ret && i < x->n; i++) {
		struct process *p = &x->process[i];

		if (p->pid != x->child) /* what it has mapped since; else what it had */
			procmap_read(NULL, p->pid, &p->map, NULL);
		if (p->map.len)
			ret = tdat_put_option(to, TDAT_OPT_PROCMAPS, p->map.data,
					      (uint32_t)p->map.len, e);
	}
	return ret;
}

void extras_free(struct extras *x)
{
	if (!x)
		return;
	if (x->watch)
		kill(x->child, SIGKILL);
	procmap_end(x->watch, NULL);
	for (size_t i = 0; i < x->n; i++)
		buf_free(&x->process[i].map);
	free(x->process);
	free(x);
}
