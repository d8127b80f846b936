// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_msg.c - the message decoder under hostile bytes
 *
 * Byte 0 picks the state, the rest is a stream of messages. What must hold for each:
 *   - refused or incomplete input is untouched; a refusal has a text, and only printable characters
 *   - "incomplete" is said only where the frame's header promises more bytes than are there
 *   - what is accepted, we would have sent byte for byte, except for the forms that the head of
 *     trace-msg.c lists; of those the part that counts is the same, and what we make of them is
 *     accepted again and then stays as it is
 *   - guessing what a peer speaks does not read behind the end
 */
#include <errno.h>

#include "trace-msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static uint32_t be32(const uint8_t *p)
{
	struct rcur c = rcur_make(p, 4, true);

	return rcur_u32(&c);
}

static void check_refusal(const struct rcur *in, int ret, const struct err *e)
{
	if (ret == -EAGAIN) {
		must(in->left < MSG_HEADER || in->left < be32(in->p));
		must(!e->code);
		return;
	}
	must(ret == -EPROTO && e->code == EPROTO && e->what[0]);
	for (const char *c = e->what; *c; c++)
		must(*c >= ' ' && *c <= '~');
}

/* Bytes from offset 8 on that our encoding shares with the accepted form, for the lenient types. */
static size_t shared(const struct msg *m)
{
	switch (m->type) {
	case MSG_ERROR:
		return 8;
	case MSG_TINIT:
		return 8; /* the count of options is the same too, but they may be in another order
			   */
	case MSG_RINIT:
		return 4 + 4 * (size_t)m->rinit.nports;
	case MSG_SENDMETA:
		return 4 + (size_t)m->meta.len;
	default:
		return 0;
	}
}

static bool may_differ(const struct msg *m, size_t used)
{
	switch (m->type) {
	case MSG_ERROR:
		return used > 16;
	case MSG_TINIT:
		return m->tinit.use_tcp || m->tinit.ext.present;
	case MSG_RINIT:
		return m->rinit.ext.present || (m->rinit.nports && m->rinit.cpus != MSG_MAX_CPUS);
	case MSG_SENDMETA:
		return used != MSG_HEADER + 4 + (size_t)m->meta.len;
	default:
		return false;
	}
}

static void check_accepted(const uint8_t *at, size_t used, enum msg_state state,
			   const struct msg *m)
{
	static uint8_t first[MSG_MAX], second[MSG_MAX];
	struct wcur w = wcur_make(first, sizeof(first), false);
	struct rcur in;
	struct msg m2;
	size_t n;

	must(used == be32(at) && m->type == be32(at + 4));
	must(!msg_encode(&w, m));
	n = (size_t)(w.p - first);
	if (n == used && !memcmp(first, at, n))
		return;
	must(may_differ(m, used));
	must(!memcmp(first + MSG_HEADER, at + MSG_HEADER, shared(m)));
	in = rcur_make(first, n, false);
	must(!msg_decode(&in, state, &m2, NULL) && !in.left);
	w = wcur_make(second, sizeof(second), false);
	must(!msg_encode(&w, &m2));
	must((size_t)(w.p - second) == n && !memcmp(first, second, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum msg_state state;
	struct rcur in;

	if (size < 1)
		return 0;
	state = data[0] % MSG_NR_STATES;
	in = rcur_make(data + 1, size - 1, false);
	msg_guess_peer(in.p, in.left);
	for (;;) {
		struct rcur before = in;
		struct err e = { 0 };
		struct msg m;
		int ret = msg_decode(&in, state, &m, &e);

		if (ret) {
			must(in.p == before.p && in.left == before.left && !in.bad);
			check_refusal(&before, ret, &e);
			return 0;
		}
		check_accepted(before.p, (size_t)(in.p - before.p), state, &m);
	}
}
