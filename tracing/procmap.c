// SPDX-License-Identifier: GPL-2.0
/*
 * procmap.c - which files are mapped where in a process: the PROCMAPS option of a trace.dat
 *
 * Theory of operation
 *
 * The map of a process is complete at its end and gone right after it. A thread attaches to the
 * child with PTRACE_SEIZE, which does not stop it, and asks for a stop at its exit: then the map is
 * read, and the child let go. Signals that stop the child on their way are handed on to it. Only
 * the thread that attached may do so, and it is the only one that waits for the child while it
 * lives: the others look at a pidfd.
 *
 * What the child forks is not followed; exec keeps the pid and the trace.
 */
#include "tracing/procmap.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/cleanup.h"

enum { MAPS_MAX = 16 * 1024 * 1024, LINE_MAX_LEN = 4000 };

struct procmap_watch {
	pthread_t thread;
	pid_t child;
	int failed; /* errno of attaching */
	sem_t attached;
	struct buf map;
};

/* "START-END PERMS OFFSET DEVICE INODE   NAME": 1 when it has a name, and was added. */
static int add_line(struct buf *to, const char *line)
{
	unsigned long long start, end;
	int name = 0;

	if (sscanf(line, "%llx-%llx %*s %*s %*s %*s %n", &start, &end, &name) < 2 || !name ||
	    !line[name] || strlen(line + name) > LINE_MAX_LEN)
		return 0;
	return buf_addf(to, "%llx %llx %s\n", start, end, line + name) ? -ENOMEM : 1;
}

/* The first line's name: the program, as stock trace-cmd has it. */
static void program_of(const char *proc, pid_t pid, char *to, size_t room)
{
	char path[128];
	ssize_t n = -1;

	if (!path_fmt(path, sizeof(path), NULL, "%s/%d/exe", proc, (int)pid))
		n = readlink(path, to, room - 1);
	to[n > 0 ? n : 0] = '\0';
}

int procmap_read(const char *proc, pid_t pid, struct buf *to, struct err *e)
{
	char path[128], program[LINE_MAX_LEN], *line, *rest;
	struct buf text = { 0 }, lines = { 0 };
	unsigned int n = 0;
	int ret = path_fmt(path, sizeof(path), e, "%s/%d/maps", proc ? proc : "/proc", (int)pid);

	if (!ret)
		ret = read_file(path, &text, MAPS_MAX, e);
	if (!ret && buf_text(&text))
		ret = -ENOMEM;
	for (rest = (char *)text.data; ret >= 0 && (line = strsep(&rest, "\n"));) {
		ret = add_line(&lines, line);
		n += ret > 0;
	}
	if (ret >= 0)
		ret = n ? 0 : err_say(e, ENODATA, "process %d has nothing mapped", (int)pid);
	if (!ret) {
		program_of(proc ? proc : "/proc", pid, program, sizeof(program));
		to->len = 0;
		if (buf_addf(to, "%x %x %s\n", (unsigned int)pid, n, program) ||
		    buf_add(to, lines.data, lines.len) || buf_add(to, "", 1))
			ret = -ENOMEM;
	}
	if (ret == -ENOMEM)
		err_set(e, ENOMEM, "no memory for the map of process %d", (int)pid);
	buf_free(&text);
	buf_free(&lines);
	return ret;
}

static void *watch(void *arg)
{
	struct procmap_watch *w = arg;
	bool exits = false;
	int status;

	if (ptrace(PTRACE_SEIZE, w->child, NULL, (void *)(uintptr_t)PTRACE_O_TRACEEXIT))
		w->failed = errno;
	sem_post(&w->attached);
	while (!w->failed && !exits) {
		if (waitpid(w->child, &status, __WALL) < 0 && errno != EINTR)
			break;
		if (!WIFSTOPPED(status))
			break;
		exits = status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8);
		if (exits)
			procmap_read(NULL, w->child, &w->map, NULL);
		/* An event of ptrace is no signal of the child's. */
		ptrace(exits ? PTRACE_DETACH : PTRACE_CONT, w->child, NULL,
		       (void *)(uintptr_t)(status >> 16 ? 0 : WSTOPSIG(status)));
	}
	return NULL;
}

struct procmap_watch *procmap_watch(pid_t child, struct err *e)
{
	struct procmap_watch *w = calloc(1, sizeof(*w));
	int ret = w ? 0 : ENOMEM;

	if (w) {
		w->child = child;
		sem_init(&w->attached, 0, 0);
		ret = pthread_create(&w->thread, NULL, watch, w);
	}
	if (ret) {
		err_set(e, ret, "--proc-map: cannot start a thread");
		free(w);
		return NULL;
	}
	while (sem_wait(&w->attached))
		;
	if (!w->failed)
		return w;
	err_set(e, w->failed, "--proc-map: cannot attach to process %d", (int)child);
	procmap_end(w, NULL);
	return NULL;
}

void procmap_end(struct procmap_watch *w, struct buf *to)
{
	if (!w)
		return;
	pthread_join(w->thread, NULL);
	if (to)
		*to = w->map;
	else
		buf_free(&w->map);
	sem_destroy(&w->attached);
	free(w);
}
