// SPDX-License-Identifier: GPL-2.0
/*
 * pair.c - the host's time as the guest's device ptp_kvm says it
 *
 * Theory of operation
 *
 * Guest. The ioctl PTP_SYS_OFFSET_PRECISE gives the host's time and the guest's CLOCK_REALTIME of
 * one moment; kernels whose clock is not the TSC refuse it, then PTP_SYS_OFFSET gives the host's
 * between two of the guest's. Both become the trace clock's by a reading of the two clocks, which
 * takes some ten ns and widens the pair by as much.
 *
 * Host. CLOCK_REALTIME becomes its trace clock by readings of both before the question and behind
 * the answer: in so short a time both run straight. A CLOCK_REALTIME that is set in between makes
 * the answer lie outside, mostly; the running bound judges the others.
 */
#include "timesync/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ptp_clock.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "timesync/now.h"

enum {
	READINGS = 8,
	SAMPLES = 3,
	NAME_MAX_LEN = 64,
	SLACK = 100, /* ns or ticks: KVM has its own copy of the host's time */
};

static const char device_name[] = "KVM virtual PTP";

static bool is_ours(const char *class, const char *entry)
{
	char path[PATH_MAX];
	struct buf text = { 0 };
	bool ours = !path_fmt(path, sizeof(path), NULL, "%s/%s/clock_name", class, entry) &&
		    !read_file(path, &text, NAME_MAX_LEN, NULL) && !buf_text(&text) &&
		    !strncmp((char *)text.data, device_name, sizeof(device_name) - 1);

	buf_free(&text);
	return ours;
}

int ts_pair_open(const char *class, const char *dev)
{
	AUTO_DIR dp = opendir(class);
	char path[PATH_MAX];
	struct dirent *d;

	while (dp && (d = readdir(dp))) {
		int fd;

		if (strncmp(d->d_name, "ptp", 3) || !is_ours(class, d->d_name) ||
		    path_fmt(path, sizeof(path), NULL, "%s/%s", dev, d->d_name))
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	return -ENOENT;
}

static uint64_t real_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static struct ts_both both_once(const char *clock)
{
	struct ts_both one;

	one.before = ts_now(clock);
	one.real = real_now();
	one.after = ts_now(clock);
	return one;
}

void ts_both_now(const char *clock, struct ts_both *to)
{
	*to = both_once(clock);
	for (int i = 1; i < READINGS; i++) {
		struct ts_both one = both_once(clock);

		if (one.after - one.before < to->after - to->before)
			*to = one;
	}
}

static uint64_t ns(const struct ptp_clock_time *t)
{
	return (uint64_t)t->sec * NSEC_PER_SEC + t->nsec;
}

static int real_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

/* The pair in the guest's CLOCK_REALTIME. */
static int read_real(int fd, ts_pair_ioctl ask, struct ts_pair *to)
{
	struct ptp_sys_offset_precise one = { 0 };
	struct ptp_sys_offset many = { .n_samples = SAMPLES };

	if (!ask(fd, PTP_SYS_OFFSET_PRECISE, &one)) {
		*to = (struct ts_pair){ ns(&one.sys_realtime), ns(&one.sys_realtime),
					ns(&one.device) };
		return 0;
	}
	if (ask(fd, PTP_SYS_OFFSET, &many))
		return -errno;
	for (int i = 0; i < SAMPLES; i++) { /* guest, host, guest, host, guest... */
		const struct ptp_clock_time *t = &many.ts[2 * i];
		struct ts_pair p = { ns(&t[0]), ns(&t[2]), ns(&t[1]) };

		if (!i || p.after - p.before < to->after - to->before)
			*to = p;
	}
	return 0;
}

/* Ticks of the clock in @ns of real time, by two readings. */
static double rate(const struct ts_both *a, const struct ts_both *b)
{
	return b->real > a->real ? (double)(b->before - a->before) / (double)(b->real - a->real)
				 : 1;
}

/* CLOCK_REALTIME @real, which is between @a and @b, in the clock: @base is that at @from. */
static uint64_t converted(uint64_t real, uint64_t from, uint64_t base, double rate)
{
	double past = (double)(int64_t)(real - from) * rate;

	return base + (uint64_t)(int64_t)(past < 0 ? past - 0.5 : past + 0.5);
}

int ts_pair_read(int fd, const char *clock, ts_pair_ioctl ask, struct ts_pair *to)
{
	struct ts_both a, b;
	double ticks;
	int ret;

	ts_both_now(clock, &a);
	ret = read_real(fd, ask ? ask : real_ioctl, to);
	ts_both_now(clock, &b);
	if (ret)
		return ret;
	if (to->before < a.real || to->after > b.real || to->after < to->before)
		return -EAGAIN; /* the guest's time of day was set */
	ticks = rate(&a, &b);
	to->before = converted(to->before, a.real, a.before, ticks);
	to->after = converted(to->after, a.real, a.after, ticks);
	return 0;
}

bool ts_pair_limits(const struct ts_pair *p, const struct ts_both *asked,
		    const struct ts_both *came, uint64_t *at, int64_t *lo, int64_t *hi)
{
	double ticks = rate(asked, came);
	uint64_t first, last;

	if (!p->host || p->host < asked->real || p->host > came->real ||
	    (int64_t)(p->after - p->before) < 0)
		return false;
	first = converted(p->host, asked->real, asked->before, ticks) - SLACK;
	last = converted(p->host, asked->real, asked->after, ticks) + SLACK;
	*at = first + (last - first) / 2;
	*lo = (int64_t)(first - p->after);
	*hi = (int64_t)(last - p->before);
	return *hi >= *lo;
}
