/* SPDX-License-Identifier: GPL-2.0 */
/*
 * opt.h - a subcommand and its options, as one table
 *
 * The same table makes the parser, the help text, the shell completion and the check of the man
 * page (make lint). Parsing is getopt_long(3): it stops at the first word that is no option.
 * Kinds of arguments are those of contrib/completion/trace-cmd.bash.in.
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include "base/err.h"

struct opt {
	char s;		  /* the short letter, 0 = none */
	const char *l;	  /* the long name without dashes, NULL = none */
	const char *arg;  /* name of its argument, NULL = takes none */
	const char *help; /* one line, lower case, no full stop */
	/*
	 * Called in the order of the command line; @val is NULL where there is no argument. Returns
	 * 0 or a negative errno with @e filled: a usage error.
	 */
	int (*set)(void *ctx, const struct opt *o, const char *val, struct err *e);
	size_t off;	      /* where in @ctx the ready-made setters below store */
	const char *complete; /* kind of the argument, for completion: file, event, ... */
	bool optional; /* .arg is NULL, and yet there may be one in the same word: --opt=X, -oX */
};

enum { OPT_LEVEL_INFO = 4 };

/*
 * Ready-made setters. The member at .off is a bool (set to true, or to false), a const char *
 * (borrowed), a uint64_t, an int64_t, or a uint64_t in bytes.
 */
int opt_set_flag(void *ctx, const struct opt *o, const char *val, struct err *e);
int opt_clear_flag(void *ctx, const struct opt *o, const char *val, struct err *e);
int opt_set_text(void *ctx, const struct opt *o, const char *val, struct err *e);
int opt_set_u64(void *ctx, const struct opt *o, const char *val, struct err *e);
int opt_set_i64(void *ctx, const struct opt *o, const char *val, struct err *e);
int opt_set_size(void *ctx, const struct opt *o, const char *val, struct err *e);
/*
 * --verbose[=LEVEL], an .optional one: an int from 0 to 6 for none, crit, err, warn, info, debug,
 * all, or their numbers; OPT_LEVEL_INFO where there is no argument. -EINVAL: no such level.
 */
int opt_set_level(void *ctx, const struct opt *o, const char *val, struct err *e);

struct command {
	const char *name;
	const char *args;    /* what follows the name in the usage line */
	const char *summary; /* one line, lower case */
	const char *details; /* further lines under the options, or NULL */
	const struct opt *opts;
	size_t nopts;
	/* argv[0] is the subcommand's name; returns enum exit_status. Prints its own errors. */
	int (*run)(const struct command *self, int argc, char **argv);
};

enum { OPTS_HELP = 1 }; /* -h or --help was given */

/*
 * Run the setters over argv[1..]. *rest = index of the first word that is no option. 0, OPTS_HELP,
 * or -EINVAL with the word and, where one is close, the option that was perhaps meant.
 */
int opts_parse(const struct command *cmd, void *ctx, int argc, char **argv, int *rest,
	       struct err *e);

/*
 * opts_parse() for commands: prints the help or the error itself. Returns -1 to go on, else the
 * exit status to return at once.
 */
int opts_begin(const struct command *cmd, void *ctx, int argc, char **argv, int *rest);

void opts_help(FILE *to, const struct command *cmd);

/* The entry of @names[0..n) that is nearest to @word, or NULL when none is near. */
const char *nearest_word(const char *word, const char *const *names, size_t n);

#endif
