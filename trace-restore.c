// SPDX-License-Identifier: GPL-2.0
/*
 * trace-restore.c - restore: make whole what a killed recorder or server left
 *
 * Theory of operation
 *
 * Three ways to say which: a directory (all orphans in it), the .meta file or the name of the
 * recording, or stock's form: the metadata with -i (any file that begins as a trace.dat of version
 * 6) and the files of the CPUs, whose names end in .cpuN. In the last form the given files stay.
 * With -c it only makes such metadata, from this machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "recording/partial.h"
#include "session/restore.h"
#include "tracing/meta.h"
#include "trace-cmd.h"

struct restore_opts {
	const char *output, *input, *tracing, *kallsyms;
	uint64_t version;
	bool quiet, create;
};

#define OPT(letter, name, arg, help, set, member, comp)                                   \
	{                                                                                 \
		letter, name, arg, help, set, offsetof(struct restore_opts, member), comp \
	}

static const struct opt restore_opts[] = {
	OPT('o', "output", "FILE", "with files of CPUs: write FILE (default: trace.dat)",
	    opt_set_text, output, "file"),
	OPT('i', "input", "FILE", "take the metadata from FILE", opt_set_text, input, "file"),
	OPT('c', NULL, NULL, "make a HEAD from this machine (default: trace-partial.dat)",
	    opt_set_flag, create, NULL),
	OPT('t', NULL, "DIR", "with -c: read this tracing directory, perhaps a copy", opt_set_text,
	    tracing, "dir"),
	OPT('k', NULL, "FILE", "with -c: read this file instead of /proc/kallsyms", opt_set_text,
	    kallsyms, "file"),
	OPT(0, "file-version", "6|7", "version of the file (default: 7)", opt_set_u64, version,
	    NULL),
	OPT('q', "quiet", NULL, "say nothing but errors", opt_set_flag, quiet, NULL),
};

/* Split @path into an opened directory and a name (borrowed). */
static int open_place(const char *path, const struct restore_opts *o, struct store_place *to,
		      char *dir, size_t room, const char **name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	int rc = path_fmt(dir, room, e, "%.*s", slash && slash > path ? (int)(slash - path) : 1,
			  slash ? path : ".");

	if (rc)
		return rc;
	*name = slash ? slash + 1 : path;
	*to = (struct store_place){ .outdir = dir, .prefix = "trace", .version = (int)o->version };
	to->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return to->dirfd < 0 ? err_set(e, errno, "cannot open directory %s", dir) : 0;
}

/* Print what became of one; returns its exit status. */
static enum exit_status say(const struct restore_opts *o, const struct restored *r)
{
	struct buf text = { 0 };

	if (r->err.code) {
		err_print(stderr, &r->err);
		return EXIT_FAILED;
	}
	if (!o->quiet && !totals_print(&r->totals, &text) && !buf_text(&text)) {
		printf("restored %s\n%s", r->made.path, (char *)text.data);
		if (r->made.note[0])
			printf("  %s\n", r->made.note);
	}
	buf_free(&text);
	return totals_lost(&r->totals) ? EXIT_LOSSES : EXIT_WHOLE;
}

static enum exit_status worse(enum exit_status a, enum exit_status b)
{
	static const int rank[] = {
		[EXIT_WHOLE] = 0, [EXIT_FAILED] = 3, [EXIT_USAGE] = 2, [EXIT_LOSSES] = 1
	};

	return rank[a] >= rank[b] ? a : b;
}

static enum exit_status restore_dir(const struct restore_opts *o, const char *dir)
{
	struct store_place place = { .outdir = dir, .prefix = "trace", .version = (int)o->version };
	AUTO_FREE struct restored *r = malloc(sizeof(*r));
	enum exit_status status = EXIT_WHOLE;
	struct err e = { 0 };
	char **names;
	AUTO_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	place.dirfd = fd;
	if (fd < 0)
		err_set(&e, errno, "cannot open directory %s", dir);
	else if (!r)
		err_set(&e, ENOMEM, "no memory to restore %s", dir);
	if (!r || e.code || restore_list(&place, &names, &e)) {
		err_print(stderr, &e);
		return EXIT_FAILED;
	}
	if (!*names && !o->quiet)
		printf("%s: nothing is left to restore\n", dir);
	for (char **n = names; *n; n++) {
		restore_one(&place, *n, r);
		status = worse(status, say(o, r));
	}
	restore_free(names);
	return status;
}

/* @path is FILE.meta, or FILE where FILE.meta is there, or a part of the same. */
static int meta_of(const char *path, char *meta, size_t room)
{
	static const char *const endings[] = { ".meta", ".data", ".cpu" };
	struct stat st;
	size_t len = strlen(path);

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		const char *at = strstr(path, endings[i]);

		for (const char *next = at; next; next = strstr(next + 1, endings[i]))
			at = next;
		if (at && !strchr(at, '/'))
			len = (size_t)(at - path);
	}
	if (path_fmt(meta, room, NULL, "%.*s.meta", (int)len, path))
		return -ENAMETOOLONG;
	return stat(meta, &st) ? -errno : 0;
}

static enum exit_status restore_meta(const struct restore_opts *o, const char *path)
{
	AUTO_FREE struct restored *r = calloc(1, sizeof(*r));
	char dir[PATH_MAX], meta[PATH_MAX];
	struct store_place place = { .dirfd = -1 };
	enum exit_status status;
	const char *name;

	if (!r)
		return EXIT_FAILED;
	if (meta_of(path, meta, sizeof(meta))) {
		err_say(&r->err, ENOENT, "there are no metadata for %s", path);
		err_hint(&r->err, "give them: trace-cmd restore -i HEAD -o FILE FILE.cpu0 ...");
	} else if (!open_place(meta, o, &place, dir, sizeof(dir), &name, &r->err)) {
		restore_one(&place, name, r);
	}
	status = say(o, r);
	cleanup_fd(&place.dirfd);
	return status;
}

/* The CPU's number at the end of "NAME.cpuN". */
static int cpu_of(const char *path, uint64_t *cpu, struct err *e)
{
	const char *at = strstr(path, ".cpu");

	for (const char *next = at; next; next = strstr(next + 1, ".cpu"))
		at = next;
	if (!at)
		return err_say(e, EINVAL, "%s: the name does not end in .cpuN", path);
	return parse_u64(at + 4, 0, MSG_MAX_CPUS - 1, cpu, path, e);
}

static int sort_parts(char **paths, int n, const char **parts, uint32_t *nparts, struct err *e)
{
	for (int i = 0; i < n; i++) {
		uint64_t cpu;
		int rc = cpu_of(paths[i], &cpu, e);

		if (rc)
			return rc;
		if (parts[cpu])
			return err_say(e, EINVAL, "%s and %s are of the same CPU", parts[cpu],
				       paths[i]);
		parts[cpu] = paths[i];
		if (cpu >= *nparts)
			*nparts = (uint32_t)cpu + 1;
	}
	return 0;
}

/* The name of the head, from -i or beside the first part. */
static int find_head(const struct restore_opts *o, const char *part, char *head, size_t room,
		     struct err *e)
{
	if (o->input)
		return path_fmt(head, room, e, "%s", o->input);
	if (!meta_of(part, head, room))
		return 0;
	err_say(e, ENOENT, "there are no metadata for %s", part);
	return err_hint(
		e, "give them with -i: any trace.dat of version 6 of the same machine and boot");
}

static enum exit_status restore_parts(const struct restore_opts *o, char **paths, int n)
{
	AUTO_FREE struct restored *r = calloc(1, sizeof(*r));
	const char *out = o->output ? o->output : "trace.dat", *name;
	const char *parts[MSG_MAX_CPUS] = { NULL };
	char dir[PATH_MAX], head[PATH_MAX];
	struct store_place place = { .dirfd = -1 };
	enum exit_status status;
	uint32_t nparts = 0;
	int rc;

	if (!r)
		return EXIT_FAILED;
	rc = sort_parts(paths, n, parts, &nparts, &r->err);
	if (!rc)
		rc = find_head(o, paths[0], head, sizeof(head), &r->err);
	if (!rc)
		rc = open_place(out, o, &place, dir, sizeof(dir), &name, &r->err);
	if (!rc && !faccessat(place.dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW))
		rc = err_say(&r->err, EEXIST, "%s is there already", out);
	if (!rc)
		restore_from(&place, name, head, parts, nparts, r);
	status = say(o, r);
	cleanup_fd(&place.dirfd);
	return status;
}

static enum exit_status create_head(const struct restore_opts *o)
{
	char version[META_VERSION_MAX];
	struct partial_opts how = { .path = o->output ? o->output : "trace-partial.dat",
				    .tracing = o->tracing,
				    .kallsyms = o->kallsyms,
				    .version = meta_version(version, sizeof(version)) };
	struct err e = { 0 };

	if (partial_write(&how, &e)) {
		err_print(stderr, &e);
		return EXIT_FAILED;
	}
	if (!o->quiet)
		printf("made %s\n", how.path);
	return EXIT_WHOLE;
}

static int check_opts(const struct restore_opts *o, bool words, struct err *e)
{
	if (o->version != 6 && o->version != 7)
		return err_say(e, EINVAL, "--file-version is 6 or 7, not %llu",
			       (unsigned long long)o->version);
	if (!o->create && (o->tracing || o->kallsyms))
		return err_say(e, EINVAL, "-t and -k say what -c reads, and it is not given");
	if (o->create && (words || o->input)) {
		err_say(e, EINVAL, "-c makes a HEAD and restores nothing");
		return err_hint(e, "first restore -c -o HEAD, then restore -i HEAD FILE.cpu0 ...");
	}
	if (!o->create && !words)
		return err_say(e, EINVAL, "restore what? Name a directory, or a .meta file");
	return 0;
}

static int restore_run(const struct command *self, int argc, char **argv)
{
	struct restore_opts o = { .version = 7 };
	enum exit_status status = EXIT_WHOLE;
	struct err e = { 0 };
	int rest, rc = opts_begin(self, &o, argc, argv, &rest);
	struct stat st;

	if (rc >= 0)
		return rc;
	if (check_opts(&o, rest < argc, &e)) {
		err_print(stderr, &e);
		return EXIT_USAGE;
	}
	if (o.create)
		return create_head(&o);
	if (o.input || o.output)
		return restore_parts(&o, argv + rest, argc - rest);
	for (int i = rest; i < argc; i++)
		status = worse(status, !stat(argv[i], &st) && S_ISDIR(st.st_mode)
					       ? restore_dir(&o, argv[i])
					       : restore_meta(&o, argv[i]));
	return status;
}

const struct command cmd_restore = {
	.name = "restore",
	.args = "DIR|FILE.meta... | [-o FILE] [-i HEAD] FILE.cpuN... | -c [-o HEAD]",
	.summary = "make a trace.dat of what a killed recording left",
	.details = "Exit status: 0 whole, 3 restored with losses, 1 failed, 2 usage.",
	.opts = restore_opts,
	.nopts = ARRAY_SIZE(restore_opts),
	.run = restore_run,
};
