/* SPDX-License-Identifier: GPL-2.0 */
/*
 * job.h - work that takes long, beside the loop: one at a time, in the order given
 *
 * Putting a file together copies many GiB: seconds in which other guests must be served. It runs in
 * a thread. One at a time, because each maps its metadata: memory stays bounded, and two would only
 * share the same disk.
 */
#ifndef SESSION_JOB_H
#define SESSION_JOB_H

#include "base/loop.h"

struct job {
	void (*work)(struct job *j); /* in the thread: touches nothing that the loop uses */
	void (*done)(struct job *j); /* in the loop, afterwards; may free the job */
	struct job *next;
};

struct jobs;

struct jobs *jobs_new(struct loop *l, struct err *e); /* NULL on error */
void jobs_free(struct jobs *js); /* waits for the running one, drops the others; NULL is fine */
void jobs_add(struct jobs *js, struct job *j);
bool jobs_idle(const struct jobs *js);

#endif
