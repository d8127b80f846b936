// SPDX-License-Identifier: GPL-2.0
/*
 * feed.c - a guest without a guest: trace pages into FIFOs, as QEMU would write them
 *
 *	feed raw MIB CHUNK_KIB FIFO...		the pages alone, MIB altogether
 *	feed guest MIB CHUNK_KIB DIR CPUS	the whole protocol with the virt-server of the
 *					domain directory DIR, MIB over its FIFOs
 *	feed net MIB CHUNK_KIB PORT CPUS	the same with the listener at PORT of this machine,
 *					over TCP and as a stock client: no extension
 *
 * All write the same pages in the same chunks, in turn over the FIFOs or connections. Every page is
 * the same valid one: a single event that fills it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "recording/net-link.h"
#include "recording/virt-link.h"
#include "trace-recorder.h"
#include "tracedat/head.h"

enum {
	PAGE = 4096,
	PAGE_HEADER = 16,
	EVENT_LONG = 0, /* type_len: its length stands behind */
	CHUNK_MAX_KIB = 1024,
	STREAM_WAIT_S = 120,
	CONNECT_WAIT_S = 10
};

struct feed {
	uint64_t mib, chunk;	/* chunk: bytes */
	int fifo[MSG_MAX_CPUS]; /* or a connection */
	uint32_t cpus;
	uint8_t *pages; /* one chunk */
};

static const char header_page[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
				  "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
				  "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
				  "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";

static int fail(const struct err *e)
{
	fprintf(stderr, "feed: %s\n", e->what);
	return 1;
}

static int make_pages(struct feed *f)
{
	f->pages = calloc(1, f->chunk);
	if (!f->pages)
		return 1;
	for (size_t at = 0; at < f->chunk; at += PAGE) {
		struct wcur w = wcur_make(f->pages + at, PAGE, false);

		wcur_u64(&w, 1);		      /* timestamp */
		wcur_u64(&w, PAGE - PAGE_HEADER);     /* commit */
		wcur_u32(&w, EVENT_LONG | 1 << 5);    /* type, delta 1: one event */
		wcur_u32(&w, PAGE - PAGE_HEADER - 4); /* its size from here */
	}
	return 0;
}

static int open_fifo(struct feed *f, const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC); /* waits for a reader */

	if (fd < 0)
		return err_set(e, errno, "cannot open %s", path);
	f->fifo[f->cpus++] = fd;
	return 0;
}

static int send_pages(const struct feed *f, struct err *e)
{
	uint64_t n = (f->mib << 20) / f->chunk;
	int rc = 0;

	for (uint64_t i = 0; i < n && !rc; i++)
		rc = write_all(f->fifo[i % f->cpus], f->pages, f->chunk, "the data channel", e);
	return rc;
}

static void close_fifos(const struct feed *f)
{
	for (uint32_t i = 0; i < f->cpus; i++)
		close(f->fifo[i]);
}

static int feed_raw(struct feed *f, char **fifos, int nfifos)
{
	struct err e = { 0 };
	int rc = 0;

	for (int i = 0; i < nfifos && !rc; i++)
		rc = open_fifo(f, fifos[i], &e);
	if (!rc)
		rc = send_pages(f, &e);
	close_fifos(f);
	return rc ? fail(&e) : 0;
}

static struct view view_of(const char *text)
{
	return (struct view){ (const uint8_t *)text, strlen(text) };
}

/* A head without formats: enough for a file. */
static int make_head(struct buf *to, uint32_t cpus, struct err *e)
{
	int rc = tdat_put_start(to, PAGE, e);

	rc = rc ? rc : tdat_put_headers(to, view_of(header_page), view_of("# none\n"), e);
	rc = rc ? rc : tdat_put_u32(to, 0, e); /* ftrace formats */
	rc = rc ? rc : tdat_put_u32(to, 0, e); /* systems */
	rc = rc ? rc : tdat_put_text32(to, view_of("ffffffff81000000 T start\n"), e);
	rc = rc ? rc : tdat_put_text32(to, view_of(""), e); /* printk */
	rc = rc ? rc : tdat_put_text64(to, view_of("1 feed\n"), e);
	rc = rc ? rc : tdat_put_u32(to, cpus, e);
	rc = rc ? rc : tdat_put_options_begin(to, e);
	return rc ? rc : tdat_put_options_end(to, e);
}

static int send_marks(struct feed *f, uint64_t stream_id, struct err *e)
{
	uint8_t page[PAGE];
	int rc = 0;

	for (uint32_t i = 0; i < f->cpus && !rc; i++) {
		struct rec_mark m = { stream_id, REC_MARK_START, i, 0 };

		rec_mark_put(page, PAGE, &m);
		rc = write_all(f->fifo[i], page, PAGE, "a FIFO", e);
	}
	return rc;
}

static int open_guest(struct feed *f, const char *dir, uint32_t cpus, int *ctl, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char path[4096];
	int rc = path_fmt(at.sun_path, sizeof(at.sun_path), e, "%s/agent-ctl-path", dir);

	for (uint32_t i = 0; i < cpus && !rc; i++) {
		rc = path_fmt(path, sizeof(path), e, "%s/trace-path-cpu%u.out", dir, i);
		rc = rc ? rc : open_fifo(f, path, e);
	}
	if (rc)
		return rc;
	*ctl = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*ctl < 0 || connect(*ctl, (struct sockaddr *)&at, sizeof(at)) ||
	    fcntl(*ctl, F_SETFL, O_NONBLOCK))
		return err_set(e, errno, "cannot connect to %s", at.sun_path);
	return 0;
}

/* CLOSE with what was sent, and the server's word that it has all of it. */
static int end_stream(const struct feed *f, struct client *link, struct err *e)
{
	struct msg_total total[MSG_MAX_CPUS] = { 0 };
	uint64_t n = (f->mib << 20) / f->chunk, stored = 0;
	int rc;

	for (uint64_t i = 0; i < f->cpus; i++) {
		total[i].bytes = (n / f->cpus + (i < n % f->cpus)) * f->chunk;
		total[i].events = total[i].bytes / PAGE;
	}
	rc = client_close(link, total, f->cpus, e);
	if (!rc)
		rc = client_stored(link, total, f->cpus, STREAM_WAIT_S * NSEC_PER_SEC, e);
	for (uint32_t i = 0; i < f->cpus; i++)
		stored += total[i].bytes;
	if (!rc && stored != n * f->chunk)
		return err_say(e, EIO, "the server stored %llu bytes of %llu",
			       (unsigned long long)stored, (unsigned long long)(n * f->chunk));
	return rc;
}

static int stream(struct feed *f, struct client *link, struct err *e)
{
	struct client_terms terms;
	struct buf head = { 0 };
	int rc = virt_link_begin(link, f->cpus, PAGE, &terms, e);

	if (!rc)
		rc = send_marks(f, terms.stream_id, e);
	if (!rc)
		rc = make_head(&head, f->cpus, e);
	if (!rc)
		rc = client_metadata(link, head.data, head.len, e);
	buf_free(&head);
	if (!rc)
		rc = send_pages(f, e);
	return rc ? rc : end_stream(f, link, e);
}

static int feed_guest(struct feed *f, const char *dir, uint32_t cpus)
{
	struct virt_link_opts o = { .peer = "feed" };
	struct client *link = NULL;
	struct err e = { 0 };
	int rc = open_guest(f, dir, cpus, &o.fd, &e);

	if (!rc) {
		link = virt_link_new(&o, &e);
		rc = link ? stream(f, link, &e) : -ENOMEM;
	}
	client_free(link);
	close_fifos(f);
	return rc ? fail(&e) : 0;
}

/* The data connections, which wait, as FIFOs do. */
static int connect_data(struct feed *f, const struct client *link, const struct client_terms *terms,
			struct err *e)
{
	for (f->cpus = 0; f->cpus < terms->nports; f->cpus++) {
		int fd = net_connect_beside(NET_TCP, client_fd(link), terms->port[f->cpus],
					    CONNECT_WAIT_S * NSEC_PER_SEC, e);

		if (fd < 0)
			return fd;
		f->fifo[f->cpus] = fd;
		if (fcntl(fd, F_SETFL, 0))
			return err_set(e, errno, "cannot make a connection wait");
	}
	return 0;
}

static int net_stream(struct feed *f, struct net_link *link, uint32_t cpus, struct err *e)
{
	struct client_wish wish = { .cpus = cpus, .page_size = PAGE, .tcp = true };
	struct client *c = net_link_client(link);
	struct msg_total none = { 0 };
	struct client_terms terms;
	struct buf head = { 0 };
	int rc = net_link_begin(link, &wish, &terms, e);

	rc = rc ? rc : connect_data(f, c, &terms, e);
	rc = rc ? rc : make_head(&head, cpus, e);
	rc = rc ? rc : client_metadata(c, head.data, head.len, e);
	buf_free(&head);
	rc = rc ? rc : send_pages(f, e);
	close_fifos(f);
	return rc ? rc : client_close(c, &none, 0, e);
}

static int feed_net(struct feed *f, const char *port, uint32_t cpus)
{
	struct net_link_opts o = {
		.host = "127.0.0.1", .most = WIRE_V3, .least = WIRE_V3, .peer = "feed"
	};
	struct net_link *link = NULL;
	struct err e = { 0 };
	uint64_t n;
	int rc = parse_u64(port, 1, UINT16_MAX, &n, "PORT", &e);

	o.port = (uint32_t)n;
	if (!rc) {
		link = net_link_new(&o, &e);
		rc = link ? net_link_connect(link, &e) : -ENOMEM;
	}
	if (!rc)
		rc = net_stream(f, link, cpus, &e);
	net_link_free(link);
	return rc ? fail(&e) : 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: feed raw MIB CHUNK_KIB FIFO...\n"
			"       feed guest MIB CHUNK_KIB DIR CPUS\n"
			"       feed net MIB CHUNK_KIB PORT CPUS\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *how = argc > 4 ? argv[1] : "";
	bool raw = !strcmp(how, "raw"), net = !strcmp(how, "net");
	uint64_t chunk_kib, cpus = 0;
	struct feed f = { 0 };

	if (argc < 5 || parse_u64(argv[2], 1, 1 << 20, &f.mib, "MIB", NULL) ||
	    parse_u64(argv[3], 4, CHUNK_MAX_KIB, &chunk_kib, "CHUNK_KIB", NULL))
		return usage();
	if (!raw && ((!net && strcmp(how, "guest")) || argc != 6 ||
		     parse_u64(argv[5], 1, MSG_MAX_CPUS, &cpus, "CPUS", NULL)))
		return usage();
	signal(SIGPIPE, SIG_IGN);
	f.chunk = chunk_kib << 10;
	if (make_pages(&f))
		return 1;
	if (raw)
		return feed_raw(&f, argv + 4, argc - 4);
	return net ? feed_net(&f, argv[4], (uint32_t)cpus)
		   : feed_guest(&f, argv[4], (uint32_t)cpus);
}
