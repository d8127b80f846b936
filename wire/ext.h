/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ext.h - our extension (struct msg_ext) as a text among V3's texts
 *
 *	tcx=<features, hex>,<stream id, hex>,<version text>
 */
#ifndef WIRE_EXT_H
#define WIRE_EXT_H

#include "trace-msg.h"

bool ext_is(const char *text);

/* @text is one; .peer is borrowed from it. -EPROTO: malformed, or @x has one already. */
int ext_get(const char *text, struct msg_ext *x, struct err *e);

/* Append it with its NUL; @stream_id 0 from the one who answers. */
void ext_put(struct wcur *to, const struct msg_ext *x, uint64_t stream_id);

/* Is @peer, "trace-cmd 0.1.0 Linux ...", of our own version? What stands behind does not count. */
bool ext_same_version(const char *peer);

#endif
