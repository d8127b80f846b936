// SPDX-License-Identifier: GPL-2.0
/*
 * agent_host.c - a host as a script: for tests of agent, good hosts and bad ones
 *
 *	agent_host ADDRESS PORT WORD...	connects, then does what the words say, in order
 *	agent_host DIR GUEST WORD...	the same over the channels of a guest that virt-server in
 *					DIR lends (DIR begins with a slash)
 *
 * It knows the wire format by itself and shares no code with what it tests.
 *
 *	hex HEX			send these bytes
 *	req ARG... --		TRACE_REQ with the arguments for record, "probe", and our extension
 *	old ARG... --		the same as a released host sends it: no extension, "ptp"
 *	plain ARG... --		and without time sync
 *	resp			TRACE_RESP must come; says what is in it
 *	refused TEXT		NOT_SUPP with TEXT in its reason must come
 *	second TEXT		so must it, and the end, on a second connection
 *	head			SEND_DATA .. FIN_DATA; says how many bytes
 *	data			connect to the data port of each CPU, read from now on, and say so
 *	probe N CPU		N probes of that CPU: each answer is of the clock "mono", and of now
 *	wish			the next probes want that CLOSE be answered as they are
 *	close			CLOSE
 *	told			the answer to CLOSE must come: of the clock "mono", and of now
 *	closed			CLOSE_RESP must come, and the ends of the data; says how many bytes
 *	write FILE		a trace.dat of what came (without extension)
 *	marks			each stream must begin with a mark page of ours (with extension)
 *	eof			the agent must close
 *	gone			close without a word
 *	sleep MS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CPUS = 256, FRAME = 8192, PATIENCE_S = 30, LEASED_MAX = 252, HELLO = 0x74637802 };
#define STREAM_ID 0x1122334455667788ULL

struct bytes {
	uint8_t *b;
	size_t n;
};

struct stream {
	int fd;
	struct bytes got;
	_Atomic uint64_t want; /* leased channels have no end: bytes, UINT64_MAX = not known */
	int leased;
	pthread_t thread;
};

struct host {
	const char *address;
	int port, fd, leased;
	uint32_t cpus, page_size;
	int ports[CPUS];
	struct bytes head, tail;
	struct stream streams[CPUS];
	int reading;
	int wish;	    /* that CLOSE be answered */
	uint64_t closed_at; /* CLOSE was sent */
	uint8_t in[FRAME];
};

__attribute__((noreturn)) static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void add(struct bytes *to, const void *from, size_t n)
{
	to->b = realloc(to->b, to->n + n + 1);
	if (!to->b)
		die("no memory");
	memcpy(to->b + to->n, from, n);
	to->n += n;
}

static void add_be(struct bytes *to, uint64_t v, int len)
{
	for (int i = len - 1; i >= 0; i--) {
		uint8_t c = (uint8_t)(v >> (8 * i));

		add(to, &c, 1);
	}
}

static void add_text(struct bytes *to, const char *text)
{
	add(to, text, strlen(text) + 1);
}

static uint64_t be(const uint8_t *at, int len)
{
	uint64_t v = 0;

	while (len--)
		v = v << 8 | *at++;
	return v;
}

static int connect_to(const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (inet_pton(AF_INET, address, &a.sin_addr) != 1 || fd < 0)
		die("no address: %s", address);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		die("cannot connect to port %d: %s", port, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void send_all(struct host *h, const void *from, size_t n)
{
	if (send(h->fd, from, n, MSG_NOSIGNAL) != (ssize_t)n)
		die("cannot send: %s", strerror(errno));
}

static void read_n(int fd, uint8_t *to, size_t n)
{
	while (n) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got = poll(&p, 1, PATIENCE_S * 1000) > 0 ? read(fd, to, n) : 0;

		if (got < 0 && errno == EAGAIN)
			continue;
		if (got <= 0)
			die("%s", got ? strerror(errno) : "the agent has closed");
		to += got;
		n -= (size_t)got;
	}
}

/* A frame into h->in; its command, and in *n its size. */
static uint32_t get_frame(struct host *h, int fd, uint32_t *n)
{
	do {
		read_n(fd, h->in, 12);
		*n = (uint32_t)be(h->in, 4);
		if (*n < 12 || *n > FRAME)
			die("a frame of %u bytes", *n);
		read_n(fd, h->in + 12, *n - 12);
	} while (h->leased && be(h->in + 4, 4) == HELLO);
	return (uint32_t)be(h->in + 4, 4);
}

/* The words */

static void send_request(struct host *h, char **args, int n, const char *proto, int extension)
{
	struct bytes p = { 0 }, m = { 0 }, a = { 0 };
	char ext[64];

	add_be(&a, (uint64_t)n, 4);
	for (int i = 0; i < n; i++)
		add_text(&a, args[i]);
	add_be(&p, 0, 4);
	add_be(&p, a.n, 4);
	add(&p, a.b, a.n);
	if (proto) {
		add_be(&p, 1, 4);
		add_be(&p, strlen(proto) + 2, 4);
		add_text(&p, proto);
		add_text(&p, "");
	}
	if (extension) {
		snprintf(ext, sizeof(ext), "tcx=7,%llx,trace-cmd 0.0.1", STREAM_ID);
		add_be(&p, 0x74637801, 4);
		add_be(&p, strlen(ext) + 1, 4);
		add_text(&p, ext);
	}
	add_be(&m, 28 + p.n, 4);
	add_be(&m, 6, 4);
	add_be(&m, 16, 4);
	add_be(&m, (uint64_t)h->leased << 32, 8);
	add_be(&m, 0x4242, 8);
	add(&m, p.b, p.n);
	send_all(h, m.b, m.n);
	free(a.b);
	free(p.b);
	free(m.b);
}

static void get_resp(struct host *h)
{
	uint32_t n, cmd = get_frame(h, h->fd, &n);
	const char *at = (char *)h->in + 52, *end = (char *)h->in + n;

	if (cmd != 7 || n < 52)
		die("command %u instead of TRACE_RESP: %.*s", cmd, (int)n - 12, h->in + 12);
	h->cpus = (uint32_t)be(h->in + 16, 4);
	h->page_size = (uint32_t)be(h->in + 20, 4);
	for (uint32_t i = 0; i < h->cpus && i < CPUS && at < end; i++) {
		h->ports[i] = (int)strtol(at, NULL, 10);
		at += strlen(at) + 1;
	}
	printf("resp: %u CPUs, sync '%.16s' %s, %s\n", h->cpus, h->in + 32,
	       be(h->in + 48, 4) ? "with a port" : "without a port",
	       at < end ? at : "no extension");
}

static void check_refusal(struct host *h, int fd, const char *text)
{
	uint32_t n, cmd = get_frame(h, fd, &n);

	if (cmd != 5)
		die("command %u instead of NOT_SUPP", cmd);
	if (n < 17 || memcmp(h->in + 12, "why:", 4) || h->in[n - 1])
		die("NOT_SUPP without a reason");
	printf("refused: %s\n", h->in + 16);
	if (!strstr((char *)h->in + 16, text))
		die("'%s' is not in the reason", text);
}

static void check_eof(struct host *h, int fd)
{
	ssize_t n = read(fd, h->in, 1);

	if (n > 0 || (n < 0 && errno != ECONNRESET))
		die("%s instead of the end", n > 0 ? "a byte" : strerror(errno));
}

static void check_second(struct host *h, const char *text)
{
	int fd = connect_to(h->address, h->port);

	check_refusal(h, fd, text);
	check_eof(h, fd);
	close(fd);
}

static void get_data(struct host *h, struct bytes *to)
{
	for (;;) {
		uint32_t n, cmd = get_frame(h, h->fd, &n);

		if (cmd == 4)
			return;
		if (cmd != 3)
			die("command %u among metadata: %.*s", cmd, (int)n - 12, h->in + 12);
		add(to, h->in + 12, n - 12);
	}
}

static void *read_stream(void *arg)
{
	struct stream *s = arg;
	uint8_t page[65536];
	ssize_t n;

	while (!s->leased || s->got.n < s->want) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };

		poll(&p, 1, 100);
		n = read(s->fd, page, sizeof(page));
		if (n > 0)
			add(&s->got, page, (size_t)n);
		else if (!n && !s->leased)
			break;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			die("data: %s", strerror(errno));
	}
	return NULL;
}

static void connect_data(struct host *h)
{
	for (uint32_t i = 0; i < h->cpus; i++) {
		if (!h->leased)
			h->streams[i].fd = connect_to(h->address, h->ports[i]);
		h->streams[i].leased = h->leased;
		h->streams[i].want = UINT64_MAX;
		if (pthread_create(&h->streams[i].thread, NULL, read_stream, &h->streams[i]))
			die("no thread");
	}
	h->reading = 1;
	printf("reading\n");
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Both ends run on this machine: the answer lies between the question and its arrival. */
static void judge_answer(struct host *h, const char *what, uint64_t before, uint64_t after)
{
	uint64_t received = be(h->in + 40, 8), answered = be(h->in + 48, 8);

	if (answered < received || (!h->leased && (received < before || after < answered)))
		die("%s: %llu %llu %llu %llu", what, (unsigned long long)before,
		    (unsigned long long)received, (unsigned long long)answered,
		    (unsigned long long)after);
}

static void get_told(struct host *h)
{
	uint32_t n, cmd = get_frame(h, h->fd, &n);

	if (cmd != 9 || n < 56 || be(h->in + 28, 4) != 3)
		die("command %u instead of the answer to CLOSE", cmd);
	judge_answer(h, "told", h->closed_at, now());
	printf("told\n");
}

static void probe(struct host *h, uint32_t count, uint32_t cpu)
{
	uint64_t best = UINT64_MAX;

	for (uint32_t i = 0; i < count; i++) {
		struct bytes m = { 0 };
		uint64_t before = now(), after;
		uint32_t n, cmd;

		add_be(&m, 32 + 8 + (h->wish ? 4 : 0), 4);
		add_be(&m, 9, 4);
		add_be(&m, 20, 4);
		add(&m, "probe\0\0\0\0\0\0\0\0\0\0", 16);
		add_be(&m, 1, 4);
		add_be(&m, i, 4);
		add_be(&m, cpu, 4);
		if (h->wish)
			add_be(&m, 2, 4);
		send_all(h, m.b, m.n);
		free(m.b);
		do {
			cmd = get_frame(h, h->fd, &n);
			if (cmd == 3)
				add(&h->head, h->in + 12, n - 12);
		} while (cmd == 3);
		after = now();
		if (cmd != 9 || n < 56 || be(h->in + 28, 4) != 2 || be(h->in + 32, 4) != i ||
		    be(h->in + 36, 4) != cpu)
			die("command %u instead of the answer to probe %u", cmd, i);
		judge_answer(h, "probe", before, after);
		best = after - before < best ? after - before : best;
	}
	fprintf(stderr, "# fastest probe of CPU %u: %llu us\n", cpu,
		(unsigned long long)best / 1000);
	printf("probed\n");
}

static uint64_t join_streams(struct host *h)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; h->reading && i < h->cpus; i++) {
		pthread_join(h->streams[i].thread, NULL);
		bytes += h->streams[i].got.n;
		if (h->streams[i].got.n % h->page_size)
			die("CPU %u: %zu bytes are no pages", i, h->streams[i].got.n);
	}
	return bytes;
}

static void send_close(struct host *h)
{
	h->closed_at = now();
	send_all(h, "\0\0\0\x0c\0\0\0\0\0\0\0", 12);
}

static void get_closed(struct host *h)
{
	uint64_t bytes = 0;
	uint32_t n, cmd;

	if (!h->leased)
		bytes = join_streams(h);
	for (;;) {
		cmd = get_frame(h, h->fd, &n);
		if (cmd == 3)
			add(&h->tail, h->in + 12, n - 12);
		else if (cmd != 4)
			break;
	}
	if (cmd != 8)
		die("command %u instead of CLOSE_RESP", cmd);
	if (n > 16) {
		uint64_t told = 0;

		for (uint32_t i = 0; i < be(h->in + 12, 4); i++) {
			uint64_t want = be(h->in + 16 + 28 * i, 8) + h->page_size; /* a mark */

			h->streams[i].want = want;
			told += want;
		}
		if (h->leased)
			bytes = join_streams(h);
		if (told != bytes)
			die("%llu bytes came, %llu are told", (unsigned long long)bytes,
			    (unsigned long long)told);
	}
	printf("closed: %s, %s, %s\n", bytes ? "with data" : "no data",
	       h->tail.n ? "a tail" : "no tail", n > 16 ? "totals" : "no totals");
}

static void check_marks(struct host *h)
{
	static const uint8_t magic[] = "\xff\0trace-mark\0\1\0\xff";

	for (uint32_t i = 0; i < h->cpus; i++) {
		const struct bytes *b = &h->streams[i].got;

		if (b->n < h->page_size || memcmp(b->b, magic, 16) ||
		    be(b->b + 16, 8) != STREAM_ID || be(b->b + 24, 4) != 1 || be(b->b + 28, 4) != i)
			die("the stream of CPU %u does not begin with its mark", i);
	}
	printf("marks\n");
}

static void put_ne(FILE *f, uint64_t v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static void write_file(struct host *h, const char *path)
{
	FILE *f = fopen(path, "w");
	uint64_t at = h->head.n + 10 + 16ULL * h->cpus;

	if (!f)
		die("cannot write %s", path);
	fwrite(h->head.b, h->head.n, 1, f);
	fwrite("flyrecord", 10, 1, f);
	at = (at + 64 + h->page_size - 1) / h->page_size * h->page_size;
	for (uint32_t i = 0; i < h->cpus; i++) {
		put_ne(f, at);
		put_ne(f, h->streams[i].got.n);
		at += h->streams[i].got.n;
	}
	put_ne(f, 8);
	fwrite("[mono] \0", 8, 1, f);
	for (uint32_t i = 0; i < h->cpus; i++) {
		while (ftell(f) % h->page_size)
			fputc(0, f);
		fwrite(h->streams[i].got.b, h->streams[i].got.n, 1, f);
	}
	fclose(f);
}

static void send_hex(struct host *h, const char *hex)
{
	struct bytes m = { 0 };
	unsigned int v;

	for (; sscanf(hex, "%2x", &v) == 1; hex += 2)
		add_be(&m, v, 1);
	send_all(h, m.b, m.n);
	free(m.b);
}

static const char *word_of(char **words, int at)
{
	if (!words[at])
		die("an argument is missing");
	return words[at];
}

/* The words of a request at @at; those that belong to it. */
static int request(struct host *h, char **words, int at)
{
	int n = 0;

	while (words[at + 1 + n] && strcmp(words[at + 1 + n], "--"))
		n++;
	send_request(h, words + at + 1, n,
		     *words[at] == 'r'	 ? "probe"
		     : *words[at] == 'o' ? "ptp"
					 : NULL,
		     *words[at] == 'r');
	return n + 1;
}

/* One word; how many more belong to it. */
static int do_word(struct host *h, char **words, int at)
{
	const char *w = words[at];

	if (!strcmp(w, "req") || !strcmp(w, "old") || !strcmp(w, "plain"))
		return request(h, words, at);
	if (!strcmp(w, "resp"))
		get_resp(h);
	else if (!strcmp(w, "head"))
		get_data(h, &h->head);
	else if (!strcmp(w, "data"))
		connect_data(h);
	else if (!strcmp(w, "wish"))
		h->wish = 1;
	else if (!strcmp(w, "close"))
		send_close(h);
	else if (!strcmp(w, "told"))
		get_told(h);
	else if (!strcmp(w, "closed"))
		get_closed(h);
	else if (!strcmp(w, "marks"))
		check_marks(h);
	else if (!strcmp(w, "eof"))
		check_eof(h, h->fd);
	else if (!strcmp(w, "gone"))
		close(h->fd);
	else
		return -1;
	return 0;
}

static int do_word_with(struct host *h, char **words, int at)
{
	const char *w = words[at], *arg = word_of(words, at + 1);

	if (!strcmp(w, "hex"))
		send_hex(h, arg);
	else if (!strcmp(w, "refused"))
		check_refusal(h, h->fd, arg);
	else if (!strcmp(w, "second"))
		check_second(h, arg);
	else if (!strcmp(w, "write"))
		write_file(h, arg);
	else if (!strcmp(w, "sleep"))
		usleep((useconds_t)strtoul(arg, NULL, 10) * 1000);
	else if (!strcmp(w, "probe")) {
		probe(h, (uint32_t)strtoul(arg, NULL, 10),
		      (uint32_t)strtoul(word_of(words, at + 2), NULL, 10));
		return 2;
	} else
		die("no word: %s", w);
	return 1;
}

/* The control channel and the data channels of @guest, from the server in @dir. */
static void lease(struct host *h, const char *dir, const char *guest)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE((LEASED_MAX + 1) * sizeof(int))];
	} control;
	char line[1024] = "";
	struct iovec iov = { line, sizeof(line) - 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), fds[LEASED_MAX + 1];
	struct cmsghdr *c;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/broker", dir);
	if (connect(s, (struct sockaddr *)&a, sizeof(a)))
		die("no server in %s: %s", dir, strerror(errno));
	dprintf(s, "lease %s\n", guest);
	if (recvmsg(s, &m, 0) <= 0 || strncmp(line, "ok ", 3))
		die("no lease: %s", line);
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		die("a lease without channels");
	memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	h->fd = fds[0];
	h->leased = 1;
	for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) - 1; i++)
		h->streams[i].fd = fds[1 + i];
}

int main(int argc, char **argv)
{
	static struct host h;

	if (argc < 3)
		die("usage: agent_host ADDRESS PORT WORD...");
	h.address = argv[1];
	h.port = (int)strtol(argv[2], NULL, 10);
	if (*h.address == '/')
		lease(&h, argv[1], argv[2]);
	else
		h.fd = connect_to(h.address, h.port);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 3; i < argc; i++) {
		int more = do_word(&h, argv, i);

		i += more < 0 ? do_word_with(&h, argv, i) : more;
	}
	return 0;
}
