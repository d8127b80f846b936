// SPDX-License-Identifier: GPL-2.0
/*
 * agent-msg.c - what a host and a guest's agent say to each other
 *
 * Theory of operation
 *
 * Variable parts are built in a buffer of the largest frame and handed to msg3_encode(), which
 * judges the whole. What comes is read with msg3's iterators and cursors; numbers in texts with
 * take_digits(). Texts that are shown to users are checked to be printable.
 */
#include "wire/agent-msg.h"

#include <errno.h>

#include "wire/digits.h"
#include "wire/ext.h"

enum {
	HELLO_FIXED = 8,
	HELLO_HEADER = 12,
	HELLO_BUSY = 1U << 0,
	HELLO_LEAVING = 1U << 1,
	PROBE_ASK_LEN = 12,
	PROBE_ANSWER_LEN = 52,
};

/* TRACE_REQ */

static int get_args(const struct msg3_param *p, struct agent_req *req, struct err *e)
{
	struct rcur c = rcur_make(p->data, p->len, true);
	uint32_t argc = rcur_u32(&c), at = 0;
	const char *text;

	if (c.bad || argc > AGENT_MAX_ARGS)
		return err_say(e, EPROTO, "sent TRACE_REQ with %u arguments; %d are possible", argc,
			       AGENT_MAX_ARGS);
	for (req->argc = 0; req->argc < argc; req->argc++) {
		text = msg3_param_text(p, &at);
		if (!text)
			return err_say(e, EPROTO, "sent TRACE_REQ with %zu of %u arguments",
				       req->argc, argc);
		req->argv[req->argc] = text;
	}
	req->argv[argc] = NULL;
	return 0;
}

static int get_protos(const struct msg3_param *p, struct agent_req *req, struct err *e)
{
	uint32_t at = 0;
	const char *text;

	(void)e;
	while (req->nprotos < ARRAY_SIZE(req->protos) && (text = msg3_param_text(p, &at)))
		req->protos[req->nprotos++] = text;
	return 0;
}

static int get_ext_param(const struct msg3_param *p, struct agent_req *req, struct err *e)
{
	uint32_t at = 0;
	const char *text = msg3_param_text(p, &at);

	if (!text || !ext_is(text))
		return err_say(e, EPROTO, "sent TRACE_REQ with an extension that is none");
	return ext_get(text, &req->ext, e);
}

static const struct {
	uint32_t id;
	int (*get)(const struct msg3_param *p, struct agent_req *req, struct err *e);
} params[] = {
	{ MSG3_PARAM_ARGS, get_args },
	{ MSG3_PARAM_TSYNC_PROTOS, get_protos },
	{ AGENT_PARAM_EXT, get_ext_param },
};

static int get_param(const struct msg3_param *p, struct agent_req *req, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(params); i++)
		if (params[i].id == p->id)
			return params[i].get(p, req, e);
	return 0; /* of a later version: not for us */
}

int agent_req_get(const struct msg3 *m, struct agent_req *req, struct err *e)
{
	struct msg3_param p;
	uint32_t at = 0;
	int ret;

	*req = (struct agent_req){ .fifos = m->req.flags & MSG3_F_FIFOS,
				   .trace_id = m->req.trace_id };
	while ((ret = msg3_param(m, &at, &p, e)) > 0) {
		ret = get_param(&p, req, e);
		if (ret)
			return ret;
	}
	return ret;
}

/* A parameter whose length is known only when its data are there. */
static uint8_t *begin_param(struct wcur *w, uint32_t id)
{
	uint8_t *at;

	wcur_u32(w, id);
	at = w->p;
	wcur_u32(w, 0);
	return at;
}

static void end_param(const struct wcur *w, uint8_t *at)
{
	struct wcur len = wcur_make(at, 4, true);

	if (!w->bad)
		wcur_u32(&len, (uint32_t)(w->p - at - 4));
}

static void put_params(struct wcur *w, const struct agent_req *req)
{
	uint8_t *at = begin_param(w, MSG3_PARAM_ARGS);

	wcur_u32(w, (uint32_t)req->argc);
	for (size_t i = 0; i < req->argc; i++)
		wcur_text(w, req->argv[i]);
	end_param(w, at);
	if (req->nprotos) {
		at = begin_param(w, MSG3_PARAM_TSYNC_PROTOS);
		for (size_t i = 0; i < req->nprotos; i++)
			wcur_text(w, req->protos[i]);
		wcur_u8(w, 0);
		end_param(w, at);
	}
	if (req->ext.present) {
		at = begin_param(w, AGENT_PARAM_EXT);
		ext_put(w, &req->ext, req->ext.stream_id);
		end_param(w, at);
	}
}

/* The frame with what @w has written into @part. */
static int put_frame(struct wcur *out, struct msg3 *m, const uint8_t *part, const struct wcur *w)
{
	if (w->bad) {
		out->bad = true;
		return -ENOSPC;
	}
	m->buf = part;
	m->len = (uint32_t)(w->p - part);
	return msg3_encode(out, m);
}

int agent_req_put(struct wcur *out, const struct agent_req *req)
{
	struct msg3 m = { .type = MSG3_TRACE_REQ };
	uint8_t part[MSG3_DATA_MAX];
	struct wcur w = wcur_make(part, sizeof(part), true);

	m.req.flags = req->fifos ? MSG3_F_FIFOS : 0;
	m.req.trace_id = req->trace_id;
	put_params(&w, req);
	return put_frame(out, &m, part, &w);
}

/* TRACE_RESP */

static int get_ports(const struct msg3 *m, struct agent_resp *resp, struct err *e)
{
	const char *text;
	uint32_t at = 0;
	uint64_t port;

	for (uint32_t i = 0; i < resp->cpus; i++) {
		text = msg3_text(m, &at);
		if (!text || !take_digits(&text, 10, UINT32_MAX, &port) || *text)
			return err_say(e, EPROTO, "sent TRACE_RESP without a port for CPU %u", i);
		resp->port[i] = (uint32_t)port;
	}
	while ((text = msg3_text(m, &at)))
		if (ext_is(text) && ext_get(text, &resp->ext, e))
			return -EPROTO;
	return 0;
}

int agent_resp_get(const struct msg3 *m, struct agent_resp *resp, struct err *e)
{
	struct msg shape = { .type = MSG_TINIT };

	*resp = (struct agent_resp){ .fifos = m->resp.flags & MSG3_F_FIFOS,
				     .cpus = m->resp.cpus,
				     .page_size = m->resp.page_size,
				     .trace_id = m->resp.trace_id,
				     .sync_port = m->resp.sync_port };
	memcpy(resp->proto, m->resp.proto, sizeof(resp->proto));
	shape.tinit.cpus = resp->cpus;
	shape.tinit.page_size = resp->page_size;
	if (msg_check_tinit(&shape, NULL))
		return err_say(e, EPROTO,
			       "sent TRACE_RESP for %u CPUs and pages of %u bytes, which cannot be",
			       resp->cpus, resp->page_size);
	return get_ports(m, resp, e);
}

int agent_resp_put(struct wcur *out, const struct agent_resp *resp)
{
	struct msg3 m = { .type = MSG3_TRACE_RESP };
	uint8_t part[MSG3_DATA_MAX];
	struct wcur w = wcur_make(part, sizeof(part), true);
	char port[16];

	m.resp.flags = resp->fifos ? MSG3_F_FIFOS : 0;
	m.resp.cpus = resp->cpus;
	m.resp.page_size = resp->page_size;
	m.resp.trace_id = resp->trace_id;
	m.resp.sync_port = resp->sync_port;
	memcpy(m.resp.proto, resp->proto, sizeof(m.resp.proto));
	for (uint32_t i = 0; i < resp->cpus && i < MSG_MAX_CPUS; i++) {
		snprintf(port, sizeof(port), "%u", resp->port[i]);
		wcur_text(&w, port);
	}
	if (resp->ext.present)
		ext_put(&w, &resp->ext, 0);
	return put_frame(out, &m, part, &w);
}

/* CLOSE_RESP */

int agent_closed_get(const struct msg3 *m, uint32_t *cpus, struct msg_total *total, struct err *e)
{
	struct rcur body = rcur_make(m->buf, m->len, true);
	struct msg *msg = calloc(1, sizeof(*msg));
	int ret;

	if (!msg)
		return err_set(e, ENOMEM, "no memory for the totals of a guest");
	ret = msg_get_close(&body, msg, e);
	if (!ret) {
		*cpus = msg->close.cpus;
		memcpy(total, msg->close.total, *cpus * sizeof(*total));
	}
	free(msg);
	return ret;
}

int agent_closed_put(struct wcur *out, uint32_t cpus, const struct msg_total *total)
{
	struct msg3 m = { .type = MSG3_CLOSE_RESP };
	uint8_t part[MSG3_DATA_MAX];
	struct wcur w = wcur_make(part, sizeof(part), true);
	struct msg *msg = calloc(1, sizeof(*msg));
	int ret = -EINVAL;

	if (msg && cpus <= MSG_MAX_CPUS) {
		msg->close.cpus = cpus;
		memcpy(msg->close.total, total, cpus * sizeof(*total));
		ret = msg_put_close(&w, msg);
	}
	free(msg);
	if (!ret)
		return put_frame(out, &m, part, &w);
	out->bad = true;
	return ret;
}

/* Hello */

int agent_hello_get(struct rcur *in, struct agent_hello *h, struct err *e)
{
	struct rcur c = rcur_make(in->p, in->left, true), body;
	uint32_t size = rcur_u32(&c), cmd = rcur_u32(&c), fixed = rcur_u32(&c), flags;

	if (in->left >= 8 && cmd != AGENT_HELLO)
		return -ENOMSG;
	if (c.bad)
		return -EAGAIN;
	if (size < HELLO_HEADER + HELLO_FIXED + 1 || size > MSG3_MAX || fixed < HELLO_FIXED ||
	    fixed > size - HELLO_HEADER)
		return err_say(e, EPROTO, "sent an agent's hello of %u bytes, %u of them fixed",
			       size, fixed);
	if (c.left < size - HELLO_HEADER)
		return -EAGAIN;
	body = rcur_sub(&c, size - HELLO_HEADER);
	flags = rcur_u32(&body);
	h->cpus = rcur_u32(&body);
	h->busy = flags & HELLO_BUSY;
	h->leaving = flags & HELLO_LEAVING;
	rcur_take(&body, fixed - HELLO_FIXED);
	h->version = rcur_text(&body);
	if (!h->version)
		return err_say(e, EPROTO, "sent an agent's hello without a version");
	if (msg_check_peer(h->version, e))
		return -EPROTO;
	in->p = c.p;
	in->left = c.left;
	return 0;
}

int agent_hello_put(struct wcur *out, const struct agent_hello *h)
{
	uint8_t text[MSG_MAX_PEER];
	struct wcur t = wcur_make(text, sizeof(text), true);
	uint32_t len;

	msg_put_text(&t, h->version, MSG_MAX_PEER);
	len = (uint32_t)(t.p - text);
	wcur_u32(out, HELLO_HEADER + HELLO_FIXED + len);
	wcur_u32(out, AGENT_HELLO);
	wcur_u32(out, HELLO_FIXED);
	wcur_u32(out, (h->busy ? HELLO_BUSY : 0) | (h->leaving ? HELLO_LEAVING : 0));
	wcur_u32(out, h->cpus);
	wcur_mem(out, text, len);
	return out->bad ? -ENOSPC : 0;
}

/* Probe */

static bool is_answer(uint32_t id)
{
	return id == AGENT_PROBE_ANSWER || id == AGENT_PROBE_TOLD;
}

static void get_answer(struct rcur *c, struct agent_probe *p)
{
	p->received = rcur_u64(c);
	p->answered = rcur_u64(c);
	if (!c->left)
		return;
	p->apic = rcur_u32(c);
	p->pair.before = rcur_u64(c);
	p->pair.after = rcur_u64(c);
	p->pair.host = rcur_u64(c);
}

int agent_probe_get(const struct msg3 *m, struct agent_probe *p, struct err *e)
{
	struct rcur c = rcur_make(m->buf, m->len, true);
	bool answer = is_answer(m->sync.id);

	*p = (struct agent_probe){ .apic = AGENT_PROBE_APIC_UNKNOWN };
	p->seq = rcur_u32(&c);
	p->cpu = rcur_u32(&c);
	if (answer)
		get_answer(&c, p);
	else if (c.left)
		p->want = rcur_u32(&c);
	if (c.bad || (!answer && m->sync.id != AGENT_PROBE_ASK))
		return err_say(e, EPROTO, "sent a probe (id %u) of %u bytes", m->sync.id, m->len);
	return 0;
}

static void put_answer(struct wcur *w, const struct agent_probe *p)
{
	wcur_u64(w, p->received);
	wcur_u64(w, p->answered);
	wcur_u32(w, p->apic);
	wcur_u64(w, p->pair.before);
	wcur_u64(w, p->pair.after);
	wcur_u64(w, p->pair.host);
}

int agent_probe_put(struct wcur *out, enum agent_probe_id id, const struct agent_probe *p)
{
	struct msg3 m = { .type = MSG3_TIME_SYNC, .sync.id = id };
	uint8_t part[PROBE_ANSWER_LEN];
	struct wcur w = wcur_make(part, is_answer(id) ? PROBE_ANSWER_LEN : PROBE_ASK_LEN, true);

	memcpy(m.sync.proto, AGENT_PROBE, sizeof(AGENT_PROBE));
	wcur_u32(&w, p->seq);
	wcur_u32(&w, p->cpu);
	if (is_answer(id))
		put_answer(&w, p);
	else
		wcur_u32(&w, p->want);
	return put_frame(out, &m, part, &w);
}
