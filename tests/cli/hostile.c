// SPDX-License-Identifier: GPL-2.0
/*
 * hostile.c - a guest as a script: for tests of virt-server, good guests and bad ones
 *
 *	hostile SOCKET WORD...		connects to SOCKET, then does what the words say, in order
 *
 * It knows the wire format by itself and shares no code with what it tests. Times are in
 * milliseconds. The trace is made up: see tick.h.
 *
 *	hex HEX			send these bytes
 *	slow MS HEX		send them, a byte each MS
 *	tconnect
 *	tinit CPUS PAGE
 *	tinitx CPUS PAGE FEATURES ID
 *	meta CPUS		a head up to cmdlines, FINMETA
 *	metax CPUS		the same with options
 *	metab CPUS		as metax, with a buffer "inst"
 *	flood N			N full SENDMETA
 *	finmeta
 *	tail			SENDMETA with one more option, FINMETA
 *	close			CLOSE
 *	closex			CLOSE with the totals of what was sent
 *	more CPU BYTES		claim more in closex than was sent
 *	expect NAME[:TEXT]	that message must come within 8 s, an ERROR with TEXT in its reason
 *	eof			the server must close
 *	silence MS		nothing must come
 *	data DIR CPU PAGES	pages into the channel of CPU, with tinitx behind a mark
 *	half DIR CPU		half a page
 *	junk DIR CPU BYTES
 *	buffer DIR CPU NR	a mark: pages of buffer NR follow
 *	conns N			open N more connections to SOCKET, and say how many stay open
 *	sleep MS
 *	say TEXT
 *	-name NAME		nothing; virt-server reads a guest's name here, as of a QEMU
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tick.h"

enum { CPUS = 256, PATIENCE = 8000 };

struct guest {
	const char *path;
	int fd;
	int chan[CPUS]; /* -1 = not open */
	uint64_t sent[CPUS], n[CPUS], more[CPUS];
	int marked[CPUS];
	uint32_t cpus, features;
	uint64_t id;
};

/* Wire */

static int open_unix(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static void raw(struct guest *g, const void *from, size_t n)
{
	if (send(g->fd, from, n, MSG_NOSIGNAL) != (ssize_t)n)
		die("the server took no more: %s", strerror(errno));
}

static void frame(struct guest *g, uint32_t cmd, const struct bytes *body)
{
	struct bytes m = { .n = 0 };

	be(&m, 8 + (body ? body->n : 0), 4);
	be(&m, cmd, 4);
	if (body)
		put(&m, body->b, body->n);
	raw(g, m.b, m.n);
}

static size_t read_exactly(struct guest *g, uint8_t *to, size_t n)
{
	size_t got = 0;

	while (got < n) {
		struct pollfd p = { g->fd, POLLIN, 0 };
		ssize_t r = poll(&p, 1, PATIENCE) > 0 ? read(g->fd, to + got, n - got) : -1;

		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

static uint32_t be32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void expect(struct guest *g, const char *what)
{
	static const char *const names[] = { "ERROR", "CLOSE", "TCONNECT", "RCONNECT",
					     "TINIT", "RINIT", "SENDMETA", "FINMETA" };
	const char *colon = strchr(what, ':');
	size_t len = colon ? (size_t)(colon - what) : strlen(what);
	uint8_t b[8193] = { 0 };
	size_t got = read_exactly(g, b, 8);
	uint32_t size = be32(b), cmd = be32(b + 4);

	if (got < 8)
		die("expected %s, but only %zu bytes came", what, got);
	if (size < 8 || size > 8192 || cmd > 7 || read_exactly(g, b + 8, size - 8) < size - 8)
		die("expected %s, got a frame of size %u, command %u", what, size, cmd);
	if (strlen(names[cmd]) != len || strncmp(what, names[cmd], len))
		die("expected %s, got %s %s", what, names[cmd],
		    cmd || size < 20 ? "" : (char *)b + 20);
	if (cmd == 0)
		printf("ERROR %u %u %s\n", be32(b + 8), be32(b + 12),
		       size > 20 ? (char *)b + 20 : "");
	if (colon && (size <= 20 || !strstr((char *)b + 20, colon + 1)))
		die("expected '%s' in the reason, got '%s'", colon + 1,
		    size > 20 ? (char *)b + 20 : "");
}

static void send_hex(struct guest *g, const char *hex, int ms)
{
	for (; hex[0] && hex[1]; hex += 2) {
		char two[3] = { hex[0], hex[1], 0 };
		uint8_t c = (uint8_t)strtoul(two, NULL, 16);

		raw(g, &c, 1);
		if (ms)
			nap(ms);
	}
}

static void tinit(struct guest *g, char **w, int ext)
{
	struct bytes b = { .n = 0 };
	const char *peer = "hostile 1.0 test";

	g->cpus = (uint32_t)number(w[0]);
	g->features = ext ? (uint32_t)number(w[2]) : 0;
	g->id = ext ? number(w[3]) : 0;
	for (int i = 0; i < CPUS; i++)
		g->sent[i] = g->n[i] = g->more[i] = (uint64_t)(g->marked[i] = 0);
	be(&b, g->cpus, 4);
	be(&b, number(w[1]), 4);
	be(&b, (uint64_t)ext, 4);
	if (ext) {
		be(&b, 20 + strlen(peer) + 1, 4);
		be(&b, 0x74637801, 4);
		be(&b, g->features, 4);
		be(&b, g->id, 8);
		text(&b, peer);
	}
	frame(g, 4, &b);
}

/* Metadata */

static void send_meta(struct guest *g, const uint8_t *from, size_t n)
{
	while (n) {
		struct bytes m = { .n = 0 };
		size_t piece = n < 1000 ? n : 1000;

		be(&m, piece, 4);
		put(&m, from, piece);
		frame(g, 6, &m);
		from += piece;
		n -= piece;
	}
	frame(g, 7, NULL);
}

static void meta(struct guest *g, uint32_t cpus, int options, int buffer)
{
	struct bytes b = { .n = 0 };

	put_head(&b);
	if (options) {
		le(&b, cpus, 4);
		put(&b, "options  ", 10);
		option(&b, 4, "[local] global\n", 16);
		option(&b, 5, "Linux test 1 x86_64", 20);
		if (buffer)
			option(&b, 3, "\0\0\0\0\0\0\0\0inst", 13);
		le(&b, 0, 2);
	}
	send_meta(g, b.b, b.n);
}

static void flood(struct guest *g, uint64_t n)
{
	struct bytes b = { .n = 0 };

	be(&b, 8180, 4);
	b.n += 8180;
	while (n--) {
		struct pollfd p = { g->fd, POLLIN, 0 };

		if (poll(&p, 1, 0) > 0)
			return; /* it answers: that is enough */
		frame(g, 6, &b);
	}
}

static void send_close(struct guest *g, int totals)
{
	struct bytes b = { .n = 0 };

	be(&b, g->cpus, 4);
	for (uint32_t i = 0; i < g->cpus && totals; i++) {
		be(&b, g->sent[i] + g->more[i], 8);
		be(&b, g->n[i], 8);
		be(&b, 0, 8);
		be(&b, 0, 4);
	}
	frame(g, 1, totals ? &b : NULL);
}

/* Data */

static int channel(struct guest *g, const char *dir, uint32_t cpu)
{
	char path[4096];
	struct stat st;

	if (cpu >= CPUS)
		die("no such CPU");
	if (g->chan[cpu] >= 0)
		return g->chan[cpu];
	snprintf(path, sizeof(path), "%s/trace-path-cpu%u", dir, cpu);
	if (!stat(path, &st) && S_ISSOCK(st.st_mode)) {
		g->chan[cpu] = open_unix(path);
	} else {
		snprintf(path, sizeof(path), "%s/trace-path-cpu%u.out", dir, cpu);
		g->chan[cpu] = open(path, O_RDWR | O_CLOEXEC); /* as QEMU: never without a reader */
	}
	if (g->chan[cpu] < 0)
		die("cannot open %s: %s", path, strerror(errno));
	return g->chan[cpu];
}

static void send_data(int fd, const uint8_t *from, size_t n)
{
	while (n) {
		ssize_t r = write(fd, from, n);

		if (r < 0)
			die("cannot write trace data: %s", strerror(errno));
		from += r;
		n -= (size_t)r;
	}
}

static void mark(struct guest *g, const char *dir, uint32_t cpu, uint32_t kind, uint32_t buffer)
{
	struct bytes b = { .n = 0 };

	put(&b, "\xff\x00trace-mark\x00\x01\x00\xff", 16);
	be(&b, g->id, 8);
	be(&b, kind, 4);
	be(&b, cpu, 4);
	be(&b, buffer, 4);
	b.n = PAGE;
	send_data(channel(g, dir, cpu), b.b, PAGE);
	if (kind == 2)
		g->sent[cpu] += PAGE;
}

static void data(struct guest *g, const char *dir, uint32_t cpu, uint64_t pages)
{
	int fd = channel(g, dir, cpu);

	if (g->features & 4 && !g->marked[cpu]++)
		mark(g, dir, cpu, 1, 0);
	while (pages--) {
		struct bytes b = { .n = 0 };

		make_page(&g->n[cpu], &b);
		send_data(fd, b.b, PAGE);
		g->sent[cpu] += PAGE;
	}
}

static void half(struct guest *g, const char *dir, uint32_t cpu)
{
	struct bytes b = { .n = 0 };
	uint64_t n = g->n[cpu];

	make_page(&n, &b);
	send_data(channel(g, dir, cpu), b.b, PAGE / 2);
}

static void junk(struct guest *g, const char *dir, uint32_t cpu, uint64_t n)
{
	uint8_t b[1000];

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 7 + 3);
	for (; n; n -= n < sizeof(b) ? n : sizeof(b))
		send_data(channel(g, dir, cpu), b, n < sizeof(b) ? n : sizeof(b));
}

/* Many connections */

static void conns(const struct guest *g, uint64_t n)
{
	static int fds[5000];
	uint64_t open_ones = 0;

	for (uint64_t i = 0; i < n && i < 5000; i++)
		fds[i] = open_unix(g->path);
	nap(500);
	for (uint64_t i = 0; i < n && i < 5000; i++) {
		struct pollfd p = { fds[i], POLLIN, 0 };

		open_ones += fds[i] >= 0 && poll(&p, 1, 0) == 0;
	}
	printf("open %llu\n", (unsigned long long)open_ones);
}

/* The script */

static void do_hex(struct guest *g, char **w)
{
	send_hex(g, w[0], 0);
}

static void do_slow(struct guest *g, char **w)
{
	send_hex(g, w[1], (int)number(w[0]));
}

static void do_tconnect(struct guest *g, char **w)
{
	(void)w;
	frame(g, 2, NULL);
}

static void do_tinit(struct guest *g, char **w)
{
	tinit(g, w, 0);
}

static void do_tinitx(struct guest *g, char **w)
{
	tinit(g, w, 1);
}

static void do_meta(struct guest *g, char **w)
{
	meta(g, (uint32_t)number(w[0]), 0, 0);
}

static void do_metax(struct guest *g, char **w)
{
	meta(g, (uint32_t)number(w[0]), 1, 0);
}

static void do_metab(struct guest *g, char **w)
{
	meta(g, (uint32_t)number(w[0]), 1, 1);
}

static void do_flood(struct guest *g, char **w)
{
	flood(g, number(w[0]));
}

static void do_finmeta(struct guest *g, char **w)
{
	(void)w;
	frame(g, 7, NULL);
}

static void do_tail(struct guest *g, char **w)
{
	struct bytes b = { .n = 0 };

	(void)w;
	option(&b, 2, "CPU: 0\nentries: 0\n", 19);
	send_meta(g, b.b, b.n);
}

static void do_close(struct guest *g, char **w)
{
	(void)w;
	send_close(g, 0);
}

static void do_closex(struct guest *g, char **w)
{
	(void)w;
	send_close(g, 1);
}

static void do_more(struct guest *g, char **w)
{
	g->more[number(w[0]) % CPUS] = number(w[1]);
}

static void do_expect(struct guest *g, char **w)
{
	expect(g, w[0]);
}

static void do_eof(struct guest *g, char **w)
{
	uint8_t c[4096];
	ssize_t n;

	(void)w;
	do {
		struct pollfd p = { g->fd, POLLIN, 0 };

		n = poll(&p, 1, PATIENCE) > 0 ? read(g->fd, c, sizeof(c)) : -1;
		if (n < 0 && errno == ECONNRESET)
			n = 0;
	} while (n > 0);
	if (n < 0)
		die("the server did not close the connection");
}

static void do_silence(struct guest *g, char **w)
{
	struct pollfd p = { g->fd, POLLIN, 0 };

	if (poll(&p, 1, (int)number(w[0])))
		die("something came, where silence was expected");
}

static void do_data(struct guest *g, char **w)
{
	data(g, w[0], (uint32_t)number(w[1]), number(w[2]));
}

static void do_half(struct guest *g, char **w)
{
	half(g, w[0], (uint32_t)number(w[1]));
}

static void do_junk(struct guest *g, char **w)
{
	junk(g, w[0], (uint32_t)number(w[1]), number(w[2]));
}

static void do_buffer(struct guest *g, char **w)
{
	mark(g, w[0], (uint32_t)number(w[1]), 2, (uint32_t)number(w[2]));
}

static void do_conns(struct guest *g, char **w)
{
	conns(g, number(w[0]));
}

static void do_sleep(struct guest *g, char **w)
{
	(void)g;
	nap((int)number(w[0]));
}

static void do_say(struct guest *g, char **w)
{
	(void)g;
	puts(w[0]);
	fflush(stdout);
}

/* For the server, which reads the name of a guest in the command line of its QEMU. */
static void do_name(struct guest *g, char **argv)
{
	(void)g, (void)argv;
}

static const struct word {
	const char *name;
	int args;
	void (*run)(struct guest *g, char **w);
} words[] = {
	{ "hex", 1, do_hex },	      { "slow", 2, do_slow },	  { "tconnect", 0, do_tconnect },
	{ "tinit", 2, do_tinit },     { "tinitx", 4, do_tinitx }, { "meta", 1, do_meta },
	{ "metax", 1, do_metax },     { "metab", 1, do_metab },	  { "flood", 1, do_flood },
	{ "tail", 0, do_tail },	      { "close", 0, do_close },	  { "closex", 0, do_closex },
	{ "more", 2, do_more },	      { "expect", 1, do_expect }, { "eof", 0, do_eof },
	{ "data", 3, do_data },	      { "half", 2, do_half },	  { "junk", 3, do_junk },
	{ "buffer", 3, do_buffer },   { "conns", 1, do_conns },	  { "sleep", 1, do_sleep },
	{ "say", 1, do_say },	      { "-name", 1, do_name },	  { "silence", 1, do_silence },
	{ "finmeta", 0, do_finmeta },
};

static int run_word(struct guest *g, char **argv, int left)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].name, argv[0]))
			continue;
		if (words[i].args >= left)
			die("'%s' needs %d words", argv[0], words[i].args);
		words[i].run(g, argv + 1);
		return 1 + words[i].args;
	}
	die("no word '%s'", argv[0]);
	return 0;
}

int main(int argc, char **argv)
{
	static struct guest g;
	struct rlimit rl;

	if (argc < 2)
		die("usage: hostile SOCKET WORD...");
	signal(SIGPIPE, SIG_IGN);
	if (!getrlimit(RLIMIT_NOFILE, &rl)) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	for (int i = 0; i < CPUS; i++)
		g.chan[i] = -1;
	g.path = argv[1];
	g.fd = open_unix(g.path);
	if (g.fd < 0)
		die("cannot connect to %s: %s", g.path, strerror(errno));
	for (int i = 2; i < argc;)
		i += run_word(&g, argv + i, argc - i);
	return 0;
}
