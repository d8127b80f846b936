// SPDX-License-Identifier: GPL-2.0
/*
 * trace-convert.c - the convert command: a trace.dat in another version or compression
 *
 * Theory of operation
 *
 * The conversion is tracedat/convert.c. It writes a file beside the output, which is put in its
 * place when it is whole; so the input may be the output, and a failure leaves both as they were.
 * But a damaged file is not replaced by what could be saved of it: that would be the last copy.
 */
#include "trace-cmd.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/newfile.h"
#include "recording/guest-meta.h"
#include "tracedat/convert.h"

struct convert_opts {
	const char *input, *output, *compression, *metadata;
	uint64_t version;
	bool force;
};

#define OPT(letter, name, arg, help, set, member, comp)                                   \
	{                                                                                 \
		letter, name, arg, help, set, offsetof(struct convert_opts, member), comp \
	}

static const struct opt convert_opts[] = {
	OPT('i', "input", "FILE", "the file to read (default: trace.dat)", opt_set_text, input,
	    "file"),
	OPT('o', "output", "FILE", "the file to write, which may be the one that is read",
	    opt_set_text, output, "file"),
	OPT(0, "file-version", "6|7", "version of the file that is written (default: 7)",
	    opt_set_u64, version, NULL),
	OPT(0, "compression", "NAME", "any (the best there is; default), none, zlib or zstd",
	    tdat_opt_compression, compression, NULL),
	OPT(0, "metadata", "PATH", "the event formats: another trace.dat, or a copy of a tracefs",
	    opt_set_text, metadata, "file"),
	OPT(0, "force", NULL, "leave out what is damaged or missing, and take the rest",
	    opt_set_flag, force, NULL),
};

static void say(void *ctx, const char *line)
{
	char clean[1024];

	(void)ctx;
	clean_text(clean, sizeof(clean), line, "");
	fprintf(stderr, "trace-cmd: %s\n", clean);
}

/* Usage errors: what does not go together. */
static int judge(struct convert_opts *o, char *const *words, int n, struct err *e)
{
	if (!o->output && n)
		o->output = *words++, n--;
	if (n)
		return err_say(e, EINVAL, "'%s' is a word too many: the output has a name already",
			       *words);
	if (!o->output) {
		err_say(e, EINVAL, "convert to which file?");
		err_hint(e, "trace-cmd convert -i %s -o FILE", o->input);
		return -EINVAL;
	}
	if (o->version != 6 && o->version != 7)
		return err_say(e, EINVAL, "--file-version is 6 or 7, not %llu",
			       (unsigned long long)o->version);
	return tdat_compression_for(o->compression, (int)o->version, &o->compression, e);
}

static int write_out(const struct convert_opts *o, struct tdat_file *f, struct tdat_convert *c,
		     struct err *e)
{
	bool same = same_file(o->input, o->output);
	struct newfile out;
	int rc = newfile_begin(&out, o->output, e);

	if (rc)
		return rc;
	rc = tdat_convert(f, out.fd, out.path, c, e);
	if (!rc && c->problems && same) {
		err_say(e, EPROTO, "%s is damaged, and would be replaced by what is whole of it",
			o->output);
		err_hint(e, "give the output another name: -o FILE");
		rc = -EPROTO;
	}
	if (!rc)
		rc = newfile_publish(&out, e);
	newfile_end(&out);
	return rc;
}

/* --metadata: formats, symbols and names are of another source, the options stay. */
static int write_with(const struct convert_opts *o, struct tdat_file *f, struct tdat_convert *c,
		      struct err *e)
{
	struct guest_meta m;
	struct tdat_head head;
	int rc;

	if (!o->metadata)
		return write_out(o, f, c, e);
	rc = guest_meta_open(&m, o->metadata, e);
	if (!rc)
		rc = guest_meta_join(&m, tdat_head(f), &head, e);
	c->head = &head;
	if (!rc)
		rc = write_out(o, f, c, e);
	c->head = NULL;
	guest_meta_close(&m);
	return rc;
}

static int convert_run(const struct command *self, int argc, char **argv)
{
	struct convert_opts o = { .input = "trace.dat", .compression = "any", .version = 7 };
	struct tdat_convert c = { .say = say };
	struct err e = { 0 };
	int rest, rc = opts_begin(self, &o, argc, argv, &rest);
	struct tdat_file *f;

	if (rc >= 0)
		return rc;
	if (judge(&o, argv + rest, argc - rest, &e)) {
		err_print(stderr, &e);
		return EXIT_USAGE;
	}
	c.version = (int)o.version;
	c.force = o.force;
	c.compression = o.compression;
	f = tdat_open(o.input, &e);
	rc = f ? write_with(&o, f, &c, &e) : -EIO;
	tdat_close(f);
	if (rc) {
		err_print(stderr, &e);
		return EXIT_FAILED;
	}
	return c.problems ? EXIT_LOSSES : EXIT_WHOLE;
}

const struct command cmd_convert = {
	.name = "convert",
	.args = "[-i FILE] [-o] FILE",
	.summary = "write a trace.dat in another version or compression",
	.details = "Exit status: 0 whole, 3 without what was damaged (--force), 1 failed, 2 usage.",
	.opts = convert_opts,
	.nopts = ARRAY_SIZE(convert_opts),
	.run = convert_run,
};
