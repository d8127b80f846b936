// SPDX-License-Identifier: GPL-2.0
/*
 * snapshot.c - take, reset, free and show the kernel's snapshot of a ring buffer
 *
 * Theory of operation
 *
 * The file "snapshot" of a buffer takes a number: 1 swaps the running buffer with the frozen one
 * (and makes that where it is not there), 2 empties it, 0 gives its memory back. Read, it is the
 * text of what is frozen. Below per_cpu/cpuN is the same for one CPU.
 */
#include "tracing/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static int open_snapshot(const struct tracefs *t, int cpu, int flags, struct err *e)
{
	char file[80] = "snapshot", dir[64];

	if (!tfs_has(t, file)) {
		err_say(e, ENOTSUP, "this kernel has no snapshots");
		err_hint(e, "a kernel that was built with CONFIG_TRACER_SNAPSHOT");
		return -ENOTSUP;
	}
	if (cpu >= 0) {
		snprintf(dir, sizeof(dir), "per_cpu/cpu%d", cpu);
		if (!tfs_has(t, dir))
			return err_say(e, ENOENT, "there is no CPU %d", cpu);
		snprintf(file, sizeof(file), "%s/snapshot", dir);
	}
	return tfs_file(t, file, flags, e);
}

int snapshot_do(const struct tracefs *t, int cpu, enum snapshot_action what, struct err *e)
{
	static const char *const hints[] = {
		[SNAPSHOT_FREE] = "-f without -c: the CPUs are freed together",
		[SNAPSHOT_TAKE] =
			"without -c: not all kernels swap the buffer of one CPU; a latency tracer uses the snapshot itself",
		[SNAPSHOT_RESET] = "a latency tracer uses the snapshot itself: reset it first",
	};
	const char text[] = { (char)('0' + what), '\0' };
	AUTO_FD fd = open_snapshot(t, cpu, O_WRONLY, e);

	if (fd < 0)
		return fd;
	if (write(fd, text, 1) == 1)
		return 0;
	if (errno == EINVAL || errno == EBUSY) {
		int code = errno;

		err_set(e, code, "the kernel refuses '%s' to %s/snapshot", text, tfs_path(t));
		err_hint(e, "%s", hints[what]);
		return -code;
	}
	return err_set(e, errno, "cannot write '%s' to %s/snapshot", text, tfs_path(t));
}

bool snapshot_exists(const struct tracefs *t)
{
	AUTO_FD fd = tfs_has(t, "snapshot") ? tfs_file(t, "snapshot", O_RDONLY, NULL) : -1;
	char head[1024];
	ssize_t n = 0;
	size_t len = 0;

	if (fd < 0)
		return tfs_has(t, "snapshot");
	while (len < sizeof(head) - 1 && (n = read(fd, head + len, sizeof(head) - 1 - len)) > 0)
		len += (size_t)n;
	head[len] = '\0';
	return !strstr(head, "Snapshot is freed");
}

int snapshot_print(const struct tracefs *t, int cpu, FILE *to, struct err *e)
{
	AUTO_FD fd = open_snapshot(t, cpu, O_RDONLY, e);
	char piece[65536];

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "cannot read %s/snapshot", tfs_path(t));
		if (!n || fwrite(piece, 1, (size_t)n, to) != (size_t)n)
			break;
	}
	return fflush(to) || ferror(to) ? err_set(e, errno ? errno : EIO, "cannot write the text")
					: 0;
}
