// SPDX-License-Identifier: GPL-2.0
/* test_pair.c - ptp_kvm: the device is found, asked in both of its ways, and judged by the host */
#include "tests/unit/base/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ptp_clock.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "timesync/now.h"
#include "timesync/pair.h"

/* --- the device --- */

static const struct open_case {
	const char *name;
	const char *clock_name; /* of ptp1; NULL: no such clock */
	bool device;
	int code;
} opens[] = {
	{ "ours", "KVM virtual PTP\n", true, 0 },
	{ "a network card's", "igb\n", true, -ENOENT },
	{ "no device node", "KVM virtual PTP\n", false, -ENOENT },
	{ "none", NULL, true, -ENOENT },
};

static void put(const char *dir, const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void test_open(void **state)
{
	const struct open_case *c = *state;
	char root[] = "/tmp/test_pair.XXXXXX", path[64], cmd[64];
	int fd;

	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/ptp1", root);
	assert_int_equal(mkdir(path, 0700), 0);
	if (c->clock_name)
		put(path, "clock_name", c->clock_name);
	snprintf(path, sizeof(path), "%s/dev", root);
	assert_int_equal(mkdir(path, 0700), 0);
	if (c->device)
		put(path, "ptp1", "");
	fd = ts_pair_open(root, path);
	assert_int_equal(fd < 0 ? fd : 0, c->code);
	if (fd >= 0)
		close(fd);
	snprintf(cmd, sizeof(cmd), "rm -r %s", root);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(ts_pair_open("/nowhere", "/nowhere"), -ENOENT);
}

/* --- the guest asks --- */

enum { AHEAD_S = 1000 }; /* of the host, in its CLOCK_REALTIME */

static struct ptp_clock_time real(int ahead)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (struct ptp_clock_time){ .sec = t.tv_sec + ahead, .nsec = (uint32_t)t.tv_nsec };
}

static int precise(int fd, unsigned long request, void *arg)
{
	struct ptp_sys_offset_precise *p = arg;

	(void)fd;
	if (request != PTP_SYS_OFFSET_PRECISE)
		return errno = ENOTTY, -1;
	p->sys_realtime = real(0);
	p->device = p->sys_realtime;
	p->device.sec += AHEAD_S;
	return 0;
}

static int samples(int fd, unsigned long request, void *arg)
{
	struct ptp_sys_offset *p = arg;

	(void)fd;
	if (request != PTP_SYS_OFFSET)
		return errno = EOPNOTSUPP, -1;
	for (unsigned int i = 0; i < p->n_samples; i++) {
		p->ts[2 * i] = real(0);
		p->ts[2 * i + 1] = real(AHEAD_S);
	}
	p->ts[2 * p->n_samples] = real(0);
	return 0;
}

static int refuses(int fd, unsigned long request, void *arg)
{
	(void)fd, (void)request, (void)arg;
	errno = EOPNOTSUPP;
	return -1;
}

static int nonsense(int fd, unsigned long request, void *arg)
{
	struct ptp_sys_offset_precise *p = arg;

	(void)fd, (void)request;
	p->sys_realtime = real(-5);
	return 0;
}

static const struct ask_case {
	const char *name;
	ts_pair_ioctl ask;
	int code;
} asks[] = {
	{ "precise", precise, 0 },
	{ "samples", samples, 0 },
	{ "refused", refuses, -EOPNOTSUPP },
	{ "the time of day was set", nonsense, -EAGAIN },
};

/* The guest and the host are this machine; the host's time of day is AHEAD_S ahead. */
static void test_ask(void **state)
{
	static const char *const clocks[] = { "mono", "mono_raw", "x86-tsc" };
	const struct ask_case *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		struct ts_both asked, came;
		struct ts_pair p;
		uint64_t at;
		int64_t lo, hi;

		if (!ts_now_can(clocks[i]))
			continue;
		ts_both_now(clocks[i], &asked);
		assert_int_equal(ts_pair_read(-1, clocks[i], c->ask, &p), c->code);
		ts_both_now(clocks[i], &came);
		if (c->code)
			continue;
		p.host -= AHEAD_S * (uint64_t)NSEC_PER_SEC;
		assert_true(ts_pair_limits(&p, &asked, &came, &at, &lo, &hi));
		assert_in_range(at - asked.before, 0, came.after - asked.before);
		assert_true(lo <= 0 && hi >= 0);
		assert_in_range(hi - lo, 1, 200000); /* mostly below 1000 */
	}
}

/* --- the host judges --- */

static const struct limits_case {
	const char *name;
	struct ts_pair p;
	struct ts_both asked, came;
	bool good;
	uint64_t at;
	int64_t lo, hi;
} limits[] = {
	{ "exact",
	  { 700, 700, 50500 },
	  { 1000, 50000, 1000 },
	  { 2000, 51000, 2000 },
	  true,
	  1500,
	  700,
	  900 },
	{ "wide",
	  { 690, 710, 50500 },
	  { 995, 50000, 1005 },
	  { 1995, 51000, 2005 },
	  true,
	  1500,
	  685,
	  915 },
	{ "ticks, three a ns",
	  { 700, 700, 50500 },
	  { 1000, 50000, 1000 },
	  { 4000, 51000, 4000 },
	  true,
	  2500,
	  1700,
	  1900 },
	{ "before it was asked",
	  { 700, 700, 49999 },
	  { 1000, 50000, 1000 },
	  { 2000, 51000, 2000 } },
	{ "after it came", { 700, 700, 51001 }, { 1000, 50000, 1000 }, { 2000, 51000, 2000 } },
	{ "no pair", { 0, 0, 0 }, { 1000, 50000, 1000 }, { 2000, 51000, 2000 } },
	{ "ends before it begins",
	  { 701, 700, 50500 },
	  { 1000, 50000, 1000 },
	  { 2000, 51000, 2000 } },
	{ "the time of day was set back",
	  { 700, 700, 50500 },
	  { 1000, 51000, 1000 },
	  { 2000, 50000, 2000 } },
};

static void test_limits(void **state)
{
	const struct limits_case *c = *state;
	uint64_t at = 0;
	int64_t lo = 0, hi = 0;

	assert_int_equal(ts_pair_limits(&c->p, &c->asked, &c->came, &at, &lo, &hi), c->good);
	if (!c->good)
		return;
	assert_int_equal(at, c->at);
	assert_int_equal(lo, c->lo);
	assert_int_equal(hi, c->hi);
}

int main(void)
{
	return RUN_ROWS("open", opens, test_open) + RUN_ROWS("ask", asks, test_ask) +
	       RUN_ROWS("limits", limits, test_limits);
}
