// SPDX-License-Identifier: GPL-2.0
/*
 * plan.c - the lists of a report's plan
 *
 * Theory of operation
 *
 * Filters that stand behind a file belong to it, those before the first file to all: so a text is
 * kept with the index of the last file that was named when it came. Behind a --guest they belong to
 * that machine, whose file is found later.
 */
#include "report/report.h"

#include <errno.h>

int report_plan_file(struct report_plan *p, const char *path, struct err *e)
{
	struct report_file *files = realloc(p->files, (p->nfiles + 1) * sizeof(*files));

	if (!files)
		return err_set(e, ENOMEM, "no memory for one more file");
	p->files = files;
	files[p->nfiles++] = (struct report_file){ .path = path, .hz = p->hz };
	return 0;
}

static int add_text(struct report_plan *p, struct report_texts *to, const struct report_text *t,
		    struct err *e)
{
	struct report_text *list = realloc(to->list, (to->n + 1) * sizeof(*list));

	if (!list)
		return err_set(e, ENOMEM, "no memory for '%s'", t->text);
	to->list = list;
	list[to->n] = *t;
	if (p->machines.n)
		list[to->n].machine = p->machines.list[p->machines.n - 1];
	to->n++;
	return 0;
}

int report_plan_filter(struct report_plan *p, const char *text, bool exclude, struct err *e)
{
	struct report_text t = { .text = text, .file = (int)p->nfiles - 1, .exclude = exclude };

	return add_text(p, &p->filters, &t, e);
}

int report_plan_events(struct report_plan *p, struct report_texts *to, const char *text,
		       struct err *e)
{
	struct report_text t = { .text = text, .file = ALL_FILES };

	return add_text(p, to, &t, e);
}

int report_plan_machine(struct report_plan *p, const char *name, struct err *e)
{
	struct report_machines *m = &p->machines;
	const char **list = realloc(m->list, (m->n + 1) * sizeof(*list));

	if (!list)
		return err_set(e, ENOMEM, "no memory for one more guest");
	m->list = list;
	list[m->n++] = name;
	return 0;
}

void report_plan_free(struct report_plan *p)
{
	free(p->files);
	free(p->machines.list);
	free(p->filters.list);
	free(p->raw_events.list);
	free(p->plain_events.list);
	cpu_set_free(&p->cpus);
	*p = (struct report_plan){ 0 };
}
