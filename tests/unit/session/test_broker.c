// SPDX-License-Identifier: GPL-2.0
/*
 * test_broker.c - virt-server lends a guest's channels: to whom, when, and how it gets them back
 *
 * Server, guests and askers are in this process: a guest is a socket on which an agent's hello was
 * written, and FIFOs. The loop is turned by hand, so an asker that blocks the server would show.
 */
#include "tests/unit/base/rows.h"
#include "tests/unit/transport/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "session/server.h"
#include "wire/agent-msg.h"

enum { CPUS = 2, WAIT_MS = 200, FDS = 1 + CPUS };
#define VERSION_TEXT "trace-cmd 9.9 Linux"
#define CLOSE	     "\0\0\0\14\0\0\0\0\0\0\0\0"
#define TCONNECT     "\0\0\0\10\0\0\0\2"

struct bench {
	struct tree tree;
	struct loop *loop;
	struct server *server;
	char dir[80], out[80];
	unsigned int stopped;
	size_t fds; /* open ones, before */
	struct log *log;
};

static size_t count_fds(void)
{
	size_t n = 0;
	AUTO_DIR d = opendir("/proc/self/fd");

	while (readdir(d))
		n++;
	return n;
}

static void finished(void *ctx, const struct session_result *r)
{
	(void)ctx, (void)r;
}

static void stopped(void *ctx)
{
	((struct bench *)ctx)->stopped++;
}

static void turn(struct bench *b, uint64_t ms)
{
	uint64_t end = now_ns() + ms * NSEC_PER_MSEC;

	do {
		uint64_t from = now_ns();

		assert_int_equal(loop_once(b->loop, NSEC_PER_MSEC, NULL), 0);
		assert_true(now_ns() - from < 2 * NSEC_PER_SEC); /* nobody blocks the server */
	} while (now_ns() < end);
}

/* A guest with @fifos data channels, or -@fifos sockets. */
static void make_guest(struct bench *b, const char *name, int fifos)
{
	assert_int_equal(mkdir(tree_at(&b->tree, "virt/%s", name), 0755), 0);
	for (int i = 0; i < fifos; i++) {
		assert_int_equal(
			mkfifo(tree_at(&b->tree, "virt/%s/trace-path-cpu%d.in", name, i), 0600), 0);
		assert_int_equal(
			mkfifo(tree_at(&b->tree, "virt/%s/trace-path-cpu%d.out", name, i), 0600),
			0);
	}
	if (fifos < 0)
		assert_int_equal(
			guests_channels_write(b->dir, name,
					      &(struct guests_channels){ GUEST_CHAN_SOCKET,
									 (unsigned int)-fifos },
					      NULL),
			0);
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct server_opts o = { 0 };

	*state = b;
	b->fds = count_fds();
	tree_make(&b->tree);
	snprintf(b->dir, sizeof(b->dir), "%s/virt", b->tree.top);
	snprintf(b->out, sizeof(b->out), "%s/out", b->tree.top);
	assert_int_equal(mkdir(b->dir, 0755), 0);
	assert_int_equal(mkdir(b->out, 0755), 0);
	make_guest(b, "web1", CPUS);
	make_guest(b, "off", CPUS);
	make_guest(b, "bare", 0);
	make_guest(b, "sock", -CPUS);
	b->loop = loop_new(NULL);
	b->log = log_open(tree_at(&b->tree, "log"), LOG_INFO, NULL);
	assert_non_null(b->log);
	o.dir = b->dir;
	o.hub = (struct hub_opts){ .outdir = b->out,
				   .log = b->log,
				   .ctx = b,
				   .finished = finished,
				   .stopped = stopped,
				   .limits = { .hello_ns = WAIT_MS * NSEC_PER_MSEC,
					       .drain_ns = WAIT_MS * NSEC_PER_MSEC } };
	b->server = server_new(b->loop, &o, NULL);
	assert_non_null(b->server);
	return 0;
}

/* No descriptor is left, whatever the test did. */
static int teardown(void **state)
{
	struct bench *b = *state;

	server_free(b->server);
	loop_free(b->loop);
	log_close(b->log);
	tree_remove(&b->tree);
	assert_int_equal(count_fds(), b->fds);
	free(b);
	return 0;
}

static int dial(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void put(int fd, const void *at, size_t n)
{
	assert_int_equal(send(fd, at, n, MSG_NOSIGNAL), n);
}

#define PUT(fd, text) put(fd, text, sizeof(text) - 1)

/* What is there to be read; "(eof)" behind it at the end. */
static const char *get(int fd, char *to, size_t room)
{
	size_t n = 0;
	ssize_t got = 1;

	while (got > 0 && n + 8 < room) {
		got = read(fd, to + n, room - n - 8);
		n += got > 0 ? (size_t)got : 0;
	}
	snprintf(to + n, room - n, "%s", got ? "" : "(eof)");
	return to;
}

static void assert_says(struct bench *b, int fd, const char *want)
{
	char text[4096];

	turn(b, 20);
	assert_string_equal(get(fd, text, sizeof(text)), want);
}

static void say_hello(int guest, bool busy)
{
	struct agent_hello h = { .busy = busy, .cpus = CPUS, .version = VERSION_TEXT };
	uint8_t frame[256];
	struct wcur w = wcur_make(frame, sizeof(frame), true);

	agent_hello_put(&w, &h);
	put(guest, frame, sizeof(frame) - w.left);
}

/* A guest's control connection; with an agent, or not. */
static int boot(struct bench *b, const char *name, bool agent)
{
	int fd = dial(tree_at(&b->tree, "virt/%s/agent-ctl-path", name));

	if (agent)
		say_hello(fd, false);
	turn(b, 10);
	return fd;
}

static int ask(struct bench *b, const char *question)
{
	int fd = dial(tree_at(&b->tree, "virt/broker"));

	put(fd, question, strlen(question));
	turn(b, 10);
	return fd;
}

struct got {
	int fd[FDS];
	size_t n;
	char text[256];
};

/* The answer and its descriptors. */
static void take(int asker, struct got *g)
{
	char control[CMSG_SPACE(sizeof(g->fd))];
	struct iovec iov = { g->text, sizeof(g->text) - 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(asker, &m, 0);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	memset(g->fd, -1, sizeof(g->fd));
	g->n = 0;
	g->text[n > 0 ? n : 0] = '\0';
	if (!c)
		return;
	g->n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	assert_true(g->n <= FDS && !(m.msg_flags & MSG_CTRUNC));
	memcpy(g->fd, CMSG_DATA(c), g->n * sizeof(int));
}

static void drop(struct got *g)
{
	while (g->n)
		close(g->fd[--g->n]);
}

/* An asker who has web1's channels. */
static int lease(struct bench *b, struct got *g)
{
	int asker = ask(b, "lease web1\n");

	take(asker, g);
	assert_string_equal(g->text, "ok 2 " VERSION_TEXT "\n");
	assert_int_equal(g->n, FDS);
	return asker;
}

/* --- questions --- */

static const struct question {
	const char *name, *ask;
	const char *answer; /* its beginning; "" = none, but the end */
} questions[] = {
	{ "nonsense", "hello\n", "error 71 'hello' is no question\n(eof)" },
	{ "an empty line", "\n", "error 71 '' is no question\n(eof)" },
	{ "lease without a guest", "lease\n", "error 71 'lease' is no question\n(eof)" },
	{ "lease of nobody", "lease \n", "error 2 there is no guest \n(eof)" },
	{ "no such guest", "lease web9\n", "error 2 there is no guest web9\n(eof)" },
	{ "a path", "lease ../web1\n", "error 2 there is no guest ../web1\n(eof)" },
	{ "a guest that is off", "lease off\n",
	  "error 107 guest off is not connected: it is off, or has no channel\n(eof)" },
	{ "no agent", "lease mute\n", "error 107 no agent answers in guest mute\n(eof)" },
	{ "no channels", "lease bare\n", "error 6 guest bare has no data channels\n(eof)" },
	{ "ports of nobody", "ports web9\n", "error 2 there is no guest web9\n(eof)" },
	{ "ports without channels", "ports bare\n",
	  "error 6 guest bare has no data channels\n(eof)" },
	{ "words behind the line", "lease web9\nlease web1\n",
	  "error 2 there is no guest web9\n(eof)" },
	{ "guests", "guests\n", "ok 5\n" },
};

static void test_question(void **state)
{
	const struct question *q = *state;
	struct bench *b;
	char text[4096];
	int asker, guest, mute;

	setup((void **)&b);
	guest = boot(b, "bare", true);
	make_guest(b, "mute", CPUS);
	turn(b, 50);
	mute = boot(b, "mute", false);
	asker = dial(tree_at(&b->tree, "virt/broker"));
	for (const char *at = q->ask; *at; at++) { /* in pieces of a byte */
		if (send(asker, at, 1, MSG_NOSIGNAL) < 0)
			break; /* the question was over before */
		turn(b, 1);
	}
	turn(b, 10);
	get(asker, text, sizeof(text));
	text[strlen(q->answer)] = '\0';
	assert_string_equal(text, q->answer);
	close(asker);
	close(guest);
	close(mute);
	teardown((void **)&b);
}

/* What "guests" says of a guest, between its name and the end of the line. */
static void assert_state(struct bench *b, const char *name, const char *want)
{
	char text[4096], *at, key[80];
	int asker = ask(b, "guests\n");

	get(asker, text, sizeof(text));
	close(asker);
	snprintf(key, sizeof(key), "\n%s\t", name);
	at = strstr(text, key);
	assert_non_null(at);
	at += strlen(key);
	at[strcspn(at, "\n")] = '\0';
	assert_string_equal(at, want);
}

static void test_states(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", false);
	char want[80];
	struct got g;
	int asker;

	assert_state(b, "off", "away\t\t\t0");
	assert_state(b, "web1", "connected\t\t\t0");
	say_hello(guest, true);
	turn(b, 10);
	assert_state(b, "web1", "agent busy\t" VERSION_TEXT "\t\t0");
	say_hello(guest, false);
	turn(b, 10);
	assert_state(b, "web1", "agent\t" VERSION_TEXT "\t\t0");
	asker = lease(b, &g);
	snprintf(want, sizeof(want), "lent\t" VERSION_TEXT "\t\t%d", (int)getpid());
	assert_state(b, "web1", want);
	close(asker);
	drop(&g);
	PUT(guest, TCONNECT);
	turn(b, 10);
	assert_state(b, "web1", "hello\t\t\t0");
	close(guest);
	turn(b, 10);
}

/* --- who may ask, and how long --- */

static void test_silent_asker(void **state)
{
	struct bench *b = *state;
	int fd = dial(tree_at(&b->tree, "virt/broker"));

	PUT(fd, "lea");
	turn(b, WAIT_MS / 2);
	assert_says(b, fd, "");
	turn(b, WAIT_MS);
	assert_says(b, fd, "(eof)");
	close(fd);
}

static void test_endless_line(void **state)
{
	struct bench *b = *state;
	int fd = dial(tree_at(&b->tree, "virt/broker"));
	char line[4096];

	memset(line, 'x', sizeof(line));
	put(fd, line, sizeof(line));
	turn(b, 20);
	assert_true(recv(fd, line, 1, 0) <= 0 && errno != EAGAIN); /* cut off */
	close(fd);
}

static void test_gone_before_the_answer(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true), fd;
	struct got g;

	fd = dial(tree_at(&b->tree, "virt/broker"));
	PUT(fd, "lease web1\n");
	close(fd);
	turn(b, 20);
	say_hello(guest, false);
	turn(b, 20);
	fd = lease(b, &g);
	drop(&g);
	close(fd);
	close(guest);
	turn(b, 10);
}

static void test_too_many(void **state)
{
	struct bench *b = *state;
	int fd[65];

	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dial(tree_at(&b->tree, "virt/broker"));
		turn(b, 0);
	}
	assert_says(b, fd[0], "");
	assert_says(b, fd[64], "error 87 64 ask for guests already\n(eof)");
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
	turn(b, 20);
	fd[0] = ask(b, "lease web9\n");
	assert_says(b, fd[0], "error 2 there is no guest web9\n(eof)");
	close(fd[0]);
}

static void test_mode(void **state)
{
	struct bench *b = *state;
	struct stat st;

	assert_int_equal(stat(tree_at(&b->tree, "virt/broker"), &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
}

/* The mode is wide, by mistake: the kernel says who asks. */
static void test_other_user(void **state)
{
	struct bench *b = *state;
	int pipes[2], fd;
	char text[256];
	pid_t pid;

	if (geteuid())
		skip();
	assert_int_equal(chmod(tree_at(&b->tree, "virt/broker"), 0666), 0);
	assert_int_equal(chmod(b->tree.top, 0755), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipes), 0);
	pid = fork();
	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		fd = dial(tree_at(&b->tree, "virt/broker"));
		poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000);
		get(fd, text, sizeof(text));
		_exit(write(pipes[1], text, strlen(text)) < 0);
	}
	close(pipes[1]);
	turn(b, 300);
	fd = fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	get(pipes[0], text, sizeof(text));
	close(pipes[0]);
	waitpid(pid, NULL, 0);
	text[strcspn(text, "(")] = '\0';
	assert_string_equal(text, "error 1 user 65534 ");
}

/* --- lending --- */

static int open_data(struct bench *b, unsigned int cpu)
{
	int fd = open(tree_at(&b->tree, "virt/web1/trace-path-cpu%u.out", cpu),
		      O_RDWR | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void test_lend_and_take_back(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true), data = open_data(b, 1), asker, other;
	struct got g;

	assert_int_equal(write(data, "stale", 5), 5);
	turn(b, 20);
	asker = lease(b, &g);
	PUT(guest, "to the asker");
	assert_int_equal(write(data, "pages", 5), 5);
	assert_says(b, g.fd[0], "to the asker");
	assert_says(b, g.fd[2], "pages");
	put(g.fd[0], "to the guest", 12);
	assert_says(b, guest, "to the guest");
	fcntl(g.fd[0], F_SETFL, 0); /* blocking: for the server too */
	fcntl(g.fd[1], F_SETFL, 0);
	close(asker);
	turn(b, 20);
	assert_true(fcntl(g.fd[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(g.fd[1], F_GETFL) & O_NONBLOCK);
	{
		char close_frame[64];

		get(guest, close_frame, sizeof(close_frame));
		assert_memory_equal(close_frame, CLOSE, sizeof(CLOSE) - 1);
	}
	assert_int_equal(write(data, "pages", 5), 5);
	assert_says(b, g.fd[2], ""); /* the server has thrown them away */
	drop(&g);
	other = ask(b, "lease web1\n"); /* waits for a hello */
	PUT(guest, "the rest of the last talk");
	turn(b, 100);
	assert_says(b, other, "");
	say_hello(guest, false);
	turn(b, 100);
	take(other, &g);
	assert_string_equal(g.text, "ok 2 " VERSION_TEXT "\n");
	assert_says(b, g.fd[0], "");
	drop(&g);
	close(other);
	close(guest);
	close(data);
	turn(b, 10);
}

static void test_leaves_while_waiting(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", false), asker;
	struct got g;

	say_hello(guest, true);
	turn(b, 10);
	asker = ask(b, "lease web1\n");
	turn(b, 100);
	close(asker);
	turn(b, 100);
	asker = ask(b, "lease web1\n");
	PUT(asker, "and more"); /* nothing may follow */
	assert_says(b, asker, "(eof)");
	close(asker);
	say_hello(guest, false);
	turn(b, 100);
	assert_state(b, "web1", "agent\t" VERSION_TEXT "\t\t0");
	asker = lease(b, &g);
	drop(&g);
	close(asker);
	close(guest);
	turn(b, 10);
}

/* A guest may say hello as often as it likes; the host's disk is not to be full of that. */
static void test_many_hellos(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true);
	struct buf log = { 0 };
	char text[4096];

	for (int i = 0; i < 1000; i++) {
		say_hello(guest, true);
		turn(b, 1);
		get(guest, text, sizeof(text));
	}
	assert_int_equal(read_file(tree_at(&b->tree, "log"), &log, 1 << 20, NULL), 0);
	assert_int_equal(buf_text(&log), 0);
	assert_non_null(strstr((char *)log.data, "its agent records for nobody here"));
	assert_true(log.len < 100 * 160);
	buf_free(&log);
	close(guest);
}

/* A hello that has come in part would be the asker's, and its rest nonsense. */
static void test_half_a_hello(void **state)
{
	struct bench *b = *state;
	static const uint8_t half[] = { 0, 0, 0, 40, 0x74, 0x63, 0x78, 2, 0, 0 };
	int guest = boot(b, "web1", true), asker;

	put(guest, half, sizeof(half));
	turn(b, 10);
	asker = ask(b, "lease web1\n");
	turn(b, 60);
	assert_says(b, asker, "");
	close(asker);
	close(guest);
	turn(b, 10);
}

static void test_busy(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true), asker, other;
	char want[80];
	struct got g;

	asker = lease(b, &g);
	other = ask(b, "lease web1\n");
	snprintf(want, sizeof(want), "error 16 guest web1 is being recorded for process %d\n(eof)",
		 (int)getpid());
	assert_says(b, other, want);
	close(other);
	assert_says(b, asker, ""); /* the first one keeps it */
	drop(&g);
	close(asker);
	turn(b, 10);
	PUT(guest, TCONNECT);
	turn(b, 10);
	other = ask(b, "lease web1\n");
	assert_says(b, other,
		    "error 16 guest web1 is being recorded by itself (record --virt)\n(eof)");
	close(other);
	close(guest);
	turn(b, 10);
}

/* A guest that was migrated to us while it recorded: nobody here asked for that. */
static void test_records_for_nobody(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", false), asker;
	char text[1024];
	struct got g;

	say_hello(guest, true);
	turn(b, 20);
	assert_int_equal(read(guest, text, sizeof(text)), sizeof(CLOSE) - 1);
	assert_memory_equal(text, CLOSE, sizeof(CLOSE) - 1);
	PUT(guest, "\0\0\0\20\0\0\0\4its tail, CLOSE_RESP");
	turn(b, 20);
	assert_int_equal(read(guest, text, sizeof(text)), -1); /* no word of a fault */
	assert_state(b, "web1", "agent busy\t" VERSION_TEXT "\t\t0");
	say_hello(guest, false);
	asker = lease(b, &g);
	drop(&g);
	close(asker);
	close(guest);
	turn(b, 10);
}

static void test_leaves(void **state)
{
	struct bench *b = *state;
	struct agent_hello h = { .leaving = true, .cpus = CPUS, .version = VERSION_TEXT };
	int guest = boot(b, "web1", true), asker;
	uint8_t frame[256];
	struct wcur w = wcur_make(frame, sizeof(frame), true);

	agent_hello_put(&w, &h);
	put(guest, frame, sizeof(frame) - w.left);
	turn(b, 20);
	asker = ask(b, "lease web1\n");
	assert_says(b, asker, "error 107 no agent answers in guest web1\n(eof)");
	close(asker);
	close(guest);
	turn(b, 10);
}

/* record --virt over a second connection of a guest that is lent. */
static void test_record_virt_while_lent(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true), second, asker;
	char text[1024];
	struct got g;

	asker = lease(b, &g);
	second = boot(b, "web1", false);
	PUT(second, TCONNECT);
	turn(b, 20);
	assert_true(read(second, text, sizeof(text)) > 30);
	assert_non_null(memmem(text, sizeof(text), "recorded by its agent", 21));
	assert_says(b, asker, "");
	drop(&g);
	close(asker);
	close(second);
	close(guest);
	turn(b, 10);
}

static void test_words_end_a_lease(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true), asker;
	struct got g;

	asker = lease(b, &g);
	PUT(asker, "guests\n");
	assert_says(b, asker, "(eof)");
	assert_state(b, "web1", "agent busy\t" VERSION_TEXT "\t\t0");
	drop(&g);
	close(asker);
	close(guest);
	turn(b, 10);
}

/* --- ends --- */

/* What the channels still hold is the asker's; then the next boot may be recorded. */
static void test_guest_gone(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true), data = open_data(b, 0), asker, other;
	char want[80];
	struct got g;

	asker = lease(b, &g);
	PUT(guest, "last words");
	close(guest);
	assert_int_equal(write(data, "pages", 5), 5);
	turn(b, 20);
	guest = boot(b, "web1", true);
	other = ask(b, "lease web1\n");
	snprintf(want, sizeof(want), "error 16 guest web1 is being recorded for process %d\n(eof)",
		 (int)getpid());
	assert_says(b, other, want);
	close(other);
	assert_says(b, g.fd[0], "last words(eof)");
	assert_says(b, g.fd[1], "pages");
	drop(&g);
	close(asker);
	turn(b, 10);
	asker = lease(b, &g);
	drop(&g);
	close(asker);
	close(guest);
	close(data);
	turn(b, 10);
}

/* An asker who does not mind that the guest is gone loses the channels. */
static void test_guest_gone_asker_stays(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true), asker;
	struct got g;

	asker = lease(b, &g);
	close(guest);
	turn(b, WAIT_MS / 2);
	assert_says(b, asker, "");
	turn(b, WAIT_MS);
	assert_says(b, asker, "(eof)");
	assert_state(b, "web1", "away\t\t\t0");
	drop(&g);
	close(asker);
}

static void test_directory_gone(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true), asker, data = open_data(b, 0);
	struct got g;

	asker = lease(b, &g);
	nftw(tree_at(&b->tree, "virt/web1"), tree_unlink, 8, FTW_DEPTH | FTW_PHYS);
	turn(b, 100);
	assert_int_equal(write(data, "pages", 5), 5);
	assert_says(b, g.fd[1], "pages");
	close(guest);
	turn(b, 20);
	drop(&g);
	close(asker);
	turn(b, 20);
	asker = ask(b, "lease web1\n");
	assert_says(b, asker, "error 2 there is no guest web1\n(eof)");
	close(asker);
	close(data);
}

static void test_stop(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true), asker, early, path;
	char text[64];
	struct got g;

	asker = lease(b, &g);
	early = dial(tree_at(&b->tree, "virt/broker"));
	turn(b, 10);
	server_stop(b->server);
	get(guest, text, sizeof(text));
	assert_memory_equal(text, CLOSE, sizeof(CLOSE) - 1);
	assert_says(b, early, "error 108 the server is being stopped\n(eof)");
	PUT(guest, "what the agent says to it");
	assert_says(b, g.fd[0], "what the agent says to it");
	assert_int_equal(b->stopped, 0);
	path = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	{
		struct sockaddr_un sa = { .sun_family = AF_UNIX };

		snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/broker", b->dir);
		assert_int_equal(connect(path, (struct sockaddr *)&sa, sizeof(sa)), -1);
		assert_int_equal(errno, ECONNREFUSED);
	}
	close(path);
	close(early);
	close(asker);
	turn(b, 20);
	assert_int_equal(b->stopped, 1);
	drop(&g);
	close(guest);
}

static void test_stop_asker_stays(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true), asker;
	struct got g;

	asker = lease(b, &g);
	server_stop(b->server);
	turn(b, WAIT_MS / 2);
	assert_int_equal(b->stopped, 0);
	turn(b, WAIT_MS);
	assert_int_equal(b->stopped, 1);
	assert_says(b, asker, "(eof)");
	drop(&g);
	close(asker);
	close(guest);
}

static void test_free_while_lent(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "web1", true), asker;
	char text[64];
	struct got g;

	asker = lease(b, &g);
	server_free(b->server);
	b->server = NULL;
	assert_int_equal(read(asker, text, 1), 0);
	get(guest, text, sizeof(text));
	assert_memory_equal(text, CLOSE, sizeof(CLOSE) - 1);
	drop(&g);
	close(asker);
	close(guest);
}

/* --- data sockets --- */

static void test_sockets(void **state)
{
	struct bench *b = *state;
	int guest = boot(b, "sock", true), data[CPUS], asker, second;
	struct got g;

	data[0] = dial(tree_at(&b->tree, "virt/sock/trace-path-cpu0"));
	turn(b, 10);
	asker = ask(b, "lease sock\n");
	assert_says(b, asker,
		    "error 107 guest sock: not all of its 2 data channels are connected\n(eof)");
	close(asker);
	assert_state(b, "sock", "agent\t" VERSION_TEXT "\t\t0");
	data[1] = dial(tree_at(&b->tree, "virt/sock/trace-path-cpu1"));
	turn(b, 10);
	asker = ask(b, "lease sock\n");
	take(asker, &g);
	assert_int_equal(g.n, FDS);
	PUT(data[0], "pages");
	second = dial(tree_at(&b->tree, "virt/sock/trace-path-cpu0")); /* takes nothing away */
	assert_says(b, second, "(eof)");
	assert_says(b, g.fd[1], "pages");
	close(second);
	drop(&g);
	close(asker);
	PUT(data[0], "pages");
	turn(b, 10);
	close(data[0]);
	close(data[1]);
	close(guest);
	turn(b, 10);
}

/* Channels of a guest in which nobody speaks; with an agent it is refused. */
static void test_ports(void **state)
{
	struct bench *b = *state;
	int guest, asker = ask(b, "ports off\n");
	char text[64], stop[] = CLOSE "0\n", want[80];
	struct got g;

	take(asker, &g);
	assert_string_equal(g.text, "ok 2 -\n");
	assert_int_equal(g.n, CPUS); /* it has no control connection */
	snprintf(want, sizeof(want), "lent ports\t\t\t%d", (int)getpid());
	assert_state(b, "off", want);
	drop(&g);
	close(asker);
	guest = boot(b, "web1", false);
	asker = ask(b, "ports web1\n");
	take(asker, &g);
	assert_string_equal(g.text, "ok 2 -\n");
	assert_int_equal(g.n, FDS);
	put(g.fd[0], "1\n", 2);
	assert_says(b, guest, "1\n");
	drop(&g);
	close(asker);
	turn(b, 20);
	get(guest, text, sizeof(text));
	assert_memory_equal(text, stop, sizeof(stop) - 1);
	asker = ask(b, "ports web1\n"); /* again, at once */
	take(asker, &g);
	assert_int_equal(g.n, FDS);
	drop(&g);
	close(asker);
	turn(b, 20);
	say_hello(guest, false);
	turn(b, 20);
	asker = ask(b, "ports web1\n");
	assert_says(b, asker, "error 16 an agent of trace-cmd answers in guest web1\n(eof)");
	close(asker);
	close(guest);
	turn(b, 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_states),
		TEST(test_silent_asker),
		TEST(test_endless_line),
		TEST(test_gone_before_the_answer),
		TEST(test_too_many),
		TEST(test_mode),
		TEST(test_other_user),
		TEST(test_lend_and_take_back),
		TEST(test_leaves_while_waiting),
		TEST(test_half_a_hello),
		TEST(test_busy),
		TEST(test_records_for_nobody),
		TEST(test_leaves),
		TEST(test_record_virt_while_lent),
		TEST(test_words_end_a_lease),
		TEST(test_guest_gone),
		TEST(test_guest_gone_asker_stays),
		TEST(test_directory_gone),
		TEST(test_stop),
		TEST(test_stop_asker_stays),
		TEST(test_free_while_lent),
		TEST(test_sockets),
		TEST(test_ports),
		TEST(test_many_hellos),
	};
	int failed = RUN_ROWS("questions", questions, test_question);

	return failed + cmocka_run_group_tests_name("the broker", tests, NULL, NULL);
}
