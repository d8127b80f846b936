/* SPDX-License-Identifier: GPL-2.0 */
/*
 * broker.h - how a command on the host gets at the guests that virt-server holds
 *
 * virt-server listens on <dir>/broker (unix stream, mode 0600; the peer must be root or the
 * server's user, whatever the mode says). One line is asked, and answered: "guests\n"      a line a
 * guest, "NAME TAB STATE TAB VERSION TAB FILE"; then the end of the stream "lease NAME\n"  "ok CPUS
 * VERSION\n" and, with its first byte (SCM_RIGHTS), the control channel and the data channel of
 * each CPU from 0 on; or "error TEXT\n" A lease lasts as long as its connection. Meanwhile the
 * server does not touch the channels; when it ends it tells the agent CLOSE and throws away what is
 * left in them.
 */
#ifndef GUESTS_BROKER_H
#define GUESTS_BROKER_H

#include "guests/layout.h"

#define BROKER_NAME "broker"

/* One message of SCM_RIGHTS takes 253 descriptors. */
enum { BROKER_CPUS_MAX = 252, BROKER_LINE_MAX = 1024 };

struct broker_guest {
	char name[GUESTS_NAME_MAX + 1];
	bool connected;		    /* a control connection is there */
	char state[32];		    /* "idle", "agent", "leased", "recording" ... */
	char version[128];	    /* of the agent, or of the recording client; "" = none */
	char file[GUESTS_PATH_MAX]; /* being written; "" = none */
};

/* All guests of the server of @dir: owned array (free()). -ENOTCONN: no server runs there. */
int broker_guests(const char *dir, struct broker_guest **to, size_t *n, struct err *e);

struct broker_lease {
	int fd;	 /* holds the lease; readable at its end: the server or the guest is gone */
	int ctl; /* non-blocking */
	int data[BROKER_CPUS_MAX];
	uint32_t cpus;	   /* data channels */
	char version[128]; /* of the agent */
};

/* -ENOENT no such guest; -ENOTCONN no agent answers there; -EBUSY it records. All fds are owned. */
int broker_lease(const char *dir, const char *guest, struct broker_lease *to, struct err *e);
void broker_end(struct broker_lease *l); /* closes everything */

#endif
