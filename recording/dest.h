/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dest.h - where a recording goes: a local trace.dat, the host over virtio-serial, or a listener
 *
 * One ops table a destination; recording.c drives them all the same way:
 *	open     before tracefs is touched: is there a host? make the part files
 *	begin    tracefs is set, which can take a while: from now on the other end may wait for us
 *	sink     where the pages of one CPU go
 *	head     the metadata, while pages flow already
 *	check    has the other end something to say?
 *	finish   all pages are delivered or given up: what is known only now, then the end
 */
#ifndef RECORDING_DEST_H
#define RECORDING_DEST_H

#include "recording/pump.h"
#include "session/totals.h"
#include "tracedat/head.h"
#include "tracing/tracefs.h"
#include "transport/net.h"
#include "wire/dialect.h"

struct dest;

/* What a destination must know of the recording. */
struct dest_shape {
	const uint32_t *cpus; /* ascending numbers of the CPUs that are recorded; borrowed */
	size_t ncpus;
	uint32_t cpu_count; /* highest number + 1 */
	uint32_t page_size; /* bytes of a sub-buffer */
	size_t nbuffers;
};

/* What is known at the end. Views are borrowed. */
struct dest_end {
	const uint8_t *tail; /* option records; the command lines of the end as TDAT_OPT_CMDLINES */
	size_t tail_len;
	struct totals
		*totals; /* finish adds what it knows: what became of the pages behind the sink */
};

/* The open ring buffers, for a destination that reads them itself. Borrowed until it is freed. */
struct dest_sources {
	const int *fds;		  /* [cpu index * nbuffers + buffer] */
	const char *const *names; /* of each buffer, "" = the top one */
	struct tracefs *const *buffers;
	const struct tracefs *top;
};

struct dest_ops {
	const char *name;
	/* The other end's patience begins with .begin: what takes long is collected before it. */
	bool early_head;
	/*
	 * How many CPUs it has places for, so that those that are plugged in later are recorded
	 * too. May be NULL: it takes those that are there now.
	 */
	uint32_t (*places)(struct dest *d);
	int (*open)(struct dest *d, const struct dest_shape *shape, struct err *e);
	int (*begin)(struct dest *d, struct err *e); /* may be NULL */
	/* Of the CPU with this index in shape.cpus: .sink and what belongs to it in @o. */
	int (*sink)(struct dest *d, size_t cpu_index, struct pump_opts *o, struct err *e);
	/* Instead of .sink and the pumps; else NULL. Tracing is not on yet. */
	int (*sources)(struct dest *d, const struct dest_sources *s, struct err *e);
	int (*drain)(struct dest *d,
		     struct err *e); /* with .sources: tracing is off, read what is left */
	int (*head)(struct dest *d, const uint8_t *bytes, size_t len, struct err *e);
	int (*check)(struct dest *d, struct err *e);
	int (*watch_fd)(const struct dest *d); /* -1: nothing to watch */
	int (*finish)(struct dest *d, const struct dest_end *end, struct err *e);
	/* After .finish: what the user should know of this recording, or NULL. May be NULL. */
	const char *(*note)(const struct dest *d);
	/* Tracing never began: leave nothing behind. May be NULL. */
	void (*abandon)(struct dest *d);
	void (*free)(struct dest *d);
};

struct dest {
	const struct dest_ops *ops;
	bool head_first; /* set by .open: the other end takes no pages before the head */
};

/* NULL on error; d->ops->free(d) when done. @peer: our version text, borrowed. */
struct dest *dest_virt_new(const char *peer, struct err *e);

/*
 * @path: the file to write; @temp: the directory of its parts, borrowed, NULL = beside it;
 * @version: 6 or 7; @compression: as of tdat_compression_for().
 */
struct dest *dest_file_new(const char *path, const char *temp, int version, const char *compression,
			   struct err *e);

/*
 * Instead of all that: the file of a latency tracer, from its head and its text. -EOPNOTSUPP where
 * @d is no file.
 */
int dest_file_text(struct dest *d, struct view head, struct view text, struct err *e);
const char *dest_file_path(const struct dest *d);

struct dest_net_opts {
	enum net_kind kind; /* how the pages travel; the control connection is vsock for NET_VSOCK,
			     * else TCP */
	const char *host;   /* as net_connect() takes it; copied */
	uint32_t port;
	enum wire_gen gen; /* speak this one, or 0: what the listener can */
	int version;	   /* of the metadata, 6 or 7, where the listener can take 7 */
	const char *peer;  /* our version text, borrowed */
};

struct dest *dest_net_new(const struct dest_net_opts *o, struct err *e);

#endif
