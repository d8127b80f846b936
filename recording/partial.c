// SPDX-License-Identifier: GPL-2.0
/*
 * partial.c - the metadata of a machine alone, as a file
 *
 * Theory of operation
 *
 * What a recording sends before its pages, in a file: with the pages of each CPU, which lie
 * elsewhere, "restore -i" makes a trace.dat of it. The tracing directory may be a copy, taken from
 * another machine; its CPUs are then those that have a directory in per_cpu.
 */
#include "recording/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "tracing/meta.h"
#include "tracing/pages.h"

static int collect(const struct partial_opts *o, const struct tracefs *t, struct buf *to,
		   struct err *e)
{
	struct meta_opts all = { .kallsyms = o->kallsyms };
	struct meta_option_opts options = { .version = o->version };
	struct cpu_list cpus = { 0 };
	int ret = pages_cpus(t, &cpus, e);

	options.cpus = cpu_list_count(&cpus);
	cpu_list_free(&cpus);
	if (!ret)
		ret = meta_collect(t, &all, to, e);
	return ret ? ret : meta_options(t, &options, to, e);
}

/* Under another name first: what is at the path is whole, or not there. */
static int write_whole(const char *path, const struct buf *bytes, struct err *e)
{
	char tmp[PATH_MAX];
	int ret = path_fmt(tmp, sizeof(tmp), e, "%s.tmp", path);
	AUTO_FD fd = -1;

	if (ret)
		return ret;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_set(e, errno, "cannot make %s", tmp);
	ret = write_all(fd, bytes->data, bytes->len, tmp, e);
	if (!ret && rename(tmp, path))
		ret = err_set(e, errno, "cannot rename %s to %s", tmp, path);
	if (ret)
		unlink(tmp);
	return ret;
}

int partial_write(const struct partial_opts *o, struct err *e)
{
	struct buf bytes = { 0 };
	struct tracefs *t;
	int ret;

	if (o->kallsyms &&
	    access(o->kallsyms, R_OK)) /* left out otherwise, as by a kernel without */
		return err_set(e, errno, "cannot read %s", o->kallsyms);
	t = tfs_open(o->tracing, e);
	ret = t ? collect(o, t, &bytes, e) : -EIO;
	if (!ret)
		ret = write_whole(o->path, &bytes, e);
	tfs_close(t);
	buf_free(&bytes);
	return ret;
}
