// SPDX-License-Identifier: GPL-2.0
/*
 * fact_pipe_size.c - a pipe and a FIFO can be widened: the recorder's pipe to a chunk, the host's
 * FIFO to 1 MiB, so that a server that is late costs no events. Not below what is in it, and not
 * without limit for all users.
 */
#include "fact.h"

static void widen(int fd, const char *what)
{
	static char bytes[64 << 10];

	errno = 0;
	FACT(fcntl(fd, F_GETPIPE_SZ) == 64 << 10, "a new %s is not of 64 KiB", what);
	FACT(fcntl(fd, F_SETPIPE_SZ, 1 << 20) == 1 << 20, "a %s cannot be widened to 1 MiB", what);
	for (int i = 0; i < 16; i++)
		FACT(write(fd, bytes, sizeof(bytes)) == sizeof(bytes),
		     "a wide %s takes %d KiB only", what, 64 * i);
	FACT(write(fd, bytes, 1) < 0 && errno == EAGAIN, "a full %s takes more", what);
	FACT(fcntl(fd, F_SETPIPE_SZ, 4096) < 0 && errno == EBUSY, "a full %s can be narrowed",
	     what);
	errno = 0;
}

int main(void)
{
	char dir[] = "/tmp/fact-XXXXXX", path[64];
	int p[2], fifo, odd;

	FACT(!pipe2(p, O_NONBLOCK), "no pipe");
	widen(p[1], "pipe");
	FACT(mkdtemp(dir), "no folder");
	snprintf(path, sizeof(path), "%s/fifo", dir);
	FACT(!mkfifo(path, 0600), "no FIFO");
	fifo = open(path, O_RDWR | O_NONBLOCK);
	unlink(path);
	rmdir(dir);
	FACT(fifo >= 0, "a FIFO cannot be opened for both");
	widen(fifo, "FIFO");
	FACT(!pipe2(p, O_NONBLOCK), "no second pipe");
	odd = fcntl(p[1], F_SETPIPE_SZ, 5000);
	FACT(odd == 8192, "5000 bytes are rounded to %d and not to 8192", odd);
	HOLDS("pipes and FIFOs widen to 1 MiB, never below what they hold, in powers of two");
}
