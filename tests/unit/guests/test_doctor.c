// SPDX-License-Identifier: GPL-2.0
/* test_doctor.c - the doctor in fake trees: what is wrong is found, and what to type is said. */
#include "tests/unit/transport/tree.h"
#include "tests/unit/base/rows.h"

#include "guests/doctor-cred.h"
#include "guests/doctor.h"

struct said {
	struct buf text; /* "ok|BAD|? <what> [type]\n" */
};

static void say(void *ctx, const struct doc_item *item)
{
	static const char *const word[] = { "ok", "BAD", "?" };
	struct said *s = ctx;

	buf_addf(&s->text, "%s %s [%s]\n", word[item->state], item->what, item->type);
}

/* Files are "path=text", "path/" a directory, "|path" a FIFO; \1 in a text stands for a NUL. */
struct doctor_case {
	const char *test;
	enum doctor_side side;
	const char *files[12];
	unsigned int bad;
	const char *want[4]; /* parts of what is said */
};

#define GUEST_PORTS "sys/class/virtio-ports/vport0p1/name=agent-ctl-path\n", "dev/vport0p1="
#define GUEST_CPU0  "sys/class/virtio-ports/vport0p2/name=trace-path-cpu0\n"
#define GUEST_FS                                                               \
	"sys/kernel/tracing/tracing_on=1", "sys/kernel/tracing/events/sched/", \
		"sys/kernel/tracing/trace_clock=",                             \
		"sys/kernel/tracing/per_cpu/cpu0/trace_pipe_raw="
#define ONE_CPU "sys/devices/system/cpu/online=0\n"

#define DOMAIN	       "d/web1/", "|d/web1/trace-path-cpu0.in", "|d/web1/trace-path-cpu0.out"
#define QEMU(smp)      "proc/77/cmdline=qemu-system-x86_64\1-name\1web1\1-smp\1" smp
#define STATUS	       "proc/77/status=Name:\tx\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t5 6\n"
#define OTHER_STATUS   "proc/77/status=Uid:\t9\t9\t9\t9\nGid:\t9\t9\t9\t9\nGroups:\t\n"
#define ROW(flags, st) "0000: 00000002 00000000 " flags " 0001 " st " 123 "

static const struct doctor_case cases[] = {
	{ "guest, all well",
	  DOCTOR_GUEST,
	  { GUEST_PORTS, GUEST_CPU0, ONE_CPU, GUEST_FS },
	  0,
	  { "ok driver", "ok control port", "ok data ports for 1 CPUs", "ok tracefs" } },
	{ "guest, no driver",
	  DOCTOR_GUEST,
	  { ONE_CPU, GUEST_FS },
	  3,
	  { "BAD driver", "[modprobe virtio_console]", "none of 0" } },
	{ "guest, fewer ports than CPUs",
	  DOCTOR_GUEST,
	  { GUEST_PORTS, GUEST_CPU0, "sys/devices/system/cpu/online=0-2,4-7\n", GUEST_FS },
	  1,
	  { "trace-path-cpu1 is missing", "-c 8" } },
	{ "guest, tracefs not mounted",
	  DOCTOR_GUEST,
	  { GUEST_PORTS, GUEST_CPU0, ONE_CPU, "proc/filesystems=nodev\ttracefs\n" },
	  1,
	  { "BAD tracefs is not mounted", "[mount -t tracefs" } },
	{ "guest, kernel without",
	  DOCTOR_GUEST,
	  { GUEST_PORTS, GUEST_CPU0, ONE_CPU, "proc/filesystems=nodev\tproc\n" },
	  1,
	  { "BAD this kernel has no tracefs", "CONFIG_FTRACE" } },
	{ "guest, no events",
	  DOCTOR_GUEST,
	  { GUEST_PORTS, GUEST_CPU0, ONE_CPU, "sys/kernel/tracing/tracing_on=",
	    "sys/kernel/tracing/trace_clock=", "sys/kernel/tracing/per_cpu/cpu0/trace_pipe_raw=" },
	  1,
	  { "BAD events", "CONFIG_EVENT_TRACING" } },

	{ "host, nothing made",
	  DOCTOR_HOST,
	  { "o/" },
	  2,
	  { "BAD cannot look at directory", "setup-guest", "virt-server does not run" } },
	{ "host, no domain",
	  DOCTOR_HOST,
	  { "o/", "d/" },
	  2,
	  { "ok directory", "virt-server does not run", "no domain has a directory" } },
	{ "host, FIFOs match",
	  DOCTOR_HOST,
	  { "o/", DOMAIN, QEMU("1"), STATUS },
	  1,
	  { "ok web1: FIFOs for 1 CPUs; its QEMU has 1", "ok web1: its QEMU (process 77, user 0",
	    "? web1: whether its QEMU would connect" } },
	{ "host, fewer FIFOs than vCPUs",
	  DOCTOR_HOST,
	  { "o/", DOMAIN, QEMU("4"), STATUS },
	  2,
	  { "BAD web1: data channels for 1 CPUs, but its QEMU (process 77) has 4",
	    "setup-guest web1 -c 4" } },
	{ "host, guest is off",
	  DOCTOR_HOST,
	  { "o/", DOMAIN, "proc/" },
	  1,
	  { "? web1: FIFOs for 1 CPUs", "? web1: no QEMU process with -name web1" } },
	{ "host, no FIFO",
	  DOCTOR_HOST,
	  { "o/", "d/web1/", "proc/" },
	  2,
	  { "BAD web1: no data channel: no FIFO", "setup-guest web1 -c 1" } },
	{ "host, sockets without server",
	  DOCTOR_HOST,
	  { "o/", "d/web1/channels=kind socket\ncpus 3\n", "proc/" },
	  2,
	  { "no data channel is there, and setup-guest made it for 3 CPUs",
	    "trace-cmd virt-server" } },
	{ "host, a FIFO was removed",
	  DOCTOR_HOST,
	  { "o/", DOMAIN, "d/web1/channels=kind fifo\ncpus 2\n", "proc/" },
	  2,
	  { "for 1 of 2 CPUs: that of CPU 1 is missing" } },
	{ "host, QEMU's user is shut out",
	  DOCTOR_HOST,
	  { "o/", DOMAIN, QEMU("1"), OTHER_STATUS },
	  2,
	  { "BAD web1: its QEMU (process 77, user 9, group 9) does not get at", "-g 9" } },
	{ "host, server listens",
	  DOCTOR_HOST,
	  { "o/", DOMAIN, QEMU("1"), STATUS,
	    "proc/net/unix=H\n" ROW("00010000", "01") "TOP/d/agent-ctl-path\n" },
	  1,
	  { "ok a server listens on", "BAD web1: its QEMU (process 77) is not connected" } },
	{ "host, connected",
	  DOCTOR_HOST,
	  { "o/", DOMAIN, QEMU("1"), STATUS,
	    "proc/net/unix=H\n" ROW("00010000", "01") "TOP/d/agent-ctl-path\n" ROW(
		    "00000000", "03") "TOP/d/agent-ctl-path\n" },
	  0,
	  { "ok web1: its QEMU is connected to" } },
	{ "host, another path that ends the same",
	  DOCTOR_HOST,
	  { "o/", DOMAIN, QEMU("1"), STATUS,
	    "proc/net/unix=H\n" ROW("00010000", "01") "/x/d/agent-ctl-path\n" },
	  1,
	  { "virt-server does not run" } },
	{ "host, left-over parts",
	  DOCTOR_HOST,
	  { "d/", DOMAIN, "proc/", "o/trace.web1.dat.meta=x" },
	  2,
	  { "BAD 1 recording in", "trace-cmd restore" } },
};

/* "TOP" in a text is the tree's top, \1 a NUL. */
static void lay_text(struct tree *t, const char *name, const char *text)
{
	struct buf b = { 0 };
	int fd;

	for (; *text; text++) {
		if (!strncmp(text, "TOP", 3)) {
			buf_addf(&b, "%s", t->top);
			text += 2;
		} else {
			buf_add(&b, *text == '\1' ? "" : text, 1);
		}
	}
	tree_file(t, name, "");
	fd = open(tree_at(t, "%s", name), O_WRONLY);
	assert_int_equal(write(fd, b.data, b.len), b.len);
	close(fd);
	buf_free(&b);
}

static void lay(struct tree *t, const char *file)
{
	const char *eq = strchr(file, '=');
	char name[200];

	snprintf(name, sizeof(name), "%.*s", (int)(eq ? eq - file : (long)strlen(file)), file);
	if (*file == '|') {
		tree_fifo(t, file + 1);
		assert_int_equal(chmod(tree_at(t, "%s", file + 1), 0660), 0);
	} else if (eq) {
		lay_text(t, name, eq + 1);
	} else {
		tree_dir(t, name, strncmp(name, "d/w", 3) ? 0755 : 0710);
	}
}

static void test_doctor(void **state)
{
	const struct doctor_case *c = *state;
	char dir[80], out[80], proc[80], sys[80], dev[80];
	struct said s = { 0 };
	struct doctor_opts o = { .dir = dir,
				 .outdir = out,
				 .say = say,
				 .ctx = &s,
				 .roots = { proc, sys, dev, "/nonexistent" } };
	struct tree t;

	tree_make(&t);
	assert_int_equal(chmod(t.top, 0755), 0);
	snprintf(dir, sizeof(dir), "%s/d", t.top);
	snprintf(out, sizeof(out), "%s/o", t.top);
	snprintf(proc, sizeof(proc), "%s/proc", t.top);
	snprintf(sys, sizeof(sys), "%s/sys", t.top);
	snprintf(dev, sizeof(dev), "%s/dev", t.top);
	for (size_t i = 0; i < ARRAY_SIZE(c->files) && c->files[i]; i++)
		lay(&t, c->files[i]);
	unsigned int bad = doctor_run(&o, c->side);

	assert_int_equal(buf_text(&s.text), 0);
	for (size_t i = 0; i < ARRAY_SIZE(c->want) && c->want[i]; i++)
		if (!strstr((char *)s.text.data, c->want[i]))
			fail_msg("no '%s' in:\n%s", c->want[i], (char *)s.text.data);
	if (bad != c->bad)
		fail_msg("%u are BAD and not %u:\n%s", bad, c->bad, (char *)s.text.data);
	buf_free(&s.text);
	tree_remove(&t);
}

/* Who may read and write <top>/d/f: mode of d, of f, both of user 0, group 7; needs root. */
static const struct may_case {
	const char *test;
	struct doc_cred who;
	mode_t dir, file;
	bool may;
} mays[] = {
	{ "root", { 0, 0, { 0 }, 0 }, 0700, 0000, true },
	{ "group", { 9, 7, { 0 }, 0 }, 0710, 0660, true },
	{ "supplementary group", { 9, 9, { 5, 7 }, 2 }, 0710, 0660, true },
	{ "others", { 9, 9, { 5 }, 1 }, 0710, 0660, false },
	{ "open to all", { 9, 9, { 0 }, 0 }, 0755, 0666, true },
	{ "closed directory", { 9, 7, { 0 }, 0 }, 0700, 0666, false },
	{ "group, read only", { 9, 7, { 0 }, 0 }, 0710, 0646, false },
};

static void test_may(void **state)
{
	const struct may_case *c = *state;
	char why[600] = "";
	struct tree t;

	if (geteuid()) {
		print_message("not root: cannot give files away\n");
		skip();
	}
	tree_make(&t);
	assert_int_equal(chmod(t.top, 0755), 0);
	tree_file(&t, "d/f", "");
	assert_int_equal(chown(tree_at(&t, "d/f"), 0, 7), 0);
	assert_int_equal(chmod(tree_at(&t, "d/f"), c->file), 0);
	assert_int_equal(chown(tree_at(&t, "d"), 0, 7), 0);
	assert_int_equal(chmod(tree_at(&t, "d"), c->dir), 0);
	assert_int_equal(doc_cred_may(&c->who, tree_at(&t, "d/f"), why, sizeof(why)), c->may);
	assert_int_equal(*why == '\0', c->may);
	tree_remove(&t);
}

static const struct side_case {
	const char *test, *domain;
	const char *files[4];
	enum doctor_side want;
} sides[] = {
	{ "a domain is named", "web1", { GUEST_CPU0, "dev/x=" }, DOCTOR_HOST },
	{ "our ports", NULL, { GUEST_CPU0, "d/" }, DOCTOR_GUEST },
	{ "another's port in a nested host",
	  NULL,
	  { "sys/class/virtio-ports/vport0p1/name=org.qemu.guest_agent.0\n", "d/" },
	  DOCTOR_HOST },
	{ "a VM with nothing set up",
	  NULL,
	  { "proc/cpuinfo=flags\t: fpu hypervisor lm\n" },
	  DOCTOR_GUEST },
	{ "a VM that runs QEMU",
	  NULL,
	  { "proc/cpuinfo=flags\t: fpu hypervisor lm\n", QEMU("1") },
	  DOCTOR_HOST },
	{ "a plain machine", NULL, { "proc/cpuinfo=flags\t: fpu lm\n" }, DOCTOR_HOST },
};

static void test_side(void **state)
{
	const struct side_case *c = *state;
	char dir[80], proc[80], sys[80], dev[80];
	struct doctor_opts o = { .dir = dir,
				 .domain = c->domain,
				 .roots = { proc, sys, dev, "/none" } };
	struct tree t;

	tree_make(&t);
	snprintf(dir, sizeof(dir), "%s/d", t.top);
	snprintf(proc, sizeof(proc), "%s/proc", t.top);
	snprintf(sys, sizeof(sys), "%s/sys", t.top);
	snprintf(dev, sizeof(dev), "%s/dev", t.top);
	for (size_t i = 0; i < ARRAY_SIZE(c->files) && c->files[i]; i++)
		lay(&t, c->files[i]);
	assert_int_equal(doctor_side(&o), c->want);
	tree_remove(&t);
}

int main(void)
{
	int bad = RUN_ROWS("doctor", cases, test_doctor);

	bad += RUN_ROWS("which side", sides, test_side);
	return bad + RUN_ROWS("access of another user", mays, test_may);
}
