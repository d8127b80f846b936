// SPDX-License-Identifier: GPL-2.0
/*
 * test_table.c - list --guests: what virt-server says of a guest as columns
 *
 * QEMU processes of this machine may stand in the table too, so only one line is looked at, and its
 * columns with one blank between them; that they stand below their titles is a test of its own.
 */
#include "tests/unit/base/rows.h"
#include "tests/unit/transport/tree.h"

#include "guests/lines.h"
#include "serve.h"

static const struct row {
	const char *name;
	const char *answer; /* NULL: no server */
	const char *line;
} rows[] = {
	{ "no virt-server", NULL, "web1 - - - 1 FIFOs no virt-server -" },
	{ "a server that refuses", "error 1 not you\n", "web1 - - - 1 FIFOs not permitted -" },
	{ "a server that says nonsense", "hello\n", "web1 - - - 1 FIFOs no answer -" },
	{ "not known there", "ok 0\n", "web1 - - - 1 FIFOs - -" },
	{ "away", "ok 1\nweb1\taway\t\t\t0\n", "web1 - - - 1 FIFOs not connected -" },
	{ "no agent", "ok 1\nweb1\tconnected\t\t\t0\n", "web1 - - - 1 FIFOs none -" },
	{ "an agent", "ok 1\nweb1\tagent\ttrace-cmd 0.1.0 Linux 6.1\t\t0\n",
	  "web1 - - - 1 FIFOs idle 0.1.0 -" },
	{ "another agent", "ok 1\nweb1\tagent\tspy 2\t\t0\n", "web1 - - - 1 FIFOs idle spy 2 -" },
	{ "a busy one", "ok 1\nweb1\tagent busy\ttrace-cmd 0.1.0\t\t0\n",
	  "web1 - - - 1 FIFOs busy 0.1.0 -" },
	{ "a silent one", "ok 1\nweb1\tagent silent\ttrace-cmd 0.1.0\t\t0\n",
	  "web1 - - - 1 FIFOs silent 0.1.0 -" },
	{ "record -A", "ok 1\nweb1\tlent\ttrace-cmd 0.1.0\t\t4711\n",
	  "web1 - - - 1 FIFOs records 0.1.0 record -A, process 4711" },
	{ "record -A of a guest that is gone", "ok 1\nweb1\tlent\t\t\t4711\n",
	  "web1 - - - 1 FIFOs gone record -A, process 4711" },
	{ "record -A --virtio-trace", "ok 1\nweb1\tlent ports\t\t\t4711\n",
	  "web1 - - - 1 FIFOs virtio-trace record -A, process 4711" },
	{ "record --virt", "ok 1\nweb1\trecording\t\t/x/web1.dat\t0\n",
	  "web1 - - - 1 FIFOs - /x/web1.dat" },
	{ "record --virt, at its end", "ok 1\nweb1\tdraining\t\t/x/web1.dat\t0\n",
	  "web1 - - - 1 FIFOs - /x/web1.dat (draining)" },
	{ "record --virt, at its beginning", "ok 1\nweb1\thello\t\t\t0\n",
	  "web1 - - - 1 FIFOs - record --virt (hello)" },
	{ "a guest that only the server knows", "ok 1\nweb2\tagent\ttrace-cmd 0.1.0\t\t0\n",
	  "web2 - - - - idle 0.1.0 -" },
};

static void make_guest(struct tree *t)
{
	assert_int_equal(mkdir(tree_at(t, "web1"), 0755), 0);
	assert_int_equal(mkfifo(tree_at(t, "web1/trace-path-cpu0.in"), 0600), 0);
	assert_int_equal(mkfifo(tree_at(t, "web1/trace-path-cpu0.out"), 0600), 0);
}

static char *line_of(char *text, const char *name)
{
	for (char *line; (line = strsep(&text, "\n"));)
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ' ')
			return line;
	fail_msg("there is no line of %s", name);
	return NULL;
}

static void squeeze(char *line)
{
	char *to = line;

	for (; *line; line++)
		if (*line != ' ' || line[1] != ' ')
			*to++ = *line;
	*to = '\0';
}

static void test_row(void **state)
{
	const struct row *row = *state;
	char name[16], *line;
	struct buf text = { 0 };
	struct tree t;
	pid_t pid = 0;

	tree_make(&t);
	make_guest(&t);
	if (row->answer)
		pid = serve(tree_at(&t, BROKER_NAME), row->answer, 0, false);
	assert_int_equal(guest_table(t.top, &text, NULL), 0);
	assert_int_equal(buf_text(&text), 0);
	snprintf(name, sizeof(name), "%.4s", row->line);
	line = line_of((char *)text.data, name);
	squeeze(line);
	assert_string_equal(line, row->line);
	buf_free(&text);
	if (pid)
		waitpid(pid, NULL, 0);
	tree_remove(&t);
}

static void test_columns(void **state)
{
	static const struct {
		const char *title, *cell;
	} under[] = { { "CHANNELS", "1 FIFOs" }, { "AGENT", "idle 0.1.0" }, { "RECORDING", "-" } };
	struct buf text = { 0 };
	char *line, *head;
	struct tree t;
	pid_t pid;

	(void)state;
	tree_make(&t);
	make_guest(&t);
	pid = serve(tree_at(&t, BROKER_NAME),
		    "ok 2\nweb1\tagent\ttrace-cmd 0.1.0\t\t0\n"
		    "a-guest-with-a-long-name\taway\t\t\t0\n",
		    0, false);
	assert_int_equal(guest_table(t.top, &text, NULL), 0);
	assert_int_equal(buf_text(&text), 0);
	head = strndup((char *)text.data, strcspn((char *)text.data, "\n"));
	line = line_of((char *)text.data, "web1");
	for (size_t i = 0; i < ARRAY_SIZE(under); i++) {
		char *at = strstr(head, under[i].title);

		assert_non_null(at);
		at = line + (at - head);
		assert_memory_equal(at, under[i].cell, strlen(under[i].cell));
	}
	free(head);
	buf_free(&text);
	waitpid(pid, NULL, 0);
	tree_remove(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_columns) };

	return RUN_ROWS("lines", rows, test_row) +
	       cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
