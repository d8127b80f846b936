// SPDX-License-Identifier: GPL-2.0
/*
 * dat_check.c - for the tests: is each of these files a whole trace.dat?
 *
 *	dat_check FILE...	exit status 1, and a line for each problem, when one is not
 */
#include <stdio.h>

#include "tracedat/check.h"

static void say(void *ctx, const char *line)
{
	printf("%s: %s\n", (const char *)ctx, line);
}

int main(int argc, char **argv)
{
	int bad = argc < 2;

	for (int i = 1; i < argc; i++) {
		struct err e = { 0 };

		if (!tdat_check(argv[i], say, argv[i], &e))
			continue;
		err_print(stdout, &e);
		bad = 1;
	}
	return bad;
}
