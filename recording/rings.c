// SPDX-License-Identifier: GPL-2.0
/*
 * rings.c - the ring buffers of this machine on their way into a destination
 *
 * Theory of operation
 *
 * A pump a CPU moves the pages of all buffers of that CPU into one stream, in which marks say whose
 * pages follow (recording/pump.h). The number of a buffer is its place in the list, and [0] is the
 * top one, always: where nothing is to be taken of it, its source is a pipe into which nobody
 * writes.
 *
 * The kernel counts what it lost, by CPU and buffer. A recording compares the counters with what
 * they said before; an extraction takes what they say, because it owns the past as well. The
 * snapshot has no counters: what its pages say is counted when the file is put together.
 *
 * What another reader takes, the kernel counts as read, as if it were ours; what is in the pages is
 * known to whoever puts the file together, and he compares (session/tally.c).
 */
#include "recording/rings.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tracedat/head.h"
#include "tracing/holders.h"
#include "tracing/snapshot.h"

/* Those that are offline are among them: one may come online while we record. */
#define CPUS_PRESENT  "/sys/devices/system/cpu/present"
/* And those that are not there yet. */
#define CPUS_POSSIBLE "/sys/devices/system/cpu/possible"

/* CPUSTAT payloads: those of the top buffer, then for each instance a heading and its own. */
struct stat_texts {
	struct buf *text; /* owned */
	size_t n;
};

/* The CPUs that are there, and those that may be plugged in and have a place where the pages go. */
static int find_cpus(struct rings *r, struct err *e)
{
	uint32_t places = r->dest && r->dest->ops->places ? r->dest->ops->places(r->dest) : 0;
	struct cpu_list possible = { 0 };
	size_t n = 0;
	int ret = pages_online(CPUS_PRESENT, &r->cpus, e);

	if (ret || places <= cpu_list_count(&r->cpus))
		return ret;
	ret = pages_online(CPUS_POSSIBLE, &possible, e);
	if (ret)
		return ret;
	for (size_t i = 0; i < possible.n; i++)
		if (possible.cpu[i] < places || cpu_list_has(&r->cpus, possible.cpu[i]))
			possible.cpu[n++] = possible.cpu[i];
	possible.n = n;
	cpu_list_free(&r->cpus);
	r->cpus = possible;
	return 0;
}

int rings_open(struct rings *r, struct err *e)
{
	int ret;

	r->idle[0] = r->idle[1] = -1;
	r->opened = true;
	r->top = tfs_open(NULL, e);
	if (!r->top)
		return e ? -e->code : -EIO;
	ret = pages_layout(r->top, &r->layout, e);
	if (!ret)
		ret = find_cpus(r, e);
	if (!ret && cpu_list_count(&r->cpus) > MSG_MAX_CPUS)
		ret = err_say(e, E2BIG, "there is a CPU %u; at most %d CPUs can be recorded",
			      cpu_list_count(&r->cpus) - 1, MSG_MAX_CPUS);
	return ret;
}

void rings_close_sources(struct rings *r)
{
	for (size_t i = 0; r->sources && i < r->cpus.n * r->nbuffers; i++)
		if (r->sources[i] >= 0 && r->sources[i] != r->idle[0])
			close(r->sources[i]);
	free(r->sources);
	r->sources = NULL;
}

void rings_close(struct rings *r)
{
	rings_close_sources(r);
	if (r->opened) {
		cleanup_fd(&r->idle[0]);
		cleanup_fd(&r->idle[1]);
	}
	tfs_close(r->top);
	cpu_list_free(&r->cpus);
	buf_free(&r->head);
	free(r->before);
	free(r->pumps);
	free(r->pumped);
}

void rings_abandon_dest(struct rings *r)
{
	if (r->dest_open && r->dest->ops->abandon)
		r->dest->ops->abandon(r->dest);
}

int rings_open_dest(struct rings *r, struct err *e)
{
	struct dest_shape shape = { .cpus = r->cpus.cpu,
				    .ncpus = r->cpus.n,
				    .cpu_count = cpu_list_count(&r->cpus),
				    .page_size = r->layout.size,
				    .nbuffers = r->nbuffers };
	int ret = r->dest->ops->open(r->dest, &shape, e);

	r->dest_open = !ret;
	return ret;
}

int rings_begin_dest(struct rings *r, struct err *e)
{
	return r->dest->ops->begin ? r->dest->ops->begin(r->dest, e) : 0;
}

static int make_idle(struct rings *r, struct err *e)
{
	if (r->idle[0] < 0 && pipe2(r->idle, O_CLOEXEC | O_NONBLOCK))
		return err_set(e, errno, "cannot make a pipe");
	return 0;
}

static int open_source(struct rings *r, size_t i, struct err *e)
{
	struct tracefs *t = r->buffers[i % r->nbuffers];
	uint32_t cpu = r->cpus.cpu[i / r->nbuffers];
	int ret;

	if (!t) {
		ret = make_idle(r, e);
		r->sources[i] = r->idle[0];
		return ret;
	}
	ret = r->snapshot ? pages_open_snapshot(t, cpu, e) : pages_open(t, cpu, e);
	if (ret < 0)
		return ret;
	r->sources[i] = ret;
	return cpu_stats_read(t, cpu, &r->before[i], e);
}

/*
 * Another reader of one of the buffers: the file has the events that we took, and he the others.
 * Who reads trace_pipe may end with the tracing: so this is asked before, and behind it for those
 * who came later.
 */
static void find_reader(struct rings *r)
{
	for (size_t b = 0; b < r->nbuffers && !r->reader[0]; b++)
		if (r->buffers[b])
			holders_reader(r->buffers[b], NULL, r->reader, sizeof(r->reader));
}

int rings_open_sources(struct rings *r, struct err *e)
{
	size_t n = r->cpus.n * r->nbuffers;
	int ret = 0;

	r->sources = malloc(n * sizeof(*r->sources));
	r->before = calloc(n, sizeof(*r->before));
	r->pumps = calloc(r->cpus.n, sizeof(*r->pumps));
	r->pumped = calloc(r->cpus.n, sizeof(*r->pumped));
	for (size_t i = 0; r->sources && i < n; i++)
		r->sources[i] = -1;
	if (!r->sources || !r->before || !r->pumps || !r->pumped)
		return err_set(e, ENOMEM, "no memory for %zu CPUs", r->cpus.n);
	for (size_t i = 0; !ret && i < n; i++)
		ret = open_source(r, i, e);
	if (!r->snapshot)
		find_reader(r);
	return ret;
}

int rings_start(struct rings *r, uint64_t interval_ns, struct err *e)
{
	struct dest_sources all = { r->sources, r->names, r->buffers, r->top };

	if (r->dest->ops->sources)
		return r->dest->ops->sources(r->dest, &all, e);
	for (size_t i = 0; i < r->cpus.n; i++) {
		struct pump_opts o = { .cpu = r->cpus.cpu[i],
				       .page_size = r->layout.size,
				       .interval_ns = interval_ns,
				       .sources = &r->sources[i * r->nbuffers],
				       .nsources = r->nbuffers,
				       .busy = r->busy,
				       .rate = r->rate };
		int ret = r->dest->ops->sink(r->dest, i, &o, e);

		if (ret)
			return ret;
		o.keep = r->keep_bytes;
		r->pumps[i] = pump_start(&o, e);
		if (!r->pumps[i])
			return e ? -e->code : -EIO;
		ret = pump_set_prio(r->pumps[i], r->rt_prio, e);
		if (ret)
			return ret;
	}
	return 0;
}

/* CPU count and options, as a head has them. */
static int put_options(struct rings *r, bool latency, struct buf *to, struct err *e)
{
	struct meta_option_opts o = { .cpus = cpu_list_count(&r->cpus),
				      .trace_id = r->trace_id ?: meta_trace_id(),
				      .latency = latency,
				      .version = r->version,
				      .buffers = r->names + 1,
				      .nbuffers = latency ? 0 : r->nbuffers - 1 };

	return meta_options(r->top, &o, to, e);
}

int rings_collect_head(struct rings *r, struct err *e)
{
	struct meta_opts o = { .plan = r->plan, .cmdlines_later = true };

	return r->head.len ? 0 : meta_collect(r->top, &o, &r->head, e);
}

/* The head as it is now, in r->head. */
static int complete_head(struct rings *r, bool latency, struct err *e)
{
	int ret = rings_collect_head(r, e);

	if (!ret)
		ret = meta_cmdlines(r->top, &r->head, e);
	return ret ? ret : put_options(r, latency, &r->head, e);
}

int rings_send_head(struct rings *r, struct err *e)
{
	int ret = complete_head(r, false, e);

	if (!ret)
		ret = r->dest->ops->head(r->dest, r->head.data, r->head.len, e);
	buf_free(&r->head);
	return ret;
}

uint64_t rings_moved(const struct rings *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; r->pumps && i < r->cpus.n; i++)
		sum += r->pumps[i] ? pump_moved(r->pumps[i]) : 0;
	return sum;
}

/* The kernel's counters begin anew when somebody clears the ring meanwhile. */
static uint64_t since(uint64_t was, uint64_t now)
{
	return now >= was ? now - was : now;
}

/* Events that were lost between two readings of the counters. */
static uint64_t lost_between(const struct cpu_stats *was, const struct cpu_stats *now)
{
	return since(was->overrun, now->overrun) + since(was->commit_overrun, now->commit_overrun) +
	       since(was->dropped, now->dropped);
}

uint64_t rings_lost(struct rings *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; r->before && i < r->cpus.n * r->nbuffers; i++) {
		struct tracefs *t = r->buffers[i % r->nbuffers];
		struct cpu_stats now;

		if (t && !cpu_stats_read(t, r->cpus.cpu[i / r->nbuffers], &now, NULL))
			sum += lost_between(&r->before[i], &now);
	}
	return sum;
}

bool rings_all_failed(const struct rings *r)
{
	bool any = false;

	for (size_t i = 0; r->pumps && i < r->cpus.n; i++) {
		if (r->pumps[i] && !pump_failed(r->pumps[i]))
			return false;
		any |= r->pumps[i] != NULL;
	}
	return any;
}

void rings_join(struct rings *r, uint64_t patience_ns)
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

/* What the kernel counted for one CPU, over all buffers. */
static int count_events(struct rings *r, size_t i, bool from_start, struct cpu_totals *c,
			struct err *e)
{
	for (size_t b = 0; b < r->nbuffers; b++) {
		struct cpu_stats was = r->before[i * r->nbuffers + b], now;
		int ret;

		if (!r->buffers[b])
			continue;
		ret = cpu_stats_read(r->buffers[b], r->cpus.cpu[i], &now, e);
		if (ret)
			return ret;
		c->events += since(was.read, now.read);
		if (!from_start)
			was = (struct cpu_stats){ 0 };
		/* .entries: what a full channel kept us from reading before the end */
		c->ring += now.entries + lost_between(&was, &now);
	}
	return 0;
}

static bool has_snapshot(const struct rings *r)
{
	for (size_t b = 0; b < r->nbuffers; b++)
		if (r->buffers[b] && snapshot_exists(r->buffers[b]))
			return true;
	return false;
}

static int fill_totals(struct rings *r, struct totals *t, bool from_start, struct err *e)
{
	bool unsure = !r->snapshot && has_snapshot(r);
	int ret = 0;

	t->cpus = cpu_list_count(&r->cpus);
	t->page_size = r->layout.size;
	t->told = !r->snapshot;
	if (!r->snapshot)
		find_reader(r);
	memcpy(t->reader, r->reader, sizeof(t->reader));
	for (size_t i = 0; !ret && i < r->cpus.n; i++) {
		struct cpu_totals *c = &t->cpu[r->cpus.cpu[i]];

		c->unsure = unsure;
		c->bytes = r->pumped[i].sent;
		c->quota = totals_pages(t, r->pumped[i].trimmed);
		c->transport = totals_pages(t, r->pumped[i].stuck);
		if (!r->snapshot)
			ret = count_events(r, i, from_start, c, e);
	}
	return ret;
}

/* A pump that could not move a single page is the error of the whole. */
static int pump_error(const struct rings *r, struct err *e)
{
	for (size_t i = 0; i < r->cpus.n; i++)
		if (r->pumped[i].err.code && r->pumped[i].err.code != ETIMEDOUT &&
		    !r->pumped[i].sent) {
			if (e)
				*e = r->pumped[i].err;
			return -r->pumped[i].err.code;
		}
	return 0;
}

static int collect_stats(struct rings *r, struct stat_texts *s, struct err *e)
{
	s->text = calloc(r->nbuffers * (r->cpus.n + 1), sizeof(*s->text));
	if (!s->text)
		return err_set(e, ENOMEM, "no memory for the statistics");
	for (size_t b = 0; b < r->nbuffers; b++) {
		if (!r->buffers[b])
			continue;
		if (b && buf_addf(&s->text[s->n++], "\nBuffer: %s\n\n%c", r->names[b], '\0'))
			return err_set(e, ENOMEM, "no memory for the statistics");
		for (size_t i = 0; i < r->cpus.n; i++) {
			int ret = meta_cpustat(r->buffers[b], r->cpus.cpu[i], &s->text[s->n++], e);

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
static int make_tail(struct rings *r, struct buf *tail, struct err *e)
{
	struct stat_texts s = { 0 };
	struct buf names = { 0 };
	int ret = collect_stats(r, &s, e);

	for (size_t i = 0; !ret && i < s.n; i++)
		ret = tdat_put_option(tail, TDAT_OPT_CPUSTAT, s.text[i].data,
				      (uint32_t)s.text[i].len, e);
	if (!ret)
		ret = tfs_read(r->top, "saved_cmdlines", &names, e);
	if (!ret)
		ret = tdat_put_option(tail, TDAT_OPT_CMDLINES, names.data, (uint32_t)names.len, e);
	if (!ret && r->more)
		ret = r->more(r->more_ctx, tail, e);
	buf_free(&names);
	stat_texts_free(&s);
	return ret;
}

int rings_finish(struct rings *r, struct totals *t, bool from_start, struct err *e)
{
	struct dest_end end = { .totals = t };
	struct buf tail = { 0 };
	int ret = r->dest->ops->drain ? r->dest->ops->drain(r->dest, e) : 0;

	if (!ret)
		ret = fill_totals(r, t, from_start, e);
	if (!ret)
		ret = pump_error(r, e);
	if (!ret)
		ret = make_tail(r, &tail, e);
	end.tail = tail.data;
	end.tail_len = tail.len;
	if (!ret)
		ret = r->dest->ops->finish(r->dest, &end, e);
	t->told = true; /* of a snapshot: counted by now */
	buf_free(&tail);
	return ret;
}

int rings_store_text(struct rings *r, const struct tracefs *t, struct err *e)
{
	struct buf text = { 0 };
	int ret = tfs_read(t, "trace", &text, e);

	if (!ret)
		ret = complete_head(r, true, e);
	if (!ret)
		ret = dest_file_text(r->dest, (struct view){ r->head.data, r->head.len },
				     (struct view){ text.data, text.len }, e);
	buf_free(&text);
	return ret;
}
