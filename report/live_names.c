// SPDX-License-Identifier: GPL-2.0
/*
 * live_names.c - names of tasks that run while their events are printed
 *
 * Theory of operation
 *
 * The kernel keeps a table of the tasks that it traced last (saved_cmdlines). A report has the
 * table of the end; here it is read while things happen: soon when a process is not known, else
 * twice a second, because a process that executes another program has another name.
 */
#include "report/live_names.h"

#include <errno.h>

#define SOON_NS	 (20 * NSEC_PER_MSEC)
#define LATER_NS (500 * NSEC_PER_MSEC)

struct live_names {
	const struct tracefs *top; /* borrowed */
	struct buf text;
	uint64_t read; /* when; 0 = never */
};

struct live_names *live_names_new(const struct tracefs *top, struct err *e)
{
	struct live_names *n = calloc(1, sizeof(*n));

	if (n)
		n->top = top;
	else
		err_set(e, ENOMEM, "no memory for the names of tasks");
	return n;
}

void live_names_free(struct live_names *n)
{
	if (n)
		buf_free(&n->text);
	free(n);
}

void live_names_parse(struct tep_handle *tep, char *text)
{
	for (char *line; (line = strsep(&text, "\n"));) {
		char *name = strchr(line, ' ');
		uint64_t pid;

		if (!name)
			continue;
		*name++ = '\0';
		if (*name && !parse_u64(line, 0, INT32_MAX, &pid, "pid", NULL))
			tep_override_comm(tep, name, (int)pid);
	}
}

void live_names_need(struct live_names *n, struct tep_handle *tep, int pid)
{
	uint64_t age = now_ns() - n->read;
	bool known = !pid || tep_is_pid_registered(tep, pid);

	if (n->read && age < (known ? LATER_NS : SOON_NS))
		return;
	n->read = now_ns();
	if (!tfs_read(n->top, "saved_cmdlines", &n->text, NULL))
		live_names_parse(tep, (char *)n->text.data);
}
