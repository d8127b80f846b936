// SPDX-License-Identifier: GPL-2.0
/*
 * layout.c - how a kernel lays out a page, from the text of its events/header_page
 *
 * Theory of operation
 *
 * The text has one line a field:
 *
 *	field: local_t commit;	offset:8;	size:8;	signed:1;
 *
 * Only the fields timestamp, commit and data matter. The text comes from a guest or a file: sizes
 * are judged here once, and page.c relies on them: the timestamp is 8 bytes at 0, the commit word
 * is 4 or 8 bytes in front of the data, and a page is at most PAGE_SIZE_MAX bytes.
 */
#include "tracedat/page.h"

#include <errno.h>
#include "base/io.h"

enum { PAGE_SIZE_MIN = 64, PAGE_SIZE_MAX = 1 << 26, DATA_OFF_MAX = 64 };

enum field_id { F_TIMESTAMP, F_COMMIT, F_DATA, F_NR };

static const char *const field_names[F_NR] = { "timestamp", "commit", "data" };

struct field {
	bool seen;
	uint32_t off, size;
};

/* The number behind @key (e.g. "size:") in the line; false when there is none up to the ';'. */
static bool number_after(const char *line, const char *key, uint32_t *to)
{
	const char *at = strstr(line, key);
	char *end;
	unsigned long v;

	if (!at)
		return false;
	at += strlen(key);
	if (*at < '0' || *at > '9')
		return false;
	v = strtoul(at, &end, 10);
	if (v > PAGE_SIZE_MAX || (*end != ';' && *end != '\0'))
		return false;
	*to = (uint32_t)v;
	return true;
}

/* The last word before the first ';' is the field's name; F_NR when it is none of ours. */
static enum field_id field_of(const char *line)
{
	const char *end = strchr(line, ';');

	for (int i = 0; end && i < F_NR; i++) {
		size_t n = strlen(field_names[i]);

		if ((size_t)(end - line) > n && !memcmp(end - n, field_names[i], n) &&
		    strchr(" \t", end[-(ptrdiff_t)n - 1]))
			return (enum field_id)i;
	}
	return F_NR;
}

static int parse_line(struct field *fields, const char *line, unsigned int number, struct err *e)
{
	enum field_id id = field_of(line);

	if (id == F_NR || fields[id].seen)
		return 0;
	if (!number_after(line, "offset:", &fields[id].off) ||
	    !number_after(line, "size:", &fields[id].size))
		return err_say(e, EINVAL, "header_page, line %u: no offset and size of '%s'",
			       number, field_names[id]);
	fields[id].seen = true;
	return 0;
}

static int parse_lines(struct field *fields, const char *text, size_t len, struct err *e)
{
	unsigned int number = 1;
	char line[160];

	for (size_t at = 0; at < len;) {
		const char *nl = (const char *)memchr(text + at, '\n', len - at);
		size_t n = (nl ? (size_t)(nl - text) : len) - at, keep = n;
		int rc;

		if (keep > sizeof(line) - 1)
			keep = sizeof(line) - 1;
		memcpy(line, text + at, keep);
		line[keep] = '\0';
		rc = parse_line(fields, line, number++, e);
		if (rc)
			return rc;
		at += n + 1;
	}
	return 0;
}

static const char *layout_fault(const struct field *f)
{
	const struct field *ts = &f[F_TIMESTAMP], *commit = &f[F_COMMIT], *data = &f[F_DATA];

	if (ts->off != 0 || ts->size != 8)
		return "the timestamp is not 8 bytes at offset 0";
	if (commit->size != 4 && commit->size != 8)
		return "the commit field has not 4 or 8 bytes";
	if (commit->off < 8 || data->off > DATA_OFF_MAX || data->off % 4 ||
	    commit->off + commit->size > data->off)
		return "the commit field is not between the timestamp and the data";
	if (data->off + data->size > PAGE_SIZE_MAX || data->off + data->size < PAGE_SIZE_MIN ||
	    data->size % 4)
		return "the size of the data cannot be";
	return NULL;
}

int page_layout_parse(struct page_layout *to, const char *text, size_t len, bool big, struct err *e)
{
	struct field f[F_NR] = { 0 };
	const char *fault;
	int rc = parse_lines(f, text, len, e);

	if (rc)
		return rc;
	for (int i = 0; i < F_NR; i++)
		if (!f[i].seen)
			return err_say(e, EINVAL, "header_page: no field '%s'", field_names[i]);
	fault = layout_fault(f);
	if (fault)
		return err_say(e, EINVAL, "header_page: %s", fault);
	*to = (struct page_layout){
		.size = f[F_DATA].off + f[F_DATA].size,
		.data_off = f[F_DATA].off,
		.commit_off = f[F_COMMIT].off,
		.commit_size = f[F_COMMIT].size,
		.big = big,
	};
	return 0;
}
