/* SPDX-License-Identifier: GPL-2.0 */
/*
 * picks.h - which buffers a command is for: -B NAME (many), -a, -t
 *
 * Without -B and -a it is the top one; with them, the top one only where -t is given, too. What
 * belongs to a buffer (reset's -b and -d) goes to the last one that was named. Buffers come in this
 * order: the top one, those of -B, those of -a that no -B has named.
 */
#ifndef TRACING_PICKS_H
#define TRACING_PICKS_H

#include "base/opt.h"
#include "tracing/tracefs.h"

struct pick_rule {
	uint64_t size_kb; /* -b, 0 = not given */
	bool remove;	  /* -d */
};

struct pick {
	char *name;	   /* owned; "" = the top one */
	struct tracefs *t; /* owned, since picks_open() */
	struct pick_rule rule;
};

struct picks {
	struct pick *pick; /* owned: those of -B, and after picks_open() all */
	size_t n;
	bool top, all; /* -t, -a */
	struct pick_rule top_rule, all_rule;
	enum { PICK_TOP, PICK_NAMED, PICK_ALL } last; /* what a rule belongs to */
};

int picks_name(struct picks *p, const char *name, struct err *e); /* -B */
void picks_all(struct picks *p);				  /* -a */
void picks_top(struct picks *p);				  /* -t */
struct pick_rule *picks_rule(struct picks *p);			  /* borrowed until the next -B */

/* Open all of them, @top (the root, borrowed) for their names. -ENOENT: there is none such. */
int picks_open(struct picks *p, const struct tracefs *top, struct err *e);
void picks_free(struct picks *p);

/* Their rows in an option table; the context of such a command begins with a struct picks. */
int pick_opt_name(void *ctx, const struct opt *o, const char *val, struct err *e);
int pick_opt_all(void *ctx, const struct opt *o, const char *val, struct err *e);
int pick_opt_top(void *ctx, const struct opt *o, const char *val, struct err *e);

/* clang-format off */
#define PICK_OPT_NAME                                                                              \
	{ 'B', NULL, "BUFFER", "this buffer (instance); may be given many times", pick_opt_name,     \
	  .complete = "buffer" }
#define PICK_OPT_ALL { 'a', NULL, NULL, "all buffers but the top one", pick_opt_all }
#define PICK_OPT_TOP { 't', NULL, NULL, "the top buffer too, with -B or -a", pick_opt_top }
/* clang-format on */

#endif
