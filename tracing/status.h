/* SPDX-License-Identifier: GPL-2.0 */
/* status.h - what a buffer's tracing is set to, as a text for people */
#ifndef TRACING_STATUS_H
#define TRACING_STATUS_H

#include "tracing/tracefs.h"

/*
 * Append the state of one buffer to @to, in the words of 'trace-cmd stat': the tracer, events,
 * filters, sizes and so on, only what differs from the default; of the root directory its
 * instances, too. @options: all trace options with their values. Files that may not be read are
 * passed over. -ENOMEM, or the error of a file that every kernel has.
 */
int tracing_status(const struct tracefs *t, bool options, struct buf *to, struct err *e);

#endif
