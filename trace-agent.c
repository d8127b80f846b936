// SPDX-License-Identifier: GPL-2.0
/*
 * trace-agent.c - the agent command: record this machine for a host that asks for it
 *
 * Theory of operation
 *
 * Options, signals and the log; all else is recording/agent.c, and recording/virtio-trace.c for the
 * agent that only starts and stops.
 *
 * -p may stand without a port, which the option table does not know: argv gets the usual port then.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/daemon.h"
#include "base/loop.h"
#include "recording/agent.h"
#include "recording/virt-ports.h"
#include "recording/virtio-trace.h"
#include "trace-cmd.h"
#include "tracing/meta.h"
#include "transport/virtio-port.h"
#include "wire/agent-msg.h"

enum { ALLOW_MAX = 64 };
#define PORT_TEXT "823" /* AGENT_PORT */

struct agent_ctx {
	bool daemon, verbose, virtio_trace, to_stdout;
	const char *client, *logfile;
	uint64_t port; /* UINT64_MAX = not given */
	char *allow[ALLOW_MAX];
	size_t nallow;
	uint64_t max_rate;
};

static int add_allow(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct agent_ctx *c = ctx;

	(void)o;
	if (c->nallow == ALLOW_MAX)
		return err_say(e, EINVAL, "--allow-events can be given %d times", ALLOW_MAX);
	c->allow[c->nallow++] = (char *)(uintptr_t)val; /* argv's */
	return 0;
}

#define AT(member) .off = offsetof(struct agent_ctx, member)

static const struct opt agent_opts[] = {
	{ 'p', "port", "[PORT]", "listen on vsock, or with -N on TCP (" PORT_TEXT ")", opt_set_u64,
	  AT(port) },
	{ 'N', NULL, "CLIENT", "listen on TCP, for this host only", opt_set_text, AT(client) },
	{ 'D', "daemon", NULL, "run in the background", opt_set_flag, AT(daemon) },
	{ 'l', "log", "LOGFILE", "write the log to LOGFILE, not to stderr", opt_set_text,
	  AT(logfile), .complete = "file" },
	{ 0, "allow-events", "GLOB",
	  "only these events, SYSTEM:EVENT, may be traced; may be repeated", add_allow,
	  .complete = "event" },
	{ 0, "max-rate", "SIZE", "read at most SIZE a second from the ring buffers", opt_set_size,
	  AT(max_rate) },
	{ 0, "virtio-trace", NULL,
	  "be the kernel tree's trace-agent: raw pages, at the host's order", opt_set_flag,
	  AT(virtio_trace) },
	{ 'o', NULL, NULL, "with --virtio-trace: the pages go to stdout", opt_set_flag,
	  AT(to_stdout) },
	{ 0, "verbose", NULL, "log more", opt_set_flag, AT(verbose) },
};

static void got_signal(void *ctx, int signo)
{
	(void)signo;
	agent_stop(ctx);
}

static void got_end(void *ctx, int signo)
{
	(void)signo;
	loop_stop(ctx);
}

static void log_start(struct log *log, const struct agent *a, const struct agent_opts *o)
{
	if (o->kind == NET_NR)
		log_info(log, "serves on virtio port " VIRT_CTL_PORT);
	else if (o->kind == NET_TCP)
		log_info(log, "serves %s on TCP port %u", o->client, agent_port(a));
	else
		log_info(log, "serves on vsock port %u", agent_port(a));
}

static const int end_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, 0 };

/* Until a signal, or the control port is unplugged. */
static int serve(struct loop *loop, struct agent *a, const struct agent_opts *o, int ready_fd,
		 struct err *e)
{
	int ret = loop_signals(loop, end_signals, got_signal, a, e);

	if (ret)
		return ret;
	log_start(o->log, a, o);
	if (ready_fd >= 0)
		ret = daemon_ready(ready_fd, e);
	if (!ret)
		ret = loop_run(loop, e);
	return ret ? ret : vport_plugged(o->ctl, e);
}

static int open_control(const struct agent_opts *o, struct err *e)
{
	int fd = o->kind == NET_NR ? vport_open(VIRT_CTL_PORT, O_RDWR, e) : -1;

	if (fd == -ENOENT && e)
		err_hint(
			e,
			"'setup-guest' on the host adds it; with -p, or -N CLIENT, there is a network instead");
	return fd;
}

static struct log *open_log(const struct agent_ctx *c, struct err *e)
{
	return log_open(c->daemon && !c->logfile ? "/dev/null" : c->logfile,
			c->verbose ? LOG_DEBUG : LOG_INFO, e);
}

static enum exit_status run(const struct agent_ctx *c, int ready_fd)
{
	char version[META_VERSION_MAX];
	struct agent_opts o = { .kind = c->client		? NET_TCP
					: c->port != UINT64_MAX ? NET_VSOCK
								: NET_NR,
				.port = (uint32_t)(c->port == UINT64_MAX ? AGENT_PORT : c->port),
				.client = c->client,
				.limits = { .allow = { (char **)(uintptr_t)c->allow, c->nallow },
					    .max_rate = c->max_rate },
				.version = meta_version(version, sizeof(version)) };
	struct loop *loop = NULL;
	struct agent *a = NULL;
	struct err e = { 0 };
	AUTO_FD ctl = -1;
	int ret = -1;

	o.log = open_log(c, &e);
	ctl = o.log ? open_control(&o, &e) : -1;
	o.ctl = ctl;
	if (!e.code)
		loop = loop_new(&e);
	if (loop)
		a = agent_new(loop, &o, &e);
	if (a)
		ret = serve(loop, a, &o, ready_fd, &e);
	if (ret)
		err_print(stderr, &e);
	if (ret && o.log && c->logfile)
		log_err(o.log, &e);
	agent_free(a);
	loop_free(loop);
	log_close(o.log);
	return ret ? EXIT_FAILED : EXIT_WHOLE;
}

/* --virtio-trace: the port says start and stop until a signal comes. */
static int serve_orders(struct loop *loop, const struct vtrace_opts *o, int ready_fd, struct err *e)
{
	struct vtrace *v = NULL;
	int ret = loop_signals(loop, end_signals, got_end, loop, e);

	if (!ret)
		v = vtrace_new(loop, o, e);
	if (!ret && !v)
		ret = -EIO;
	if (!ret)
		log_info(o->log, "waits for orders on virtio port " VIRT_CTL_PORT);
	if (!ret && ready_fd >= 0)
		ret = daemon_ready(ready_fd, e);
	if (!ret)
		ret = loop_run(loop, e);
	vtrace_free(v);
	return ret ? ret : vport_plugged(o->ctl, e);
}

static enum exit_status run_virtio_trace(const struct agent_ctx *c, int ready_fd)
{
	struct vtrace_opts o = { .ctl = -1, .to_stdout = c->to_stdout };
	struct loop *loop = NULL;
	struct err e = { 0 };
	AUTO_FD ctl = -1;
	int ret = -1;

	o.log = open_log(c, &e);
	if (o.log)
		ctl = vport_open(VIRT_CTL_PORT, O_RDWR, &e);
	o.ctl = ctl;
	if (ctl >= 0)
		loop = loop_new(&e);
	if (loop)
		ret = serve_orders(loop, &o, ready_fd, &e);
	if (ret)
		err_print(stderr, &e);
	loop_free(loop);
	log_close(o.log);
	return ret ? EXIT_FAILED : EXIT_WHOLE;
}

static enum exit_status run_one(const struct agent_ctx *c, int ready_fd)
{
	return c->virtio_trace ? run_virtio_trace(c, ready_fd) : run(c, ready_fd);
}

static enum exit_status run_daemon(const struct agent_ctx *c)
{
	struct err e = { 0 };
	int ready_fd, ret;
	pid_t pid;

	ret = daemon_fork(&ready_fd, &pid, &e);
	if (!ret)
		return run_one(c, ready_fd);
	if (ret < 0) {
		if (e.code) /* else the child has said why */
			err_print(stderr, &e);
		return EXIT_FAILED;
	}
	printf("agent runs with pid %d\n", (int)pid);
	return EXIT_WHOLE;
}

/* What the kernel tree's agent has no use for. */
static int check_virtio_trace(const struct agent_ctx *c, struct err *e)
{
	if (!c->virtio_trace && c->to_stdout) {
		err_say(e, EINVAL, "-o is for --virtio-trace");
		return err_hint(e, "agent --virtio-trace -o >FILE");
	}
	if (c->virtio_trace && (c->client || c->port != UINT64_MAX || c->nallow || c->max_rate))
		return err_say(e, EINVAL,
			       "--virtio-trace sends what is traced over virtio-serial ports: -p, "
			       "-N, --allow-events and --max-rate are not for it");
	if (c->daemon && c->to_stdout)
		return err_say(e, EINVAL, "-o is for stdout, which a daemon (-D) has not");
	return 0;
}

static int check_ctx(const struct agent_ctx *c, const char *word, struct err *e)
{
	uint64_t most = c->client ? UINT16_MAX : UINT32_MAX;

	if (word)
		return err_say(e, EINVAL, "agent takes no arguments, but there is '%s'", word);
	if (c->port != UINT64_MAX && c->port > most)
		return err_say(e, EINVAL, "there is no port %llu", (unsigned long long)c->port);
	return check_virtio_trace(c, e);
}

static bool is_number(const char *word)
{
	return word && *word >= '0' && *word <= '9';
}

/* argv with the usual port behind each -p that has none. The array is to be freed. */
static char **add_ports(int argc, char **argv, int *n)
{
	static char usual[] = PORT_TEXT;
	char **out = calloc(2 * (size_t)argc + 1, sizeof(*out));

	*n = 0;
	for (int i = 0; out && i < argc; i++) {
		out[(*n)++] = argv[i];
		if ((!strcmp(argv[i], "-p") || !strcmp(argv[i], "--port")) &&
		    !is_number(argv[i + 1]))
			out[(*n)++] = usual;
	}
	return out;
}

static int agent(const struct command *self, int argc, char **argv)
{
	struct agent_ctx c = { .port = UINT64_MAX };
	struct err e = { 0 };
	int rest, n, status;
	AUTO_FREE char **words = add_ports(argc, argv, &n);

	if (!words)
		return EXIT_FAILED;
	status = opts_begin(self, &c, n, words, &rest);
	if (status >= 0)
		return status;
	if (check_ctx(&c, rest < n ? words[rest] : NULL, &e)) {
		err_print(stderr, &e);
		return EXIT_USAGE;
	}
	return c.daemon ? run_daemon(&c) : run_one(&c, -1);
}

const struct command cmd_agent = {
	.name = "agent",
	.args = "[-p [PORT] | -N CLIENT [-p PORT] | --virtio-trace [-o]] [-D] [OPTIONS]",
	.summary = "record this machine for a host that asks for it (record -A)",
	.details = "Without -p and -N it serves on the virtio-serial port " VIRT_CTL_PORT ".\n",
	.opts = agent_opts,
	.nopts = ARRAY_SIZE(agent_opts),
	.run = agent,
};
