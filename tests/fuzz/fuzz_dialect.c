// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_dialect.c - the network's dialects, greetings and agent messages under hostile bytes
 *
 * Byte 0 picks what is tried (enum what, modulo), byte 1 the state or what is spoken, and the rest
 * is what the peer says. What must hold:
 *   - refused or incomplete input is untouched; a refusal has a text of printable characters
 *   - "incomplete" is never said to MSG_MAX bytes: a receiver with that much room cannot hang
 *   - what is accepted is accepted from exactly its bytes, and not from one less (but for bare
 *     metadata); what we make of it is accepted again and then stays as it is
 *   - a greeting takes no more than was there, sends no more than HELLO_OUT_MAX, and agrees on
 *     nothing but what is allowed
 */
#include <errno.h>

#include "wire/hello.h"
#include "wire/msg3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum what { TRY_V1, TRY_V2, TRY_V3, TRY_SERVER, TRY_CLIENT, TRY_AGENT, TRY_NR };

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_text(const struct err *e)
{
	must(e->code == EPROTO && e->what[0]);
	for (const char *c = e->what; *c; c++)
		must(*c >= ' ' && *c <= '~');
}

static void check_refusal(const struct rcur *before, const struct rcur *in, int ret,
			  const struct err *e)
{
	must(in->p == before->p && in->left == before->left && !in->bad);
	must(ret == -EAGAIN || ret == -EPROTO);
	if (ret == -EPROTO)
		check_text(e);
	else
		must(!e->code && in->left < MSG_MAX);
}

static size_t encode(enum wire_gen g, const struct msg *m, uint8_t *to)
{
	struct wcur w = wcur_make(to, MSG_MAX, false);

	must(!wire_encode(g, &w, m) && !w.bad);
	return (size_t)(w.p - to);
}

static void check_accepted(enum wire_gen g, enum msg_state state, struct rcur message,
			   const struct msg *m)
{
	static uint8_t first[MSG_MAX], second[MSG_MAX];
	static struct msg m2;
	struct rcur c = message;
	size_t n;

	must(message.left && !wire_decode(g, &c, state, &m2, NULL) && !c.left);
	c = message;
	c.left--;
	if (g != WIRE_V1 || m->type != MSG_SENDMETA)
		must(wire_decode(g, &c, state, &m2, NULL) == -EAGAIN);
	n = encode(g, m, first);
	c = rcur_make(first, n, false);
	must(!wire_decode(g, &c, state, &m2, NULL) && !c.left && m2.type == m->type);
	must(encode(g, &m2, second) == n && !memcmp(first, second, n));
}

static void try_dialect(enum wire_gen g, enum msg_state state, struct rcur in)
{
	static struct msg m;

	for (;;) {
		struct rcur before = in;
		struct err e = { 0 };
		int ret = wire_decode(g, &in, state, &m, &e);

		if (ret) {
			check_refusal(&before, &in, ret, &e);
			return;
		}
		before.left -= in.left;
		check_accepted(g, state, before, &m);
	}
}

/* Byte @how: bits 0-1 what is spoken, bits 2-3 the least (client), bit 4 in single bytes. */
static void try_hello(bool client, uint8_t how, const uint8_t *data, size_t size)
{
	enum wire_gen most = 1 + (how & 3) % 3, least = client && how & 4 ? most : WIRE_V1;
	size_t fed = 0, used = 0, piece = how & 16 ? 1 : size;
	uint8_t out[HELLO_OUT_MAX];
	struct wcur w = wcur_make(out, sizeof(out), false);
	struct hello_server s;
	struct hello_client c;
	struct err e = { 0 };
	int ret;

	hello_server_begin(&s, most);
	hello_client_begin(&c, most, least);
	do {
		struct rcur in;

		fed = min_u64(size, fed + piece);
		in = rcur_make(data + used, fed - used, false);
		ret = client ? hello_client_step(&c, &in, fed == size, &w, &e)
			     : hello_server_step(&s, &in, &w, &e);
		must(!in.bad && in.p >= data + used && in.p + in.left == data + fed && !w.bad);
		used = (size_t)(in.p - data);
	} while (ret == HELLO_MORE && fed < size);
	if (ret == -EPROTO)
		check_text(&e);
	else if (ret == HELLO_DONE)
		must((client ? c.gen : s.gen) >= least && (client ? c.gen : s.gen) <= most);
	else if (ret == HELLO_AGAIN)
		must(client && c.next >= least && c.next < c.gen);
	else
		must(ret == HELLO_MORE && (client || size - used < MSG_MAX));
}

static void walk(const struct msg3 *f)
{
	struct msg3_param p;
	uint32_t at = 0, text_at;
	struct err e = { 0 };
	const char *text;
	int ret;

	while ((text = msg3_text(f, &at)))
		must((const uint8_t *)text + strlen(text) < f->buf + f->len);
	at = 0;
	while ((ret = msg3_param(f, &at, &p, &e)) == 1) {
		text_at = 0;
		must(p.data >= f->buf && p.data + p.len <= f->buf + f->len);
		while ((text = msg3_param_text(&p, &text_at)))
			must((const uint8_t *)text + strlen(text) < p.data + p.len);
	}
	if (ret)
		check_text(&e);
}

static void try_agent(struct rcur in)
{
	static uint8_t first[MSG3_MAX], second[MSG3_MAX];

	for (;;) {
		struct wcur w = wcur_make(first, sizeof(first), false);
		struct rcur before = in;
		struct err e = { 0 };
		struct msg3 f, f2;
		size_t n;
		int ret = msg3_decode(&in, &f, &e);

		if (ret) {
			check_refusal(&before, &in, ret, &e);
			return;
		}
		walk(&f);
		ret = msg3_encode(&w, &f);
		if (ret) { /* a short fixed part and a full variable one: only others send it */
			must(ret == -EINVAL);
			continue;
		}
		n = (size_t)(w.p - first);
		before = rcur_make(first, n, false);
		must(!msg3_decode(&before, &f2, NULL) && !before.left);
		w = wcur_make(second, sizeof(second), false);
		must(!msg3_encode(&w, &f2));
		must((size_t)(w.p - second) == n && !memcmp(first, second, n));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum what what;

	if (size < 2)
		return 0;
	what = data[0] % TRY_NR;
	if (what <= TRY_V3)
		try_dialect(what + WIRE_V1, data[1] % MSG_NR_STATES,
			    rcur_make(data + 2, size - 2, false));
	else if (what == TRY_AGENT)
		try_agent(rcur_make(data + 2, size - 2, false));
	else
		try_hello(what == TRY_CLIENT, data[1], data + 2, size - 2);
	return 0;
}
