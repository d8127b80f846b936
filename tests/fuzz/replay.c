// SPDX-License-Identifier: GPL-2.0
/*
 * replay.c - main() for a fuzz target where there is no libFuzzer
 *
 * Runs the target once with the contents of each file named as an argument, and of each file in the
 * folders named (one level deep). A property that does not hold aborts, as under libFuzzer; the
 * last line on stderr then names the input. Exit status: 0 all held, 1 nothing could be read.
 */
#include <errno.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { INPUT_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path, struct err *e)
{
	struct buf b = { 0 };
	AUTO_FREE uint8_t *exact = NULL;
	int ret = read_file(path, &b, INPUT_MAX, e);

	if (!ret) {
		/* A copy of the exact size: AddressSanitizer sees a read behind its end. */
		exact = malloc(b.len ? b.len : 1);
		if (!exact)
			ret = err_set(e, ENOMEM, "%s", path);
	}
	if (!ret) {
		if (b.len)
			memcpy(exact, b.data, b.len);
		fprintf(stderr, "replay: %s, %zu bytes\n", path, b.len);
		LLVMFuzzerTestOneInput(exact, b.len);
	}
	buf_free(&b);
	return ret;
}

static int run_folder(const char *path, int *done, struct err *e)
{
	AUTO_DIR dir = opendir(path);
	struct dirent *d;
	char file[4096];

	if (!dir)
		return err_set(e, errno, "%s", path);
	while ((d = readdir(dir))) {
		struct stat st;

		if (path_fmt(file, sizeof(file), e, "%s/%s", path, d->d_name))
			return -e->code;
		if (stat(file, &st) || !S_ISREG(st.st_mode))
			continue;
		if (run_file(file, e))
			return -e->code;
		++*done;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	int done = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;
		int ret;

		if (stat(argv[i], &st))
			ret = err_set(&e, errno, "%s", argv[i]);
		else if (S_ISDIR(st.st_mode))
			ret = run_folder(argv[i], &done, &e);
		else
			ret = run_file(argv[i], &e), done++;
		if (ret) {
			err_print(stderr, &e);
			return EXIT_FAILED;
		}
	}
	printf("replay: %d inputs\n", done);
	return done ? 0 : EXIT_FAILED;
}
