// SPDX-License-Identifier: GPL-2.0
/*
 * dat_make.c - for the tests: files of machines that are not here, and one that is large
 *
 *	dat_make KIND FILE
 *
 *	be64, le32, be32	version 6 of that machine, 2 CPUs with 150 ticks each
 *	sparse			one page of 9 ticks at its beginning, and one behind 4 GiB
 *	latency			the text of a latency tracer, version 6
 */
#include "tests/unit/tracedat/fixture.c"

#define BEHIND (5ULL << 30)

static const struct fx_file machines[] = {
	{ "be64", &fx_be64, 6, 2, 3, 50, -1, 0, 0, 0, "local" },
	{ "le32", &fx_le32, 6, 2, 3, 50, -1, 0, 0, 0, "local" },
	{ "be32", &fx_be32, 6, 2, 3, 50, -1, 0, 0, 0, "local" },
};

/* The pages of CPU 1, which is the last, go behind 4 GiB; -1 where the file system cannot. */
static int make_sparse(int fd, const char *path)
{
	static const struct fx_file file = { "", &fx_le64, 6, 2, 1, 9, -1, 0, 0, 0, "local" };
	uint8_t off[8], *tag;
	struct wcur w = wcur_make(off, sizeof(off), false);
	struct buf bytes = { 0 };
	size_t page;
	int rc = 0;

	fx_make(&file, NULL, &bytes);
	tag = memmem(bytes.data, bytes.len, "flyrecord", 10);
	page = bytes.len - 4096;
	wcur_u64(&w, BEHIND);
	memcpy(tag + 10 + 16, off, sizeof(off));
	if (ftruncate(fd, BEHIND + 4096) || pwrite_all(fd, bytes.data, page, 0, path, NULL) ||
	    pwrite_all(fd, bytes.data + page, 4096, BEHIND, path, NULL))
		rc = -1;
	buf_free(&bytes);
	return rc;
}

static int make_latency(int fd, const char *path)
{
	static const char text[] = "# tracer: wakeup\n#\n  <idle>-0  0d.s. 1us : try_to_wake_up\n";
	struct fx_head_plan plan = { .cpus = 1 };
	struct buf bytes = { 0 };
	int rc;

	fx_head(&fx_le64, &plan, &bytes);
	fx_text(&bytes, "latency  ");
	fx_mem(&bytes, text, strlen(text));
	rc = pwrite_all(fd, bytes.data, bytes.len, 0, path, NULL);
	buf_free(&bytes);
	return rc;
}

int main(int argc, char **argv)
{
	AUTO_FD fd = -1;

	if (argc != 3)
		return 2;
	fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return 1;
	if (!strcmp(argv[1], "sparse"))
		return make_sparse(fd, argv[2]) ? 1 : 0;
	if (!strcmp(argv[1], "latency"))
		return make_latency(fd, argv[2]) ? 1 : 0;
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (!strcmp(argv[1], machines[i].name))
			return fx_write(fd, &machines[i], NULL) ? 1 : 0;
	return 2;
}
