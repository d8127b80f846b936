// SPDX-License-Identifier: GPL-2.0
/*
 * test_remote_patience.c - an agent that falls silent, at each step: the host waits so long, says
 * what it waited for, and keeps what it has
 *
 * The agent is this thread, over TCP; the host's side has one of its own. Its patience is PATIENCE
 * here.
 */
#include "tests/unit/tracedat/fixture.c"
#include "tests/unit/base/rows.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/recording/remotes.h"
#include "wire/agent-msg.h"

#define PATIENCE (300 * NSEC_PER_MSEC)

enum { TICKS = 20, FRAME = 65536, NOISE = 4072, NOISY_PAGES = 4096 };
enum silent { AFTER_CONNECT, AFTER_RESP, IN_METADATA, AFTER_FIN, AFTER_DATA };

static const struct row {
	const char *name;
	enum silent silent;
	const char *words;
	bool recorded;
} rows[] = {
	{ "no answer", AFTER_CONNECT, "an answer to the request did not come in 0.3 s" },
	{ "no metadata", AFTER_RESP, "metadata did not come in 0.3 s" },
	{ "in the middle of the metadata", IN_METADATA, "metadata did not come in 0.3 s" },
	{ "no answer to CLOSE", AFTER_FIN, "its end of the recording did not come in 0.3 s", true },
	{ "its data ended, and no answer to CLOSE", AFTER_DATA,
	  "its end of the recording did not come in 0.3 s", true },
};

struct rig {
	char dir[64], file[80], at[32], second[32];
	struct remote_wish wish[2];
	struct remote_wish *list[2];
	struct remote_wishes wishes;
	struct remotes *remotes;
	int listener, data_listener, ctl, data;
	uint16_t port, data_port;
	const char *compression;
};

static void say_nothing(void *ctx, const struct err *why)
{
	(void)ctx, (void)why;
}

static int listen_any(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void rig_begin(struct rig *r, size_t guests)
{
	struct remotes_opts o = { .wishes = &r->wishes,
				  .output = r->file,
				  .version = 7,
				  .clock = "mono",
				  .trace_id = 77,
				  .dir = r->dir,
				  .peer = "trace-cmd",
				  .patience_ns = PATIENCE,
				  .left_out = say_nothing,
				  .note = note_nothing };
	struct err e = { 0 };

	r->compression = r->compression ? r->compression : "none";
	o.compression = r->compression;
	snprintf(r->dir, sizeof(r->dir), "/var/tmp/test-patience.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->file, sizeof(r->file), "%s/h.dat", r->dir);
	r->ctl = r->data = -1;
	r->listener = listen_any(&r->port);
	r->data_listener = listen_any(&r->data_port);
	snprintf(r->at, sizeof(r->at), "127.0.0.1:%u", r->port);
	for (size_t i = 0; i < guests; i++) {
		r->wish[i] = (struct remote_wish){ .at = r->at, .name = "g" };
		r->list[i] = &r->wish[i];
	}
	r->wishes = (struct remote_wishes){ .list = r->list, .n = guests };
	r->remotes = remotes_new(&o, &e);
	assert_non_null(r->remotes);
}

/* One guest, which is asked to record. */
static void rig_ask(struct rig *r)
{
	struct err e = { 0 };

	rig_begin(r, 1);
	assert_int_equal(remotes_reach(r->remotes, &e), 0);
	assert_int_equal(remotes_ask(r->remotes, &e), 0);
}

/* How many files there are; all go. */
static size_t rig_end(struct rig *r)
{
	const struct dirent *ent;
	size_t n = 0;
	DIR *d = opendir(r->dir);

	remotes_free(r->remotes);
	assert_non_null(d);
	while ((ent = readdir(d)))
		if (ent->d_name[0] != '.') {
			assert_int_equal(unlinkat(dirfd(d), ent->d_name, 0), 0);
			n++;
		}
	closedir(d);
	assert_int_equal(rmdir(r->dir), 0);
	close(r->listener);
	close(r->data_listener);
	if (r->ctl >= 0)
		close(r->ctl);
	if (r->data >= 0)
		close(r->data);
	return n;
}

static int accept_on(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	assert_int_equal(poll(&p, 1, END_S * 1000), 1);
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static void put_frame(const struct rig *r, struct wcur *w, const uint8_t *from)
{
	struct err e = { 0 };

	assert_false(w->bad);
	assert_int_equal(write_all(r->ctl, from, (size_t)FRAME - w->left, "frame", &e), 0);
}

static void send_resp(const struct rig *r)
{
	static uint8_t frame[FRAME];
	struct wcur w = wcur_make(frame, sizeof(frame), true);
	struct agent_resp *resp = calloc(1, sizeof(*resp));

	assert_non_null(resp);
	resp->cpus = 1;
	resp->page_size = 4096;
	resp->trace_id = 5;
	resp->port[0] = r->data_port;
	assert_int_equal(agent_resp_put(&w, resp), 0);
	free(resp);
	put_frame(r, &w, frame);
}

static void send_metadata(const struct rig *r, bool half)
{
	static uint8_t frame[FRAME];
	struct fx_head_plan plan = { .cpus = 1, .clock = "mono" };
	struct wcur w = wcur_make(frame, sizeof(frame), true);
	struct buf head = { 0 };
	struct msg3 m = { .type = MSG3_SEND_DATA };

	fx_head(&fx_le64, &plan, &head);
	m.buf = head.data;
	m.len = (uint32_t)(half ? head.len / 2 : head.len);
	msg3_encode(&w, &m);
	if (!half) {
		m = (struct msg3){ .type = MSG3_FIN_DATA };
		msg3_encode(&w, &m);
	}
	put_frame(r, &w, frame);
	buf_free(&head);
}

static void play(struct rig *r, enum silent silent)
{
	struct buf pages = { 0 };
	struct err e = { 0 };

	r->ctl = accept_on(r->listener);
	if (silent >= AFTER_RESP)
		send_resp(r);
	if (silent >= IN_METADATA)
		send_metadata(r, silent == IN_METADATA);
	if (silent < AFTER_FIN)
		return;
	r->data = accept_on(r->data_listener);
	fx_pages(&fx_le64, 1, TICKS, 0, 1000, 0, &pages);
	assert_int_equal(write_all(r->data, pages.data, pages.len, "pages", &e), 0);
	buf_free(&pages);
	if (silent == AFTER_DATA) {
		close(r->data);
		r->data = -1;
	}
}

static void test_row(void **state)
{
	const struct row *row = *state;
	struct remote_result got;
	struct rig r = { 0 };
	struct err e = { 0 };
	uint64_t began, took;

	rig_ask(&r);
	play(&r, row->silent);
	began = now_ns();
	if (row->recorded) {
		assert_int_equal(wait_for(r.remotes, &e), 0);
		assert_int_equal(poll(NULL, 0, 2 * PATIENCE / NSEC_PER_MSEC),
				 0); /* it may be silent */
		assert_int_equal(remotes_look(r.remotes, &e), 0);
		remotes_end(r.remotes);
		assert_int_equal(wait_for(r.remotes, &e), 0);
		remotes_result(r.remotes, 0, &got);
		assert_int_equal(got.status, EXIT_LOSSES);
		assert_int_equal(got.totals->cpu[0].events, TICKS);
		e = *got.err;
	} else {
		assert_int_equal(wait_for(r.remotes, &e), -ETIMEDOUT);
	}
	took = now_ns() - began;
	assert_true(took >= PATIENCE / 2 &&
		    took < 5 * NSEC_PER_SEC); /* not a drain's 10 s on top */
	if (!strstr(e.what, row->words) || !strstr(e.what, "guest g: "))
		fail_msg("'%s'", e.what);
	assert_int_equal(rig_end(&r), row->recorded);
}

/* The pieces of its metadata may take as long as they like together. */
static void test_slow_metadata(void **state)
{
	struct rig r = { 0 };
	struct err e = { 0 };

	(void)state;
	rig_ask(&r);
	play(&r, AFTER_RESP);
	for (int i = 0; i < 6; i++) {
		static uint8_t frame[FRAME];
		struct wcur w = wcur_make(frame, sizeof(frame), true);
		struct msg3 m = { .type = MSG3_SEND_DATA, .buf = (const uint8_t *)"x", .len = 0 };

		poll(NULL, 0, PATIENCE / NSEC_PER_MSEC / 3);
		msg3_encode(&w, &m);
		put_frame(&r, &w, frame);
	}
	send_metadata(&r, false);
	assert_int_equal(wait_for(r.remotes, &e), 0);
	rig_end(&r);
}

/* Pages that take long to pack: one record each, of noise. */
static void send_noise(const struct rig *r, unsigned int n)
{
	uint32_t noise[NOISE / sizeof(uint32_t)], x = 1;
	struct err e = { 0 };

	while (n--) {
		struct buf page = { 0 };
		struct fx_page p;

		for (size_t i = 0; i < ARRAY_SIZE(noise); i++)
			noise[i] = x = x * 1664525 + 1013904223;
		fx_page_begin(&p, &fx_le64, n);
		fx_long_record(&p, 0, noise, sizeof(noise));
		fx_page_end(&p, 0, 0, &page);
		assert_int_equal(write_all(r->data, page.data, page.len, "pages", &e), 0);
		buf_free(&page);
	}
}

/* Is a file of that ending there? */
static bool has_file(const struct rig *r, const char *ending)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/h-g.dat%s", r->dir, ending);
	return !access(path, F_OK);
}

/* Whoever does not wait for the end does not take the session from under what makes the file. */
static void test_freed_while_saved(void **state)
{
	uint64_t until = now_ns() + END_S * NSEC_PER_SEC;
	struct rig r = { .compression = "zlib" };
	struct err e = { 0 };

	(void)state;
	rig_ask(&r);
	play(&r, AFTER_FIN);
	assert_int_equal(wait_for(r.remotes, &e), 0);
	send_noise(&r, NOISY_PAGES);
	close(r.data);
	r.data = -1;
	remotes_end(r.remotes);
	while (!has_file(&r, ".tmp") && now_ns() < until)
		poll(NULL, 0, 1);
	assert_true(has_file(&r, ".tmp"));
	remotes_free(r.remotes);
	r.remotes = NULL;
	assert_true(has_file(&r, ""));
	assert_int_equal(rig_end(&r), 1);
}

static void test_same_name(void **state)
{
	struct rig r = { 0 };
	struct err e = { 0 };

	(void)state;
	rig_begin(&r, 2);
	assert_int_equal(remotes_reach(r.remotes, &e), -EEXIST);
	assert_string_equal(e.what, "two guests are called g");
	assert_non_null(strstr(e.hint, "--name OTHER"));
	assert_int_equal(rig_end(&r), 0);
}

int main(void)
{
	static const struct CMUnitTest more[] = { cmocka_unit_test(test_slow_metadata),
						  cmocka_unit_test(test_freed_while_saved),
						  cmocka_unit_test(test_same_name) };

	return cmocka_run_group_tests(more, NULL, NULL) +
	       RUN_ROWS("remote patience", rows, test_row);
}
