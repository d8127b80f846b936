// SPDX-License-Identifier: GPL-2.0
/*
 * remote-methods.c - by which method a guest's clock is compared with ours
 *
 * Theory of operation
 *
 * We offer, and the agent chooses. Ours take "probe" wherever both sides can read the clock; it
 * needs no more than the control channel. Released agents know "ptp", which needs a connection of
 * its own, so that there is none over virtio-serial. It is also for clocks that only the tracer can
 * read. What else is known of a clock that can be probed (kvm, ptp_kvm) needs no word of the
 * agent's choice: remote-time.c.
 */
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recording/remote_local.h"
#include "timesync/ptp.h"

#define CONNECT_WAIT (3 * NSEC_PER_SEC)

static bool can_probe(const struct remote_guest *g)
{
	return ts_now_can(g->all->o.clock);
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
	struct remote_sync_ptp ptp = { -1, resp->cpus, g->all->o.trace_id, resp->trace_id };
	int ret;

	if (!resp->proto[0])
		return 0;
	if (!was_offered(g, resp->proto))
		return err_say(e, EPROTO, "chose time sync by '%s', which was not offered",
			       resp->proto);
	if (strcmp(resp->proto, TS_PTP_NAME))
		return remote_guest_begin_time(g, NULL, done, e);
	ptp.fd = net_connect_beside(g->way.kind, g->way.ctl, resp->sync_port, CONNECT_WAIT, e);
	if (ptp.fd < 0)
		return ptp.fd;
	ret = remote_guest_begin_time(g, &ptp, done, e);
	if (ret)
		cleanup_fd(&ptp.fd);
	return ret;
}
