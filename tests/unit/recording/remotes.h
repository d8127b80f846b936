/* SPDX-License-Identifier: GPL-2.0 */
/* remotes.h - what the tests of recording/remote.h share: an owner who hears nothing, and a wait */
#ifndef TESTS_UNIT_RECORDING_REMOTES_H
#define TESTS_UNIT_RECORDING_REMOTES_H

#include <errno.h>
#include <poll.h>

#include "base/io.h"
#include "recording/remote.h"

enum { END_S = 20 }; /* nothing here takes so long */

static inline void note_nothing(void *ctx, const char *guest, const char *text)
{
	(void)ctx, (void)guest, (void)text;
}

/* What remotes_look() says at last; -EAGAIN: nothing in END_S. */
static inline int wait_for(struct remotes *r, struct err *e)
{
	uint64_t until = now_ns() + END_S * NSEC_PER_SEC;
	struct pollfd p = { .fd = remotes_fd(r), .events = POLLIN };
	int ret = -EAGAIN;

	while (ret == -EAGAIN && now_ns() < until)
		if (poll(&p, 1, 1000) == 1)
			ret = remotes_look(r, e);
	return ret;
}

#endif
