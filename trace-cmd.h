/* SPDX-License-Identifier: GPL-2.0 */
/* trace-cmd.h - the subcommands: one file trace-*.c each, in the order of 'trace-cmd help' */
#ifndef TRACE_CMD_H
#define TRACE_CMD_H

#include "base/opt.h"

/* clang-format off */
#define COMMANDS(X) \
	X(record) \
	X(report) \
	X(virt_server) \
	X(listen) \
	X(setup_guest) \
	X(list) \
	X(start) \
	X(set) \
	X(stop) \
	X(restart) \
	X(reset) \
	X(clear) \
	X(show) \
	X(stat) \
	X(stream) \
	X(extract) \
	X(snapshot) \
	X(convert) \
	X(split) \
	X(dump) \
	X(restore) \
	X(check_events)
/* clang-format on */

#define COMMAND_DECLARE(name) extern const struct command cmd_##name;
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

#endif
