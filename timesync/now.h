/* SPDX-License-Identifier: GPL-2.0 */
/*
 * now.h - the time of a trace clock now, read without the tracer
 *
 * Only clocks that user space can read as the tracer does. Host and guest compare them with the
 * method "probe".
 */
#ifndef TIMESYNC_NOW_H
#define TIMESYNC_NOW_H

#include "base/io.h"

/* "x86-tsc", "mono", "mono_raw", "boot", "tai"; false: no other way than a marker in the trace. */
bool ts_now_can(const char *clock);
uint64_t ts_now(const char *clock); /* ticks or ns; 0 for another clock */

/* Has each CPU one of its own, so that they may differ? Of any trace clock. */
bool ts_now_is_per_cpu(const char *clock);

/* The APIC id of the CPU that this runs on, which is KVM's number of the vCPU; else UINT32_MAX. */
uint32_t ts_apic_id(void);

/* How fast the TSC runs: ns = (ticks * mult) >> shift, as a TSC2NSEC option has it. */
struct ts_rate {
	uint64_t tsc, ns; /* where the measurement began */
};

void ts_rate_begin(struct ts_rate *r);
/*
 * From then until now: the longer, the better (an error of 1 us in 10 ms is 1e-4). False: this
 * machine has no TSC.
 */
bool ts_rate_end(const struct ts_rate *r, uint32_t *mult, uint32_t *shift);
/* Append the option record TSC2NSEC (trace-cmd.dat.v7(5)); zero is where the TSC was 0. */
int ts_rate_put(uint32_t mult, uint32_t shift, struct buf *to, struct err *e);

#endif
