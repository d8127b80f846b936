// SPDX-License-Identifier: GPL-2.0
/*
 * trace-attach.c - attach: tie the files of a host and of a guest that were recorded apart
 *
 * Theory of operation
 *
 * What record -A stores is added afterwards: GUEST in the host's file, TIME_SHIFT in the guest's,
 * and a TRACEID in each that has none. Both are written anew beside themselves, with the pages as
 * they are, and replace what was there when both are whole.
 */
#include "trace-cmd.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/newfile.h"
#include "report/links.h"
#include "timesync/kvm-track.h"
#include "tracedat/convert.h"
#include "tracedat/shift.h"
#include "tracing/meta.h"

enum { SAMPLES_MAX = 64, VCPUS_MAX = 1024 };

struct attach_opts {
	const char *name; /* of the guest */
	uint64_t pid;	  /* of its QEMU, 0 = not given */
	struct tdat_shift_sample samples[SAMPLES_MAX];
	size_t nsamples;
	struct {
		uint32_t cpu;
		int32_t tid;
	} vcpus[VCPUS_MAX];
	size_t nvcpus;
};

/* One of the two files: what is read, its head with other options, what is written. */
struct side {
	const char *path;
	struct tdat_file *file;
	struct tdat_head head;
	struct buf added[2]; /* payloads of .head's last options; owned */
	struct newfile out;
	uint64_t id;
};

/* "TIME,OFFSET[,SCALING,FRACTION]" or "OFFSET" */
static int parse_sample(const char *text, struct tdat_shift_sample *s)
{
	long long time = 0, offset;
	unsigned long long scaling = 1, fraction = 0;
	int end = -1;

	if (sscanf(text, "%lli,%lli,%llu,%llu%n", &time, &offset, &scaling, &fraction, &end) < 4)
		end = -1;
	if (end < 0 && sscanf(text, "%lli,%lli%n", &time, &offset, &end) < 2)
		end = -1;
	if (end < 0) {
		time = 0;
		if (sscanf(text, "%lli%n", &offset, &end) < 1)
			end = -1;
	}
	if (end < 0 || text[end] || !scaling || fraction > 127)
		return -EINVAL;
	*s = (struct tdat_shift_sample){ (uint64_t)time, offset, scaling, fraction };
	return 0;
}

static int set_sample(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct attach_opts *a = ctx;

	(void)o;
	if (a->nsamples == SAMPLES_MAX)
		return err_say(e, E2BIG, "-s: more than %d times", SAMPLES_MAX);
	if (!parse_sample(val, &a->samples[a->nsamples++]))
		return 0;
	return err_say(e, EINVAL, "-s: '%s' is no OFFSET and no TIME,OFFSET[,SCALING,FRACTION]",
		       val);
}

#define AT(member) .off = offsetof(struct attach_opts, member)

static const struct opt attach_opts[] = {
	{ 'n', "name", "NAME", "the guest's name (default: its file's, without HOST- and .dat)",
	  opt_set_text, AT(name) },
	{ 's', NULL, "[TIME,]OFFSET[,SCALING,FRACTION]",
	  "host time = guest time + OFFSET, from TIME on; several", set_sample },
	{ 'p', "pid", "PID", "take the offset from KVM: PID is the guest's running QEMU",
	  opt_set_u64, AT(pid) },
};

static int parse_vcpu(struct attach_opts *a, const char *word, struct err *e)
{
	unsigned int cpu;
	int tid, end = -1;

	if (sscanf(word, "%u,%d%n", &cpu, &tid, &end) < 2 || end < 0 || word[end])
		return err_say(e, EINVAL, "'%s' is no CPU,THREAD", word);
	if (a->nvcpus == VCPUS_MAX)
		return err_say(e, E2BIG, "more than %d vCPUs", VCPUS_MAX);
	a->vcpus[a->nvcpus].cpu = cpu;
	a->vcpus[a->nvcpus++].tid = tid;
	return 0;
}

static int judge(struct attach_opts *a, char *const *words, int n, struct err *e)
{
	if (n < 2) {
		err_say(e, EINVAL, "attach needs the file of the host and that of the guest");
		err_hint(e, "trace-cmd attach -s OFFSET HOST.dat GUEST.dat");
		return -EINVAL;
	}
	for (int i = 2; i < n; i++)
		if (parse_vcpu(a, words[i], e))
			return -EINVAL;
	if (!a->nsamples && !a->pid) {
		err_say(e, EINVAL, "how far is the guest's clock from the host's?");
		err_hint(e, "-s OFFSET, or -p PID where the guest still runs under KVM");
		return -EINVAL;
	}
	if (a->nsamples && a->pid)
		return err_say(e, EINVAL, "-s and -p both say the offset");
	return 0;
}

/* "dir/web1.dat": "web1", in @len characters. */
static const char *stem_of(const char *path, size_t *len)
{
	const char *slash = strrchr(path, '/');

	path = slash ? slash + 1 : path;
	*len = strlen(path);
	if (*len > 4 && !strcmp(path + *len - 4, ".dat"))
		*len -= 4;
	return path;
}

/* "web1" of web1.dat, and of HOST-web1.dat beside HOST.dat, as record -A names it. NULL: no memory.
 */
static char *make_name(const char *host, const char *guest)
{
	size_t prefix, len;
	const char *of_host = stem_of(host, &prefix), *name = stem_of(guest, &len);

	if (len > prefix + 1 && !strncmp(name, of_host, prefix) && name[prefix] == '-') {
		name += prefix + 1;
		len -= prefix + 1;
	}
	return strndup(name, len);
}

/* --- options --- */

static struct wcur begin_option(struct side *s, size_t i, size_t room)
{
	struct buf *b = &s->added[i];

	b->data = malloc(room);
	b->len = b->data ? room : 0;
	return wcur_make(b->data, b->len, s->head.big);
}

static int end_option(struct side *s, size_t i, const struct wcur *w, uint16_t id, struct err *e)
{
	struct buf *b = &s->added[i];

	if (w->bad)
		return err_set(e, ENOMEM, "no memory for the options of %s", s->path);
	b->len -= w->left;
	s->head.options[s->head.noptions++] = (struct tdat_option){ id, { b->data, b->len } };
	return 0;
}

/* What is said anew: how far this guest's clock is, and that this host has a guest @name. */
static bool is_old(const struct tdat_option *o, const char *name)
{
	size_t len = strlen(name) + 1;

	if (o->id == TDAT_OPT_GUEST)
		return o->data.len >= len && !memcmp(o->data.p, name, len);
	return o->id == TDAT_OPT_TIME_SHIFT;
}

/* A copy of the file's options, with room for what is added; its trace id, or a new one. */
static int copy_options(struct side *s, const char *name, struct err *e)
{
	const struct tdat_head *h = tdat_head(s->file);
	const struct tdat_option *id = tdat_head_option(h, TDAT_OPT_TRACEID);
	struct wcur w;

	s->head = *h;
	s->head.options = calloc(h->noptions + ARRAY_SIZE(s->added), sizeof(*s->head.options));
	s->head.noptions = 0;
	if (!s->head.options)
		return err_set(e, ENOMEM, "no memory for the options of %s", s->path);
	for (size_t i = 0; i < h->noptions; i++)
		if (!is_old(&h->options[i], name))
			s->head.options[s->head.noptions++] = h->options[i];
	if (id) {
		struct rcur c = rcur_make(id->data.p, id->data.len, h->big);

		s->id = rcur_u64(&c);
		return 0;
	}
	s->id = meta_trace_id();
	w = begin_option(s, 0, sizeof(uint64_t));
	wcur_u64(&w, s->id);
	return end_option(s, 0, &w, TDAT_OPT_TRACEID, e);
}

static int add_guest(const struct attach_opts *a, struct side *host, const struct side *guest,
		     struct err *e)
{
	uint32_t cpus = max_u64(tdat_head(guest->file)->cpus, a->nvcpus);
	struct wcur w = begin_option(host, 1, strlen(a->name) + 13 + cpus * 8UL);

	wcur_text(&w, a->name);
	wcur_u64(&w, guest->id);
	wcur_u32(&w, a->nvcpus ? (uint32_t)a->nvcpus : cpus);
	for (size_t i = 0; i < a->nvcpus; i++) {
		wcur_u32(&w, a->vcpus[i].cpu);
		wcur_u32(&w, (uint32_t)a->vcpus[i].tid);
	}
	for (uint32_t i = 0; !a->nvcpus && i < cpus; i++) {
		wcur_u32(&w, i);
		wcur_u32(&w, (uint32_t)-1);
	}
	return end_option(host, 1, &w, TDAT_OPT_GUEST, e);
}

/* The same samples for each CPU. */
static int add_shift(const struct attach_opts *a, struct side *guest, uint64_t peer, struct err *e)
{
	uint32_t cpus = tdat_head(guest->file)->cpus;
	struct tdat_shift_cpu *each = calloc(cpus + 1UL, sizeof(*each));
	struct tdat_shift shift = {
		.peer = peer, .interpolate = a->nsamples > 1, .cpus = each, .ncpus = cpus
	};
	int rc = each ? 0 : err_set(e, ENOMEM, "no memory for %u CPUs", cpus);

	for (uint32_t i = 0; !rc && i < cpus; i++)
		each[i] =
			(struct tdat_shift_cpu){ (struct tdat_shift_sample *)(uintptr_t)a->samples,
						 a->nsamples };
	if (!rc)
		rc = tdat_shift_put(&shift, guest->head.big, &guest->added[1], e);
	if (!rc)
		guest->head.options[guest->head.noptions++] =
			(struct tdat_option){ TDAT_OPT_TIME_SHIFT,
					      { guest->added[1].data, guest->added[1].len } };
	free(each);
	return rc;
}

/* What KVM says now; all vCPUs of a guest have one offset unless somebody wrote to their TSC. */
static int ask_kvm(struct attach_opts *a, size_t cpus, struct err *e)
{
	struct ts_kvm_vms vms;
	const struct ts_kvm_vm *vm;
	int rc = ts_kvm_read(ts_kvm_root(), (pid_t)a->pid, &vms, e);

	if (rc)
		return rc;
	rc = ts_kvm_pick(&vms, cpus, &vm, e);
	if (!rc && !vm->n)
		rc = err_say(e, ENODATA, "process %llu has no vCPU", (unsigned long long)a->pid);
	for (size_t i = 0; !rc && i < vm->n; i++)
		if (vm->vcpus[i].offset != vm->vcpus[0].offset)
			rc = err_say(e, EOPNOTSUPP, "the vCPUs of %llu have different offsets",
				     (unsigned long long)a->pid);
	if (!rc)
		rc = ts_point_of_tsc(0, vm->vcpus[0].offset, vm->vcpus[0].ratio,
				     vm->vcpus[0].fraction, &a->samples[a->nsamples++]);
	ts_kvm_free(&vms);
	return rc;
}

/* --- files --- */

static int rewrite(struct side *s, struct err *e)
{
	struct tdat_convert c = { .version = tdat_version(s->file),
				  .compression = tdat_compression(s->file),
				  .head = &s->head };
	int rc = newfile_begin(&s->out, s->path, e);

	return rc ? rc : tdat_convert(s->file, s->out.fd, s->out.path, &c, e);
}

static void side_free(struct side *s)
{
	newfile_end(&s->out);
	free(s->head.options);
	for (size_t i = 0; i < ARRAY_SIZE(s->added); i++)
		buf_free(&s->added[i]);
	tdat_close(s->file);
}

static int attach(struct attach_opts *a, struct side *host, struct side *guest, struct err *e)
{
	int rc;

	host->file = tdat_open(host->path, e);
	guest->file = host->file ? tdat_open(guest->path, e) : NULL;
	if (!guest->file)
		return -EIO;
	rc = a->pid ? ask_kvm(a, tdat_head(guest->file)->cpus, e) : 0;
	if (!rc)
		rc = copy_options(host, a->name, e);
	if (!rc)
		rc = copy_options(guest, a->name, e);
	if (!rc)
		rc = add_guest(a, host, guest, e);
	if (!rc)
		rc = add_shift(a, guest, host->id, e);
	if (!rc)
		rc = rewrite(host, e);
	if (!rc)
		rc = rewrite(guest, e);
	if (!rc)
		rc = newfile_publish(&guest->out, e);
	return rc ? rc : newfile_publish(&host->out, e);
}

/* Where report looks for it, if it is not there. */
static void say_path(const struct attach_opts *a, const struct side *host, const struct side *guest)
{
	AUTO_FREE char *path = link_guest_path(host->path, a->name);

	if (path && strcmp(path, guest->path))
		printf("'trace-cmd report %s' looks for %s as %s\n", host->path, a->name, path);
}

static int attach_run(const struct command *self, int argc, char **argv)
{
	struct attach_opts a = { 0 };
	struct side host = { .out = { .fd = -1 } }, guest = host;
	AUTO_FREE char *name = NULL;
	struct err e = { 0 };
	int rest, rc = opts_begin(self, &a, argc, argv, &rest);

	if (rc >= 0)
		return rc;
	if (judge(&a, argv + rest, argc - rest, &e)) {
		err_print(stderr, &e);
		return EXIT_USAGE;
	}
	host.path = argv[rest];
	guest.path = argv[rest + 1];
	name = a.name ? NULL : make_name(host.path, guest.path);
	if (name)
		a.name = name;
	rc = a.name ? 0 : err_set(&e, ENOMEM, "no memory");
	rc = rc ? rc : attach(&a, &host, &guest, &e);
	if (rc)
		err_print(stderr, &e);
	else
		say_path(&a, &host, &guest);
	side_free(&host);
	side_free(&guest);
	return rc ? EXIT_FAILED : EXIT_WHOLE;
}

const struct command cmd_attach = {
	.name = "attach",
	.args = "[OPTION]... HOST.dat GUEST.dat [CPU,THREAD]...",
	.summary = "tie the files of a host and of a guest that were recorded apart",
	.details = "CPU,THREAD: the host's thread that ran the guest's CPU.",
	.opts = attach_opts,
	.nopts = ARRAY_SIZE(attach_opts),
	.run = attach_run,
};
