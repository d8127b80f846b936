// SPDX-License-Identifier: GPL-2.0
/*
 * trace-list.c - list: what this kernel and this tool can trace
 *
 * Theory of operation
 *
 * Each thing that can be listed is a row of sections[], and an option that sets the row's flag.
 * They are printed in the order of the table, whatever the order of the options, and each byte is
 * as stock trace-cmd prints it: scripts read this output.
 *
 * -e and -f take an expression where the next word is none that begins with a dash; an option table
 * knows only arguments that must be there, so join_optional() brings the words into that form
 * first.
 *
 * An expression "a:b" is two: a for the system, b for the event. Without a colon it may match
 * either. Both are regcomp(3) expressions, case does not count (as in stock trace-cmd).
 */
#include "trace-cmd.h"

#include <errno.h>
#include <regex.h>
#include <string.h>
#include <traceevent/event-parse.h>
#include <traceevent/trace-seq.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "guests/lines.h"
#include "tracing/tracefs.h"

struct list {
	bool events, systems, tracers, options, functions, plugins, plugin_options, buffers, clocks,
		compression, guests;
	const char *dir;		      /* --dir, of the guests; NULL = the default */
	bool fields, full, triggers, filters; /* -F --full -R -l */
	const char *event_re, *function_re;   /* "" = all; borrowed */
	struct tracefs *t;		      /* owned; NULL = not opened yet */
};

static int set_events(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct list *l = ctx;

	(void)o, (void)e;
	l->events = true;
	l->event_re = val;
	return 0;
}

static int set_functions(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct list *l = ctx;

	(void)o, (void)e;
	l->functions = true;
	l->function_re = val;
	return 0;
}

#define FLAG(letter, name, member, text)                                         \
	{                                                                        \
		.s = (letter), .l = (name), .help = (text), .set = opt_set_flag, \
		.off = offsetof(struct list, member)                             \
	}

static const struct opt opts[] = {
	{ .s = 'e',
	  .arg = "[REGEX]",
	  .help = "events, or those whose system or name matches",
	  .set = set_events,
	  .complete = "event" },
	FLAG('F', NULL, fields, "with -e REGEX: the fields of each event"),
	FLAG(0, "full", full, "with -F: the print format too"),
	FLAG('R', NULL, triggers, "with -e REGEX: the triggers of each event"),
	FLAG('l', NULL, filters, "with -e REGEX: the filter of each event"),
	FLAG('s', NULL, systems, "systems of events"),
	FLAG('t', NULL, tracers, "tracers"),
	FLAG('p', NULL, tracers, "the same as -t"),
	FLAG('o', NULL, options, "trace options, with \"no\" before those that are off"),
	{ .s = 'f',
	  .arg = "[REGEX]",
	  .help = "functions that can be traced, or those that match",
	  .set = set_functions },
	FLAG('P', NULL, plugins, "plugin files that report loads"),
	FLAG('O', NULL, plugin_options, "options of the plugins, for report -O"),
	FLAG('B', NULL, buffers, "buffers (instances) that were made"),
	FLAG('C', NULL, clocks, "clocks, the current one in brackets"),
	FLAG('c', NULL, compression, "compression algorithms of trace files"),
	FLAG(0, "guests", guests, "guests that run or have trace channels on this host"),
	{ .l = "dir",
	  .arg = "DIR",
	  .help = "with --guests: where the guests' directories are",
	  .set = opt_set_text,
	  .off = offsetof(struct list, dir),
	  .complete = "dir" },
};

/* tracefs, opened by the first section that needs it. */
static struct tracefs *tracefs_of(struct list *l, struct err *e)
{
	if (!l->t)
		l->t = tfs_open(NULL, e);
	return l->t;
}

static int read_root(struct list *l, const char *file, struct buf *to, struct err *e)
{
	return tracefs_of(l, e) ? tfs_read(l->t, file, to, e) : -e->code;
}

static int print_file(struct list *l, const char *file, struct err *e)
{
	struct buf text = { 0 };
	int ret = read_root(l, file, &text, e);

	if (!ret)
		fwrite(text.data, 1, text.len, stdout);
	buf_free(&text);
	return ret;
}

/* Two expressions, for the system and for the event; the same one where there is no colon. */
struct event_match {
	regex_t system, event;
	bool pair;
};

static int compile(regex_t *to, const char *text, struct err *e)
{
	char words[128];
	int code = regcomp(to, text, REG_ICASE | REG_NOSUB);

	if (!code)
		return 0;
	regerror(code, to, words, sizeof(words));
	return err_say(e, EINVAL, "'%s' is not a regular expression: %s", text, words);
}

static int match_new(struct event_match *m, const char *text, struct err *e)
{
	AUTO_FREE char *copy = strdup(text);
	char *colon = copy ? strchr(copy, ':') : NULL;
	int ret;

	if (!copy)
		return err_set(e, ENOMEM, "no memory for '%s'", text);
	m->pair = colon != NULL;
	if (colon)
		*colon++ = '\0';
	ret = compile(&m->system, copy, e);
	if (ret)
		return ret;
	ret = compile(&m->event, colon ? colon : copy, e);
	if (ret)
		regfree(&m->system);
	return ret;
}

static void match_free(struct event_match *m)
{
	regfree(&m->system);
	regfree(&m->event);
}

static bool matches(const struct event_match *m, const char *system, const char *event)
{
	bool sys = !regexec(&m->system, system, 0, NULL, 0);
	bool ev = !regexec(&m->event, event, 0, NULL, 0);

	return m->pair ? sys && ev : sys || ev;
}

/* A file of an event; ftrace's own events have no filter and no trigger. */
static int read_event_file(struct list *l, const char *system, const char *event, const char *name,
			   struct buf *to, struct err *e)
{
	char file[1024];
	int ret = path_fmt(file, sizeof(file), e, "events/%s/%s/%s", system, event, name);

	return ret ? ret : tfs_read(l->t, file, to, e);
}

static int print_format(struct list *l, const char *system, const char *event, struct err *e)
{
	struct buf text = { 0 };
	int ret = read_event_file(l, system, event, "format", &text, e);

	if (!ret) {
		char *fmt = strstr((char *)text.data, "print fmt");

		if (fmt && !l->full)
			*fmt = '\0';
		printf("system: %s\n%s", system, (char *)text.data);
	}
	buf_free(&text);
	return ret;
}

static int print_setting(struct list *l, const char *system, const char *event, const char *name,
			 struct err *e)
{
	struct buf text = { 0 };
	struct err local = { 0 };
	int ret = read_event_file(l, system, event, name, &text, &local);

	printf("%s:%s\n", system, event);
	if (!ret)
		printf("%s\n", (char *)text.data);
	else if (ret != -ENOENT && e)
		*e = local;
	buf_free(&text);
	return ret == -ENOENT ? 0 : ret;
}

static int print_event(struct list *l, const char *system, const char *event, struct err *e)
{
	if (l->fields)
		return print_format(l, system, event, e);
	if (l->filters)
		return print_setting(l, system, event, "filter", e);
	if (l->triggers)
		return print_setting(l, system, event, "trigger", e);
	printf("%s:%s\n", system, event);
	return 0;
}

static int show_system(struct list *l, const struct event_match *m, const char *system,
		       struct err *e)
{
	struct names events = { 0 };
	char dir[512];
	int ret = path_fmt(dir, sizeof(dir), e, "events/%s", system);

	if (!ret)
		ret = tfs_dirs(l->t, dir, &events, e);
	for (size_t i = 0; !ret && i < events.n; i++)
		if (matches(m, system, events.name[i]))
			ret = print_event(l, system, events.name[i], e);
	names_free(&events);
	return ret;
}

/*
 * All of them are in one file. An expression goes through the directories, which hold ftrace's own
 * events too, and in their order.
 */
static int show_events(struct list *l, struct err *e)
{
	struct names systems = { 0 };
	struct event_match m;
	int ret;

	if (!l->event_re || !l->event_re[0])
		return print_file(l, "available_events", e);
	ret = match_new(&m, l->event_re, e);
	if (ret)
		return ret;
	ret = tracefs_of(l, e) ? tfs_dirs(l->t, "events", &systems, e) : -e->code;
	for (size_t i = 0; !ret && i < systems.n; i++)
		ret = show_system(l, &m, systems.name[i], e);
	names_free(&systems);
	match_free(&m);
	return ret;
}

static int show_tracers(struct list *l, struct err *e)
{
	return print_file(l, "available_tracers", e);
}

static int print_option(struct list *l, const char *name, struct err *e)
{
	struct buf value = { 0 };
	char file[512];
	int ret = path_fmt(file, sizeof(file), e, "options/%s", name);

	if (!ret)
		ret = tfs_read(l->t, file, &value, e);
	if (!ret)
		printf("%s%s\n", value.data[0] == '0' ? "no" : "", name);
	buf_free(&value);
	return ret;
}

static int show_options(struct list *l, struct err *e)
{
	struct names names = { 0 };
	int ret = tracefs_of(l, e) ? tfs_files(l->t, "options", &names, e) : -e->code;

	for (size_t i = 0; !ret && i < names.n; i++)
		ret = print_option(l, names.name[i], e);
	names_free(&names);
	return ret;
}

static int show_functions(struct list *l, struct err *e)
{
	struct buf all = { 0 };
	char *line, *rest;
	regex_t re;
	int ret = read_root(l, "available_filter_functions", &all, e);

	if (!ret)
		ret = compile(&re, l->function_re, e);
	if (!ret) {
		for (rest = (char *)all.data; (line = strsep(&rest, "\n"));)
			if (line[0] && !regexec(&re, line, 0, NULL, 0))
				puts(line);
		regfree(&re);
	}
	buf_free(&all);
	return ret;
}

static int show_plugins(struct list *l, struct err *e)
{
	struct tep_handle *tep = tep_alloc();
	struct tep_plugin_list *plugins;
	struct trace_seq s;

	(void)l;
	if (!tep)
		return err_set(e, ENOMEM, "no memory for the plugins");
	trace_seq_init(&s);
	plugins = tep_load_plugins(tep);
	tep_print_plugins(&s, "  ", "\n", plugins);
	trace_seq_do_printf(&s);
	trace_seq_destroy(&s);
	tep_unload_plugins(plugins, tep);
	tep_free(tep);
	return 0;
}

/* libtraceevent prints them, those that report has itself (report/graph.c) among them. */
static int show_plugin_options(struct list *l, struct err *e)
{
	char alias[] = "fgraph", tail[] = "tailprint", depth[] = "depth";
	char tail_text[] = "Print function name at function exit in function graph";
	char depth_text[] = "Show the depth of each entry";
	struct tep_plugin_option own[] = {
		{ .name = tail, .plugin_alias = alias, .description = tail_text },
		{ .name = depth, .plugin_alias = alias, .description = depth_text },
		{ .name = NULL },
	};
	struct tep_handle *tep = tep_alloc();
	struct tep_plugin_list *plugins;
	struct trace_seq s;

	(void)l;
	if (!tep)
		return err_set(e, ENOMEM, "no memory for the plugins");
	trace_seq_init(&s);
	if (!tep_plugin_add_options(alias, own)) {
		plugins = tep_load_plugins(tep);
		tep_plugin_print_options(&s);
		trace_seq_do_printf(&s);
		tep_unload_plugins(plugins, tep);
		tep_plugin_remove_options(own);
	}
	trace_seq_destroy(&s);
	tep_free(tep);
	return 0;
}

static int show_buffers(struct list *l, struct err *e)
{
	struct names names = { 0 };
	int ret = tracefs_of(l, e) ? tfs_dirs(l->t, "instances", &names, e) : -e->code;

	for (size_t i = 0; !ret && i < names.n; i++)
		puts(names.name[i]);
	if (!ret && !names.n)
		puts("No buffer instances defined");
	names_free(&names);
	return ret;
}

static int show_clocks(struct list *l, struct err *e)
{
	return print_file(l, "trace_clock", e);
}

static int show_systems(struct list *l, struct err *e)
{
	struct names names = { 0 };
	int ret = tracefs_of(l, e) ? tfs_dirs(l->t, "events", &names, e) : -e->code;

	for (size_t i = 0; !ret && i < names.n; i++)
		puts(names.name[i]);
	if (!ret)
		putchar('\n');
	names_free(&names);
	return ret;
}

static int show_compression(struct list *l, struct err *e)
{
	(void)l, (void)e;
	printf("Supported compression algorithms:\n\tzstd, %s\n\tzlib, %s\n", ZSTD_versionString(),
	       zlibVersion());
	return 0;
}

static int show_guests(struct list *l, struct err *e)
{
	struct buf text = { 0 };
	int ret = guest_table(guests_dir(l->dir), &text, e);

	if (!ret && text.len)
		fwrite(text.data, 1, text.len, stdout);
	else if (!ret)
		puts("No guest runs here or has trace channels");
	buf_free(&text);
	return ret;
}

/* In the order of printing. */
static const struct section {
	size_t flag; /* offset of its bool in struct list */
	int (*show)(struct list *l, struct err *e);
} sections[] = {
	{ offsetof(struct list, events), show_events },
	{ offsetof(struct list, tracers), show_tracers },
	{ offsetof(struct list, options), show_options },
	{ offsetof(struct list, functions), show_functions },
	{ offsetof(struct list, plugins), show_plugins },
	{ offsetof(struct list, plugin_options), show_plugin_options },
	{ offsetof(struct list, buffers), show_buffers },
	{ offsetof(struct list, clocks), show_clocks },
	{ offsetof(struct list, systems), show_systems },
	{ offsetof(struct list, compression), show_compression },
	{ offsetof(struct list, guests), show_guests },
};

/* Without an option: these, each under its title. */
static const struct {
	const char *title;
	int (*show)(struct list *l, struct err *e);
} overview[] = {
	{ "event systems:\n", show_systems },
	{ "events:\n", show_events },
	{ "\ntracers:\n", show_tracers },
	{ "\noptions:\n", show_options },
	{ "", show_compression },
};

static int show_overview(struct list *l, struct err *e)
{
	int ret = 0;

	l->fields = l->filters = l->triggers = false;
	for (size_t i = 0; !ret && i < ARRAY_SIZE(overview); i++) {
		fputs(overview[i].title, stdout);
		ret = overview[i].show(l, e);
	}
	return ret;
}

static int show_chosen(struct list *l, struct err *e)
{
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		int ret;

		if (!*(const bool *)((const char *)l + sections[i].flag))
			continue;
		any = true;
		ret = sections[i].show(l, e);
		if (ret)
			return ret;
	}
	return any ? 0 : show_overview(l, e);
}

/* Is @word a group of letters that ends in -e or -f, which may be followed by an expression? */
static bool takes_optional(const char *word)
{
	size_t len = strlen(word);

	return word[0] == '-' && len > 1 && strspn(word + 1, "FRlstpoPOBCcef") == len - 1 &&
	       strcspn(word, "ef") == len - 1;
}

/*
 * argv with an empty word behind each -e and -f that has no expression. The words are borrowed, the
 * array is owned by the caller.
 */
static char **join_optional(int argc, char **argv, int *n)
{
	static char nothing[] = "";
	char **out = calloc(2 * (size_t)argc + 1, sizeof(*out));

	*n = 0;
	for (int i = 0; out && i < argc; i++) {
		out[(*n)++] = argv[i];
		if (i && takes_optional(argv[i]) && (i + 1 == argc || argv[i + 1][0] == '-'))
			out[(*n)++] = nothing;
	}
	return out;
}

static int check(const struct list *l, struct err *e)
{
	if (!(l->fields || l->triggers || l->filters) || !l->events || l->event_re[0])
		return 0;
	err_say(e, EINVAL, "-F, -R and -l show the files of events, and no event is named");
	return err_hint(e, "trace-cmd list -e '^sched:' -F; -e . means all");
}

static int list_run(const struct command *self, int argc, char **argv)
{
	struct list l = { 0 };
	struct err e = { 0 };
	int n, rest, status;
	AUTO_FREE char **words = join_optional(argc, argv, &n);

	if (!words)
		return EXIT_FAILED;
	status = opts_begin(self, &l, n, words, &rest);
	if (status >= 0)
		return status;
	if (check(&l, &e)) {
		err_print(stderr, &e);
		return EXIT_USAGE;
	}
	if (show_chosen(&l, &e)) {
		fflush(stdout);
		err_print(stderr, &e);
	}
	tfs_close(l.t);
	return e.code ? EXIT_FAILED : EXIT_WHOLE;
}

const struct command cmd_list = {
	.name = "list",
	.args = "[OPTIONS]",
	.summary = "events, tracers, clocks and options of this kernel",
	.details =
		"Without an option: systems, events, tracers, options, compression algorithms.\n",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.run = list_run,
};
