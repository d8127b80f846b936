// SPDX-License-Identifier: GPL-2.0
/*
 * remote-opts.c - record's options for guests
 *
 * Theory of operation
 *
 * The option table is copied, with one setter in all rows. As long as no -A was seen it calls the
 * row's own; behind an -A it appends the option, as "-x" or "--long", and its argument to what that
 * guest's agent is sent. Our own rows are the host's at any place.
 *
 * The clock goes first, and again behind each -B, to which the one before does not extend.
 */
#include "recording/remote-opts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "timesync/now.h"

enum { LONG_MAX_TEXT = 40, GUESTS_MAX = 64 };

struct dispatch {
	void *ctx;
	struct remote_wishes *wishes;
	const struct command *cmd;
	struct opt *rows; /* the copy */
};

static struct remote_wishes *wishes_of(void *ctx, const struct opt *o)
{
	return (struct remote_wishes *)((char *)ctx + o->off);
}

static struct remote_wish *last_of(const struct remote_wishes *w)
{
	return w->n ? w->list[w->n - 1] : NULL;
}

int remote_opt_guest(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct remote_wishes *w = wishes_of(ctx, o);
	struct remote_wish **more;

	if (!*val)
		return err_say(e, EINVAL, "-A names no guest");
	if (w->n == GUESTS_MAX)
		return err_say(e, EINVAL, "-A can be given %d times", GUESTS_MAX);
	more = realloc(w->list, (w->n + 1) * sizeof(*more));
	if (more)
		w->list = more;
	if (more)
		more[w->n] = calloc(1, sizeof(**more));
	if (!more || !more[w->n])
		return err_set(e, ENOMEM, "no memory for guest %s", val);
	more[w->n++]->at = val;
	return 0;
}

/* The guest that an option behind its -A is for. NULL: there is none. */
static struct remote_wish *guest_of(void *ctx, const struct opt *o, struct err *e)
{
	struct remote_wish *g = last_of(wishes_of(ctx, o));

	if (g)
		return g;
	err_say(e, EINVAL, "--%s is for a guest, and stands behind its -A", o->l);
	err_hint(e, "-A GUEST --%s%s%s", o->l, o->arg ? " " : "", o->arg ? o->arg : "");
	return NULL;
}

int remote_opt_name(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct remote_wish *g = guest_of(ctx, o, e);

	if (g)
		g->name = val;
	return g ? 0 : -EINVAL;
}

int remote_opt_virtio_trace(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct remote_wish *g = guest_of(ctx, o, e);

	(void)val;
	if (g)
		g->virtio_trace = true;
	return g ? 0 : -EINVAL;
}

int remote_opt_metadata(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct remote_wish *g = guest_of(ctx, o, e);

	if (g)
		g->metadata = val;
	return g ? 0 : -EINVAL;
}

int remote_opt_interval(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct remote_wishes *w = wishes_of(ctx, o);
	bool minus = *val == '-';
	uint64_t ms;

	if (parse_u64(val + minus, 0, INT32_MAX, &ms, "--tsync-interval", e))
		return -EINVAL;
	w->interval = val;
	w->interval_ms = minus && ms ? -1 : (int64_t)ms;
	return 0;
}

static int add_word(struct remote_wish *g, const char *word, struct err *e)
{
	if (names_add(&g->args, word))
		return err_set(e, ENOMEM, "no memory for the options of guest %s", g->at);
	return 0;
}

static int add_option(struct remote_wish *g, const struct opt *o, const char *val, struct err *e)
{
	char word[LONG_MAX_TEXT];
	int ret;

	if (o->s)
		snprintf(word, sizeof(word), "-%c", o->s);
	else
		snprintf(word, sizeof(word), "--%s", o->l);
	ret = add_word(g, word, e);
	return ret || !val ? ret : add_word(g, val, e);
}

static bool is_hosts(const struct opt *o)
{
	static int (*const ours[])(void *, const struct opt *, const char *,
				   struct err *) = { remote_opt_guest, remote_opt_name,
						     remote_opt_interval, remote_opt_virtio_trace,
						     remote_opt_metadata };

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (o->set == ours[i])
			return true;
	return false;
}

static int hand_out(void *ctx, const struct opt *o, const char *val, struct err *e)
{
	struct dispatch *d = ctx;
	const struct opt *real = &d->cmd->opts[o - d->rows];
	struct remote_wish *g = last_of(d->wishes);

	if (!g || is_hosts(real))
		return real->set(d->ctx, real, val, e);
	return add_option(g, real, val, e);
}

int remote_opts_begin(const struct command *cmd, void *ctx, struct remote_wishes *w, int argc,
		      char **argv, int *rest)
{
	AUTO_FREE struct opt *rows = calloc(cmd->nopts, sizeof(*rows));
	struct dispatch d = { ctx, w, cmd, rows };
	struct command copy = *cmd;
	struct err e = { 0 };

	if (!rows) {
		err_set(&e, ENOMEM, "no memory for the options");
		err_print(stderr, &e);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < cmd->nopts; i++) {
		rows[i] = cmd->opts[i];
		rows[i].set = hand_out;
	}
	copy.opts = rows;
	return opts_begin(&copy, &d, argc, argv, rest);
}

void remote_wishes_free(struct remote_wishes *w)
{
	for (size_t i = 0; i < w->n; i++) {
		names_free(&w->list[i]->args);
		free(w->list[i]);
	}
	free(w->list);
	*w = (struct remote_wishes){ 0 };
}

/* The clock */

/* The clock that two machines can be compared by best. */
static int best_clock(const char **to, struct err *e)
{
	static const char *const wanted[] = { "x86-tsc", "mono" };
	struct tracefs *top = tfs_open(NULL, e);
	struct buf text = { 0 };
	int ret = top ? tfs_read(top, "trace_clock", &text, e) : -EIO;

	*to = NULL;
	for (size_t i = 0; !ret && !*to && i < ARRAY_SIZE(wanted); i++)
		if (ts_now_can(wanted[i]) && strstr((char *)text.data, wanted[i]))
			*to = wanted[i];
	if (!ret && !*to)
		ret = err_say(e, EOPNOTSUPP,
			      "this kernel has no clock 'mono'; -C says which to use");
	buf_free(&text);
	tfs_close(top);
	return ret;
}

/* Nobody can tell the kernel tree's agent how to trace; -C says which clock is set there. */
static int judge_virtio_trace(struct remote_wish *g, struct err *e)
{
	for (size_t i = 0; i < g->args.n; i++) {
		if (!strcmp(g->args.name[i], "-C") && i + 1 < g->args.n) {
			g->clock = g->args.name[++i];
			continue;
		}
		err_say(e, EINVAL,
			"guest %s: %s cannot be told to an agent of virtio-trace, which knows only "
			"start and stop",
			g->at, g->args.name[i]);
		err_hint(e, "'trace-cmd start' in the guest sets up its tracing");
		return -EINVAL;
	}
	return 0;
}

static int judge_metadata(const struct remote_wish *g, struct err *e)
{
	if (g->virtio_trace || !g->metadata)
		return 0;
	err_say(e, EINVAL, "guest %s: --metadata is for --virtio-trace; its agent sends its own",
		g->at);
	err_hint(e, "-A %s --virtio-trace --metadata %s", g->at, g->metadata);
	return -EINVAL;
}

/* What the guest's own words say of the clock must be the same. */
static int judge_guest(const struct remote_wish *g, const char *clock, struct err *e)
{
	for (size_t i = 0; i + 1 < g->args.n; i++)
		if (!strcmp(g->args.name[i], "-C") && strcmp(g->args.name[i + 1], clock)) {
			err_say(e, EINVAL,
				"guest %s is to have clock %s, and the host %s: no times "
				"can be compared",
				g->at, g->args.name[i + 1], clock);
			err_hint(e, "one -C before the first -A is for all");
			return -EINVAL;
		}
	return 0;
}

static int put_clock(struct remote_wish *g, const char *clock, struct err *e)
{
	struct names old = g->args;
	int ret;

	g->args = (struct names){ 0 };
	ret = add_word(g, "-C", e);
	if (!ret)
		ret = add_word(g, clock, e);
	for (size_t i = 0; !ret && i < old.n; i++) {
		ret = add_word(g, old.name[i], e);
		if (!ret && i && !strcmp(old.name[i - 1], "-B"))
			ret = add_word(g, "-C", e) ?: add_word(g, clock, e);
	}
	names_free(&old);
	return ret;
}

int remote_clock(struct trace_plan *plan, struct remote_wishes *w, const char **clock,
		 struct err *e)
{
	const char *best = plan->buffers[0].clock;
	int ret = best ? 0 : best_clock(&best, e);

	if (ret)
		return ret == -EINVAL ? -EIO : ret;
	for (size_t i = 0; !ret && i < plan->nbuffers; i++) {
		plan->now = &plan->buffers[i];
		if (!plan->now->clock)
			ret = plan_set_clock(plan, best, e);
		else if (strcmp(plan->now->clock, best))
			ret = err_say(e, EINVAL,
				      "buffer %s has clock %s, and the recording %s: no "
				      "times can be compared",
				      plan->now->name, plan->now->clock, best);
	}
	if (!ret)
		*clock = best;
	for (size_t i = 0; !ret && i < w->n; i++) {
		struct remote_wish *g = w->list[i];

		ret = judge_metadata(g, e);
		if (!ret && g->virtio_trace)
			ret = judge_virtio_trace(g, e);
		else if (!ret)
			ret = judge_guest(g, *clock, e) ?: put_clock(g, *clock, e);
	}
	return ret ? -EINVAL : 0;
}
