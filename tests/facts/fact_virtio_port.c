// SPDX-License-Identifier: GPL-2.0
/*
 * fact_virtio_port.c - a virtio-serial port, opened non-blocking, never blocks its writer
 *
 * Run inside a guest:
 *
 *	fact_virtio_port PATH full	the host's end is open and is not read
 *	fact_virtio_port PATH closed	the host's end is not open
 *	fact_virtio_port PATH reader	the host's end is open and is read without pause
 *
 * full: writes and splices are taken up to some size, then EAGAIN, and poll() gives no POLLOUT.
 * closed: poll() gives POLLHUP; a write is not taken and does not block.
 * reader: after EAGAIN, poll() gives POLLOUT within 10 s, and a write is taken again.
 * Always: a second open() says EBUSY. A watchdog of 20 s turns a hang into a failure.
 */
#include <signal.h>

#include "fact.h"

enum { LIMIT = 64 << 20, PIECE = 4096 };

static char bytes[PIECE];

static void hung(int signo)
{
	static const char text[] = "a call on the port blocks\n";

	(void)signo;
	(void)!write(1, text, sizeof(text) - 1);
	_exit(1);
}

static short poll_now(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms) < 0 ? -1 : p.revents;
}

/* Write until the port is full; bytes that it took. */
static size_t fill(int port)
{
	size_t sum = 0;
	ssize_t n;

	while ((n = write(port, bytes, sizeof(bytes))) > 0 && sum < LIMIT)
		sum += (size_t)n;
	FACT(n < 0, "the port takes more than %d MiB that nobody reads", LIMIT >> 20);
	FACT(errno == EAGAIN, "a write to a full port is not EAGAIN");
	return sum;
}

static ssize_t splice_piece(int port)
{
	int p[2];
	ssize_t n;

	FACT(!pipe(p) && write(p[1], bytes, sizeof(bytes)) == sizeof(bytes), "no pipe");
	errno = 0;
	n = splice(p[0], NULL, port, NULL, sizeof(bytes), SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	n = n < 0 ? -errno : n;
	close(p[0]);
	close(p[1]);
	return n;
}

static void check_full(int port)
{
	size_t sum = fill(port);
	short got = poll_now(port, POLLOUT, 0);
	ssize_t n = splice_piece(port);

	FACT(!(got & POLLOUT), "poll gives POLLOUT for a full port (%#x)", (unsigned int)got);
	FACT(!(got & POLLHUP), "poll gives POLLHUP while the host's end is open");
	FACT(n == -EAGAIN, "a splice to a full port gives %zd, not EAGAIN", n);
	HOLDS("a port that is not read takes %zu bytes, then EAGAIN and no POLLOUT", sum);
}

static void check_closed(int port)
{
	short got = poll_now(port, POLLOUT, 0);
	ssize_t n = write(port, bytes, sizeof(bytes));

	FACT(got & POLLHUP, "no POLLHUP while the host's end is closed (%#x)", (unsigned int)got);
	FACT(n < 0 && errno == EAGAIN, "a write gives %zd while the host's end is closed", n);
	HOLDS("a port without a host gives POLLHUP and EAGAIN");
}

static void check_reader(int port)
{
	size_t taken = 0;

	for (int rounds = 0; rounds < 3; rounds++) {
		size_t sum = 0;
		ssize_t n = 1;

		while (sum < LIMIT / 16 && (n = write(port, bytes, sizeof(bytes))) > 0)
			sum += (size_t)n;
		FACT(n > 0 || errno == EAGAIN, "a write to a port that is read fails");
		FACT(poll_now(port, POLLOUT, 10000) & POLLOUT,
		     "no POLLOUT in 10 s though the host reads");
		n = splice_piece(port);
		FACT(n > 0, "after POLLOUT a splice gives %zd", n);
		taken += sum + (size_t)n;
	}
	HOLDS("a port that is read gives POLLOUT after EAGAIN, and took %zu bytes", taken);
}

int main(int argc, char **argv)
{
	int port;

	if (argc != 3)
		SKIP("usage: fact_virtio_port PATH full|closed|reader");
	signal(SIGALRM, hung);
	signal(SIGPIPE, SIG_IGN);
	alarm(20);
	port = open(argv[1], O_WRONLY | O_NONBLOCK);
	if (port < 0)
		SKIP("cannot open %s: %s", argv[1], strerror(errno));
	FACT(open(argv[1], O_WRONLY | O_NONBLOCK) < 0 && errno == EBUSY, "a port opens twice");
	errno = 0;
	if (!strcmp(argv[2], "full"))
		check_full(port);
	if (!strcmp(argv[2], "closed"))
		check_closed(port);
	if (!strcmp(argv[2], "reader"))
		check_reader(port);
	SKIP("no such case: %s", argv[2]);
}
