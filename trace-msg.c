// SPDX-License-Identifier: GPL-2.0
/*
 * trace-msg.c - encode and decode the eight commands
 *
 * Theory of operation
 *
 * MSG_LIST in the header makes the table defs[]: per command its name, the states in which it is
 * legal, the limits of its body, and one get_ and one put_ function for the body. msg_decode()
 * judges the frame's header against the table before it waits for (or anybody allocates) the body;
 * then the get_ function reads the body through a bounded cursor, and what is left over is an
 * error.
 *
 * What we accept we would have sent byte for byte, except for these forms, which other senders use:
 *   ERROR     anything behind the two numbers (some senders leave rubbish there)
 *   TINIT     "use TCP" of 8 bytes, or with other than zeros in its last 4; options in any order
 *   RINIT     256 port slots where fewer count; the slots past the CPU count are rubbish
 *   SENDMETA  unused bytes behind the data (early senders fill the frame to 8192)
 *   extension bytes behind its text: a later version may say more
 *
 * Borrowed texts in a struct msg point into the input; they are checked to be printable ASCII, so
 * that no peer can drive a terminal with them.
 *
 * Formats: Documentation/PROTOCOL.txt.
 */
#include "trace-msg.h"

#include <errno.h>

enum {
	OPT_HEADER = 8,	  /* be32 size, be32 command */
	OPT_MAX = 4096,	  /* bytes of one TINIT option */
	EXT_FIXED = 20,	  /* option header, features, stream id */
	TCP_SIZE = 12,	  /* what we send; 8 is accepted */
	PORT_SLOTS = 256, /* in the RINIT of early servers */
	TOTAL_SIZE = 28,  /* per CPU in CLOSE */
	PAGE_MIN = 1024,
	PAGE_MAX = 65536,
};

#define REASON_TAG "why:"

struct msg_def {
	const char *name;
	uint32_t legal;	   /* bits of enum msg_state */
	uint32_t min, max; /* bytes of the body */
	int (*get)(struct rcur *body, struct msg *m, struct err *e);
	int (*put)(struct wcur *body, const struct msg *m);
};

/* clang-format off */
/* What is awaited is for error texts; ERROR and CLOSE are left out where something else is. */
static const struct {
	const char *name, *awaited;
} states[MSG_NR_STATES] = {
	[MSG_S_IDLE] = { "idle", "TCONNECT 00000008 00000002" }, /* the bytes help with skew */
	[MSG_S_GREETED] = { "greeted", "TINIT" },
	[MSG_S_META] = { "metadata", "SENDMETA or FINMETA" },
	[MSG_S_RECORDING] = { "recording", "CLOSE" },
	[MSG_S_TAIL] = { "tail", "SENDMETA, FINMETA or CLOSE" },
	[MSG_S_CLOSING] = { "closing", "TCONNECT" },
	[MSG_C_CONNECT] = { "connecting", "RCONNECT" },
	[MSG_C_INIT] = { "initializing", "RINIT" },
	[MSG_C_RUNNING] = { "running", "CLOSE or ERROR" },
};
/* clang-format on */

static bool printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

void msg_put_text(struct wcur *w, const char *text, size_t max)
{
	for (size_t i = 0; text && text[i] && i + 1 < max; i++)
		wcur_u8(w, text[i] < ' ' || text[i] > '~' ? '?' : (uint8_t)text[i]);
	wcur_u8(w, 0);
}

static size_t text_size(const char *text, size_t max)
{
	return text ? strnlen(text, max - 1) + 1 : 1;
}

int msg_check_cpus(uint32_t cpus, const char *name, struct err *e)
{
	if (cpus && cpus <= MSG_MAX_CPUS)
		return 0;
	return err_say(e, EPROTO, "sent %s for %u CPUs; 1..%d are possible", name, cpus,
		       MSG_MAX_CPUS);
}

/* Messages without a body */

static int get_nothing(struct rcur *body, struct msg *m, struct err *e)
{
	(void)body, (void)m, (void)e;
	return 0;
}

static int put_nothing(struct wcur *body, const struct msg *m)
{
	(void)body, (void)m;
	return 0;
}

#define get_tconnect get_nothing
#define put_tconnect put_nothing
#define get_finmeta  get_nothing
#define put_finmeta  put_nothing
#define get_close    msg_get_close
#define put_close    msg_put_close

/* ERROR: be32 size, be32 command; from us also "why:" and a text */

void msg_get_reason(struct rcur *body, struct msg *m)
{
	size_t tag = strlen(REASON_TAG);
	const char *text;

	m->error.reason = "";
	if (body->left > tag && !memcmp(body->p, REASON_TAG, tag)) {
		rcur_take(body, tag);
		text = rcur_text(body);
		if (text && strlen(text) < MSG_MAX_REASON && printable(text))
			m->error.reason = text;
		body->bad = false; /* without a NUL it is no text of ours: rubbish, as any other */
	}
	rcur_take(body, body->left);
}

void msg_put_reason(struct wcur *body, const struct msg *m)
{
	if (!m->error.reason || !m->error.reason[0])
		return;
	wcur_mem(body, REASON_TAG, strlen(REASON_TAG));
	msg_put_text(body, m->error.reason, MSG_MAX_REASON);
}

static int get_error(struct rcur *body, struct msg *m, struct err *e)
{
	(void)e;
	m->error.size = rcur_u32(body);
	m->error.cmd = rcur_u32(body);
	msg_get_reason(body, m);
	return 0;
}

static int put_error(struct wcur *body, const struct msg *m)
{
	wcur_u32(body, m->error.size);
	wcur_u32(body, m->error.cmd);
	msg_put_reason(body, m);
	return 0;
}

/* CLOSE: nothing, or be32 CPUs and a struct msg_total for each */

int msg_get_close(struct rcur *body, struct msg *m, struct err *e)
{
	size_t len = body->left;

	m->close.cpus = 0;
	if (!len)
		return 0;
	m->close.cpus = rcur_u32(body);
	if (msg_check_cpus(m->close.cpus, "CLOSE with totals", e))
		return -EPROTO;
	if (body->left != (size_t)m->close.cpus * TOTAL_SIZE)
		return err_say(
			e, EPROTO,
			"sent CLOSE with totals of %u CPUs in a body of %zu bytes; %u are needed",
			m->close.cpus, len, 4 + m->close.cpus * TOTAL_SIZE);
	for (uint32_t i = 0; i < m->close.cpus; i++) {
		struct msg_total *t = &m->close.total[i];

		t->bytes = rcur_u64(body);
		t->events = rcur_u64(body);
		t->lost = rcur_u64(body);
		t->stuck = rcur_u32(body);
	}
	return 0;
}

int msg_put_close(struct wcur *body, const struct msg *m)
{
	if (m->close.cpus > MSG_MAX_CPUS)
		return -EINVAL;
	if (m->close.cpus)
		wcur_u32(body, m->close.cpus);
	for (uint32_t i = 0; i < m->close.cpus; i++) {
		const struct msg_total *t = &m->close.total[i];

		wcur_u64(body, t->bytes);
		wcur_u64(body, t->events);
		wcur_u64(body, t->lost);
		wcur_u32(body, t->stuck);
	}
	return 0;
}

/* RCONNECT: be32 length, then a text of that length with its NUL */

static int get_rconnect(struct rcur *body, struct msg *m, struct err *e)
{
	uint32_t len = rcur_u32(body);
	size_t left = body->left;

	if (len != left)
		return err_say(e, EPROTO, "sent RCONNECT with a text of %u bytes in %zu", len,
			       left);
	m->rconnect.text = rcur_text(body);
	if (!m->rconnect.text || body->left || !printable(m->rconnect.text))
		return err_say(e, EPROTO, "sent RCONNECT with a greeting that is no text");
	return 0;
}

static int put_rconnect(struct wcur *body, const struct msg *m)
{
	const char *text = m->rconnect.text;

	if (!text || strlen(text) >= MSG_MAX_PEER || !printable(text))
		return -EINVAL;
	wcur_u32(body, (uint32_t)strlen(text) + 1);
	wcur_text(body, text);
	return 0;
}

/* Our extension: an option record in TINIT, and of the same shape in RINIT */

int msg_check_peer(const char *text, struct err *e)
{
	if (text && strlen(text) < MSG_MAX_PEER && printable(text))
		return 0;
	return err_say(e, EPROTO, "sent a version text that is no text of 1..%d bytes",
		       MSG_MAX_PEER);
}

static int get_ext(struct rcur *opt, struct msg_ext *x, struct err *e)
{
	x->present = true;
	x->features = rcur_u32(opt);
	x->stream_id = rcur_u64(opt);
	x->peer = rcur_text(opt);
	if (msg_check_peer(x->peer, e))
		return -EPROTO;
	rcur_take(opt, opt->left); /* a later version may say more */
	return 0;
}

static void put_ext(struct wcur *w, const struct msg_ext *x, uint64_t stream_id)
{
	wcur_u32(w, (uint32_t)(EXT_FIXED + text_size(x->peer, MSG_MAX_PEER)));
	wcur_u32(w, MSG_OPT_EXT);
	wcur_u32(w, x->features);
	wcur_u64(w, stream_id);
	msg_put_text(w, x->peer, MSG_MAX_PEER);
}

/* TINIT: be32 CPUs, be32 page size, be32 number of options, options */

static bool page_size_fits(uint32_t size)
{
	return size >= PAGE_MIN && size <= PAGE_MAX && !(size & (size - 1));
}

int msg_check_tinit(const struct msg *m, struct err *e)
{
	if (msg_check_cpus(m->tinit.cpus, "TINIT", e))
		return -EPROTO;
	if (page_size_fits(m->tinit.page_size))
		return 0;
	return err_say(e, EPROTO,
		       "sent TINIT with pages of %u bytes; a power of two in %d..%d is possible",
		       m->tinit.page_size, PAGE_MIN, PAGE_MAX);
}

static int get_tcp(struct rcur *opt, struct msg *m, struct err *e)
{
	if (opt->left != 0 && opt->left != TCP_SIZE - OPT_HEADER)
		return err_say(e, EPROTO,
			       "sent TINIT option 1 (use TCP) of %zu bytes; 8 or 12 are right",
			       opt->left + OPT_HEADER);
	m->tinit.use_tcp = true;
	rcur_take(opt, opt->left);
	return 0;
}

static int get_option(struct rcur *body, struct msg *m, struct err *e)
{
	size_t left = body->left;
	uint32_t size = rcur_u32(body), cmd = rcur_u32(body);
	struct rcur opt;

	if (body->bad)
		return err_say(e, EPROTO, "sent TINIT with more options than fit into it");
	if (size < OPT_HEADER || size > OPT_MAX || size > left)
		return err_say(
			e, EPROTO,
			"sent TINIT option %u of %u bytes; %d..%d and at most the %zu bytes left of the message are possible",
			cmd, size, OPT_HEADER, OPT_MAX, left);
	opt = rcur_sub(body, size - OPT_HEADER);
	if ((cmd == MSG_OPT_USETCP && m->tinit.use_tcp) ||
	    (cmd == MSG_OPT_EXT && m->tinit.ext.present))
		return err_say(e, EPROTO, "sent TINIT option %u twice", cmd);
	if (cmd == MSG_OPT_USETCP)
		return get_tcp(&opt, m, e);
	if (cmd == MSG_OPT_EXT)
		return get_ext(&opt, &m->tinit.ext, e);
	return err_say(e, EPROTO, "sent TINIT option %u, which is unknown here", cmd);
}

static int get_tinit(struct rcur *body, struct msg *m, struct err *e)
{
	uint32_t options;

	m->tinit.cpus = rcur_u32(body);
	m->tinit.page_size = rcur_u32(body);
	m->tinit.use_tcp = m->tinit.use_vsock = false;
	m->tinit.ext = (struct msg_ext){ 0 };
	options = rcur_u32(body);
	if (msg_check_tinit(m, e))
		return -EPROTO;
	/* Each takes 8 bytes of the body at least, so the count needs no limit of its own. */
	for (uint32_t i = 0; i < options; i++)
		if (get_option(body, m, e))
			return -EPROTO;
	return 0;
}

static int put_tinit(struct wcur *body, const struct msg *m)
{
	if (m->tinit.use_vsock || msg_check_tinit(m, NULL))
		return -EINVAL;
	wcur_u32(body, m->tinit.cpus);
	wcur_u32(body, m->tinit.page_size);
	wcur_u32(body, (uint32_t)m->tinit.use_tcp + (uint32_t)m->tinit.ext.present);
	if (m->tinit.use_tcp) {
		wcur_u32(body, TCP_SIZE);
		wcur_u32(body, MSG_OPT_USETCP);
		wcur_u32(body, 0);
	}
	if (m->tinit.ext.present)
		put_ext(body, &m->tinit.ext, m->tinit.ext.stream_id);
	return 0;
}

/* RINIT: be32 CPUs; then nothing, or ports, or our extension */

/*
 * Is what follows the extension and not ports? Its first number says its own size and its second
 * one is larger than any port.
 */
static bool is_ext(struct rcur rest)
{
	size_t left = rest.left;

	return rcur_u32(&rest) == left && rcur_u32(&rest) == MSG_OPT_EXT;
}

static int get_ports(struct rcur *body, struct msg *m, struct err *e)
{
	size_t left = body->left;

	if (left != 4 * (size_t)m->rinit.cpus && left != 4 * PORT_SLOTS)
		return err_say(
			e, EPROTO,
			"sent RINIT for %u CPUs with %zu bytes behind the count; 0, %u or %d are possible",
			m->rinit.cpus, left, 4 * m->rinit.cpus, 4 * PORT_SLOTS);
	m->rinit.nports = m->rinit.cpus;
	for (uint32_t i = 0; i < m->rinit.nports; i++) {
		m->rinit.port[i] = rcur_u32(body);
		if (m->rinit.port[i] > UINT16_MAX)
			return err_say(e, EPROTO, "sent RINIT with port %u for CPU %u",
				       m->rinit.port[i], i);
	}
	rcur_take(body, body->left); /* unused slots */
	return 0;
}

static int get_rinit(struct rcur *body, struct msg *m, struct err *e)
{
	m->rinit.cpus = rcur_u32(body);
	m->rinit.nports = 0;
	m->rinit.ext = (struct msg_ext){ 0 };
	if (msg_check_cpus(m->rinit.cpus, "RINIT", e))
		return -EPROTO;
	if (!body->left)
		return 0;
	if (!is_ext(*body))
		return get_ports(body, m, e);
	rcur_take(body, OPT_HEADER);
	if (get_ext(body, &m->rinit.ext, e))
		return -EPROTO;
	m->rinit.ext.stream_id = 0; /* be64 0 on the wire: means nothing in this direction */
	return 0;
}

static int put_rinit(struct wcur *body, const struct msg *m)
{
	if (!m->rinit.cpus || m->rinit.cpus > MSG_MAX_CPUS)
		return -EINVAL;
	if (m->rinit.nports && (m->rinit.nports != m->rinit.cpus || m->rinit.ext.present))
		return -EINVAL;
	wcur_u32(body, m->rinit.cpus);
	for (uint32_t i = 0; i < m->rinit.nports; i++) {
		if (m->rinit.port[i] > UINT16_MAX)
			return -EINVAL;
		wcur_u32(body, m->rinit.port[i]);
	}
	if (m->rinit.ext.present)
		put_ext(body, &m->rinit.ext, 0);
	return 0;
}

/* SENDMETA: be32 length, then that many bytes; what is behind them in the frame does not count */

static int get_sendmeta(struct rcur *body, struct msg *m, struct err *e)
{
	uint32_t len = rcur_u32(body);

	if (len > body->left)
		return err_say(e, EPROTO,
			       "sent SENDMETA that says %u bytes of metadata and has room for %zu",
			       len, body->left);
	m->meta.len = len;
	m->meta.data = rcur_take(body, len);
	rcur_take(body, body->left);
	return 0;
}

static int put_sendmeta(struct wcur *body, const struct msg *m)
{
	if (m->meta.len > MSG_META_MAX || (m->meta.len && !m->meta.data))
		return -EINVAL;
	wcur_u32(body, m->meta.len);
	wcur_mem(body, m->meta.data, m->meta.len);
	return 0;
}

/* The table, and what walks it */

#define MSG_DEF(name, code, wire, legal, min, max) \
	[MSG_##name] = { #name, legal, min, max, get_##code, put_##code },
static const struct msg_def defs[MSG_NR] = { MSG_LIST(MSG_DEF) };
#undef MSG_DEF

const char *msg_name(uint32_t cmd)
{
	return cmd < MSG_NR ? defs[cmd].name : NULL;
}

const char *msg_state_name(enum msg_state s)
{
	return (unsigned int)s < MSG_NR_STATES ? states[s].name : NULL;
}

int msg_judge(uint32_t type, const char *name, enum msg_state state, struct err *e)
{
	if (type < MSG_NR && defs[type].legal & BIT(state))
		return 0;
	return err_say(e, EPROTO, "sent %s while %s was expected in state %s", name,
		       states[state].awaited, states[state].name);
}

/* The header is right in itself and belongs here; else the error says why. */
static int judge_header(uint32_t size, uint32_t cmd, enum msg_state state, struct err *e)
{
	const struct msg_def *d;
	char unknown[32] = "";

	if (size < MSG_HEADER || size > MSG_MAX)
		return err_say(e, EPROTO, "said its message has %u bytes; %d..%d are possible",
			       size, MSG_HEADER, MSG_MAX);
	if (cmd >= MSG_NR)
		snprintf(unknown, sizeof(unknown), "command %u (unknown)", cmd);
	if (msg_judge(cmd, cmd < MSG_NR ? defs[cmd].name : unknown, state, e))
		return -EPROTO;
	d = &defs[cmd];
	if (size - MSG_HEADER < d->min || size - MSG_HEADER > d->max)
		return err_say(e, EPROTO, "sent %s of %u bytes; %u..%u are possible", d->name, size,
			       MSG_HEADER + d->min, MSG_HEADER + d->max);
	return 0;
}

/* Say it in other words when the bytes look like another protocol. Returns -EPROTO. */
static int refuse(const struct rcur *in, enum msg_state state, struct err *e)
{
	const char *guess = msg_guess_peer(in->p, in->left);
	struct rcur c = rcur_make(in->p, in->left, true);
	uint32_t first = rcur_u32(&c), second = rcur_u32(&c);

	if (!guess || !e)
		return -EPROTO;
	err_say(e, EPROTO,
		"seems to speak %s: sent %08x %08x, while %s of trace-msg V2 was expected", guess,
		first, second, states[state].awaited);
	err_hint(
		e,
		"run the same version of trace-cmd in the guest and on the host, and check which program is behind the port");
	return -EPROTO;
}

int msg_decode(struct rcur *in, enum msg_state state, struct msg *m, struct err *e)
{
	struct rcur c = { .p = in->p, .left = in->left, .big = true }, body;
	uint32_t size = rcur_u32(&c), cmd = rcur_u32(&c);

	if (c.bad)
		return -EAGAIN;
	if (judge_header(size, cmd, state, e))
		return refuse(in, state, e);
	if (size - MSG_HEADER > c.left)
		return -EAGAIN;
	body = rcur_sub(&c, size - MSG_HEADER);
	m->type = (enum msg_type)cmd;
	if (defs[cmd].get(&body, m, e))
		return refuse(in, state, e);
	if (body.bad || body.left) {
		err_say(e, EPROTO, "sent %s of %u bytes, which is not what its contents need",
			defs[cmd].name, size);
		return refuse(in, state, e);
	}
	in->p = c.p;
	in->left = c.left;
	return 0;
}

int msg_encode(struct wcur *out, const struct msg *m)
{
	struct wcur w = { .p = out->p, .left = out->left, .bad = out->bad, .big = true };
	uint8_t *header = wcur_take(&w, MSG_HEADER);
	int ret = (unsigned int)m->type < MSG_NR ? defs[m->type].put(&w, m) : -EINVAL;

	if (!ret && (w.bad || !header))
		ret = -ENOSPC;
	if (ret) {
		out->bad = true;
		return ret;
	}
	out->p = w.p;
	out->left = w.left;
	w = wcur_make(header, MSG_HEADER, true);
	wcur_u32(&w, (uint32_t)(out->p - header));
	wcur_u32(&w, m->type);
	return 0;
}

/* Guessing: no message of ours begins with a byte other than 0, so texts cannot be mistaken */

static const struct {
	const char *begins;
	size_t len;
	const char *means;
} openings[] = {
#define OPENING(text, means)                  \
	{                                     \
		text, sizeof(text) - 1, means \
	}
	OPENING("tracecmd", "the network protocol: this is the greeting of trace-cmd listen"),
	OPENING("-1V3", "the network protocol V3: this is trace-cmd record -N"),
	OPENING("-1V2",
		"the network protocol V2 with its text handshake: an old trace-cmd record -N"),
	OPENING("-1V", "the network protocol of a later version"),
	OPENING("V2\0"
		"677768",
		"the network protocol V2 of 2014 with its text handshake"),
	OPENING("V2\0", "the network protocol V2: this is the answer of an old trace-cmd listen"),
	OPENING("V3\0", "the network protocol V3: this is the answer of trace-cmd listen"),
	OPENING("GET ", "HTTP"),
	OPENING("HTTP/", "HTTP"),
	OPENING("SSH-", "SSH"),
	OPENING("{\"", "JSON, as QEMU's monitor and the QEMU guest agent do"),
#undef OPENING
};

/* Bytes of the V3 commands' fixed parts. Those without one end there, except for SEND_DATA. */
static const uint8_t v3_fixed[] = { 0, 12, 4, 0, 0, 0, 16, 40, 0, 20, 24, 0 };
enum { V3_SEND_DATA = 3 };

/* A frame with a third header word that V2 does not have: {size, command, size of the fixed part}
 */
static bool looks_like_v3(const uint8_t *bytes, size_t len)
{
	struct rcur c = rcur_make(bytes, len, true);
	uint32_t size = rcur_u32(&c), cmd = rcur_u32(&c), fixed = rcur_u32(&c);

	if (c.bad || size < 12 || size > MSG_MAX || cmd >= ARRAY_SIZE(v3_fixed))
		return false;
	if (fixed != v3_fixed[cmd] || size < 12 + fixed)
		return false;
	if (!fixed && cmd != V3_SEND_DATA && size > 12)
		return false;
	/* What V2 could mean by the same three words: totals of 12 CPUs, metadata of 16 bytes. */
	return !(cmd == MSG_CLOSE && size == MSG_HEADER + 4 + 12 * TOTAL_SIZE) &&
	       !(cmd == MSG_SENDMETA && (size == MSG_HEADER + 4 + 16 || size == MSG_MAX));
}

/* The CPU count with which V1 begins is decimal with a NUL; the virtio-trace agent has no NUL. */
static const char *guess_digits(const uint8_t *bytes, size_t len)
{
	size_t digits = 0;

	while (digits < len && bytes[digits] >= '0' && bytes[digits] <= '9')
		digits++;
	if (digits && digits < len && !bytes[digits])
		return "the legacy text protocol (V1): this is an old trace-cmd record -N";
	if (digits && bytes[0] <= '1' && (digits == len || bytes[digits] == '\n'))
		return "the on/off language of the virtio-trace agent (tools/virtio)";
	return NULL;
}

static bool looks_like_console(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len && i < MSG_HEADER; i++)
		if ((bytes[i] < ' ' || bytes[i] > '~') && !memchr("\r\n\t\033", bytes[i], 4))
			return false;
	return len >= MSG_HEADER;
}

const char *msg_guess_peer(const uint8_t *bytes, size_t len)
{
	const char *guess;

	for (size_t i = 0; i < ARRAY_SIZE(openings); i++)
		if (len >= openings[i].len && !memcmp(bytes, openings[i].begins, openings[i].len))
			return openings[i].means;
	guess = guess_digits(bytes, len);
	if (guess)
		return guess;
	if (looks_like_v3(bytes, len))
		return "the protocol V3 of trace-cmd agent and trace-cmd record -A";
	return looks_like_console(bytes, len) ? "plain text, as a console does" : NULL;
}
