/* SPDX-License-Identifier: GPL-2.0 */
/*
 * loop.h - one event loop: descriptors, deadlines and signals
 *
 * A watch and a timer are members of the object that they serve (container_of() leads back). A
 * callback never blocks. Inside a callback any watch or timer may be added or removed, also the
 * running one and others whose event is already on its way: those events are dropped.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <sys/epoll.h>
#include "base/err.h"

struct loop;

struct watch {
	int fd; /* borrowed; -1 = not in use */
	/* @events: EPOLLIN, EPOLLOUT, EPOLLHUP, ... as epoll_wait(2) gives them */
	void (*ready)(struct watch *w, uint32_t events);
	struct loop *loop; /* set while added */
};

struct timer {
	void (*fire)(struct timer *t);
	uint64_t due;	   /* now_ns() time */
	struct loop *loop; /* set while armed */
	struct timer *next;
};

struct loop *loop_new(struct err *e); /* NULL on error */
void loop_free(struct loop *l);	      /* NULL is fine; watches and timers must be removed first */

int loop_watch(struct loop *l, struct watch *w, uint32_t events, struct err *e);
int loop_rewatch(struct watch *w, uint32_t events, struct err *e); /* other events, 0 = none */
void loop_unwatch(struct watch *w);				   /* not added is fine */

void loop_arm(struct loop *l, struct timer *t, uint64_t in_ns); /* armed already: moved */
void loop_disarm(struct timer *t);				/* not armed is fine */

/* Run until loop_stop(); 0 or a negative errno. */
int loop_run(struct loop *l, struct err *e);
void loop_stop(struct loop *l);

/* One round: wait up to @wait_ns for an event, run what is due. For tests and short waits. */
int loop_once(struct loop *l, uint64_t wait_ns, struct err *e);

/*
 * Block the signals in @set (a 0-terminated list) and deliver them to @got from the loop. The mask
 * that was there before comes back with loop_free().
 */
int loop_signals(struct loop *l, const int *set, void (*got)(void *ctx, int signo), void *ctx,
		 struct err *e);

#endif
