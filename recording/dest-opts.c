// SPDX-License-Identifier: GPL-2.0
/*
 * dest-opts.c - the options that say where a recording goes
 *
 * Theory of operation
 *
 * A trace goes to one place: a file here, the host of a guest, or a listener. What is said of a
 * file (-o, --temp, --compression) is an error where there is none here, with the option there that
 * does it; --file-version is also the version of the metadata that a listener gets.
 */
#include "recording/dest-opts.h"

#include <errno.h>

bool dest_args_away(const struct dest_args *a)
{
	return a->virt || a->net || a->vsock;
}

static int check_alone(const struct dest_args *a, struct err *e)
{
	if (a->tcp)
		return err_usage(e, "-N HOST:PORT -t", "-t is for -N, which is missing");
	if (a->protocol)
		return err_usage(e, "-N HOST:PORT --protocol 3",
				 "--protocol is for -N, which is missing");
	return 0;
}

/* -N, -V and what goes with them. */
static int check_net(struct dest_args *a, struct err *e)
{
	if (a->virt || (a->net && a->vsock))
		return err_usage(e, "one of -N, -V and --virt", "a trace goes to one place");
	if (a->output)
		return err_usage(e, "leave out -o; 'listen -o' and 'listen -d' there say where",
				 "-N and -V write no file here, and -o names one");
	if (a->compression)
		return err_usage(e, "leave it out; 'listen --compression' there does it",
				 "-N and -V write no file here, and --compression is for one");
	if (a->vsock && a->protocol && a->protocol < WIRE_V3)
		return err_usage(e, "leave out --protocol", "vsock is spoken in version 3 only");
	return net_split(a->vsock ? NET_VSOCK : NET_TCP, a->net ? a->net : a->vsock, a->host,
			 &a->port, e);
}

static int check_virt(const struct dest_args *a, struct err *e)
{
	if (a->output)
		return err_usage(e, "leave out -o; 'virt-server -o DIR' on the host says where",
				 "--virt writes no file in the guest, and -o names one");
	if (a->compression)
		return err_usage(
			e, "leave it out; 'virt-server --compression' on the host does it",
			"--virt writes no file in the guest, and --compression is for one");
	return 0;
}

int dest_args_check(struct dest_args *a, struct err *e)
{
	bool net = a->net || a->vsock;
	int ret;

	if (a->protocol > WIRE_V3)
		return err_usage(e, "1, 2 or 3", "there is no such --protocol");
	ret = net ? check_net(a, e) : check_alone(a, e);
	if (!ret && a->virt)
		ret = check_virt(a, e);
	if (!ret && a->temp && dest_args_away(a))
		ret = err_usage(e, "leave out --temp",
				"--temp is for the parts of a file, and no file is written here");
	if (!ret && a->file_version != 6 && a->file_version != 7)
		ret = err_say(e, EINVAL, "--file-version is 6 or 7, not %llu",
			      (unsigned long long)a->file_version);
	return ret ? ret
		   : tdat_compression_for(a->compression, (int)a->file_version, &a->compression, e);
}

struct dest *dest_args_make(const struct dest_args *a, const char *peer, struct err *e)
{
	struct dest_net_opts o = { .kind = a->vsock ? NET_VSOCK
					   : a->tcp ? NET_TCP
						    : NET_UDP,
				   .host = a->host,
				   .port = a->port,
				   .gen = (enum wire_gen)a->protocol,
				   .version = (int)a->file_version,
				   .peer = peer };

	if (a->net || a->vsock)
		return dest_net_new(&o, e);
	if (a->virt)
		return dest_virt_new(peer, e);
	return dest_file_new(a->output ? a->output : "trace.dat", a->temp, (int)a->file_version,
			     a->compression, e);
}
