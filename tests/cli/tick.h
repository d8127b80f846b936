/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tick.h - a made-up trace for scripted peers: its metadata, its pages, byte by byte
 *
 * Event test:tick, whose field n counts from 0 on each CPU, 100 events a page, one a microsecond,
 * of a little-endian machine of 64 bits. Shares no code with what is tested.
 */
#ifndef TESTS_CLI_TICK_H
#define TESTS_CLI_TICK_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAGE = 4096, EVENTS = 100 };

struct bytes {
	uint8_t b[65536];
	size_t n;
};

static inline void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static inline void nap(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static inline uint64_t number(const char *s)
{
	return strtoull(s, NULL, 0);
}

/* Bytes: big-endian for the wire, little-endian for the trace */

static inline void put(struct bytes *to, const void *from, size_t n)
{
	if (to->n + n > sizeof(to->b))
		die("the script makes too long a message");
	memcpy(to->b + to->n, from, n);
	to->n += n;
}

static inline void be(struct bytes *to, uint64_t v, int size)
{
	while (size--) {
		uint8_t c = (uint8_t)(v >> 8 * size);

		put(to, &c, 1);
	}
}

static inline void le(struct bytes *to, uint64_t v, int size)
{
	for (int i = 0; i < size; i++) {
		uint8_t c = (uint8_t)(v >> 8 * i);

		put(to, &c, 1);
	}
}

static inline void text(struct bytes *to, const char *s)
{
	put(to, s, strlen(s) + 1);
}

static inline void sized(struct bytes *to, const char *s, int size)
{
	le(to, strlen(s), size);
	put(to, s, strlen(s));
}

static const char header_page[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
				  "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
				  "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
				  "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";
static const char header_event[] =
	"# compressed entry header\n\ttype_len    :    5 bits\n\ttime_delta  :   27 bits\n"
	"\tarray       :   32 bits\n\n\tpadding     : type == 29\n\ttime_extend : type == 30\n"
	"\ttime_stamp : type == 31\n\tdata max type_len  == 28\n";
static const char tick_format[] =
	"name: tick\nID: 1000\nformat:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
	"\tfield:unsigned int n;\toffset:8;\tsize:4;\tsigned:0;\n\nprint fmt: \"n=%u\", REC->n\n";

static inline void put_head(struct bytes *b)
{
	put(b, "\x17\x08\x44tracing6\0\0\x08", 14);
	le(b, PAGE, 4);
	text(b, "header_page");
	sized(b, header_page, 8);
	text(b, "header_event");
	sized(b, header_event, 8);
	le(b, 0, 4); /* ftrace events */
	le(b, 1, 4); /* systems */
	text(b, "test");
	le(b, 1, 4);
	sized(b, tick_format, 8);
	sized(b, "ffffffff81000000 T start\n", 4);
	le(b, 0, 4); /* printk */
	sized(b, "1 ticker\n", 8);
}

static inline void option(struct bytes *b, int id, const void *data, size_t n)
{
	le(b, (uint64_t)id, 2);
	le(b, n, 4);
	put(b, data, n);
}

static inline void make_page(uint64_t *n, struct bytes *b)
{
	uint64_t ts = 1000000000 + *n * 1000;

	le(b, ts, 8);
	le(b, EVENTS * 16, 8);
	for (int i = 0; i < EVENTS; i++) {
		le(b, 3 | (i ? 1000U : 0) << 5, 4);
		le(b, 1000, 2);
		le(b, 0, 2);
		le(b, 1, 4);
		le(b, (*n)++, 4);
	}
	b->n = PAGE;
}

#endif
