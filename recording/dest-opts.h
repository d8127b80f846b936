/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dest-opts.h - the options that say where a recording goes, for every command that has them
 *
 * DEST_OPTS(off) are rows of an option table whose context has a struct dest_args at offset off; a
 * command may have rows of its own for .tcp and .virt.
 */
#ifndef RECORDING_DEST_OPTS_H
#define RECORDING_DEST_OPTS_H

#include "base/opt.h"
#include "recording/dest.h"
#include "tracedat/writer.h"

struct dest_args {
	const char *output;	 /* -o; NULL: trace.dat */
	const char *temp;	 /* --temp; NULL: beside the file */
	const char *net, *vsock; /* -N, -V, as typed; NULL: not there */
	const char *compression; /* as typed; dest_args_check() makes it what a plan takes */
	uint64_t protocol;	 /* 0: what the listener can */
	uint64_t file_version;	 /* 6 or 7, to be set before the options are read */
	bool virt;		 /* to the host, over virtio-serial */
	bool tcp;		 /* with .net: the pages too go over TCP */
	char host[NET_NAME_MAX]; /* this and .port: of .net or .vsock, by dest_args_check() */
	uint32_t port;
};

/* clang-format off */
#define DEST_OPTS(off_)                                                                            \
	{ 'N', NULL, "HOST:PORT", "send the trace to 'trace-cmd listen -p PORT' on HOST",          \
	  opt_set_text, .off = (off_) + offsetof(struct dest_args, net) },                         \
	{ 'V', NULL, "CID:PORT", "send the trace to 'trace-cmd listen -V PORT', over vsock",       \
	  opt_set_text, .off = (off_) + offsetof(struct dest_args, vsock) },                       \
	{ 0, "protocol", "VERSION", "speak 1, 2 or 3 with the listener (what it can)",             \
	  opt_set_u64, .off = (off_) + offsetof(struct dest_args, protocol) },                     \
	{ 'o', NULL, "FILE", "write this file instead of trace.dat", opt_set_text,                 \
	  .off = (off_) + offsetof(struct dest_args, output), .complete = "file" },                \
	{ 0, "temp", "DIR", "keep the parts of the file there while they are recorded",            \
	  opt_set_text, .off = (off_) + offsetof(struct dest_args, temp), .complete = "dir" },     \
	{ 0, "file-version", "VERSION", "6 or 7 (7 is the default)", opt_set_u64,                  \
	  .off = (off_) + offsetof(struct dest_args, file_version) },                              \
	{ 0, "compression", "NAME", "any, none (default), zlib or zstd: pack the file at the end", \
	  tdat_opt_compression, .off = (off_) + offsetof(struct dest_args, compression) }
/* clang-format on */

/* Does it go to somebody else, and not into a file? */
bool dest_args_away(const struct dest_args *a);

/* What they say together, all options being read. -EINVAL: a usage error. */
int dest_args_check(struct dest_args *a, struct err *e);

/* The destination. @peer: our version text, borrowed until it is freed. NULL on error. */
struct dest *dest_args_make(const struct dest_args *a, const char *peer, struct err *e);

#endif
