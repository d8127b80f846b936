/* SPDX-License-Identifier: GPL-2.0 */
/* page-format.h - the numbers of the ring buffer's pages, for what reads and what builds them */
#ifndef TRACEDAT_PAGE_FORMAT_H
#define TRACEDAT_PAGE_FORMAT_H

#define COMMIT_VALID  0x07ffffffU
#define COMMIT_STORED (1U << 30) /* the number of lost events is behind the data */
#define COMMIT_LOST   (1U << 31)

#define DELTA_BITS 27
#define DELTA_MAX  ((1U << DELTA_BITS) - 1)
#define STAMP_BITS 59
#define TOP_BITS   (~0ULL << STAMP_BITS)

enum record_type {
	REC_LONG = 0, /* data, length in the next word */
	REC_SHORT_MAX = 28,
	REC_PADDING = 29,
	REC_TIME_EXTEND = 30,
	REC_TIME_STAMP = 31,
};

#endif
