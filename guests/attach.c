// SPDX-License-Identifier: GPL-2.0
/*
 * attach.c - what is asked of virsh and qemu
 *
 * Theory of operation
 *
 * virsh takes one device a call. A domain has a stored configuration and, while it runs, a live
 * one; both are read as XML first, and channels whose port name is there are left alone, so
 * attaching again, or for more CPUs, adds only what is missing. The stored one is changed first: if
 * the live change is refused, the next start has it all.
 */
#include "guests/attach.h"

#include <errno.h>

#include "guests/tool.h"

#if defined(__aarch64__)
#define QEMU_ARCH "aarch64"
#elif defined(__s390x__)
#define QEMU_ARCH "s390x"
#elif defined(__powerpc64__)
#define QEMU_ARCH "ppc64"
#else
#define QEMU_ARCH "x86_64"
#endif

enum { WORDS_MAX = 12 };

struct virsh {
	const char *uri, *domain;
};

/* One line for an error, from what virsh printed. */
static void squeeze(char *text)
{
	size_t n = strlen(text);

	while (n && strchr("\n ", text[n - 1]))
		text[--n] = '\0';
	for (; *text; text++)
		if (*text == '\n')
			*text = ' ';
}

static int say_virsh(const char *verb, int status, struct buf *out, struct err *e)
{
	char *text = (char *)out->data;

	if (status == 127) {
		err_say(e, ENOENT, "virsh is not installed: cannot attach");
		err_hint(
			e,
			"install libvirt-clients, or paste what --libvirt prints into the domain's XML");
		return -ENOENT;
	}
	squeeze(text);
	if (strstr(text, "failed to get domain")) {
		err_say(e, ENOENT, "libvirt knows no such domain: %s", text);
		err_hint(
			e,
			"virsh list --all; another libvirt is named with -C URI, e.g. qemu:///session");
		return -ENOENT;
	}
	return err_say(e, EIO, "virsh %s: %s", verb, *text ? text : "failed without a word");
}

/* virsh [-c URI] @verb @words...; its output into @out. */
static int virsh(const struct virsh *v, const char *const *words, const char *input,
		 struct buf *out, struct err *e)
{
	const char *argv[WORDS_MAX + 4] = { "virsh" };
	size_t n = 1;
	int ret;

	if (v->uri) {
		argv[n++] = "-c";
		argv[n++] = v->uri;
	}
	for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
		argv[n++] = words[i];
	out->len = 0;
	ret = tool_run(argv, input, out, e);
	return ret <= 0 ? ret : say_virsh(words[0], ret, out, e);
}

static int is_system(const struct virsh *v, bool *system, struct err *e)
{
	const char *const words[] = { "uri", NULL };
	struct buf out = { 0 };
	int ret = virsh(v, words, NULL, &out, e);

	if (!ret)
		*system = strstr((char *)out.data, "/system") != NULL;
	buf_free(&out);
	return ret;
}

static int is_running(const struct virsh *v, bool *running, struct err *e)
{
	const char *const words[] = { "domstate", v->domain, NULL };
	struct buf out = { 0 };
	int ret = virsh(v, words, NULL, &out, e);

	if (!ret)
		*running = !strncmp((char *)out.data, "running", 7) ||
			   !strncmp((char *)out.data, "paused", 6);
	buf_free(&out);
	return ret;
}

/* The port's name of a channel as libvirt writes it into the XML. */
static void port_mark(unsigned int chan, char *to, size_t size)
{
	if (chan)
		snprintf(to, size, " name='trace-path-cpu%u'", chan - 1);
	else
		snprintf(to, size, " name='" GUESTS_CTL_NAME "'");
}

/* Give the channels to one configuration: @which is --config or --live. */
static int attach_to(const struct virsh *v, const struct guest_text *t, const char *which,
		     unsigned int *added, unsigned int *kept, struct err *e)
{
	const char *const dump[] = { "dumpxml", v->domain,
				     strcmp(which, "--live") ? "--inactive" : NULL, NULL };
	const char *const attach[] = { "attach-device", v->domain, "/dev/stdin", which, NULL };
	struct buf xml = { 0 }, have = { 0 }, out = { 0 };
	int ret = virsh(v, dump, NULL, &have, e);

	for (unsigned int chan = 0; !ret && chan <= t->cpus; chan++) {
		char mark[64];

		port_mark(chan, mark, sizeof(mark));
		if (strstr((char *)have.data, mark)) {
			(*kept)++;
			continue;
		}
		xml.len = 0;
		ret = guests_libvirt_channel(t, chan, &xml, e);
		if (!ret && buf_text(&xml))
			ret = err_set(e, ENOMEM, "no memory for the XML");
		if (!ret)
			ret = virsh(v, attach, (char *)xml.data, &out, e);
		*added += !ret;
	}
	buf_free(&xml);
	buf_free(&have);
	buf_free(&out);
	return ret;
}

/*
 * libvirt adds controllers to a stored configuration by itself, to a running guest never: that one
 * must have been started with one that has free ports.
 */
static void hint_live(struct err *e)
{
	bool serial = e && strstr(e->what, "virtio-serial");

	err_prefix(e, "the configuration has the channels, the running guest could not take them");
	err_hint(
		e,
		serial ? "stop and start the guest: libvirt gives it the controller then"
		       : "start trace-cmd virt-server first and run this again, or stop and start the guest");
}

int guests_attach(const struct guest_text *text, const char *uri, struct guest_attached *did,
		  struct err *e)
{
	const struct virsh v = { uri, text->domain };
	struct guest_text t = *text;
	unsigned int there = 0;
	int ret = is_system(&v, &t.system, e);

	*did = (struct guest_attached){ 0 };
	if (!ret)
		ret = is_running(&v, &did->running, e);
	if (!ret)
		ret = attach_to(&v, &t, "--config", &did->added, &did->kept, e);
	if (ret || !did->running || t.kind == GUEST_CHAN_FIFO)
		return ret;
	ret = attach_to(&v, &t, "--live", &did->live, &there, e);
	if (ret)
		hint_live(e);
	return ret;
}

bool guests_qemu_version_has_reconnect_ms(const char *text)
{
	unsigned int major, minor;

	return sscanf(text, "QEMU emulator version %u.%u", &major, &minor) == 2 &&
	       (major > 9 || (major == 9 && minor >= 2));
}

bool guests_qemu_has_reconnect_ms(void)
{
	static const char *const names[] = { ("qemu-system-" QEMU_ARCH), "qemu-kvm", "kvm" };
	bool has = false, found = false;

	for (size_t i = 0; !found && i < ARRAY_SIZE(names); i++) {
		const char *const argv[] = { names[i], "--version", NULL };
		struct buf out = { 0 };

		found = !tool_run(argv, NULL, &out, NULL);
		if (found)
			has = guests_qemu_version_has_reconnect_ms((char *)out.data);
		buf_free(&out);
	}
	return has;
}
