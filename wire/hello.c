// SPDX-License-Identifier: GPL-2.0
/*
 * hello.c - the greeting, both sides
 *
 * Theory of operation
 *
 * A side is a row of steps. A step looks at what is there, takes a whole text or nothing, and
 * says: next step (NEXT), wait (HELLO_MORE), or an end. What cannot become right any more is
 * refused at its first wrong byte; a text that may still become right is waited for, up to TEXT_MAX
 * bytes.
 *
 * Server: the first text decides. "-1V<n>" is a version; it is a negative CPU count to servers that
 * know only V1, so that these close, and the client falls back. We answer the version itself where
 * we speak it, else the highest that we do, and listen again: to the magic of what we agreed to, or
 * to another version. "V2" with its magic at once is the first form of V2 (2014). A number is V1.
 *
 * The magic ends in two NULs which some clients do not send. It is answered with its sixth
 * byte; the NULs, if they did not come with it, are told from the first frame by its size, which
 * is less than 64 KiB and not 0: S_TAIL.
 *
 * Client: the newest version first. A server that answers V2 to V3 is asked for V2 on the same
 * connection; one that closes, or answers NUL, knows V1 only: HELLO_AGAIN.
 *
 * Sequences: Documentation/PROTOCOL.txt, "Greeting".
 */
#include "wire/hello.h"

#include <errno.h>

#include "wire/digits.h"

enum {
	NEXT = HELLO_AGAIN + 1, /* a step is done: the next one at once */
	TEXT_MAX = 8192,
	MAGIC_NULS = 2,
	ASKS_MAX = 8,	/* versions that a client may ask for, one after another */
	FRAME_SIZE = 4, /* bytes by which the NULs are told from a frame */
};

enum { S_VERSION, S_MAGIC, S_TAIL, S_REFUSED };
enum { C_GREETING, C_REPLY, C_OK };

#define GREETING "tracecmd"
#define HELLO_2014 \
	"V2\0"     \
	"677768\0" \
	"0" /* and the NUL of C: three texts */
#define ASKS "-1V"

/* clang-format off */
static const struct {
	const char *reply; /* its NUL is sent too */
	const char *ask;
	const char *magic; /* two NULs are sent too */
} words[] = {
	[WIRE_V2] = { "V2", "-1V2", "677768" },
	[WIRE_V3] = { "V3", "-1V3", "766679" },
};
/* clang-format on */

/*
 * 1: @in begins with the @n bytes of @want, and they are taken; 0: it may, when more comes; -1: it
 * does not.
 */
static int take_if(struct rcur *in, const void *want, size_t n)
{
	size_t have = min_u64(in->left, n);

	if (have && memcmp(in->p, want, have))
		return -1;
	return have == n ? !!rcur_take(in, n) : 0;
}

static void put_magic(struct wcur *out, enum wire_gen g)
{
	wcur_mem(out, words[g].magic, strlen(words[g].magic));
	wcur_zero(out, MAGIC_NULS);
}

/* "seems to speak SSH", or the first bytes. Returns -EPROTO. */
static int refuse(const struct rcur *in, const char *expected, struct err *e)
{
	const char *guess = msg_guess_peer(in->p, in->left);
	char bytes[3 * 8 + 1] = "";

	if (guess)
		return err_say(e, EPROTO, "seems to speak %s; %s was expected", guess, expected);
	for (size_t i = 0; i < in->left && i < 8; i++)
		snprintf(bytes + 3 * i, sizeof(bytes) - 3 * i, " %02x", in->p[i]);
	return err_say(e, EPROTO, "sent%s; %s was expected", bytes, expected);
}

/* --- server --- */

void hello_server_begin(struct hello_server *h, enum wire_gen most)
{
	*h = (struct hello_server){ .most = most, .step = S_VERSION };
}

void hello_server_greet(struct wcur *out)
{
	wcur_mem(out, GREETING, strlen(GREETING));
}

/* What "-1V<n>" asks for; 0: nothing that we may grant. */
static enum wire_gen version_asked(const struct hello_server *h, const char *text)
{
	for (enum wire_gen g = WIRE_V2; g <= h->most; g++)
		if (!strcmp(text, words[g].ask))
			return g;
	return 0;
}

static int on_version(struct hello_server *h, const char *text, struct wcur *out, struct err *e)
{
	if (strncmp(text, ASKS, strlen(ASKS)) || strlen(text) >= sizeof(h->unknown))
		return err_say(e, EPROTO,
			       "sent a version text that does not begin with " ASKS
			       ", or is too long");
	if (h->most == WIRE_V1)
		return err_say(e, EPROTO,
			       "sent a version text; this server was told to speak V1 only");
	if (h->asks++ >= ASKS_MAX)
		return err_say(e, EPROTO, "asked for versions more than %d times", ASKS_MAX);
	h->asked = version_asked(h, text);
	if (!h->asked && !strcmp(h->unknown, text))
		return err_say(e, EPROTO, "asked twice for a version that is not spoken here");
	if (!h->asked)
		snprintf(h->unknown, sizeof(h->unknown), "%s", text);
	wcur_text(out, words[h->asked ? h->asked : h->most].reply);
	h->step = h->asked ? S_MAGIC : S_VERSION;
	return NEXT;
}

static int on_2014(struct hello_server *h, struct rcur *in, struct wcur *out, struct err *e)
{
	int ret = take_if(in, HELLO_2014, sizeof(HELLO_2014));

	if (ret < 0)
		return refuse(in, "the hello of V2", e);
	if (!ret)
		return HELLO_MORE;
	if (h->most < WIRE_V2) {
		wcur_u8(out, 0); /* as V1 servers do: no ports for 0 CPUs; the client closes */
		h->step = S_REFUSED;
		return NEXT;
	}
	wcur_mem(out, words[WIRE_V2].reply, strlen(words[WIRE_V2].reply));
	h->gen = WIRE_V2;
	return HELLO_DONE;
}

static int server_version(struct hello_server *h, struct rcur *in, struct wcur *out, struct err *e)
{
	struct rcur c = *in;
	const char *text;
	uint64_t cpus;

	if (!in->left)
		return HELLO_MORE;
	if (*in->p == 'V')
		return on_2014(h, in, out, e);
	if (*in->p != '-' && (*in->p < '0' || *in->p > '9'))
		return refuse(in, "the hello of a network client of trace-cmd", e);
	text = rcur_text(&c);
	if (!text && in->left < TEXT_MAX)
		return HELLO_MORE;
	if (!text)
		return err_say(e, EPROTO, "sent %zu bytes of hello without its end", in->left);
	if (*text == '-') {
		*in = c;
		return on_version(h, text, out, e);
	}
	if (!take_digits(&text, 10, UINT32_MAX, &cpus) || *text)
		return refuse(in, "a version or the number of CPUs", e);
	h->gen = WIRE_V1; /* the number stays: it is the dialect's */
	return HELLO_DONE;
}

/* The NULs behind the magic that are there, if these are no frame's first bytes. */
static bool take_nuls(struct rcur *in)
{
	struct rcur size = rcur_make(in->p, in->left, true);

	if (in->left < MAGIC_NULS)
		return false;
	if (in->left < FRAME_SIZE ? !rcur_u16(&size) : !rcur_u32(&size))
		rcur_take(in, MAGIC_NULS);
	return true;
}

static int server_magic(struct hello_server *h, struct rcur *in, struct wcur *out, struct err *e)
{
	const char *magic = words[h->asked].magic;
	int ret;

	if (in->left && *in->p == '-') { /* another version after all */
		h->step = S_VERSION;
		return NEXT;
	}
	ret = take_if(in, magic, strlen(magic));
	if (ret < 0)
		return refuse(in, "the magic number of the version agreed on", e);
	if (!ret)
		return HELLO_MORE;
	wcur_mem(out, "OK", 2);
	h->gen = h->asked;
	h->step = S_TAIL;
	return take_nuls(in) ? HELLO_DONE : HELLO_MORE;
}

static int server_tail(struct hello_server *h, struct rcur *in, struct wcur *out, struct err *e)
{
	(void)h, (void)out, (void)e;
	if (in->left < FRAME_SIZE)
		return HELLO_MORE;
	take_nuls(in);
	return HELLO_DONE;
}

static int server_refused(struct hello_server *h, struct rcur *in, struct wcur *out, struct err *e)
{
	(void)h, (void)out;
	return in->left ? refuse(in, "the end of the connection", e) : HELLO_MORE;
}

int hello_server_step(struct hello_server *h, struct rcur *in, struct wcur *out, struct err *e)
{
	static int (*const steps[])(struct hello_server * h, struct rcur * in, struct wcur * out,
				    struct err * e) = {
		[S_VERSION] = server_version,
		[S_MAGIC] = server_magic,
		[S_TAIL] = server_tail,
		[S_REFUSED] = server_refused,
	};
	int ret;

	do
		ret = steps[h->step](h, in, out, e);
	while (ret == NEXT);
	return ret;
}

/* --- client --- */

void hello_client_begin(struct hello_client *h, enum wire_gen most, enum wire_gen least)
{
	*h = (struct hello_client){ .most = most, .least = least, .step = C_GREETING };
}

static int no_listener(struct err *e)
{
	err_hint(e, "check that the port is that of trace-cmd listen");
	return -EPROTO;
}

static int ask(struct hello_client *h, enum wire_gen g, struct wcur *out)
{
	h->gen = g;
	h->step = C_REPLY;
	wcur_text(out, words[g].ask);
	return NEXT;
}

static int client_greeting(struct hello_client *h, struct rcur *in, bool eof, struct wcur *out,
			   struct err *e)
{
	int ret = take_if(in, GREETING, strlen(GREETING));

	if (ret < 0)
		refuse(in, "the greeting of trace-cmd listen", e);
	else if (!ret && eof)
		err_say(e, EPROTO, "closed the connection without a greeting");
	if (ret < 0 || (!ret && eof))
		return no_listener(e);
	if (!ret)
		return HELLO_MORE;
	if (h->most > WIRE_V1)
		return ask(h, h->most, out);
	h->gen = WIRE_V1;
	return HELLO_DONE;
}

/* The server does not know the version that we asked for, and not V2 either. */
static int fall_back(struct hello_client *h, struct err *e)
{
	if (h->least <= WIRE_V1) {
		h->next = WIRE_V1;
		return HELLO_AGAIN;
	}
	err_say(e, EPROTO, "did not answer when %s was asked for: it seems to know %s only",
		wire_gen_name(h->gen), wire_gen_name(WIRE_V1));
	err_hint(e, "leave the choice of the protocol to trace-cmd: run without --protocol");
	return -EPROTO;
}

static int other_version(const struct hello_client *h, struct rcur *in, struct err *e)
{
	const char *text = rcur_text(in);

	err_say(e, EPROTO, "answered \"%s\" where %s was asked for", text, wire_gen_name(h->gen));
	err_hint(e,
		 h->most == h->least
			 ? "leave the choice of the protocol to trace-cmd: run without --protocol"
			 : "give --protocol with the version that it speaks");
	return -EPROTO;
}

/* 1: a "V", digits and NUL are there; 0: they may come; -1: this is none. */
static int is_version(const struct rcur *in)
{
	size_t i = 1;

	if (!in->left)
		return 0;
	while (i < in->left && i < 4 && in->p[i] >= '0' && in->p[i] <= '9')
		i++;
	if (*in->p != 'V' || (i < in->left && (in->p[i] || i == 1)))
		return -1;
	return i < in->left;
}

static int client_reply(struct hello_client *h, struct rcur *in, bool eof, struct wcur *out,
			struct err *e)
{
	int ret = is_version(in);

	if ((in->left && !*in->p) || (!ret && eof))
		return fall_back(h, e);
	if (ret < 0) {
		refuse(in, "the answer of trace-cmd listen", e);
		return no_listener(e);
	}
	if (!ret)
		return HELLO_MORE;
	if (take_if(in, words[h->gen].reply, strlen(words[h->gen].reply) + 1) > 0) {
		put_magic(out, h->gen);
		h->step = C_OK;
		return NEXT;
	}
	if (h->gen > WIRE_V2 && h->least <= WIRE_V2 &&
	    take_if(in, words[WIRE_V2].reply, strlen(words[WIRE_V2].reply) + 1) > 0)
		return ask(h, WIRE_V2, out);
	return other_version(h, in, e);
}

static int client_ok(struct hello_client *h, struct rcur *in, bool eof, struct wcur *out,
		     struct err *e)
{
	int ret = take_if(in, "OK", 2);

	(void)h, (void)out;
	if (ret > 0)
		return HELLO_DONE;
	if (!ret && !eof)
		return HELLO_MORE;
	if (ret < 0)
		refuse(in, "OK", e);
	else
		err_say(e, EPROTO, "closed the connection in the middle of the greeting");
	return no_listener(e);
}

int hello_client_step(struct hello_client *h, struct rcur *in, bool eof, struct wcur *out,
		      struct err *e)
{
	static int (*const steps[])(struct hello_client * h, struct rcur * in, bool eof,
				    struct wcur *out, struct err *e) = {
		[C_GREETING] = client_greeting,
		[C_REPLY] = client_reply,
		[C_OK] = client_ok,
	};
	int ret;

	do
		ret = steps[h->step](h, in, eof, out, e);
	while (ret == NEXT);
	return ret;
}
