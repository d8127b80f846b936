// SPDX-License-Identifier: GPL-2.0
/*
 * lines.c - the guests of this host in one list
 *
 * Theory of operation
 *
 * Three sources know guests: /proc has the QEMU processes, the directory has the channels, and
 * virt-server knows who is connected, and what runs. They are put together by name. Each may know
 * one that the others do not.
 */
#include "guests/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct lines {
	struct guest_line *at; /* owned */
	size_t n;
};

/* The line of @name, made when there is none; NULL: no memory. */
static struct guest_line *line_of(struct lines *l, const char *name)
{
	struct guest_line *more;

	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->at[i].name, name))
			return &l->at[i];
	more = reallocarray(l->at, l->n + 1, sizeof(*more));
	if (!more)
		return NULL;
	l->at = more;
	more[l->n] = (struct guest_line){ .pid = 0 };
	snprintf(more[l->n].name, sizeof(more[l->n].name), "%s", name);
	return &more[l->n++];
}

static int add_running(struct lines *l, struct err *e)
{
	AUTO_FREE struct guest_proc *procs = NULL;
	size_t n;
	int rc = guest_procs(&procs, &n, e);

	for (size_t i = 0; !rc && i < n; i++) {
		struct guest_line *g = line_of(l, procs[i].name);

		if (!g)
			return err_set(e, ENOMEM, "no memory for the list of guests");
		g->pid = procs[i].pid;
		g->vcpus = procs[i].vcpus;
	}
	return rc;
}

static int add_channels(struct lines *l, const char *dir, const char *domain, struct err *e)
{
	AUTO_FREE struct guest_chan *chans = NULL;
	struct guest_line *g = line_of(l, domain);
	size_t n;
	int rc = g ? guests_chans(dir, domain, &chans, &n, e)
		   : err_set(e, ENOMEM, "no memory for the list of guests");

	if (rc)
		return rc;
	g->nchans = n;
	g->kind = n ? chans[0].kind : GUEST_CHAN_FIFO;
	return 0;
}

static int add_live(struct lines *l, const char *dir, int *server, struct err *e)
{
	AUTO_FREE struct broker_guest *live = NULL;
	size_t n;

	*server = broker_guests(dir, &live, &n, NULL);
	for (size_t i = 0; !*server && i < n; i++) {
		struct guest_line *g = line_of(l, live[i].name);

		if (!g)
			return err_set(e, ENOMEM, "no memory for the list of guests");
		g->live = live[i];
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct guest_line *)a)->name, ((const struct guest_line *)b)->name);
}

int guest_lines(const char *dir, struct guest_line **lines, size_t *n, int *server, struct err *e)
{
	struct lines l = { 0 };
	struct err none = { 0 };
	char **names = NULL;
	int rc = add_running(&l, e);

	if (!rc && guests_domains(dir, &names, &none) && none.code != ENOENT)
		rc = err_set(e, none.code, "%s", none.what);
	for (size_t i = 0; !rc && names && names[i]; i++)
		rc = add_channels(&l, dir, names[i], e);
	guests_names_free(names);
	if (!rc)
		rc = add_live(&l, dir, server, e);
	if (rc) {
		free(l.at);
		return rc;
	}
	if (l.n)
		qsort(l.at, l.n, sizeof(*l.at), by_name);
	*lines = l.at;
	*n = l.n;
	return 0;
}
