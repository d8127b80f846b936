// SPDX-License-Identifier: GPL-2.0
/* test_link.c - a control connection: messages, faults, finding TCONNECT again, patience */
#include "tests/unit/base/rows.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "session/link.h"
#include "session/session.h"
#include "session/totals.h"

#define TCONNECT "\0\0\0\10\0\0\0\2"
#define CLOSE	 "\0\0\0\10\0\0\0\1"
#define FINMETA	 "\0\0\0\10\0\0\0\7"
#define BYTES(s) s, sizeof(s) - 1

struct row {
	const char *name;
	const char *in;
	size_t len;
	const char *messages; /* their numbers, as digits */
	unsigned int faults;
};

/* The owner is always idle: TCONNECT and CLOSE are legal. It refuses the third TCONNECT in a row.
 */
static const struct row rows[] = {
	{ "one message", BYTES(TCONNECT), "2", 0 },
	{ "two messages", BYTES(TCONNECT CLOSE), "21", 0 },
	{ "half a message", BYTES("\0\0\0\10\0\0"), "", 0 },
	{ "an illegal one", BYTES(FINMETA), "", 1 },
	{ "after a fault only TCONNECT counts", BYTES(FINMETA CLOSE CLOSE FINMETA TCONNECT CLOSE),
	  "21", 1 },
	{ "TCONNECT at any offset", BYTES("\377\377\377\377\377\377\377\377\1\2\3" TCONNECT), "2",
	  1 },
	{ "what looks like TCONNECT's beginning",
	  BYTES("\377\377\377\377\377\377\377\377\0\0\0\10\0\0\0\10\0\0\0\2"), "2", 1 },
	{ "size 0", BYTES("\0\0\0\0\0\0\0\2" TCONNECT), "2", 1 },
	{ "size 4 GiB", BYTES("\377\377\377\377\0\0\0\2" TCONNECT), "2", 1 },
	{ "command 99", BYTES("\0\0\0\10\0\0\0\143" TCONNECT), "2", 1 },
	{ "refused by the owner", BYTES(TCONNECT TCONNECT TCONNECT CLOSE TCONNECT), "222", 1 },
};

struct bench {
	struct loop *loop;
	struct link *link;
	int peer;
	char messages[64];
	unsigned int faults, gone, in_a_row;
	struct err why;
};

static enum msg_state expects(void *ctx)
{
	(void)ctx;
	return MSG_S_IDLE;
}

static int message(void *ctx, const struct msg *m, struct err *e)
{
	struct bench *b = ctx;
	size_t n = strlen(b->messages);

	b->in_a_row = m->type == MSG_TCONNECT ? b->in_a_row + 1 : 0;
	if (b->in_a_row == 3) {
		b->in_a_row = 0;
		return err_say(e, EBUSY, "enough");
	}
	if (n + 1 < sizeof(b->messages))
		b->messages[n] = (char)('0' + m->type);
	return 0;
}

static void on_fault(void *ctx, const struct err *e)
{
	struct bench *b = ctx;

	b->faults++;
	b->why = *e;
}

static void gone(void *ctx, const struct err *e)
{
	struct bench *b = ctx;

	b->gone++;
	b->why = *e;
	link_free(b->link);
	b->link = NULL;
}

static void open_bench_of(struct bench *b, const struct link_owner *owner, uint64_t patience)
{
	int fds[2];

	memset(b, 0, sizeof(*b));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	b->loop = loop_new(NULL);
	b->peer = fds[1];
	b->link = link_new(b->loop, fds[0], owner, patience, NULL);
	assert_non_null(b->link);
}

static void open_bench(struct bench *b, uint64_t patience)
{
	struct link_owner owner = { b, expects, message, on_fault, gone };

	open_bench_of(b, &owner, patience);
}

static void close_bench(struct bench *b)
{
	link_free(b->link);
	loop_free(b->loop);
	if (b->peer >= 0)
		close(b->peer);
}

static void turn(struct bench *b, int times)
{
	while (times--)
		assert_int_equal(loop_once(b->loop, NSEC_PER_MSEC, NULL), 0);
}

/* All at once and byte by byte: the same. */
static void test_row(void **state)
{
	const struct row *row = *state;

	for (size_t piece = 1; piece <= row->len; piece += row->len - 1) {
		struct bench b;
		uint8_t answer[4096];
		ssize_t n;

		open_bench(&b, UINT64_MAX);
		for (size_t at = 0; at < row->len; at += piece) {
			size_t len = min_u64(piece, row->len - at);

			assert_int_equal(write(b.peer, row->in + at, len), len);
			turn(&b, 1);
		}
		assert_string_equal(b.messages, row->messages);
		assert_int_equal(b.faults, row->faults);
		n = read(b.peer, answer, sizeof(answer));
		assert_true(row->faults ? n > 20 && !answer[7] : n < 0); /* ERROR, or nothing */
		assert_int_equal(b.gone, 0);
		close_bench(&b);
	}
}

static void one_fault(struct bench *b)
{
	assert_int_equal(b->gone, 0);
	b->in_a_row = 0;
	assert_int_equal(write(b->peer, TCONNECT FINMETA, 16), 16);
	turn(b, 3);
}

static void test_too_many_faults(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, UINT64_MAX);
	for (int i = 0; i < LINK_MAX_FAULTS - 1; i++)
		one_fault(&b);
	link_forgive(b.link);
	for (int i = 0; i < LINK_MAX_FAULTS; i++)
		one_fault(&b);
	assert_int_equal(b.gone, 1);
	assert_int_equal(b.why.code, EPROTO);
	close_bench(&b);
}

static void test_patience(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, 20 * NSEC_PER_MSEC);
	for (int i = 0; i < 7; i++) { /* a byte each 10 ms does not put the end off */
		uint64_t until = now_ns() + 10 * NSEC_PER_MSEC;

		assert_int_equal(write(b.peer, &TCONNECT[i], 1), 1);
		while (now_ns() < until)
			turn(&b, 1);
	}
	assert_int_equal(b.faults, 1);
	assert_int_equal(b.why.code, ETIMEDOUT);
	assert_int_equal(write(b.peer, TCONNECT, 8), 8);
	turn(&b, 3);
	assert_string_equal(b.messages, "2");
	close_bench(&b);
}

static void test_idle_is_no_fault(void **state)
{
	uint64_t until = now_ns() + 50 * NSEC_PER_MSEC;
	struct bench b;

	(void)state;
	open_bench(&b, 10 * NSEC_PER_MSEC);
	assert_int_equal(write(b.peer, TCONNECT, 8), 8);
	while (now_ns() < until)
		turn(&b, 1);
	assert_int_equal(b.faults, 0);
	assert_int_equal(b.gone, 0);
	close_bench(&b);
}

static void test_pause(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, UINT64_MAX);
	link_pause(b.link, true);
	assert_int_equal(write(b.peer, TCONNECT CLOSE, 16), 16);
	turn(&b, 3);
	assert_string_equal(b.messages, "");
	link_pause(b.link, false);
	turn(&b, 3);
	assert_string_equal(b.messages, "21");
	close_bench(&b);
}

static void test_end(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, UINT64_MAX);
	close(b.peer);
	b.peer = -1;
	turn(&b, 3);
	assert_int_equal(b.gone, 1);
	assert_int_equal(b.why.code, 0);
	close_bench(&b);
}

/* A peer that sends faults and never reads the answers fills its socket and our buffer: given up.
 */
static void test_answers_not_read(void **state)
{
	struct msg m = { .type = MSG_CLOSE };
	struct bench b;

	(void)state;
	open_bench(&b, UINT64_MAX);
	for (int i = 0; i < 1000000 && !b.gone; i++) {
		link_send(b.link, &m);
		turn(&b, !(i % 1000));
	}
	turn(&b, 2);
	assert_int_equal(b.gone, 1);
	close_bench(&b);
}

static void dismiss(void *ctx, const struct agent_hello *h)
{
	struct bench *b = ctx;

	(void)h;
	link_dismiss(b->link);
}

/* Each hello of an agent that is busy is answered; one that reads none of that is given up. */
static void test_dismissals_not_read(void **state)
{
	struct bench b;
	struct link_owner owner = { &b, expects, message, on_fault, gone, .agent = dismiss };
	struct agent_hello h = { .busy = true, .cpus = 1, .version = "trace-cmd" };
	uint8_t hello[256];
	struct wcur w = wcur_make(hello, sizeof(hello), true);

	(void)state;
	open_bench_of(&b, &owner, UINT64_MAX);
	assert_int_equal(agent_hello_put(&w, &h), 0);
	for (int i = 0; i < 100000 && !b.gone; i++) {
		assert_true(write(b.peer, hello, sizeof(hello) - w.left) > 0);
		turn(&b, 1);
	}
	assert_int_equal(b.gone, 1);
	assert_int_equal(b.why.code, ENOBUFS);
	close_bench(&b);
}

int main(void)
{
	static const struct CMUnitTest more[] = {
		cmocka_unit_test(test_too_many_faults),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_idle_is_no_fault),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_answers_not_read),
		cmocka_unit_test(test_dismissals_not_read),
	};

	return cmocka_run_group_tests(more, NULL, NULL) + RUN_ROWS("link", rows, test_row);
}
