// SPDX-License-Identifier: GPL-2.0
/*
 * test_virt_link.c - the client's side of the control channel against scripted servers
 *
 * A row is a server: what it writes after each message that it reads. It runs in a thread at the
 * other end of a socket pair.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "recording/virt-link.h"

#define RCONNECT  "\0\0\0\x18\0\0\0\3\0\0\0\x0ctracecmd-V2\0"
#define RINIT_2	  "\0\0\0\x0c\0\0\0\5\0\0\0\2"
#define RINIT_9	  "\0\0\0\x0c\0\0\0\5\0\0\0\x09"
#define ERROR_OLD "\0\0\0\x10\0\0\0\0\0\0\0\x14\0\0\0\4"
#define ERROR_WHY "\0\0\0\x1a\0\0\0\0\0\0\0\x14\0\0\0\4why:tired\0"
#define LEGACY	  "tracecmd"
#define LIT(s)                   \
	{                        \
		s, sizeof(s) - 1 \
	}

struct reply {
	const char *bytes;
	size_t len;
};

static const struct row {
	const char *name;
	struct reply replies[6]; /* to the 1st, 2nd, ... message */
	int want;
	bool ext;	   /* granted in the end */
	const char *words; /* in the error text */
} rows[] = {
	{ "old server", { LIT(RCONNECT), LIT(RINIT_2) }, 0, false, NULL },
	{ "an old RINIT lies in the channel",
	  { LIT(RINIT_2 RCONNECT), LIT(RINIT_2) },
	  0,
	  false,
	  NULL },
	{ "two RCONNECT", { LIT(RCONNECT RCONNECT), LIT(RINIT_2) }, 0, false, NULL },
	{ "the option is refused",
	  { LIT(RCONNECT), LIT(ERROR_OLD), LIT(RCONNECT), LIT(RINIT_2) },
	  0,
	  false,
	  NULL },
	{ "refused with a reason",
	  { LIT(RCONNECT), LIT(ERROR_WHY) },
	  -ECONNREFUSED,
	  false,
	  "tired" },
	{ "other count of CPUs", { LIT(RCONNECT), LIT(RINIT_9) }, -EPROTO, false, "9 CPUs" },
	{ "legacy server", { LIT(LEGACY) }, -ETIMEDOUT, false, "trace-cmd listen" },
	{ "silent server", { { NULL, 0 } }, -ETIMEDOUT, false, "does not answer" },
};

struct server {
	const struct row *row;
	int fd;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	char in[MSG_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(s->row->replies); i++) {
		if (read(s->fd, in, sizeof(in)) <= 0)
			break;
		if (s->row->replies[i].len &&
		    write(s->fd, s->row->replies[i].bytes, s->row->replies[i].len) < 0)
			break;
	}
	return NULL;
}

static void test_row(void **state)
{
	const struct row *row = *state;
	struct virt_link_opts o = { .wait_ns = 300 * NSEC_PER_MSEC, .peer = "test" };
	struct server s = { .row = row };
	struct client_terms terms;
	struct client *l;
	struct err e = { 0 };
	pthread_t t;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	s.fd = fds[1];
	o.fd = fds[0];
	l = virt_link_new(&o, &e);
	assert_non_null(l);
	assert_int_equal(pthread_create(&t, NULL, serve, &s), 0);
	assert_int_equal(virt_link_begin(l, 2, 4096, &terms, &e), row->want);
	if (!row->want)
		assert_int_equal(terms.features != 0, row->ext);
	if (row->words && !strstr(e.what, row->words))
		fail_msg("'%s' is not in '%s'", row->words, e.what);
	shutdown(fds[0], SHUT_RDWR);
	pthread_join(t, NULL);
	client_free(l);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows)];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].name,
						.test_func = test_row,
						.initial_state = (void *)(uintptr_t)&rows[i] };
	return cmocka_run_group_tests_name("virt-link", tests, NULL, NULL);
}
