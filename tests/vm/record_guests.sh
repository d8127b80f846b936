#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three guests record at once into one virt-server. One has a control socket of its own, two share the
# socket of the directory, where the server takes their names from QEMU's -name. Every file has its own
# guest's events, all of them, and its name.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

GUESTS="alfa bravo charlie"
declare -A CPUS=([alfa]=1 [bravo]=2 [charlie]=1) COUNT=([alfa]=700 [bravo]=1100 [charlie]=1500)
declare -A JOB=()

recording() {
	grep -q "guest $1: ready -> recording" "$(host_log server)"
}

server_start
for guest in $GUESTS; do
	CTL=
	[ $guest = alfa ] || CTL=$VIRT/agent-ctl-path
	guest_boot $guest "${CPUS[$guest]}"
done
# shellcheck disable=SC2034  # for trace.sh
CTL=

t_begin "who is connected"
for guest in $GUESTS; do
	if wait_for 10 grep -q "guest $guest: connected" "$(host_log server)"; then
		t_ok "$guest is known by its name"
	else
		t_fail "$guest is not connected" "$(cat "$(host_log server)")"
	fi
done

t_begin "all record, none has ended"
for guest in $GUESTS; do
	JOB[$guest]=$(vm_start $guest "trace-cmd record --virt $READS")
done
for guest in $GUESTS; do
	wait_for 30 recording $guest || t_fail "$guest does not record" "$(vm_out $guest "${JOB[$guest]}")"
done
for guest in $GUESTS; do
	assert_ok "the workload runs in $guest" vm_run $guest "$(dd_job "${COUNT[$guest]}")"
done
assert_eq 0 "$(find "$OUT" -name 'trace.*.dat' | wc -l)" "no recording had ended before all workloads had"

t_begin "Ctrl-C in each"
for guest in $GUESTS; do
	vm_signal $guest "${JOB[$guest]}" INT
done
for guest in $GUESTS; do
	rc=0
	vm_wait $guest "${JOB[$guest]}" 30 || rc=$?
	assert_eq 0 $rc "$guest: the recording is whole"
	assert_eq 1 "$(files_of $guest)" "$guest: one file has its name"
	file=$(last_file $guest)
	[ -n "$file" ] || continue
	dd_is "$file" $guest "${COUNT[$guest]}"
	assert_eq "cpus=${CPUS[$guest]}" "$("$TRACE_CMD" report -i "$file" 2>/dev/null | head -n 1)" \
		"$guest: its CPUs"
	check_dat "$file" $guest
done
assert_eq 3 "$(find "$OUT" -name 'trace.*.dat' | wc -l)" "there are three files"
assert_status 0 "virt-server ends with status 0" server_stop
