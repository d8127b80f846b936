/* SPDX-License-Identifier: GPL-2.0 */
/* net-name.h - the name of a peer, looked up beside the loop */
#ifndef TRANSPORT_NET_NAME_H
#define TRANSPORT_NET_NAME_H

#include "base/loop.h"
#include "transport/net.h"

struct net_names;
struct net_name;

/* At most @most lookups at a time; NULL on error. A free leaves those that still run alone. */
struct net_names *net_names_new(unsigned int most, struct err *e);
void net_names_free(struct net_names *names); /* NULL is fine */

/*
 * Look up the name of @a and call @done once, from the loop: with the name, or with NULL when there
 * is none, the answer takes longer than @wait_ns, or too many are being looked up. @name is
 * whatever a name server says: hostile. The result belongs to the caller, who frees it in @done or
 * before. NULL on error.
 */
struct net_name *net_name_begin(struct net_names *names, struct loop *l, const struct net_addr *a,
				uint64_t wait_ns, void (*done)(void *ctx, const char *name),
				void *ctx, struct err *e);
void net_name_free(struct net_name *n); /* at any time: @done is not called then; NULL is fine */

#endif
