/* SPDX-License-Identifier: GPL-2.0 */
/*
 * plan-opts.h - the options that say what to trace, for every command that has them
 *
 * Their rows stand in the option tables of record, start, set, stream and others. The context of
 * such a command begins with a struct plan_ctx.
 */
#ifndef TRACING_PLAN_OPTS_H
#define TRACING_PLAN_OPTS_H

#include "base/opt.h"
#include "tracing/plan.h"

struct plan_ctx {
	struct trace_plan *plan; /* owned by the command */
};

/* One setter for each plan_ function: X(name of the setter, function). */
#define PLAN_SETTERS(X)                            \
	X(event, plan_add_event)                   \
	X(filter, plan_set_filter)                 \
	X(trigger, plan_set_trigger)               \
	X(exclude, plan_set_exclude)               \
	X(tracer, plan_set_tracer)                 \
	X(clock, plan_set_clock)                   \
	X(size, plan_set_size)                     \
	X(buffer, plan_add_buffer)                 \
	X(cpumask, plan_set_cpumask)               \
	X(option, plan_add_option)                 \
	X(function, plan_add_function)             \
	X(notrace, plan_add_notrace)               \
	X(graph, plan_add_graph)                   \
	X(module, plan_set_module)                 \
	X(depth, plan_set_graph_depth)             \
	X(stacktrace, plan_set_stacktrace)         \
	X(func_stack, plan_set_func_stack)         \
	X(pids, plan_add_pids)                     \
	X(command_only, plan_set_command_only)     \
	X(follow, plan_set_follow)                 \
	X(ignore_missing, plan_set_ignore_missing) \
	X(functions_off, plan_set_functions_off)   \
	X(functions_none, plan_set_functions_none) \
	X(cmdlines, plan_set_cmdlines)             \
	X(all_formats, plan_set_all_formats)       \
	X(no_filter, plan_set_no_filter)           \
	X(tsc2nsec, plan_set_tsc2nsec)

#define PLAN_SETTER_DECLARE(name, to) \
	int plan_opt_##name(void *ctx, const struct opt *o, const char *val, struct err *e);
PLAN_SETTERS(PLAN_SETTER_DECLARE)
#undef PLAN_SETTER_DECLARE

/* clang-format off */
#define PLAN_OPTS                                                                                  \
	{ 'e', NULL, "EVENT", "trace SYSTEM, SYSTEM:EVENT, EVENT, a glob, or all",                 \
	  plan_opt_event, .complete = "event" },                                                   \
	{ 'f', NULL, "FILTER", "filter of the -e before it, in the kernel's words",                \
	  plan_opt_filter },                                                                       \
	{ 'R', NULL, "TRIGGER", "trigger of the -e before it", plan_opt_trigger },                 \
	{ 'v', NULL, NULL, "do not trace the events of every -e after this", plan_opt_exclude },   \
	{ 'p', NULL, "TRACER", "run this tracer: function, function_graph, ...", plan_opt_tracer,  \
	  .complete = "tracer" },                                                                  \
	{ 'l', NULL, "FUNCTION", "trace only this function (globs)", plan_opt_function },          \
	{ 'n', NULL, "FUNCTION", "do not trace this function", plan_opt_notrace },                 \
	{ 'g', NULL, "FUNCTION", "function_graph: trace this function and what it calls",          \
	  plan_opt_graph },                                                                        \
	{ 0, "module", "MODULE", "trace only the functions of this module", plan_opt_module },     \
	{ 0, "max-graph-depth", "DEPTH", "function_graph: how deep", plan_opt_depth },             \
	{ 'T', NULL, NULL, "a stack trace with each event", plan_opt_stacktrace },                 \
	{ 0, "func-stack", NULL, "a stack trace with each function (with -l)",                     \
	  plan_opt_func_stack },                                                                   \
	{ 'O', NULL, "OPTION", "set a trace option; noOPTION clears it", plan_opt_option,          \
	  .complete = "traceoption" },                                                             \
	{ 'C', NULL, "CLOCK", "the clock of the timestamps", plan_opt_clock,                       \
	  .complete = "clock" },                                                                   \
	{ 'b', NULL, "KB", "size of the ring buffer of each CPU, in KiB", plan_opt_size },         \
	{ 'B', NULL, "BUFFER", "what follows goes to a buffer (instance) of its own",              \
	  plan_opt_buffer, .complete = "buffer" },                                                 \
	{ 'M', NULL, "CPUMASK", "trace only these CPUs, in hex; -1 is all", plan_opt_cpumask },    \
	{ 'P', NULL, "PID", "trace only these processes: 12,34", plan_opt_pids },                  \
	{ 'F', NULL, NULL, "trace only the COMMAND", plan_opt_command_only },                      \
	{ 'c', NULL, NULL, "with -F or -P: their children too", plan_opt_follow },                 \
	{ 'i', NULL, NULL, "an event that does not exist is no error", plan_opt_ignore_missing }, \
	{ 'd', NULL, NULL, "keep tracers from tracing functions besides", plan_opt_functions_off }, \
	{ 'D', NULL, NULL, "the same, and switch function tracing off for all its users",          \
	  plan_opt_functions_none },                                                               \
	{ 0, "cmdlines-size", "ENTRIES", "how many names of processes the kernel keeps",           \
	  plan_opt_cmdlines }
/* clang-format on */

#endif
