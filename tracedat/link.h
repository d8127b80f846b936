/* SPDX-License-Identifier: GPL-2.0 */
/* link.h - names by which the files of a host's recording and those of its guests find each other
 */
#ifndef TRACEDAT_LINK_H
#define TRACEDAT_LINK_H

/*
 * "trace.dat" and "web1": "trace-web1.dat", where record -A writes it. Owned by the caller; NULL
 * without memory.
 */
char *link_guest_path(const char *host, const char *guest);

/*
 * How a guest's clock was measured stands in a CPUSTAT option of its file: this, then
 * "method probe; offset ...".
 */
#define LINK_CLOCK "Clock: "

#endif
