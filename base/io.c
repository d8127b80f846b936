// SPDX-License-Identifier: GPL-2.0
/*
 * io.c - whole reads and writes, paths, numbers from text
 *
 * Theory of operation
 *
 * The kernel may read or write less than was asked; these functions go on until all is done, and
 * fill the error with the path, which read(2) does not know.
 */
#include "base/io.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

static int buf_reserve(struct buf *b, size_t more)
{
	size_t room = b->room ? b->room : 4096;
	uint8_t *data;

	if (more > SIZE_MAX / 2 - b->len)
		return -ENOMEM;
	while (room < b->len + more)
		room *= 2;
	if (room == b->room)
		return 0;
	data = realloc(b->data, room);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->room = room;
	return 0;
}

int buf_add(struct buf *b, const void *from, size_t n)
{
	if (buf_reserve(b, n))
		return -ENOMEM;
	if (n)
		memcpy(b->data + b->len, from, n);
	b->len += n;
	return 0;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || buf_reserve(b, (size_t)n + 1)) {
		va_end(again);
		return -ENOMEM;
	}
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
	va_end(again);
	b->len += (size_t)n;
	return 0;
}

int buf_text(struct buf *b)
{
	if (buf_reserve(b, 1))
		return -ENOMEM;
	b->data[b->len] = '\0';
	return 0;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

int read_fd_all(int fd, struct buf *to, size_t max, const char *path, struct err *e)
{
	size_t start = to->len;

	for (;;) {
		ssize_t n;

		if (buf_reserve(to, 65536))
			return err_set(e, ENOMEM, "no memory to read %s", path);
		n = read(fd, to->data + to->len, to->room - to->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "cannot read %s", path);
		if (!n)
			return 0;
		to->len += (size_t)n;
		if (to->len - start > max)
			return err_set(e, EFBIG, "%s has more than %zu bytes", path, max);
	}
}

int read_file_at(int dirfd, const char *path, struct buf *to, size_t max, struct err *e)
{
	AUTO_FD fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "cannot open %s", path);
	return read_fd_all(fd, to, max, path, e);
}

int read_file(const char *path, struct buf *to, size_t max, struct err *e)
{
	return read_file_at(AT_FDCWD, path, to, max, e);
}

int write_all(int fd, const void *from, size_t n, const char *path, struct err *e)
{
	const uint8_t *at = from;

	while (n) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_set(e, errno, "cannot write %s", path);
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

int write_file(const char *path, const char *text, struct err *e)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "cannot open %s", path);
	if (write(fd, text, strlen(text)) < 0)
		return err_set(e, errno, "cannot write '%s' to %s", text, path);
	return 0;
}

int pread_all(int fd, void *to, size_t n, uint64_t off, const char *path, struct err *e)
{
	uint8_t *at = to;

	while (n) {
		ssize_t done = pread(fd, at, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_set(e, errno, "cannot read %s at offset %#llx", path,
				       (unsigned long long)off);
		if (!done)
			return err_say(e, ENODATA, "%s ends at offset %#llx, %zu bytes too early",
				       path, (unsigned long long)off, n);
		at += done;
		off += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

int pwrite_all(int fd, const void *from, size_t n, uint64_t off, const char *path, struct err *e)
{
	const uint8_t *at = from;

	while (n) {
		ssize_t done = pwrite(fd, at, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_set(e, errno, "cannot write %s at offset %#llx", path,
				       (unsigned long long)off);
		at += done;
		off += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static int copy_through_memory(int from, off_t *from_off, int to, off_t *to_off, uint64_t n,
			       struct err *e)
{
	AUTO_FREE char *mem = malloc(1 << 20);

	if (!mem)
		return err_set(e, ENOMEM, "no memory to copy");
	while (n) {
		size_t want = (size_t)min_u64(n, 1 << 20);
		int ret = pread_all(from, mem, want, (uint64_t)*from_off, "the part file", e);

		if (!ret)
			ret = pwrite_all(to, mem, want, (uint64_t)*to_off, "the output file", e);
		if (ret)
			return ret;
		*from_off += (off_t)want;
		*to_off += (off_t)want;
		n -= want;
	}
	return 0;
}

int copy_range(int from, uint64_t from_off, int to, uint64_t to_off, uint64_t n, struct err *e)
{
	off_t src = (off_t)from_off, dst = (off_t)to_off;

	while (n) {
		ssize_t done =
			copy_file_range(from, &src, to, &dst, (size_t)min_u64(n, 1 << 30), 0);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 &&
		    (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
			return copy_through_memory(from, &src, to, &dst, n, e);
		if (done < 0)
			return err_set(e, errno, "cannot copy trace data to the output file");
		if (!done)
			return err_say(e, ENODATA, "a part file ends %llu bytes too early",
				       (unsigned long long)n);
		n -= (uint64_t)done;
	}
	return 0;
}

int path_fmt(char *buf, size_t size, struct err *e, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= size)
		return err_set(e, ENAMETOOLONG, "path '%s...'", buf);
	return 0;
}

bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* mkdir(2); a directory that is there is fine, or a symbolic link to one. */
static int make_dir(const char *path, mode_t mode)
{
	struct stat st;

	if (!mkdir(path, mode))
		return 0;
	if (errno == EEXIST && !stat(path, &st))
		errno = S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
	return -errno;
}

int make_dirs(const char *path, mode_t mode, struct err *e)
{
	char part[4096];
	int ret = path_fmt(part, sizeof(part), e, "%s", path);

	if (!ret && !part[0])
		ret = err_say(e, ENOENT, "cannot make a directory without a name");
	if (ret)
		return ret;
	for (char *slash = part + 1;; slash++) {
		slash += strcspn(slash, "/");
		char end = *slash;

		*slash = '\0';
		ret = make_dir(part, mode);
		if (ret)
			return err_set(e, -ret, "cannot make the directory %s", part);
		if (!end)
			return 0;
		*slash = '/';
	}
}

static int parse_number(const char *text, uint64_t *to, char **end)
{
	errno = 0;
	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	*to = strtoull(text, end, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
	return errno ? -errno : 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *to, const char *what,
	      struct err *e)
{
	uint64_t v = 0;
	char *end;
	int ret = parse_number(text, &v, &end);

	if (ret == -EINVAL || *end)
		return err_say(e, EINVAL, "%s: '%s' is not a number", what, text);
	if (ret || v < min || v > max)
		return err_say(e, EINVAL, "%s: %s is not between %llu and %llu", what, text,
			       (unsigned long long)min, (unsigned long long)max);
	*to = v;
	return 0;
}

int parse_i64(const char *text, int64_t *to, const char *what, struct err *e)
{
	bool minus = text[0] == '-';
	uint64_t v = 0, most = (uint64_t)INT64_MAX + minus;
	char *end;
	int ret = parse_number(text + (minus || text[0] == '+'), &v, &end);

	if (ret == -EINVAL || *end)
		return err_say(e, EINVAL, "%s: '%s' is not a number", what, text);
	if (ret || v > most)
		return err_say(e, EINVAL, "%s: %s has more than 64 bits", what, text);
	*to = (int64_t)(minus ? -v : v);
	return 0;
}

int parse_size(const char *text, uint64_t *to, const char *what, struct err *e)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned int shift = 0;
	uint64_t v;
	char *end;

	if (parse_number(text, &v, &end))
		return err_say(e, EINVAL, "%s: '%s' is not a size such as 64K, 10M or 2G", what,
			       text);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
		if (toupper((unsigned char)*end) == 'B')
			end++;
	}
	if (*end || (shift && v >> (63 - shift)))
		return err_say(e, EINVAL, "%s: '%s' is not a size such as 64K, 10M or 2G", what,
			       text);
	*to = v << shift;
	return 0;
}

const char *size_text(uint64_t bytes, char *to, size_t room)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	size_t i = 0;

	for (; v >= 1024 && i + 1 < ARRAY_SIZE(unit); i++)
		v /= 1024;
	snprintf(to, room, i ? "%.1f %s" : "%.0f %s", v, unit[i]);
	return to;
}

int set_nonblock(int fd, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && (flags & O_NONBLOCK))
		return 0;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return err_set(e, errno, "cannot set a descriptor's flags");
	return 0;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}
