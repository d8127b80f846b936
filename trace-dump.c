// SPDX-License-Identifier: GPL-2.0
/*
 * trace-dump.c - the dump command: what is in a trace.dat besides its events
 *
 * Theory of operation
 *
 * Each option is a bit of what tracedat/dump.c prints; without one it is the summary. --validate
 * prints nothing of the file but what is wrong in it, and is done by tracedat/check.c.
 */
#include "trace-cmd.h"

#include <errno.h>

#include "tracedat/check.h"
#include "tracedat/dump.h"

struct dump_ctx {
	const char *input;
	unsigned int what; /* bits of enum tdat_dump_what */
	bool validate, verbose;
};

static const struct what {
	const char *name;
	unsigned int bit;
} whats[] = {
	{ "summary", DUMP_SUMMARY },
	{ "head-page", DUMP_HEAD_PAGE },
	{ "head-event", DUMP_HEAD_EVENT },
	{ "ftrace-events", DUMP_FTRACE_EVENTS },
	{ "systems", DUMP_SYSTEMS },
	{ "events", DUMP_EVENTS },
	{ "kallsyms", DUMP_KALLSYMS },
	{ "printk", DUMP_PRINTK },
	{ "cmd-lines", DUMP_CMDLINES },
	{ "options", DUMP_OPTIONS },
	{ "flyrecord", DUMP_FLYRECORD },
	{ "clock", DUMP_CLOCK },
	{ "strings", DUMP_STRINGS },
	{ "sections", DUMP_SECTIONS },
	{ "all", DUMP_ALL },
};

static int set_what(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct dump_ctx *c = ctx;
	const struct what *w = whats;

	(void)val, (void)e;
	while (strcmp(w->name, o->l))
		w++;
	c->what |= w->bit;
	return 0;
}

#define WHAT(name, help)                      \
	{                                     \
		0, name, NULL, help, set_what \
	}
#define AT(member) .off = offsetof(struct dump_ctx, member)

static const struct opt dump_opts[] = {
	{ 'i', "input", "FILE", "the file to print (default: trace.dat)", opt_set_text, AT(input),
	  .complete = "file" },
	{ 'v', "validate", NULL, "say whether the file is whole, and if not what is wrong where",
	  opt_set_flag, AT(validate) },
	WHAT("all", "print all that follows"),
	WHAT("summary", "print what is in the file, a line each (default)"),
	WHAT("head-page", "print the layout of a page"),
	WHAT("head-event", "print the layout of an event's header"),
	WHAT("ftrace-events", "print the formats of ftrace's own events"),
	WHAT("systems", "print the event systems and how many events each has"),
	WHAT("events", "print the formats of the events"),
	WHAT("kallsyms", "print the kernel's functions and their addresses"),
	WHAT("printk", "print the format strings of trace_printk()"),
	WHAT("cmd-lines", "print the names of the tasks"),
	WHAT("options", "print all options"),
	WHAT("flyrecord", "print where the pages of each CPU are, and their size"),
	WHAT("clock", "print the trace clock"),
	WHAT("strings", "print the names of the sections (version 7)"),
	WHAT("sections", "print the sections, where they are and how large (version 7)"),
	{ 0, "verbose", NULL, "accepted, as the stock tool has it; there is no more to say",
	  opt_set_flag, AT(verbose) },
};

static void say(void *ctx, const char *line)
{
	char clean[1024];

	(void)ctx;
	clean_text(clean, sizeof(clean), line, "");
	fprintf(stderr, "  %s\n", clean);
}

static int validate(const char *path, struct err *e)
{
	char clean[1024];
	int rc = tdat_check(path, say, NULL, e);

	clean_text(clean, sizeof(clean), path, "");
	if (!rc)
		printf("File %s is a valid trace-cmd file\n", clean);
	return rc;
}

/* --verbose=LEVEL: tables have no optional arguments. @argv ends with NULL. */
static void drop_levels(int *argc, char **argv)
{
	static const char word[] = "--verbose=";
	int kept = 0;

	for (int i = 0; i < *argc; i++)
		if (strncmp(argv[i], word, sizeof(word) - 1))
			argv[kept++] = argv[i];
	argv[kept] = NULL;
	*argc = kept;
}

/* The file may be named by a word too. */
static int judge(struct dump_ctx *c, char **words, int n, struct err *e)
{
	if (n > 1 || (n && c->input))
		return err_say(e, EINVAL, "'%s' is one file too many", words[n - 1]);
	if (n)
		c->input = words[0];
	if (!c->input)
		c->input = "trace.dat";
	if (!c->what)
		c->what = DUMP_SUMMARY;
	return 0;
}

static int dump_run(const struct command *self, int argc, char **argv)
{
	struct dump_ctx c = { 0 };
	struct err e = { 0 };
	int rest, rc;

	drop_levels(&argc, argv);
	rc = opts_begin(self, &c, argc, argv, &rest);
	if (rc >= 0)
		return rc;
	if (judge(&c, argv + rest, argc - rest, &e)) {
		err_print(stderr, &e);
		return EXIT_USAGE;
	}
	rc = c.validate ? validate(c.input, &e) : tdat_dump(c.input, c.what, stdout, &e);
	if (!rc)
		return EXIT_WHOLE;
	fflush(stdout);
	err_print(stderr, &e);
	return EXIT_FAILED;
}

const struct command cmd_dump = {
	.name = "dump",
	.args = "[OPTION]... [FILE]",
	.summary = "print what is in a trace.dat besides its events",
	.details = "Exit status: 0 whole, 1 damaged (what is whole was printed), 2 usage.",
	.opts = dump_opts,
	.nopts = ARRAY_SIZE(dump_opts),
	.run = dump_run,
};
