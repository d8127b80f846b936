// SPDX-License-Identifier: GPL-2.0
/*
 * test_loop.c - the event loop: what may happen inside a callback, order of timers, signals
 *
 * A scene is a few eventfds, all readable, and what each one's callback does to another.
 */
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/io.h"
#include "tests/unit/base/rows.h"

enum { PEERS = 3 };

/* What the callback of the first peer that runs does; the others only count. */
enum deed { NOTHING, UNWATCH_SELF, UNWATCH_OTHERS, FREE_OTHERS, WATCH_NEW, REWATCH_NONE, STOP };

struct scene;

struct peer {
	struct watch w;
	struct scene *scene;
	int runs;
};

struct scene {
	struct loop *loop;
	struct peer *peer[PEERS + 1]; /* the last one is added by WATCH_NEW */
	enum deed deed;
	bool done;
};

static void drop_peer(struct scene *s, size_t i)
{
	loop_unwatch(&s->peer[i]->w);
	close(s->peer[i]->w.fd);
	free(s->peer[i]);
	s->peer[i] = NULL;
}

static void others(struct scene *s, const struct peer *me, bool free_them)
{
	for (size_t i = 0; i < PEERS; i++) {
		if (s->peer[i] == me)
			continue;
		if (free_them)
			drop_peer(s, i);
		else
			loop_unwatch(&s->peer[i]->w);
	}
}

static void do_deed(struct scene *s, struct peer *me)
{
	switch (s->deed) {
	case UNWATCH_SELF:
		return loop_unwatch(&me->w);
	case UNWATCH_OTHERS:
	case FREE_OTHERS:
		return others(s, me, s->deed == FREE_OTHERS);
	case WATCH_NEW:
		assert_int_equal(loop_watch(s->loop, &s->peer[PEERS]->w, EPOLLIN, NULL), 0);
		return;
	case REWATCH_NONE:
		assert_int_equal(loop_rewatch(&me->w, 0, NULL), 0);
		return;
	case STOP:
		return loop_stop(s->loop);
	case NOTHING:
		return;
	}
}

static void peer_ready(struct watch *w, uint32_t events)
{
	struct peer *me = container_of(w, struct peer, w);
	struct scene *s = me->scene;

	assert_true(events & EPOLLIN);
	me->runs++;
	if (s->done)
		return;
	s->done = true;
	do_deed(s, me);
}

static const struct scene_case {
	const char *name;
	enum deed deed;
	int first, second; /* callbacks in the first and in the second round */
} scenes[] = {
	{ "all run in each round", NOTHING, 3, 3 },
	{ "one that unwatched itself", UNWATCH_SELF, 3, 2 },
	{ "others whose event was on its way", UNWATCH_OTHERS, 1, 1 },
	{ "others are freed", FREE_OTHERS, 1, 1 },
	{ "a new one waits for the next round", WATCH_NEW, 3, 4 },
	{ "one that wants no events", REWATCH_NONE, 3, 2 },
	{ "the round goes on after a stop", STOP, 3, 3 },
};

static struct peer *new_peer(struct scene *s)
{
	struct peer *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->scene = s;
	p->w.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	p->w.ready = peer_ready;
	assert_true(p->w.fd >= 0);
	return p;
}

static int take_runs(struct scene *s)
{
	int n = 0;

	for (size_t i = 0; i <= PEERS; i++) {
		n += s->peer[i] ? s->peer[i]->runs : 0;
		if (s->peer[i])
			s->peer[i]->runs = 0;
	}
	return n;
}

static void test_scene(void **state)
{
	const struct scene_case *t = *state;
	struct scene s = { .deed = t->deed };

	s.loop = loop_new(NULL);
	for (size_t i = 0; i <= PEERS; i++)
		s.peer[i] = new_peer(&s);
	for (size_t i = 0; i < PEERS; i++)
		assert_int_equal(loop_watch(s.loop, &s.peer[i]->w, EPOLLIN, NULL), 0);
	assert_int_equal(loop_once(s.loop, 0, NULL), 0);
	assert_int_equal(take_runs(&s), t->first);
	assert_int_equal(loop_once(s.loop, 0, NULL), 0);
	assert_int_equal(take_runs(&s), t->second);
	for (size_t i = 0; i <= PEERS; i++)
		if (s.peer[i])
			drop_peer(&s, i);
	loop_free(s.loop);
}

/* Timers write their letter; what they do besides depends on the letter's case in the table. */
struct bell {
	struct timer t;
	char letter;
	struct band *band;
};

struct band {
	struct loop *loop;
	struct bell bell[4]; /* a b c d */
	char heard[16];
	char deed; /* what 'a' does: D disarms b, R arms itself again, M moves b behind, S stops */
};

static void ring(struct timer *t)
{
	struct bell *b = container_of(t, struct bell, t);
	struct band *band = b->band;
	size_t n = strlen(band->heard);

	assert_true(n + 1 < sizeof(band->heard));
	band->heard[n] = b->letter;
	if (b->letter != 'a')
		return;
	if (band->deed == 'D')
		loop_disarm(&band->bell[1].t);
	else if (band->deed == 'R' && n < 2)
		loop_arm(band->loop, t, 0);
	else if (band->deed == 'M')
		loop_arm(band->loop, &band->bell[1].t, 40 * NSEC_PER_MSEC);
}

static const struct bell_case {
	const char *name;
	uint64_t in_ms[4]; /* of a b c d; 99 = not armed */
	char deed;
	const char *want;
} bells[] = {
	{ "in order of time, not of arming", { 3, 1, 2, 0 }, ' ', "dbca" },
	{ "equal ones in order of arming", { 0, 0, 0, 0 }, ' ', "abcd" },
	{ "one that is not armed", { 1, 99, 0, 99 }, ' ', "ca" },
	{ "disarmed by another", { 0, 1, 2, 99 }, 'D', "ac" },
	{ "disarmed by another that is due with it", { 0, 0, 0, 99 }, 'D', "ac" },
	{ "moved behind another", { 0, 1, 2, 99 }, 'M', "acb" },
	{ "armed again by itself", { 0, 99, 99, 99 }, 'R', "aaa" },
};

static void test_bells(void **state)
{
	const struct bell_case *t = *state;
	struct band band = { .deed = t->deed };
	uint64_t end;

	band.loop = loop_new(NULL);
	assert_non_null(band.loop);
	for (size_t i = 0; i < ARRAY_SIZE(band.bell); i++) {
		band.bell[i] =
			(struct bell){ .t.fire = ring, .letter = (char)('a' + i), .band = &band };
		if (t->in_ms[i] != 99)
			loop_arm(band.loop, &band.bell[i].t, t->in_ms[i] * 4 * NSEC_PER_MSEC);
	}
	end = now_ns() + NSEC_PER_SEC;
	while (strlen(band.heard) < strlen(t->want) && now_ns() < end)
		assert_int_equal(loop_once(band.loop, 20 * NSEC_PER_MSEC, NULL), 0);
	assert_int_equal(loop_once(band.loop, 5 * NSEC_PER_MSEC, NULL), 0);
	assert_string_equal(band.heard, t->want);
	loop_free(band.loop);
}

static void stop_loop(struct timer *t)
{
	loop_stop(container_of(t, struct bell, t)->band->loop);
}

/* A timer is never early, and one that is armed twice fires once, at the later order. */
static void test_due(void **state)
{
	struct band band = { .deed = ' ' };
	struct bell *b = &band.bell[0];
	uint64_t begin = now_ns();

	(void)state;
	band.loop = loop_new(NULL);
	*b = (struct bell){ .t.fire = stop_loop, .band = &band };
	loop_disarm(&b->t);
	loop_arm(band.loop, &b->t, 0);
	loop_arm(band.loop, &b->t, 30 * NSEC_PER_MSEC);
	assert_int_equal(loop_run(band.loop, NULL), 0);
	assert_in_range(now_ns() - begin, 30 * NSEC_PER_MSEC, 20 * NSEC_PER_SEC);
	assert_null(b->t.loop);
	loop_free(band.loop);
}

/* "Never" may be said with the largest number. */
static void test_never(void **state)
{
	struct band band = { .deed = ' ' };

	(void)state;
	band.loop = loop_new(NULL);
	for (size_t i = 0; i < 2; i++)
		band.bell[i] =
			(struct bell){ .t.fire = ring, .letter = (char)('b' + i), .band = &band };
	loop_arm(band.loop, &band.bell[0].t, UINT64_MAX);
	loop_arm(band.loop, &band.bell[1].t, 0);
	assert_int_equal(loop_once(band.loop, 0, NULL), 0);
	assert_string_equal(band.heard, "c");
	loop_disarm(&band.bell[0].t);
	loop_free(band.loop);
}

struct sigs {
	struct loop *loop;
	int got[4];
	size_t n;
};

static void got_signal(void *ctx, int signo)
{
	struct sigs *s = ctx;

	assert_true(s->n < ARRAY_SIZE(s->got));
	s->got[s->n++] = signo;
	loop_stop(s->loop);
}

static bool is_blocked(int signo)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, signo);
}

static void test_signals(void **state)
{
	static const int set[] = { SIGUSR1, SIGTERM, 0 };
	struct sigs s = { 0 };

	(void)state;
	s.loop = loop_new(NULL);
	assert_int_equal(loop_signals(s.loop, set, got_signal, &s, NULL), 0);
	assert_true(is_blocked(SIGTERM));
	assert_false(is_blocked(SIGUSR2));
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGUSR1);
	assert_int_equal(loop_run(s.loop, NULL), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.got[0] + s.got[1], SIGTERM + SIGUSR1);
	loop_free(s.loop);
	assert_false(is_blocked(SIGTERM));
}

/* Errors name the descriptor; to unwatch what is not watched is fine; NULL is fine. */
static void test_errors(void **state)
{
	struct watch w = { .fd = -1 };
	struct err e = { 0 };
	struct loop *l = loop_new(NULL);

	(void)state;
	loop_unwatch(&w);
	assert_int_equal(loop_watch(l, &w, EPOLLIN, &e), -EBADF);
	assert_string_equal(e.what, "cannot watch descriptor -1");
	assert_null(w.loop);
	loop_unwatch(&w);
	loop_free(l);
	loop_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_errors),
	};
	int failed = RUN_ROWS("loop: inside callbacks", scenes, test_scene);

	failed += RUN_ROWS("loop: timers", bells, test_bells);
	return failed + cmocka_run_group_tests_name("loop: others", tests, NULL, NULL);
}
