/* SPDX-License-Identifier: GPL-2.0 */
/* remote_local.h - what the files recording/remote*.c share */
#ifndef RECORDING_REMOTE_LOCAL_H
#define RECORDING_REMOTE_LOCAL_H

#include <pthread.h>
#include <sys/types.h>
#include "guests/broker.h"
#include "recording/agent-link.h"
#include "recording/remote-sync.h"
#include "recording/remote.h"
#include "session/hub.h"
#include "timesync/now.h"
#include "tracedat/page.h"

/* How to get at an agent: remote-reach.c */
struct remote_way {
	char name[GUESTS_NAME_MAX + 1];
	int ctl;		   /* non-blocking, owned; -1 */
	enum net_kind kind;	   /* of .ctl; NET_NR: virtio-serial, by .lease */
	struct broker_lease lease; /* owned; .ctl of it is in .ctl above */
	bool leased;
};

/* Does a running virt-server have the channels of guest @name? */
bool remote_is_served(const char *dir, const char *name);
/*
 * Borrow its channels from virt-server, or see that it is to be found on a network; then connect.
 * -errno with @e, which may not name the guest; -EBUSY: it is recorded for somebody else.
 * remote_way_end() in any case.
 */
int remote_reach(const char *dir, const struct remote_wish *wish, struct remote_way *to,
		 struct err *e);
int remote_connect(const struct remote_wish *wish, struct remote_way *to, struct err *e);
void remote_way_end(struct remote_way *w);
/* The guest's QEMU here, by its name or its vsock; 0: not known. After remote_connect(). */
pid_t remote_qemu(const struct remote_wish *wish, const struct remote_way *w);

/* The guest's name: --name, or what is typed without what no name can have. */
int remote_name(const struct remote_wish *w, struct remote_way *to, struct err *e);

/*
 * A descriptor for the pages of @cpu, to be owned by the caller; *kind: FIFO for one that has no
 * end. @resp: what the agent said; waits until @deadline (now_ns()) at most.
 */
int remote_data(struct remote_way *w, const struct agent_resp *resp, uint32_t cpu,
		uint64_t deadline, struct err *e);

enum remote_state {
	REMOTE_ASKED,	 /* TRACE_REQ was sent */
	REMOTE_HEARD,	 /* its agent works on it */
	REMOTE_METADATA, /* TRACE_RESP was read */
	REMOTE_FIRST,	 /* it records; the clocks are compared for the first time */
	REMOTE_RUNNING,
	REMOTE_ENDED,	/* the guest ended or died before the host; it is saved with the others */
	REMOTE_LAST,	/* the clocks are compared for the last time */
	REMOTE_CLOSING, /* CLOSE was sent */
	REMOTE_SAVING,
	REMOTE_DONE,
	REMOTE_LEFT_OUT, /* it is somebody else's: it is not recorded */
	REMOTE_NR_STATES,
};

struct remote_vtrace; /* remote-vtrace.c */

struct remote_guest {
	struct run run; /* .session NULL: none yet, or over */
	struct remotes *all;
	const struct remote_wish *wish;
	struct remote_way way;
	enum remote_state state;
	struct agent_link *link;
	struct watch lease; /* its end */
	struct timer patience;
	struct remote_time *time;  /* owned; NULL: the clocks are not compared */
	struct remote_sync *sync;  /* likewise */
	struct page_layout layout; /* of the guest; .data_off 0: not known yet */
	uint64_t asked;		   /* TRACE_REQ was sent, by the clock; 0: no page is looked at */
	uint8_t *seen;		   /* owned: of which CPUs a page was, .cpus of them */
	struct store_place place;
	char file[STORE_NAME_MAX];
	uint64_t trace_id;
	uint32_t cpus;
	int32_t *tids; /* owned: of the vCPUs, .cpus of them */
	pid_t qemu;
	struct chan **chans; /* owned */
	size_t nchans;
	struct msg *closed; /* owned: CLOSE with its totals, when the agent has said all */
	bool metadata_tail; /* the agent's second metadata have begun */
	uint32_t granted;   /* features */
	struct remote_vtrace *vtrace; /* owned; NULL: it has an agent that speaks */
	bool other_clock;	      /* not that of the host */

	/* Result. */
	struct err err; /* .code 0 = none */
	char path[STORE_PATH_MAX];
	struct totals *totals; /* owned */
	enum exit_status status;
};

/* An error then is the whole recording's. */
static inline bool remote_is_starting(const struct remote_guest *g)
{
	return g->state < REMOTE_FIRST;
}

enum remotes_phase {
	PHASE_NEW,
	PHASE_ASKING,
	PHASE_RUNNING,
	PHASE_FAILED,
	PHASE_ENDING,
	PHASE_DONE
};
enum remotes_order { ORDER_NONE, ORDER_END, ORDER_HURRY, ORDER_QUIT };

struct remotes {
	struct remotes_opts o;
	char dir[STORE_PATH_MAX];  /* of the files */
	char stem[STORE_NAME_MAX]; /* the host's file in it */
	struct loop *loop;
	struct hub hub;
	bool hub_open, started;
	struct remote_guest *guests; /* owned */
	size_t n;
	struct ts_rate rate;
	struct buf times;     /* remotes_times() */
	uint32_t mult, shift; /* of the TSC, known when the end has begun; 0 = no TSC clock */
	pthread_t thread;
	_Atomic pid_t tid;
	struct watch wake; /* eventfd, owned: an order */
	int told;	   /* eventfd: news */
	pthread_mutex_t lock;
	/* Under the lock: */
	enum remotes_phase phase;
	enum remotes_order order;
	struct err err; /* with PHASE_FAILED */
};

/* remote-guest.c; all in the thread, but for the first two and the last */
int remote_guest_reach(struct remote_guest *g, struct err *e);
int remote_guest_ask(struct remote_guest *g, struct err *e);
void remote_guest_end(struct remote_guest *g); /* the host's end */
void remote_guest_hurry(struct remote_guest *g);
void remote_guest_free(struct remote_guest *g); /* what was not saved goes away */

/* remote-guest.c, for all kinds of guests: */
void remote_guest_go(struct remote_guest *g, enum remote_state next);
/* It is somebody else's; @why names it. */
void remote_guest_leave_out(struct remote_guest *g, const struct err *why);
/* Say CLOSE: what comes then is the agent's last words. */
void remote_guest_close(struct remote_guest *g);

/* remote-session.c */
/* Nothing is said or heard any more. */
void remote_guest_hang_up(struct remote_guest *g);
/* The guest has left: what is in the channels is taken now, and they go back. */
void remote_guest_let_go(struct remote_guest *g);
void remote_guest_close_chans(struct remote_guest *g);
/* Its part is over before its time. */
void remote_guest_fail(struct remote_guest *g, const struct err *why);
/* All is said: the session has the rest to do. */
void remote_guest_save(struct remote_guest *g);
int remote_guest_session(struct remote_guest *g, struct err *e); /* make .run.session */
int remote_guest_say(struct remote_guest *g, enum msg_type type, const uint8_t *at, size_t n,
		     struct err *e); /* to the session */

/* remote-guest-says.c: what its agent says */
struct agent_link_owner remote_guest_ears(struct remote_guest *g);
/* The user is told if @agent is not of this version. */
void remote_guest_note_version(struct remote_guest *g, const char *agent);

/* remote-methods.c */
void remote_offer_methods(const struct remote_guest *g, struct agent_req *req);
/* g->time and g->sync by the method that the agent chose; NULL if none. @done: a round that was
 * asked for is through; it is called with @g. */
int remote_begin_sync(struct remote_guest *g, const struct agent_resp *resp,
		      void (*done)(void *ctx), struct err *e);

/* remote-guest-time.c: the first bytes of its metadata say what its pages look like. */
void remote_guest_layout(struct remote_guest *g, const uint8_t *head, size_t n);
/* Do its pages say something of its clock? Then each that just came. */
bool remote_guest_wants_pages(const struct remote_guest *g);
void remote_guest_page(struct remote_guest *g, uint32_t cpu, const uint8_t *page);
/* Options of its file: the rate of the clock, and how it is read. */
int remote_guest_put_time(struct remote_guest *g, struct buf *to, struct err *e);
void remote_guest_warn(struct remote_guest *g); /* what of its clock is not as it should be */
void remote_guest_end_time(struct remote_guest *g);

/* remote-vtrace.c: an agent that hears only start and stop; as remote_guest_*() */
int remote_vtrace_reach(struct remote_guest *g, struct err *e);
int remote_vtrace_ask(struct remote_guest *g, struct err *e);
void remote_vtrace_end(struct remote_guest *g);
void remote_vtrace_hush(struct remote_guest *g);  /* as long as there is a channel to say it on */
void remote_vtrace_saved(struct remote_guest *g); /* what is worth a word now? */
void remote_vtrace_free(struct remote_guest *g);

/* remote.c, called by guests: */
void remotes_news(struct remotes *r);
void remotes_failed(struct remotes *r, const struct err *e);
/* @g is busy: without it, if there are others. */
void remotes_left_out(struct remotes *r, const struct remote_guest *g);
void remotes_note(struct remotes *r, const struct remote_guest *g, const char *text);
/* The TSC2NSEC option, where the clock is the TSC. */
int remotes_put_rate(const struct remotes *r, struct buf *to, struct err *e);

#endif
