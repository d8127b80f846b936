/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dialect.h - the same eight messages in the words of three generations
 *
 * Sessions and recordings speak struct msg, whatever the peer's age. A dialect puts one into bytes
 * and takes one out of bytes:
 *   V1  (legacy text, 2010)    TINIT is three and more decimal texts, RINIT a list of ports;
 *                              metadata are bare bytes that the end of the connection ends; there
 *                              is no FINMETA, no CLOSE and no ERROR
 *   V2  (eight commands, 2015) trace-msg.h
 *   V3  (released, 2019)       wire/msg3.h; SEND_DATA, FIN_DATA and NOT_SUPP are SENDMETA, FINMETA
 *                              and ERROR
 * Byte by byte: Documentation/PROTOCOL.txt. Which generation a connection speaks is found by
 * wire/hello.h.
 */
#ifndef WIRE_DIALECT_H
#define WIRE_DIALECT_H

#include "trace-msg.h"

enum wire_gen { WIRE_V1 = 1, WIRE_V2 = 2, WIRE_V3 = 3 };

const char *wire_gen_name(enum wire_gen g); /* "V1 (legacy text)" ... */

/*
 * As msg_decode(): 0, -EAGAIN with @in untouched, or -EPROTO. @state is one of the server's states
 * from MSG_S_GREETED on, or MSG_C_INIT, MSG_C_RUNNING. V1 in MSG_S_META and after it: all bytes
 * that are there are one MSG_SENDMETA of at most MSG_META_MAX.
 */
int wire_decode(enum wire_gen g, struct rcur *in, enum msg_state state, struct msg *m,
		struct err *e);

/*
 * As msg_encode(). What a generation has no words for (FINMETA in V1, our extension in V1 ...)
 * appends nothing and is 0; what it cannot carry at all (vsock data ports before V3) is -EINVAL.
 */
int wire_encode(enum wire_gen g, struct wcur *out, const struct msg *m);

#endif
