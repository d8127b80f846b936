// SPDX-License-Identifier: GPL-2.0
/*
 * session.c - one guest being recorded
 *
 * Theory of operation
 *
 *   hello      RCONNECT was sent. TINIT makes the files and takes the channels: from then on pages
 *              are kept, since the data channels and the control channel have no common order
 *   ready      metadata go to the disk as they come; FINMETA has them judged
 *   recording  nothing to do but to count; metadata may come once more (MSG_F_TAIL)
 *   draining   the end was said (CLOSE) or seen (a new TCONNECT, the connection's end, a fault).
 *              With totals: until each CPU's bytes are there, or the deadline passes. Without:
 *              until nothing came for a while: see drain.c
 *   closed     the owner was told; nothing happens any more
 *
 * session_go() alone changes the state, along the table. A recording that did not get as far as its
 * metadata leaves no file; all others do, with what came.
 *
 * Budget: a token bucket for the rate, a sum for the disk. A channel asks before it keeps anything
 * (may_keep()); what exceeds the budget is still taken from the channel, and counted.
 */
#include "session/session_local.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "base/io.h"

enum { COLLECTING = 6 }; /* times the patience between messages */

static const struct {
	const char *name;
	uint32_t next;
} states[] = {
	[SESSION_HELLO] = { "hello", BIT(SESSION_READY) | BIT(SESSION_CLOSED) },
	[SESSION_READY] = { "ready", BIT(SESSION_RECORDING) | BIT(SESSION_CLOSED) },
	[SESSION_RECORDING] = { "recording", BIT(SESSION_DRAINING) },
	[SESSION_DRAINING] = { "draining", BIT(SESSION_CLOSED) },
	[SESSION_CLOSED] = { "closed", 0 },
};
static_assert(ARRAY_SIZE(states) == SESSION_NR_STATES, "states[] and enum session_state differ");

void session_limits_defaults(struct session_limits *l)
{
	if (!l->cpus || l->cpus > MSG_MAX_CPUS)
		l->cpus = MSG_MAX_CPUS;
	if (!l->meta_bytes)
		l->meta_bytes = 28ULL << 20;
	if (!l->hello_ns)
		l->hello_ns = 5 * NSEC_PER_SEC;
	if (!l->drain_ns)
		l->drain_ns = 10 * NSEC_PER_SEC;
	if (!l->quiet_ns)
		l->quiet_ns = NSEC_PER_SEC;
}

const char *session_state_name(enum session_state s)
{
	return (unsigned int)s < SESSION_NR_STATES ? states[s].name : "?";
}

bool session_may_go(enum session_state from, enum session_state to)
{
	return states[from].next & BIT(to);
}

/* The only writer of s->state. */
void session_go(struct session *s, enum session_state next)
{
	assert(session_may_go(s->state, next));
	log_info(s->env.log, "%s %s: %s -> %s", s->env.who, s->domain, states[s->state].name,
		 states[next].name);
	s->state = next;
}

/* Time */

/* Before the first metadata the guest collects them, which takes a slow one longer than a message.
 */
static uint64_t patience_ns(const struct session *s)
{
	uint64_t ns = s->env.limits->hello_ns;

	return ns != UINT64_MAX && s->state == SESSION_READY && !s->meta_bytes ? COLLECTING * ns
									       : ns;
}

static void arm_silence(struct session *s)
{
	loop_disarm(&s->timer);
	/* V1's metadata end with the connection, so silence says nothing. */
	if (s->env.gen == WIRE_V1 && s->state != SESSION_HELLO)
		return;
	if (patience_ns(s) != UINT64_MAX)
		loop_arm(s->env.loop, &s->timer, patience_ns(s));
}

static void timer_fire(struct timer *t)
{
	struct session *s = container_of(t, struct session, timer);
	struct err e = { 0 };

	if (s->state == SESSION_DRAINING) {
		drain_look(s);
		return;
	}
	err_say(&e, ETIMEDOUT, "no %s came in %.1f s",
		s->state == SESSION_HELLO ? "TINIT" : "further metadata",
		(double)patience_ns(s) / NSEC_PER_SEC);
	s->owner.late(s->owner.ctx, s, &e);
}

/* Life */

struct session *session_new(const struct session_env *env, const struct session_owner *owner,
			    const char *domain, struct err *e)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s || path_fmt(s->domain, sizeof(s->domain), e, "%s", domain)) {
		if (!s)
			err_set(e, ENOMEM, "no memory for a recording of %s", domain);
		free(s);
		return NULL;
	}
	s->env = *env;
	s->owner = *owner;
	s->state = SESSION_HELLO;
	s->timer.fire = timer_fire;
	arm_silence(s);
	return s;
}

/* Give the channels back; their counts stay readable until the next recording. */
void session_give_back(struct session *s)
{
	for (uint32_t i = 0; i < s->cpus && s->lent; i++)
		chan_end(s->chans[i]);
	s->lent = false;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	session_give_back(s);
	loop_disarm(&s->timer);
	store_free(s->store);
	free(s->chans);
	free(s->page);
	free(s);
}

void session_forget(struct session *s)
{
	if (s->store)
		store_remove(s->store);
}

/* Budget */

static void refill(struct session *s)
{
	uint64_t now = now_ns(), rate = s->env.limits->rate, ns = now - s->refilled_ns;

	/* At most a quarter of a second's worth is saved up, so the product is small. */
	ns = min_u64(ns, NSEC_PER_SEC / 4);
	s->tokens = min_u64(s->tokens + (uint64_t)((double)rate * (double)ns / NSEC_PER_SEC),
			    max_u64(rate / 4, 1 << 16));
	s->refilled_ns = now;
}

static uint64_t may_keep(void *ctx, uint64_t want)
{
	struct session *s = ctx;
	const struct session_limits *l = s->env.limits;

	if (l->disk_bytes)
		want = min_u64(want, l->disk_bytes - min_u64(l->disk_bytes, s->kept));
	if (l->rate) {
		refill(s);
		want = min_u64(want, s->tokens);
	}
	return want;
}

static void was_kept(void *ctx, uint64_t bytes)
{
	struct session *s = ctx;

	s->kept += bytes;
	s->tokens -= min_u64(s->tokens, bytes);
}

/* The newest whole page of the part file, for an owner who asks: read back, as it was spliced. */
static void tell_page(struct session *s, struct chan *c)
{
	uint32_t cpu = chan_where(c)->cpu;
	uint64_t stored = chan_counts(c)->stored, part = stored % s->page_size;
	off_t end;

	if (!s->owner.arrived || !s->page || stored == s->told[cpu] || stored < s->page_size)
		return;
	s->told[cpu] = stored;
	end = lseek(s->parts[cpu], 0, SEEK_CUR) - (off_t)(part + s->page_size);
	if (end >= 0 && pread(s->parts[cpu], s->page, s->page_size, end) == (ssize_t)s->page_size)
		s->owner.arrived(s->owner.ctx, cpu, s->page, s->page_size);
}

/* A channel has news. With @e it is in the middle of its work: only note it. */
static void chan_moved(void *ctx, struct chan *c, const struct err *e)
{
	struct session *s = ctx;
	char text[sizeof(e->what) + 64];

	if (!e) {
		tell_page(s, c);
		if (s->state == SESSION_DRAINING && s->lent)
			drain_look(s);
		return;
	}
	log_line(s->env.log, s->disk_told ? LOG_DEBUG : LOG_ERROR,
		 "%s %s: CPU %u: %s; what comes from now on is lost", s->env.who, s->domain,
		 chan_where(c)->cpu, err_text(e, text, sizeof(text)));
	s->disk_told = true;
}

/* TINIT */

static int judge_tinit(const struct session *s, const struct msg *m, size_t nchans, struct err *e)
{
	uint32_t cpus = m->tinit.cpus, most = s->env.limits->cpus;

	if (cpus > most)
		return err_say(e, E2BIG, "the %s has %u CPUs; the server takes %u", s->env.who,
			       cpus, most);
	if (cpus <= nchans)
		return 0;
	err_say(e, ENOENT, "the guest has %u CPUs, but %s/%s has data channels for %zu", cpus,
		s->env.dir, s->domain, nchans);
	return err_hint(e, "run 'trace-cmd setup-guest %s -c %u' and attach the new ports",
			s->domain, cpus);
}

/* The extensions that can be granted: the older generations of the network have no words for them.
 */
static uint32_t known_features(const struct session *s, const struct msg *m)
{
	if (s->env.gen == WIRE_V1 || s->env.gen == WIRE_V2)
		return 0;
	return s->env.gen && !m->tinit.use_tcp && !m->tinit.use_vsock ? MSG_F_ALL_UDP : MSG_F_ALL;
}

static void note_peer(struct session *s, const struct msg *m)
{
	const struct msg_ext *x = &m->tinit.ext;

	snprintf(s->peer, sizeof(s->peer), "%s", x->present && x->peer ? x->peer : "");
	s->ext = *x;
	s->ext.present = x->present && known_features(s, m);
	s->ext.features = s->ext.present ? x->features & known_features(s, m) : 0;
	s->ext.peer = s->peer;
	s->cpus = m->tinit.cpus;
	s->page_size = s->totals.page_size = m->tinit.page_size;
	s->totals.cpus = s->cpus;
	log_info(s->env.log, "%s %s: %s; features:%s%s%s%s%s; %u CPUs, pages of %u bytes",
		 s->env.who, s->domain, s->peer[0] ? s->peer : "a peer without extensions",
		 s->ext.features & MSG_F_TOTALS ? " totals" : "",
		 s->ext.features & MSG_F_TAIL ? " tail" : "",
		 s->ext.features & MSG_F_MARKS ? " marks" : "",
		 s->ext.features & MSG_F_SEQ ? " numbers" : "", s->ext.features ? "" : " none",
		 s->cpus, s->page_size);
}

enum { STALE_MAX = 64 << 20 /* bytes thrown away at TINIT: a full FIFO is 1 MiB */ };

/* Without marks the only way to be rid of old bytes is to take them all before the guest may send.
 */
static void begin_channels(struct session *s)
{
	struct chan_use use = { .page_size = s->page_size,
				.marks = s->ext.features & MSG_F_MARKS,
				.stream_id = s->ext.stream_id,
				.seq = s->ext.features & MSG_F_SEQ,
				.room = store_room(s->store),
				.ctx = s,
				.allow = may_keep,
				.kept = was_kept,
				.moved = chan_moved };

	if (s->owner.arrived)
		s->page = malloc(s->page_size);
	s->refilled_ns = now_ns();
	s->tokens = s->env.limits->rate / 4;
	s->lent = true;
	for (uint32_t i = 0; i < s->cpus; i++) {
		if (!use.marks)
			chan_flush(s->chans[i], STALE_MAX);
		use.part = s->parts[i];
		chan_begin(s->chans[i], &use);
	}
}

static int make_files(struct session *s, struct err *e)
{
	int rc;

	s->store = store_new(s->env.place, s->domain, e);
	if (!s->store)
		return e->code ? -e->code : -ENOMEM;
	rc = store_data(s->store, s->cpus, e);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < s->cpus; i++) {
		int fd = store_part(s->store, i, e);

		if (fd < 0)
			return fd;
		s->parts[i] = fd;
	}
	return 0;
}

static void send_rinit(struct session *s)
{
	struct msg m = { .type = MSG_RINIT };
	char peer[MSG_MAX_PEER];

	snprintf(peer, sizeof(peer), "trace-cmd %s %s", VERSION, s->env.by);
	m.rinit.cpus = s->cpus;
	m.rinit.ext.present = s->ext.present;
	m.rinit.ext.features = s->ext.features;
	m.rinit.ext.peer = peer;
	m.rinit.nports = s->env.gen ? s->cpus : 0;
	for (uint32_t i = 0; i < m.rinit.nports; i++)
		m.rinit.port[i] = chan_port(s->chans[i]);
	s->owner.send(s->owner.ctx, &m);
}

static int got_tinit(struct session *s, const struct msg *m, struct chan *const *chans,
		     size_t nchans, struct err *e)
{
	int rc = judge_tinit(s, m, nchans, e);

	if (rc)
		return rc;
	note_peer(s, m);
	s->chans = calloc(s->cpus, sizeof(*s->chans));
	if (!s->chans)
		return err_set(e, ENOMEM, "no memory for %u data channels", s->cpus);
	memcpy(s->chans, chans, s->cpus * sizeof(*s->chans));
	rc = make_files(s, e);
	if (rc)
		return rc;
	begin_channels(s);
	session_go(s, SESSION_READY);
	arm_silence(s);
	send_rinit(s);
	return 0;
}

/* Metadata */

/*
 * The disk has no room for what the guest says at its end: that is not worth the recording, and the
 * totals are still to come.
 */
static void lose_tail(struct session *s, struct err *e)
{
	char text[sizeof(e->what) + 64];

	log_warn(s->env.log, "%s %s: the options of the end are left out: %s", s->env.who,
		 s->domain, err_text(e, text, sizeof(text)));
	err_clear(e);
	store_tail_drop(s->store);
	s->tail_lost = true;
}

void session_cut_tail(struct session *s)
{
	if (s->tail && store_tail_drop(s->store))
		log_warn(s->env.log, "%s %s: cannot cut off the unfinished options", s->env.who,
			 s->domain);
	s->tail = s->tail_lost = false;
}

static int got_meta(struct session *s, const struct msg *m, struct err *e)
{
	int rc;

	if (s->state == SESSION_RECORDING && !s->tail) {
		if (!(s->ext.features & MSG_F_TAIL))
			return err_say(
				e, EPROTO,
				"sent SENDMETA while recording; that feature was not agreed on");
		s->tail = true;
	}
	s->meta_bytes += m->meta.len;
	if (s->meta_bytes > s->env.limits->meta_bytes)
		return err_say(e, E2BIG, "more than %llu bytes of metadata",
			       (unsigned long long)s->env.limits->meta_bytes);
	arm_silence(s);
	if (s->tail_lost)
		return 0;
	rc = store_meta(s->store, m->meta.data, m->meta.len, e);
	if (!rc || !s->tail)
		return rc;
	lose_tail(s, e);
	return 0;
}

static int got_finmeta(struct session *s, struct err *e)
{
	struct store_peer peer = { .cpus = s->cpus,
				   .page_size = s->page_size,
				   .ext = &s->ext,
				   .by = s->env.by,
				   .whole = s->env.gen == WIRE_V3,
				   .most = s->env.limits->meta_bytes };
	int rc;

	if (s->state == SESSION_RECORDING) {
		store_tail_keep(s->store);
		s->tail = s->tail_lost = false;
		loop_disarm(&s->timer);
		return 0;
	}
	rc = store_head_done(s->store, &peer, e);
	if (rc)
		return rc;
	loop_disarm(&s->timer);
	session_go(s, SESSION_RECORDING);
	log_info(s->env.log, "%s %s: recording to %s/%s", s->env.who, s->domain,
		 s->env.place->outdir, store_name(s->store));
	return 0;
}

/* The end */

/* It never got as far as its metadata. */
static void drop(struct session *s)
{
	loop_disarm(&s->timer);
	session_give_back(s);
	if (s->store)
		store_remove(s->store);
	s->owner.released(s->owner.ctx, s);
	session_close(s);
}

/* The numbers of CLOSE; .bytes holds what the guest sent until count_cpu(). */
static int take_totals(struct session *s, const struct msg *m, struct err *e)
{
	if (!m->close.cpus)
		return 0;
	if (m->close.cpus != s->cpus)
		return err_say(e, EPROTO, "sent CLOSE with totals of %u CPUs, after TINIT with %u",
			       m->close.cpus, s->cpus);
	if (!(s->ext.features & MSG_F_TOTALS))
		return err_say(e, EPROTO, "sent CLOSE with totals, which were not agreed on");
	for (uint32_t i = 0; i < s->cpus; i++) {
		const struct msg_total *from = &m->close.total[i];

		s->totals.cpu[i] = (struct cpu_totals){ .bytes = from->bytes,
							.events = from->events,
							.ring = from->lost,
							.transport = from->stuck };
	}
	s->totals.told = true;
	return 0;
}

static int got_close(struct session *s, const struct msg *m, struct err *e)
{
	int rc;

	if (s->state == SESSION_DRAINING)
		return 0;
	if (s->state != SESSION_RECORDING) {
		log_info(s->env.log, "%s %s: it gave up before the metadata were there", s->env.who,
			 s->domain);
		drop(s);
		return 0;
	}
	rc = take_totals(s, m, e);
	if (!rc)
		drain_begin(s, s->env.limits->quiet_ns);
	return rc;
}

int session_msg(struct session *s, const struct msg *m, struct chan *const *chans, size_t nchans,
		struct err *e)
{
	switch (m->type) {
	case MSG_TINIT:
		return got_tinit(s, m, chans, nchans, e);
	case MSG_SENDMETA:
		return got_meta(s, m, e);
	case MSG_FINMETA:
		return got_finmeta(s, e);
	case MSG_CLOSE:
		return got_close(s, m, e);
	default:
		return err_say(e, EPROTO, "sent %s in state %s", msg_name(m->type),
			       states[s->state].name);
	}
}

/* V1 has no word for the end of the metadata: if they are whole now, that was it. */
static void heard_all(struct session *s)
{
	struct err e = { 0 };

	if (s->env.gen != WIRE_V1 || s->state != SESSION_READY || !s->meta_bytes)
		return;
	if (got_finmeta(s, &e))
		log_err(s->env.log, &e);
}

void session_end(struct session *s, enum session_why why, uint64_t quiet_ns)
{
	static const char *const names[] = {
		[SESSION_BEGAN_ANEW] = "the client began anew",
		[SESSION_CUT_OFF] = "the control channel ended",
		[SESSION_FAULT] = "it broke the protocol",
		[SESSION_TIMEOUT] = "it fell silent",
		[SESSION_STOPPED] = "the server stops",
	};

	if (s->state >= SESSION_DRAINING) {
		if (why == SESSION_STOPPED)
			session_hurry(s, quiet_ns);
		return;
	}
	log_warn(s->env.log, "%s %s: the recording ends without the %s's CLOSE: %s", s->env.who,
		 s->domain, s->env.who, names[why]);
	s->cut = true;
	s->why = why;
	heard_all(s);
	if (s->state == SESSION_RECORDING)
		drain_begin(s, quiet_ns);
	else
		drop(s);
}

void session_hurry(struct session *s, uint64_t ns)
{
	if (s->state == SESSION_DRAINING)
		s->drain_until = min_u64(s->drain_until, now_ns() + ns);
}

/* Small questions */

enum msg_state session_expects(const struct session *s)
{
	static const enum msg_state by_state[SESSION_NR_STATES] = {
		[SESSION_HELLO] = MSG_S_GREETED,       [SESSION_READY] = MSG_S_META,
		[SESSION_RECORDING] = MSG_S_RECORDING, [SESSION_DRAINING] = MSG_S_CLOSING,
		[SESSION_CLOSED] = MSG_S_IDLE,
	};

	return s->tail ? MSG_S_TAIL : by_state[s->state];
}

enum session_state session_state(const struct session *s)
{
	return s->state;
}

const char *session_domain(const struct session *s)
{
	return s->domain;
}

const char *session_file(const struct session *s)
{
	return s->store ? store_name(s->store) : "";
}

bool session_polite(const struct session *s)
{
	return s->ext.present;
}

void session_now(const struct session *s, struct session_now *to)
{
	*to = (struct session_now){ 0 };
	for (uint32_t i = 0; i < s->cpus && s->lent; i++) {
		const struct chan_counts *n = chan_counts(s->chans[i]);

		to->bytes += n->received;
		to->lost += n->quota + n->disk;
	}
}
