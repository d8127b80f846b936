/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fact.h - a program for each behaviour of the kernel that we rely on
 *
 * One sentence on stdout: what holds (exit 0), what does not (1), or why it could not be tried
 * (77). libc only: the programs are also linked statically and run inside guests.
 */
#ifndef TESTS_FACTS_FACT_H
#define TESTS_FACTS_FACT_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define END(status, ...)             \
	do {                         \
		printf(__VA_ARGS__); \
		putchar('\n');       \
		exit(status);        \
	} while (0)

#define HOLDS(...) END(0, __VA_ARGS__)
#define FAILS(...) END(1, __VA_ARGS__)
#define SKIP(...)  END(77, __VA_ARGS__)

/* @cond must hold; what follows says what is so otherwise. errno is shown as it stands. */
#define FACT(cond, ...)                                         \
	do {                                                    \
		int now_ = (cond) ? 0 : errno ? errno : -1;     \
		if (now_) {                                     \
			printf(__VA_ARGS__);                    \
			END(1, " (errno: %s)", strerror(now_)); \
		}                                               \
	} while (0)

#endif
