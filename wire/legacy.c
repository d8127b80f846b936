// SPDX-License-Identifier: GPL-2.0
/*
 * legacy.c - V1's texts as messages
 *
 * Theory of operation
 *
 * V1 has no frames. What the client says first, decimal texts with a NUL behind each, is TINIT; the
 * list of ports that the server answers is RINIT; and from then on every byte is metadata, until
 * the connection ends. So the state tells what bytes mean, and a message is whole when its last
 * text has its NUL. Numbers are judged one by one as they come, so that nobody waits for the rest
 * of what cannot be right. A text that does not end within MSG_MAX bytes never will.
 *
 * Formats: Documentation/PROTOCOL.txt.
 */
#include "wire/legacy.h"

#include <errno.h>

#include "wire/digits.h"

#define TCP_TEXT "TCP" /* the only option; its size on the wire counts the NUL */

static int get_number(struct rcur *in, const char *what, uint32_t *to, struct err *e)
{
	const char *text = rcur_text(in);
	uint64_t n;

	if (!text)
		return -EAGAIN;
	if (!take_digits(&text, 10, UINT32_MAX, &n) || *text)
		return err_say(e, EPROTO, "sent a text that is no number where %s was expected",
			       what);
	*to = (uint32_t)n;
	return 0;
}

/* One option: its size as a text, then that many bytes. */
static int get_option(struct rcur *in, struct msg *m, struct err *e)
{
	uint32_t size;
	const uint8_t *text;
	int ret = get_number(in, "the size of an option", &size, e);

	if (ret)
		return ret;
	if (size != sizeof(TCP_TEXT))
		return err_say(e, EPROTO, "sent an option of %u bytes; only TCP, of %zu, is known",
			       size, sizeof(TCP_TEXT));
	text = rcur_take(in, size);
	if (!text)
		return -EAGAIN;
	if (memcmp(text, TCP_TEXT, size))
		return err_say(e, EPROTO, "sent an option that is unknown here; only TCP is known");
	if (m->tinit.use_tcp)
		return err_say(e, EPROTO, "sent the option TCP twice");
	m->tinit.use_tcp = true;
	return 0;
}

static int get_tinit(struct rcur *in, struct msg *m, struct err *e)
{
	uint32_t options = 0;
	int ret;

	m->type = MSG_TINIT;
	memset(&m->tinit, 0, sizeof(m->tinit));
	ret = get_number(in, "the number of CPUs", &m->tinit.cpus, e);
	if (!ret)
		ret = msg_check_cpus(m->tinit.cpus, "TINIT", e);
	if (!ret)
		ret = get_number(in, "the page size", &m->tinit.page_size, e);
	if (!ret)
		ret = msg_check_tinit(m, e);
	if (!ret)
		ret = get_number(in, "the number of options", &options, e);
	for (uint32_t i = 0; !ret && i < options; i++)
		ret = get_option(in, m, e);
	return ret;
}

static int get_rinit(struct rcur *in, struct msg *m, struct err *e)
{
	const char *text = rcur_text(in);
	uint32_t n = 0;

	if (!text)
		return -EAGAIN;
	m->type = MSG_RINIT;
	memset(&m->rinit, 0, sizeof(m->rinit));
	if (!*text)
		return err_say(e, EPROTO, "answered with an empty list of ports: it refused");
	for (;;) {
		uint64_t port;

		if (n == MSG_MAX_CPUS)
			return err_say(e, EPROTO, "answered with more than %d ports", MSG_MAX_CPUS);
		if (!take_digits(&text, 10, UINT16_MAX, &port) || (*text && *text != ','))
			return err_say(e, EPROTO,
				       "answered with a list of ports whose number %u is none", n);
		m->rinit.port[n++] = (uint32_t)port;
		if (!*text++)
			break;
	}
	m->rinit.cpus = m->rinit.nports = n;
	return 0;
}

static int get_meta(struct rcur *in, struct msg *m, struct err *e)
{
	(void)e;
	if (!in->left)
		return -EAGAIN;
	m->type = MSG_SENDMETA;
	m->meta.len = (uint32_t)min_u64(in->left, MSG_META_MAX);
	m->meta.data = rcur_take(in, m->meta.len);
	return 0;
}

static int get_silence(struct rcur *in, struct msg *m, struct err *e)
{
	(void)m;
	if (!in->left)
		return -EAGAIN;
	return err_say(e, EPROTO, "sent %zu bytes where V1 has nothing to say", in->left);
}

static int (*const gets_in[MSG_NR_STATES])(struct rcur *in, struct msg *m, struct err *e) = {
	[MSG_S_GREETED] = get_tinit,  [MSG_S_META] = get_meta,	  [MSG_S_RECORDING] = get_meta,
	[MSG_S_TAIL] = get_meta,      [MSG_S_CLOSING] = get_meta, [MSG_C_INIT] = get_rinit,
	[MSG_C_RUNNING] = get_silence
};

int legacy_decode(struct rcur *in, enum msg_state state, struct msg *m, struct err *e)
{
	struct rcur c = { .p = in->p, .left = in->left };
	int (*get)(struct rcur * in, struct msg * m, struct err * e) = gets_in[state];
	int ret = get ? get(&c, m, e) : get_silence(&c, m, e);

	if (ret == -EAGAIN && in->left >= MSG_MAX)
		return err_say(e, EPROTO, "sent %zu bytes without an end of the texts of V1",
			       in->left);
	if (!ret) {
		in->p = c.p;
		in->left = c.left;
	}
	return ret;
}

static void put_number(struct wcur *w, uint32_t n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	wcur_text(w, text);
}

static int put_tinit(struct wcur *w, const struct msg *m)
{
	if (m->tinit.use_vsock || msg_check_tinit(m, NULL))
		return -EINVAL;
	put_number(w, m->tinit.cpus);
	put_number(w, m->tinit.page_size);
	put_number(w, m->tinit.use_tcp);
	if (m->tinit.use_tcp) {
		put_number(w, sizeof(TCP_TEXT));
		wcur_text(w, TCP_TEXT);
	}
	return 0;
}

static int put_rinit(struct wcur *w, const struct msg *m)
{
	char text[16];

	if (msg_check_cpus(m->rinit.cpus, "RINIT", NULL) || m->rinit.nports != m->rinit.cpus)
		return -EINVAL;
	for (uint32_t i = 0; i < m->rinit.nports; i++) {
		if (m->rinit.port[i] > UINT16_MAX)
			return -EINVAL;
		snprintf(text, sizeof(text), "%s%u", i ? "," : "", m->rinit.port[i]);
		wcur_mem(w, text, strlen(text));
	}
	wcur_u8(w, 0);
	return 0;
}

static int put_meta(struct wcur *w, const struct msg *m)
{
	if (m->meta.len > MSG_META_MAX || (m->meta.len && !m->meta.data))
		return -EINVAL;
	wcur_mem(w, m->meta.data, m->meta.len);
	return 0;
}

/* What has no line has no words in V1. */
static int (*const puts_of[MSG_NR])(struct wcur *w, const struct msg *m) = {
	[MSG_TINIT] = put_tinit,
	[MSG_RINIT] = put_rinit,
	[MSG_SENDMETA] = put_meta,
};

int legacy_encode(struct wcur *out, const struct msg *m)
{
	struct wcur w = *out;
	int ret = 0;

	if ((unsigned int)m->type >= MSG_NR)
		ret = -EINVAL;
	else if (puts_of[m->type])
		ret = puts_of[m->type](&w, m);
	if (!ret && w.bad)
		ret = -ENOSPC;
	if (ret) {
		out->bad = true;
		return ret;
	}
	*out = w;
	return 0;
}
