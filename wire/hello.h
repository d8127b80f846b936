/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hello.h - the first bytes of a network connection: which generation is spoken?
 *
 * Two state machines without I/O, fed with what came and emptied of what is to be sent. Every text
 * may be split anywhere; each of our replies is to be sent with one write, because peers parse them
 * from one read. Sequences: Documentation/PROTOCOL.txt, "Greeting".
 */
#ifndef WIRE_HELLO_H
#define WIRE_HELLO_H

#include "wire/dialect.h"

enum { HELLO_OUT_MAX = 64 }; /* room for all that one step may send */

enum hello_result {
	HELLO_MORE, /* send what is in @out, then wait for bytes */
	HELLO_DONE, /* send what is in @out; .gen is agreed on; what is left in @in is its dialect's
		     */
	HELLO_AGAIN, /* client: close, connect anew, hello_client_begin() with .next: V2, or V1 */
};

/* --- server: everybody is answered in his own words --- */

struct hello_server {
	enum wire_gen gen;  /* valid with HELLO_DONE */
	enum wire_gen most; /* private, as all below */
	unsigned int step;
	enum wire_gen asked;
	char unknown[16]; /* a version that we do not speak, for "twice the same" */
	unsigned int asks;
};

/* @most: WIRE_V3, or less to pretend to be an older server (--protocol). */
void hello_server_begin(struct hello_server *h, enum wire_gen most);

/* The 8 bytes "tracecmd", at once on accept. */
void hello_server_greet(struct wcur *out);

/*
 * Takes from @in what belongs to the greeting. enum hello_result (never HELLO_AGAIN), or -EPROTO:
 * the connection is to be closed, nothing is sent. V1 is known by its CPU count, which stays in
 * @in.
 */
int hello_server_step(struct hello_server *h, struct rcur *in, struct wcur *out, struct err *e);

/* --- client: the newest first, and down to what the server answers --- */

struct hello_client {
	enum wire_gen gen;  /* valid with HELLO_DONE */
	enum wire_gen next; /* valid with HELLO_AGAIN: what to begin the next connection with */
	enum wire_gen most, least; /* private, as all below */
	unsigned int step;
};

/*
 * @most: what to try first; @least: WIRE_V1, or = @most where --protocol pins it. After
 * HELLO_AGAIN on a new connection: begin with most = h->next.
 */
void hello_client_begin(struct hello_client *h, enum wire_gen most, enum wire_gen least);

/*
 * @eof: the server has closed (it does not know the version text). enum hello_result, or -EPROTO:
 * what answered is no trace-cmd listener, or one that speaks less than @least.
 */
int hello_client_step(struct hello_client *h, struct rcur *in, bool eof, struct wcur *out,
		      struct err *e);

#endif
