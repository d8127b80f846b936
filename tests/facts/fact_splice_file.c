// SPDX-License-Identifier: GPL-2.0
/*
 * fact_splice_file.c - splice from a pipe to a file goes to the file's position and moves it; a
 * file in append mode and an eventfd refuse splice with EINVAL, which is how the recorder learns to
 * copy; /dev/full says ENOSPC and leaves the bytes in the pipe.
 */
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "fact.h"

static ssize_t move(int from, int to)
{
	errno = 0;
	return splice(from, NULL, to, NULL, 4096, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

int main(void)
{
	char path[] = "/tmp/fact-XXXXXX", got[16] = "";
	int p[2], file = mkstemp(path), append, full, left = 0;

	FACT(file >= 0, "no file");
	append = open(path, O_WRONLY | O_APPEND);
	unlink(path);
	FACT(append >= 0 && !pipe2(p, O_NONBLOCK), "no pipe");

	FACT(move(p[0], file) < 0 && errno == EAGAIN, "splice from an empty pipe is not EAGAIN");
	FACT(write(file, "head", 4) == 4 && write(p[1], "pages", 5) == 5, "no bytes");
	FACT(move(p[0], file) == 5, "splice to a file is refused");
	FACT(lseek(file, 0, SEEK_CUR) == 9, "splice does not move the file's position");
	FACT(pread(file, got, 9, 0) == 9 && !strcmp(got, "headpages"), "the file has \"%s\"", got);

	FACT(write(p[1], "more", 4) == 4, "no bytes");
	FACT(move(p[0], append) < 0 && errno == EINVAL, "append mode does not refuse splice");
	full = open("/dev/full", O_WRONLY);
	if (full >= 0)
		FACT(move(p[0], full) < 0 && (errno == ENOSPC || errno == EINVAL),
		     "a full device takes a splice");
	errno = 0;
	FACT(!ioctl(p[0], FIONREAD, &left) && left == 4, "a refused splice took %d bytes",
	     4 - left);
	FACT(move(eventfd(1, EFD_NONBLOCK), p[1]) < 0 && errno == EINVAL, "an eventfd does splice");
	HOLDS("splice moves a file's position, and a refusal is EINVAL and takes nothing");
}
