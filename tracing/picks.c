// SPDX-License-Identifier: GPL-2.0
/*
 * picks.c - which buffers a command is for: -B NAME (many), -a, -t
 *
 * Theory of operation
 *
 * The options collect names and rules; picks_open() makes of them one list of open buffers, before
 * the command changes the first one. So a name that is wrong changes nothing.
 */
#include "tracing/picks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct pick *find(const struct picks *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->pick[i].name, name))
			return &p->pick[i];
	return NULL;
}

/* At @at: 0 = before all others. */
static struct pick *insert(struct picks *p, size_t at, const char *name, struct err *e)
{
	struct pick *more = realloc(p->pick, (p->n + 1) * sizeof(*more));
	char *copy = strdup(name);

	if (more)
		p->pick = more;
	if (!more || !copy) {
		free(copy);
		err_set(e, ENOMEM, "no memory for the list of buffers");
		return NULL;
	}
	memmove(more + at + 1, more + at, (p->n++ - at) * sizeof(*more));
	more[at] = (struct pick){ .name = copy };
	return &more[at];
}

int picks_name(struct picks *p, const char *name, struct err *e)
{
	struct pick *there = find(p, name), moved;

	if (!name[0] || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_say(e, EINVAL, "-B: '%s' cannot be the name of a buffer", name);
	p->last = PICK_NAMED;
	if (!there)
		return insert(p, p->n, name, e) ? 0 : -ENOMEM;
	/* Named again: it is the last one now. */
	moved = *there;
	memmove(there, there + 1, (size_t)(p->pick + p->n - there - 1) * sizeof(*there));
	p->pick[p->n - 1] = moved;
	return 0;
}

void picks_all(struct picks *p)
{
	p->all = true;
	p->last = PICK_ALL;
}

void picks_top(struct picks *p)
{
	p->top = true;
	p->last = PICK_TOP;
}

struct pick_rule *picks_rule(struct picks *p)
{
	if (p->last == PICK_NAMED)
		return &p->pick[p->n - 1].rule;
	return p->last == PICK_ALL ? &p->all_rule : &p->top_rule;
}

static int no_buffer(const struct tracefs *top, const char *name, struct err *e)
{
	struct names names = { 0 };
	const char *near = NULL;

	if (!tfs_dirs(top, "instances", &names, NULL))
		near = nearest_word(name, (const char *const *)names.name, names.n);
	err_say(e, ENOENT, "there is no buffer '%s'", name);
	if (near)
		err_hint(e, "-B %s; 'trace-cmd list -B' lists all", near);
	else
		err_hint(e, "'trace-cmd list -B' lists all");
	names_free(&names);
	return -ENOENT;
}

static int add_all(struct picks *p, const struct tracefs *top, struct err *e)
{
	struct names names = { 0 };
	int ret = tfs_dirs(top, "instances", &names, e);

	if (ret == -ENOENT) { /* a kernel without instances has none */
		err_clear(e);
		ret = 0;
	}
	for (size_t i = 0; !ret && i < names.n; i++) {
		struct pick *pick = find(p, names.name[i]);

		if (pick)
			continue;
		pick = insert(p, p->n, names.name[i], e);
		if (pick)
			pick->rule = p->all_rule;
		ret = pick ? 0 : -ENOMEM;
	}
	names_free(&names);
	return ret;
}

static int add_top(struct picks *p, struct err *e)
{
	struct pick *top = insert(p, 0, "", e);

	if (top)
		top->rule = p->top_rule;
	return top ? 0 : -ENOMEM;
}

int picks_open(struct picks *p, const struct tracefs *top, struct err *e)
{
	bool with_top = p->top || (!p->n && !p->all);
	int ret = p->all ? add_all(p, top, e) : 0;

	if (!ret && with_top)
		ret = add_top(p, e);
	for (size_t i = 0; !ret && i < p->n; i++) {
		struct pick *pick = &p->pick[i];

		pick->t = pick->name[0] ? tfs_open_instance(top, pick->name, e)
					: tfs_open(tfs_path(top), e);
		if (!pick->t)
			ret = e && e->code != ENOENT ? -e->code : no_buffer(top, pick->name, e);
	}
	return ret;
}

int pick_opt_name(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o;
	return picks_name(ctx, val, e);
}

int pick_opt_all(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o, (void)val, (void)e;
	picks_all(ctx);
	return 0;
}

int pick_opt_top(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	(void)o, (void)val, (void)e;
	picks_top(ctx);
	return 0;
}

void picks_free(struct picks *p)
{
	for (size_t i = 0; i < p->n; i++) {
		tfs_close(p->pick[i].t);
		free(p->pick[i].name);
	}
	free(p->pick);
	*p = (struct picks){ 0 };
}
