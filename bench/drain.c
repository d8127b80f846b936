// SPDX-License-Identifier: GPL-2.0
/*
 * drain.c - CPU 0's trace pages into a file or device while a command runs: a recording's floor
 *
 *	drain SINK INTERVAL_US COMMAND...
 *
 * The same pump, chunks and wake-ups as 'record', without tracefs set up, metadata or a peer.
 * Prints the bytes moved.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recording/pump.h"

extern char **environ;

static const char tracefs[] = "/sys/kernel/tracing";

static int die(const char *what)
{
	perror(what);
	return 1;
}

static int run(char **argv)
{
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ))
		return die(argv[0]);
	if (waitpid(pid, &status, 0) != pid)
		return die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int tracing_off(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/tracing_on", tracefs);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return die(path);
	close(fd);
	return 0;
}

static int drain(int source, int sink, uint64_t interval_us, char **command)
{
	struct pump_opts o = { .page_size = (uint32_t)sysconf(_SC_PAGESIZE),
			       .interval_ns = interval_us * 1000,
			       .sources = &source,
			       .nsources = 1,
			       .sink = sink };
	struct pump_result got;
	struct err e = { 0 };
	struct pump *p = pump_start(&o, &e);
	int rc;

	if (!p) {
		fprintf(stderr, "drain: %s\n", e.what);
		return 1;
	}
	rc = run(command);
	if (!rc)
		rc = tracing_off();
	pump_finish(p, 5 * NSEC_PER_SEC);
	pump_join(p, &got);
	if (got.err.code) {
		fprintf(stderr, "drain: %s\n", got.err.what);
		return 1;
	}
	printf("%llu\n", (unsigned long long)got.sent);
	return rc;
}

int main(int argc, char **argv)
{
	char path[64];
	uint64_t interval_us;
	int source, sink;

	if (argc < 4 || parse_u64(argv[2], 1, 10000000, &interval_us, "INTERVAL_US", NULL)) {
		fprintf(stderr, "usage: drain SINK INTERVAL_US COMMAND...\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/per_cpu/cpu0/trace_pipe_raw", tracefs);
	source = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (source < 0)
		return die(path);
	sink = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (sink < 0)
		return die(argv[1]);
	return drain(source, sink, interval_us, argv + 3);
}
