// SPDX-License-Identifier: GPL-2.0
/*
 * kvm-watch.c - events of a change of a vCPU's TSC offset, in an instance of our own
 *
 * Theory of operation
 *
 * They are a few in the life of a guest (it boots; it is restored; it writes its TSC), so their
 * text, taken out of trace_pipe, is good enough. The instance has the clock x86-tsc, of which the
 * text has the raw ticks. An event names no VM: whose it is says the thread, one of QEMU's.
 */
#include "timesync/kvm-track.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tracing/undo.h"

enum { LINE_MAX_LEN = 1024, PIPE_CHUNK = 4096, MAX_TAKEN = 1 << 20 };

#define EVENT "kvm_write_tsc_offset"

struct ts_kvm_watch {
	struct undo *undo;
	int pipe;
	pid_t pid;
};

/* The digits that end at @end, which begin behind @before. */
static const char *digits_before(const char *line, const char *end, char before)
{
	const char *at = end;

	while (at > line && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return at < end && at > line && at[-1] == before ? at : NULL;
}

bool ts_kvm_event_read(const char *line, pid_t *tid, struct ts_kvm_event *ev)
{
	const char *name = strstr(line, ": " EVENT ": "), *cpu = NULL, *time, *thread;
	int id;

	if (!name || sscanf(name, ": " EVENT ": vcpu=%" SCNu32 " prev=%" SCNu64 " next=%" SCNu64,
			    &ev->vcpu_id, &ev->previous, &ev->next) != 3)
		return false;
	/* A thread may have any name; the CPU behind it is the last word in brackets. */
	for (const char *at = line; (at = strstr(at, " [")) && at < name; at++)
		cpu = at;
	while (cpu && cpu > line && cpu[-1] == ' ')
		cpu--;
	thread = cpu ? digits_before(line, cpu, '-') : NULL;
	time = digits_before(line, name, ' ');
	if (!thread || !time || sscanf(thread, "%d", &id) != 1)
		return false;
	*tid = id;
	return sscanf(time, "%" SCNu64, &ev->host) == 1;
}

static int prepare(struct ts_kvm_watch *w, const struct tracefs *top, const char *name,
		   struct err *e)
{
	struct tracefs *instance;
	int ret;

	if (!tfs_has(top, "events/kvm/" EVENT))
		return err_say(e, ENOENT, "this kernel has no event " EVENT);
	instance = undo_instance(w->undo, top, name, e);
	if (!instance)
		return -EIO;
	ret = undo_write(w->undo, instance, "trace_clock", "x86-tsc", e);
	if (!ret)
		ret = undo_write(w->undo, instance, "events/kvm/" EVENT "/enable", "1", e);
	if (!ret)
		ret = undo_write(w->undo, instance, "tracing_on", "1", e);
	if (ret)
		return ret;
	w->pipe = tfs_file(instance, "trace_pipe", O_RDONLY | O_NONBLOCK, e);
	return w->pipe < 0 ? w->pipe : 0;
}

struct ts_kvm_watch *ts_kvm_watch_new(const struct tracefs *top, const char *name, pid_t pid,
				      struct err *e)
{
	struct ts_kvm_watch *w = calloc(1, sizeof(*w));

	if (!w) {
		err_set(e, ENOMEM, "no memory for the events of KVM");
		return NULL;
	}
	w->pipe = -1;
	w->pid = pid;
	w->undo = undo_new(e);
	if (w->undo && !prepare(w, top, name, e))
		return w;
	ts_kvm_watch_free(w);
	return NULL;
}

void ts_kvm_watch_free(struct ts_kvm_watch *w)
{
	if (!w)
		return;
	cleanup_fd(&w->pipe);
	if (w->undo)
		undo_all(w->undo, NULL);
	undo_free(w->undo);
	free(w);
}

static bool is_thread_of(pid_t pid, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)tid);
	return !access(path, F_OK);
}

static int read_pipe(int fd, struct buf *text, struct err *e)
{
	char chunk[PIPE_CHUNK];

	while (text->len < MAX_TAKEN) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return err_set(e, errno, "cannot read the events of KVM");
		if (n <= 0)
			break;
		if (buf_add(text, chunk, (size_t)n))
			return err_set(e, ENOMEM, "no memory for the events of KVM");
	}
	return buf_text(text) ? err_set(e, ENOMEM, "no memory for the events of KVM") : 0;
}

int ts_kvm_watch_take(struct ts_kvm_watch *w, struct ts_kvm_event **list, size_t *n, struct err *e)
{
	struct buf text = { 0 };
	struct ts_kvm_event ev, *more;
	char *line, *rest;
	pid_t tid;
	int ret = read_pipe(w->pipe, &text, e);

	*list = NULL;
	*n = 0;
	rest = ret ? NULL : (char *)text.data;
	while (!ret && (line = strsep(&rest, "\n"))) {
		if (!ts_kvm_event_read(line, &tid, &ev) || !is_thread_of(w->pid, tid))
			continue;
		more = reallocarray(*list, *n + 1, sizeof(*more));
		if (!more) {
			ret = err_set(e, ENOMEM, "no memory for the events of KVM");
			break;
		}
		*list = more;
		more[(*n)++] = ev;
	}
	buf_free(&text);
	return ret;
}
