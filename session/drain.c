// SPDX-License-Identifier: GPL-2.0
/*
 * drain.c - the end of a recording: last bytes, totals, the file
 *
 * Theory of operation
 *
 * What the guest sent last is still in QEMU or in a channel when its CLOSE comes. With totals it is
 * known how much that is: the drain ends with the last byte, or at a deadline, and then the rest is
 * lost on the way. Without totals it ends when all channels were quiet for a while.
 *
 * Then the guest is told what became of its pages, the channels go back to the domain, and the file
 * is put together beside the loop (job.c). The next recording need not wait for that.
 */
#include "session/session_local.h"

#include <inttypes.h>

#include "base/io.h"

enum { TICK_MS = 50 /* between looks at a drain */ };

/* Tell the owner, who may free the session: nothing may be done with it afterwards. */
void session_close(struct session *s)
{
	struct session_result r = { .domain = s->domain, .err = &s->err };
	bool lost = totals_lost(&s->totals) || (s->cut && s->ext.features & MSG_F_TOTALS) ||
		    s->totals.late;

	if (s->state == SESSION_DRAINING) {
		r.totals = &s->totals;
		r.path = s->made.path[0] ? s->made.path : NULL;
	}
	r.status = !r.path ? EXIT_FAILED : lost ? EXIT_LOSSES : EXIT_WHOLE;
	session_go(s, SESSION_CLOSED);
	s->owner.closed(s->owner.ctx, s, &r);
}

/* The file */

static void assemble_work(struct job *j)
{
	struct session *s = container_of(j, struct session, job);

	store_assemble(s->store, &s->totals, !(s->ext.features & MSG_F_MARKS), &s->made, &s->err);
}

static void assemble_done(struct job *j)
{
	struct session *s = container_of(j, struct session, job);
	char line[256];

	if (s->err.code)
		err_prefix(&s->err, "%s %s", s->env.who, s->domain);
	else
		log_info(s->env.log, "%s %s: %s: %s", s->env.who, s->domain, s->made.path,
			 totals_line(&s->totals, line, sizeof(line)));
	if (s->made.note[0])
		log_warn(s->env.log, "%s %s: %s", s->env.who, s->domain, s->made.note);
	session_close(s);
}

/* The drain */

static bool is_told(const struct session *s)
{
	return s->totals.told;
}

static bool chan_done(const struct session *s, uint32_t i, uint64_t now)
{
	const struct chan_counts *n = chan_counts(s->chans[i]);

	if (n->ended)
		return true;
	if (is_told(s) && n->received + n->missed >= s->totals.cpu[i].bytes)
		return true;
	/* What is lost never comes; a connection says itself when it ends. */
	if (!n->lossy && (is_told(s) || n->will_end))
		return false;
	return now - max_u64(n->last_ns, s->drain_start) >= s->quiet_ns;
}

/* The guest's totals and our counts, as they stand at the end of the drain. */
static void count_cpu(struct session *s, uint32_t i)
{
	const struct chan_counts *n = chan_counts(s->chans[i]);
	struct totals *t = &s->totals;
	struct cpu_totals *ct = &t->cpu[i];

	if (t->told && ct->bytes > n->received) {
		ct->transport += totals_pages(t, ct->bytes - n->received);
		log_warn(s->env.log, "%s %s: CPU %u: %" PRIu64 " of %" PRIu64 " bytes never came%s",
			 s->env.who, s->domain, i, ct->bytes - n->received, ct->bytes,
			 n->found ? "" : " (not even the stream's mark)");
	}
	if (!t->told)
		ct->transport += totals_pages(t, n->missed);
	ct->marked = n->marked;
	ct->quota = totals_pages(t, n->quota);
	ct->disk = totals_pages(t, n->disk);
	ct->bytes = 0; /* from now on: bytes in the file */
	if (n->odd)
		log_warn(s->env.log,
			 "%s %s: CPU %u: %" PRIu64 " datagrams that are no page, late or of others",
			 s->env.who, s->domain, i, n->odd);
	if (n->stale)
		log_info(s->env.log, "%s %s: CPU %u: %" PRIu64 " stale bytes before its stream",
			 s->env.who, s->domain, i, n->stale);
}

/*
 * Tell the guest what became of its pages: they are on our disk, whatever the assembly says later.
 * In the server's CLOSE .bytes is what is stored, and three causes of loss, in pages, have the
 * places of the guest's own numbers: see PROTOCOL, "CLOSE".
 */
static void send_stored(struct session *s)
{
	struct msg *m = calloc(1, sizeof(*m));

	if (!m)
		return;
	m->type = MSG_CLOSE;
	m->close.cpus = s->cpus;
	for (uint32_t i = 0; i < s->cpus; i++) {
		const struct cpu_totals *ct = &s->totals.cpu[i];

		m->close.total[i] = (struct msg_total){ .bytes = chan_counts(s->chans[i])->stored,
							.events = ct->quota,
							.lost = ct->disk,
							.stuck = (uint32_t)ct->transport };
	}
	s->owner.send(s->owner.ctx, m);
	free(m);
}

static void finish_drain(struct session *s)
{
	loop_disarm(&s->timer);
	for (uint32_t i = 0; i < s->cpus; i++)
		count_cpu(s, i);
	if (s->totals.told && !s->cut)
		send_stored(s);
	session_give_back(s);
	s->job = (struct job){ .work = assemble_work, .done = assemble_done };
	jobs_add(s->env.jobs, &s->job);
	s->owner.released(s->owner.ctx, s);
}

void drain_look(struct session *s)
{
	uint64_t now = now_ns();
	uint32_t left = 0;

	for (uint32_t i = 0; i < s->cpus; i++)
		left += !chan_done(s, i, now);
	if (left && now < s->drain_until) {
		loop_arm(s->env.loop, &s->timer, TICK_MS * NSEC_PER_MSEC);
		return;
	}
	if (left && is_told(s)) {
		s->totals.late = true;
		log_warn(s->env.log, "%s %s: the last bytes of %u CPUs did not come in %.1f s",
			 s->env.who, s->domain, left,
			 (double)(now - s->drain_start) / NSEC_PER_SEC);
	}
	finish_drain(s);
}

void drain_begin(struct session *s, uint64_t quiet_ns)
{
	session_cut_tail(s);
	s->quiet_ns = quiet_ns;
	s->drain_start = now_ns();
	s->drain_until = s->drain_start + s->env.limits->drain_ns;
	session_go(s, SESSION_DRAINING);
	/* The first look is later: the owner is still in the middle of a message. */
	loop_arm(s->env.loop, &s->timer, 0);
}
