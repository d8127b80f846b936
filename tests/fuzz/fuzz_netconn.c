// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_netconn.c - a network client that says anything, in any generation
 *
 * The input is cut into pieces: byte 0 of each is its length. 1 to 250 bytes come on the control
 * connection, over loopback; 0: a little time passes; 251 to 254: they come on a data port; 255:
 * the client closes its direction. What must hold:
 *   - each recording that began ends, and a file is named only where one is
 *   - the connection ends when the client has ended it
 *   - no descriptor is left behind, and no file but those that were named, unless one failed
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "session/listener_local.h"
#include "tests/fuzz/scratch.h"

enum { CPUS = 2 };

struct world {
	struct loop *loop;
	struct listener *l;
	int client, data[CPUS];
	unsigned int files;
	bool kept; /* a file could not be made, so its parts stay */
	char dir[64];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void finished(void *ctx, const struct session_result *r)
{
	struct world *w = ctx;

	must(!r->path || r->totals);
	must(r->path || r->status == EXIT_FAILED);
	w->files += r->path != NULL;
	w->kept |= r->totals && !r->path;
}

static void stopped(void *ctx)
{
	(void)ctx;
}

static int dial(uint32_t port, int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	close(fd);
	return -1;
}

static void make_world(struct world *w)
{
	struct listener_opts o = { .kind = NET_TCP, .bind = "127.0.0.1" };

	snprintf(w->dir, sizeof(w->dir), "/dev/shm/fuzz-netconn.XXXXXX");
	must(mkdtemp(w->dir));
	w->loop = loop_new(NULL);
	o.hub = (struct hub_opts){ .outdir = w->dir,
				   .prefix = "f",
				   .ctx = w,
				   .finished = finished,
				   .stopped = stopped,
				   .limits = { .cpus = CPUS,
					       .meta_bytes = 1 << 16,
					       .disk_bytes = 1 << 20,
					       .hello_ns = 1000 * NSEC_PER_SEC,
					       .drain_ns = 20 * NSEC_PER_MSEC,
					       .quiet_ns = 1 } };
	w->l = listener_new(w->loop, &o, NULL);
	must(w->l);
	/* No threads that ask for names. */
	net_names_free(w->l->names);
	w->l->names = net_names_new(0, NULL);
	for (int i = 0; i < CPUS; i++)
		w->data[i] = -1;
	w->client = dial(listener_port(w->l), SOCK_STREAM);
	must(w->client >= 0);
	while (!w->l->conns)
		loop_once(w->loop, NSEC_PER_MSEC, NULL);
}

static void turn(struct world *w)
{
	char heard[4096];

	for (int i = 0; i < 3; i++)
		loop_once(w->loop, 0, NULL);
	while (recv(w->client, heard, sizeof(heard), MSG_DONTWAIT) > 0)
		;
}

/* To a data port, if there is one now. */
static void send_data(struct world *w, unsigned int cpu, const uint8_t *bytes, size_t n)
{
	const struct netconn *c = w->l->conns;
	uint32_t port = c ? netconn_port(c, cpu) : 0;

	if (w->data[cpu] < 0 && port)
		w->data[cpu] = dial(port, SOCK_STREAM);
	if (w->data[cpu] < 0 && port)
		w->data[cpu] = dial(port, SOCK_DGRAM);
	if (w->data[cpu] >= 0)
		send(w->data[cpu], bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void play(struct world *w, const uint8_t *data, size_t size)
{
	while (size) {
		size_t n = min_u64(*data, size - 1);

		if (*data == 255)
			shutdown(w->client, SHUT_WR);
		else if (*data > 250)
			send_data(w, *data & 1, data + 1, n);
		else if (n)
			must(send(w->client, data + 1, n, MSG_NOSIGNAL | MSG_DONTWAIT) != 0);
		turn(w);
		n = *data == 255 ? 0 : n;
		data += 1 + n;
		size -= 1 + n;
	}
}

static void end_world(struct world *w)
{
	close(w->client);
	for (int i = 0; i < CPUS; i++)
		cleanup_fd(&w->data[i]);
	for (int i = 0; i < 5000 && (w->l->conns || w->l->hub.runs); i++)
		loop_once(w->loop, NSEC_PER_MSEC, NULL);
	must(!w->l->conns && !w->l->hub.runs);
	listener_free(w->l);
	loop_free(w->loop);
	end_dir(w->dir, w->files, w->kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int fds = count_fds();
	struct world w = { 0 };

	make_world(&w);
	play(&w, data, size);
	end_world(&w);
	must(count_fds() == fds);
	return 0;
}
