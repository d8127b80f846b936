/* SPDX-License-Identifier: GPL-2.0 */
/* format.h - judge the format text of an event before libtraceevent parses it */
#ifndef REPORT_FORMAT_H
#define REPORT_FORMAT_H

#include "tracedat/head.h"

/*
 * False for a text that no kernel writes and that libtraceevent 1.7.1 crashes on: field lines that
 * are not of the form "field:DECLARATION;\toffset:N;\tsize:N;", control characters, or a print
 * format that names a field which the event has not.
 */
bool format_is_sane(struct view text);

#endif
