// SPDX-License-Identifier: GPL-2.0
/*
 * test_remote_time_ptp.c - the clock of a guest whose agent knows "ptp" only: what is said of its
 * points, by the probes around them and by pages
 */
#include "tests/unit/base/rows.h"

#include <errno.h>
#include <time.h>

#include "recording/remote-time.h"
#include "timesync/ptp.h"
#include "tracedat/head.h"
#include "tracedat/link.h"

enum { CPUS = 2, BEHIND = 1000000000, S = 1000000000 };

struct given {
	uint32_t cpu;
	int64_t wrong;		/* ns by which the point is off */
	uint64_t before, after; /* ns from the point to the probes around it; 0: not known */
};

static const struct text_case {
	const char *name;
	size_t n;
	struct given points[3]; /* at 10 s, the third at 12 s */
	int64_t page; /* ns from the point of CPU 0 at 10 s until a page with it came; 0: none */
	int over;     /* the conversation ended with this error */
	const char *text, *warns;
} cases[] = {
	{ "probes not known",
	  2,
	  { { 0, 0, 0, 0 }, { 1, 0, 0, 0 } },
	  0,
	  0,
	  "method ptp; offset 1000000000 ns; drift 0 ppb; error not known; 2 samples; causality violations 0\n",
	  "" },
	{ "no probe after one of them",
	  2,
	  { { 0, 0, 900, 700 }, { 1, 0, 900, 0 } },
	  0,
	  0,
	  "method ptp; offset 1000000000 ns; drift 0 ppb; error not known; 2 samples; causality violations 0\n",
	  "" },
	/* 500 ppm of drift from a probe to the point are 1 ns */
	{ "the larger distance counts",
	  2,
	  { { 0, 0, 900, 700 }, { 1, 0, 1000, 1500 } },
	  0,
	  0,
	  "; error at most 1501 ns; 2 samples; causality violations 0\n",
	  "" },
	{ "a page came before the next probe",
	  2,
	  { { 0, 0, 900, 70000 }, { 1, 0, 1000, 500 } },
	  2000,
	  0,
	  "; error at most 2001 ns; 2 samples, 1 pages; causality violations 0\n",
	  "" },
	{ "a page came earlier than can be",
	  3,
	  { { 0, 0, 900, 700 }, { 1, 0, 1000, 1500 }, { 0, 0, 900, 700 } },
	  -5000000,
	  0,
	  "; causality violations 1\n",
	  "1 of its times violate causality" },
	{ "one CPU is missing",
	  1,
	  { { 1, 0, 0, 0 } },
	  0,
	  0,
	  "method none; ptp failed: no answer from 1 CPUs, the first is CPU 0; 1 samples, 0 lost\n",
	  "" },
	{ "ended before the first",
	  0,
	  { { 0 } },
	  0,
	  EPIPE,
	  "method none; ptp failed: it went; 0 samples, 0 lost\n",
	  "" },
	{ "ended before the last",
	  2,
	  { { 0, 0, 0, 0 }, { 1, 0, 0, 0 } },
	  0,
	  EPIPE,
	  "; error not known; 2 samples; causality violations 0; not compared at the end: it went\n",
	  "" },
	{ "the guest says another time than it had",
	  2,
	  { { 0, 5000, 900, 700 }, { 1, 0, 1000, 1500 } },
	  0,
	  0,
	  "; error at most 5903 ns; 2 samples; causality violations 1\n",
	  "1 of its times violate causality" },
};

/* The time of the point is the guest's word; probes are where they are. */
static void give(struct remote_time *t, const struct given *g, uint64_t host)
{
	struct tdat_shift_sample p = { host - BEHIND, BEHIND + g->wrong, 1, 0 };

	remote_time_sample(t, g->cpu, &p, g->before ? host - g->before : 0,
			   g->after ? host + g->after : 0);
}

/* The text of LINK_CLOCK in @options; a TIME_SHIFT is there if a method is. */
static const char *text_in(const struct buf *options)
{
	const char *text = NULL;
	bool shift = false;

	for (size_t at = 0; at < options->len;) {
		uint16_t id;
		uint32_t len;

		memcpy(&id, options->data + at, sizeof(id));
		memcpy(&len, options->data + at + 2, sizeof(len));
		if (id == TDAT_OPT_TIME_SHIFT)
			shift = true;
		else
			text = (const char *)options->data + at + 6;
		at += 6 + len;
	}
	assert_non_null(text);
	assert_int_equal(shift, !strstr(text, "method none"));
	return text;
}

static void test_text(void **state)
{
	const struct text_case *c = *state;
	struct remote_time_opts o = { .clock = "mono", .cpus = CPUS, .guest = "g", .ptp = true };
	struct remote_time *t = remote_time_new(&o, NULL);
	struct remote_time_unit unit = { 0 };
	struct err why = { 0 };
	struct buf options = { 0 };
	const struct buf none = { 0 };

	assert_non_null(t);
	for (size_t i = 0; i < c->n; i++)
		give(t, &c->points[i], (i < 2 ? 10ULL : 12ULL) * S);
	if (c->page)
		remote_time_page(t, 0, 10ULL * S - BEHIND, 10ULL * S + (uint64_t)c->page);
	if (c->over) {
		err_say(&why, c->over, "it went");
		remote_time_failed(t, &why);
	}
	remote_time_round(t);
	assert_int_equal(remote_time_put(t, 77, &unit, &none, &options, NULL), 0);
	print_message("%s", text_in(&options));
	assert_non_null(strstr(text_in(&options), c->text));
	if (c->warns[0])
		assert_non_null(strstr(remote_time_warning(t), c->warns));
	else
		assert_string_equal(remote_time_warning(t), "");
	buf_free(&options);
	remote_time_free(t);
}

static const struct around_case {
	const char *name;
	uint64_t host, before, after;
} arounds[] = {
	{ "the first", 1000, 0, 2000 },	   { "in the middle", 2000, 1000, 3000 },
	{ "one less", 1999, 1000, 3000 },  { "behind one that is not known", 5000, 0, 6000 },
	{ "the last", 339000, 338000, 0 }, { "none of them", 2500, 0, 0 },
};

static void test_around(void **state)
{
	const struct around_case *c = *state;
	struct tdat_shift_sample s = { .time = 300, .offset = (int64_t)c->host - 300 };
	struct ts_ptp p = { 0 };
	uint64_t before = 1, after = 1;

	for (uint64_t i = 0; i < TS_PTP_PROBES; i++)
		p.pairs[i].host = i == 3 ? 0 : (i + 1) * 1000;
	ts_ptp_around(&p, &s, &before, &after);
	assert_int_equal(before, c->before);
	assert_int_equal(after, c->after);
}

int main(void)
{
	return RUN_ROWS("text", cases, test_text) + RUN_ROWS("around", arounds, test_around);
}
