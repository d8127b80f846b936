/* SPDX-License-Identifier: GPL-2.0 */
/*
 * remote.h - guests that are recorded together with this machine, through their agents
 *
 * Theory: see remote.c. All functions are for one thread, the recording's; the work is done in
 * another one.
 */
#ifndef RECORDING_REMOTE_H
#define RECORDING_REMOTE_H

#include "recording/remote-opts.h"
#include "session/totals.h"
#include "base/io.h"

struct remotes;

struct remotes_opts {
	const struct remote_wishes *wishes; /* borrowed, as all here */
	const char *output;		    /* the host's file; the guests' stand beside it */
	int version;			    /* of the files */
	const char *compression;	    /* as of tdat_compression_for() */
	const char *clock;		    /* of all recordings */
	uint64_t trace_id;		    /* of the host's file */
	const char *dir;		    /* virt-server's */
	const char *peer;		    /* our version text */
	uint64_t patience_ns; /* for what an agent has to say next; 0 = as long as that may take */
	/* What the user should know at once; from any thread. */
	void *ctx;
	void (*left_out)(void *ctx, const struct err *why);
	void (*note)(void *ctx, const char *guest, const char *text);
};

struct remotes *remotes_new(const struct remotes_opts *o, struct err *e); /* NULL on error */
/* What was not ended leaves nothing, neither here nor in the guests. NULL is fine. */
void remotes_free(struct remotes *r);

/*
 * See that there are all the guests. An error names the guest. Those that are busy are left out, as
 * long as one is not.
 */
int remotes_reach(struct remotes *r, struct err *e);
/*
 * Before remotes_ask(): option records that each guest's file is to have, too, if its times can be
 * compared with ours. Owned by @r.
 */
struct buf *remotes_times(struct remotes *r);
/* Then ask their agents to record. */
int remotes_ask(struct remotes *r, struct err *e);

/* Readable when remotes_look() has news. */
int remotes_fd(const struct remotes *r);
/*
 * -EAGAIN: not yet. After remotes_ask(): 0 when all record; or why one does not. After
 * remotes_end(): 0 when all is saved.
 */
int remotes_look(struct remotes *r, struct err *e);
pid_t remotes_tid(const struct remotes *r); /* after remotes_ask(): the thread, to hide it */

/* This machine records no more: the clocks are compared a last time, and the guests end. Once is
 * enough: a second call does nothing. */
void remotes_end(struct remotes *r);
/* Do not wait for the guests any longer: save what came. */
void remotes_hurry(struct remotes *r);

/* After remotes_end(): the option records of the host's file, appended to @to. */
int remotes_put(struct remotes *r, struct buf *to, struct err *e);

struct remote_result {
	const char *name;
	const char *path; /* of its file, NULL = there is none */
	enum exit_status status;
	const struct totals *totals; /* NULL = nothing was recorded */
	const struct err *err;	     /* .code 0, or what went wrong */
};

size_t remotes_count(const struct remotes *r);
/* When all is saved. Views are valid until remotes_free(). */
void remotes_result(const struct remotes *r, size_t i, struct remote_result *to);

#endif
