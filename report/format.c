// SPDX-License-Identifier: GPL-2.0
/*
 * format.c - judge the format text of an event
 *
 * Theory of operation
 *
 * A format comes from a file or, through it, from a guest: it is hostile. libtraceevent was made
 * for the kernel's own texts and follows null pointers on others. The text is cut in lines: those
 * with a field give its name, and the print format behind them may use only these names.
 */
#include "report/format.h"

#include <ctype.h>

enum { MAX_FIELDS = 512 };

struct names {
	struct view list[MAX_FIELDS];
	size_t n;
};

static bool is_word(uint8_t c)
{
	return isalnum(c) || c == '_';
}

/* Moves @v behind @word when it begins with it. */
static bool take_word(struct view *v, const char *word)
{
	size_t n = strlen(word);

	if (v->len < n || memcmp(v->p, word, n) != 0)
		return false;
	v->p += n;
	v->len -= n;
	return true;
}

/* "<word>N;" with at most five digits. */
static bool take_number(struct view *v, const char *word)
{
	size_t n = 0;

	if (!take_word(v, word))
		return false;
	while (n < v->len && isdigit(v->p[n]))
		n++;
	if (!n || n > 5)
		return false;
	v->p += n;
	v->len -= n;
	return take_word(v, ";");
}

/* The name in "unsigned char name[8]", in "__data_loc char[] name", in "void * name". */
static struct view declared(struct view v)
{
	size_t begin;

	while (v.len && v.p[v.len - 1] == ']') {
		while (v.len && v.p[v.len - 1] != '[')
			v.len--;
		v.len -= v.len > 0;
	}
	for (begin = v.len; begin && is_word(v.p[begin - 1]); begin--)
		;
	return (struct view){ v.p + begin, v.len - begin };
}

/* Plain ASCII, and each [ has its ]. */
static bool is_declaration(struct view v)
{
	int open = 0;

	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] < ' ' || v.p[i] > '~')
			return false;
		open += (v.p[i] == '[') - (v.p[i] == ']');
		if (open < 0 || open > 1)
			return false;
	}
	return !open;
}

/* A line behind "\tfield:". */
static bool add_field(struct names *to, struct view line)
{
	const uint8_t *end = memchr(line.p, ';', line.len);
	struct view decl = { line.p, end ? (size_t)(end - line.p) : 0 };
	struct view name = declared(decl);

	if (!name.len || to->n == MAX_FIELDS || !is_declaration(decl))
		return false;
	to->list[to->n++] = name;
	line.len -= decl.len;
	line.p += decl.len;
	return take_word(&line, ";") && take_number(&line, "\toffset:") &&
	       take_number(&line, "\tsize:");
}

static bool has_name(const struct names *names, struct view name)
{
	for (size_t i = 0; i < names->n; i++)
		if (names->list[i].len == name.len && !memcmp(names->list[i].p, name.p, name.len))
			return true;
	return false;
}

/* Every REC->name and (REC)->name of the print format is a field. */
static bool uses_fields(const struct names *names, struct view fmt)
{
	static const char arrow[] = "->";

	for (;;) {
		const uint8_t *at = memmem(fmt.p, fmt.len, "REC", 3);
		struct view name;

		if (!at)
			return true;
		fmt.len -= (size_t)(at - fmt.p) + 3;
		fmt.p = at + 3;
		take_word(&fmt, ")");
		if (!take_word(&fmt, arrow))
			continue;
		name = (struct view){ fmt.p, 0 };
		while (name.len < fmt.len && is_word(fmt.p[name.len]))
			name.len++;
		if (!has_name(names, name))
			return false;
	}
}

static bool is_text(struct view v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] == 0x7f || (v.p[i] < ' ' && v.p[i] != '\t' && v.p[i] != '\n'))
			return false;
	return true;
}

bool format_is_sane(struct view text)
{
	struct names names = { .n = 0 };

	if (!is_text(text))
		return false;
	while (text.len) {
		const uint8_t *end = memchr(text.p, '\n', text.len);
		struct view line = { text.p, end ? (size_t)(end - text.p) : text.len };

		if (take_word(&text, "print fmt:"))
			return uses_fields(&names, text);
		text.p += line.len + (end != NULL);
		text.len -= line.len + (end != NULL);
		if (take_word(&line, "\tfield:") && !add_field(&names, line))
			return false;
	}
	return true;
}
