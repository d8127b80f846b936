// SPDX-License-Identifier: GPL-2.0
/*
 * trace-split.c - the split command: a trace.dat in pieces
 *
 * Theory of operation
 *
 * The options become a plan for tracedat/split.c, which finds the pieces one after the other; each
 * is a file that appears when it is whole. Times are those that report prints: the corrections of
 * the file's options are applied before anything is compared, and the pieces, which keep these
 * options, keep the raw times.
 *
 * What the buffers' options mean depends on the one before: -b and -t are for the last that was
 * named.
 */
#include "trace-cmd.h"

#include <errno.h>
#include <limits.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/newfile.h"
#include "report/clock.h"
#include "tracedat/split.h"
#include "tracedat/writer.h"

/* A buffer that was asked for. */
struct wish {
	const char *from; /* "" = the top one */
	const char *name; /* in the pieces */
};

struct split_ctx {
	struct tdat_split_plan plan;
	struct report_clock clock;
	const char *input, *output, *compression;
	uint64_t version; /* 0: that of the input */
	bool repeat;
	struct wish *wishes; /* owned */
	size_t nwishes;
	bool seconds; /* times are printed with a point */
	uint64_t damaged;
};

/* The letters of the units, with what one of them is. */
static const struct unit {
	char letter;
	enum tdat_split_unit unit;
	uint64_t scale;
} units[] = {
	{ 's', SPLIT_TIME, NSEC_PER_SEC }, { 'm', SPLIT_TIME, NSEC_PER_MSEC },
	{ 'u', SPLIT_TIME, 1000 },	   { 'e', SPLIT_EVENTS, 1 },
	{ 'p', SPLIT_PAGES, 1 },
};

static int set_unit(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct split_ctx *c = ctx;
	const struct unit *u = units;
	char name[3] = { '-', o->s };
	int rc;

	if (c->plan.unit != SPLIT_WHOLE)
		return err_say(e, EINVAL, "%s: only one of -s, -m, -u, -e and -p", name);
	while (u->letter != o->s)
		u++;
	rc = parse_u64(val, 1, UINT64_MAX / u->scale, &c->plan.n, name, e);
	c->plan.unit = u->unit;
	c->plan.n *= u->scale;
	return rc;
}

static int set_cpu(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct split_ctx *c = ctx;
	uint64_t cpu = 0;
	int rc = parse_u64(val, 0, UINT32_MAX, &cpu, "-C", e);

	(void)o;
	c->plan.one_cpu = true;
	c->plan.cpu = (uint32_t)cpu;
	return rc;
}

static int add_wish(struct split_ctx *c, const char *from, struct err *e)
{
	struct wish *more = realloc(c->wishes, (c->nwishes + 1) * sizeof(*more));

	if (!more)
		return err_set(e, ENOMEM, "no memory for the names of buffers");
	c->wishes = more;
	more[c->nwishes++] = (struct wish){ from, from };
	return 0;
}

static int set_buffer(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	if (!val[0])
		return err_say(e, EINVAL, "-B needs the name of a buffer");
	return add_wish(ctx, val, e);
}

static int set_top(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o, (void)val;
	return add_wish(ctx, "", e);
}

/* -b NAME and -t: the last buffer's name in the pieces. */
static int set_name(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct split_ctx *c = ctx;

	if (!c->nwishes)
		return err_say(e, EINVAL, "-%c is for the buffer before it: give --top or -B first",
			       o->s);
	c->wishes[c->nwishes - 1].name = val ? val : "";
	return 0;
}

#define OPT(letter, name, arg, help, set, member, comp)                                \
	{                                                                              \
		letter, name, arg, help, set, offsetof(struct split_ctx, member), comp \
	}
#define SET(letter, name, arg, help, set)                       \
	{                                                       \
		letter, name, arg, help, set, .complete = NULL, \
	}

static const struct opt split_opts[] = {
	OPT('i', "input", "FILE", "the file to split (default: trace.dat)", opt_set_text, input,
	    "file"),
	OPT('o', "output", "FILE", "write FILE.1, FILE.2 ... (default: the name of the input)",
	    opt_set_text, output, "file"),
	SET('s', NULL, "N", "a piece has N seconds", set_unit),
	SET('m', NULL, "N", "a piece has N milliseconds", set_unit),
	SET('u', NULL, "N", "a piece has N microseconds", set_unit),
	SET('e', NULL, "N", "a piece has N events", set_unit),
	SET('p', NULL, "N", "a piece has N pages of each CPU", set_unit),
	OPT('r', NULL, NULL, "go on to the end, piece after piece: FILE.0001, FILE.0002 ...",
	    opt_set_flag, repeat, NULL),
	OPT('c', NULL, NULL, "so much of each CPU, instead of all together", opt_set_flag,
	    plan.per_cpu, NULL),
	{ 'C', NULL, "CPU", "only the events of this CPU", set_cpu, .complete = "cpu" },
	SET(0, "top", NULL, "keep the top buffer (default: all buffers)", set_top),
	SET('B', NULL, "BUFFER", "keep this buffer; can be given more than once", set_buffer),
	SET('b', NULL, "NAME", "the name in the pieces of the buffer before it", set_name),
	SET('t', NULL, NULL, "the buffer before it becomes the top one", set_name),
	OPT(0, "file-version", "6|7", "version of the pieces (default: that of the input)",
	    opt_set_u64, version, NULL),
	OPT(0, "compression", "NAME", "any, none, zlib or zstd (default: as the input)",
	    tdat_opt_compression, compression, NULL),
};

/* --- from options to a plan */

/* "SECONDS[.FRACTION]" in ns: what is beyond nine digits is cut, as stock does it. */
static int parse_seconds(const char *text, uint64_t *to)
{
	size_t whole = strspn(text, "0123456789"), part = 0;
	uint64_t secs = 0, ns = 0;

	if (text[whole] == '.') {
		part = strspn(text + whole + 1, "0123456789");
		if (!part)
			return -EINVAL;
	}
	if (!(whole + part) || text[whole + (part ? part + 1 : 0)])
		return -EINVAL;
	for (size_t i = 0; i < whole; i++) {
		secs = secs * 10 + (uint64_t)(text[i] - '0');
		if (secs > UINT64_MAX / NSEC_PER_SEC - 1)
			return -EINVAL;
	}
	for (size_t i = 0; i < 9; i++)
		ns = ns * 10 + (i < part ? (uint64_t)(text[whole + 1 + i] - '0') : 0);
	*to = secs * NSEC_PER_SEC + ns;
	return 0;
}

static int parse_time(const struct split_ctx *c, const char *what, const char *text, uint64_t *to,
		      struct err *e)
{
	if (!c->seconds)
		return parse_u64(text, 0, UINT64_MAX, to, what, e);
	if (!parse_seconds(text, to))
		return 0;
	err_say(e, EINVAL, "%s: '%s' is no time in seconds", what, text);
	err_hint(e, "a time as report prints it: 75678.923853");
	return -EINVAL;
}

static int parse_range(struct split_ctx *c, char **words, int n, struct err *e)
{
	int rc = 0;

	if (n > 2)
		return err_say(e, EINVAL, "'%s' is a word too many, behind start and end",
			       words[2]);
	c->plan.end = UINT64_MAX;
	if (n)
		rc = parse_time(c, "start", words[0], &c->plan.start, e);
	if (!rc && n > 1)
		rc = parse_time(c, "end", words[1], &c->plan.end, e);
	if (!rc && c->plan.end < c->plan.start)
		return err_say(e, EINVAL, "the end %s is before the start %s", words[1], words[0]);
	return rc;
}

static int find_buffer(const struct tdat_file *f, const char *name, size_t *to, struct err *e)
{
	for (*to = 0; *to < tdat_nbuffers(f); ++*to)
		if (!strcmp(tdat_buffer(f, *to)->name, name))
			return 0;
	return err_say(e, EINVAL, "%s has no %s '%s'", tdat_path(f),
		       name[0] ? "buffer" : "top buffer", name);
}

/* The top one of the pieces goes first. */
static int choose_buffers(struct split_ctx *c, const struct tdat_file *f,
			  struct tdat_split_buffer *to, struct err *e)
{
	for (size_t i = 0; i < c->nwishes; i++) {
		struct tdat_split_buffer b = { .name = c->wishes[i].name };
		int rc = find_buffer(f, c->wishes[i].from, &b.from, e);

		for (size_t k = 0; !rc && k < i; k++)
			if (!strcmp(to[k].name, b.name))
				rc = err_say(e, EINVAL, "two buffers would have the name '%s'",
					     b.name);
		if (rc)
			return rc;
		to[i] = b;
	}
	c->plan.buffers = c->nwishes ? to : NULL;
	c->plan.nbuffers = c->nwishes;
	return 0;
}

static int check_cpu(const struct split_ctx *c, const struct tdat_file *f, struct err *e)
{
	uint32_t cpus = tdat_head(f)->cpus;

	for (size_t i = 0; i < tdat_nbuffers(f); i++)
		for (size_t k = 0; k < tdat_buffer(f, i)->ncpus; k++)
			if (tdat_buffer(f, i)->cpus[k].cpu >= cpus)
				cpus = tdat_buffer(f, i)->cpus[k].cpu + 1;
	if (!c->plan.one_cpu || c->plan.cpu < cpus)
		return 0;
	return err_say(e, EINVAL, "-C %u: %s has %u CPUs", c->plan.cpu, tdat_path(f), cpus);
}

static int choose_format(struct split_ctx *c, const struct tdat_file *f, struct err *e)
{
	const char *how = c->compression;

	c->plan.version = c->version ? (int)c->version : tdat_version(f);
	if (c->plan.version != 6 && c->plan.version != 7)
		return err_say(e, EINVAL, "--file-version is 6 or 7, not %d", c->plan.version);
	if (!how)
		how = tdat_version(f) == 7 && c->plan.version == 7 ? tdat_compression(f) : "any";
	return tdat_compression_for(how, c->plan.version, &c->plan.compression, e);
}

static uint64_t clock_time(const void *clock, uint32_t cpu, uint64_t raw)
{
	return report_clock_time(clock, cpu, raw);
}

/* What the file must be asked for; a usage error where it does not fit. */
static int make_plan(struct split_ctx *c, const struct tdat_file *f, struct tdat_split_buffer *room,
		     char **words, int n, struct err *e)
{
	const char *name = tdat_nbuffers(f) ? tdat_buffer(f, 0)->clock : "local";
	int rc;

	c->plan.time = clock_time;
	c->plan.clock = &c->clock;
	c->seconds = c->clock.mult || clock_is_ns(name);
	rc = parse_range(c, words, n, e);
	if (!rc)
		rc = choose_buffers(c, f, room, e);
	if (!rc)
		rc = check_cpu(c, f, e);
	return rc ? rc : choose_format(c, f, e);
}

/* --- pieces */

static void say_damage(void *ctx, const struct err *damage)
{
	struct split_ctx *c = ctx;

	c->damaged++;
	err_print(stderr, damage);
}

static void print_time(const struct split_ctx *c, const char *before, uint64_t t)
{
	if (c->seconds)
		printf("%s%llu.%09llu", before, t / NSEC_PER_SEC, t % NSEC_PER_SEC);
	else
		printf("%s%llu", before, (unsigned long long)t);
}

static void print_piece(const struct split_ctx *c, const char *path,
			const struct tdat_split_piece *p)
{
	char clean[PATH_MAX];

	clean_text(clean, sizeof(clean), path, "");
	printf("%s: %llu events", clean, (unsigned long long)p->events);
	if (p->events) {
		print_time(c, ", ", p->first);
		print_time(c, " to ", p->last);
	}
	printf("\n");
}

static int write_piece(struct split_ctx *c, struct tdat_split *s, const char *path, struct err *e)
{
	struct newfile out;
	int rc;

	if (same_file(path, c->input)) {
		err_say(e, EEXIST, "%s is the file that is split", path);
		err_hint(e, "another name for the pieces: -o FILE");
		return -EEXIST;
	}
	rc = newfile_begin(&out, path, e);
	if (rc)
		return rc;
	rc = tdat_split_write(s, out.fd, path, e);
	if (!rc)
		rc = newfile_publish(&out, e);
	newfile_end(&out);
	return rc;
}

static int write_pieces(struct split_ctx *c, struct tdat_split *s, struct err *e)
{
	const char *base = c->output ? c->output : c->input;
	struct tdat_split_piece piece;
	unsigned int n = 0;
	char path[PATH_MAX];
	int rc;

	while ((rc = tdat_split_next(s, &piece, e)) > 0) {
		rc = path_fmt(path, sizeof(path), e, c->repeat ? "%s.%04u" : "%s.%u", base, ++n);
		if (!rc)
			rc = write_piece(c, s, path, e);
		if (rc)
			return rc;
		print_piece(c, path, &piece);
		if (!c->repeat)
			break;
	}
	return rc < 0 ? rc : 0;
}

static enum exit_status split_file(struct split_ctx *c, struct tdat_file *f, char **words, int n,
				   struct err *e)
{
	AUTO_FREE struct tdat_split_buffer *room = calloc(c->nwishes + 1, sizeof(*room));
	struct tdat_split *s;
	int rc;

	if (!room)
		err_set(e, ENOMEM, "no memory for the names of buffers");
	if (!room || report_clock_init(&c->clock, tdat_head(f), &(struct clock_wish){ 0 }, e))
		return EXIT_FAILED;
	if (make_plan(c, f, room, words, n, e))
		return EXIT_USAGE;
	s = tdat_split_new(f, &c->plan, e);
	rc = s ? write_pieces(c, s, e) : -EINVAL;
	tdat_split_free(s);
	if (rc)
		return EXIT_FAILED;
	return c->damaged ? EXIT_LOSSES : EXIT_WHOLE;
}

static int split_run(const struct command *self, int argc, char **argv)
{
	struct split_ctx c = { .input = "trace.dat", .plan.say = say_damage };
	enum exit_status status = EXIT_FAILED;
	struct err e = { 0 };
	int rest, rc = opts_begin(self, &c, argc, argv, &rest);
	struct tdat_file *f;

	if (rc < 0) {
		c.plan.ctx = &c;
		f = tdat_open(c.input, &e);
		if (f)
			status = split_file(&c, f, argv + rest, argc - rest, &e);
		if (e.code)
			err_print(stderr, &e);
		tdat_close(f);
	}
	report_clock_free(&c.clock);
	free(c.wishes);
	return rc < 0 ? (int)status : rc;
}

const struct command cmd_split = {
	.name = "split",
	.args = "[OPTION]... [START [END]]",
	.summary = "cut a trace.dat into smaller ones",
	.details = "START and END are times as report prints them; both belong to the pieces.\n"
		   "Exit status: 0 whole, 3 without what was damaged, 1 failed, 2 usage.",
	.opts = split_opts,
	.nopts = ARRAY_SIZE(split_opts),
	.run = split_run,
};
