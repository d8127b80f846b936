// SPDX-License-Identifier: GPL-2.0
/*
 * pingpong.c - one end of a conversation between host and guest that is in both traces
 *
 *	pingpong ping SOCKET N	host: connects to the port's unix socket; N times a marker "ping I",
 *				the question I, its answer, a marker "pang I"
 *	pingpong pong PORT N	guest: N times a question, a marker "pong I", the answer
 *
 * Theory of operation
 *
 * Whatever the clocks say, ping I is before pong I and pong I before pang I: each is written before
 * the message is sent that the next one waits for. Numbers are of four bytes; both ends have the
 * same byte order, or the numbers differ and the end says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { PATIENCE_MS = 20000, MOST = 10000000 };

static int fail(const char *what)
{
	fprintf(stderr, "pingpong: %s: %s\n", what, strerror(errno));
	return 1;
}

static int mark(int fd, const char *what, uint32_t i)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%s %u", what, i);

	return write(fd, text, (size_t)n) == n ? 0 : fail("trace_marker");
}

static int take(int fd, uint32_t *to)
{
	size_t have = 0;

	while (have < sizeof(*to)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		errno = ETIMEDOUT;
		if (poll(&p, 1, PATIENCE_MS) != 1)
			return fail("no message");
		n = read(fd, (char *)to + have, sizeof(*to) - have);
		if (n <= 0)
			return fail("cannot read");
		have += (size_t)n;
	}
	return 0;
}

static int give(int fd, uint32_t i)
{
	return write(fd, &i, sizeof(i)) == sizeof(i) ? 0 : fail("cannot write");
}

static int take_this(int fd, uint32_t want)
{
	uint32_t got;

	if (take(fd, &got))
		return 1;
	errno = EPROTO;
	return got == want ? 0 : fail("another number than was due");
}

static int ping(int fd, int marker, uint32_t i)
{
	return mark(marker, "ping", i) || give(fd, i) || take_this(fd, i) ||
	       mark(marker, "pang", i);
}

static int pong(int fd, int marker, uint32_t i)
{
	return take_this(fd, i) || mark(marker, "pong", i) || give(fd, i);
}

static int dial(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (path_fmt(to.sun_path, sizeof(to.sun_path), NULL, "%s", path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return connect(fd, (struct sockaddr *)&to, sizeof(to)) ? -1 : fd;
}

int main(int argc, char **argv)
{
	bool guest = argc == 4 && !strcmp(argv[1], "pong");
	uint64_t n;
	int rc = 0;

	if (argc != 4 || (!guest && strcmp(argv[1], "ping")) ||
	    parse_u64(argv[3], 1, MOST, &n, "N", NULL)) {
		fprintf(stderr, "usage: pingpong ping SOCKET N | pong PORT N\n");
		return 2;
	}
	AUTO_FD marker = open("/sys/kernel/tracing/trace_marker", O_WRONLY | O_CLOEXEC);
	AUTO_FD fd = guest ? open(argv[2], O_RDWR | O_CLOEXEC) : dial(argv[2]);

	if (marker < 0 || fd < 0)
		return fail(marker < 0 ? "trace_marker" : argv[2]);
	for (uint32_t i = 1; !rc && i <= n; i++)
		rc = guest ? pong(fd, marker, i) : ping(fd, marker, i);
	return rc;
}
