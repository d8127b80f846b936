// SPDX-License-Identifier: GPL-2.0
/*
 * test_recorder_datagram.c - trace pages as datagrams: one each, never split, counted by .seq
 *
 * Pages are filled with one letter. The sink is a UDP socket of the loopback, or, where it must be
 * full, one end of a pair of unix datagram sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "trace-recorder.h"

enum { PAGE = 4096, CHUNK = 8 * PAGE };

struct rig {
	int in[2];   /* a pipe with pages */
	int sink[2]; /* [0] sends */
	struct recorder *rec;
};

static void udp_pair(int *fds)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sa);

	fds[0] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	fds[1] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fds[1], (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fds[1], (struct sockaddr *)&sa, &len), 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&sa, sizeof(sa)), 0);
}

static void set_up(struct rig *r, bool unix_pair, bool seq)
{
	struct recorder_opts o = {
		.page_size = PAGE, .chunk = CHUNK, .datagram = true, .seq = seq
	};

	assert_int_equal(pipe2(r->in, O_NONBLOCK), 0);
	if (unix_pair)
		assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, r->sink), 0);
	else
		udp_pair(r->sink);
	o.source = r->in[0];
	o.sink = r->sink[0];
	r->rec = recorder_new(&o, NULL);
	assert_non_null(r->rec);
}

static void tear_down(struct rig *r)
{
	recorder_free(r->rec);
	for (int i = 0; i < 2; i++) {
		close(r->in[i]);
		close(r->sink[i]);
	}
}

static void put_pages(struct rig *r, const char *letters)
{
	char page[PAGE];

	for (; *letters; letters++) {
		memset(page, *letters, PAGE);
		assert_int_equal(write(r->in[1], page, PAGE), PAGE);
	}
}

/* The datagrams that have come, as letters, behind what is in @to; each must have its number. */
static void read_out(struct rig *r, bool seq, char *to)
{
	uint8_t got[PAGE + 64];
	ssize_t n;

	for (to += strlen(to); (n = recv(r->sink[1], got, sizeof(got), 0)) > 0; to++) {
		struct rcur tail = rcur_make(got + PAGE, 8, true);
		static uint64_t next;

		assert_int_equal(n, seq ? PAGE + 8 : PAGE);
		next = got[0] == 'a' ? 0 : next + PAGE;
		if (seq)
			assert_int_equal(rcur_u64(&tail), next);
		assert_int_equal(got[0], got[PAGE - 1]);
		to[0] = (char)got[0];
		to[1] = '\0';
	}
}

static void one_each(bool seq)
{
	char seen[64] = "";
	struct rig r;

	set_up(&r, false, seq);
	put_pages(&r, "abc");
	assert_int_equal(recorder_pump(r.rec, UINT64_MAX, NULL), REC_IDLE);
	put_pages(&r, "defghijklmno");
	assert_int_equal(recorder_pump(r.rec, UINT64_MAX, NULL), REC_IDLE);
	read_out(&r, seq, seen);
	assert_string_equal(seen, "abcdefghijklmno");
	assert_int_equal(recorder_stats(r.rec)->bytes_out, 15 * PAGE);
	assert_int_equal(recorder_pending(r.rec), 0);
	tear_down(&r);
}

static void test_a_page_a_datagram(void **state)
{
	(void)state;
	one_each(false);
}

static void test_numbers_behind_pages(void **state)
{
	(void)state;
	one_each(true);
}

/* A full sink holds up what is read, and nothing is lost or sent twice. */
static void test_full(void **state)
{
	char seen[64] = "";
	struct rig r;
	int buf = 4 * PAGE;

	(void)state;
	set_up(&r, true, true);
	setsockopt(r.sink[0], SOL_SOCKET, SO_SNDBUF, &buf, sizeof(buf));
	put_pages(&r, "abcdefghijklmnop");
	assert_int_equal(recorder_pump(r.rec, UINT64_MAX, NULL), REC_BLOCKED);
	assert_in_range(recorder_stats(r.rec)->bytes_out, PAGE, 8 * PAGE);
	assert_true(recorder_pending(r.rec) % PAGE == 0);
	assert_true(recorder_stats(r.rec)->bytes_in <= 2 * CHUNK);
	for (int i = 0; i < 32 && strlen(seen) < 16; i++) {
		read_out(&r, true, seen);
		assert_true(recorder_pump(r.rec, UINT64_MAX, NULL) >= 0);
	}
	assert_string_equal(seen, "abcdefghijklmnop");
	assert_int_equal(recorder_stats(r.rec)->bytes_out, 16 * PAGE);
	tear_down(&r);
}

static void test_nobody_listens(void **state)
{
	struct err e = { 0 };
	struct rig r;
	int ret = 0;

	(void)state;
	set_up(&r, false, false);
	close(r.sink[1]);
	put_pages(&r, "abc"); /* the first is sent, and its answer comes with the next */
	for (int i = 0; i < 100 && ret >= 0; i++) {
		ret = recorder_pump(r.rec, PAGE, &e);
		usleep(1000);
	}
	assert_int_equal(ret, -ECONNREFUSED);
	assert_true(recorder_stats(r.rec)->sink_failed);
	assert_true(recorder_pending(r.rec) >= PAGE);
	assert_non_null(strstr(e.what, "nobody takes"));
	r.sink[1] = -1;
	tear_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page_a_datagram),
		cmocka_unit_test(test_numbers_behind_pages),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_nobody_listens),
	};

	return cmocka_run_group_tests_name("recorder datagram", tests, NULL, NULL);
}
