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
#include <unistd.h>

#include "base/io.h"
#include "base/newfile.h"
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

/* What is at the path is whole, or what it was. */
static int write_whole(const char *path, const struct buf *bytes, struct err *e)
{
	struct newfile to;
	int ret = newfile_begin(&to, path, e);

	if (ret)
		return ret;
	ret = write_all(to.fd, bytes->data, bytes->len, path, e);
	if (!ret)
		ret = newfile_publish(&to, e);
	newfile_end(&to);
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
