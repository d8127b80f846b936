#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016  # $ of the guest's shell
# record_vsock.sh - record -V to listen -V, over the vsock loopback of one guest
set -euo pipefail
# shellcheck source=tests/vm/trace.sh
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

t_begin "over vsock, every event of the table is in the listener's file"
vm_boot g1 --cpus 2 --overlay "$(overlay)"
vm_run g1 'modprobe vsock_loopback 2>/dev/null; [ -e /dev/vsock ]' || t_skip "this guest kernel has no vsock"
vm_run g1 'cd /tmp; trace-cmd listen -V -p 1234 -d /tmp --once >said 2>&1 & sleep 1'
out=$(vm_run g1 'cd /tmp; trace-cmd record -V 1:1234 -e sched -B more -e raw_syscalls ls -l /bin 2>&1')
told=$(awk '$1 == "all" { print $2 }' <<<"$out")
vm_run g1 'i=0; while [ $i -lt 50 ] && ! ls /tmp/*.dat; do sleep 0.1; i=$((i + 1)); done' >/dev/null
printed=$(vm_run g1 'trace-cmd report /tmp/*.dat 2>/dev/null | grep -c " \[[0-9]*\] "') || true
assert_eq "$told" "$printed" "the events of the table and of the report"
if [ "${told:-0}" -gt 0 ]; then
	t_ok "there were events"
else
	t_fail "there were events" "$out"
fi

t_begin "an agent on vsock, asked by its CID alone"
vm_run g1 'cd /tmp; rm -f *.dat; trace-cmd agent -p -D -l agent.log' >/dev/null
out=$(vm_run g1 'cd /tmp; trace-cmd record -o h.dat -B host -e sched:sched_process_exec \
	-A @1 --name me -B guest -e syscalls:sys_enter_getuid id 2>&1; echo "status $?"')
assert_contains "$out" "status 0" "it is recorded"
assert_contains "$(vm_run g1 'trace-cmd report /tmp/h.dat')" "sys_enter_getuid" "both files are one timeline"
assert_contains "$(vm_run g1 'trace-cmd report /tmp/h.dat | head -n 5')" "me: clock: method probe" "its clock was compared"
out=$(vm_run g1 'trace-cmd record -e sched -A @1x true 2>&1; echo "status $?"')
assert_contains "$out" "no CID" "a CID that is none is named"
