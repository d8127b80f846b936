/* SPDX-License-Identifier: GPL-2.0 */
/* live_out.h - text to a terminal or pipe that may stand still, without standing still with it */
#ifndef REPORT_LIVE_OUT_H
#define REPORT_LIVE_OUT_H

#include <stdio.h>
#include "base/err.h"

/*
 * A stream to @fd, which is borrowed. While the other end takes nothing it is waited for, but a
 * signal of those that end a program (blocked, and now pending) ends the waiting: then it is in
 * error. NULL on error.
 */
FILE *live_out_new(int fd, struct err *e);

#endif
