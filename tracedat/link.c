// SPDX-License-Identifier: GPL-2.0
/* link.c - the file of a guest beside that of its host */
#include "tracedat/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *link_guest_path(const char *host, const char *guest)
{
	static const char suffix[] = ".dat";
	size_t len = strlen(host), cut = sizeof(suffix) - 1;
	char *path;

	if (len > cut && !strcmp(host + len - cut, suffix))
		len -= cut;
	return asprintf(&path, "%.*s-%s.dat", (int)len, host, guest) < 0 ? NULL : path;
}
