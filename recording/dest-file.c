// SPDX-License-Identifier: GPL-2.0
/*
 * dest-file.c - a recording that goes to a trace.dat on this machine
 *
 * Theory of operation
 *
 * The same files as on the host of a guest (session/store.c): metadata and a part file for each CPU
 * beside the output while recording, put together at the end. So a recording that is cut short is
 * restored the same way, and several buffers share a part file with marks between them. --temp
 * names another directory for metadata and part files; then the file is a copy of them.
 *
 * The text of a latency tracer is known at once: its file is written whole and then named.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/newfile.h"
#include "recording/dest.h"
#include "session/store.h"
#include "tracedat/writer.h"

struct dest_file {
	struct dest base;
	char dir[PATH_MAX], name[STORE_NAME_MAX];
	struct store_place place;
	struct store *store;
	struct dest_shape shape;
	struct store_result result;
};

static struct dest_file *file_of(const struct dest *d)
{
	return container_of(d, struct dest_file, base);
}

/* The directory and the last part of @path. */
static int split_path(struct dest_file *f, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	int dir_len = slash ? (int)(slash - path) : 1;
	int ret;

	if (!*name)
		return err_say(e, EINVAL, "-o %s names no file", path);
	ret = path_fmt(f->dir, sizeof(f->dir), e, "%.*s", dir_len ? dir_len : 1,
		       slash ? path : ".");
	return ret ? ret : path_fmt(f->name, sizeof(f->name), e, "%s", name);
}

static int open_dir(const char *path, int *fd, struct err *e)
{
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? err_set(e, errno, "cannot open the directory %s", path) : 0;
}

static int file_open(struct dest *d, const struct dest_shape *shape, struct err *e)
{
	struct dest_file *f = file_of(d);

	f->shape = *shape;
	if (open_dir(f->dir, &f->place.dirfd, e) ||
	    (f->place.tempdir && open_dir(f->place.tempdir, &f->place.tempfd, e)))
		return -EIO;
	f->store = store_new(&f->place, "", e);
	return f->store ? store_data(f->store, shape->cpu_count, e) : -EIO;
}

static int file_sink(struct dest *d, size_t cpu_index, struct pump_opts *o, struct err *e)
{
	struct dest_file *f = file_of(d);
	int fd = store_part(f->store, f->shape.cpus[cpu_index], e);

	if (fd < 0)
		return fd;
	o->sink = fd;
	o->sink_room = store_room(f->store);
	return 0;
}

static int file_head(struct dest *d, const uint8_t *bytes, size_t len, struct err *e)
{
	struct dest_file *f = file_of(d);
	int ret = store_meta(f->store, bytes, len, e);

	if (!ret)
		store_head_own(f->store);
	return ret;
}

static int file_check(struct dest *d, struct err *e)
{
	(void)d, (void)e;
	return 0;
}

static int file_watch_fd(const struct dest *d)
{
	(void)d;
	return -1;
}

static int file_finish(struct dest *d, const struct dest_end *end, struct err *e)
{
	struct dest_file *f = file_of(d);
	struct totals *t = end->totals;
	int ret = store_meta(f->store, end->tail, end->tail_len, e);

	if (ret)
		return ret;
	store_tail_keep(f->store);
	for (size_t i = 0; i < f->shape.ncpus; i++)
		t->cpu[f->shape.cpus[i]].bytes = 0; /* counted anew, without marks */
	ret = store_assemble(f->store, t, false, &f->result, e);
	if (!ret) {
		store_free(f->store);
		f->store = NULL;
	}
	return ret;
}

static void file_free(struct dest *d)
{
	struct dest_file *f = file_of(d);

	store_free(f->store);
	cleanup_fd(&f->place.dirfd);
	cleanup_fd(&f->place.tempfd);
	free(f);
}

static void file_abandon(struct dest *d)
{
	struct dest_file *f = file_of(d);

	if (f->store)
		store_remove(f->store);
}

static const struct dest_ops file_ops = {
	.name = "file",
	.open = file_open,
	.sink = file_sink,
	.head = file_head,
	.check = file_check,
	.watch_fd = file_watch_fd,
	.finish = file_finish,
	.abandon = file_abandon,
	.free = file_free,
};

static int write_text(const struct dest_file *f, struct newfile *to, struct view head,
		      struct view text, struct err *e)
{
	struct tdat_head parsed;
	struct tdat_file_plan plan = { .version = f->place.version,
				       .compression = f->place.compression,
				       .latency = (const char *)text.p,
				       .latency_len = text.len,
				       .head = &parsed };
	int ret = tdat_head_parse(&parsed, head.p, head.len, e);

	if (!ret)
		ret = tdat_write(to->fd, to->path, &plan, e);
	tdat_head_free(&parsed);
	return ret ? ret : newfile_publish(to, e);
}

int dest_file_text(struct dest *d, struct view head, struct view text, struct err *e)
{
	struct dest_file *f = file_of(d);
	char path[PATH_MAX];
	struct newfile to;
	int ret;

	if (d->ops != &file_ops)
		return err_say(e, EOPNOTSUPP, "the text of a latency tracer goes to a file only");
	ret = path_fmt(path, sizeof(path), e, "%s/%s", f->dir, f->name);
	if (!ret)
		ret = newfile_begin(&to, path, e);
	if (ret)
		return ret;
	ret = write_text(f, &to, head, text, e);
	newfile_end(&to);
	return ret;
}

const char *dest_file_path(const struct dest *d)
{
	return file_of(d)->result.path;
}

struct dest *dest_file_new(const char *path, const char *temp, int version, const char *compression,
			   struct err *e)
{
	struct dest_file *f = calloc(1, sizeof(*f));
	AUTO_FREE char *target = NULL;

	if (!f) {
		err_set(e, ENOMEM, "no memory for a recording");
		return NULL;
	}
	f->base.ops = &file_ops;
	f->place = (struct store_place){ .dirfd = -1,
					 .outdir = f->dir,
					 .tempdir = temp,
					 .tempfd = -1,
					 .version = version,
					 .compression = compression };
	f->place.exact = f->name;
	if (newfile_target(path, &target, e) || split_path(f, target, e)) {
		free(f);
		return NULL;
	}
	return &f->base;
}
