// SPDX-License-Identifier: GPL-2.0
/*
 * opt.c - option tables
 *
 * Theory of operation
 *
 * A table is turned into the two forms that getopt_long(3) wants, at each call: tables are small.
 * A long option without a letter gets the value 256 + its row, so every value leads back to a row.
 * getopt's own messages are off; ours say which option may have been meant.
 */
#include "base/opt.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { LONG_BASE = 256, MAX_OPTS = 96, HELP = LONG_BASE + MAX_OPTS, MAX_WORD = 40 };

static void *member(void *ctx, const struct opt *o)
{
	return (char *)ctx + o->off;
}

int opt_set_flag(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)val, (void)e;
	*(bool *)member(ctx, o) = true;
	return 0;
}

int opt_clear_flag(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)val, (void)e;
	*(bool *)member(ctx, o) = false;
	return 0;
}

int opt_set_text(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)e;
	*(const char **)member(ctx, o) = val;
	return 0;
}

static const char *opt_name(const struct opt *o, char *to, size_t size)
{
	if (o->l)
		snprintf(to, size, "--%s", o->l);
	else
		snprintf(to, size, "-%c", o->s);
	return to;
}

int opt_set_u64(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	char name[MAX_WORD];

	return parse_u64(val, 0, UINT64_MAX, member(ctx, o), opt_name(o, name, sizeof(name)), e);
}

int opt_set_i64(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	char name[MAX_WORD];

	return parse_i64(val, member(ctx, o), opt_name(o, name, sizeof(name)), e);
}

int opt_set_size(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	char name[MAX_WORD];

	return parse_size(val, member(ctx, o), opt_name(o, name, sizeof(name)), e);
}

int opt_set_level(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	static const char *const names[] = {
		"none", "crit", "err", "warn", "info", "debug", "all"
	};
	/* As stock spells some of them. */
	static const char *const longs[] = { "", "critical", "error", "warning", "", "", "" };

	*(int *)member(ctx, o) = OPT_LEVEL_INFO;
	if (!val)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(val, names[i]) && (!*val || strcmp(val, longs[i])) &&
		    (val[0] != (char)('0' + i) || val[1]))
			continue;
		*(int *)member(ctx, o) = (int)i;
		return 0;
	}
	err_say(e, EINVAL, "'%s' is no level", val);
	err_hint(e, "levels are none crit err warn info debug all, or 0 to 6");
	return -EINVAL;
}

/* Number of single-letter edits between two words (Levenshtein 1965), words cut at MAX_WORD. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[MAX_WORD + 1], diag, up;
	size_t la = strnlen(a, MAX_WORD), lb = strnlen(b, MAX_WORD);

	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		diag = row[0]++;
		for (size_t j = 1; j <= lb; j++) {
			up = row[j];
			row[j] = up < row[j - 1] ? up + 1 : row[j - 1] + 1;
			if (diag + (a[i - 1] != b[j - 1]) < row[j])
				row[j] = diag + (a[i - 1] != b[j - 1]);
			diag = up;
		}
	}
	return row[lb];
}

const char *nearest_word(const char *word, const char *const *names, size_t n)
{
	unsigned int best = (unsigned int)strnlen(word, MAX_WORD) / 3 + 1;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned int d = names[i] ? distance(word, names[i]) : UINT32_MAX;

		if (d <= best && (!found || d < best)) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

struct getopt_form {
	char letters[3 * MAX_OPTS + 8];
	struct option longs[MAX_OPTS + 2];
};

static void make_form(const struct command *cmd, struct getopt_form *f)
{
	size_t at = 0, nlong = 0;

	memset(f, 0, sizeof(*f));
	f->letters[at++] = '+'; /* stop at the first word that is no option */
	f->letters[at++] = ':'; /* tell a missing argument from an unknown option */
	for (size_t i = 0; i < cmd->nopts && i < MAX_OPTS; i++) {
		const struct opt *o = &cmd->opts[i];

		if (o->s) {
			f->letters[at++] = o->s;
			if (o->arg || o->optional)
				f->letters[at++] = ':';
			if (o->optional)
				f->letters[at++] = ':';
		}
		if (o->l)
			f->longs[nlong++] = (struct option){ o->l,
							     o->optional ? optional_argument
							     : o->arg	 ? required_argument
									 : no_argument,
							     NULL, LONG_BASE + (int)i };
	}
	f->longs[nlong] = (struct option){ "help", no_argument, NULL, HELP };
	if (!strchr(f->letters + 2, 'h'))
		f->letters[at] = 'h';
}

static const struct opt *find_opt(const struct command *cmd, int value)
{
	if (value >= LONG_BASE)
		return value == HELP ? NULL : &cmd->opts[value - LONG_BASE];
	for (size_t i = 0; i < cmd->nopts; i++)
		if (cmd->opts[i].s == value)
			return &cmd->opts[i];
	return NULL;
}

static int say_unknown(const struct command *cmd, const char *word, struct err *e)
{
	const char *names[MAX_OPTS] = { 0 };
	const char *near = NULL;
	char bare[MAX_WORD + 1];

	for (size_t i = 0; i < cmd->nopts && i < MAX_OPTS; i++)
		names[i] = cmd->opts[i].l;
	if (!strncmp(word, "--", 2)) {
		snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(word + 2, "="), word + 2);
		near = nearest_word(bare, names, min_u64(cmd->nopts, MAX_OPTS));
	}
	err_say(e, EINVAL, "%s: no option '%s'", cmd->name, word);
	if (near)
		return err_hint(e, "--%s; 'trace-cmd %s --help' lists all", near, cmd->name);
	return err_hint(e, "'trace-cmd %s --help' lists the options", cmd->name);
}

static int say_bad(const struct command *cmd, int value, char **argv, struct err *e)
{
	char letter[3] = { '-', (char)optopt, '\0' };
	const struct opt *o = optopt ? find_opt(cmd, optopt) : NULL;
	char name[MAX_WORD];

	if (value == ':' && o)
		return err_say(e, EINVAL, "%s: option %s needs an argument: %s", cmd->name,
			       opt_name(o, name, sizeof(name)), o->arg);
	if (o && optopt >= LONG_BASE)
		return err_say(e, EINVAL, "%s: option %s takes no argument", cmd->name,
			       opt_name(o, name, sizeof(name)));
	if (optopt == HELP)
		return err_say(e, EINVAL, "%s: option --help takes no argument", cmd->name);
	return say_unknown(cmd, optopt ? letter : argv[optind - 1], e);
}

int opts_parse(const struct command *cmd, void *ctx, int argc, char **argv, int *rest,
	       struct err *e)
{
	AUTO_FREE struct getopt_form *f = malloc(sizeof(*f));
	int value, ret;

	if (!f)
		return err_set(e, ENOMEM, "no memory for the options");
	make_form(cmd, f);
	optind = 0; /* glibc: start anew */
	opterr = 0;
	while ((value = getopt_long(argc, argv, f->letters, f->longs, NULL)) != -1) {
		const struct opt *o = value == '?' || value == ':' ? NULL : find_opt(cmd, value);

		if (!o && (value == 'h' || value == HELP))
			return OPTS_HELP;
		ret = o ? o->set(ctx, o, optarg, e) : say_bad(cmd, value, argv, e);
		if (ret)
			return ret;
	}
	*rest = optind;
	return 0;
}

int opts_begin(const struct command *cmd, void *ctx, int argc, char **argv, int *rest)
{
	struct err e = { 0 };
	int ret = opts_parse(cmd, ctx, argc, argv, rest, &e);

	if (ret == OPTS_HELP) {
		opts_help(stdout, cmd);
		return EXIT_WHOLE;
	}
	if (ret) {
		err_print(stderr, &e);
		return EXIT_USAGE;
	}
	return -1;
}

void opts_help(FILE *to, const struct command *cmd)
{
	fprintf(to, "usage: trace-cmd %s %s\n\n%s\n", cmd->name, cmd->args, cmd->summary);
	if (cmd->nopts)
		fputc('\n', to);
	for (size_t i = 0; i < cmd->nopts; i++) {
		const struct opt *o = &cmd->opts[i];
		char left[64], letter[8] = "    "; /* under "-x, " */

		if (o->s)
			snprintf(letter, sizeof(letter), "-%c%s", o->s, o->l ? ", " : "");
		snprintf(left, sizeof(left), "%s%s%s%s%s", letter, o->l ? "--" : "",
			 o->l ? o->l : "", o->arg ? " " : "", o->arg ? o->arg : "");
		fprintf(to, "  %-30s %s\n", left, o->help);
	}
	if (cmd->details)
		fprintf(to, "\n%s", cmd->details);
}
