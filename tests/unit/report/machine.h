/* SPDX-License-Identifier: GPL-2.0 */
/*
 * machine.h - a tep_handle of a made-up machine, and records for it
 *
 * Events: test:tick (id 100: u32 seq, char name[8]), test:tock (101: s32 seq), test:dyn (102: a
 * dynamic string), and the ftrace events that report/graph.c prints. Little endian, 64 bits.
 */
#ifndef TESTS_UNIT_REPORT_MACHINE_H
#define TESTS_UNIT_REPORT_MACHINE_H

#include "tests/unit/base/rows.h"

#include <traceevent/event-parse.h>

#include "base/cursor.h"
#include "tracedat/merge.h"

enum { TICK = 100, TOCK = 101, DYN = 102, STACK = 4, EXIT = 10, ENTRY = 11, RAW = 19 };

#define COMMON                                                                         \
	"format:\n"                                                                    \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"         \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"         \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

static const struct machine_format {
	const char *system, *text;
} machine_formats[] = {
	{ "test", "name: tick\nID: 100\n" COMMON
		  "\tfield:unsigned int seq;\toffset:8;\tsize:4;\tsigned:0;\n"
		  "\tfield:char name[8];\toffset:12;\tsize:8;\tsigned:1;\n\n"
		  "print fmt: \"seq=%u name=%s\", REC->seq, REC->name\n" },
	{ "test",
	  "name: tock\nID: 101\n" COMMON "\tfield:int seq;\toffset:8;\tsize:4;\tsigned:1;\n\n"
	  "print fmt: \"seq=%d\", REC->seq\n" },
	{ "test", "name: dyn\nID: 102\n" COMMON
		  "\tfield:__data_loc char[] text;\toffset:8;\tsize:4;\tsigned:1;\n\n"
		  "print fmt: \"text=%s\", __get_str(text)\n" },
	{ "ftrace",
	  "name: kernel_stack\nID: 4\n" COMMON "\tfield:int size;\toffset:8;\tsize:4;\tsigned:1;\n"
	  "\tfield:unsigned long caller[8];\toffset:16;\tsize:64;\tsigned:0;\n\n"
	  "print fmt: \"%d\", REC->size\n" },
	{ "ftrace", "name: funcgraph_exit\nID: 10\n" COMMON
		    "\tfield:unsigned long func;\toffset:8;\tsize:8;\tsigned:0;\n"
		    "\tfield:unsigned int depth;\toffset:16;\tsize:4;\tsigned:0;\n"
		    "\tfield:unsigned int overrun;\toffset:20;\tsize:4;\tsigned:0;\n"
		    "\tfield:unsigned long long calltime;\toffset:24;\tsize:8;\tsigned:0;\n"
		    "\tfield:unsigned long long rettime;\toffset:32;\tsize:8;\tsigned:0;\n\n"
		    "print fmt: \"%u\", REC->depth\n" },
	{ "ftrace", "name: funcgraph_entry\nID: 11\n" COMMON
		    "\tfield:unsigned long func;\toffset:8;\tsize:8;\tsigned:0;\n"
		    "\tfield:unsigned int depth;\toffset:16;\tsize:4;\tsigned:0;\n\n"
		    "print fmt: \"%u\", REC->depth\n" },
	{ "ftrace", "name: raw_data\nID: 19\n" COMMON
		    "\tfield:unsigned int id;\toffset:8;\tsize:4;\tsigned:0;\n"
		    "\tfield:char buf[];\toffset:12;\tsize:0;\tsigned:0;\n\n"
		    "print fmt: \"%x\", REC->id\n" },
};

static inline struct tep_handle *machine_new(void)
{
	struct tep_handle *tep = tep_alloc();

	assert_non_null(tep);
	tep_set_long_size(tep, 8);
	tep_set_file_bigendian(tep, TEP_LITTLE_ENDIAN);
	tep_set_local_bigendian(tep, tep_is_bigendian() ? TEP_BIG_ENDIAN : TEP_LITTLE_ENDIAN);
	for (size_t i = 0; i < ARRAY_SIZE(machine_formats); i++)
		assert_int_equal(tep_parse_event(tep, machine_formats[i].text,
						 strlen(machine_formats[i].text),
						 machine_formats[i].system),
				 0);
	assert_int_equal(tep_register_comm(tep, "task", 7), 0);
	assert_int_equal(tep_register_comm(tep, "quitealongname", 123456), 0);
	assert_int_equal(tep_parse_kallsyms(tep, "0000000000001000 t first\n"
						 "0000000000002000 t second\n"
						 "0000000000003000 t end_of_all\n"),
			 0);
	return tep;
}

/* A record's bytes: the common fields, then what the caller appends. */
struct made_record {
	uint8_t bytes[256];
	struct wcur w;
};

static inline void made_begin(struct made_record *r, uint16_t id, uint8_t flags, uint8_t preempt,
			      int32_t pid)
{
	r->w = wcur_make(r->bytes, sizeof(r->bytes), false);
	wcur_u16(&r->w, id);
	wcur_u8(&r->w, flags);
	wcur_u8(&r->w, preempt);
	wcur_u32(&r->w, (uint32_t)pid);
}

static inline uint32_t made_size(const struct made_record *r)
{
	assert_false(r->w.bad);
	return (uint32_t)(sizeof(r->bytes) - r->w.left);
}

static inline void made_tick(struct made_record *r, int32_t pid, uint32_t seq, const char *name)
{
	char padded[8] = { 0 };

	made_begin(r, TICK, 0, 0, pid);
	wcur_u32(&r->w, seq);
	memcpy(padded, name, strnlen(name, sizeof(padded)));
	wcur_mem(&r->w, padded, sizeof(padded));
}

/* For what takes a tep_record; report/record.c is what makes them in the program. */
static inline struct tep_record made_tep(struct made_record *r, uint64_t ts, int cpu)
{
	return (struct tep_record){
		.ts = ts, .cpu = cpu, .data = r->bytes, .size = (int)made_size(r), .ref_count = 1
	};
}

static inline struct tdat_event made_event(const struct made_record *r)
{
	return (struct tdat_event){ .data = r->bytes, .size = made_size(r) };
}

#endif
