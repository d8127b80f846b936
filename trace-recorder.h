/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trace-recorder.h - the data path: one stream of trace pages, source -> sink
 *
 * A source yields whole ring-buffer pages (tracefs, or a FIFO or socket with pages from a guest), a
 * sink takes bytes (a virtio-serial port, a file, a socket). In between is a pipe, so that pages
 * are spliced and not copied; where splice is refused, read and write take over.
 */
#ifndef TRACE_RECORDER_H
#define TRACE_RECORDER_H

#include "base/cursor.h"
#include "base/err.h"

/*
 * A mark page: written in line with the pages of a stream when MSG_F_MARKS was granted. Big-endian:
 *   0  16 bytes  REC_MARK_MAGIC
 *  16  be64      stream id, as in TINIT
 *  24  be32      kind: enum rec_mark
 *  28  be32      CPU
 *  32  be32      buffer: 0 = top, n = the n-th BUFFER option of the metadata
 *  36  zeros to the page size
 */
#define REC_MARK_MAGIC "\xff\x00trace-mark\x00\x01\x00\xff" /* 16 bytes */

enum { REC_MARK_MAGIC_LEN = 16, REC_MARK_LEN = 36 };

enum rec_mark_kind {
	REC_MARK_START = 1,  /* the stream begins; pages of buffer 0 follow */
	REC_MARK_BUFFER = 2, /* pages of the named buffer follow */
};

struct rec_mark {
	uint64_t stream_id;
	uint32_t kind, cpu, buffer;
};

void rec_mark_put(uint8_t *page, size_t page_size, const struct rec_mark *m);
bool rec_mark_get(const uint8_t *page, size_t len, struct rec_mark *m); /* is it one? */

/* What happened in one call of recorder_pump(). */
enum rec_result {
	REC_IDLE,    /* the source has nothing now */
	REC_BLOCKED, /* the sink is full: the rest waits with us, nothing more is read */
	REC_BUDGET,  /* the budget of this call is used up; there may be more */
	REC_END,     /* the source has ended (sockets, FIFOs without a writer) */
};

struct rec_stats {
	uint64_t bytes_in;  /* taken from the source */
	uint64_t bytes_out; /* given to the sink (marks included); nothing in discard mode */
	uint64_t blocked;   /* times the sink was full */
	bool copying;	    /* splice was refused: read and write */
	bool sink_failed;   /* the last error came from the sink, not from the source */
};

struct recorder;

struct recorder_opts {
	int source;	    /* descriptor, O_NONBLOCK, borrowed */
	int sink;	    /* descriptor, O_NONBLOCK unless a file, borrowed */
	uint64_t sink_room; /* bytes that the sink may take in all, then -EFBIG; 0 = no limit */
	uint32_t page_size; /* bytes of a page (sub-buffer), a power of two */
	uint32_t chunk;	    /* most bytes of one splice; 0 = 64 KiB */
	bool discard; /* take the bytes from the source and throw them away (sink is not used) */
	/*
	 * The sink is a connected UDP socket: one page, one datagram, never split. .seq: behind
	 * each page stands a be64, the bytes of pages that were given to the sink before it
	 * (MSG_F_SEQ).
	 */
	bool datagram, seq;
};

/* NULL on error: no pipe, no memory, impossible sizes. Frees nothing of the descriptors. */
struct recorder *recorder_new(const struct recorder_opts *o, struct err *e);
void recorder_free(struct recorder *r); /* NULL is fine */

/*
 * Take up to @budget bytes from the source (rounded up to a page) and give them to the sink, after
 * what is pending. Never blocks. Returns enum rec_result or a negative errno with @e: of the sink
 * or of the source, see .sink_failed; what is pending stays for the next call. A sink without a
 * reader raises SIGPIPE as well: commands that record ignore it.
 */
int recorder_pump(struct recorder *r, uint64_t budget, struct err *e);

/* Put @n bytes into the stream behind what was read so far (a mark page). Copies them; -ENOMEM. */
int recorder_insert(struct recorder *r, const void *bytes, size_t n, struct err *e);

/*
 * Change the source (several buffers share a stream) once recorder_pump() said REC_IDLE or
 * REC_BUDGET.
 * @lead (a mark page, copied, may be NULL) goes before the first bytes that come from it, and
 * nowhere if none come. -ENOMEM; -EBUSY while a lead before it is pending.
 */
int recorder_switch(struct recorder *r, int source, const void *lead, size_t n, struct err *e);

/*
 * From now on read(2) and write(2), as where splice is refused. For the last bytes of a tracefs
 * source: its splice may withhold the page that is being written. -ENOMEM, or as read(2) from the
 * pipe.
 */
int recorder_copy(struct recorder *r, struct err *e);

/* Bytes that were read or inserted and not yet given to the sink. */
uint64_t recorder_pending(const struct recorder *r);
const struct rec_stats *recorder_stats(const struct recorder *r);

#endif
