// SPDX-License-Identifier: GPL-2.0
/*
 * work.c - the traced workload of the guest benchmarks, and their stopwatch
 *
 *	work write KIB PAUSE_US		fill KIB of ring-buffer pages, in pieces of 256 KiB with
 *					a pause behind each
 *	work busy			ns for which CPU 0 was not idle since boot
 *	work stamp			the clock into /tmp/stamp
 *	work time COMMAND...		runs COMMAND, which runs 'work stamp' when it traces; prints
 *					us from its exec to the stamp, and to its end
 *
 * Theory of operation
 *
 * Pages are filled through trace_marker_raw, four records a page: a page costs few instructions, so
 * the cost of moving it stands out. The pauses let any reader keep up: nothing is lost, and every
 * method moves the same pages.
 *
 * Not idle is the clock less the time that the kernel has slept in its idle loop, both from
 * /proc/timer_list, in ns. Interrupts that come in while the CPU sleeps (the network's, the
 * device's) count as busy, unlike in /proc/schedstat. Under QEMU -icount shift=N an instruction is
 * 2^N ns, so this counts instructions.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"

enum { RECORD = 1000, RECORDS_A_PAGE = 4, PAGE_KIB = 4, PIECE_KIB = 256 };

extern char **environ;

static const char stamp_path[] = "/tmp/stamp";

static int usage(void)
{
	fprintf(stderr, "usage: work write KIB PAUSE_US | busy | stamp | time COMMAND...\n");
	return 2;
}

static void nap(uint64_t us)
{
	struct timespec t = { (time_t)(us / 1000000), (long)(us % 1000000 * 1000) };

	while (us && nanosleep(&t, &t) && errno == EINTR)
		;
}

static int fill_pages(uint64_t kib, uint64_t pause_us)
{
	static const uint8_t record[RECORD] = "bench";
	int fd = open("/sys/kernel/tracing/trace_marker_raw", O_WRONLY | O_CLOEXEC);

	if (fd < 0) {
		perror("trace_marker_raw");
		return 1;
	}
	for (uint64_t done = 0; done < kib; done += PAGE_KIB) {
		if (done && done % PIECE_KIB == 0)
			nap(pause_us);
		for (int i = 0; i < RECORDS_A_PAGE; i++)
			if (write(fd, record, sizeof(record)) != sizeof(record)) {
				perror("trace_marker_raw");
				return 1;
			}
	}
	nap(pause_us);
	close(fd);
	return 0;
}

/* The first number behind @key; exits when there is none: this kernel cannot be measured so. */
static uint64_t number_behind(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	char *end;
	uint64_t v;

	if (at)
		at = strpbrk(at + strlen(key), "0123456789");
	if (!at) {
		fprintf(stderr, "no '%s' in /proc/timer_list\n", key);
		exit(1);
	}
	v = strtoull(at, &end, 10);
	return v;
}

static int print_busy(void)
{
	struct buf text = { 0 };
	struct err e = { 0 };
	const char *t;

	if (read_file("/proc/timer_list", &text, 1 << 20, &e) || buf_text(&text)) {
		fprintf(stderr, "%s\n", e.what);
		return 1;
	}
	t = (const char *)text.data;
	printf("%llu\n", (unsigned long long)(number_behind(t, "now at") -
					      number_behind(t, ".idle_sleeptime") -
					      number_behind(t, ".iowait_sleeptime")));
	buf_free(&text);
	return 0;
}

static int put_stamp(void)
{
	uint64_t now = now_ns();
	int fd = open(stamp_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, &now, sizeof(now)) != sizeof(now)) {
		perror(stamp_path);
		return 1;
	}
	close(fd);
	return 0;
}

static int get_stamp(uint64_t *to)
{
	int fd = open(stamp_path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, to, sizeof(*to)) != sizeof(*to)) {
		perror(stamp_path);
		return 1;
	}
	close(fd);
	unlink(stamp_path);
	return 0;
}

static int time_command(char **argv)
{
	uint64_t begin = now_ns(), stamp, end;
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid) {
		perror(argv[0]);
		return 1;
	}
	end = now_ns();
	if (status || get_stamp(&stamp)) {
		fprintf(stderr, "%s: status %#x\n", argv[0], status);
		return 1;
	}
	printf("%llu %llu\n", (unsigned long long)(stamp - begin) / 1000,
	       (unsigned long long)(end - begin) / 1000);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t kib, pause_us;

	if (argc == 2 && !strcmp(argv[1], "busy"))
		return print_busy();
	if (argc == 2 && !strcmp(argv[1], "stamp"))
		return put_stamp();
	if (argc > 2 && !strcmp(argv[1], "time"))
		return time_command(argv + 2);
	if (argc != 4 || strcmp(argv[1], "write") ||
	    parse_u64(argv[2], 1, 1 << 30, &kib, "KIB", NULL) ||
	    parse_u64(argv[3], 0, 10000000, &pause_us, "PAUSE_US", NULL))
		return usage();
	return fill_pages(kib, pause_us);
}
