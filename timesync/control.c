// SPDX-License-Identifier: GPL-2.0
/*
 * control.c - rounds over the CPUs of a guest, and the sync protocol "kvm"
 *
 * Theory of operation
 *
 * An algorithm is a row in a table: how the guest begins, and what each end does with a message.
 * "kvm" is short enough to be here: the guest says a time, the host answers with the numbers of the
 * vCPU and keeps them; the guest's answer has them as the released tool sends them, while our own
 * sample is the exact inverse of KVM's formula (ts_point_of_tsc()).
 *
 * Numbers of "none" and "kvm" are in the sender's byte order: both are the same machine.
 */
#include "timesync/control.h"

#include <errno.h>

#include "base/cursor.h"
#include "timesync/points.h"
#include "timesync/ptp.h"

enum { KVM_BYTES = 32 };

struct algo {
	const char *name;
	int (*ask)(struct ts_ptp *p);
	int (*guest_input)(struct ts_ptp *p, const struct ts_msg *m, struct err *e);
	int (*host_input)(struct ts_ptp *p, const struct ts_msg *m, struct tdat_shift_sample *s,
			  struct err *e);
};

static int ptp_ask(struct ts_ptp *p)
{
	return ts_ptp_ask(p, TS_PTP_FASTEST | TS_PTP_MARKERS);
}

static int kvm_send(struct ts_ptp *p, uint32_t id, const uint64_t numbers[4])
{
	uint8_t bytes[KVM_BYTES];
	struct wcur w = wcur_make(bytes, sizeof(bytes), TS_NATIVE_BIG);
	struct ts_msg m = { TS_KVM_NAME, id, bytes, sizeof(bytes) };

	for (int i = 0; i < 4; i++)
		wcur_u64(&w, numbers[i]);
	return p->end.ops->send(p->end.arg, &m);
}

static int kvm_ask(struct ts_ptp *p)
{
	uint64_t numbers[4] = { 0 };
	int rc = p->end.ops->stamp(p->end.arg, &numbers[0]);

	return rc ? rc : kvm_send(p, TS_KVM_REQUEST, numbers);
}

static int kvm_guest_input(struct ts_ptp *p, const struct ts_msg *m, struct err *e)
{
	(void)p;
	if (m->id == TS_KVM_RESPONSE && m->len >= KVM_BYTES)
		return 1;
	return err_say(e, EPROTO, "time sync: message %u of \"kvm\" (%u bytes) is no response",
		       m->id, m->len);
}

static int kvm_host_input(struct ts_ptp *p, const struct ts_msg *m, struct tdat_shift_sample *s,
			  struct err *e)
{
	struct rcur r = rcur_make(m->data, m->len, TS_NATIVE_BIG);
	uint64_t guest = rcur_u64(&r), offset, ratio;
	uint32_t fraction;
	int rc;

	if (m->id != TS_KVM_REQUEST || m->len < KVM_BYTES)
		return err_say(e, EPROTO,
			       "time sync: message %u of \"kvm\" (%u bytes) is no request", m->id,
			       m->len);
	rc = p->end.ops->tsc(p->end.arg, p->end.cpu, &offset, &ratio, &fraction);
	if (!rc)
		rc = ts_point_of_tsc(guest, offset, ratio, fraction, s);
	if (rc)
		return err_set(e, -rc, "time sync: no TSC offset for CPU %u of the guest",
			       p->end.cpu);
	rc = kvm_send(p, TS_KVM_RESPONSE, (uint64_t[4]){ guest, 0 - offset, ratio, fraction });
	return rc ? rc : 1;
}

static const struct algo algos[] = {
	{ TS_PTP_NAME, ptp_ask, ts_ptp_guest_input, ts_ptp_host_input },
	{ TS_KVM_NAME, kvm_ask, kvm_guest_input, kvm_host_input },
};

static const struct algo *find_algo(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(algos); i++)
		if (!strcmp(algos[i].name, name))
			return &algos[i];
	return NULL;
}

bool ts_control_knows(const char *proto)
{
	return find_algo(proto);
}

static int no_algo(const char *proto, struct err *e)
{
	return err_say(e, EINVAL, "time sync: no protocol is called \"%s\"", proto);
}

/* --- Host */

enum host_state { HOST_IDLE, HOST_ROUND, HOST_OVER };

struct ts_host {
	const struct algo *algo;
	enum host_state state;
	uint32_t cpus;
	struct ts_ptp ptp;
};

int ts_host_new(const char *proto, uint32_t cpus, const struct ts_end *end, struct ts_host **to,
		struct err *e)
{
	const struct algo *algo = find_algo(proto);
	struct ts_host *h;

	if (!algo)
		return no_algo(proto, e);
	/* PROBE has 16 bits for a CPU. */
	if (!cpus || cpus > UINT16_MAX + 1U)
		return err_say(e, EINVAL, "time sync: %u CPUs cannot be asked", cpus);
	h = calloc(1, sizeof(*h));
	if (!h)
		return err_set(e, ENOMEM, "no memory for time sync");
	*h = (struct ts_host){ .algo = algo, .cpus = cpus, .ptp.end = *end };
	*to = h;
	return 0;
}

void ts_host_free(struct ts_host *h)
{
	free(h);
}

static int send_none(struct ts_host *h, uint32_t id, const uint8_t *data, uint32_t len)
{
	struct ts_msg m = { TS_NONE_NAME, id, data, len };

	return h->ptp.end.ops->send(h->ptp.end.arg, &m);
}

static int probe(struct ts_host *h, uint32_t cpu)
{
	uint8_t bytes[2];
	struct wcur w = wcur_make(bytes, sizeof(bytes), TS_NATIVE_BIG);

	wcur_u16(&w, (uint16_t)cpu);
	h->ptp.end.cpu = cpu;
	h->ptp.state = TS_PTP_IDLE;
	return send_none(h, TS_NONE_PROBE, bytes, sizeof(bytes));
}

int ts_host_round(struct ts_host *h)
{
	if (h->state != HOST_IDLE)
		return h->state == HOST_OVER ? -ESHUTDOWN : -EBUSY;
	h->state = HOST_ROUND;
	return probe(h, 0);
}

int ts_host_stop(struct ts_host *h)
{
	if (h->state == HOST_OVER)
		return 0;
	h->state = HOST_OVER;
	return send_none(h, TS_NONE_STOP, NULL, 0);
}

static int judge(struct ts_host *h, const struct ts_msg *m, struct tdat_shift_sample *s,
		 struct err *e)
{
	if (h->state != HOST_ROUND)
		return err_say(e, EPROTO,
			       "time sync: the guest speaks (\"%s\") without being asked",
			       m->proto);
	if (strcmp(m->proto, h->algo->name))
		return err_say(e, EPROTO,
			       "time sync: a message of \"%s\" where \"%s\" was agreed on",
			       m->proto, h->algo->name);
	return h->algo->host_input(&h->ptp, m, s, e);
}

int ts_host_input(struct ts_host *h, const struct ts_msg *m, struct err *e)
{
	struct tdat_shift_sample s = { 0 };
	struct ts_end *end = &h->ptp.end;
	int rc;

	if (h->state == HOST_OVER)
		return -ESHUTDOWN;
	rc = judge(h, m, &s, e);
	if (rc == 1 && s.time)
		rc = end->ops->sample(end->arg, end->cpu, &s) ?: 1;
	if (rc == 1 && end->cpu + 1 < h->cpus)
		rc = probe(h, end->cpu + 1);
	else if (rc == 1)
		h->state = HOST_IDLE;
	if (rc < 0)
		ts_host_stop(h); /* the first error is the one to tell */
	return rc;
}

void ts_host_around(const struct ts_host *h, const struct tdat_shift_sample *s, uint64_t *before,
		    uint64_t *after)
{
	ts_ptp_around(&h->ptp, s, before, after);
}

/* --- Guest */

struct ts_guest {
	const struct algo *algo;
	bool sampling;
	struct ts_ptp ptp;
};

int ts_guest_new(const char *proto, const struct ts_end *end, struct ts_guest **to, struct err *e)
{
	const struct algo *algo = find_algo(proto);
	struct ts_guest *g;

	if (!algo)
		return no_algo(proto, e);
	g = calloc(1, sizeof(*g));
	if (!g)
		return err_set(e, ENOMEM, "no memory for time sync");
	*g = (struct ts_guest){ .algo = algo, .ptp.end = *end };
	*to = g;
	return 0;
}

void ts_guest_free(struct ts_guest *g)
{
	free(g);
}

static int guest_probe(struct ts_guest *g, const struct ts_msg *m, struct err *e)
{
	struct rcur r = rcur_make(m->data, m->len, TS_NATIVE_BIG);
	uint16_t cpu = rcur_u16(&r);
	struct ts_end *end = &g->ptp.end;
	int rc;

	if (r.bad)
		return err_say(e, EPROTO, "time sync: PROBE names no CPU");
	end->cpu = cpu;
	rc = end->ops->to_cpu(end->arg, cpu);
	if (rc)
		return err_set(e, -rc, "time sync: cannot run on CPU %u", cpu);
	g->sampling = true;
	return g->algo->ask(&g->ptp);
}

int ts_guest_input(struct ts_guest *g, const struct ts_msg *m, struct err *e)
{
	bool none = !strcmp(m->proto, TS_NONE_NAME);
	int rc;

	if (none && m->id == TS_NONE_STOP)
		return 1;
	if (!g->sampling)
		return none && m->id == TS_NONE_PROBE ? guest_probe(g, m, e) : 1;
	if (strcmp(m->proto, g->algo->name))
		return err_say(e, EPROTO, "time sync: a message of \"%s\" in the middle of \"%s\"",
			       m->proto, g->algo->name);
	rc = g->algo->guest_input(&g->ptp, m, e);
	if (rc)
		g->sampling = false;
	return rc < 0 ? rc : 0;
}
