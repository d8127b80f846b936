/* SPDX-License-Identifier: GPL-2.0 */
/*
 * meta.h - this machine's metadata for a trace.dat
 *
 * The head of a version 6 file, in its order:
 *	meta_collect()	  start, header_page/event, formats, kallsyms, printk_formats[, cmdlines]
 *	meta_cmdlines()	  when it was left for the end of the recording
 *	meta_options()	  CPU count and options, with the end mark
 * It may be collected while tracing runs. Format: see tracedat/head.h.
 */
#ifndef TRACING_META_H
#define TRACING_META_H

#include "tracing/plan.h"
#include "tracing/tracefs.h"

struct meta_opts {
	/*
	 * The events whose formats are stored, as stock does: those that a -e names ("ftrace" ones
	 * always). NULL, or plan->all_formats, or nothing named: all events.
	 */
	const struct trace_plan *plan;
	bool cmdlines_later;  /* end after printk_formats */
	const char *kallsyms; /* path, NULL = /proc/kallsyms */
	bool copy;	      /* @t is a copy, tfs_open_copy(): the formats that are there */
};

/* @t is the root directory. Appends to @head. */
int meta_collect(const struct tracefs *t, const struct meta_opts *o, struct buf *head,
		 struct err *e);
int meta_cmdlines(const struct tracefs *t, struct buf *head, struct err *e);

struct meta_option_opts {
	uint32_t cpus;		  /* the count: highest CPU number + 1 */
	uint64_t trace_id;	  /* 0 = none is written; see meta_trace_id() */
	bool latency;		  /* a version 6 latency file must not have TRACECLOCK */
	const char *version;	  /* text of the VERSION option, NULL = none */
	const char *const *hooks; /* -H texts */
	size_t nhooks;
	const char *const
		*buffers; /* names of the instances (not the top one): BUFFER {u64 0, z} */
	size_t nbuffers;
	const struct buf *cpustat; /* texts of meta_cpustat(), one for each CPU; NULL = none */
	size_t ncpustat;
};

/* The CPU count, then the options and their end. @t: the root directory. */
int meta_options(const struct tracefs *t, const struct meta_option_opts *o, struct buf *head,
		 struct err *e);

/* The payload of a CPUSTAT option ("CPU: 0\n" + stats + NUL) appended to @to. @t: any buffer. */
int meta_cpustat(const struct tracefs *t, uint32_t cpu, struct buf *to, struct err *e);

enum { META_VERSION_MAX = 160 };

/* The text of the VERSION option, "trace-cmd 0.1.0 Linux 6.1.0-28-amd64 x86_64"; returns @to. */
const char *meta_version(char *to, size_t room);

/* A number that no other recording is likely to have; never 0. */
uint64_t meta_trace_id(void);

/* What the kernel counted for one CPU of one buffer: per_cpu/cpuN/stats. Counts of events. */
struct cpu_stats {
	uint64_t entries;	 /* in the ring now, not read yet */
	uint64_t overrun;	 /* overwritten before they were read */
	uint64_t commit_overrun; /* lost because nested too deep */
	uint64_t dropped;	 /* refused, in non-overwrite mode */
	uint64_t read;		 /* read by us or others */
	uint64_t bytes;		 /* in the ring now */
};

int cpu_stats_read(const struct tracefs *t, uint32_t cpu, struct cpu_stats *to, struct err *e);

#endif
