// SPDX-License-Identifier: GPL-2.0
/*
 * msg3.c - encode and decode V3's frames
 *
 * Theory of operation
 *
 * MSG3_LIST in the header makes the table defs[]: per command its name, the size of the fixed part
 * that we know, and one get_ and one put_ function for it. A get_ function never meets a short
 * part: what came is copied over zeros of the size that we know, and what is longer stays behind.
 * Total size and command are judged with the first 8 bytes, the fixed part's size with the next 4,
 * so nobody waits for a body that cannot be.
 *
 * Names of time-sync protocols are shown to users, so they must be printable. The variable part is
 * handed out as it is: msg3_text() and msg3_param() give only what lies within it.
 *
 * Formats: Documentation/PROTOCOL.txt.
 */
#include "wire/msg3.h"

#include <errno.h>

enum {
	FIXED_MAX = 40,	 /* TRACE_RESP's */
	ARGS_HEADER = 4, /* the count before the arguments */
};

struct msg3_def {
	const char *name;
	uint32_t fixed; /* bytes */
	int (*get)(struct rcur *part, struct msg3 *m, struct err *e);
	void (*put)(struct wcur *part, const struct msg3 *m);
};

static int get_nothing(struct rcur *part, struct msg3 *m, struct err *e)
{
	(void)part, (void)m, (void)e;
	return 0;
}

static void put_nothing(struct wcur *part, const struct msg3 *m)
{
	(void)part, (void)m;
}

#define get_CLOSE      get_nothing
#define put_CLOSE      put_nothing
#define get_SEND_DATA  get_nothing
#define put_SEND_DATA  put_nothing
#define get_FIN_DATA   get_nothing
#define put_FIN_DATA   put_nothing
#define get_NOT_SUPP   get_nothing
#define put_NOT_SUPP   put_nothing
#define get_CLOSE_RESP get_nothing
#define put_CLOSE_RESP put_nothing
#define get_CONT       get_nothing
#define put_CONT       put_nothing

/* TINIT, RINIT: their variable parts are texts, and the last one has its NUL */

static int check_texts(const struct msg3 *m, struct err *e)
{
	if (m->len && !m->buf[m->len - 1])
		return 0;
	return err_say(e, EPROTO, "sent %s whose texts do not end in NUL", msg3_name(m->type));
}

static int get_TINIT(struct rcur *part, struct msg3 *m, struct err *e)
{
	m->tinit.cpus = rcur_u32(part);
	m->tinit.page_size = rcur_u32(part);
	m->tinit.opt_num = rcur_u32(part);
	return m->tinit.opt_num ? check_texts(m, e) : 0;
}

static void put_TINIT(struct wcur *part, const struct msg3 *m)
{
	wcur_u32(part, m->tinit.cpus);
	wcur_u32(part, m->tinit.page_size);
	wcur_u32(part, m->tinit.opt_num);
}

static int get_RINIT(struct rcur *part, struct msg3 *m, struct err *e)
{
	m->rinit.cpus = rcur_u32(part);
	return check_texts(m, e);
}

static void put_RINIT(struct wcur *part, const struct msg3 *m)
{
	wcur_u32(part, m->rinit.cpus);
}

/* TRACE_REQ, TRACE_PROXY: a proxy says the same and two numbers more */

static int get_TRACE_REQ(struct rcur *part, struct msg3 *m, struct err *e)
{
	(void)e;
	m->req.flags = rcur_u32(part);
	m->req.argc = rcur_u32(part);
	m->req.trace_id = rcur_u64(part);
	m->req.cpus = m->req.siblings = 0;
	return 0;
}

static void put_TRACE_REQ(struct wcur *part, const struct msg3 *m)
{
	wcur_u32(part, m->req.flags);
	wcur_u32(part, m->req.argc);
	wcur_u64(part, m->req.trace_id);
}

static int get_TRACE_PROXY(struct rcur *part, struct msg3 *m, struct err *e)
{
	get_TRACE_REQ(part, m, e);
	m->req.cpus = rcur_u32(part);
	m->req.siblings = rcur_u32(part);
	return 0;
}

static void put_TRACE_PROXY(struct wcur *part, const struct msg3 *m)
{
	put_TRACE_REQ(part, m);
	wcur_u32(part, m->req.cpus);
	wcur_u32(part, m->req.siblings);
}

/* A sync protocol's name: 16 bytes, NUL padded; the 16th may be a letter */

static int get_proto(struct rcur *part, char proto[MSG3_PROTO_MAX + 1], const struct msg3 *m,
		     struct err *e)
{
	const uint8_t *at = rcur_take(part, MSG3_PROTO_MAX);

	memcpy(proto, at, MSG3_PROTO_MAX);
	proto[MSG3_PROTO_MAX] = '\0';
	for (const char *c = proto; *c; c++)
		if (*c < ' ' || *c > '~')
			return err_say(e, EPROTO, "sent %s with a protocol's name that is no text",
				       msg3_name(m->type));
	return 0;
}

static void put_proto(struct wcur *part, const char proto[MSG3_PROTO_MAX + 1])
{
	size_t n = strnlen(proto, MSG3_PROTO_MAX);

	wcur_mem(part, proto, n);
	wcur_zero(part, MSG3_PROTO_MAX - n);
}

static int get_TRACE_RESP(struct rcur *part, struct msg3 *m, struct err *e)
{
	m->resp.flags = rcur_u32(part);
	m->resp.cpus = rcur_u32(part);
	m->resp.page_size = rcur_u32(part);
	m->resp.trace_id = rcur_u64(part);
	if (get_proto(part, m->resp.proto, m, e))
		return -EPROTO;
	m->resp.sync_port = rcur_u32(part);
	return 0;
}

static void put_TRACE_RESP(struct wcur *part, const struct msg3 *m)
{
	wcur_u32(part, m->resp.flags);
	wcur_u32(part, m->resp.cpus);
	wcur_u32(part, m->resp.page_size);
	wcur_u64(part, m->resp.trace_id);
	put_proto(part, m->resp.proto);
	wcur_u32(part, m->resp.sync_port);
}

static int get_TIME_SYNC(struct rcur *part, struct msg3 *m, struct err *e)
{
	if (get_proto(part, m->sync.proto, m, e))
		return -EPROTO;
	m->sync.id = rcur_u32(part);
	return 0;
}

static void put_TIME_SYNC(struct wcur *part, const struct msg3 *m)
{
	put_proto(part, m->sync.proto);
	wcur_u32(part, m->sync.id);
}

/* The table, and what walks it */

#define MSG3_DEF(name, wire, fixed) [MSG3_##name] = { #name, fixed, get_##name, put_##name },
static const struct msg3_def defs[MSG3_NR] = { MSG3_LIST(MSG3_DEF) };
#undef MSG3_DEF

const char *msg3_name(uint32_t cmd)
{
	return cmd < MSG3_NR ? defs[cmd].name : NULL;
}

static int judge(uint32_t size, uint32_t cmd, struct err *e)
{
	if (size < MSG3_HEADER || size > MSG3_MAX)
		return err_say(e, EPROTO, "said its message has %u bytes; %d..%d are possible",
			       size, MSG3_HEADER, MSG3_MAX);
	if (cmd >= MSG3_NR)
		return err_say(e, EPROTO, "sent command %u, which V3 does not have", cmd);
	return 0;
}

/* The fixed part of @len bytes as one of the size that we know: cut, or with zeros behind it. */
static int get_fixed(const uint8_t *from, uint32_t len, struct msg3 *m, struct err *e)
{
	const struct msg3_def *d = &defs[m->type];
	uint8_t part[FIXED_MAX] = { 0 };
	struct rcur c = rcur_make(part, d->fixed, true);

	if (len)
		memcpy(part, from, min_u64(len, d->fixed));
	return d->get(&c, m, e);
}

int msg3_decode(struct rcur *in, struct msg3 *m, struct err *e)
{
	struct rcur c = { .p = in->p, .left = in->left, .big = true };
	uint32_t size = rcur_u32(&c), cmd = rcur_u32(&c), fixed;
	const uint8_t *part;

	if (c.bad)
		return -EAGAIN;
	if (judge(size, cmd, e))
		return -EPROTO;
	fixed = rcur_u32(&c);
	if (c.bad)
		return -EAGAIN;
	if (fixed > size - MSG3_HEADER)
		return err_say(e, EPROTO, "sent %s of %u bytes with a fixed part of %u",
			       msg3_name(cmd), size, fixed);
	if (size - MSG3_HEADER > c.left)
		return -EAGAIN;
	m->type = (enum msg3_type)cmd;
	part = rcur_take(&c, fixed);
	m->len = size - MSG3_HEADER - fixed;
	m->buf = rcur_take(&c, m->len);
	if (get_fixed(part, fixed, m, e))
		return -EPROTO;
	in->p = c.p;
	in->left = c.left;
	return 0;
}

static int encode(struct wcur *w, const struct msg3 *m)
{
	const struct msg3_def *d;
	uint32_t most;

	if ((unsigned int)m->type >= MSG3_NR)
		return -EINVAL;
	d = &defs[m->type];
	most = MSG3_DATA_MAX - d->fixed;
	if (m->len > most || (m->len && !m->buf))
		return -EINVAL;
	wcur_u32(w, MSG3_HEADER + d->fixed + m->len);
	wcur_u32(w, m->type);
	wcur_u32(w, d->fixed);
	d->put(w, m);
	wcur_mem(w, m->buf, m->len);
	return w->bad ? -ENOSPC : 0;
}

int msg3_encode(struct wcur *out, const struct msg3 *m)
{
	struct wcur w = { .p = out->p, .left = out->left, .bad = out->bad, .big = true };
	int ret = encode(&w, m);

	if (ret) {
		out->bad = true;
		return ret;
	}
	out->p = w.p;
	out->left = w.left;
	return 0;
}

/* What stands in a variable part */

static const char *next_text(const uint8_t *buf, uint32_t len, uint32_t *at)
{
	struct rcur c = rcur_make(buf, len, true);
	const char *text;

	rcur_take(&c, *at);
	text = rcur_text(&c);
	if (text)
		*at = len - (uint32_t)c.left;
	return text;
}

const char *msg3_text(const struct msg3 *m, uint32_t *at)
{
	return next_text(m->buf, m->len, at);
}

int msg3_param(const struct msg3 *m, uint32_t *at, struct msg3_param *p, struct err *e)
{
	struct rcur c = rcur_make(m->buf, m->len, true);

	rcur_take(&c, *at);
	if (!c.bad && !c.left)
		return 0;
	p->id = rcur_u32(&c);
	p->len = rcur_u32(&c);
	p->data = rcur_take(&c, p->len);
	if (c.bad)
		return err_say(e, EPROTO, "sent %s with a parameter that is cut off",
			       msg3_name(m->type));
	*at = m->len - (uint32_t)c.left;
	return 1;
}

const char *msg3_param_text(const struct msg3_param *p, uint32_t *at)
{
	const char *text;

	if (p->id == MSG3_PARAM_ARGS && *at < ARGS_HEADER)
		*at = ARGS_HEADER;
	text = next_text(p->data, p->len, at);
	return text && (*text || p->id == MSG3_PARAM_ARGS) ? text : NULL;
}
