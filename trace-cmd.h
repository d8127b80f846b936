/* SPDX-License-Identifier: GPL-2.0 */
/* trace-cmd.h - the subcommands: one file trace-*.c each; trace-cmd.c has them in its table */
#ifndef TRACE_CMD_H
#define TRACE_CMD_H

#include "base/opt.h"

extern const struct command cmd_record, cmd_virt_server, cmd_setup_guest, cmd_report, cmd_list,
	cmd_restore, cmd_listen, cmd_extract, cmd_stream, cmd_snapshot, cmd_check_events, cmd_agent;

#endif
