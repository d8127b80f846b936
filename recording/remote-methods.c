// SPDX-License-Identifier: GPL-2.0
/*
 * remote-methods.c - by which method a guest's clock is compared with ours
 *
 * Theory of operation
 *
 * "kvm" and "ptp_kvm" are not on the list: they cost no conversation, and are compared with what
 * the one that was chosen says (recording/remote-time.c).
 *
 * We offer, and the agent chooses. Ours take "probe", which needs no more than the control channel.
 * Released agents know "ptp", which needs a connection of its own, so that there is none over
 * virtio-serial.
 */
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recording/remote_local.h"
#include "timesync/clock.h"
#include "timesync/kvm-track.h"
#include "timesync/ptp.h"

#define CONNECT_WAIT (3 * NSEC_PER_SEC)

static bool can_probe(const struct remote_guest *g)
{
	return ts_clock_can(g->all->o.clock);
}

static bool can_ptp(const struct remote_guest *g)
{
	return !g->way.leased;
}

static const struct {
	const char *name;
	bool (*can)(const struct remote_guest *g);
} methods[] = {
	{ AGENT_PROBE, can_probe },
	{ TS_PTP_NAME, can_ptp },
};

static bool wanted(const struct remote_guest *g)
{
	return g->all->o.wishes->interval_ms >= 0;
}

void remote_offer_methods(const struct remote_guest *g, struct agent_req *req)
{
	for (size_t i = 0; wanted(g) && i < ARRAY_SIZE(methods); i++)
		if (methods[i].can(g))
			req->protos[req->nprotos++] = methods[i].name;
}

static bool was_offered(const struct remote_guest *g, const char *name)
{
	for (size_t i = 0; wanted(g) && i < ARRAY_SIZE(methods); i++)
		if (!strcmp(methods[i].name, name))
			return methods[i].can(g);
	return false;
}

int remote_begin_sync(struct remote_guest *g, const struct agent_resp *resp,
		      void (*done)(void *ctx), struct err *e)
{
	const struct remotes_opts *all = &g->all->o;
	struct remote_time_opts about = { .clock = all->clock,
					  .cpus = resp->cpus,
					  .qemu = g->qemu,
					  .guest = g->way.name,
					  .ptp = !strcmp(resp->proto, TS_PTP_NAME),
					  .debugfs = ts_kvm_root() };
	struct remote_sync_opts o = { .loop = g->all->loop,
				      .link = g->link,
				      .ptp = -1,
				      .host = all->trace_id,
				      .guest = resp->trace_id,
				      .clock = all->clock,
				      .cpus = resp->cpus,
				      .interval_ns =
					      (uint64_t)all->wishes->interval_ms * NSEC_PER_MSEC,
				      .done = done,
				      .ctx = g };

	if (!resp->proto[0])
		return 0;
	if (!was_offered(g, resp->proto))
		return err_say(e, EPROTO, "chose time sync by '%s', which was not offered",
			       resp->proto);
	if (about.ptp) {
		o.ptp = net_connect_beside(g->way.kind, g->way.ctl, resp->sync_port, CONNECT_WAIT,
					   e);
		if (o.ptp < 0)
			return o.ptp;
	}
	o.time = g->time = remote_time_new(&about, e);
	g->sync = g->time ? remote_sync_new(&o, e) : NULL;
	if (g->sync)
		return 0;
	cleanup_fd(&o.ptp);
	return -EIO;
}
