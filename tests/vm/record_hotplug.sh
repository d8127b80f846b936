#!/bin/bash
# A CPU that is plugged in while the guest records is traced from then on; one that leaves keeps its
# data.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"
. "$(dirname "${BASH_SOURCE[0]}")/fault_common.bash"

N=5000
CPU1=/sys/devices/system/cpu/cpu1

server_start
monitor_pair g1
guest_boot g1 2 --qemu -smp --qemu 1,maxcpus=2 "${MONITOR[@]}"
wait_for 20 connected g1 || t_fail "the guest does not connect"
assert_eq 0 "$(vm_run g1 'cat /sys/devices/system/cpu/present')" "there is no CPU 1 yet"
tracefs_remember g1
monitor g1 qmp_capabilities

t_begin "a CPU is plugged in while the guest records"
record_start g1 "$WRITES"
monitor g1 device_add '"driver": "qemu64-x86_64-cpu", "id": "more", "socket-id": 0, "core-id": 1, "thread-id": 0'
wait_for 20 vm_run g1 "test -d $CPU1" || t_bail "the guest does not see the new CPU" "$(cat "$(host_log qmp-g1)")"
vm_run g1 "cat $CPU1/online | grep -q 1 || echo 1 >$CPU1/online; taskset 2 $DD count=$N" >/dev/null
vm_signal g1 "$JOB" INT
record_end g1
assert_eq 0 "$RC" "a new CPU: status 0"
new_file g1
assert_eq $N "$(writes "$FILE")" "a new CPU: every event is in the file"
assert_eq $N "$("$TRACE_CMD" report -i "$FILE" --cpu 1 | grep -c " sys_enter_write:")" "a new CPU: they are CPU 1's"
check_file "$FILE" "a new CPU"

t_begin "a CPU leaves while the guest records"
record_start g1 "$WRITES"
vm_run g1 "taskset 2 $DD count=$N" >/dev/null
# The kernel's part of taking it away; the rest (device_del) QEMU 7.2 does not survive in emulation.
vm_run g1 "echo 0 >$CPU1/online"
vm_run g1 "$DD count=$N" >/dev/null
vm_signal g1 "$JOB" INT
record_end g1
assert_eq 0 "$RC" "a CPU less: status 0"
new_file g1
assert_eq $((2 * N)) "$(writes "$FILE")" "a CPU less: every event is in the file, its own too"
check_file "$FILE" "a CPU less"
tracefs_same g1 "tracefs is as it was"
