// SPDX-License-Identifier: GPL-2.0
/*
 * make_seeds.c - write the seed corpora of fuzz_dat and fuzz_page
 *
 * Usage: make_seeds CORPUS_DIR, which has dat/ and page/. Pages are as small as they can be, so
 * that the fuzzer meets all parts of a file. Run it again only when the formats here change.
 */
#include "tests/unit/tracedat/fixture.c"

static const struct fx_machine le = { "le", false, 8, 128, 0 }, be = { "be", true, 4, 128, 0 },
			       le32 = { "le32", false, 4, 128, 0 },
			       be64 = { "be64", true, 8, 128, 0 };

static const struct seed {
	struct fx_file file; /* .name: of the seed */
	const char *method;
} seeds[] = {
	{ { "v6", &le, 6, 2, 2, 4, -1, 0, 0, 0, "local" }, NULL },
	{ { "v6-instance", &le, 6, 1, 2, 3, -1, 7, 1, 1, "mono" }, NULL },
	{ { "v6-be32", &be, 6, 2, 2, 3, 1, -1, 0, 0, "tai" }, NULL },
	{ { "v6-no-options", &le, 6, 1, 1, 3, -1, 0, 0, 0, NULL, true }, NULL },
	{ { "v7", &le, 7, 2, 2, 4, -1, 0, 0, 0, "local" }, NULL },
	{ { "v7-instance", &le, 7, 1, 2, 3, -1, 7, 1, 1, "mono" }, NULL },
	{ { "v7-be32", &be, 7, 2, 2, 3, 1, -1, 0, 0, "tai" }, NULL },
	{ { "v7-zstd", &le, 7, 2, 4, 4, -1, 0, 0, 0, "local" }, "zstd" },
	{ { "v7-zlib", &be, 7, 2, 4, 4, -1, 0, 0, 0, "local" }, "zlib" },
	{ { "v6-le32", &le32, 6, 2, 2, 3, 1, 9, 0, 0, "tai" }, NULL },
	{ { "v6-be64", &be64, 6, 1, 2, 3, -1, 9, 0, 0, "tai" }, NULL },
	{ { "v7-zstd-instance", &le, 7, 1, 12, 3, -1, 7, 1, 1, "mono", .compression = "zstd" },
	  NULL },
	{ { "v7-zlib-le32", &le32, 7, 2, 11, 3, 0, -1, 0, 0, "mono", .compression = "zlib" },
	  NULL },
	{ { "v7-zstd-be64", &be64, 7, 1, 2, 3, -1, 9, 0, 0, "mono", .compression = "zstd" }, NULL },
};

static void save(const char *dir, const char *sub, const char *name, const struct buf *bytes)
{
	char path[4096];
	AUTO_FD fd = -1;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, sub, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write_all(fd, bytes->data, bytes->len, path, NULL))
		abort();
}

static void save_dat(const char *dir, const struct seed *s)
{
	AUTO_FD fd = fx_memfile(NULL);
	struct buf plain = { 0 }, packed = { 0 };

	if (fx_write(fd, &s->file, NULL) || lseek(fd, 0, SEEK_SET) ||
	    read_fd_all(fd, &plain, 1 << 20, "seed", NULL))
		abort();
	if (s->method)
		fx_compress(s->file.m, &plain, s->method, 2, &packed);
	save(dir, "dat", s->file.name, s->method ? &packed : &plain);
	buf_free(&plain);
	buf_free(&packed);
}

/* Version 6 by hand, version 7 by the writer. */
static void save_latency(const char *dir, const char *name, int version, const char *compression)
{
	static const char text[] = "# tracer: wakeup\n";
	struct fx_head_plan plan = { .cpus = 1 };
	struct buf bytes = { 0 }, made = { 0 };
	struct tdat_file_plan file = { .version = 7, .compression = compression };
	struct tdat_head head;
	AUTO_FD fd = fx_memfile(NULL);

	fx_head(&le, &plan, &bytes);
	if (version == 6) {
		fx_text(&bytes, "latency  ");
		fx_text(&bytes, text);
		save(dir, "dat", name, &bytes);
	} else {
		file.head = &head;
		file.latency = text;
		file.latency_len = strlen(text);
		if (tdat_head_parse(&head, bytes.data, bytes.len, NULL) ||
		    tdat_write(fd, name, &file, NULL) || lseek(fd, 0, SEEK_SET) ||
		    read_fd_all(fd, &made, 1 << 20, name, NULL))
			abort();
		save(dir, "dat", name, &made);
		tdat_head_free(&head);
	}
	buf_free(&bytes);
	buf_free(&made);
}

/* A page with every type of record; the first byte tells fuzz_page the machine. */
static void save_page(const char *dir, const char *name, const struct fx_machine *m, uint8_t pick)
{
	struct buf bytes = { 0 };
	struct fx_page p;

	fx_mem(&bytes, &pick, 1);
	fx_page_begin(&p, m, 1000);
	fx_tick(&p, 5, 1);
	fx_word(&p, 29, 7);
	fx_uint(m, &p.bytes, 4, 4);
	fx_word(&p, 30, 2);
	fx_uint(m, &p.bytes, 1, 4);
	fx_long_record(&p, 4, "abcdefgh", 8);
	fx_word(&p, 31, 9);
	fx_uint(m, &p.bytes, 3, 4);
	fx_record(&p, 1, "abcd", 4);
	fx_word(&p, 29, 0);
	fx_page_end(&p, BIT(31) | BIT(30), 12, &bytes);
	save(dir, "page", name, &bytes);
	buf_free(&bytes);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	for (size_t i = 0; i < ARRAY_SIZE(seeds); i++)
		save_dat(argv[1], &seeds[i]);
	save_latency(argv[1], "v6-latency", 6, NULL);
	save_latency(argv[1], "v7-latency", 7, NULL);
	save_latency(argv[1], "v7-latency-zstd", 7, "zstd");
	save_page(argv[1], "le64", &le, 0);
	save_page(argv[1], "be32", &be, 3);
	return 0;
}
