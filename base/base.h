/* SPDX-License-Identifier: GPL-2.0 */
/* base.h - the few definitions that every file uses */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a)	 (sizeof(a) / sizeof((a)[0]))
#define BIT(n)		 (1U << (n))
#define PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Exit statuses of every subcommand: see trace-cmd(1), EXIT STATUS. */
enum exit_status {
	EXIT_WHOLE = 0,	 /* done, and nothing was lost */
	EXIT_FAILED = 1, /* nothing usable was made */
	EXIT_USAGE = 2,	 /* the command line was wrong; nothing was tried */
	EXIT_LOSSES = 3, /* saved, but some of it was lost: the table says what */
};

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* @align is a power of two. */
static inline uint64_t align_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

/* Functions that overrun or that cannot tell an error: see base/io.h for numbers and paths. */
#pragma GCC poison strcpy strcat sprintf vsprintf gets atoi atol strtok

#endif
