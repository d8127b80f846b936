// SPDX-License-Identifier: GPL-2.0
/*
 * fact_tracefs_read_events.c - "read events" of per_cpu/cpuN/stats: it grows by exactly the data
 * records of the pages that were taken, by splice or by read, whole or behind a reader of the text
 * (trace_pipe) that had begun them, whoever takes them; not by time extends, by what a filter threw
 * away, or by what the ring overwrote. A new size of the ring leaves it, clearing the ring begins
 * it anew. Uses an instance of its own; others are not disturbed.
 */
#include <stdint.h>

#define INSTANCE "fact-read"
#include "instance.h"

static size_t page;
static int through[2] = { -1, -1 };

/* The number behind @name in the statistics of CPU 0. */
static long stat_of(const char *name)
{
	int fd = open_in("per_cpu/cpu0/stats", O_RDONLY);
	char text[1024];
	ssize_t n = read(fd, text, sizeof(text) - 1);
	const char *at;

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, name);
	if (!at)
		FAILS("no '%s' in stats", name);
	return strtol(at + strlen(name), NULL, 10);
}

static long read_events(void)
{
	return stat_of("\nread events: ");
}

static uint32_t u32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* Data records of the page at @p; *others: time extends, absolute times and padding. */
static long records(const uint8_t *p, long *others)
{
	const uint8_t *at = p + 8 + sizeof(long), *end = at + (u32(p + 8) & 0x07ffffff);
	long n = 0;

	while (at + 4 <= end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		uint32_t type = u32(at) & 31, delta = u32(at) >> 5;
#else
		uint32_t type = u32(at) >> 27, delta = u32(at) & 0x07ffffff;
#endif

		n += type <= 28;
		*others += type > 28;
		if (type == 29 && !delta)
			break;
		at += type == 0 || type == 29 ? 4 + u32(at + 4) : type >= 30 ? 8 : 4 + 4 * type;
	}
	return n;
}

/* At most @want pages from @fd, by splice (which may withhold the last one) or by read: their data
 * records; *others as records(). */
static long take(int fd, int by_splice, int want, long *others)
{
	uint8_t *p = malloc(page);
	long n = 0;

	for (; want--; n += records(p, others)) {
		if (by_splice &&
		    splice(fd, NULL, through[1], NULL, page, SPLICE_F_NONBLOCK) != (ssize_t)page)
			break;
		if (read(by_splice ? through[0] : fd, p, page) != (ssize_t)page)
			break;
	}
	free(p);
	return n;
}

static void check_alone(int by_splice)
{
	const char *how = by_splice ? "splice" : "read";
	long was = read_events(), others = 0, n;

	mark(500, 100, 0);
	mark(3, 100, 200000); /* more than the 27 bits of nanoseconds */
	n = take(raw, by_splice, 4, &others);
	FACT(n > 0 && read_events() - was == n, "%s of 4 pages: %ld records, %ld read events", how,
	     n, read_events() - was);
	n += take(raw, by_splice, 1000, &others) + take(raw, 0, 1000, &others);
	FACT(n == 503 && others > 0, "%s of all: %ld records of 503, %ld others", how, n, others);
	FACT(read_events() - was == n, "%s of all: %ld read events", how, read_events() - was);
	FACT(stat_of("entries: ") == 0, "%s of all leaves entries", how);
}

/* One who reads the text takes events out of the middle of a page, and another whole pages. */
static void check_others(void)
{
	long was = read_events(), others = 0, n, all = 0;
	int text = open_in("per_cpu/cpu0/trace_pipe", O_RDONLY | O_NONBLOCK);
	int second = open_in(RAW, O_RDONLY | O_NONBLOCK);
	char line[300];

	mark(500, 100, 0);
	n = take(raw, 1, 2, &others);
	FACT(read(text, line, sizeof(line)) > 0, "trace_pipe gives nothing");
	FACT(read_events() - was > n, "who reads trace_pipe is not counted");
	close(text);
	all = read_events() - was;
	n = take(raw, 1, 3, &others);
	FACT(read_events() - was == all + n, "the rest of a page: %ld records, %ld read events", n,
	     read_events() - was - all);
	all += n;
	n = take(second, 1, 2, &others);
	FACT(n > 0 && read_events() - was == all + n, "a second reader: %ld, %ld read events", n,
	     read_events() - was - all);
	close(second);
	all += n + take(raw, 0, 1000, &others);
	FACT(all == 500 && read_events() - was == 500, "of 500: %ld found, %ld read events", all,
	     read_events() - was);
}

/* An event that is filtered is thrown away, mostly behind the next one. */
static void check_filter(void)
{
	long was = read_events(), others = 0, n;

	put("events/raw_syscalls/sys_enter/filter", "id == 100000");
	put("events/raw_syscalls/sys_enter/enable", "1");
	mark(500, 100, 0);
	put("events/raw_syscalls/sys_enter/enable", "0");
	n = take(raw, 1, 1000, &others) + take(raw, 0, 1000, &others);
	FACT(n == 500 && read_events() - was == n, "with a filter: %ld records, %ld read events", n,
	     read_events() - was);
}

static void check_overrun(void)
{
	long was = read_events(), lost = stat_of("\noverrun: "), others = 0, n;

	mark(2000, 900, 0);
	n = take(raw, 1, 1000, &others) + take(raw, 0, 1000, &others);
	lost = stat_of("\noverrun: ") - lost;
	FACT(lost > 0 && n + lost == 2000, "%ld records and %ld overwritten of 2000", n, lost);
	FACT(read_events() - was == n, "behind an overrun: %ld records, %ld read events", n,
	     read_events() - was);
}

static void check_changes(void)
{
	long was = read_events(), others = 0, n;

	close(raw);
	put("buffer_size_kb", "512");
	FACT(read_events() == was, "another size makes read events %ld, they were %ld",
	     read_events(), was);
	mark(10, 100, 0);
	put("trace", "");
	FACT(read_events() == 0, "a ring that was cleared has %ld read events", read_events());
	raw = open_in(RAW, O_RDONLY | O_NONBLOCK);
	mark(10, 100, 0);
	n = take(raw, 0, 10, &others);
	FACT(n == 10 && read_events() == n, "behind a clear: %ld records of 10, %ld read events", n,
	     read_events());
}

int main(void)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	open_instance();
	put("trace_clock", "mono");
	if (pipe2(through, O_NONBLOCK))
		SKIP("cannot make a pipe: %s", strerror(errno));

	check_alone(1);
	check_alone(0);
	check_others();
	check_filter();
	check_overrun();
	check_changes();
	HOLDS("'read events' counts the data records of all pages that were taken, no more and no less");
}
