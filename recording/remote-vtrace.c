// SPDX-License-Identifier: GPL-2.0
/*
 * remote-vtrace.c - a guest whose agent is that of the kernel tree (tools/virtio/virtio-trace)
 *
 * Theory of operation
 *
 * It says nothing and hears one byte on the port agent-ctl-path: '1', and from then on the raw
 * pages of each CPU come out of trace-path-cpuN; '0', and they stop. So what a recording needs
 * beside the pages is ours to know: the metadata come from guest-meta.c, and the session is told as
 * if an agent had sent them.
 *
 *   asked     '0' was sent: what an earlier run left in the channels, be it half a page, goes. When
 *             they are quiet the next byte is the first of a page
 *   running   '1' was sent
 *   saving    '0' was sent: what comes until the channels are quiet is still of this recording
 *
 * An order that nobody takes stays in the FIFO, and that can be seen: no agent runs there.
 *
 * Where virt-server has the channels, it lends them: two readers would tear the pages. Else they
 * are FIFOs, and opened here.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guests/vcpus.h"
#include "recording/guest-meta.h"
#include "recording/remote_local.h"
#include "tracing/meta.h"
#include "transport/fifo.h"

#define ORDER_START "1\n"
#define ORDER_STOP  "0\n"
#define AGENT	    "trace-agent (virtio-trace)"

#define LOOK  (50 * NSEC_PER_MSEC)
#define QUIET (300 * NSEC_PER_MSEC) /* then the channels are empty */
#define TAKE  (3 * NSEC_PER_SEC)    /* for an order to be read */
#define STOP  (10 * NSEC_PER_SEC)   /* for the channels to become quiet */

struct remote_vtrace {
	struct remote_guest *g;
	struct timer look;
	uint64_t asked_ns;
	struct buf head; /* owned: the metadata */
	uint32_t page_size;
	bool known; /* formats are in them */
	bool running;
	bool socket; /* the control channel is one, not a FIFO */
};

static int order(struct remote_guest *g, const char *text, struct err *e)
{
	if (write(g->way.ctl, text, strlen(text)) == (ssize_t)strlen(text))
		return 0;
	if (errno == EPIPE)
		return err_say(e, EPIPE, "its QEMU has closed the control channel");
	return err_set(e, errno, "cannot write to the control channel");
}

/* Bytes of orders that the guest has not taken yet. */
static int untaken(const struct remote_guest *g)
{
	int n = 0;

	return ioctl(g->way.ctl, g->vtrace->socket ? SIOCOUTQ : FIONREAD, &n) ? 0 : n;
}

/* Reach it */

/* "NAME" in the directory of guests, or the path of a guest's own directory. */
static int split_at(const char *dir, const char *at, char path[GUESTS_PATH_MAX], const char **name,
		    struct err *e)
{
	const char *slash = strrchr(at, '/');

	*name = slash ? slash + 1 : at;
	if (slash && slash != at)
		return path_fmt(path, GUESTS_PATH_MAX, e, "%.*s", (int)(slash - at), at);
	return path_fmt(path, GUESTS_PATH_MAX, e, "%s", slash ? "/" : dir);
}

static int judge_channels(const char *dir, const char *name, const struct guest_chan *list,
			  size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].kind != GUEST_CHAN_FIFO)
			return err_say(e, EOPNOTSUPP,
				       "%s is a socket, on which virt-server must listen",
				       list[i].path);
	if (n)
		return 0;
	err_say(e, ENOENT, "there are no FIFOs %s/%s/trace-path-cpu0.{in,out}", dir, name);
	err_hint(e, "-A DIRECTORY says where they are; trace-cmd-record(1), VIRTIO-TRACE");
	return -ENOENT;
}

static int room_for(struct remote_guest *g, size_t n, struct err *e)
{
	g->chans = calloc(n, sizeof(*g->chans));
	g->tids = calloc(n, sizeof(*g->tids));
	if (!g->chans || !g->tids)
		return err_set(e, ENOMEM, "no memory for %zu data channels", n);
	g->cpus = (uint32_t)n;
	return 0;
}

/* The channels that nobody else has open. */
static int open_channels(struct remote_guest *g, const char *dir, const char *name, struct err *e)
{
	AUTO_FREE struct guest_chan *list = NULL;
	size_t n = 0;
	int ret = guests_chans(dir, name, &list, &n, e);

	if (!ret)
		ret = judge_channels(dir, name, list, n, e);
	if (!ret)
		ret = room_for(g, n, e);
	for (; !ret && g->nchans < n; g->nchans++) {
		g->chans[g->nchans] = chan_open(&g->all->hub.chan_env, &list[g->nchans], e);
		if (!g->chans[g->nchans])
			return -EIO;
	}
	return ret;
}

/* Those that virt-server lends. */
static int adopt_channels(struct remote_guest *g, struct err *e)
{
	struct broker_lease *l = &g->way.lease;
	int ret = room_for(g, l->cpus, e);

	for (; !ret && g->nchans < l->cpus; g->nchans++) {
		uint32_t cpu = (uint32_t)g->nchans;
		struct guest_chan at = { cpu, GUEST_CHAN_FIFO, "" };

		snprintf(at.path, sizeof(at.path), "of CPU %u", cpu);
		g->chans[cpu] = chan_adopt(&g->all->hub.chan_env, &at, steal_fd(&l->data[cpu]), e);
		if (!g->chans[cpu])
			return -ENOMEM;
	}
	if (!ret)
		g->lease.fd = l->fd;
	return ret ? ret : loop_watch(g->all->loop, &g->lease, EPOLLIN, e);
}

static int open_control(struct remote_guest *g, const char *dir, const char *name, struct err *e)
{
	char path[GUESTS_PATH_MAX];
	int ret = path_fmt(path, sizeof(path), e, "%s/%s/" GUESTS_CTL_NAME ".in", dir, name);

	if (ret)
		return ret;
	g->way.ctl = fifo_open_to(path, e);
	return g->way.ctl < 0 ? g->way.ctl : 0;
}

static int borrow(struct remote_guest *g, const char *dir, const char *name, struct err *e)
{
	int ret = broker_ports(dir, name, &g->way.lease, e);

	if (ret)
		return ret;
	g->way.leased = true;
	g->way.ctl = steal_fd(&g->way.lease.ctl);
	g->vtrace->socket = g->way.ctl >= 0;
	return adopt_channels(g, e);
}

static int reach(struct remote_guest *g, struct err *e)
{
	char dir[GUESTS_PATH_MAX];
	const char *name;
	int ret = split_at(g->all->o.dir, g->wish->at, dir, &name, e);

	g->way = (struct remote_way){ .ctl = -1, .kind = NET_NR };
	if (!ret)
		ret = remote_name(g->wish, &g->way, e);
	if (!ret && remote_is_served(dir, name))
		ret = borrow(g, dir, name, e);
	else if (!ret)
		ret = open_channels(g, dir, name, e);
	if (!ret && g->way.ctl < 0)
		ret = open_control(g, dir, name, e);
	if (ret)
		return ret;
	g->qemu = guest_pid(name) ?: guest_pid(g->way.name);
	guest_vcpu_threads(g->qemu, g->tids, g->cpus);
	return 0;
}

/* The metadata */

static bool is_clock(const struct tdat_head *h, const char *clock)
{
	const struct tdat_option *o = tdat_head_option(h, TDAT_OPT_TRACECLOCK);
	char text[256], now[sizeof(text)];

	snprintf(text, sizeof(text), "%.*s", o ? (int)min_u64(o->data.len, sizeof(text) - 1) : 0,
		 o ? (const char *)o->data.p : "");
	return !tfs_bracketed(text, now, sizeof(now)) && !strcmp(now, clock);
}

static int read_metadata(struct remote_guest *g, struct err *e)
{
	struct guest_meta_opts o = { .clock = g->wish->clock, .cpus = g->cpus };
	struct guest_meta m;
	int ret = guest_meta_open(&m, g->wish->metadata, e);

	o.trace_id = g->trace_id = meta_trace_id();
	if (!ret)
		ret = guest_meta_put(&m, &o, &g->vtrace->head, e);
	if (!ret) {
		g->vtrace->page_size = m.head->layout.size;
		g->vtrace->known = tdat_head_has_formats(m.head);
		g->other_clock = o.clock ? strcmp(o.clock, g->all->o.clock) != 0
					 : !is_clock(m.head, g->all->o.clock);
	}
	guest_meta_close(&m);
	return ret;
}

/* Start */

static int begin(struct remote_guest *g, struct err *e)
{
	struct remote_vtrace *v = g->vtrace;
	struct msg m = { .type = MSG_TINIT };
	int ret = remote_guest_session(g, e);

	m.tinit.cpus = g->cpus;
	m.tinit.page_size = v->page_size;
	m.tinit.use_tcp = true;
	m.tinit.ext = (struct msg_ext){ .present = true, .features = MSG_F_TAIL, .peer = AGENT };
	if (!ret)
		ret = session_msg(g->run.session, &m, g->chans, g->nchans, e);
	for (size_t at = 0; !ret && at < v->head.len; at += MSG_META_MAX)
		ret = remote_guest_say(g, MSG_SENDMETA, v->head.data + at,
				       min_u64(v->head.len - at, MSG_META_MAX), e);
	if (!ret)
		ret = remote_guest_say(g, MSG_FINMETA, NULL, 0, e);
	if (!ret)
		ret = order(g, ORDER_START, e);
	return ret;
}

static uint64_t last_byte(const struct remote_guest *g)
{
	uint64_t last = 0;

	for (size_t i = 0; i < g->nchans; i++)
		last = max_u64(last, chan_counts(g->chans[i])->last_ns);
	return last;
}

/* 0: begin; -EAGAIN: not yet; else why it cannot. */
static int judge_quiet(const struct remote_guest *g, struct err *e)
{
	uint64_t now = now_ns(), asked = g->vtrace->asked_ns;
	bool taken = !untaken(g);

	if (taken && now - max_u64(last_byte(g), asked) >= QUIET)
		return 0;
	if (!taken && now - asked >= TAKE) {
		err_say(e, ETIMEDOUT, "nobody there reads its port " GUESTS_CTL_NAME);
		err_hint(e, "'trace-cmd agent --virtio-trace' or the kernel tree's trace-agent in "
			    "the guest");
		return -ETIMEDOUT;
	}
	if (now - asked >= STOP) {
		err_say(e, EBUSY, "pages still come %llu s after the order to stop",
			STOP / NSEC_PER_SEC);
		err_hint(e, "is another program on this host ordering about its agent?");
		return -EBUSY;
	}
	return -EAGAIN;
}

static void look(struct timer *t)
{
	struct remote_vtrace *v = container_of(t, struct remote_vtrace, look);
	struct remote_guest *g = v->g;
	struct err e = { 0 };
	int ret;

	if (g->state != REMOTE_ASKED)
		return; /* it has failed meanwhile */
	ret = judge_quiet(g, &e);
	if (ret == -EAGAIN) {
		loop_arm(g->all->loop, t, LOOK);
		return;
	}
	if (!ret)
		ret = begin(g, &e);
	if (ret) {
		remote_guest_fail(g, &e);
		return;
	}
	v->running = true;
	remote_guest_go(g, REMOTE_RUNNING);
}

int remote_vtrace_reach(struct remote_guest *g, struct err *e)
{
	struct remote_vtrace *v = calloc(1, sizeof(*v));
	int ret;

	if (!v)
		return err_set(e, ENOMEM, "no memory for guest %s", g->wish->at);
	g->vtrace = v;
	v->g = g;
	v->look.fire = look;
	ret = reach(g, e);
	return ret ? ret : read_metadata(g, e);
}

int remote_vtrace_ask(struct remote_guest *g, struct err *e)
{
	struct remote_vtrace *v = g->vtrace;
	int ret = order(g, ORDER_STOP, e);

	if (ret)
		return ret;
	v->asked_ns = now_ns();
	loop_arm(g->all->loop, &v->look, LOOK);
	remote_guest_go(g, REMOTE_ASKED);
	return 0;
}

/* Stop */

void remote_vtrace_end(struct remote_guest *g)
{
	struct err e = { 0 };

	g->vtrace->running = false;
	g->closed = calloc(1, sizeof(*g->closed));
	if (g->closed)
		g->closed->type = MSG_CLOSE;
	if (order(g, ORDER_STOP, &e)) {
		err_prefix(&e, "guest %s", g->way.name);
		g->err = e;
	}
	remote_guest_save(g);
}

void remote_vtrace_hush(struct remote_guest *g)
{
	if (g->vtrace->running)
		order(g, ORDER_STOP, NULL);
	g->vtrace->running = false;
}

static bool came_nothing(const struct remote_guest *g)
{
	for (uint32_t i = 0; i < g->cpus; i++)
		if (g->totals->cpu[i].bytes)
			return false;
	return true;
}

void remote_vtrace_saved(struct remote_guest *g)
{
	if (g->err.code)
		return;
	if (untaken(g))
		err_say(&g->err, ETIMEDOUT,
			"guest %s: its agent did not take the order to stop: it has ended, or hangs",
			g->way.name);
	else if (came_nothing(g))
		remotes_note(g->all, g,
			     "no page came: its tracing is off, or no ring is as full as its "
			     "buffer_percent says");
	else if (!g->vtrace->known)
		remotes_note(g->all, g,
			     "no event formats, so report cannot read its events: 'trace-cmd "
			     "convert --metadata PATH -i FILE -o FILE' adds them");
}

void remote_vtrace_free(struct remote_guest *g)
{
	struct remote_vtrace *v = g->vtrace;

	if (!v)
		return;
	loop_disarm(&v->look);
	remote_vtrace_hush(g);
	buf_free(&v->head);
	free(v);
	g->vtrace = NULL;
}
