/* SPDX-License-Identifier: GPL-2.0 */
/* pages.h - where the raw ring-buffer pages of each CPU come from */
#ifndef TRACING_PAGES_H
#define TRACING_PAGES_H

#include "tracedat/page.h"
#include "tracing/tracefs.h"
#include "tracing/undo.h"

#define PAGES_MAX_CPUS 4096

/* per_cpu/cpuN/trace_pipe_raw of @t, read-only, non-blocking, close-on-exec; or a negative errno.
 */
int pages_open(const struct tracefs *t, unsigned int cpu, struct err *e);
/* The same of per_cpu/cpuN/snapshot_raw. -ENOTSUP where the kernel has none. */
int pages_open_snapshot(const struct tracefs *t, unsigned int cpu, struct err *e);

struct cpu_list {
	uint32_t *cpu; /* owned, ascending */
	size_t n;
};

/* The CPUs that have a buffer in @t (offline ones too, once they were online). */
int pages_cpus(const struct tracefs *t, struct cpu_list *to, struct err *e);
/* The CPUs that are online now. @file NULL = /sys/devices/system/cpu/online. */
int pages_online(const char *file, struct cpu_list *to, struct err *e);
void cpu_list_free(struct cpu_list *l);
bool cpu_list_has(const struct cpu_list *l, uint32_t cpu);
/* Highest number + 1: what a file calls its CPU count. */
uint32_t cpu_list_count(const struct cpu_list *l);
/* All CPUs that have a buffer, as tracing_cpumask is written: "f" or "3,ffffffff". Appends. */
int pages_mask(const struct tracefs *t, struct buf *to, struct err *e);

/* Size and shape of a sub-buffer, from events/header_page. @t: the root or an instance. */
int pages_layout(const struct tracefs *t, struct page_layout *to, struct err *e);

/*
 * How full a sub-buffer ring must be (percent) before a waiting reader is woken; 0 = at each page
 * with data. Kernels without the file: nothing is done, 0 is returned.
 */
int pages_set_percent(struct undo *u, const struct tracefs *t, unsigned int percent, struct err *e);

#endif
