// SPDX-License-Identifier: GPL-2.0
/*
 * pages.c - where the raw ring-buffer pages of each CPU come from
 *
 * Theory of operation
 *
 * per_cpu/ has a directory for each CPU that ever had a ring. A CPU that is offline keeps it, and
 * what is in it can still be read. trace_pipe_raw is opened non-blocking: the recorder waits by
 * poll(2) or by time, never in read() or splice().
 */
#include "tracing/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int open_raw(const struct tracefs *t, unsigned int cpu, const char *name, struct err *e)
{
	char file[64];
	int ret = path_fmt(file, sizeof(file), e, "per_cpu/cpu%u/%s", cpu, name);

	return ret ? ret : tfs_file(t, file, O_RDONLY | O_NONBLOCK, e);
}

int pages_open(const struct tracefs *t, unsigned int cpu, struct err *e)
{
	int ret = open_raw(t, cpu, "trace_pipe_raw", e);

	if (ret == -EBUSY)
		err_hint(e,
			 "end the other reader of this buffer (cat trace_pipe, trace-cmd record)");
	return ret;
}

int pages_open_snapshot(const struct tracefs *t, unsigned int cpu, struct err *e)
{
	int ret = open_raw(t, cpu, "snapshot_raw", e);

	if (ret == -ENOENT) {
		err_say(e, ENOTSUP, "this kernel has no snapshots");
		err_hint(e, "a kernel with CONFIG_TRACER_SNAPSHOT; or extract without -s");
		return -ENOTSUP;
	}
	return ret;
}

static int add_cpu(struct cpu_list *to, uint64_t cpu, struct err *e)
{
	uint32_t *more;

	if (cpu >= PAGES_MAX_CPUS)
		return err_say(e, E2BIG, "CPU %llu: more than %d CPUs are not handled",
			       (unsigned long long)cpu, PAGES_MAX_CPUS);
	more = realloc(to->cpu, (to->n + 1) * sizeof(*more));
	if (!more)
		return err_set(e, ENOMEM, "no memory for the list of CPUs");
	to->cpu = more;
	more[to->n++] = (uint32_t)cpu;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int pages_cpus(const struct tracefs *t, struct cpu_list *to, struct err *e)
{
	struct names dirs = { 0 };
	int ret = tfs_dirs(t, "per_cpu", &dirs, e);

	for (size_t i = 0; !ret && i < dirs.n; i++) {
		uint64_t cpu;

		if (!strncmp(dirs.name[i], "cpu", 3) &&
		    !parse_u64(dirs.name[i] + 3, 0, UINT32_MAX, &cpu, "CPU", NULL))
			ret = add_cpu(to, cpu, e);
	}
	names_free(&dirs);
	if (!ret && !to->n)
		ret = err_say(e, ENODATA, "%s/per_cpu lists no CPU", tfs_path(t));
	if (!ret)
		qsort(to->cpu, to->n, sizeof(*to->cpu), by_number);
	return ret;
}

/* "0-3" or "5" */
static int add_range(char *range, struct cpu_list *to, struct err *e)
{
	char *dash = strchr(range, '-');
	uint64_t from, upto;
	int ret;

	if (dash)
		*dash++ = '\0';
	ret = parse_u64(range, 0, PAGES_MAX_CPUS - 1, &from, "first CPU", e);
	upto = from;
	if (!ret && dash)
		ret = parse_u64(dash, from, PAGES_MAX_CPUS - 1, &upto, "last CPU", e);
	for (uint64_t cpu = from; !ret && cpu <= upto; cpu++)
		ret = add_cpu(to, cpu, e);
	return ret;
}

int pages_online(const char *file, struct cpu_list *to, struct err *e)
{
	struct buf text = { 0 };
	char *range, *rest;
	int ret;

	if (!file)
		file = "/sys/devices/system/cpu/online";
	ret = read_file(file, &text, 65536, e);
	if (!ret && buf_text(&text))
		ret = err_set(e, ENOMEM, "no memory to read %s", file);
	for (rest = (char *)text.data; !ret && (range = strsep(&rest, ",\n"));)
		if (range[0])
			ret = add_range(range, to, e);
	buf_free(&text);
	return ret;
}

void cpu_list_free(struct cpu_list *l)
{
	free(l->cpu);
	*l = (struct cpu_list){ 0 };
}

bool cpu_list_has(const struct cpu_list *l, uint32_t cpu)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->cpu[i] == cpu)
			return true;
	return false;
}

uint32_t cpu_list_count(const struct cpu_list *l)
{
	return l->n ? l->cpu[l->n - 1] + 1 : 0;
}

int pages_layout(const struct tracefs *t, struct page_layout *to, struct err *e)
{
	struct buf text = { 0 };
	/* An instance has no header_page of its own on older kernels: it is two levels up. */
	const char *file = tfs_has(t, "events/header_page") ? "events/header_page"
							    : "../../events/header_page";
	int ret = tfs_read(t, file, &text, e);

	if (!ret)
		ret = page_layout_parse(to, (char *)text.data, text.len,
					__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__, e);
	buf_free(&text);
	return ret;
}

int pages_set_percent(struct undo *u, const struct tracefs *t, unsigned int percent, struct err *e)
{
	char text[16];

	if (!tfs_has(t, "buffer_percent"))
		return 0;
	snprintf(text, sizeof(text), "%u", percent);
	return undo_write(u, t, "buffer_percent", text, e);
}

int pages_mask(const struct tracefs *t, struct buf *to, struct err *e)
{
	struct cpu_list cpus = { 0 };
	int ret = pages_cpus(t, &cpus, e);
	uint32_t n = cpu_list_count(&cpus), words = (n + 31) / 32;

	for (uint32_t w = words; !ret && w-- > 0;) {
		uint32_t bits = w + 1 == words && n % 32 ? (1U << n % 32) - 1 : UINT32_MAX;

		if (buf_addf(to, "%s%x", w + 1 == words ? "" : ",", bits) || buf_text(to))
			ret = err_set(e, ENOMEM, "no memory for the CPU mask");
	}
	cpu_list_free(&cpus);
	return ret;
}
