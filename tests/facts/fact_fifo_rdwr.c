// SPDX-License-Identifier: GPL-2.0
/*
 * fact_fifo_rdwr.c - a FIFO that is opened O_RDWR has no end: the server keeps its end open so
 * while QEMU comes and goes, and polls without a storm of HUP. Opened O_RDONLY, it has one each
 * time the last writer leaves.
 */
#include <sys/epoll.h>

#include "fact.h"

static unsigned int events_of(int epoll)
{
	struct epoll_event ev = { 0 };

	return epoll_wait(epoll, &ev, 1, 0) == 1 ? ev.events : 0;
}

static int watch(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	FACT(epoll >= 0 && !epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev), "no epoll");
	return epoll;
}

int main(void)
{
	char dir[] = "/tmp/fact-XXXXXX", path[64], byte;
	int both, reader, writer, e_both, e_reader;

	FACT(mkdtemp(dir), "no folder");
	snprintf(path, sizeof(path), "%s/fifo", dir);
	FACT(!mkfifo(path, 0600), "no FIFO");

	FACT(open(path, O_WRONLY | O_NONBLOCK) < 0 && errno == ENXIO,
	     "a writer opens without a reader");
	reader = open(path, O_RDONLY | O_NONBLOCK);
	FACT(reader >= 0, "a reader does not open without a writer");
	errno = 0;
	FACT(read(reader, &byte, 1) == 0, "without a writer, a read is not the end");
	writer = open(path, O_WRONLY | O_NONBLOCK);
	FACT(writer >= 0, "a writer does not open with a reader");
	FACT(read(reader, &byte, 1) < 0 && errno == EAGAIN,
	     "with a writer, an empty FIFO is not EAGAIN");
	e_reader = watch(reader);
	close(writer);
	errno = 0;
	FACT(events_of(e_reader) & EPOLLHUP, "no HUP for a reader when its writer leaves");
	FACT(read(reader, &byte, 1) == 0, "a reader's end is no end");
	close(reader);

	both = open(path, O_RDWR | O_NONBLOCK);
	FACT(both >= 0, "a FIFO cannot be opened for both");
	e_both = watch(both);
	for (int i = 0; i < 3; i++) {
		writer = open(path, O_WRONLY | O_NONBLOCK);
		FACT(writer >= 0 && write(writer, "x", 1) == 1, "no writer");
		close(writer);
		FACT(events_of(e_both) == EPOLLIN, "other events than IN for a reader and writer");
		FACT(read(both, &byte, 1) == 1, "the byte is gone with its writer");
		FACT(events_of(e_both) == 0, "events on an empty FIFO");
		FACT(read(both, &byte, 1) < 0 && errno == EAGAIN, "an empty FIFO is not EAGAIN");
	}
	unlink(path);
	rmdir(dir);
	HOLDS("a FIFO opened O_RDWR never ends and never gives HUP, one opened O_RDONLY does");
}
