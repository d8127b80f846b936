/* SPDX-License-Identifier: GPL-2.0 */
/* io.h - whole reads and writes, paths, numbers from text, and the monotonic clock */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <sys/types.h>
#include "base/err.h"

#define NSEC_PER_SEC  1000000000ULL
#define NSEC_PER_MSEC 1000000ULL

/* A growing byte buffer. Starts as {0}; buf_free() when done. */
struct buf {
	uint8_t *data; /* owned */
	size_t len, room;
};

int buf_add(struct buf *b, const void *from, size_t n); /* 0 or -ENOMEM */
int buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
int buf_text(struct buf *b); /* a NUL behind .len, not counted: .data is a C string; 0 or -ENOMEM */
void buf_free(struct buf *b);

/*
 * Append what is left in @fd up to its end (tracefs and proc files say size 0). More than @max
 * bytes: -EFBIG. @path is for the error text.
 */
int read_fd_all(int fd, struct buf *to, size_t max, const char *path, struct err *e);
int read_file(const char *path, struct buf *to, size_t max, struct err *e);
int read_file_at(int dirfd, const char *path, struct buf *to, size_t max, struct err *e);

/* Write all @n bytes; short writes and EINTR go on, EAGAIN is an error. */
int write_all(int fd, const void *from, size_t n, const char *path, struct err *e);

/* Write @text to an existing file (tracefs) with one write(). */
int write_file(const char *path, const char *text, struct err *e);

/* All @n bytes from @off or -ENODATA when the file ends before. */
int pread_all(int fd, void *to, size_t n, uint64_t off, const char *path, struct err *e);
int pwrite_all(int fd, const void *from, size_t n, uint64_t off, const char *path, struct err *e);

/* Copy @n bytes between files in the kernel where it can, else through memory. */
int copy_range(int from, uint64_t from_off, int to, uint64_t to_off, uint64_t n, struct err *e);

/* Format into @buf; -ENAMETOOLONG when it does not fit. */
int path_fmt(char *buf, size_t size, struct err *e, const char *fmt, ...) PRINTF(4, 5);

/* Both are there, and are one file. */
bool same_file(const char *a, const char *b);

/* mkdir -p with @mode for what is made. */
int make_dirs(const char *path, mode_t mode, struct err *e);

/*
 * The whole text is one number in [min, max], decimal or 0x; else -EINVAL. @what names it in the
 * error.
 */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *to, const char *what,
	      struct err *e);

/* Any 64 bits, with a sign or without, else as parse_u64(). */
int parse_i64(const char *text, int64_t *to, const char *what, struct err *e);

/* As parse_u64(), with an optional suffix K, M, G (1024 each) or KB, MB, GB; result in bytes. */
int parse_size(const char *text, uint64_t *to, const char *what, struct err *e);

/* "1.5 MiB" into @to; returns @to. */
const char *size_text(uint64_t bytes, char *to, size_t room);

int set_nonblock(int fd, struct err *e); /* one that may have been elsewhere */

uint64_t now_ns(void); /* CLOCK_MONOTONIC */

#endif
