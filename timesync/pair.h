/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pair.h - the host's time as the guest's device ptp_kvm says it: the method "ptp_kvm"
 *
 * The device is a clock of the guest's kernel (/dev/ptpN, "KVM virtual PTP") that asks KVM for the
 * host's CLOCK_REALTIME. So one question gives times of both machines at one moment, without the
 * way of a message between them.
 */
#ifndef TIMESYNC_PAIR_H
#define TIMESYNC_PAIR_H

#include "base/io.h"

#define TS_PAIR_CLASS "/sys/class/ptp"
#define TS_PAIR_NAME  "ptp_kvm"

/* Between .before and .after of the guest's trace clock the host's CLOCK_REALTIME was .host. */
struct ts_pair {
	uint64_t before, after, host;
};

/* Guest: a descriptor of the device, to be closed; -ENOENT: there is none. @class: TS_PAIR_CLASS;
 * devices of the names there are in @dev ("/dev"). */
int ts_pair_open(const char *class, const char *dev);

/* ioctl(2), for tests. */
typedef int (*ts_pair_ioctl)(int fd, unsigned long request, void *arg);

/* Guest: ask the device, for the trace clock @clock (timesync/now.h). -errno. @ask: NULL = ioctl()
 */
int ts_pair_read(int fd, const char *clock, ts_pair_ioctl ask, struct ts_pair *to);

/* Host: its trace clock was at .before, then CLOCK_REALTIME at .real, then the former at .after. */
struct ts_both {
	uint64_t before, real, after;
};

void ts_both_now(const char *clock, struct ts_both *to);

/*
 * What @p says of the offset host - guest at the host's time *at: not below *lo, not above *hi.
 * @asked was read before the question was sent, @came when the answer was there. False: the answer
 * is not from between.
 */
bool ts_pair_limits(const struct ts_pair *p, const struct ts_both *asked,
		    const struct ts_both *came, uint64_t *at, int64_t *lo, int64_t *hi);

#endif
