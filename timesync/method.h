/* SPDX-License-Identifier: GPL-2.0 */
/*
 * method.h - which method finds a guest's clock: a table, and the choice for one guest
 *
 * Each guest has a choice of its own: one may have KVM's numbers, its neighbour only messages. The
 * numbers of accuracy, roles and clocks are the released tool's; none of them is sent, only names.
 */
#ifndef TIMESYNC_METHOD_H
#define TIMESYNC_METHOD_H

#include "timesync/points.h"

enum ts_role {
	TS_ROLE_HOST = BIT(0),
	TS_ROLE_GUEST = BIT(1),
	TS_ROLE_CLIENT = BIT(2),
	TS_ROLE_SERVER = BIT(3),
};

enum {
	TS_CLOCK_LOCAL = BIT(0),
	TS_CLOCK_GLOBAL = BIT(1),
	TS_CLOCK_COUNTER = BIT(2),
	TS_CLOCK_UPTIME = BIT(3),
	TS_CLOCK_PERF = BIT(4),
	TS_CLOCK_MONO = BIT(5),
	TS_CLOCK_MONO_RAW = BIT(6),
	TS_CLOCK_BOOT = BIT(7),
	TS_CLOCK_X86_TSC = BIT(8),
	TS_CLOCK_OTHER = BIT(9), /* of newer kernels: "tai" and what comes */
};

/* "x86-tsc" -> TS_CLOCK_X86_TSC; a name that is none of the list: TS_CLOCK_OTHER. */
uint32_t ts_clock_bit(const char *name);

enum ts_method_id { TS_METHOD_KVM, TS_METHOD_PTP, TS_NR_METHODS };

struct ts_method {
	enum ts_method_id id;
	const char *name;  /* on the wire */
	uint32_t accuracy; /* the lower wins */
	enum ts_kind kind; /* of its points */
	uint32_t roles;
	uint32_t host_clocks, guest_clocks; /* bits */
};

extern const struct ts_method ts_methods[TS_NR_METHODS]; /* by id */

/* What one end of one guest's conversation can do. */
struct ts_can {
	enum ts_role role;
	uint32_t clock; /* bit of the trace clock */
	/* Why a method cannot be used (of ts_kvm_read(), say); .code 0: it can. By id. */
	struct err why_not[TS_NR_METHODS];
};

/*
 * The names to offer, best first, into @names (at least TS_NR_METHODS); how many. 0: @e has the
 * reason of each method.
 */
size_t ts_methods_offered(const struct ts_can *can, const char **names, struct err *e);

/* The best method among the peer's @names. NULL: none; @e has the reasons. */
const struct ts_method *ts_method_choose(const struct ts_can *can, const char *const *names,
					 size_t n, struct err *e);

#endif
