/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvm-track.h - the method "kvm" while a guest is recorded: its TSC offsets, and their changes
 *
 * debugfs says what holds now, events say when it changed. Both are needed: debugfs alone knows of
 * a change only when it is read again, and events alone are not to be believed (timesync/kvm.h).
 */
#ifndef TIMESYNC_KVM_TRACK_H
#define TIMESYNC_KVM_TRACK_H

#include "timesync/kvm.h"
#include "tracing/tracefs.h"

/* The mount point of debugfs: TS_KVM_ROOT, or what the environment's TRACE_CMD_DEBUGFS says. */
const char *ts_kvm_root(void);

/*
 * A line of a trace's text: "qemu-71 [001] ..... 123: kvm_write_tsc_offset: vcpu=0 prev=1 next=2",
 * with @tid the thread and raw times. False: it is another one.
 */
bool ts_kvm_event_read(const char *line, pid_t *tid, struct ts_kvm_event *ev);

struct ts_kvm_watch;

/*
 * Watch the event kvm_write_tsc_offset, of the threads of @pid, in the instance @name of @top
 * (borrowed), which is made for that. NULL on error.
 */
struct ts_kvm_watch *ts_kvm_watch_new(const struct tracefs *top, const char *name, pid_t pid,
				      struct err *e);
void ts_kvm_watch_free(struct ts_kvm_watch *w); /* the instance goes away; NULL is fine */

/* The events since the last call, in order of time; *list is the caller's. */
int ts_kvm_watch_take(struct ts_kvm_watch *w, struct ts_kvm_event **list, size_t *n, struct err *e);

struct ts_kvm_track_opts {
	const char *root;	     /* of debugfs */
	pid_t pid;		     /* of the guest's QEMU */
	struct ts_kvm_watch *events; /* owned by the track, also if it is not made; NULL: none */
	size_t cpus;		     /* of the guest */
	const uint32_t *apic; /* their APIC ids, UINT32_MAX: not known; borrowed for the call */
	uint64_t host;	      /* TSC now */
};

struct ts_kvm_track;

/* Errors are those of ts_kvm_read(), ts_kvm_pick() and ts_kvm_map(). */
int ts_kvm_track_new(const struct ts_kvm_track_opts *o, struct ts_kvm_track **t, struct err *e);
void ts_kvm_track_free(struct ts_kvm_track *t); /* NULL is fine */

/* Look for changes, at the host's TSC @host. -ESRCH: the VM is gone; what is known stays. */
int ts_kvm_track_look(struct ts_kvm_track *t, uint64_t host, struct err *e);

/* host - guest of @cpu at the host's TSC @host, as of the last look. */
int64_t ts_kvm_track_offset(const struct ts_kvm_track *t, size_t cpu, uint64_t host);

const struct ts_points *ts_kvm_track_points(const struct ts_kvm_track *t);

struct ts_kvm_track_count {
	uint64_t steps;	  /* told by events */
	uint64_t untold;  /* looks that found a change of which no event told */
	uint64_t refuted; /* looks after which events were not believed */
};

const struct ts_kvm_track_count *ts_kvm_track_count(const struct ts_kvm_track *t);

#endif
