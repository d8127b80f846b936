/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stream.h - channels of every kind, and a stream through them of which every byte is known
 *
 * The stream is a sequence of 32-bit counters, so that a byte lost, doubled or out of order shows.
 */
#ifndef TESTS_UNIT_WIRE_STREAM_H
#define TESTS_UNIT_WIRE_STREAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "trace-recorder.h"

enum { PAGE = 4096, TOTAL = 50 * PAGE + 100 };

enum end { END_PIPE, END_SOCKET, END_FILE, END_MEMFD, END_APPEND, NR_ENDS };

/* Both ends of a channel: .in is written, .out is read. A file is both. */
struct channel {
	int in, out;
};

static inline int temp_file(int flags)
{
	char path[] = "/tmp/test-recorder-XXXXXX";
	int fd = mkostemp(path, flags);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static inline struct channel channel_open(enum end kind)
{
	struct channel c = { -1, -1 };
	int fd[2];

	switch (kind) {
	case END_PIPE:
		assert_int_equal(pipe2(fd, O_NONBLOCK | O_CLOEXEC), 0);
		c = (struct channel){ fd[1], fd[0] };
		break;
	case END_SOCKET:
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
		c = (struct channel){ fd[1], fd[0] };
		break;
	case END_MEMFD:
		c.in = c.out = memfd_create("recorder", MFD_CLOEXEC);
		break;
	default:
		c.in = c.out = temp_file(kind == END_APPEND ? O_APPEND : 0);
		break;
	}
	assert_true(c.in >= 0);
	return c;
}

static inline void channel_close(struct channel *c)
{
	if (c->in >= 0)
		close(c->in);
	if (c->out >= 0 && c->out != c->in)
		close(c->out);
}

static inline uint8_t byte_at(size_t i)
{
	return (uint8_t)(i / 4 >> 8 * (i % 4));
}

/* Write up to @n bytes of the stream from @at on, as much as fits now; returns the new place. */
static inline size_t feed(int fd, size_t at, size_t n)
{
	uint8_t bytes[PAGE];

	while (n) {
		size_t want = n < PAGE ? n : PAGE;
		ssize_t got;

		for (size_t i = 0; i < want; i++)
			bytes[i] = byte_at(at + i);
		got = write(fd, bytes, want);
		if (got < 0) {
			assert_int_equal(errno, EAGAIN);
			return at;
		}
		at += (size_t)got;
		n -= (size_t)got;
	}
	return at;
}

/* Read what is there, at most @n bytes; it must be the stream from @at on. Returns the new place.
 */
static inline size_t check(int fd, size_t at, size_t n)
{
	uint8_t bytes[PAGE];

	while (n) {
		ssize_t got = read(fd, bytes, n < PAGE ? n : PAGE);

		if (got <= 0) {
			assert_true(!got || errno == EAGAIN);
			return at;
		}
		for (ssize_t i = 0; i < got; i++, at++)
			if (bytes[i] != byte_at(at))
				fail_msg("byte %zu is %02x, not %02x", at, bytes[i], byte_at(at));
		n -= (size_t)got;
	}
	return at;
}

static inline struct recorder *open_recorder(int source, int sink, uint32_t chunk)
{
	struct recorder_opts o = {
		.source = source, .sink = sink, .page_size = PAGE, .chunk = chunk
	};
	struct err e = { 0 };
	struct recorder *r = recorder_new(&o, &e);

	assert_non_null(r);
	assert_int_equal(e.code, 0);
	return r;
}

static inline void assert_text(int fd, const char *text)
{
	char got[64] = "";

	assert_int_equal(read(fd, got, strlen(text)), (ssize_t)strlen(text));
	assert_string_equal(got, text);
}

#endif
