/* SPDX-License-Identifier: GPL-2.0 */
/*
 * session.h - one guest being recorded, on the host
 *
 * Theory: see session.c. A session owns what one recording needs (descriptors of its data channels,
 * part files, budgets, counts). It is fed by its owner: control bytes, readiness of channels, time.
 *
 *   hello -> ready -> recording -> draining -> closed
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "base/log.h"
#include "base/loop.h"

/* What a guest may use. 0 = the default. */
struct session_limits {
	uint32_t cpus;	      /* most CPUs, default 256 */
	uint64_t meta_bytes;  /* most metadata, default 64 MiB */
	uint64_t disk_bytes;  /* most trace data of one recording; 0 = no limit: quota losses are counted */
	uint64_t rate;	      /* most bytes a second, 0 = no limit */
	uint64_t hello_ns;    /* time for TINIT after TCONNECT, and between pieces of metadata: 5 s */
	uint64_t drain_ns;    /* time for the last bytes after CLOSE, default 10 s */
};

#endif
