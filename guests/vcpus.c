// SPDX-License-Identifier: GPL-2.0
/*
 * vcpus.c - which threads of this host are a guest's vCPUs
 *
 * Theory of operation
 *
 * QEMU names its threads: "CPU 3/KVM", "CPU 3/TCG". Its number is the guest's number of the CPU, as
 * long as none was plugged in or out. An emulation with one thread for all has "ALL CPUs/TCG".
 */
#include "guests/vcpus.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "guests/peer.h"

enum { COMM_MAX = 64, ALL_CPUS = -2 };

static pid_t find(const char *name, uint32_t cid)
{
	struct guest_proc *procs = NULL;
	pid_t pid = 0;
	size_t n;

	if (guest_procs(&procs, &n, NULL))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (name ? !strcmp(procs[i].name, name) : procs[i].cid == cid)
			pid = procs[i].pid;
	free(procs);
	return pid;
}

pid_t guest_pid(const char *name)
{
	return find(name, 0);
}

pid_t guest_pid_of_cid(uint32_t cid)
{
	return cid ? find(NULL, cid) : 0;
}

/* "CPU 3/KVM\n": 3; "ALL CPUs/TCG\n": ALL_CPUS; another thread: -1. */
static int64_t vcpu_of(int task, const char *tid)
{
	char path[COMM_MAX], *slash;
	struct buf comm = { 0 };
	int64_t is = -1;
	uint64_t cpu;

	if (!path_fmt(path, sizeof(path), NULL, "%s/comm", tid) &&
	    !read_file_at(task, path, &comm, COMM_MAX, NULL) && !buf_text(&comm)) {
		slash = strchr((char *)comm.data, '/');
		if (slash && !strncmp((char *)comm.data, "CPU ", 4)) {
			*slash = '\0';
			if (!parse_u64((char *)comm.data + 4, 0, INT32_MAX, &cpu, path, NULL))
				is = (int64_t)cpu;
		} else if (!strncmp((char *)comm.data, "ALL CPUs/", 9)) {
			is = ALL_CPUS;
		}
	}
	buf_free(&comm);
	return is;
}

void guest_vcpu_threads(pid_t pid, int32_t *tid, uint32_t n)
{
	char path[COMM_MAX];
	struct dirent *ent;
	uint64_t id;

	for (uint32_t i = 0; i < n; i++)
		tid[i] = -1;
	if (!pid || path_fmt(path, sizeof(path), NULL, "/proc/%d/task", (int)pid))
		return;
	AUTO_DIR d = opendir(path);

	while (d && (ent = readdir(d))) {
		int64_t cpu = vcpu_of(dirfd(d), ent->d_name);

		if (cpu == -1 || cpu >= n || parse_u64(ent->d_name, 1, INT32_MAX, &id, path, NULL))
			continue;
		if (cpu >= 0)
			tid[cpu] = (int32_t)id;
		for (uint32_t i = 0; cpu == ALL_CPUS && i < n; i++)
			tid[i] = (int32_t)id;
	}
}
