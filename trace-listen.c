// SPDX-License-Identifier: GPL-2.0
/*
 * trace-listen.c - virt-server and listen: collect what guests send over virtio-serial, and what
 * clients send over a network
 *
 * Theory of operation
 *
 * Options, signals, what is printed, and the exit status; all else is session/server.c and
 * session/listener.c, which struct kind makes look the same.
 *
 * A daemon forks before anything is opened: base/daemon.h.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/daemon.h"
#include "base/io.h"
#include "session/listener.h"
#include "session/server.h"
#include "trace-cmd.h"
#include "tracedat/writer.h"

enum { ALLOW_MAX = 64 };

struct listen_opts {
	const char *dir, *outdir, *logfile, *prefix, *bind, *compression;
	bool daemon, once, quiet, verbose, no_restore, vsock, no_timeout;
	uint64_t version, cpus, size, rate, sessions, meta, timeout; /* timeout: seconds */
	uint64_t port, protocol;
	struct net_prefix allow[ALLOW_MAX];
	size_t nallow;
};

struct listen_run;

/* Which of the two servers. */
struct kind {
	const char *name, *who;
	void *(*open)(struct listen_run *run, const struct hub_opts *ho, struct err *e);
	void (*stop)(void *server);
	bool (*status)(void *server, struct buf *to);
	void (*free)(void *server); /* NULL is fine */
};

struct listen_run {
	const struct kind *kind;
	const struct listen_opts *o;
	struct loop *loop;
	struct log *log;
	void *server;
	struct timer status;
	enum exit_status exit;
	unsigned int signals;
	bool tty; /* a status line is shown */
};

#define OPT(letter, name, arg, help, set, member, comp)                                  \
	{                                                                                \
		letter, name, arg, help, set, offsetof(struct listen_opts, member), comp \
	}

/* The rows that are the same in both tables. */
#define OPTS_RUN                                                                               \
	OPT(0, "compression", "NAME", "pack the files: any, none (default), zlib or zstd",     \
	    tdat_opt_compression, compression, NULL),                                          \
		OPT('D', "daemon", NULL, "run in the background", opt_set_flag, daemon, NULL), \
		OPT('l', "log", "LOGFILE", "write the log to LOGFILE, not to stderr",          \
		    opt_set_text, logfile, "file"),                                            \
		OPT(0, "once", NULL, "exit after the first recording", opt_set_flag, once, NULL)

#define OPTS_LIMITS(who)                                                                       \
	OPT(0, "max-cpus", "N", "refuse " who "s with more CPUs (default: 256)", opt_set_u64,  \
	    cpus, NULL),                                                                       \
		OPT(0, "max-size", "SIZE", "keep at most SIZE of trace data of one recording", \
		    opt_set_size, size, NULL),                                                 \
		OPT(0, "max-rate", "SIZE", "keep at most SIZE a second of one recording",      \
		    opt_set_size, rate, NULL),                                                 \
		OPT(0, "max-meta", "SIZE", "take at most SIZE of metadata (default: 28M)",     \
		    opt_set_size, meta, NULL),                                                 \
		OPT(0, "max-sessions", "N",                                                    \
		    "run and save at most N recordings at a time (default: 64)", opt_set_u64,  \
		    sessions, NULL),                                                           \
		OPT(0, "timeout", "SECONDS",                                                   \
		    "patience with a " who " that falls silent; 0 = for ever (default: 5)",    \
		    opt_set_u64, timeout, NULL),                                               \
		OPT(0, "no-restore", NULL,                                                     \
		    "leave alone what a killed server left where the files go", opt_set_flag,  \
		    no_restore, NULL),                                                         \
		OPT('q', "quiet", NULL, "say nothing but errors", opt_set_flag, quiet, NULL),  \
		OPT(0, "verbose", NULL, "log more", opt_set_flag, verbose, NULL)

static const struct opt virt_server_opts[] = {
	OPT(0, "dir", "DIR", "where the guests' directories and sockets are", opt_set_text, dir,
	    "dir"),
	OPT('o', "output", "OUTDIR", "write the trace.dat files there (default: here)",
	    opt_set_text, outdir, "dir"),
	OPT(0, "file-version", "6|7", "version of the trace.dat files (default: 7)", opt_set_u64,
	    version, NULL),
	OPTS_RUN,
	OPTS_LIMITS("guest"),
};

static int add_allow(void *ctx, const struct opt *opt, const char *val, struct err *e)
{
	struct listen_opts *o = ctx;

	(void)opt;
	if (o->nallow == ALLOW_MAX)
		return err_say(e, EINVAL, "--allow can be given %d times", ALLOW_MAX);
	return net_prefix_parse(val, &o->allow[o->nallow++], e);
}

static const struct opt listen_opts[] = {
	OPT('p', "port", "PORT", "listen on this port; 0 = any that is free", opt_set_u64, port,
	    NULL),
	OPT('V', "vsock", NULL, "listen on vsock, for the guests of this host", opt_set_flag, vsock,
	    NULL),
	OPT('d', "directory", "DIR", "write the trace.dat files there (default: here)",
	    opt_set_text, outdir, "dir"),
	OPT('o', "output", "NAME", "begin the files' names with NAME (default: trace)",
	    opt_set_text, prefix, NULL),
	OPT(0, "bind", "ADDR", "listen at this address only", opt_set_text, bind, NULL),
	{ 0, "allow", "ADDR", "take only clients of this address or prefix; may be repeated",
	  add_allow, 0, NULL },
	OPT(0, "protocol", "1|2|3", "newest protocol to speak (default: 3)", opt_set_u64, protocol,
	    NULL),
	OPT(0, "file-version", "6|7", "version of the trace.dat files (default: as each client's)",
	    opt_set_u64, version, NULL),
	OPT(0, "notimeout", NULL, "be patient for ever, as --timeout 0", opt_set_flag, no_timeout,
	    NULL),
	OPTS_RUN,
	OPTS_LIMITS("client"),
};

/* Version 6 cannot be compressed: "any" takes what comes, a name makes all files version 7. */
static int check_compression(struct listen_opts *o, struct err *e)
{
	const char *name = o->compression;

	if (!o->version && name && strcmp(name, "any") != 0 && strcmp(name, "none") != 0)
		o->version = 7;
	return tdat_compression_for(name, o->version ? (int)o->version : 7, &o->compression, e);
}

static int check_opts(struct listen_opts *o, struct err *e)
{
	if (o->version && o->version != 6 && o->version != 7)
		return err_say(e, EINVAL, "--file-version is 6 or 7, not %llu",
			       (unsigned long long)o->version);
	if (!o->cpus || o->cpus > MSG_MAX_CPUS)
		return err_say(e, EINVAL, "--max-cpus is 1 to %d", MSG_MAX_CPUS);
	if (!o->sessions || o->sessions > 4096)
		return err_say(e, EINVAL, "--max-sessions is 1 to 4096");
	if (o->meta < 4096 || o->meta > (1ULL << 31))
		return err_say(e, EINVAL, "--max-meta is 4K to 2G");
	if (o->timeout > 86400)
		return err_say(e, EINVAL, "--timeout is 0 to 86400 seconds");
	return check_compression(o, e);
}

static int check_listen(struct listen_opts *o, struct err *e)
{
	if (o->port == UINT64_MAX) {
		err_say(e, EINVAL, "which port?");
		return err_hint(e, "trace-cmd listen -p 12345");
	}
	if (o->port > (o->vsock ? UINT32_MAX : UINT16_MAX))
		return err_say(e, EINVAL, "there is no port %llu", (unsigned long long)o->port);
	if (o->protocol < 1 || o->protocol > 3)
		return err_say(e, EINVAL, "--protocol is 1 to 3");
	if (o->vsock && (o->bind || o->nallow))
		return err_say(e, EINVAL, "--bind and --allow are not for vsock (-V)");
	return check_opts(o, e);
}

/* What is said */

static void clear_status(const struct listen_run *run)
{
	if (run->tty)
		fputs("\033[K", stderr);
}

static void status_fire(struct timer *t)
{
	struct listen_run *run = container_of(t, struct listen_run, status);
	struct buf line = { 0 };

	/* The cursor goes back to the left, so that whatever is said next replaces the line. */
	if (run->kind->status(run->server, &line))
		fprintf(stderr, "\033[K%.*s\r", 200, (char *)line.data);
	else
		clear_status(run);
	buf_free(&line);
	loop_arm(run->loop, t, NSEC_PER_SEC);
}

/* The table: to stdout, and into the log where that is a file. */
static void say_table(const struct listen_run *run, const struct session_result *r)
{
	struct buf text = { 0 };
	char *line, *rest;

	if (totals_print(r->totals, &text) || buf_text(&text)) {
		buf_free(&text);
		return;
	}
	if (!run->o->quiet && !run->o->daemon) {
		clear_status(run);
		printf("%s %s: %s\n%s", run->kind->who, r->domain,
		       r->path ? r->path : "no file was made", (char *)text.data);
		fflush(stdout);
	}
	rest = (char *)text.data;
	while (run->o->logfile && (line = strsep(&rest, "\n")))
		if (*line)
			log_info(run->log, "%s %s:%s", run->kind->who, r->domain, line);
	buf_free(&text);
}

static void finished(void *ctx, const struct session_result *r)
{
	struct listen_run *run = ctx;

	if (r->err->code) {
		clear_status(run);
		log_err(run->log, r->err);
	}
	if (!r->totals)
		return; /* it never began */
	say_table(run, r);
	if (run->o->once)
		run->exit = r->status;
	else if (r->status != EXIT_WHOLE)
		run->exit = EXIT_LOSSES;
}

static void stopped(void *ctx)
{
	struct listen_run *run = ctx;

	loop_stop(run->loop);
}

static void got_signal(void *ctx, int signo)
{
	struct listen_run *run = ctx;

	if (signo == SIGHUP && run->o->daemon)
		return;
	run->signals++;
	run->kind->stop(run->server);
}

/* The two servers */

static void *open_server(struct listen_run *run, const struct hub_opts *ho, struct err *e)
{
	struct server_opts so = { .dir = guests_dir(run->o->dir), .hub = *ho };

	return server_new(run->loop, &so, e);
}

static void stop_server(void *server)
{
	server_stop(server);
}

static bool status_server(void *server, struct buf *to)
{
	return server_status(server, to);
}

static void free_server(void *server)
{
	server_free(server);
}

static const struct kind virt_server = { "virt-server", "guest",       open_server,
					 stop_server,	status_server, free_server };

/* Nothing proves who a client is: say so, where nothing restricts them. */
static void warn_open(const struct listen_run *run, uint32_t port)
{
	static const char text[] = "anyone who reaches port %u may write traces to this disk; "
				   "--bind and --allow restrict it";
	char line[sizeof(text) + 16];

	if (run->o->bind || run->o->nallow || run->o->vsock)
		return;
	snprintf(line, sizeof(line), text, port);
	log_warn(run->log, "%s", line);
	if (run->o->logfile && !run->o->quiet)
		fprintf(stderr, "trace-cmd: %s\n", line);
}

static void *open_listener(struct listen_run *run, const struct hub_opts *ho, struct err *e)
{
	const struct listen_opts *o = run->o;
	struct listener_opts lo = { .kind = o->vsock ? NET_VSOCK : NET_TCP,
				    .port = (uint32_t)o->port,
				    .bind = o->bind,
				    .allow = o->allow,
				    .nallow = o->nallow,
				    .most = (enum wire_gen)o->protocol,
				    .hub = *ho };
	struct listener *l = listener_new(run->loop, &lo, e);

	if (l)
		warn_open(run, listener_port(l));
	return l;
}

static void stop_listener(void *server)
{
	listener_stop(server);
}

static bool status_listener(void *server, struct buf *to)
{
	return listener_status(server, to);
}

static void free_listener(void *server)
{
	listener_free(server);
}

static const struct kind net_server = { "listen",      "client",	open_listener,
					stop_listener, status_listener, free_listener };

/* Running */

static int serve(struct listen_run *run, const char *outdir, int ready_fd, struct err *e)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, 0 };
	const struct listen_opts *o = run->o;
	struct hub_opts ho = { .outdir = outdir,
			       .prefix = o->prefix,
			       .version = (int)o->version,
			       .compression = o->compression,
			       .once = o->once,
			       .no_restore = o->no_restore,
			       .max_sessions = (unsigned int)o->sessions,
			       .log = run->log,
			       .ctx = run,
			       .finished = finished,
			       .stopped = stopped };
	int rc;

	ho.limits.cpus = (uint32_t)o->cpus;
	ho.limits.meta_bytes = o->meta;
	ho.limits.disk_bytes = o->size;
	ho.limits.rate = o->rate;
	ho.limits.hello_ns = o->timeout && !o->no_timeout ? o->timeout * NSEC_PER_SEC : UINT64_MAX;
	rc = loop_signals(run->loop, signals, got_signal, run, e);
	if (rc)
		return rc;
	run->server = run->kind->open(run, &ho, e);
	if (!run->server)
		return e->code ? -e->code : -ENOMEM;
	if (ready_fd >= 0 && daemon_ready(ready_fd, e))
		return -EIO;
	run->tty = !o->quiet && !o->daemon && isatty(STDERR_FILENO);
	run->status.fire = status_fire;
	if (run->tty)
		loop_arm(run->loop, &run->status, NSEC_PER_SEC);
	rc = loop_run(run->loop, e);
	loop_disarm(&run->status);
	clear_status(run);
	if (run->signals > 1)
		_exit(EXIT_LOSSES); /* in a hurry: the parts stay for restore */
	return rc;
}

static enum exit_status run_server(const struct kind *kind, const struct listen_opts *o,
				   int ready_fd)
{
	struct listen_run run = { .kind = kind, .o = o, .exit = EXIT_WHOLE };
	char outdir[PATH_MAX];
	struct err e = { 0 };
	int rc = -1;

	run.log = log_open(o->daemon && !o->logfile ? "/dev/null" : o->logfile,
			   o->quiet	? LOG_ERROR
			   : o->verbose ? LOG_DEBUG
					: LOG_INFO,
			   &e);
	run.loop = run.log ? loop_new(&e) : NULL;
	if (!run.loop)
		goto out;
	if (!realpath(o->outdir, outdir)) {
		err_set(&e, errno, "cannot find the output directory %s", o->outdir);
		err_hint(&e, "mkdir -p %s", o->outdir);
		goto out;
	}
	rc = serve(&run, outdir, ready_fd, &e);
out:
	if (rc) {
		err_print(stderr, &e);
		run.exit = EXIT_FAILED;
	}
	kind->free(run.server);
	loop_free(run.loop);
	log_close(run.log);
	return run.exit;
}

static enum exit_status run_daemon(const struct kind *kind, const struct listen_opts *o)
{
	struct err e = { 0 };
	int ready_fd, ret;
	pid_t pid;

	ret = daemon_fork(&ready_fd, &pid, &e);
	if (!ret)
		return run_server(kind, o, ready_fd);
	if (ret < 0) {
		if (e.code) /* else the child has said why */
			err_print(stderr, &e);
		return EXIT_FAILED;
	}
	if (!o->quiet)
		printf("%s runs with pid %d\n", kind->name, (int)pid);
	return EXIT_WHOLE;
}

static int listen_run_kind(const struct command *self, const struct kind *kind, int argc,
			   char **argv)
{
	struct listen_opts o = { .outdir = ".",
				 .version = kind == &virt_server ? 7 : 0,
				 .cpus = MSG_MAX_CPUS,
				 .sessions = 64,
				 .meta = 28 << 20,
				 .timeout = 5,
				 .port = UINT64_MAX,
				 .protocol = WIRE_V3 };
	struct err e = { 0 };
	int rest, rc = opts_begin(self, &o, argc, argv, &rest);

	if (rc >= 0)
		return rc;
	if (rest < argc)
		err_say(&e, EINVAL, "%s takes no arguments, but there is '%s'", kind->name,
			argv[rest]);
	if (e.code || (kind == &virt_server ? check_opts(&o, &e) : check_listen(&o, &e))) {
		err_print(stderr, &e);
		return EXIT_USAGE;
	}
	return o.daemon ? run_daemon(kind, &o) : run_server(kind, &o, -1);
}

static int virt_server_run(const struct command *self, int argc, char **argv)
{
	return listen_run_kind(self, &virt_server, argc, argv);
}

static int listen_run(const struct command *self, int argc, char **argv)
{
	return listen_run_kind(self, &net_server, argc, argv);
}

const struct command cmd_virt_server = {
	.name = "virt-server",
	.args = "[--dir DIR] [-o OUTDIR] [-D] [-l LOGFILE] [--once] [OPTIONS]",
	.summary = "collect the traces that guests send over virtio-serial, and reach their agents",
	.details = "Exit status: 0 all recordings whole, 3 saved with losses, 1 failed, 2 usage.",
	.opts = virt_server_opts,
	.nopts = ARRAY_SIZE(virt_server_opts),
	.run = virt_server_run,
};

const struct command cmd_listen = {
	.name = "listen",
	.args = "-p PORT [-D] [-d DIR] [-o NAME] [-l LOGFILE] [-V] [OPTIONS]",
	.summary = "collect the traces that clients send over a network",
	.details = "Exit status: 0 all recordings whole, 3 saved with losses, 1 failed, 2 usage.",
	.opts = listen_opts,
	.nopts = ARRAY_SIZE(listen_opts),
	.run = listen_run,
};
