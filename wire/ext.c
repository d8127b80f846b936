// SPDX-License-Identifier: GPL-2.0
/*
 * ext.c - our extension as a text among V3's texts
 *
 * Theory of operation
 *
 * The two numbers come first, because the version text may have any printable character in it.
 */
#include "wire/ext.h"

#include <errno.h>
#include <inttypes.h>

#include "wire/digits.h"

#define EXT_TAG "tcx="

bool ext_is(const char *text)
{
	return !strncmp(text, EXT_TAG, strlen(EXT_TAG));
}

int ext_get(const char *text, struct msg_ext *x, struct err *e)
{
	uint64_t features;

	if (x->present)
		return err_say(e, EPROTO, "sent the extension (" EXT_TAG ") twice");
	text += strlen(EXT_TAG);
	if (!take_digits(&text, 16, UINT32_MAX, &features) || *text++ != ',' ||
	    !take_digits(&text, 16, UINT64_MAX, &x->stream_id) || *text++ != ',')
		return err_say(e, EPROTO,
			       "sent the extension (" EXT_TAG
			       ") without the two hexadecimal numbers that it begins with");
	x->present = true;
	x->features = (uint32_t)features;
	x->peer = text;
	return msg_check_peer(text, e);
}

void ext_put(struct wcur *to, const struct msg_ext *x, uint64_t stream_id)
{
	char head[48];

	snprintf(head, sizeof(head), EXT_TAG "%" PRIx32 ",%" PRIx64 ",", x->features, stream_id);
	wcur_mem(to, head, strlen(head));
	msg_put_text(to, x->peer, MSG_MAX_PEER);
}

bool ext_same_version(const char *peer)
{
	static const char ours[] = "trace-cmd " VERSION;
	size_t n = sizeof(ours) - 1;

	return !strncmp(peer, ours, n) && (!peer[n] || peer[n] == ' ');
}
