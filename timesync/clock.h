/* SPDX-License-Identifier: GPL-2.0 */
/*
 * clock.h - any trace clock's time now, for the method "probe"
 *
 * Those that user space can read are (timesync/now.h); for the others ("global", "local"...) a mark
 * is made in an instance of our own and read back, which takes some ten microseconds.
 */
#ifndef TIMESYNC_CLOCK_H
#define TIMESYNC_CLOCK_H

#include "base/io.h"

struct ts_clock;

/* Does @name tell time? "counter" does not. */
bool ts_clock_can(const char *name);

/* @instance: its name, if one is needed. NULL on error. */
struct ts_clock *ts_clock_open(const char *name, const char *instance, struct err *e);
void ts_clock_close(struct ts_clock *c); /* the instance goes away; NULL is fine */

const char *ts_clock_name(const struct ts_clock *c);
/* Between the call and its return; 0 where the mark was not found again. */
uint64_t ts_clock_now(struct ts_clock *c);

#endif
