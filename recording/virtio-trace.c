// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-trace.c - the guest's agent of virtio-trace, as the kernel tree has it
 *
 * Theory of operation
 *
 * The loop's thread hears the control port; a lane a CPU, a thread bound to it, moves the pages. It
 * sleeps in poll(2): while stopped for its call, while started for pages, at most a LOOK, since
 * poll(2) of a ring wakes it only when the ring is half full (buffer_percent).
 *
 * On '0' a lane takes what the ring still has, so that what happened before the order is sent: the
 * page that is being written too. Tracing goes on meanwhile, so that this has an end of its own.
 *
 * All ports are non-blocking, unlike in the kernel tree's agent: where the host does not read,
 * pages stay in the ring, which overwrites itself and counts what is lost. A page that is half in
 * the port waits with its lane, also while stopped: a stream is of whole pages.
 *
 * With -o all lanes share stdout. One of them has it until its pages are out.
 */
#include "recording/virtio-trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "recording/virt-ports.h"
#include "trace-recorder.h"
#include "tracing/pages.h"
#include "transport/virtio-port.h"

#define LOOK  (200 * NSEC_PER_MSEC)
#define FLUSH (500 * NSEC_PER_MSEC)
#define AWAY  (500 * NSEC_PER_MSEC) /* between looks at a port whose other end is closed */

enum { BURST = 4 << 20, LAST_PAGES = 2 };

struct lane {
	struct vtrace *v;
	uint32_t cpu;
	int source; /* owned */
	int sink;   /* of .v */
	int wake;   /* eventfd, owned: .on or .quit changed */
	struct recorder *rec;
	struct err err; /* .code 0, or why it has ended */
	bool begun;
	pthread_t thread;
};

struct vtrace {
	struct loop *loop;
	struct vtrace_opts opts;
	struct watch ctl;
	struct timer away;
	struct tracefs *top;
	uint32_t page_size;
	struct cpu_list cpus;
	int *ports; /* owned */
	int out;    /* owned: stdout, -1 without -o */
	pthread_mutex_t out_lock;
	struct lane *lanes; /* owned, .cpus.n of them */
	_Atomic bool on, quit;
};

bool vtrace_order(const char *bytes, size_t n, bool before)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] == '0' || bytes[i] == '1')
			before = bytes[i] == '1';
	return before;
}

/* A lane */

static void wait_lane(const struct lane *l, int fd, short events, uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC) };
	struct pollfd fds[] = { { .fd = l->wake, .events = POLLIN },
				{ .fd = fd, .events = events } };
	int n = ppoll(fds, fd < 0 ? 1 : 2, ns ? &ts : NULL, NULL);
	uint64_t count;

	if (n > 0 && fds[0].revents)
		(void)!read(l->wake, &count, sizeof(count));
	else if (n > 0 && !(fds[1].revents & events)) /* POLLERR, POLLHUP: they would not end */
		ppoll(fds, 1, &ts, NULL);
}

/* What there is, or until the sink is full: as recorder_pump(). A CPU without a ring has nothing.
 */
static int move_pages(struct lane *l, uint64_t budget)
{
	int ret = recorder_pump(l->rec, budget, &l->err);

	if (ret != -ENODEV || recorder_stats(l->rec)->sink_failed)
		return ret;
	err_clear(&l->err);
	return REC_IDLE;
}

/* The same into what others share: whole pages, so that nobody else's come between. */
static int move_alone(struct lane *l, uint64_t budget)
{
	int ret;

	pthread_mutex_lock(&l->v->out_lock);
	ret = move_pages(l, budget);
	while (ret == REC_BLOCKED && !l->v->quit) {
		wait_lane(l, l->sink, POLLOUT, LOOK);
		ret = move_pages(l, budget);
	}
	pthread_mutex_unlock(&l->v->out_lock);
	return ret;
}

static int move(struct lane *l, uint64_t budget)
{
	return l->v->out >= 0 ? move_alone(l, budget) : move_pages(l, budget);
}

/* Until the source has nothing, or it is @until (now_ns() time). */
static int move_all(struct lane *l, uint64_t until)
{
	int ret = 0;

	while (!l->v->quit && now_ns() < until) {
		ret = move(l, BURST);
		if (ret == REC_BLOCKED)
			wait_lane(l, l->sink, POLLOUT, LOOK);
		else if (ret != REC_BUDGET)
			break;
	}
	return ret;
}

/*
 * '0': what is left. First whole pages, which a splice yields, then the one that is being written.
 * Only that: where our own reading is traced, each read makes an event for the next one.
 */
static int flush(struct lane *l)
{
	int ret = move_all(l, now_ns() + FLUSH);

	if (ret == REC_IDLE)
		ret = recorder_copy(l->rec, &l->err);
	if (!ret)
		ret = move(l, LAST_PAGES * l->v->page_size);
	if (!recorder_pending(l->rec)) {
		recorder_free(l->rec);
		l->rec = NULL;
	}
	return ret < 0 ? ret : 0;
}

static int run_lane(struct lane *l)
{
	struct recorder_opts o = { .source = l->source,
				   .sink = l->sink,
				   .page_size = l->v->page_size };
	int ret = 0;

	if (!l->rec)
		l->rec = recorder_new(&o, &l->err);
	if (!l->rec)
		return -ENOMEM;
	while (l->v->on && !l->v->quit && ret >= 0) {
		ret = move(l, BURST);
		if (ret == REC_BLOCKED)
			wait_lane(l, l->sink, POLLOUT, LOOK);
		else if (ret >= 0 && ret != REC_BUDGET)
			wait_lane(l, l->source, POLLIN, LOOK);
	}
	return ret < 0 ? ret : flush(l);
}

/* An agent on another CPU would be seen in that one's trace, and disturb it. */
static void bind_lane(const struct lane *l)
{
	cpu_set_t *set = CPU_ALLOC(l->cpu + 1);
	size_t size = CPU_ALLOC_SIZE(l->cpu + 1);

	if (set) {
		CPU_ZERO_S(size, set);
		CPU_SET_S(l->cpu, size, set);
	}
	if (!set || sched_setaffinity(0, size, set))
		log_warn(l->v->opts.log, "CPU %u: its thread cannot be bound to it", l->cpu);
	if (set)
		CPU_FREE(set);
}

static void *lane_thread(void *arg)
{
	struct lane *l = arg;

	bind_lane(l);
	while (!l->v->quit) {
		if (!l->v->on) {
			wait_lane(l, -1, 0, 0);
			continue;
		}
		if (run_lane(l) < 0) {
			err_prefix(&l->err, "CPU %u", l->cpu);
			log_err(l->v->opts.log, &l->err);
			return NULL;
		}
	}
	return NULL;
}

/* Orders */

static void call_lanes(struct vtrace *v)
{
	uint64_t one = 1;

	for (size_t i = 0; v->lanes && i < v->cpus.n; i++)
		if (v->lanes[i].wake >= 0)
			(void)!write(v->lanes[i].wake, &one, sizeof(one));
}

static void set_on(struct vtrace *v, bool on, const char *why)
{
	if (v->on == on)
		return;
	v->on = on;
	log_info(v->opts.log, "%s: %s", why, on ? "start" : "stop");
	call_lanes(v);
}

/* A port whose other end is closed says so without end. */
static void host_away(struct vtrace *v)
{
	loop_unwatch(&v->ctl);
	set_on(v, false, "the host has closed the control port");
	loop_arm(v->loop, &v->away, AWAY);
}

static void look_again(struct timer *t)
{
	struct vtrace *v = container_of(t, struct vtrace, away);
	struct pollfd p = { .fd = v->ctl.fd };
	struct err e = { 0 };

	if (vport_plugged(v->ctl.fd, NULL))
		loop_stop(v->loop);
	else if (poll(&p, 1, 0) < 0 || p.revents & POLLHUP ||
		 loop_watch(v->loop, &v->ctl, EPOLLIN, &e))
		loop_arm(v->loop, t, AWAY);
}

static void ctl_ready(struct watch *w, uint32_t events)
{
	struct vtrace *v = container_of(w, struct vtrace, ctl);
	char text[256];
	ssize_t n = read(w->fd, text, sizeof(text));

	if (n > 0)
		set_on(v, vtrace_order(text, (size_t)n, v->on), "the host");
	else if (!n || events & (EPOLLHUP | EPOLLERR) || (errno != EAGAIN && errno != EINTR))
		host_away(v);
}

/* Life */

/*
 * stdout, non-blocking where that can be had for us alone: a pipe is opened anew. Files do not
 * block, and what else there is may.
 */
static int open_stdout(struct err *e)
{
	struct stat st;
	int fd = -1;

	if (isatty(STDOUT_FILENO)) {
		err_say(e, ENOTTY, "raw pages are not for a terminal");
		err_hint(e, "agent --virtio-trace -o >FILE");
		return -ENOTTY;
	}
	if (!fstat(STDOUT_FILENO, &st) && S_ISFIFO(st.st_mode))
		fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? err_set(e, errno, "cannot write to stdout") : fd;
}

static int open_sinks(struct vtrace *v, struct err *e)
{
	if (!v->opts.to_stdout)
		return virt_ports_open(v->cpus.cpu, v->cpus.n, &v->ports, e);
	v->out = open_stdout(e);
	return v->out < 0 ? v->out : 0;
}

static int open_rings(struct vtrace *v, struct err *e)
{
	struct page_layout layout;
	int ret;

	v->top = tfs_open(v->opts.root, e);
	if (!v->top)
		return -EIO;
	ret = pages_layout(v->top, &layout, e);
	v->page_size = ret ? 0 : layout.size;
	return ret ? ret : pages_cpus(v->top, &v->cpus, e);
}

static int start_lane(struct vtrace *v, size_t i, struct err *e)
{
	struct lane *l = &v->lanes[i];
	int ret;

	l->sink = v->ports ? v->ports[i] : v->out;
	l->source = pages_open(v->top, l->cpu, e);
	if (l->source < 0)
		return l->source;
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake < 0)
		return err_set(e, errno, "cannot make an eventfd");
	ret = pthread_create(&l->thread, NULL, lane_thread, l);
	l->begun = !ret;
	return ret ? err_set(e, ret, "cannot start a thread for CPU %u", l->cpu) : 0;
}

static int start_lanes(struct vtrace *v, struct err *e)
{
	int ret = 0;

	v->lanes = calloc(v->cpus.n, sizeof(*v->lanes));
	if (!v->lanes)
		return err_set(e, ENOMEM, "no memory for %zu CPUs", v->cpus.n);
	for (size_t i = 0; i < v->cpus.n; i++)
		v->lanes[i] = (struct lane){
			.v = v, .cpu = v->cpus.cpu[i], .source = -1, .sink = -1, .wake = -1
		};
	for (size_t i = 0; !ret && i < v->cpus.n; i++)
		ret = start_lane(v, i, e);
	return ret;
}

struct vtrace *vtrace_new(struct loop *l, const struct vtrace_opts *o, struct err *e)
{
	struct vtrace *v = calloc(1, sizeof(*v));

	if (!v) {
		err_set(e, ENOMEM, "no memory for the agent");
		return NULL;
	}
	v->loop = l;
	v->opts = *o;
	v->out = -1;
	v->ctl = (struct watch){ .fd = o->ctl, .ready = ctl_ready };
	v->away.fire = look_again;
	pthread_mutex_init(&v->out_lock, NULL);
	if (!open_rings(v, e) && !open_sinks(v, e) && !start_lanes(v, e)) {
		loop_arm(l, &v->away, 0);
		return v;
	}
	vtrace_free(v);
	return NULL;
}

static void free_lane(struct lane *l)
{
	if (l->begun)
		pthread_join(l->thread, NULL);
	recorder_free(l->rec);
	cleanup_fd(&l->source);
	cleanup_fd(&l->wake);
}

void vtrace_free(struct vtrace *v)
{
	if (!v)
		return;
	loop_disarm(&v->away);
	loop_unwatch(&v->ctl);
	v->quit = true;
	call_lanes(v);
	for (size_t i = 0; v->lanes && i < v->cpus.n; i++)
		free_lane(&v->lanes[i]);
	free(v->lanes);
	virt_ports_close(v->ports, v->cpus.n);
	cleanup_fd(&v->out);
	cpu_list_free(&v->cpus);
	tfs_close(v->top);
	pthread_mutex_destroy(&v->out_lock);
	free(v);
}
