// SPDX-License-Identifier: GPL-2.0
/*
 * test_format.c - which format texts are given to libtraceevent
 *
 * What is refused here has crashed libtraceevent 1.7.1, or is next to what did.
 */
#include "tests/unit/base/rows.h"

#include "report/format.h"

#define FIELD(decl) "\tfield:" decl ";\toffset:8;\tsize:4;\tsigned:0;\n"

static const struct format_case {
	const char *name, *text;
	size_t len; /* 0: up to the NUL */
	bool sane;
} cases[] = {
	{ "nothing", "", 0, true },
	{ "one field", FIELD("int a") "\nprint fmt: \"%d\", REC->a\n", 0, true },
	{ "without signed", "\tfield:int a;\toffset:8;\tsize:4;\n", 0, true },
	{ "an array", FIELD("char comm[16]") "print fmt: \"%s\", REC->comm\n", 0, true },
	{ "an array without a size", FIELD("char buf[]") "print fmt: \"%s\", REC->buf\n", 0, true },
	{ "a dynamic array", FIELD("__data_loc char[] s") "print fmt: \"%s\", __get_str(s)\n", 0,
	  true },
	{ "a pointer", FIELD("void * p") "print fmt: \"%p\", REC->p\n", 0, true },
	{ "two fields, used twice",
	  FIELD("int a") FIELD("int b") "print fmt: \"\", REC->b, (REC)->a, REC->b\n", 0, true },
	{ "REC itself", FIELD("int a") "print fmt: \"%d\", REC\n", 0, true },
	{ "no such field", FIELD("int a") "print fmt: \"%d\", REC->b\n", 0, false },
	{ "no such field, behind one", FIELD("int a") "print fmt: \"\", REC->a, REC->ab\n", 0,
	  false },
	{ "no such field, in brackets", FIELD("int a") "print fmt: \"\", (REC)->b\n", 0, false },
	{ "no name behind the arrow", FIELD("int a") "print fmt: \"%d\", REC->\n", 0, false },
	{ "the field comes later", "print fmt: \"%d\", REC->a\n" FIELD("int a"), 0, false },
	{ "a field without a name", FIELD("char *") "print fmt: \"\"\n", 0, false },
	{ "no declaration", "\tfield:\n", 0, false },
	{ "no offset", "\tfield:int a;\n", 0, false },
	{ "no size", "\tfield:int a;\toffset:8;\n", 0, false },
	{ "an offset that is no number", "\tfield:int a;\toffset:x;\tsize:4;\n", 0, false },
	{ "an offset that is huge", "\tfield:int a;\toffset:999999;\tsize:4;\n", 0, false },
	{ "a negative size", "\tfield:int a;\toffset:8;\tsize:-4;\n", 0, false },
	{ "a bracket that stays open", FIELD("char comm[16"), 0, false },
	{ "a bracket that was not opened", FIELD("char comm16]"), 0, false },
	{ "brackets in brackets", FIELD("char comm[[1]]"), 0, false },
	{ "no ASCII in a declaration",
	  FIELD("char comm[\xff"
		"6]"),
	  0, false },
	{ "a control character", FIELD("int a") "print fmt: \"\x01\"\n", 0, false },
	{ "a NUL", FIELD("int a") "print fmt: \"\0\"\n",
	  sizeof(FIELD("int a") "print fmt: \"\0\"\n"), false },
};

static void test_format(void **state)
{
	const struct format_case *t = *state;
	struct view text = { (const uint8_t *)t->text, t->len ? t->len : strlen(t->text) };

	assert_int_equal(format_is_sane(text), t->sane);
}

int main(void)
{
	return RUN_ROWS("format", cases, test_format);
}
