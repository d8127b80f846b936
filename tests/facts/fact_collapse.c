// SPDX-License-Identifier: GPL-2.0
/*
 * fact_collapse.c - a hole of terabytes goes out of a sparse file at once, and dirty pages behind
 * it keep their content at their new place
 *
 * Relied on by session/regions.c. ext4 and xfs can; others say EOPNOTSUPP, and pages are copied
 * then.
 */
#include <linux/falloc.h>
#include "fact.h"

#define START (1LL << 30)
#define FAR   (7LL << 40)

int main(void)
{
	char path[] = "/var/tmp/fact-collapse.XXXXXX", page[4096], got[4096];
	struct stat before, after;
	int fd = mkstemp(path);

	FACT(fd >= 0, "no temporary file could be made in /var/tmp");
	unlink(path);
	memset(page, 'a', sizeof(page));
	FACT(pwrite(fd, page, sizeof(page), START) == 4096, "a sparse file took no page at 1 GiB");
	memset(page, 'b', sizeof(page));
	if (pwrite(fd, page, sizeof(page), FAR) != 4096 && errno == EFBIG)
		SKIP("the file system of /var/tmp takes no file of 7 TiB");
	FACT(!fstat(fd, &before), "the file has no size");
	if (fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, START + 4096, FAR - START - 4096) &&
	    errno == EOPNOTSUPP)
		SKIP("the file system of /var/tmp cannot take a hole out of a file");
	FACT(!fstat(fd, &after), "the file has no size");
	FACT(before.st_size - after.st_size == FAR - START - 4096,
	     "taking a hole out did not make the file smaller by its length");
	FACT(pread(fd, got, sizeof(got), START + 4096) == 4096, "the page behind the hole is gone");
	FACT(!memcmp(got, page, sizeof(page)), "the page behind the hole changed");
	HOLDS("a hole of 7 TiB goes out of a file; the dirty page behind it keeps its content");
}
