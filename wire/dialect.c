// SPDX-License-Identifier: GPL-2.0
/*
 * dialect.c - struct msg in the frames of V3, and who speaks the other two
 *
 * Theory of operation
 *
 * V2 is trace-msg.c and V1 is legacy.c. V3 has the same messages in other frames (msg3.c), so two
 * tables here say which is which: from_v3[] by V3's command, with what reads its contents, and
 * to_v3[] by ours, with what writes them. Whether a message belongs where it comes is asked of
 * trace-msg.c, as soon as its command is there. The agent's commands and TIME_SYNC, which
 * have connections of their own, are none of ours and are refused.
 *
 * What is ours alone stands where old peers do not look: the extension is one more text among the
 * options of TINIT, where unknown texts are ignored, and behind the ports of RINIT, only when it
 * was asked for; totals and reasons are variable parts of CLOSE and NOT_SUPP, which have none.
 *
 * Formats: Documentation/PROTOCOL.txt.
 */
#include "wire/dialect.h"

#include <errno.h>

#include "wire/digits.h"
#include "wire/ext.h"
#include "wire/legacy.h"
#include "wire/msg3.h"

const char *wire_gen_name(enum wire_gen g)
{
	static const char *const names[] = {
		[WIRE_V1] = "V1 (legacy text)",
		[WIRE_V2] = "V2",
		[WIRE_V3] = "V3",
	};

	return (unsigned int)g < ARRAY_SIZE(names) && names[g] ? names[g] : "?";
}

/* V3's contents into struct msg */

static int get_nothing(const struct msg3 *f, struct msg *m, struct err *e)
{
	(void)f, (void)m, (void)e;
	return 0;
}

static int get_close(const struct msg3 *f, struct msg *m, struct err *e)
{
	struct rcur body = rcur_make(f->buf, f->len, true);

	return msg_get_close(&body, m, e);
}

static int get_option(const char *text, struct msg *m, struct err *e)
{
	if (ext_is(text))
		return ext_get(text, &m->tinit.ext, e);
	if (!strcmp(text, "tcp"))
		m->tinit.use_tcp = true;
	else if (!strcmp(text, "vsock"))
		m->tinit.use_vsock = true;
	if (m->tinit.use_tcp && m->tinit.use_vsock)
		return err_say(e, EPROTO, "sent TINIT with both tcp and vsock");
	return 0; /* as of old: unknown options are not for us */
}

static int get_tinit(const struct msg3 *f, struct msg *m, struct err *e)
{
	uint32_t at = 0;

	memset(&m->tinit, 0, sizeof(m->tinit));
	m->tinit.cpus = f->tinit.cpus;
	m->tinit.page_size = f->tinit.page_size;
	if (msg_check_tinit(m, e))
		return -EPROTO;
	/* Each takes a byte at least, so the count needs no limit of its own. */
	for (uint32_t i = 0; i < f->tinit.opt_num; i++) {
		const char *text = msg3_text(f, &at);

		if (!text)
			return err_say(e, EPROTO, "sent TINIT with more options than fit into it");
		if (get_option(text, m, e))
			return -EPROTO;
	}
	return 0;
}

static int get_rinit(const struct msg3 *f, struct msg *m, struct err *e)
{
	const char *text;
	uint32_t at = 0;
	uint64_t port;

	memset(&m->rinit, 0, sizeof(m->rinit));
	m->rinit.cpus = m->rinit.nports = f->rinit.cpus;
	if (msg_check_cpus(m->rinit.cpus, "RINIT", e))
		return -EPROTO;
	for (uint32_t i = 0; i < m->rinit.nports; i++) {
		text = msg3_text(f, &at);
		if (!text || !take_digits(&text, 10, UINT32_MAX, &port) || *text)
			return err_say(e, EPROTO, "sent RINIT without a port for CPU %u", i);
		m->rinit.port[i] = (uint32_t)port;
	}
	while ((text = msg3_text(f, &at)))
		if (ext_is(text) && ext_get(text, &m->rinit.ext, e))
			return -EPROTO;
	m->rinit.ext.stream_id = 0; /* means nothing in this direction */
	return 0;
}

static int get_data(const struct msg3 *f, struct msg *m, struct err *e)
{
	(void)e;
	m->meta.data = f->buf;
	m->meta.len = f->len;
	return 0;
}

static int get_not_supp(const struct msg3 *f, struct msg *m, struct err *e)
{
	struct rcur body = rcur_make(f->buf, f->len, true);

	(void)e;
	m->error.size = m->error.cmd = 0;
	msg_get_reason(&body, m);
	return 0;
}

/* A command without a line is none of ours. */
static const struct {
	int (*get)(const struct msg3 *f, struct msg *m, struct err *e);
	enum msg_type type;
} from_v3[MSG3_NR] = {
	[MSG3_CLOSE] = { get_close, MSG_CLOSE },
	[MSG3_TINIT] = { get_tinit, MSG_TINIT },
	[MSG3_RINIT] = { get_rinit, MSG_RINIT },
	[MSG3_SEND_DATA] = { get_data, MSG_SENDMETA },
	[MSG3_FIN_DATA] = { get_nothing, MSG_FINMETA },
	[MSG3_NOT_SUPP] = { get_not_supp, MSG_ERROR },
};

/* The command, which is known to V3, belongs here; else the error says why not. */
static int judge(uint32_t cmd, enum msg_state state, struct err *e)
{
	if (!from_v3[cmd].get)
		return msg_judge(MSG_NR, msg3_name(cmd), state, e);
	return msg_judge(from_v3[cmd].type, msg_name(from_v3[cmd].type), state, e);
}

static int decode_v3(struct rcur *in, enum msg_state state, struct msg *m, struct err *e)
{
	struct rcur c = *in, header = rcur_make(in->p, in->left, true);
	uint32_t cmd;
	struct msg3 f;
	int ret;

	rcur_u32(&header);
	cmd = rcur_u32(&header);
	if (!header.bad && cmd < MSG3_NR && judge(cmd, state, e))
		return -EPROTO;
	ret = msg3_decode(&c, &f, e);
	if (ret)
		return ret;
	m->type = from_v3[f.type].type;
	if (from_v3[f.type].get(&f, m, e))
		return -EPROTO;
	*in = c;
	return 0;
}

/* struct msg into V3's contents */

static int put_nothing(struct wcur *part, const struct msg *m, struct msg3 *f)
{
	(void)part, (void)m, (void)f;
	return 0;
}

static int put_close(struct wcur *part, const struct msg *m, struct msg3 *f)
{
	(void)f;
	return msg_put_close(part, m);
}

static int put_tinit(struct wcur *part, const struct msg *m, struct msg3 *f)
{
	if (msg_check_tinit(m, NULL) || (m->tinit.use_tcp && m->tinit.use_vsock))
		return -EINVAL;
	f->tinit.cpus = m->tinit.cpus;
	f->tinit.page_size = m->tinit.page_size;
	f->tinit.opt_num = (uint32_t)m->tinit.use_tcp + (uint32_t)m->tinit.use_vsock +
			   (uint32_t)m->tinit.ext.present;
	if (m->tinit.use_tcp)
		wcur_text(part, "tcp");
	if (m->tinit.use_vsock)
		wcur_text(part, "vsock");
	if (m->tinit.ext.present)
		ext_put(part, &m->tinit.ext, m->tinit.ext.stream_id);
	return 0;
}

static int put_rinit(struct wcur *part, const struct msg *m, struct msg3 *f)
{
	char port[16];

	if (msg_check_cpus(m->rinit.cpus, "RINIT", NULL) || m->rinit.nports != m->rinit.cpus)
		return -EINVAL;
	f->rinit.cpus = m->rinit.cpus;
	for (uint32_t i = 0; i < m->rinit.nports; i++) {
		snprintf(port, sizeof(port), "%u", m->rinit.port[i]);
		wcur_text(part, port);
	}
	if (m->rinit.ext.present)
		ext_put(part, &m->rinit.ext, 0);
	return 0;
}

static int put_data(struct wcur *part, const struct msg *m, struct msg3 *f)
{
	(void)f;
	if (m->meta.len > MSG_META_MAX || (m->meta.len && !m->meta.data))
		return -EINVAL;
	wcur_mem(part, m->meta.data, m->meta.len);
	return 0;
}

static int put_not_supp(struct wcur *part, const struct msg *m, struct msg3 *f)
{
	(void)f;
	msg_put_reason(part, m);
	return 0;
}

/* What has no line has no words in V3. */
static const struct {
	int (*put)(struct wcur *part, const struct msg *m, struct msg3 *f);
	enum msg3_type type;
} to_v3[MSG_NR] = {
	[MSG_ERROR] = { put_not_supp, MSG3_NOT_SUPP },
	[MSG_CLOSE] = { put_close, MSG3_CLOSE },
	[MSG_TINIT] = { put_tinit, MSG3_TINIT },
	[MSG_RINIT] = { put_rinit, MSG3_RINIT },
	[MSG_SENDMETA] = { put_data, MSG3_SEND_DATA },
	[MSG_FINMETA] = { put_nothing, MSG3_FIN_DATA },
};

static int encode_v3(struct wcur *out, const struct msg *m)
{
	uint8_t buf[MSG3_DATA_MAX];
	struct wcur part = wcur_make(buf, sizeof(buf), true);
	struct msg3 f = { .buf = buf };
	int ret = (unsigned int)m->type < MSG_NR ? 0 : -EINVAL;

	if (!ret && !to_v3[m->type].put)
		return 0;
	if (!ret)
		ret = to_v3[m->type].put(&part, m, &f);
	if (ret || part.bad) {
		out->bad = true;
		return -EINVAL;
	}
	f.type = to_v3[m->type].type;
	f.len = (uint32_t)(part.p - buf);
	return msg3_encode(out, &f);
}

/* Who speaks what */

static const struct {
	int (*decode)(struct rcur *in, enum msg_state state, struct msg *m, struct err *e);
	int (*encode)(struct wcur *out, const struct msg *m);
} dialects[] = {
	[WIRE_V1] = { legacy_decode, legacy_encode },
	[WIRE_V2] = { msg_decode, msg_encode },
	[WIRE_V3] = { decode_v3, encode_v3 },
};

int wire_decode(enum wire_gen g, struct rcur *in, enum msg_state state, struct msg *m,
		struct err *e)
{
	return dialects[g].decode(in, state, m, e);
}

int wire_encode(enum wire_gen g, struct wcur *out, const struct msg *m)
{
	return dialects[g].encode(out, m);
}
