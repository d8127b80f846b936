/* SPDX-License-Identifier: GPL-2.0 */
/*
 * log.h - what a long-running command says about its work
 *
 * A log is a value that is handed down: modules get a pointer (NULL = say nothing) and never print
 * otherwise. Each line: "2026-01-31 12:00:00.123 guest web1: hello -> ready". Control characters
 * in a line are written as \xNN, so that no guest can forge lines or drive a terminal.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log;

/* Lines go to @path (appended, mode 0640), or to stderr where @path is NULL. NULL on error. */
struct log *log_open(const char *path, enum log_level level, struct err *e);
void log_close(struct log *l); /* NULL is fine */

void log_line(struct log *l, enum log_level level, const char *fmt, ...) PRINTF(3, 4);

#define log_error(l, ...) log_line(l, LOG_ERROR, __VA_ARGS__)
#define log_warn(l, ...)  log_line(l, LOG_WARN, __VA_ARGS__)
#define log_info(l, ...)  log_line(l, LOG_INFO, __VA_ARGS__)
#define log_debug(l, ...) log_line(l, LOG_DEBUG, __VA_ARGS__)

/* An error's text, and its hint as a second line. */
void log_err(struct log *l, const struct err *e);

#endif
