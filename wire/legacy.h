/* SPDX-License-Identifier: GPL-2.0 */
/*
 * legacy.h - V1 (2010): the texts with which a network recording begins
 *
 * For wire/dialect.h, which has the contracts: legacy_decode() is wire_decode() and legacy_encode()
 * is wire_encode() for WIRE_V1.
 */
#ifndef WIRE_LEGACY_H
#define WIRE_LEGACY_H

#include "trace-msg.h"

int legacy_decode(struct rcur *in, enum msg_state state, struct msg *m, struct err *e);
int legacy_encode(struct wcur *out, const struct msg *m);

#endif
