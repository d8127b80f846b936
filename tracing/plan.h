/* SPDX-License-Identifier: GPL-2.0 */
/*
 * plan.h - what to record, as the options of the command line say it
 *
 * The order of options counts, as in stock trace-cmd: -f and -R belong to the -e before them, -v
 * turns every -e after it into "not this one", and -B makes a buffer to which what follows belongs.
 * -v -B is a buffer that goes, and ends the -v.
 * Nothing here touches the kernel: see tracing/apply.h.
 *
 * Every setter has the form of an option: plan, the option's argument (NULL where it takes none),
 * error. 0 or a negative errno (-EINVAL: wrong usage, with a hint). Texts are copied.
 */
#ifndef TRACING_PLAN_H
#define TRACING_PLAN_H

#include <sys/types.h>
#include "base/err.h"

struct text_list {
	char **text; /* owned, and each of them */
	size_t n;
};

struct plan_event {
	char *pattern; /* "all", "sched", "sched:sched_switch", "sched_switch", "sched*", "*:*" */
	char *filter;  /* NULL = none (-f) */
	char *trigger; /* NULL = none (-R) */
	bool exclude;  /* came behind -v: switch these off again */
};

struct plan_buffer {
	char *name; /* "" = the top buffer */
	struct plan_event *events;
	size_t nevents;
	char *tracer;		    /* -p, NULL = not given */
	char *clock;		    /* -C, NULL = not given: left as it is */
	uint64_t size_kb;	    /* -b: KiB for each CPU, 0 = not given */
	char *cpumask;		    /* -M: hex digits as tracing_cpumask takes them; "-1" = all */
	struct text_list options;   /* -O: "sym-addr", "nograph-time" */
	struct text_list functions; /* -l */
	struct text_list notrace;   /* -n */
	struct text_list graph;	    /* -g */
	char *module;		    /* --module */
	uint64_t graph_depth;	    /* --max-graph-depth, 0 = not given */
	bool stacktrace;	    /* -T: a stack with each event */
	bool func_stack;	    /* --func-stack: a stack with each function */
	pid_t *pids;		    /* -P */
	size_t npids;
};

/* -d and -D: what keeps the function tracer from running with other tracers. */
enum plan_functions {
	PLAN_FUNCTIONS_ON,  /* not given */
	PLAN_FUNCTIONS_OFF, /* -d: the option function-trace, else ftrace_enabled */
	PLAN_FUNCTIONS_NONE /* -D: both, for all users of function tracing */
};

struct trace_plan {
	struct plan_buffer *buffers; /* [0] is the top one, always there */
	size_t nbuffers;
	struct plan_buffer *now;  /* the one that options belong to; borrowed */
	struct text_list removed; /* -v -B: instances that go */
	struct plan_buffer gone;  /* collects what is said about them, which is wrong */
	enum plan_functions functions;
	uint64_t cmdlines; /* --cmdlines-size: entries, 0 = not given */
	bool adding;	   /* what is not named stays as it is: events, filters, tracer, the ring */
	bool excluding;	   /* -v was seen */
	bool ignore_missing; /* -i: an event that is not there is no error */
	bool command_only;   /* -F: only the command that we start */
	bool follow;	     /* -c: and its children */
	bool all_formats;    /* -a: store the formats of all events */
	bool tsc2nsec;	     /* --tsc2nsec, -C tsc2nsec: store the rate of the TSC */
	bool trace_self;     /* --no-filter: record trace-cmd's own events too */
	bool guests;	     /* -A: others record, so here there may be nothing to */
};

struct trace_plan *plan_new(struct err *e); /* NULL on error */
void plan_free(struct trace_plan *p);	    /* NULL is fine */

int plan_add_buffer(struct trace_plan *p, const char *name, struct err *e);	/* -B */
int plan_add_event(struct trace_plan *p, const char *pattern, struct err *e);	/* -e */
int plan_set_filter(struct trace_plan *p, const char *filter, struct err *e);	/* -f */
int plan_set_trigger(struct trace_plan *p, const char *trigger, struct err *e); /* -R */
int plan_set_exclude(struct trace_plan *p, const char *none, struct err *e);	/* -v */
int plan_set_tracer(struct trace_plan *p, const char *tracer, struct err *e);	/* -p */
int plan_set_clock(struct trace_plan *p, const char *clock, struct err *e);	/* -C */
int plan_set_size(struct trace_plan *p, const char *kb, struct err *e);		/* -b */
int plan_set_cpumask(struct trace_plan *p, const char *mask, struct err *e);	/* -M */
int plan_add_option(struct trace_plan *p, const char *option, struct err *e);	/* -O */
int plan_add_function(struct trace_plan *p, const char *name, struct err *e);	/* -l */
int plan_add_notrace(struct trace_plan *p, const char *name, struct err *e);	/* -n */
int plan_add_graph(struct trace_plan *p, const char *name, struct err *e);	/* -g */
int plan_set_module(struct trace_plan *p, const char *name, struct err *e);	/* --module */
int plan_set_graph_depth(struct trace_plan *p, const char *depth, struct err *e);
int plan_set_stacktrace(struct trace_plan *p, const char *none, struct err *e); /* -T */
int plan_set_func_stack(struct trace_plan *p, const char *none, struct err *e);
int plan_add_pids(struct trace_plan *p, const char *list, struct err *e);	    /* -P "12,34" */
int plan_set_command_only(struct trace_plan *p, const char *none, struct err *e);   /* -F */
int plan_set_follow(struct trace_plan *p, const char *none, struct err *e);	    /* -c */
int plan_set_functions_off(struct trace_plan *p, const char *none, struct err *e);  /* -d */
int plan_set_functions_none(struct trace_plan *p, const char *none, struct err *e); /* -D */
int plan_set_cmdlines(struct trace_plan *p, const char *size, struct err *e); /* --cmdlines-size */
int plan_set_ignore_missing(struct trace_plan *p, const char *none, struct err *e); /* -i */
int plan_set_all_formats(struct trace_plan *p, const char *none, struct err *e);    /* -a */
int plan_set_no_filter(struct trace_plan *p, const char *none, struct err *e); /* --no-filter */
int plan_set_tsc2nsec(struct trace_plan *p, const char *none, struct err *e);  /* --tsc2nsec */

/*
 * After the last option: does it make sense as a whole? Errors: nothing to record (but with
 * .adding or .guests); -c without -F or -P; -F without a command (@has_command); options of a
 * buffer that -v -B removes.
 */
int plan_check(const struct trace_plan *p, bool has_command, struct err *e);

/* Does any buffer run a tracer that writes text instead of events (wakeup, irqsoff, ...)? */
bool plan_is_latency(const struct trace_plan *p);
/* The first of them; 0 where there is none. */
size_t plan_latency_buffer(const struct trace_plan *p);
/* Is @tracer one? */
bool tracer_is_latency(const char *tracer);

#endif
