// SPDX-License-Identifier: GPL-2.0
/*
 * trace-show.c - the show command: what is in the ring buffer, as the kernel prints it
 *
 * Theory of operation
 *
 * A copy of one file of tracefs to stdout: trace, trace_pipe (-p, which waits for more until
 * Ctrl-C) or snapshot (-s), of one CPU with -c. The settings files have options of their own, a
 * table; when one of them is given, they are printed and nothing else.
 */
#include "trace-cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tracing/picks.h"

struct show_ctx {
	struct picks picks;
	bool pipe, snapshot, path;
	const char *cpu;
	bool tracing_on, current_tracer, buffer_size, buffer_total_size, ftrace_filter,
		ftrace_notrace, ftrace_pid, graph_function, graph_notrace, cpumask;
};

#define AT(member) .off = offsetof(struct show_ctx, member)
#define SETTING(name, text)                                           \
	{                                                             \
		0, #name, NULL, "print " text, opt_set_flag, AT(name) \
	}

static const struct opt show_opts[] = {
	{ 'p', NULL, NULL, "trace_pipe: what is printed is taken away, and more is waited for",
	  opt_set_flag, AT(pipe) },
	{ 's', NULL, NULL, "the snapshot", opt_set_flag, AT(snapshot) },
	{ 'c', NULL, "CPU", "only this CPU", opt_set_text, AT(cpu) },
	{ 'f', NULL, NULL, "print the path of the file first", opt_set_flag, AT(path) },
	{ 'B', NULL, "BUFFER", "of this buffer (instance)", pick_opt_name, .complete = "buffer" },
	SETTING(tracing_on, "whether the ring is written to"),
	SETTING(current_tracer, "the tracer"),
	SETTING(buffer_size, "the size of the ring of each CPU, in KiB"),
	SETTING(buffer_total_size, "the size of all rings, in KiB"),
	SETTING(ftrace_filter, "the functions that are traced"),
	SETTING(ftrace_notrace, "the functions that are not traced"),
	SETTING(ftrace_pid, "the processes whose functions are traced"),
	SETTING(graph_function, "the functions that are graphed"),
	SETTING(graph_notrace, "the functions that are not graphed"),
	SETTING(cpumask, "the CPUs that are traced"),
};

static const struct {
	size_t flag; /* offset in struct show_ctx */
	const char *file;
} settings[] = {
	{ offsetof(struct show_ctx, tracing_on), "tracing_on" },
	{ offsetof(struct show_ctx, current_tracer), "current_tracer" },
	{ offsetof(struct show_ctx, buffer_size), "buffer_size_kb" },
	{ offsetof(struct show_ctx, buffer_total_size), "buffer_total_size_kb" },
	{ offsetof(struct show_ctx, ftrace_filter), "set_ftrace_filter" },
	{ offsetof(struct show_ctx, ftrace_notrace), "set_ftrace_notrace" },
	{ offsetof(struct show_ctx, ftrace_pid), "set_ftrace_pid" },
	{ offsetof(struct show_ctx, graph_function), "set_graph_function" },
	{ offsetof(struct show_ctx, graph_notrace), "set_graph_notrace" },
	{ offsetof(struct show_ctx, cpumask), "tracing_cpumask" },
};

static bool is_asked(const struct show_ctx *c, size_t i)
{
	return *(const bool *)((const char *)c + settings[i].flag);
}

/* To its end, which trace_pipe does not have. A reader of ours that goes away is no error. */
static int copy_file(const struct tracefs *t, const char *file, struct err *e)
{
	AUTO_FD fd = tfs_file(t, file, O_RDONLY, e);
	char bytes[16384];
	ssize_t n;

	if (fd < 0)
		return fd;
	fflush(stdout);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR)) {
		int ret = n > 0 ? write_all(STDOUT_FILENO, bytes, (size_t)n, "stdout", e) : 0;

		if (ret == -EPIPE)
			err_clear(e);
		if (ret)
			return ret == -EPIPE ? 0 : ret;
	}
	if (!n)
		return 0;
	return err_set(e, errno, "cannot read %s/%s", tfs_path(t), file);
}

/* The setting of one buffer as this command prints it: "7 (expanded: 1408)" is 7. */
static int show_setting(const struct tracefs *t, const char *file, struct err *e)
{
	struct buf text = { 0 };
	int ret = tfs_read(t, file, &text, e);
	char *expanded = ret ? NULL : strstr((char *)text.data, " (expanded");

	if (expanded)
		snprintf(expanded, 2, "\n");
	if (!ret)
		fputs((char *)text.data, stdout);
	buf_free(&text);
	return ret;
}

static int show_file(const struct show_ctx *c, const struct tracefs *t, struct err *e)
{
	const char *name = c->pipe ? "trace_pipe" : c->snapshot ? "snapshot" : "trace";
	char file[128];
	int ret = c->cpu ? path_fmt(file, sizeof(file), e, "per_cpu/cpu%s/%s", c->cpu, name)
			 : path_fmt(file, sizeof(file), e, "%s", name);

	if (ret)
		return ret;
	if (c->cpu && !tfs_has(t, file))
		return err_say(e, ENOENT, "-c: there is no CPU %s, or no %s of it", c->cpu, name);
	if (c->path)
		printf("%s/%s\n", tfs_path(t), file);
	ret = copy_file(t, file, e);
	if (ret == -ENOENT && c->snapshot)
		err_hint(e,
			 "a kernel built with CONFIG_TRACER_SNAPSHOT; this one has no snapshots");
	return ret;
}

static int show(struct show_ctx *c, struct err *e)
{
	struct tracefs *top = tfs_open(NULL, e);
	int ret = top ? picks_open(&c->picks, top, e) : -e->code;
	const struct tracefs *t = ret ? NULL : c->picks.pick[c->picks.n - 1].t;
	bool any = false;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(settings); i++) {
		if (!is_asked(c, i))
			continue;
		any = true;
		ret = show_setting(t, settings[i].file, e);
	}
	if (!ret && !any)
		ret = show_file(c, t, e);
	tfs_close(top);
	return ret;
}

static int check(const struct show_ctx *c, const char *word, struct err *e)
{
	uint64_t cpu;

	if (word)
		return err_say(e, EINVAL, "show: '%s' is no option", word);
	if (c->pipe && c->snapshot)
		return err_say(e, EINVAL, "-p and -s: there is no trace_pipe of a snapshot");
	return c->cpu ? parse_u64(c->cpu, 0, UINT32_MAX, &cpu, "-c", e) : 0;
}

static int run_show(const struct command *self, int argc, char **argv)
{
	struct show_ctx c = { 0 };
	struct err e = { 0 };
	int rest, status = opts_begin(self, &c, argc, argv, &rest);

	if (status < 0 && check(&c, rest < argc ? argv[rest] : NULL, &e))
		status = EXIT_USAGE;
	if (status < 0)
		status = show(&c, &e) ? EXIT_FAILED : EXIT_WHOLE;
	fflush(stdout);
	if (e.code)
		err_print(stderr, &e);
	picks_free(&c.picks);
	return status;
}

const struct command cmd_show = {
	.name = "show",
	.args = "[OPTIONS]",
	.summary = "print the ring buffer as text, or one setting",
	.details = "The options with long names print a setting and nothing else.\n",
	.opts = show_opts,
	.nopts = ARRAY_SIZE(show_opts),
	.run = run_show,
};
