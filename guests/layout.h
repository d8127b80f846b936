/* SPDX-License-Identifier: GPL-2.0 */
/*
 * layout.h - the directory on the host where guests' channels live
 *
 *   <dir>/agent-ctl-path                       unix socket, all domains (virt-server listens)
 *   <dir>/<domain>/agent-ctl-path              unix socket of one domain (virt-server listens)
 *   <dir>/<domain>/trace-path-cpu<N>.{in,out}  FIFO pair of one vCPU (QEMU's pipe chardev)
 *   <dir>/<domain>/trace-path-cpu<N>           or: unix socket (virt-server listens)
 *   <dir>/<domain>/channels                    what setup-guest made: see guests_channels_read()
 *
 * Stock's layout has the FIFOs <dir>/<guest>/trace-pipe-cpu<N>.{in,out}; it is found by looking.
 */
#ifndef GUESTS_LAYOUT_H
#define GUESTS_LAYOUT_H

#include <sys/types.h>
#include "base/err.h"

#define GUESTS_DIR_DEFAULT "/tmp/trace-cmd/virt"
#define GUESTS_DIR_STOCK   "/var/lib/trace-cmd/virt"
#define GUESTS_DIR_ENV	   "TRACE_CMD_VIRT_DIR"
#define GUESTS_CTL_NAME	   "agent-ctl-path"

enum { GUESTS_NAME_MAX = 64, GUESTS_PATH_MAX = 512, GUESTS_CPUS_MAX = 256 };

/* --dir if not NULL, else the environment, else the default. Borrowed. */
const char *guests_dir(const char *option);

/*
 * A domain's name becomes a path and a file name: 1..GUESTS_NAME_MAX letters, digits and - _ . + @
 * : and no dot first. -EINVAL with the reason.
 */
int guests_name_check(const char *name, struct err *e);

/*
 * Refuse a directory that somebody else could have laid: owner must be us or root; not writable by
 * others (the sticky bit does not help), not by group unless @group_ok; no symlink in the last
 * part; and each parent must be root's, ours or sticky. -EPERM with the reason and what to type;
 * -ENOENT.
 */
int guests_dir_check(const char *path, bool group_ok, struct err *e);

/* Make <dir> (0755, parents too) if absent, then check it. */
int guests_dir_make(const char *path, struct err *e);

enum guest_chan_kind { GUEST_CHAN_FIFO, GUEST_CHAN_SOCKET };

struct guest_chan {
	unsigned int cpu;
	enum guest_chan_kind kind;
	char path[GUESTS_PATH_MAX]; /* FIFO: with .out */
};

/*
 * The data channels of a domain as they lie there now, ascending by CPU, the first gap ends the
 * list. A CPU without FIFO counts as a socket channel only if <domain>/trace-path-cpu<N> is a
 * socket. *chans is owned by the caller (free()).
 */
int guests_chans(const char *dir, const char *domain, struct guest_chan **chans, size_t *n,
		 struct err *e);

/* What setup-guest wrote into <dir>/<domain>/channels: "kind fifo|socket", "cpus N". */
struct guests_channels {
	enum guest_chan_kind kind;
	unsigned int cpus; /* 1..GUESTS_CPUS_MAX */
};

/*
 * With kind socket it says how many sockets virt-server must listen on. -ENOENT: there is none
 * (FIFOs that were made by hand); -EINVAL: it is not what setup-guest writes.
 */
int guests_channels_read(const char *dir, const char *domain, struct guests_channels *to,
			 struct err *e);
/* Replaced in one step (rename): a reader sees the old text or the new one. */
int guests_channels_write(const char *dir, const char *domain, const struct guests_channels *c,
			  struct err *e);

/* <dir>/<domain>/trace-path-cpu<cpu>, to which QEMU's pipe chardev adds .in and .out. */
int guests_data_path(const char *dir, const char *domain, unsigned int cpu, char *path, size_t size,
		     struct err *e);

/* The domain directories in @dir, sorted: a NULL-terminated list; free with guests_names_free(). */
int guests_domains(const char *dir, char ***names, struct err *e);
void guests_names_free(char **names);

#endif
