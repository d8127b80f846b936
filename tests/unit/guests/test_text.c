// SPDX-License-Identifier: GPL-2.0
/* test_text.c - QEMU's options and libvirt's XML, letter by letter. */
#include "tests/unit/transport/tree.h"
#include "tests/unit/base/rows.h"

#include "guests/attach.h"
#include "guests/setup.h"

/* clang-format off */
#define SOCK  "-chardev socket,id="
#define PIPE  "-chardev pipe,id="
#define PORT  "-device virtserialport,bus=traceserial"
#define CTL   "chardev=tracectl,id=tracectl-port,name=agent-ctl-path"
#define CPU(n) "chardev=tracecpu" n ",id=tracecpu" n "-port,name=trace-path-cpu" n

typedef int make_text(const struct guest_text *t, struct buf *to, struct err *e);

static const struct text_case {
	const char *test;
	make_text *make;
	struct guest_text in;
	const char *want;
} texts[] = {
	{ "QEMU, 1 CPU", guests_qemu_text,
	  { "/d", "web1", 1, GUEST_CHAN_FIFO, .own_socket = true },
	  "-device virtio-serial-pci,id=traceserial0,max_ports=9 \\\n"
	  SOCK "tracectl,path=/d/web1/agent-ctl-path,reconnect=1 \\\n"
	  PORT "0.0,nr=1," CTL " \\\n"
	  PIPE "tracecpu0,path=/d/web1/trace-path-cpu0 \\\n"
	  PORT "0.0,nr=2," CPU("0") "\n" },
	{ "QEMU, 2 CPUs, sockets, shared control, new QEMU", guests_qemu_text,
	  { "/d", "web1", 2, GUEST_CHAN_SOCKET, .reconnect_ms = true },
	  "-name guest=web1 \\\n"
	  "-device virtio-serial-pci,id=traceserial0,max_ports=9 \\\n"
	  SOCK "tracectl,path=/d/agent-ctl-path,reconnect-ms=1000 \\\n"
	  PORT "0.0,nr=1," CTL " \\\n"
	  SOCK "tracecpu0,path=/d/web1/trace-path-cpu0,reconnect-ms=1000 \\\n"
	  PORT "0.0,nr=2," CPU("0") " \\\n"
	  SOCK "tracecpu1,path=/d/web1/trace-path-cpu1,reconnect-ms=1000 \\\n"
	  PORT "0.0,nr=3," CPU("1") "\n" },
	{ "QEMU, a path with comma, blank and quote", guests_qemu_text,
	  { "/a,b c'd", "w", 1, GUEST_CHAN_FIFO, .own_socket = true },
	  "-device virtio-serial-pci,id=traceserial0,max_ports=9 \\\n"
	  SOCK "tracectl,path='/a,,b c'\\''d/w/agent-ctl-path',reconnect=1 \\\n"
	  PORT "0.0,nr=1," CTL " \\\n"
	  PIPE "tracecpu0,path='/a,,b c'\\''d/w/trace-path-cpu0' \\\n"
	  PORT "0.0,nr=2," CPU("0") "\n" },
	{ "libvirt, 1 CPU, shared control, system", guests_libvirt_text,
	  { "/d", "web1", 1, GUEST_CHAN_FIFO, .system = true },
	  "<channel type='unix'>\n"
	  "  <source mode='connect' path='/d/agent-ctl-path'>\n"
	  "    <seclabel model='dac' relabel='no'/>\n"
	  "    <reconnect enabled='yes' timeout='1'/>\n"
	  "  </source>\n"
	  "  <target type='virtio' name='agent-ctl-path'/>\n"
	  "</channel>\n"
	  "<channel type='pipe'>\n"
	  "  <source path='/d/web1/trace-path-cpu0'/>\n"
	  "  <target type='virtio' name='trace-path-cpu0'/>\n"
	  "</channel>\n" },
	{ "libvirt, 2 CPUs, sockets, own control, session", guests_libvirt_text,
	  { "/d&<'e", "web1", 2, GUEST_CHAN_SOCKET, .own_socket = true },
	  "<channel type='unix'>\n"
	  "  <source mode='connect' path='/d&amp;&lt;&apos;e/web1/agent-ctl-path'>\n"
	  "    <reconnect enabled='yes' timeout='1'/>\n"
	  "  </source>\n"
	  "  <target type='virtio' name='agent-ctl-path'/>\n"
	  "</channel>\n"
	  "<channel type='unix'>\n"
	  "  <source mode='connect' path='/d&amp;&lt;&apos;e/web1/trace-path-cpu0'>\n"
	  "    <reconnect enabled='yes' timeout='1'/>\n"
	  "  </source>\n"
	  "  <target type='virtio' name='trace-path-cpu0'/>\n"
	  "</channel>\n"
	  "<channel type='unix'>\n"
	  "  <source mode='connect' path='/d&amp;&lt;&apos;e/web1/trace-path-cpu1'>\n"
	  "    <reconnect enabled='yes' timeout='1'/>\n"
	  "  </source>\n"
	  "  <target type='virtio' name='trace-path-cpu1'/>\n"
	  "</channel>\n" },
};
/* clang-format on */

static void test_text(void **state)
{
	const struct text_case *c = *state;
	struct buf b = { 0 };

	assert_int_equal(c->make(&c->in, &b, NULL), 0);
	assert_int_equal(buf_text(&b), 0);
	assert_string_equal((char *)b.data, c->want);
	buf_free(&b);
}

static unsigned int count(const char *in, const char *what)
{
	unsigned int n = 0;

	for (; (in = strstr(in, what)); in += strlen(what))
		n++;
	return n;
}

/* Where the last channel of @cpus lies, and how many controllers there are. */
static const struct bus_case {
	const char *test;
	unsigned int cpus, controllers;
	const char *last; /* of the last CPU's port */
} buses[] = {
	{ "7 CPUs: one controller is full", 7, 1, PORT "0.0,nr=8," CPU("6") "\n" },
	{ "8 CPUs: a second one", 8, 2, PORT "1.0,nr=1," CPU("7") "\n" },
	{ "40 CPUs", 40, 6, PORT "5.0,nr=1," CPU("39") "\n" },
	{ "256 CPUs: fuller ones", 256, 20, PORT "19.0,nr=10," CPU("255") "\n" },
};

static void test_bus(void **state)
{
	const struct bus_case *c = *state;
	const struct guest_text in = { "/d", "w", c->cpus, GUEST_CHAN_FIFO, .own_socket = true };
	struct buf b = { 0 };
	const char *text;
	size_t len;

	assert_int_equal(guests_qemu_text(&in, &b, NULL), 0);
	assert_int_equal(buf_text(&b), 0);
	text = (char *)b.data;
	len = strlen(c->last);
	assert_string_equal(text + b.len - len, c->last);
	assert_int_equal(count(text, "virtio-serial-pci,"), c->controllers);
	assert_int_equal(count(text, "virtserialport,"), c->cpus + 1);
	assert_int_equal(count(text, " \\\n"), 2 * c->cpus + 1 + c->controllers);
	buf_free(&b);
}

static const struct version_case {
	const char *test, *text;
	bool want;
} versions[] = {
	{ "Debian 12's", "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\n", false },
	{ "9.1", "QEMU emulator version 9.1.2\n", false },
	{ "9.2", "QEMU emulator version 9.2.0\n", true },
	{ "10.0", "QEMU emulator version 10.0.0\n", true },
	{ "another program", "version 10.0\n", false },
	{ "empty", "", false },
};

static void test_version(void **state)
{
	const struct version_case *c = *state;

	assert_int_equal(guests_qemu_version_has_reconnect_ms(c->text), c->want);
}

int main(void)
{
	int bad = RUN_ROWS("texts for QEMU and libvirt", texts, test_text);

	bad += RUN_ROWS("controllers", buses, test_bus);
	return bad + RUN_ROWS("QEMU's version", versions, test_version);
}
