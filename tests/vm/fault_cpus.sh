#!/bin/bash
# CPUs that come and go while the guest records: no hang, every event is in the file or told as lost.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"
. "$(dirname "${BASH_SOURCE[0]}")/fault_common.bash"

N=20000
CPU1=/sys/devices/system/cpu/cpu1/online

# The recording JOB of N writes on CPU 1 is ended by Ctrl-C, and whole. $1: what it is.
ends_whole() {
	vm_signal g1 "$JOB" INT
	record_end g1
	assert_eq 0 "$RC" "$1: status 0"
	new_file g1
	assert_eq $N "$(writes "$FILE")" "$1: every event is in the file"
	check_file "$FILE" "$1"
}

server_start
guest_boot g1 2 --append maxcpus=1
wait_for 20 connected g1 || t_fail "the guest does not connect"
vm_run g1 "echo '$LOAD' >/tmp/load"
assert_eq 0 "$(vm_run g1 'cat /sys/devices/system/cpu/online')" "CPU 1 was never online"

t_begin "a CPU that was never online comes while the guest records"
record_start g1 "$WRITES"
# In ticks of 10 ms. A CPU without a ring answers poll(2) at once, again and again.
used=$(vm_run g1 'pid=$(pidof trace-cmd); s() { awk "{ print \$14 + \$15 }" /proc/$pid/stat; }
	a=$(s); sleep 2; echo $(($(s) - a))')
[ "$used" -lt 100 ] && t_ok "a new CPU: the client waits for it quietly, $used of 200 ticks" ||
	t_fail "a new CPU: the client turns in circles, $used of 200 ticks"
vm_run g1 "echo 1 >$CPU1; taskset 2 $DD count=$N" >/dev/null
ends_whole "a new CPU"
tracefs_remember g1

t_begin "a recording on a guest whose CPU 1 is offline throughout"
vm_run g1 "echo 0 >$CPU1"
is_whole g1 $N "a CPU less"

t_begin "CPU 1 is offline at the beginning and comes while the guest records"
record_start g1 "$WRITES"
vm_run g1 "echo 1 >$CPU1; taskset 2 $DD count=$N" >/dev/null
ends_whole "a CPU more"

t_begin "CPU 1 goes offline under load and comes back"
record_start g1 "$WRITES sh -c 'sh /tmp/load & sh /tmp/load & wait'"
vm_run g1 "sleep 0.3; echo 0 >$CPU1"
vm_run g1 "$DD count=1000; cat /sys/devices/system/cpu/online" >"$T_DIR/online" 2>&1
vm_run g1 "echo 1 >$CPU1; sleep 0.3; touch /tmp/stop"
assert_eq 0 "$(tail -n 1 "$T_DIR/online")" "a CPU that goes: it was offline"
record_end g1
new_file g1
got=$(writes "$FILE")
assert_eq $(($(calls "$REPLY") + 1000)) $((got + $(lost "$REPLY" ring))) \
	"a CPU that goes: events in the file ($got) and lost in the ring are the calls"
assert_eq "0 0 0" "$(lost "$REPLY" transport) $(lost "$REPLY" quota) $(lost "$REPLY" disk)" \
	"a CPU that goes: nothing was lost behind the ring"
check_file "$FILE" "a CPU that goes"
tracefs_same g1 "a CPU that goes: tracefs is as it was"
