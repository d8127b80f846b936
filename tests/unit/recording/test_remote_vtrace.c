// SPDX-License-Identifier: GPL-2.0
/*
 * test_remote_vtrace.c - a guest with an agent of virtio-trace, whose channels virt-server lends
 *
 * The server is a process of its own, which knows two questions; this thread is the guest.
 */
#include "tests/unit/tracedat/fixture.c"
#include "tests/unit/transport/tree.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "guests/broker.h"
#include "tests/unit/recording/remotes.h"
#include "transport/unix.h"

struct rig {
	struct tree tree;
	char file[TREE_PATH], metadata[64];
	int control[2], data[2], meta; /* [0]: the guest's */
	struct remote_wish wish;
	struct remote_wish *list[1];
	struct remote_wishes wishes;
	struct remotes *remotes;
	pid_t server;
};

static void answer_guests(int fd)
{
	static const char text[] = "ok 1\nweb1\taway\t\t\t0\n";

	(void)!write(fd, text, sizeof(text) - 1);
	close(fd);
}

static void answer_ports(int fd, const struct rig *r)
{
	static const char text[] = "ok 1 -\n";
	const int fds[] = { r->control[1], r->data[1] };
	char control[CMSG_SPACE(sizeof(fds))] __attribute__((aligned(8))) = "";
	struct iovec iov = { (void *)(uintptr_t)text, sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	sendmsg(fd, &m, MSG_NOSIGNAL);
}

/* Until it is killed: then what it has lent is its own again. */
static void serve(const struct rig *r, int listener)
{
	char line[BROKER_LINE_MAX];

	fcntl(listener, F_SETFL, 0);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		ssize_t n = read(fd, line, sizeof(line));

		if (n > 0 && line[0] == 'g')
			answer_guests(fd);
		else
			answer_ports(fd, r);
	}
}

static void rig_begin(struct rig *r)
{
	struct fx_file file = { .m = &fx_le64, .version = 7, .cpus = 1, .clock = "mono" };
	struct remotes_opts o = { .wishes = &r->wishes,
				  .output = r->file,
				  .version = 7,
				  .clock = "mono",
				  .trace_id = 77,
				  .dir = r->tree.top,
				  .peer = "trace-cmd",
				  .note = note_nothing };
	struct err e = { 0 };
	int listener;

	tree_make(&r->tree);
	snprintf(r->file, sizeof(r->file), "%s/h.dat", r->tree.top);
	r->meta = fx_memfile(NULL);
	assert_int_equal(fx_write(r->meta, &file, &e), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, r->control), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, r->data), 0);
	listener = unix_listen(tree_at(&r->tree, BROKER_NAME), UNIX_FOR_OWNER, NULL);
	r->server = fork();
	if (!r->server)
		serve(r, listener);
	close(listener);
	close(r->control[1]);
	close(r->data[1]);
	r->wish = (struct remote_wish){ .at = "web1",
					.virtio_trace = true,
					.metadata = fx_path(r->meta, r->metadata) };
	r->list[0] = &r->wish;
	r->wishes = (struct remote_wishes){ .list = r->list, .n = 1 };
	r->remotes = remotes_new(&o, &e);
	assert_non_null(r->remotes);
}

static void end_server(struct rig *r)
{
	kill(r->server, SIGKILL);
	waitpid(r->server, NULL, 0);
}

static void rig_end(struct rig *r)
{
	remotes_free(r->remotes);
	close(r->control[0]);
	close(r->data[0]);
	close(r->meta);
	tree_remove(&r->tree);
}

/* The next order to the guest. */
static void assert_order(const struct rig *r, const char *want)
{
	struct pollfd p = { .fd = r->control[0], .events = POLLIN };
	char text[3] = "";

	assert_int_equal(poll(&p, 1, END_S * 1000), 1);
	assert_int_equal(read(p.fd, text, 2), 2);
	assert_string_equal(text, want);
}

static void begin(struct rig *r)
{
	struct err e = { 0 };

	rig_begin(r);
	assert_int_equal(remotes_reach(r->remotes, &e), 0);
	assert_int_equal(remotes_ask(r->remotes, &e), 0);
	assert_order(r, "0\n");
}

/* While it records: what came is kept, and the guest hears that it is over. */
static void test_taken_back(void **state)
{
	struct remote_result got;
	struct rig r = { 0 };
	struct err e = { 0 };

	(void)state;
	begin(&r);
	assert_order(&r, "1\n");
	assert_int_equal(wait_for(r.remotes, &e), 0);
	end_server(&r);
	assert_order(&r, "0\n");
	remotes_end(r.remotes);
	assert_int_equal(wait_for(r.remotes, &e), 0);
	remotes_result(r.remotes, 0, &got);
	assert_int_equal(got.status, EXIT_LOSSES);
	assert_non_null(strstr(got.err->what, "has taken its channels back"));
	rig_end(&r);
}

/* Before it records: that is the recording's error, and the guest hears nothing more. */
static void test_taken_back_before(void **state)
{
	struct pollfd p = { .events = POLLIN };
	struct rig r = { 0 };
	struct err e = { 0 };

	(void)state;
	begin(&r);
	end_server(&r);
	assert_int_equal(wait_for(r.remotes, &e), -ECONNRESET);
	assert_non_null(strstr(e.what, "guest web1: virt-server has taken its channels back"));
	p.fd = r.control[0];
	assert_int_equal(poll(&p, 1, 1000), 0);
	rig_end(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken_back),
		cmocka_unit_test(test_taken_back_before),
	};

	return cmocka_run_group_tests_name("remote virtio-trace", tests, NULL, NULL);
}
