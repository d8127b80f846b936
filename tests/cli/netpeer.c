// SPDX-License-Identifier: GPL-2.0
/*
 * netpeer.c - a network client as a script: for tests of listen, good clients and bad ones
 *
 *	netpeer HOST:PORT WORD...	connects (IPv4), then does what the words say, in order
 *
 * It knows each generation's bytes by itself. Times are in milliseconds; the trace is tick.h's.
 *
 *	v1 | v2a | v2 | v3	the greeting of this generation (v1: nothing is said)
 *	tinit CPUS PAGE udp|tcp	TINIT, and the ports of the answer
 *	tinitx CPUS PAGE udp|tcp FEATURES ID
 *				V3: with the extension
 *	meta CPUS		the head: up to cmdlines (V1, V2), with options (V3); and its end
 *	shortmeta		the head without cmdlines, as stock 3.1.6 sends it to V1 servers
 *	metafile FILE		these bytes as metadata, and their end
 *	data CPU PAGES		pages to its port
 *	lose CPU PAGES		made, counted and not sent
 *	swap CPU		two pages, the second first
 *	twice CPU		a page, twice
 *	odd CPU BYTES		that many bytes
 *	connect CPU		nothing but the connection
 *	close			the data connections, then CLOSE
 *	closex			the same with totals of what was made
 *	expect NAME		V3: that frame must come; REFUSED: NOT_SUPP, or ERROR
 *	end			close the control connection; data connections stay until the end
 *	hex HEX			these bytes
 *	slow MS HEX		these, a byte each MS
 *	text N			N digits
 *	flood N			N full SEND_DATA
 *	eof			the server must close
 *	silence MS		nothing must come
 *	from ADDR		the data come from there
 *	conns N			N more connections stay open
 *	sleep MS
 *	say TEXT
 *	hold			until stdin ends
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tick.h"

enum { CPUS = 256, PATIENCE = 8000, TINIT3 = 1, SEND3 = 3, FIN3 = 4 };

struct peer {
	struct sockaddr_in to, from;
	int fd, gen;
	int tcp, seq, marks;
	uint32_t cpus, port[CPUS];
	int chan[CPUS]; /* -1 = not open */
	uint64_t n[CPUS], made[CPUS], id;
};

/* Sockets */

static int dial(const struct sockaddr_in *to, const struct sockaddr_in *from, int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), size = 8 << 20;

	if (from && from->sin_family && bind(fd, (const struct sockaddr *)from, sizeof(*from)))
		die("cannot bind: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (!connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		return fd;
	close(fd);
	return -1;
}

static void raw(int fd, const void *from, size_t n)
{
	const char *at = from;

	while (n) {
		ssize_t r = send(fd, at, n, MSG_NOSIGNAL);

		if (r <= 0)
			die("the server took no more: %s", strerror(errno));
		at += r;
		n -= (size_t)r;
	}
}

static size_t some(struct peer *p, void *to, size_t n)
{
	size_t got = 0;

	while (got < n) {
		struct pollfd f = { p->fd, POLLIN, 0 };
		ssize_t r = poll(&f, 1, PATIENCE) > 0 ? read(p->fd, (char *)to + got, n - got) : -1;

		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

static void must_come(struct peer *p, const void *what, size_t n)
{
	char got[64];

	if (some(p, got, n) != n || memcmp(got, what, n))
		die("expected '%.*s', got something else", (int)n, (const char *)what);
}

static uint32_t be32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Frames */

static void frame(struct peer *p, uint32_t cmd, const struct bytes *fixed, const struct bytes *rest)
{
	struct bytes m = { .n = 0 };
	size_t nf = fixed ? fixed->n : 0, nr = rest ? rest->n : 0;

	be(&m, (p->gen == 3 ? 12 : 8) + nf + nr, 4);
	be(&m, cmd, 4);
	if (p->gen == 3)
		be(&m, nf, 4);
	if (nf)
		put(&m, fixed->b, nf);
	if (nr)
		put(&m, rest->b, nr);
	raw(p->fd, m.b, m.n);
}

/* A frame of the server; the length of what follows its 8 bytes. */
static size_t get_frame(struct peer *p, uint32_t *cmd, uint8_t *body)
{
	uint8_t h[8];
	uint32_t size;

	if (some(p, h, 8) != 8)
		die("a frame was expected, but nothing came");
	size = be32(h);
	*cmd = be32(h + 4);
	if (size < 8 || size > 8192 || some(p, body, size - 8) != size - 8)
		die("a frame with size %u came", size);
	return size - 8;
}

/* Greetings */

static void greet(struct peer *p, int gen, const char *ask, size_t nask, const char *reply,
		  size_t nreply, const char *magic)
{
	p->gen = gen;
	must_come(p, "tracecmd", 8);
	if (!ask)
		return;
	raw(p->fd, ask, nask);
	must_come(p, reply, nreply);
	if (!magic)
		return;
	raw(p->fd, magic, 8);
	must_come(p, "OK", 2);
}

static void do_v1(struct peer *p, char **w)
{
	(void)w;
	greet(p, 1, NULL, 0, NULL, 0, NULL);
}

static void do_v2a(struct peer *p, char **w)
{
	(void)w;
	greet(p, 2, "V2\000677768\0000", 12, "V2", 2, NULL);
}

static void do_v2(struct peer *p, char **w)
{
	(void)w;
	greet(p, 2, "-1V2", 5, "V2", 3, "677768\0");
}

static void do_v3(struct peer *p, char **w)
{
	(void)w;
	greet(p, 3, "-1V3", 5, "V3", 3, "766679\0");
}

/* TINIT and its answer */

static void ports_of_texts(struct peer *p, const char *at, const char *end)
{
	for (uint32_t i = 0; i < p->cpus; i++) {
		if (at >= end)
			die("only %u ports came", i);
		p->port[i] = (uint32_t)number(at);
		at += strlen(at) + 1;
	}
}

static void tinit_v1(struct peer *p, const char *page)
{
	char b[4096];
	size_t n = (size_t)snprintf(b, sizeof(b), "%u%c%s%c%s", p->cpus, 0, page, 0,
				    p->tcp ? "1" : "0") +
		   1;

	if (p->tcp) {
		memcpy(b + n, "4\0TCP", 6);
		n += 6;
	}
	raw(p->fd, b, n);
	for (n = 0; n < sizeof(b); n++) {
		if (some(p, b + n, 1) != 1)
			die("no ports came");
		if (!b[n])
			break;
		if (b[n] == ',')
			b[n] = 0;
	}
	ports_of_texts(p, b, b + n);
}

static void tinit_v2(struct peer *p, const char *page)
{
	struct bytes b = { .n = 0 };
	uint8_t body[8192];
	uint32_t cmd;

	be(&b, p->cpus, 4);
	be(&b, number(page), 4);
	be(&b, (uint64_t)p->tcp, 4);
	if (p->tcp) {
		be(&b, 12, 4);
		be(&b, 1, 4);
		be(&b, 0, 4);
	}
	frame(p, 4, &b, NULL);
	if (get_frame(p, &cmd, body) < 4 + 4 * p->cpus || cmd != 5 || be32(body) != p->cpus)
		die("no RINIT came");
	for (uint32_t i = 0; i < p->cpus; i++)
		p->port[i] = be32(body + 4 + 4 * i);
}

static void tinit_v3(struct peer *p, const char *page, const char *features)
{
	struct bytes b = { .n = 0 }, options = { .n = 0 };
	uint8_t body[8193] = { 0 };
	char ext[128];
	uint32_t cmd;
	size_t n;

	be(&b, p->cpus, 4);
	be(&b, number(page), 4);
	be(&b, (uint64_t)p->tcp + !!features, 4);
	if (p->tcp)
		text(&options, "tcp");
	if (features) {
		snprintf(ext, sizeof(ext), "tcx=%llx,%llx,netpeer 1.0",
			 (unsigned long long)number(features), (unsigned long long)p->id);
		text(&options, ext);
	}
	frame(p, TINIT3, &b, &options);
	n = get_frame(p, &cmd, body);
	if (n < 8 || cmd != 2 || be32(body + 4) != p->cpus)
		die("no RINIT came");
	ports_of_texts(p, (char *)body + 8, (char *)body + n);
	for (size_t i = 8; i + 4 < n; i++)
		if (!memcmp(body + i, "tcx=", 4))
			cmd = (uint32_t)strtoul((char *)body + i + 4, NULL, 16);
	p->marks = features && cmd & 4;
	p->seq = features && cmd & 8;
	if (features)
		printf("granted %x\n", cmd);
}

static void tinit(struct peer *p, char **w, const char *features)
{
	p->cpus = (uint32_t)number(w[0]);
	p->tcp = !strcmp(w[2], "tcp");
	if (p->cpus > CPUS)
		die("too many CPUs for netpeer");
	if (p->gen == 3)
		tinit_v3(p, w[1], features);
	else if (p->gen == 2)
		tinit_v2(p, w[1]);
	else
		tinit_v1(p, w[1]);
	for (uint32_t i = 1; i < p->cpus; i++)
		if (p->port[i] <= p->port[i - 1])
			die("ports do not count upward: %u, %u", p->port[i - 1], p->port[i]);
}

static void do_tinit(struct peer *p, char **w)
{
	tinit(p, w, NULL);
}

static void do_tinitx(struct peer *p, char **w)
{
	p->id = number(w[4]);
	tinit(p, w, w[3]);
}

/* Metadata */

static void send_meta(struct peer *p, const uint8_t *from, size_t n)
{
	while (n) {
		struct bytes len = { .n = 0 }, m = { .n = 0 };
		size_t piece = n < 1000 ? n : 1000;

		put(&m, from, piece);
		if (p->gen == 2)
			be(&len, piece, 4);
		if (p->gen == 1)
			raw(p->fd, from, piece);
		else
			frame(p, p->gen == 3 ? SEND3 : 6, &len, &m);
		from += piece;
		n -= piece;
	}
	if (p->gen > 1)
		frame(p, p->gen == 3 ? FIN3 : 7, NULL, NULL);
}

static void do_meta(struct peer *p, char **w)
{
	struct bytes b = { .n = 0 };

	put_head(&b);
	if (p->gen == 3) {
		le(&b, number(w[0]), 4);
		put(&b, "options  ", 10);
		option(&b, 4, "[local] global\n", 16);
		option(&b, 9, "netpeer 3.9", 12);
		le(&b, 0, 2);
	}
	send_meta(p, b.b, b.n);
}

static void do_shortmeta(struct peer *p, char **w)
{
	struct bytes b = { .n = 0 };

	(void)w;
	put_head(&b);
	send_meta(p, b.b, b.n - 8 - strlen("1 ticker\n"));
}

static void do_metafile(struct peer *p, char **w)
{
	static uint8_t b[64 << 20];
	FILE *f = fopen(w[0], "r");

	if (!f)
		die("cannot open %s", w[0]);
	send_meta(p, b, fread(b, 1, sizeof(b), f));
	fclose(f);
}

/* Data */

static int channel(struct peer *p, uint32_t cpu)
{
	struct sockaddr_in to = p->to;

	if (cpu >= p->cpus)
		die("no such CPU");
	to.sin_port = htons((uint16_t)p->port[cpu]);
	if (p->chan[cpu] < 0)
		p->chan[cpu] = dial(&to, &p->from, p->tcp ? SOCK_STREAM : SOCK_DGRAM);
	if (p->chan[cpu] < 0)
		die("cannot reach port %u: %s", p->port[cpu], strerror(errno));
	return p->chan[cpu];
}

/* The next page of @cpu: @b and, with numbers, its place behind it. */
static void next_page(struct peer *p, uint32_t cpu, struct bytes *b)
{
	b->n = 0;
	memset(b->b, 0, PAGE);
	make_page(&p->n[cpu], b);
	if (p->seq)
		be(b, p->made[cpu], 8);
	p->made[cpu] += PAGE;
}

static void do_data(struct peer *p, char **w)
{
	uint32_t cpu = (uint32_t)number(w[0]);
	int fd = channel(p, cpu);
	struct bytes b = { .n = 0 };

	if (p->marks && !p->made[cpu]) {
		put(&b, "\xff\x00trace-mark\x00\x01\x00\xff", 16);
		be(&b, p->id, 8);
		be(&b, 1, 4);
		be(&b, cpu, 4);
		raw(fd, b.b, PAGE);
	}
	for (uint64_t i = number(w[1]); i; i--) {
		next_page(p, cpu, &b);
		raw(fd, b.b, b.n);
	}
}

static void do_lose(struct peer *p, char **w)
{
	struct bytes b;

	for (uint64_t i = number(w[1]); i; i--)
		next_page(p, (uint32_t)number(w[0]), &b);
}

static void do_swap(struct peer *p, char **w)
{
	uint32_t cpu = (uint32_t)number(w[0]);
	static struct bytes a, b;

	next_page(p, cpu, &a);
	next_page(p, cpu, &b);
	raw(channel(p, cpu), b.b, b.n);
	raw(channel(p, cpu), a.b, a.n);
}

static void do_twice(struct peer *p, char **w)
{
	uint32_t cpu = (uint32_t)number(w[0]);
	struct bytes b;

	next_page(p, cpu, &b);
	raw(channel(p, cpu), b.b, b.n);
	raw(channel(p, cpu), b.b, b.n);
}

static void do_odd(struct peer *p, char **w)
{
	static const uint8_t b[65536];

	raw(channel(p, (uint32_t)number(w[0])), b, number(w[1]) % sizeof(b));
}

static void do_connect(struct peer *p, char **w)
{
	channel(p, (uint32_t)number(w[0]));
}

static void do_from(struct peer *p, char **w)
{
	p->from.sin_family = AF_INET;
	inet_pton(AF_INET, w[0], &p->from.sin_addr);
}

/* The end */

static void close_data(struct peer *p)
{
	for (int i = 0; i < CPUS; i++) {
		if (p->chan[i] >= 0)
			close(p->chan[i]);
		p->chan[i] = -1;
	}
}

static void do_close(struct peer *p, char **w)
{
	(void)w;
	close_data(p);
	frame(p, p->gen == 3 ? 0 : 1, NULL, NULL);
}

static void do_closex(struct peer *p, char **w)
{
	struct bytes b = { .n = 0 };

	(void)w;
	close_data(p);
	be(&b, p->cpus, 4);
	for (uint32_t i = 0; i < p->cpus; i++) {
		be(&b, p->made[i], 8);
		be(&b, p->n[i], 8);
		be(&b, 0, 8);
		be(&b, 0, 4);
	}
	frame(p, 0, NULL, &b);
}

static void do_expect(struct peer *p, char **w)
{
	static const char *const names[] = { "CLOSE", "TINIT",	  "RINIT",
					     "SEND",  "FIN_DATA", "NOT_SUPP" };
	uint8_t body[8192];
	uint32_t cmd;

	get_frame(p, &cmd, body);
	if (!strcmp(w[0], "REFUSED") ? cmd != (p->gen == 3 ? 5 : 0)
				     : cmd > 5 || strcmp(names[cmd], w[0]))
		die("expected %s, got command %u", w[0], cmd);
}

static void do_end(struct peer *p, char **w)
{
	(void)w;
	close(p->fd);
	p->fd = -1;
}

static void do_eof(struct peer *p, char **w)
{
	char c[4096];
	ssize_t n;

	(void)w;
	do {
		struct pollfd f = { p->fd, POLLIN, 0 };

		n = poll(&f, 1, PATIENCE) > 0 ? read(p->fd, c, sizeof(c)) : -1;
		if (n < 0 && errno == ECONNRESET)
			n = 0;
	} while (n > 0);
	if (n < 0)
		die("the server did not close the connection");
}

static void do_silence(struct peer *p, char **w)
{
	struct pollfd f = { p->fd, POLLIN, 0 };

	if (poll(&f, 1, (int)number(w[0])))
		die("something came, where silence was expected");
}

/* Bad ones */

static void send_hex(struct peer *p, const char *hex, int ms)
{
	for (; hex[0] && hex[1]; hex += 2) {
		char two[3] = { hex[0], hex[1], 0 };
		uint8_t c = (uint8_t)strtoul(two, NULL, 16);

		if (send(p->fd, &c, 1, MSG_NOSIGNAL) != 1)
			return; /* closed in the middle: that is told by eof */
		if (ms)
			nap(ms);
	}
}

static void do_hex(struct peer *p, char **w)
{
	send_hex(p, w[0], 0);
}

static void do_slow(struct peer *p, char **w)
{
	send_hex(p, w[1], (int)number(w[0]));
}

static void do_text(struct peer *p, char **w)
{
	for (uint64_t i = number(w[0]); i; i--)
		if (send(p->fd, "7", 1, MSG_NOSIGNAL) != 1)
			return;
}

static void do_flood(struct peer *p, char **w)
{
	struct bytes b = { .n = 8180 };

	memset(b.b, 0, b.n);
	for (uint64_t i = number(w[0]); i; i--) {
		struct pollfd f = { p->fd, POLLIN, 0 };

		if (poll(&f, 1, 0) > 0)
			return; /* it answers, or closed: that is enough */
		frame(p, SEND3, NULL, &b);
	}
}

static void do_conns(struct peer *p, char **w)
{
	static int fds[1000];
	uint64_t n = number(w[0]) % 1000, open_ones = 0;
	char c[8];

	for (uint64_t i = 0; i < n; i++)
		fds[i] = dial(&p->to, NULL, SOCK_STREAM);
	nap(300);
	for (uint64_t i = 0; i < n; i++)
		open_ones += fds[i] >= 0 && recv(fds[i], c, 8, MSG_DONTWAIT) == 8 &&
			     recv(fds[i], c, 8, MSG_DONTWAIT) < 0;
	printf("open %llu\n", (unsigned long long)open_ones);
}

static void do_sleep(struct peer *p, char **w)
{
	(void)p;
	nap((int)number(w[0]));
}

static void do_say(struct peer *p, char **w)
{
	(void)p;
	puts(w[0]);
	fflush(stdout);
}

static void do_hold(struct peer *p, char **w)
{
	(void)p, (void)w;
	while (getchar() != EOF)
		;
}

/* The script */

static const struct word {
	const char *name;
	int args;
	void (*run)(struct peer *p, char **w);
} words[] = {
	{ "v1", 0, do_v1 },
	{ "v2a", 0, do_v2a },
	{ "v2", 0, do_v2 },
	{ "v3", 0, do_v3 },
	{ "tinit", 3, do_tinit },
	{ "tinitx", 5, do_tinitx },
	{ "meta", 1, do_meta },
	{ "shortmeta", 0, do_shortmeta },
	{ "metafile", 1, do_metafile },
	{ "data", 2, do_data },
	{ "lose", 2, do_lose },
	{ "swap", 1, do_swap },
	{ "twice", 1, do_twice },
	{ "odd", 2, do_odd },
	{ "connect", 1, do_connect },
	{ "from", 1, do_from },
	{ "close", 0, do_close },
	{ "closex", 0, do_closex },
	{ "expect", 1, do_expect },
	{ "end", 0, do_end },
	{ "eof", 0, do_eof },
	{ "silence", 1, do_silence },
	{ "hex", 1, do_hex },
	{ "slow", 2, do_slow },
	{ "text", 1, do_text },
	{ "flood", 1, do_flood },
	{ "conns", 1, do_conns },
	{ "sleep", 1, do_sleep },
	{ "say", 1, do_say },
	{ "hold", 0, do_hold },
};

static int run_word(struct peer *p, char **argv, int left)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].name, argv[0]))
			continue;
		if (words[i].args >= left)
			die("'%s' needs %d words", argv[0], words[i].args);
		words[i].run(p, argv + 1);
		return 1 + words[i].args;
	}
	die("no word '%s'", argv[0]);
	return 0;
}

int main(int argc, char **argv)
{
	static struct peer p = { .to.sin_family = AF_INET };
	char *colon = argc > 1 ? strchr(argv[1], ':') : NULL;

	if (!colon)
		die("usage: netpeer HOST:PORT WORD...");
	signal(SIGPIPE, SIG_IGN);
	*colon = '\0';
	inet_pton(AF_INET, argv[1], &p.to.sin_addr);
	p.to.sin_port = htons((uint16_t)number(colon + 1));
	for (int i = 0; i < CPUS; i++)
		p.chan[i] = -1;
	p.fd = dial(&p.to, NULL, SOCK_STREAM);
	if (p.fd < 0)
		die("cannot connect: %s", strerror(errno));
	for (int i = 2; i < argc;)
		i += run_word(&p, argv + i, argc - i);
	return 0;
}
