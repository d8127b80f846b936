// SPDX-License-Identifier: GPL-2.0
/*
 * agent_guest.c - an agent as a script: for tests of record -A, good agents and bad ones
 *
 *	agent_guest WORD...	says "port N", then does what the words say; serves one host
 *
 * It knows the wire format by itself and shares no code with what it tests; its trace is tick.h's.
 *
 *	req			TRACE_REQ must come; says what is in it
 *	resp CPUS PROTO		TRACE_RESP, with a port for each CPU, and one for time sync with
 *				PROTO; "-" = none
 *	skew CPUS		the same of an agent of ours, of another version
 *	refuse TEXT		NOT_SUPP with this reason
 *	hex HEX			send these bytes
 *	head			SEND_DATA .. FIN_DATA
 *	half			half of the metadata, and no end
 *	data			the host must connect to each data port
 *	pages N			N pages of 100 events each, on each data port
 *	part			half a page
 *	ends			close the data connections
 *	sync			the host must connect to the port of time sync
 *	synchex HEX		send these bytes there
 *	ask			a question of the host's must come there
 *	syncgone		close it
 *	close			CLOSE must come
 *	closed			CLOSE_RESP
 *	say TEXT		on stdout
 *	sleep MS
 *	eof			the host must close
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/cli/tick.h"

enum { CPUS = 8, FRAME = 8192, PATIENCE_S = 60 };

struct agent {
	int fd, sync, sync_listener;
	uint32_t cpus;
	int listener[CPUS], data[CPUS];
	uint64_t n[CPUS];
	uint8_t in[FRAME];
};

static int listen_any(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) || listen(fd, 4) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		die("cannot listen: %s", strerror(errno));
	*port = ntohs(a.sin_port);
	return fd;
}

static void wait_in(int fd, const char *what)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, PATIENCE_S * 1000) != 1)
		die("%s did not come", what);
}

static int accept_on(int listener, const char *what)
{
	int fd;

	wait_in(listener, what);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		die("%s: %s", what, strerror(errno));
	return fd;
}

static void send_all(int fd, const void *from, size_t n)
{
	if (send(fd, from, n, MSG_NOSIGNAL) != (ssize_t)n)
		die("cannot send: %s", strerror(errno));
}

static void frame(struct agent *a, uint32_t cmd, const struct bytes *fixed,
		  const struct bytes *rest)
{
	static struct bytes m;
	size_t nfixed = fixed ? fixed->n : 0, nrest = rest ? rest->n : 0;

	m.n = 0;
	be(&m, 12 + nfixed + nrest, 4);
	be(&m, cmd, 4);
	be(&m, nfixed, 4);
	if (fixed)
		put(&m, fixed->b, nfixed);
	if (rest)
		put(&m, rest->b, nrest);
	send_all(a->fd, m.b, m.n);
}

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void read_n(int fd, uint8_t *to, size_t n)
{
	while (n) {
		ssize_t got;

		wait_in(fd, "a frame");
		got = read(fd, to, n);
		if (got <= 0)
			die("%s", got ? strerror(errno) : "the host has closed");
		to += got;
		n -= (size_t)got;
	}
}

/* A frame of @cmd must come on @fd; its length. */
static uint32_t expect(struct agent *a, int fd, uint32_t cmd)
{
	uint32_t n;

	read_n(fd, a->in, 12);
	n = be32(a->in);
	if (n < 12 || n > FRAME)
		die("a frame of %u bytes", n);
	read_n(fd, a->in + 12, n - 12);
	if (be32(a->in + 4) != cmd)
		die("command %u instead of %u", be32(a->in + 4), cmd);
	return n;
}

/* The words */

static void do_req(struct agent *a, char **w)
{
	uint32_t n = expect(a, a->fd, 6), at = 28;

	(void)w;
	printf("asked:");
	while (at + 8 <= n) {
		uint32_t id = be32(a->in + at), len = be32(a->in + at + 4), i = id ? 0 : 4;

		printf(" %s", id ? "offers" : "record");
		for (at += 8; i < len; i++)
			putchar(a->in[at + i] ? a->in[at + i] : ' ');
		at += len;
	}
	putchar('\n');
}

static void send_resp(struct agent *a, uint32_t cpus, const char *proto, const char *more)
{
	static struct bytes fixed, ports;
	char name[17] = "", port_text[16];
	int port = 0;

	a->cpus = cpus > CPUS ? 0 : cpus;
	if (strcmp(proto, "-")) {
		snprintf(name, sizeof(name), "%s", proto);
		a->sync_listener = listen_any(&port);
	}
	fixed.n = ports.n = 0;
	be(&fixed, 0, 4);
	be(&fixed, cpus, 4);
	be(&fixed, PAGE, 4);
	be(&fixed, 0x5151, 8);
	put(&fixed, name, 16);
	be(&fixed, (uint64_t)port, 4);
	for (uint32_t i = 0; i < a->cpus; i++) {
		a->listener[i] = listen_any(&port);
		snprintf(port_text, sizeof(port_text), "%d", port);
		text(&ports, port_text);
	}
	if (more)
		text(&ports, more);
	frame(a, 7, &fixed, &ports);
}

static void do_resp(struct agent *a, char **w)
{
	send_resp(a, (uint32_t)number(w[0]), w[1], NULL);
}

static void do_skew(struct agent *a, char **w)
{
	send_resp(a, (uint32_t)number(w[0]), "-", "tcx=0,0,trace-cmd 0.0.1");
}

static void do_refuse(struct agent *a, char **w)
{
	static struct bytes reason;

	reason.n = 0;
	put(&reason, "why:", 4);
	text(&reason, w[0]);
	frame(a, 5, NULL, &reason);
}

static void send_hex(int fd, const char *hex)
{
	struct bytes m = { .n = 0 };
	unsigned int v;

	for (; sscanf(hex, "%2x", &v) == 1; hex += 2)
		be(&m, v, 1);
	send_all(fd, m.b, m.n);
}

static void do_hex(struct agent *a, char **w)
{
	send_hex(a->fd, w[0]);
}

static void do_synchex(struct agent *a, char **w)
{
	send_hex(a->sync, w[0]);
}

static void send_meta(struct agent *a, int half)
{
	static const char id[] = "\x51\x51\0\0\0\0\0"; /* that of TRACE_RESP */
	static struct bytes b;

	b.n = 0;
	put_head(&b);
	le(&b, a->cpus, 4);
	put(&b, "options  ", 10);
	option(&b, 4, "local global [mono]\n", 21);
	option(&b, 11, id, sizeof(id));
	le(&b, 0, 2);
	if (half)
		b.n /= 2;
	frame(a, 3, NULL, &b);
	if (!half)
		frame(a, 4, NULL, NULL);
}

static void do_head(struct agent *a, char **w)
{
	(void)w;
	send_meta(a, 0);
}

static void do_half(struct agent *a, char **w)
{
	(void)w;
	send_meta(a, 1);
}

static void do_data(struct agent *a, char **w)
{
	(void)w;
	for (uint32_t i = 0; i < a->cpus; i++)
		a->data[i] = accept_on(a->listener[i], "a data connection");
}

static void do_pages(struct agent *a, char **w)
{
	static struct bytes b;

	for (uint64_t left = number(w[0]); left; left--)
		for (uint32_t i = 0; i < a->cpus; i++) {
			memset(&b, 0, sizeof(b));
			make_page(&a->n[i], &b);
			send_all(a->data[i], b.b, b.n);
		}
}

static void do_part(struct agent *a, char **w)
{
	static struct bytes b;

	(void)w;
	for (uint32_t i = 0; i < a->cpus; i++) {
		memset(&b, 0, sizeof(b));
		make_page(&a->n[i], &b);
		send_all(a->data[i], b.b, b.n / 2);
	}
}

static void do_ends(struct agent *a, char **w)
{
	(void)w;
	for (uint32_t i = 0; i < a->cpus; i++)
		close(a->data[i]);
}

static void do_sync(struct agent *a, char **w)
{
	(void)w;
	a->sync = accept_on(a->sync_listener, "time sync");
}

static void do_ask(struct agent *a, char **w)
{
	(void)w;
	expect(a, a->sync, 9);
}

static void do_syncgone(struct agent *a, char **w)
{
	(void)w;
	close(a->sync);
}

static void do_close(struct agent *a, char **w)
{
	(void)w;
	expect(a, a->fd, 0);
}

static void do_closed(struct agent *a, char **w)
{
	(void)w;
	frame(a, 8, NULL, NULL);
}

static void do_say(struct agent *a, char **w)
{
	(void)a;
	puts(w[0]);
}

static void do_sleep(struct agent *a, char **w)
{
	(void)a;
	nap((int)number(w[0]));
}

static void do_eof(struct agent *a, char **w)
{
	ssize_t n;

	(void)w;
	do {
		wait_in(a->fd, "the end");
		n = read(a->fd, a->in, sizeof(a->in));
	} while (n > 0);
}

static const struct {
	const char *name;
	int args;
	void (*run)(struct agent *a, char **w);
} words[] = {
	{ "req", 0, do_req },	      { "resp", 2, do_resp },	  { "skew", 1, do_skew },
	{ "refuse", 1, do_refuse },   { "hex", 1, do_hex },	  { "head", 0, do_head },
	{ "half", 0, do_half },	      { "data", 0, do_data },	  { "pages", 1, do_pages },
	{ "part", 0, do_part },	      { "ends", 0, do_ends },	  { "sync", 0, do_sync },
	{ "synchex", 1, do_synchex }, { "ask", 0, do_ask },	  { "syncgone", 0, do_syncgone },
	{ "close", 0, do_close },     { "closed", 0, do_closed }, { "say", 1, do_say },
	{ "sleep", 1, do_sleep },     { "eof", 0, do_eof },
};

/* Do the word at @w; how many it has taken. */
static int do_word(struct agent *a, char **w, int left)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(*w, words[i].name)) {
			if (words[i].args >= left)
				die("%s: an argument is missing", *w);
			words[i].run(a, w + 1);
			return 1 + words[i].args;
		}
	die("no word: %s", *w);
	return 0;
}

int main(int argc, char **argv)
{
	static struct agent a;
	int port, listener = listen_any(&port);

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("port %d\n", port);
	a.fd = accept_on(listener, "a host");
	for (int i = 1; i < argc;)
		i += do_word(&a, argv + i, argc - i);
	return 0;
}
