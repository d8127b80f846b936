/* SPDX-License-Identifier: GPL-2.0 */
/*
 * broker.h - how a command on the host gets at the guests that virt-server holds
 *
 * virt-server listens on <dir>/broker (unix stream, mode 0600; the peer must be root or the
 * server's user, whatever the mode says). One line is asked, and answered:
 *
 *   guests\n        ok N\n, and N lines NAME TAB STATE TAB VERSION TAB FILE TAB PID\n
 *   lease NAME\n    ok CPUS VERSION\n and, with its first byte (SCM_RIGHTS), the control channel
 *                   and the data channel of each CPU from 0 on
 *   ports NAME\n    the same, for a guest whose agent knows only start and stop (virtio-trace);
 *                   without a control connection only the data channels
 *   in any case     or error ERRNO TEXT\n
 *
 * "guests" lends nothing. A lease lasts as long as its connection. Meanwhile the server does not
 * touch the channels; when it ends, the server tells the agent CLOSE and throws away what is left
 * in them; one that was lent by "ports" gets the order to stop too. A guest whose agent still ends
 * its last recording is waited for, some seconds.
 */
#ifndef GUESTS_BROKER_H
#define GUESTS_BROKER_H

#include <sys/types.h>
#include "guests/layout.h"

#define BROKER_NAME "broker"

/* One message of SCM_RIGHTS takes 253 descriptors. */
enum { BROKER_CPUS_MAX = 252, BROKER_LINE_MAX = 1024 };

/* STATE; or, while record --virt runs in the guest, the session's state: "recording"... */
#define BROKER_AWAY	"away"	    /* no control connection */
#define BROKER_NO_AGENT "connected" /* and no agent spoke there */
#define BROKER_IDLE	"agent"
#define BROKER_BUSY	"agent busy"   /* it ends a recording, or is another's */
#define BROKER_SILENT	"agent silent" /* it was heard, but not of late */
#define BROKER_LENT	"lent"	       /* to PID */
#define BROKER_PORTS	"lent ports"   /* to PID, for virtio-trace */

struct broker_guest {
	char name[GUESTS_NAME_MAX + 1];
	char state[32];
	char version[128];	    /* of the agent; "" = none */
	char file[GUESTS_PATH_MAX]; /* being written by the server; "" = none */
	pid_t pid;		    /* of the command that has its channels; 0 = none */
};

/*
 * All guests of the server of @dir: owned array (free()), NULL on error. -ENOTCONN: no server runs
 * there; -EACCES, -EPERM: it is not for us; -EPROTO: it answered nonsense.
 */
int broker_guests(const char *dir, struct broker_guest **to, size_t *n, struct err *e);

struct broker_lease {
	int fd;	 /* holds the lease; readable at its end: the server or the guest is gone */
	int ctl; /* non-blocking, as .data */
	int data[BROKER_CPUS_MAX];
	uint32_t cpus;	   /* data channels */
	char version[128]; /* of the agent */
};

/*
 * -ENOENT no such guest; -ENOTCONN no agent answers there; -EBUSY it records; -ENXIO it has no data
 * channels; -ENOTCONN and the others as above. All fds are owned.
 */
int broker_lease(const char *dir, const char *guest, struct broker_lease *to, struct err *e);
/*
 * The channels of a guest in which no agent of ours speaks, to be ordered about with "1\n" and
 * "0\n". .ctl -1: its control channel is not a socket of the server. -EBUSY also: an agent of ours
 * is there.
 */
int broker_ports(const char *dir, const char *guest, struct broker_lease *to, struct err *e);
void broker_end(struct broker_lease *l); /* closes everything */

#endif
