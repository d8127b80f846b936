// SPDX-License-Identifier: GPL-2.0
/*
 * trace-setup-guest.c - setup-guest: make a guest's channels on the host, and the doctor
 *
 * Theory of operation
 *
 * Without an output option it makes the channels and says in three lines what to do next. --qemu
 * and
 * --libvirt print nothing but what is to be pasted on standard output; all else goes to standard
 * error. -a hands libvirt's XML to virsh, one device at a time, because that is what it takes.
 *
 * Which control socket? The one of the domain's own directory names the guest by where it lies, and
 * needs nothing else: the default for --qemu. The shared one needs QEMU's -name to be the domain's
 * name; libvirt sees to that, and an XML from older instructions has it: the default for libvirt.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guests/attach.h"
#include "guests/doctor.h"
#include "guests/setup.h"
#include "trace-cmd.h"

enum { FIFO_MODE = 0660, MODE_MAX = 0777 };

struct setup_args {
	uint64_t cpus; /* 0 = not given */
	const char *group, *dir, *outdir, *uri;
	mode_t mode;
	bool sockets, qemu, libvirt, attach, own_socket, shared_socket;
	bool check, host, guest;
};

static int set_mode(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct setup_args *a = ctx;
	char *end;
	unsigned long mode = strtoul(val, &end, 8);

	(void)o;
	if (*end || end == val || *val == '-' || mode > MODE_MAX)
		return err_say(e, EINVAL, "-p: '%s' is not an octal mode such as 0660", val);
	a->mode = (mode_t)mode;
	return 0;
}

static int set_cpus(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct setup_args *a = ctx;

	(void)o;
	return parse_u64(val, 1, GUESTS_CPUS_MAX, &a->cpus, "-c", e);
}

#define FLAG(letter, name, text, member)                                                    \
	{                                                                                   \
		letter, name, NULL, text, opt_set_flag, offsetof(struct setup_args, member) \
	}
#define TEXT(letter, name, arg, text, member, kind)                                              \
	{                                                                                        \
		letter, name, arg, text, opt_set_text, offsetof(struct setup_args, member), kind \
	}

/* clang-format off */
static const struct opt opts[] = {
	{ 'c', "cpus", "CPUS", "number of the guest's virtual CPUs", set_cpus },
	{ 'p', "mode", "MODE", "mode of the FIFOs (default 0660)", set_mode },
	TEXT('g', "group", "GROUP", "group that QEMU runs with (default qemu, libvirt-qemu or kvm)",
	     group, "group"),
	FLAG('a', "attach", "attach the channels to the domain, through virsh", attach),
	TEXT('C', "connect", "URI", "libvirt's URI for -a (default: virsh's)", uri, NULL),
	TEXT(0, "dir", "DIR", "directory of the channels (default " GUESTS_DIR_DEFAULT ")", dir, "dir"),
	FLAG(0, "sockets", "data channels are unix sockets and not FIFOs", sockets),
	FLAG(0, "own-socket", "control socket in the domain's directory (default for --qemu)",
	     own_socket),
	FLAG(0, "shared-socket", "control socket of all domains (default for --libvirt and -a)",
	     shared_socket),
	FLAG(0, "qemu", "print QEMU's options", qemu),
	FLAG(0, "libvirt", "print libvirt's channel XML", libvirt),
	FLAG(0, "check", "look for what is wrong and say what to type", check),
	FLAG(0, "host", "with --check: this is the host", host),
	FLAG(0, "guest", "with --check: this is the guest", guest),
	TEXT('o', "output-dir", "OUTDIR", "with --check: where virt-server writes (default .)", outdir,
	     "dir"),
};
/* clang-format on */

static int usage(const char *text)
{
	fprintf(stderr, "trace-cmd: setup-guest: %s\n  try: trace-cmd setup-guest --help\n", text);
	return EXIT_USAGE;
}

static int failed(const struct err *e)
{
	err_print(stderr, e);
	return EXIT_FAILED;
}

static void say_item(void *ctx, const struct doc_item *item)
{
	static const char *const word[] = {
		[DOC_OK] = "ok ", [DOC_BAD] = "BAD", [DOC_UNSURE] = "?  "
	};

	(void)ctx;
	printf("%s  %s\n", word[item->state], item->what);
	if (*item->type)
		printf("       type: %s\n", item->type);
}

static int run_check(const struct setup_args *a, const char *domain)
{
	const struct doctor_opts o = {
		.dir = guests_dir(a->dir),
		.domain = domain,
		.outdir = a->outdir ? a->outdir : ".",
		.say = say_item,
	};
	enum doctor_side side = a->host ? DOCTOR_HOST : a->guest ? DOCTOR_GUEST : doctor_side(&o);
	unsigned int bad;

	printf("as a %s (%s tells otherwise):\n", side == DOCTOR_HOST ? "host" : "guest",
	       side == DOCTOR_HOST ? "--guest" : "--host");
	bad = doctor_run(&o, side);
	return bad ? EXIT_FAILED : EXIT_WHOLE;
}

/*
 * The group for the FIFOs. As an ordinary user QEMU is ours and needs none. What was chosen is said
 * to @name, for the report; NULL: none.
 */
static int choose_group(const struct setup_args *a, gid_t *gid, const char **name, struct err *e)
{
	*gid = (gid_t)-1;
	*name = a->group;
	if (a->group)
		return guests_group(a->group, gid, e);
	if (!geteuid())
		*name = guests_default_group(gid);
	return 0;
}

static void say_made(const struct guest_setup *s, const struct guest_made *m, const char *group)
{
	fprintf(stderr, "%s/%s: directory %s", s->dir, s->domain, m->dir ? "made" : "was there");
	if (s->kind == GUEST_CHAN_FIFO)
		fprintf(stderr, ", FIFOs for %u CPU%s: %u made, %u were there", s->cpus,
			s->cpus == 1 ? "" : "s", m->made, m->kept);
	else
		fprintf(stderr, ", sockets for %u CPU%s: virt-server makes them", s->cpus,
			s->cpus == 1 ? "" : "s");
	if (m->removed)
		fprintf(stderr, "; %u file%s of the other kind removed", m->removed,
			m->removed == 1 ? "" : "s");
	if (group)
		fprintf(stderr, "; group %s\n", group);
	else if (geteuid())
		fprintf(stderr,
			"; for a QEMU that you run yourself (-g GROUP for another user's)\n");
	else
		fprintf(stderr,
			"; no group qemu, libvirt-qemu or kvm here: QEMU must run as root, or "
			"give its group with -g\n");
}

static void say_next(const struct guest_setup *s)
{
	const char *kind = s->kind == GUEST_CHAN_SOCKET ? " --sockets" : "";

	printf("1. on this host, give the guest its ports: trace-cmd setup-guest %s -c %u%s --dir %s --qemu (or --libvirt, or -a)\n",
	       s->domain, s->cpus, kind, s->dir);
	printf("2. on this host, start the server and then the guest: trace-cmd virt-server --dir %s\n",
	       s->dir);
	printf("3. in the guest, record: trace-cmd record --virt -e 'sched*'    (something wrong? trace-cmd setup-guest --check)\n");
}

static int print_text(const struct guest_text *t,
		      int (*make)(const struct guest_text *t, struct buf *to, struct err *e),
		      struct err *e)
{
	struct buf text = { 0 };
	int ret = make(t, &text, e);

	if (!ret && (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout)))
		ret = err_set(e, errno, "cannot write the text");
	buf_free(&text);
	return ret;
}

static int attach(const struct setup_args *a, const struct guest_text *t, struct err *e)
{
	struct guest_attached did;
	int ret = guests_attach(t, a->uri, &did, e);

	if (ret)
		return ret;
	printf("%s: %u channels attached, %u were there already\n", t->domain, did.added, did.kept);
	if (did.live)
		printf("%s: the running guest has %u of them now\n", t->domain, did.live);
	else if (did.running && did.added)
		printf("%s: they come with its next start; a reboot from inside is not enough: virsh shutdown %s, then virsh start %s\n",
		       t->domain, t->domain, t->domain);
	return 0;
}

/* Give it to QEMU: print, attach, or say what comes next. */
static int hand_over(const struct setup_args *a, const struct guest_setup *s, struct err *e)
{
	struct guest_text t = {
		.dir = s->dir,
		.domain = s->domain,
		.cpus = s->cpus,
		.kind = s->kind,
		.own_socket = a->own_socket || (a->qemu && !a->shared_socket),
		.system = !geteuid(),
	};

	if (a->attach)
		return attach(a, &t, e);
	if (a->libvirt)
		return print_text(&t, guests_libvirt_text, e);
	if (a->qemu) {
		t.reconnect_ms = guests_qemu_has_reconnect_ms();
		return print_text(&t, guests_qemu_text, e);
	}
	say_next(s);
	return 0;
}

static int run_setup(const struct setup_args *a, const char *domain)
{
	AUTO_FREE char *dir = NULL;
	struct guest_made made;
	struct err e = { 0 };
	const char *group;
	struct guest_setup s = {
		.dir = guests_dir(a->dir),
		.domain = domain,
		.cpus = (unsigned int)a->cpus,
		.kind = a->sockets ? GUEST_CHAN_SOCKET : GUEST_CHAN_FIFO,
		.mode = a->mode,
	};

	if (guests_name_check(domain, &e)) {
		err_print(stderr, &e);
		return EXIT_USAGE;
	}
	if (choose_group(a, &s.group, &group, &e) || guests_setup(&s, &made, &e))
		return failed(&e);
	say_made(&s, &made, group);
	/* QEMU and libvirt have other current directories than we. */
	dir = realpath(s.dir, NULL);
	if (dir)
		s.dir = dir;
	return hand_over(a, &s, &e) ? failed(&e) : EXIT_WHOLE;
}

/* Options may stand behind the domain too: the usual way to write it. */
static int parse(const struct command *self, struct setup_args *a, int argc, char **argv,
		 const char **domain)
{
	int rest, ret = opts_begin(self, a, argc, argv, &rest);

	if (ret >= 0 || rest == argc)
		return ret;
	*domain = argv[rest];
	argc -= rest;
	argv += rest;
	ret = opts_begin(self, a, argc, argv, &rest); /* argv[0], which it skips, is the domain */
	return ret < 0 && rest < argc ? usage("one domain at a time") : ret;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct setup_args a = { .mode = FIFO_MODE };
	const char *domain = NULL;
	int ret = parse(self, &a, argc, argv, &domain);

	if (ret >= 0)
		return ret;
	if (a.check)
		return a.host && a.guest ? usage("--host or --guest, not both")
					 : run_check(&a, domain);
	if (!domain)
		return usage("which domain? the guest's name is missing");
	if (!a.cpus)
		return usage("-c CPUS is missing: how many virtual CPUs has the guest?");
	if (a.attach + a.libvirt + a.qemu > 1)
		return usage("only one of --qemu, --libvirt and -a at a time");
	if (a.own_socket && a.shared_socket)
		return usage("--own-socket or --shared-socket, not both");
	return run_setup(&a, domain);
}

const struct command cmd_setup_guest = {
	.name = "setup-guest",
	.args = "[OPTIONS] DOMAIN -c CPUS | --check [DOMAIN]",
	.summary =
		"make a guest's trace channels on this host, or find out what is wrong with them",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.run = run,
};
