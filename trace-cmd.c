// SPDX-License-Identifier: GPL-2.0
/*
 * trace-cmd.c - main(): the table of subcommands and nothing else
 */
#include "trace-cmd.h"

#include <errno.h>
#include <signal.h>

#define COMMAND_ENTRY(name) &cmd_##name,
#define COMMAND_ENTRY(name) &cmd_##name,
#define COMMAND_ENTRY(name) &cmd_##name,
static const struct command *const commands[] = { COMMANDS(COMMAND_ENTRY) };
#undef COMMAND_ENTRY
#undef COMMAND_ENTRY
#undef COMMAND_ENTRY

static int usage(FILE *to)
{
	fprintf(to, "usage: trace-cmd COMMAND [OPTIONS]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(to, "  %-12s %s\n", "help", "this list, or the options of one command");
	fprintf(to, "\n'trace-cmd help COMMAND' shows the options of a command.\n");
	return to == stdout ? EXIT_WHOLE : EXIT_USAGE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	const char *names[ARRAY_SIZE(commands)];
	struct err e = { 0 };
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		names[i] = commands[i]->name;
	near = nearest_word(name, names, ARRAY_SIZE(names));
	err_say(&e, EINVAL, "no subcommand '%s'", name);
	if (near)
		err_hint(&e, "'trace-cmd %s'; 'trace-cmd help' lists all", near);
	else
		err_hint(&e, "'trace-cmd help' lists them");
	err_print(stderr, &e);
	return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
	const struct command *cmd = argc > 1 ? find_command(argv[1]) : NULL;

	if (argc > 1 && !cmd)
		return unknown(argv[1]);
	if (!cmd)
		return usage(stdout);
	opts_help(stdout, cmd);
	return EXIT_WHOLE;
}

/* The tables as lines for the completion script and for 'make lint': command, option, argument. */
static int dump_tables(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = commands[i];

		printf("command\t%s\t%s\n", c->name, c->summary);
		for (size_t k = 0; k < c->nopts; k++) {
			const struct opt *o = &c->opts[k];

			printf("option\t%s\t%c\t%s\t%s\t%s\n", c->name, o->s ? o->s : '-',
			       o->l ? o->l : "-", o->arg ? o->arg : "-",
			       o->complete ? o->complete : "-");
		}
	}
	return EXIT_WHOLE;
}

int main(int argc, char **argv)
{
	const struct command *cmd;

	signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of write(), not a death */
	if (argc < 2)
		return usage(stderr);
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version")) {
		printf("trace-cmd version %s\n", VERSION);
		return EXIT_WHOLE;
	}
	if (!strcmp(argv[1], "--tables"))
		return dump_tables();
	cmd = find_command(argv[1]);
	return cmd ? cmd->run(cmd, argc - 1, argv + 1) : unknown(argv[1]);
}
