// SPDX-License-Identifier: GPL-2.0
/* test_vcpus.c - what is said behind a sched_switch from or to a guest's vCPU */
#include "tests/unit/report/machine.h"

#include "report/vcpus.h"

enum { SWITCH = 300 };

static const char switch_format[] = "name: sched_switch\nID: 300\n" COMMON
				    "\tfield:int prev_pid;\toffset:8;\tsize:4;\tsigned:1;\n"
				    "\tfield:int next_pid;\toffset:12;\tsize:4;\tsigned:1;\n\n"
				    "print fmt: \"%d ==> %d\", REC->prev_pid, REC->next_pid\n";

static struct guest_vcpu of_web[] = { { 0, 100 }, { 1, 90 }, { 2, -1 } };
static struct guest_vcpu of_db[] = { { 0, 95 }, { 1, 95 } };
static struct guest_ref guests[] = { { "web", 1, of_web, 3 }, { "db", 2, of_db, 2 } };
static const struct guest_refs refs = { guests, ARRAY_SIZE(guests) };

static const struct vcpus_case {
	const char *name;
	uint16_t id;
	int32_t prev, next;
	const char *tail; /* NULL: nothing */
} cases[] = {
	{ "to a vCPU", SWITCH, 1, 100, " [host ==> web vCPU 0]" },
	{ "from a vCPU", SWITCH, 90, 0, " [web vCPU 1 ==> host]" },
	{ "between two guests", SWITCH, 95, 90, " [db vCPUs ==> web vCPU 1]" },
	{ "between others", SWITCH, 1, 2, NULL },
	{ "a thread that is not known is nobody's", SWITCH, -1, 0, NULL },
	{ "another event", TICK, 100, 90, NULL },
};

static void test_tail(void **state)
{
	const struct vcpus_case *t = *state;
	struct tep_handle *tep = machine_new();
	struct vcpus *v = vcpus_new(&refs, NULL);
	struct made_record r;
	struct tep_record rec;
	const char *tail;

	assert_non_null(v);
	assert_int_equal(tep_parse_event(tep, switch_format, strlen(switch_format), "sched"), 0);
	made_begin(&r, t->id, 0, 0, t->prev);
	wcur_u32(&r.w, (uint32_t)t->prev);
	wcur_u32(&r.w, (uint32_t)t->next);
	rec = made_tep(&r, 1, 0);
	tail = vcpus_tail(v, tep, &rec);
	if (t->tail)
		assert_string_equal(tail, t->tail);
	else
		assert_null(tail);
	vcpus_free(v);
	tep_free(tep);
}

int main(void)
{
	return RUN_ROWS("tail", cases, test_tail);
}
