// SPDX-License-Identifier: GPL-2.0
/*
 * job.c - work that takes long, beside the loop
 *
 * Theory of operation
 *
 * A queue in the loop's thread, and at most one worker thread, made for one job and joined when its
 * eventfd says that it is done. The worker has the signals blocked as its maker has
 * (loop_signals()), so they all go to the loop. If no thread can be made, the work is done at once:
 * late for others, but done.
 */
#include "session/job.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct jobs {
	struct loop *loop;
	struct watch watch; /* the eventfd */
	struct job *running, *first, **last;
	pthread_t thread;
	bool threaded; /* .thread is to be joined */
};

static void *worker(void *arg)
{
	struct jobs *js = arg;

	js->running->work(js->running);
	eventfd_write(js->watch.fd, 1);
	return NULL;
}

static void start_next(struct jobs *js)
{
	struct job *j = js->first;

	if (js->running || !j)
		return;
	js->first = j->next;
	if (!js->first)
		js->last = &js->first;
	j->next = NULL;
	js->running = j;
	js->threaded = !pthread_create(&js->thread, NULL, worker, js);
	if (!js->threaded)
		worker(js);
}

static void job_ready(struct watch *w, uint32_t events)
{
	struct jobs *js = container_of(w, struct jobs, watch);
	struct job *j = js->running;
	eventfd_t n;

	(void)events;
	if (eventfd_read(w->fd, &n) || !j)
		return;
	if (js->threaded)
		pthread_join(js->thread, NULL);
	js->running = NULL;
	start_next(js);
	j->done(j);
}

struct jobs *jobs_new(struct loop *l, struct err *e)
{
	struct jobs *js = calloc(1, sizeof(*js));

	if (!js) {
		err_set(e, ENOMEM, "no memory for the list of jobs");
		return NULL;
	}
	js->loop = l;
	js->last = &js->first;
	js->watch =
		(struct watch){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = job_ready };
	if (js->watch.fd < 0) {
		err_set(e, errno, "cannot make an eventfd");
		free(js);
		return NULL;
	}
	if (loop_watch(l, &js->watch, EPOLLIN, e)) {
		close(js->watch.fd);
		free(js);
		return NULL;
	}
	return js;
}

void jobs_free(struct jobs *js)
{
	if (!js)
		return;
	if (js->running && js->threaded)
		pthread_join(js->thread, NULL);
	loop_unwatch(&js->watch);
	close(js->watch.fd);
	free(js);
}

void jobs_add(struct jobs *js, struct job *j)
{
	j->next = NULL;
	*js->last = j;
	js->last = &j->next;
	start_next(js);
}

bool jobs_idle(const struct jobs *js)
{
	return !js->running && !js->first;
}
