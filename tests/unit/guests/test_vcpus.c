// SPDX-License-Identifier: GPL-2.0
/* test_vcpus.c - threads of this process that have the names of a QEMU's */
#include "tests/unit/base/rows.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "guests/vcpus.h"

enum { THREADS = 3, CPUS = 3 };

static const struct vcpus_case {
	const char *name;
	const char *comm[THREADS];
	int thread[CPUS]; /* which of them runs the CPU; -1: none */
} cases[] = {
	{ "of KVM", { "CPU 1/KVM", "CPU 0/KVM", "CPU 2/KVM" }, { 1, 0, 2 } },
	{ "of an emulation", { "CPU 0/TCG", "qemu", "call_rcu" }, { 0, -1, -1 } },
	{ "one for all", { "qemu", "ALL CPUs/TCG", "call_rcu" }, { 1, 1, 1 } },
	{ "more than there are CPUs", { "CPU 3/KVM", "CPU 2/KVM", "CPU 9/KVM" }, { -1, -1, 1 } },
	{ "others", { "CPU x/KVM", "CPU 1", "CPUs/TCG" }, { -1, -1, -1 } },
};

struct named {
	const char *comm;
	pthread_t thread;
	pid_t tid;
	pthread_barrier_t *named, *over;
};

static void *has_name(void *arg)
{
	struct named *n = arg;

	prctl(PR_SET_NAME, n->comm);
	n->tid = gettid();
	pthread_barrier_wait(n->named);
	pthread_barrier_wait(n->over);
	return NULL;
}

static void test_threads(void **state)
{
	const struct vcpus_case *t = *state;
	pthread_barrier_t named, over;
	struct named all[THREADS];
	int32_t tid[CPUS];

	pthread_barrier_init(&named, NULL, THREADS + 1);
	pthread_barrier_init(&over, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++) {
		all[i] = (struct named){ .comm = t->comm[i], .named = &named, .over = &over };
		assert_int_equal(pthread_create(&all[i].thread, NULL, has_name, &all[i]), 0);
	}
	pthread_barrier_wait(&named);
	guest_vcpu_threads(getpid(), tid, CPUS);
	pthread_barrier_wait(&over);
	for (int i = 0; i < THREADS; i++)
		pthread_join(all[i].thread, NULL);
	for (int i = 0; i < CPUS; i++)
		assert_int_equal(tid[i], t->thread[i] < 0 ? -1 : all[t->thread[i]].tid);
	pthread_barrier_destroy(&named);
	pthread_barrier_destroy(&over);
}

int main(void)
{
	return RUN_ROWS("threads", cases, test_threads);
}
